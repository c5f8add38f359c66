"""The data as a whole: what they concentrate on, where days are missing, how they drift."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.quality.checking import Flagged, Inspection, quality_check
from hybridrec.data.quality.profile import (
    LEAST_SHARE,
    MOST_CLASSES,
    long_tail,
    mix_columns,
    mix_drift,
    span,
)

FEWEST_A_DAY = 20.0
"""Where a usual day has fewer events, a day without any is nothing unusual."""
FEWEST_EVENTS = 1_000
"""Shares of fewer events move by chance alone."""


@quality_check(
    "popularity-concentration",
    table="events",
    severity="note",
    why="a model that always shows the same few items would look good on such data",
)
def popularity_concentration(inspection: Inspection) -> Flagged | None:
    """The most popular percent of the items has most of the events."""
    tail = long_tail(inspection)
    n_items = inspection.coded[Columns.ITEM].drop_nulls().n_unique()
    top = float(tail["events"][1])
    if n_items < 200 or top < inspection.config.concentration_share:
        return None
    gini = 2 * float(np.trapezoid(tail["events"], tail["items"])) - 1
    return Flagged(
        None,
        f"the most popular percent of the items has {top:.0%} of the events (Gini {gini:.2f})",
        Columns.ITEM,
        count=round(top * inspection.events.height),
    )


@quality_check(
    "missing-days",
    table="events",
    severity="warning",
    why="a day without events in a shop that is open is a load that failed",
    needs=(Columns.TIMESTAMP,),
)
def missing_days(inspection: Inspection) -> Flagged | None:
    """Days without an event, of a weekday that usually has many."""
    since, until = span(inspection)
    if since is None or until is None or (until - since).days < 14:
        return None
    counts = (
        inspection.events.group_by(pl.col(Columns.TIMESTAMP).dt.date().alias("day"))
        .agg(pl.len().alias("events"))
        .drop_nulls()
    )
    days = pl.DataFrame({"day": pl.date_range(since.date(), until.date(), eager=True)})
    days = days.join(counts, on="day", how="left", maintain_order="left")
    days = days.with_columns(pl.col("events").fill_null(0))
    usual = pl.col("events").median().over(pl.col("day").dt.weekday())
    empty = days.filter((pl.col("events") == 0) & (usual >= FEWEST_A_DAY))
    if empty.is_empty():
        return None
    return Flagged(
        None,
        f"{empty.height:,} of {days.height:,} days have no event, the first is {empty['day'][0]}",
        Columns.TIMESTAMP,
        count=empty.height,
        of=days.height,
        examples=empty.select("day"),
    )


@quality_check(
    "volume-drift",
    table="events",
    severity="warning",
    why="half the time with nearly all events, or a sudden change of their number, makes a model "
    "of one period and a test of another",
    needs=(Columns.TIMESTAMP,),
)
def volume_drift(inspection: Inspection) -> Flagged | None:
    """The events of equally long periods are spread far from evenly."""
    drift = mix_drift(inspection)
    volume = drift["volume"].to_numpy().astype(np.float64)
    if not volume.size or volume.sum() < FEWEST_EVENTS:
        return None
    shares = np.maximum(volume / volume.sum(), LEAST_SHARE)
    even = 1 / volume.size
    index = float(((shares - even) * np.log(shares / even)).sum())
    if index <= inspection.config.drift_psi:
        return None
    return Flagged(
        None,
        f"the population stability index of {volume.size} equally long periods against an even "
        f"spread is {index:.2f}",
        Columns.TIMESTAMP,
        count=int(volume.max()),
        examples=drift.select("period", "volume"),
    )


@quality_check(
    "mix-drift",
    table="events",
    severity="warning",
    why="what people bought then is not what they buy now: shorten half-lives, refit more often, "
    "or look for a change of the catalogue's names",
    needs=(Columns.TIMESTAMP,),
)
def mix_drift_of_categories(inspection: Inspection) -> Iterator[Flagged]:
    """Attributes whose mix moved between two neighbouring periods."""
    drift = mix_drift(inspection)
    for column in mix_columns(inspection):
        values = drift.get_column(column, default=pl.Series(dtype=pl.Float64))
        big = values.is_not_null() & (values > inspection.config.drift_psi)
        big &= drift["volume"] >= FEWEST_EVENTS
        if big.any():
            most = np.max(values.filter(big).to_numpy())
            yield Flagged(
                None,
                f"the mix of the {MOST_CLASSES} most common values moved by up to {most:.2f} "
                "(population stability index) from one period to the next",
                column,
                count=int(big.sum()),
                of=drift.height,
                examples=drift.select("period", "volume", pl.col(column).alias("index")),
            )
