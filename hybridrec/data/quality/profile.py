"""Figures behind the report's pictures: events over time, what is missing, the long tail, drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.quality.checking import TABLES, Inspection
from hybridrec.data.times import UTC_TIME

LEAST_SHARE = 1e-4
"""Shares below this count as this, so that an empty class gives no infinite index."""
MOST_CLASSES = 20
"""Classes a mix is compared over; the rarer ones are taken together."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Figures of a dataset.

    Args:
        users: how many users have an event.
        items: how many items have an event or a row in the catalogue.
        since: moment of the first event; ``None`` without times.
        until: moment of the last event that is not in the future.
        timeline: ``period`` (its start) and ``events``; empty without times.
        missing: ``table``, ``column``, ``missing`` and ``share``, fullest columns last.
        long_tail: ``items`` and ``events``, cumulative shares from the most popular item on.
        drift: ``period`` and a column ``volume`` of events, and for each category column the
            population stability index against the period before.
    """

    users: int
    items: int
    since: datetime | None
    until: datetime | None
    timeline: pl.DataFrame
    missing: pl.DataFrame
    long_tail: pl.DataFrame
    drift: pl.DataFrame

    @classmethod
    def of(cls, inspection: Inspection) -> Profile:
        """The figures of a dataset under inspection."""
        since, until = span(inspection)
        ids = [inspection.events[Columns.ITEM], inspection.catalogue[Columns.ITEM]]
        return cls(
            inspection.coded[Columns.USER].drop_nulls().n_unique(),
            pl.concat([column.drop_nulls().unique() for column in ids]).n_unique(),
            since,
            until,
            timeline(inspection),
            missing(inspection),
            long_tail(inspection),
            mix_drift(inspection),
        )


def span(inspection: Inspection) -> tuple[datetime | None, datetime | None]:
    """The moments of the first and the last event, lost and future times left out."""
    if not inspection.timed:
        return None, None
    times = inspection.events[Columns.TIMESTAMP]
    sane = times.filter((times.dt.year() > 1970) & (times <= inspection.config.moment))
    times = sane if sane.len() else times
    first, last = times.min(), times.max()
    assert first is None or isinstance(first, datetime)
    assert last is None or isinstance(last, datetime)
    return first, last


def _in_span(inspection: Inspection) -> pl.DataFrame:
    since, until = span(inspection)
    if since is None or until is None:
        return inspection.events.clear()
    return inspection.events.filter(pl.col(Columns.TIMESTAMP).is_between(since, until))


def timeline(inspection: Inspection) -> pl.DataFrame:
    """Events a day, or a week or month where the time is longer; empty periods count zero."""
    since, until = span(inspection)
    if since is None or until is None:
        return pl.DataFrame(schema={"period": pl.Datetime("us", "UTC"), "events": pl.Int64})
    days = (until - since).days
    every = "1d" if days <= 400 else "1w" if days <= 800 else "1mo"
    period = pl.col(Columns.TIMESTAMP).dt.truncate(every).alias("period")
    counted = _in_span(inspection).group_by(period).agg(pl.len().cast(pl.Int64).alias("events"))
    return (
        counted.sort("period")
        .upsample("period", every=every)
        .with_columns(pl.col("events").fill_null(0))
    )


def missing(inspection: Inspection) -> pl.DataFrame:
    """How many values every column lacks."""
    rows = []
    for name in TABLES:
        table = inspection.table(name)
        if table is None:
            continue
        for column in table.get_columns():
            absent = column.null_count()
            if column.dtype == pl.String:
                absent += int((column == "").sum())
            rows.append((name, column.name, absent, absent / max(table.height, 1)))
    schema = {"table": pl.String, "column": pl.String, "missing": pl.Int64, "share": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort(
        "share", descending=True, maintain_order=True
    )


def long_tail(inspection: Inspection) -> pl.DataFrame:
    """Which share of the events the most popular items have, at 100 shares of the items."""
    counts = inspection.coded[Columns.ITEM].drop_nulls().value_counts(name="n")["n"]
    descending = np.sort(counts.to_numpy())[::-1].astype(np.float64)
    if not descending.size:
        return pl.DataFrame({"items": [0.0, 1.0], "events": [0.0, 1.0]})
    shares = np.linspace(0, 1, 101)
    cumulated = np.concatenate([[0.0], np.cumsum(descending) / descending.sum()])
    places = shares * descending.size
    events = np.interp(places, np.arange(descending.size + 1), cumulated)
    return pl.DataFrame({"items": shares, "events": events})


def mix_drift(inspection: Inspection) -> pl.DataFrame:
    """How far the mix of each attribute's values moved from period to period.

    The population stability index of period ``t`` is ``Σ (p_t − p_{t−1}) ln(p_t / p_{t−1})`` over
    the values' shares of the events (Siddiqi 2006).
    """
    periods = _periods(inspection)
    if periods is None:
        return pl.DataFrame(schema={"period": pl.Datetime("us", "UTC"), "volume": pl.Int64})
    frame, starts = periods
    n = len(starts)
    volume = np.bincount(frame["period"].to_numpy(), minlength=n)
    result = {"period": starts, "volume": volume}
    items = inspection.catalogue.unique(Columns.ITEM, keep="first")
    for column in mix_columns(inspection):
        top = items.select(Columns.ITEM, _top_level(column).alias("value"))
        valued = frame.join(top, on=Columns.ITEM, how="left").drop_nulls("value")
        result[column] = _stability(valued, n)
    return pl.DataFrame(result)


def mix_columns(inspection: Inspection) -> list[str]:
    """The attributes whose mix is followed: category paths and categories of few values."""
    roles = inspection.data.roles
    chosen = roles.filter(pl.col("role").is_in(["category_path", "category"]))["column"]
    return [
        column
        for column in chosen
        if inspection.catalogue.schema[column] == pl.String
        and column not in ("period", "volume")  # the drift has columns of these names
        and inspection.catalogue.select(_top_level(column).n_unique()).item() <= 1_000
    ]


def _top_level(column: str) -> pl.Expr:
    return pl.col(column).str.split(" > ").list.first().str.strip_chars()


def _periods(inspection: Inspection) -> tuple[pl.DataFrame, pl.Series] | None:
    """The events' items with the number of their period, and the periods' starts."""
    since, until = span(inspection)
    if since is None or until is None or since == until:
        return None
    n = inspection.config.periods
    whole = until - since
    elapsed = (pl.col(Columns.TIMESTAMP) - since).dt.total_microseconds()
    number = (elapsed * (n / (whole / timedelta(microseconds=1)))).floor().clip(0, n - 1)
    frame = _in_span(inspection).select(pl.col(Columns.ITEM), number.cast(pl.Int64).alias("period"))
    starts = pl.Series([since + whole * k / n for k in range(n)], dtype=UTC_TIME)
    return frame, starts


def _stability(valued: pl.DataFrame, n_periods: int) -> pl.Series:
    """The index of each period against the one before; null for the first and for empty ones."""
    common = valued["value"].value_counts(name="n").sort("n", "value", descending=[True, False])
    classes = common.head(MOST_CLASSES).select("value").with_row_index("class")
    counts = (
        valued.join(classes, on="value", how="left")
        .group_by("period", pl.col("class").fill_null(MOST_CLASSES))
        .len()
    )
    numbers = np.zeros((n_periods, MOST_CLASSES + 1))
    numbers[counts["period"].to_numpy(), counts["class"].to_numpy()] = counts["len"].to_numpy()
    numbers = numbers[:, numbers.any(axis=0)]
    totals = numbers.sum(axis=1, keepdims=True)
    shares = np.maximum(numbers / np.maximum(totals, 1), LEAST_SHARE)
    index = ((shares[1:] - shares[:-1]) * np.log(shares[1:] / shares[:-1])).sum(axis=1)
    known = (totals[1:, 0] > 0) & (totals[:-1, 0] > 0)
    return pl.Series([None, *np.where(known, index, np.nan)], dtype=pl.Float64).fill_nan(None)
