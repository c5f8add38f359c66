"""What the whole catalogue gets: which items are shown, how often, and what carries them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hybridrec.arrays import BoolArray, IntArray
from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.report.config import ReportConfig
from hybridrec.report.lists import Lists
from hybridrec.shop import Shop


@dataclass(frozen=True)
class CatalogueReport:
    """How the places of all lists are shared out over the catalogue.

    Args:
        users: users looked at.
        places: of all their lists.
        items: of the catalogue.
        shown: items in at least one list.
        half: the fewest items that together have half of all places.
        gini: of the exposure of items, 0 all alike, 1 one item has all.
        raising: the share of each signal group in what raises the scores of all places.
        new: items that are new.
        new_shown: of these in at least one list.
        new_places: places that new items have.
        popular: items that live on popularity alone.
        exposure: a row an item, the most shown first: ``item_id``, ``title``, ``lists`` (how many
            it is in), ``share`` (of all users), ``mean_rank``, ``popularity_share`` (how much of
            what raises it is popularity), ``carried_by`` (the signal group that gives it most),
            ``met_by`` (users who met it; null below 5), ``new``. Where the lists are fewer than 5,
            rank, popularity and group are null: no group so small is told of.
        threshold: from which popularity share on an item lives on popularity.
        new_days: an item first met in the last so many days is new.
    """

    users: int
    places: int
    items: int
    shown: int
    half: int
    gini: float
    raising: Mapping[str, float]
    new: int
    new_shown: int
    new_places: int
    popular: int
    exposure: pl.DataFrame
    threshold: float
    new_days: float

    @property
    def on_popularity(self) -> pl.DataFrame:
        """Items that live on popularity alone, the most shown first."""
        return self.exposure.filter(pl.col("popularity_share") >= self.threshold)

    @property
    def new_items(self) -> pl.DataFrame:
        """New items that are shown, the most shown first."""
        return self.exposure.filter("new", pl.col("lists") > 0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; of the items those that are shown."""
        numbers = {
            name: getattr(self, name)
            for name in self.__dataclass_fields__
            if name not in ("exposure", "raising")
        }
        shown = self.exposure.filter(pl.col("lists") > 0)
        return {**numbers, "raising": dict(self.raising), "exposure": shown.to_dicts()}


def catalogue_report(lists: Lists, shop: Shop, settings: ReportConfig) -> CatalogueReport:
    """How the places of lists are shared out.

    Args:
        lists: everyone's.
        shop: names, histories and the moment of the fit.
        settings: what is new, and what lives on popularity.
    """
    exposure, new = lists.exposure, new_items(shop, settings.new_days)
    met = met_by(shop)
    told = exposure >= FEWEST_USERS
    popularity = np.where(told, lists.mean_per_item(lists.popularity_share), np.nan)
    rank = np.where(told, lists.mean_per_item(lists.ranks.astype(np.float64)), np.nan)
    means = np.stack([lists.mean_per_item(part) for part in lists.parts.T], axis=1)
    carried = [
        lists.groups[int(row.argmax())] if known and row.max() > 0 else None
        for row, known in zip(means, told, strict=True)
    ]
    frame = pl.DataFrame(
        {
            "item_id": pl.Series(shop.items.values, strict=False),
            "title": shop.titles,
            "lists": exposure,
            "share": exposure / max(lists.users.size, 1),
            "mean_rank": pl.Series(rank, nan_to_null=True),
            "popularity_share": pl.Series(popularity, nan_to_null=True),
            "carried_by": pl.Series(carried, dtype=pl.String),
            "met_by": [int(n) if n >= FEWEST_USERS else None for n in met],
            "new": new,
        },
    ).sort("lists", descending=True, maintain_order=True)
    ordered = np.sort(exposure)[::-1]
    places = int(ordered.sum())
    return CatalogueReport(
        users=lists.users.size,
        places=places,
        items=exposure.size,
        shown=int((exposure > 0).sum()),
        half=int(np.searchsorted(np.cumsum(ordered), places / 2) + 1) if places else 0,
        gini=_gini(ordered),
        raising=lists.raising_shares(),
        new=int(new.sum()),
        new_shown=int((new & (exposure > 0)).sum()),
        new_places=int(exposure[new].sum()),
        popular=int((popularity >= settings.popularity_alone).sum()),
        exposure=frame,
        threshold=settings.popularity_alone,
        new_days=settings.new_days,
    )


def met_by(shop: Shop) -> IntArray:
    """How many users met each item, ``(n_items,)``."""
    met, _ = shop.histories.met
    return np.bincount(met % max(len(shop.items), 1), minlength=len(shop.items))


def new_items(shop: Shop, days: float) -> BoolArray:
    """Which items nobody met before the last so many days; without times, which nobody met."""
    known = np.zeros(len(shop.items), dtype=bool)
    histories = shop.histories
    old = histories.ages > days if histories.timed else np.ones(histories.items.size, dtype=bool)
    known[histories.items[old]] = True
    return ~known


def _gini(descending: IntArray) -> float:
    """The Gini coefficient of counts; 0 where there are none."""
    total = int(descending.sum())
    if total == 0:
        return 0.0
    n = descending.size
    weights = n + 1 - 2 * np.arange(1, n + 1)
    return float((weights * descending).sum() / (n * total))
