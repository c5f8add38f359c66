"""What the events up to a moment say about the items; what comes after it never counts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.splits import positive_days
from hybridrec.data.times import UTC_TIME, in_utc
from hybridrec.errors import DataError, examples
from kg.derived.baskets import BasketSettings, frequent_pairs

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset


def popularity(
    data: Dataset,
    as_of: datetime | None = None,
    window_days: float | None = None,
    half_life_days: float | None = None,
) -> pl.DataFrame:
    """How often each item was met up to a moment, the most popular first.

    Args:
        data: the events and their moment.
        as_of: later events do not count; the data's own moment when ``None``, and never
            behind it.
        window_days: only the events of so many days before the moment.
        half_life_days: the age at which an event weighs half.

    Returns:
        ``item_id``, ``events``, ``users`` (different ones) and ``weight``: the events, older
        ones decayed. Items that nobody met are not in it.

    Raises:
        DataError: a moment behind the data, no positive number of days, or settings of time
            for data without times.

    >>> from hybridrec import Dataset
    >>> days = [datetime(2024, 1, day) for day in (1, 2, 3)]
    >>> events = pl.DataFrame({"user_id": "u", "item_id": ["a", "a", "b"], "timestamp": days})
    >>> data = Dataset.from_frames(events)
    >>> data.popularity(half_life_days=1).rows()
    [('b', 1, 1, 1.0), ('a', 2, 1, 0.75)]
    >>> data.popularity(as_of=datetime(2024, 1, 2)).rows()
    [('a', 2, 1, 2.0)]
    """
    events, moment = _known(data, as_of, window_days)
    weight = pl.len().cast(pl.Float64)
    if half_life_days is not None:
        half_life = positive_days("half_life_days", half_life_days)
        if moment is None:
            raise DataError("the events have no timestamp; half_life_days needs one")
        age = pl.lit(moment, dtype=UTC_TIME) - pl.col(Columns.TIMESTAMP)
        half_lives = age.dt.total_seconds(fractional=True) / half_life.total_seconds()
        weight = (-half_lives * pl.lit(2.0).log()).exp().sum()
    met = events.group_by(Columns.ITEM, maintain_order=True).agg(
        pl.len().alias("events"),
        pl.col(Columns.USER).n_unique().alias("users"),
        weight.alias("weight"),
    )
    return met.sort(-pl.col("weight"), Columns.ITEM)


def prices_seen(data: Dataset, as_of: datetime | None = None) -> pl.DataFrame:
    """What was paid for each item up to a moment, by the ``price`` of the events.

    Args:
        data: the events and their moment.
        as_of: as :func:`popularity`.

    Returns:
        ``item_id``, ``last``, ``lowest``, ``median`` and ``highest`` price, and ``last_seen``,
        the time of the last one (null without times); items without a price are not in it.

    Raises:
        DataError: the events have no prices, or the moment lies behind the data.

    >>> from hybridrec import Dataset
    >>> events = pl.DataFrame({"user_id": "u", "item_id": "a", "price": [2.0, 4.0, 3.0]})
    >>> Dataset.from_frames(events).prices_seen().rows()
    [('a', 3.0, 2.0, 3.0, 4.0, None)]
    """
    if Columns.PRICE not in data.events.columns:
        raise DataError(
            f"the events have no column {Columns.PRICE!r}, only {examples(data.events.columns, 12)}"
        )
    events, moment = _known(data, as_of, None)
    seen = pl.lit(None, dtype=UTC_TIME) if moment is None else pl.col(Columns.TIMESTAMP).last()
    price = pl.col(Columns.PRICE)
    return (
        events.filter(price.is_not_null())
        .group_by(Columns.ITEM, maintain_order=True)
        .agg(
            price.last().alias("last"),
            price.min().alias("lowest"),
            price.median().alias("median"),
            price.max().alias("highest"),
            seen.alias("last_seen"),
        )
        .sort(Columns.ITEM)
    )


def co_purchases(
    data: Dataset,
    as_of: datetime | None = None,
    window_days: float | None = None,
    min_count: int = 2,
    *,
    kinds: Collection[str] | None = ("purchase",),
    max_session_items: int = 100,
) -> pl.DataFrame:
    """Pairs of items bought together up to a moment, the most frequent first.

    Together is: by one user in one session, where the events have ``session_id``; what has
    none, by one user in the window.

    Args:
        data: the events and their moment.
        as_of: as :func:`popularity`.
        window_days: as :func:`popularity`.
        min_count: sessions that a pair must share.
        kinds: the kinds of event that are purchases, where the events have ``event``; ``None``
            for all.
        max_session_items: sessions with more different items are left out: they are no single
            purchase, and their pairs grow with the square.

    Returns:
        Each pair once, ``item_id`` before ``other_item_id``: ``count`` is the sessions they
        share, ``support`` their share of all sessions, ``lift`` how many times more than if
        the two were bought independently.

    Raises:
        DataError: a moment behind the data, no event of these kinds, a setting out of range.

    >>> from hybridrec import Dataset
    >>> events = pl.DataFrame(
    ...     {"user_id": ["u", "u", "v", "v", "w"], "item_id": ["a", "b", "b", "a", "c"]}
    ... )
    >>> Dataset.from_frames(events).co_purchases().rows()
    [('a', 'b', 2, 0.666..., 1.5)]
    """
    if min_count < 1:
        raise DataError(f"min_count={min_count}: a pair is bought together at least once")
    if max_session_items < 2:
        raise DataError(f"max_session_items={max_session_items}: a pair needs two items")
    events, _ = _known(data, as_of, window_days)
    if Columns.EVENT in events.columns and kinds is not None:
        events = _of_kinds(events, kinds)
    baskets = BasketSettings(
        Columns.USER,
        Columns.ITEM,
        session=Columns.SESSION,
        purchases=None,
        max_items=max_session_items,
    )
    return frequent_pairs(events, min_count=min_count, baskets=baskets)


def _of_kinds(events: pl.DataFrame, kinds: Collection[str]) -> pl.DataFrame:
    column = events[Columns.EVENT].cast(pl.String)
    wanted = [kinds] if isinstance(kinds, str) else list(kinds)
    chosen = events.filter(column.is_in(wanted))
    if chosen.is_empty():
        there = column.drop_nulls().unique().sort()
        raise DataError(f"no event is {examples(wanted)}; kinds there are {examples(there)}")
    return chosen


def _known(
    data: Dataset, as_of: datetime | None, window_days: float | None
) -> tuple[pl.DataFrame, datetime | None]:
    """The events of the window that ends at the moment, and the moment in UTC."""
    data.sound()
    if data.as_of is None:
        if as_of is None and window_days is None:
            return data.events, None
        raise DataError("the events have no timestamp; as_of and window_days need one")
    moment = data.as_of if as_of is None else in_utc(as_of)
    if moment > data.as_of:
        raise DataError(
            f"as_of={moment:%Y-%m-%d %H:%M} lies behind the data, "
            f"which speak for {data.as_of:%Y-%m-%d %H:%M}"
        )
    time = pl.col(Columns.TIMESTAMP)
    events = data.events.filter(time <= moment)
    if window_days is not None:
        events = events.filter(moment - time < positive_days("window_days", window_days))
    return events, moment
