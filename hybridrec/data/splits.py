"""Parting a dataset into what a model may learn from and what it is measured on.

The first part of every split is its past: it holds no event and no dated fact from after its own
``as_of``, and nothing of it depends on the events of the second part.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.errors import DataError, examples

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset


def split_by_time(
    data: Dataset, test_days: float | None, at: datetime | None
) -> tuple[Dataset, Dataset]:
    """See :meth:`Dataset.split_by_time`."""
    cut = _cut(data, test_days, at)
    before = pl.col(Columns.TIMESTAMP) <= cut
    train, test = data.events.filter(before), data.events.filter(~before)
    if train.is_empty() or test.is_empty():
        raise DataError(f"a split at {cut:%Y-%m-%d %H:%M} leaves one side empty; {_range(data)}")
    return _past(data, train, cut), replace(data, events=test)


def split_leave_last_out(data: Dataset, n: int) -> tuple[Dataset, Dataset]:
    """See :meth:`Dataset.split_leave_last_out`."""
    if n < 1:
        raise DataError(f"n={n}: leave at least one event out")
    data.sound()
    later = pl.int_range(pl.len(), dtype=pl.Int64).reverse().over(Columns.USER)
    last = (later < n) & (pl.len().over(Columns.USER) > n)
    train, test = _parted(data, data.events.select(last).to_series())
    if test.is_empty():
        raise DataError(f"n={n}: no user has more than {n} events")
    return _past(data, train), replace(data, events=test)


def rolling_origins(
    data: Dataset, test_days: float, n: int, step_days: float | None
) -> Iterator[tuple[Dataset, Dataset]]:
    """See :meth:`Dataset.rolling_origins`."""
    if n < 1:
        raise DataError(f"n={n}: at least one origin is needed")
    width = positive_days("test_days", test_days)
    step = width if step_days is None else positive_days("step_days", step_days)
    last = _cut(data, test_days, None)
    try:
        cuts = [last - back * step for back in reversed(range(n))]
    except OverflowError:
        raise DataError(f"n={n} origins go back too far; {_range(data)}") from None
    times = data.events[Columns.TIMESTAMP]
    for cut in cuts:
        train = times <= cut
        if not train.any() or not (~train & (times <= cut + width)).any():
            raise DataError(
                f"the origin at {cut:%Y-%m-%d %H:%M} leaves one side empty; {_range(data)}"
            )
    return (_window(data, cut, cut + width) for cut in cuts)


def split_new(
    data: Dataset,
    column: str,
    test_days: float | None,
    at: datetime | None,
    share: float | None,
    seed: int,
) -> tuple[Dataset, Dataset]:
    """Users or items without a past apart from all others.

    See :meth:`Dataset.split_new_users` and :meth:`Dataset.split_cold_items`.

    Args:
        data: what is split.
        column: the ids that are to be new, ``user_id`` or ``item_id``.
        test_days: as :meth:`Dataset.split_by_time`.
        at: as :meth:`Dataset.split_by_time`.
        share: how much of the ids is held out, instead of a moment.
        seed: draws the ids of the share.
    """
    what = column.removesuffix("_id") + "s"
    if sum(value is not None for value in (test_days, at, share)) != 1:
        raise DataError("give one of test_days, at and share")
    if share is not None:
        held_out = _drawn(data, column, share, seed)
        train, test = _parted(data, data.events[column].is_in(held_out.implode()))
        if train.is_empty() or test.is_empty():
            raise DataError(
                f"share={share} of {data.events[column].n_unique():,} {what} leaves one side "
                "empty; try another share or seed"
            )
        return _past(data, train), replace(data, events=test)
    cut = _cut(data, test_days, at, other=f"share= holds {what} out without times")
    before = pl.col(Columns.TIMESTAMP) <= cut
    train = data.events.filter(before)
    test = data.events.filter(~before).join(train, on=column, how="anti", maintain_order="left")
    if train.is_empty() or test.is_empty():
        side = "no events before it" if train.is_empty() else f"no new {what} after it"
        raise DataError(f"a split at {cut:%Y-%m-%d %H:%M} has {side}; {_range(data)}")
    return _past(data, train, cut), replace(data, events=test)


def split_by_group(
    data: Dataset, column: str, test: Collection[Hashable]
) -> tuple[Dataset, Dataset]:
    """See :meth:`Dataset.split_by_group`."""
    data.sound()
    users = data.user_attributes
    if column in data.events.columns:
        groups = data.events[column]
    elif users is not None and column in users.columns:
        groups = users[column]
    else:
        known = [*data.events.columns, *(() if users is None else users.columns)]
        raise DataError(f"no column {column!r} in the events or users; there are {examples(known)}")
    if groups.dtype.is_nested():
        raise DataError(f"{column!r} holds {groups.dtype}; groups are single values")
    wanted = {test} if isinstance(test, str) else set(test)
    present = groups.drop_nulls().unique().sort()
    values = present.to_list()
    absent = sorted(wanted.difference(values), key=repr)
    if absent or not wanted:
        problem = f"no group {examples(absent)}" if absent else "test=[] names no group"
        raise DataError(f"{column!r}: {problem}; there are {examples(values, 12)}")
    chosen = present.filter(pl.Series([value in wanted for value in values], dtype=pl.Boolean))
    member = groups.is_in(chosen.implode()).fill_null(False)
    if column not in data.events.columns:
        assert users is not None
        of_group = users[Columns.USER].filter(member)
        member = data.events[Columns.USER].is_in(of_group.implode())
    rest, held_out = _parted(data, member)
    if rest.is_empty() or held_out.is_empty():
        side = "no event is" if held_out.is_empty() else "all events are"
        raise DataError(f"{side} in the groups {examples(sorted(wanted, key=repr))} of {column!r}")
    return _past(data, rest), replace(data, events=held_out)


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; one that names no zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def positive_days(name: str, days: float) -> timedelta:
    """A span of days above 0.

    Raises:
        DataError: naming the setting, when it is none.
    """
    if not 0 < days <= timedelta.max.days:
        raise DataError(f"{name}={days}: give a number of days above 0")
    return timedelta(days=float(days))


def _cut(
    data: Dataset,
    test_days: float | None,
    at: datetime | None,
    other: str = "use split_leave_last_out(n=1)",
) -> datetime:
    """The moment that parts the data.

    Args:
        data: what is split.
        test_days: days from the moment to the end of the data; or
        at: the moment itself.
        other: what can be done without times.
    """
    data.sound()
    if data.as_of is None:
        raise DataError(f"the events have no timestamp; {other}")
    if at is not None and test_days is None:
        return in_utc(at)
    if test_days is None or at is not None:
        raise DataError("give either test_days or at, not both and not neither")
    try:
        return data.as_of - positive_days("test_days", test_days)
    except OverflowError:
        raise DataError(f"test_days={test_days} leaves one side empty; {_range(data)}") from None


def _past(data: Dataset, events: pl.DataFrame, cut: datetime | None = None) -> Dataset:
    """The dataset of these events as it stood at the cut, or at the last of them."""
    if data.as_of is None:
        return replace(data, events=events)
    if cut is None:
        last = events[Columns.TIMESTAMP].max()
        assert isinstance(last, datetime)
        cut = last
    triples = data.triples
    if triples is not None and Columns.TIMESTAMP in triples.columns:
        triples = triples.filter(pl.col(Columns.TIMESTAMP).fill_null(cut) <= cut)
    return replace(data, events=events, triples=triples, as_of=cut)


def _window(data: Dataset, cut: datetime, end: datetime) -> tuple[Dataset, Dataset]:
    time = pl.col(Columns.TIMESTAMP)
    train = data.events.filter(time <= cut)
    test = data.events.filter((time > cut) & (time <= end))
    return _past(data, train, cut), _past(data, test, end)


def _parted(data: Dataset, held_out: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    return data.events.filter(~held_out), data.events.filter(held_out)


def _drawn(data: Dataset, column: str, share: float, seed: int) -> pl.Series:
    """Ids drawn by a keyed hash: no id's fate depends on the others, or on the order of rows."""
    if not 0 < share < 1:
        raise DataError(f"share={share}: give a part of the whole, between 0 and 1")
    ids = data.sound().events[column].unique()
    key = str(seed).encode()
    threshold = int(share * 2**64)
    drawn = [
        int.from_bytes(blake2b(str(value).encode(), digest_size=8, key=key).digest()) < threshold
        for value in ids.to_list()
    ]
    return ids.filter(pl.Series(drawn, dtype=pl.Boolean))


def _range(data: Dataset) -> str:
    return f"the events run from {data.since:%Y-%m-%d} to {data.as_of:%Y-%m-%d}"
