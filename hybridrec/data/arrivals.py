"""Events on their way into a fitted recommender: read, refused or told from those known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import polars as pl

from hybridrec.arrays import IntArray
from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import IdCodec
from hybridrec.data.live import EPOCH, MARKS, MICROSECOND, MarkArray, microseconds
from hybridrec.data.sources import read_frame
from hybridrec.data.tables import key_columns, with_ids, with_numbers
from hybridrec.data.times import in_utc, with_times
from hybridrec.errors import DataError, examples

LABEL: Final = "new events"
CLOCK_TOLERANCE: Final = timedelta(hours=15)
"""How far ahead of the present an event may lie: local times read as UTC run up to 14 hours
ahead, and clocks go wrong."""


def read_arrivals(
    events: Any, user_codec: IdCodec, item_codec: IdCodec, *, timed: bool, time_zone: str = "UTC"
) -> pl.DataFrame:
    """New events as a table: ids in stored form, times in UTC, in the order given.

    Args:
        events: a dataframe with the columns of the events.
        user_codec: how the recommender reads its user ids.
        item_codec: how it reads its item ids.
        timed: whether its events have times; where they have none, times only order the new ones.
        time_zone: the zone of times that name none.

    Raises:
        DataError: no dataframe, a missing column, ids of another type, rows without user, item or
            time, times or numbers that cannot be read.
    """
    frame = read_frame(events, LABEL)
    needed = [Columns.USER, Columns.ITEM, *([Columns.TIMESTAMP] if timed else [])]
    missing = [column for column in needed if column not in frame.columns]
    if missing:
        raise DataError(
            f"{LABEL}: no column {examples(missing)}; the recommender was fitted on events with "
            f"{examples(needed)}, these have {examples(frame.columns, 12)}"
        )
    if frame.is_empty():
        return frame
    for column, codec in ((Columns.USER, user_codec), (Columns.ITEM, item_codec)):
        frame, found = with_ids(frame, column)
        if found != codec:
            raise DataError(
                f"{LABEL}: {column!r} is of type {found.name}, in the recommender of type "
                f"{codec.name}; give both the same type"
            )
    if Columns.TIMESTAMP in frame.columns:
        frame = with_times(frame, LABEL, time_zone=time_zone)
    frame = with_numbers(frame, LABEL)
    keys = frame[key_columns(frame)]
    if any(column.null_count() for column in keys):
        lacking = keys.select(pl.any_horizontal(pl.all().is_null()).arg_true()).to_series()
        raise DataError(
            f"{LABEL}: {lacking.len():,} rows lack a user, an item or a time that can be read: "
            f"rows {examples(lacking)}; nothing was taken in"
        )
    return frame


def latest_moment(
    times: IntArray, known: datetime | None, as_of: datetime | None
) -> datetime | None:
    """The moment of the shop once events of these times are in.

    Args:
        times: microseconds since 1970, ``(n_events,)``.
        known: the moment up to now; ``None`` where the shop has no times.
        as_of: the moment to be; that of the last event when ``None``.

    Raises:
        DataError: events of the future, a moment before the one known, or one without times.
    """
    if known is None:
        if as_of is not None:
            raise DataError(f"as_of={as_of}: the recommender was fitted on events without times")
        return None
    if as_of is not None:
        as_of = in_utc(as_of)
        if as_of < known:
            raise DataError(
                f"as_of={_written(as_of)} lies before {_written(known)}, which the recommender "
                "speaks for already; moments only move on"
            )
        latest, why = as_of, "as_of"
    else:
        latest = max(datetime.now(UTC) + CLOCK_TOLERANCE, known)
        why = f"the present and {CLOCK_TOLERANCE // timedelta(hours=1)} hours"
    future = np.flatnonzero(times > microseconds(latest))
    if future.size:
        raise DataError(
            f"{LABEL}: {future.size:,} events are of the future: rows {examples(future.tolist())}, "
            f"the first of {_written(EPOCH + times[future[0]] * MICROSECOND)}. Accepted is up to "
            f"{_written(latest)}, {why}; nothing was taken in. Are their times of another zone "
            "(time_zone=)?"
        )
    if as_of is not None or times.size == 0:
        return as_of or known
    return max(known, EPOCH + int(times.max()) * MICROSECOND)


def marks(
    events: pl.DataFrame, users: IntArray, items: IntArray, times: IntArray | None
) -> MarkArray:
    """What each event is recognised by, ``(n_events,)``: 64 bits of who, what, when and how.

    Two events are the same if user, item, ``timestamp``, ``event`` and ``value`` are. Without times
    ``session_id`` stands in for them. Events with neither have the mark 0 and are never the same.

    Args:
        events: a row an event.
        users: their user rows.
        items: their item rows.
        times: microseconds since 1970; ``None`` without times.
    """
    if times is not None:
        moments = times.astype(MARKS)
    elif Columns.SESSION in events.columns:
        moments = _text_marks(events[Columns.SESSION])
    else:
        return np.zeros(events.height, MARKS)
    mark = _mixed(_mixed(_mixed(users.astype(MARKS)) ^ items.astype(MARKS)) ^ moments)
    if Columns.EVENT in events.columns:
        kinds = _text_marks(events[Columns.EVENT])
        mark = np.where(kinds == 0, mark, _mixed(mark ^ kinds))
    if Columns.VALUE in events.columns:
        values = events[Columns.VALUE].cast(pl.Float64).to_numpy()
        # 0.0 is added so that -0.0 and 0.0 are the same bits
        valued = _mixed(mark ^ _mixed((values + 0.0).view(MARKS)))
        mark = np.where(np.isnan(values), mark, valued)
    placed = times is not None or moments != 0
    return np.where(placed, np.maximum(mark, MARKS(1)), MARKS(0))


def event_times(events: pl.DataFrame) -> IntArray | None:
    """When each event was, microseconds since 1970, ``(n_events,)``; ``None`` without times."""
    if Columns.TIMESTAMP not in events.columns:
        return None
    return events[Columns.TIMESTAMP].to_physical().to_numpy()


def _text_marks(column: pl.Series) -> MarkArray:
    """64 bits of each text, the same on every machine; 0 for null."""
    texts = column.cast(pl.String).to_list()
    known = {
        text: 0 if text is None else int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        for text in set(texts)
    }
    return np.fromiter(map(known.__getitem__, texts), dtype=MARKS, count=len(texts))


def _mixed(numbers: MarkArray) -> MarkArray:
    """Numbers whose every bit depends on all bits of the number given (splitmix64).

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    mixed = numbers + MARKS(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> MARKS(30))) * MARKS(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> MARKS(27))) * MARKS(0x94D049BB133111EB)
    return mixed ^ (mixed >> MARKS(31))


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
