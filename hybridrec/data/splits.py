"""Parting a dataset into what a model may learn from and what it is measured on.

The first part of every split is its past: it holds no event and no dated fact from after its own
``as_of``, and nothing of it depends on the events of the second part.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.times import in_utc
from hybridrec.errors import DataError, examples

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset


def split_by_time(
    data: Dataset, test_days: float | None = None, *, at: datetime | None = None
) -> tuple[Dataset, Dataset]:
    """Everything up to a moment, and everything after it.

    Args:
        data: what is split.
        test_days: the moment lies this many days before the end of the data; or
        at: the moment itself (UTC when it names no zone).

    Returns:
        ``(train, test)``; both keep the whole catalogue, and ``train`` only the triples that
        were known at the moment.

    Raises:
        DataError: no times in the data, or a moment that leaves one side empty.

    >>> from hybridrec import Dataset
    >>> days = [datetime(2024, 1, day) for day in (1, 2, 3)]
    >>> events = pl.DataFrame({"user_id": "u", "item_id": ["a", "b", "c"], "timestamp": days})
    >>> train, test = Dataset.from_frames(events).split_by_time(at=datetime(2024, 1, 2))
    >>> train.events["item_id"].to_list(), test.events["item_id"].to_list()
    (['a', 'b'], ['c'])
    """
    cut = _cut(data, test_days, at)
    before = pl.col(Columns.TIMESTAMP) <= cut
    train, test = data.events.filter(before), data.events.filter(~before)
    if train.is_empty() or test.is_empty():
        raise DataError(f"a split at {cut:%Y-%m-%d %H:%M} leaves one side empty; {_range(data)}")
    return _past(data, train, cut), replace(data, events=test)


def split_leave_last_out(data: Dataset, n: int = 1) -> tuple[Dataset, Dataset]:
    """Each user's last ``n`` events, and everything before them.

    Users with ``n`` events or fewer stay whole in the first part. With times, one user's last
    events may be older than what another's first part holds: use :func:`split_by_time` where
    that matters.

    Returns:
        ``(train, test)``; ``train`` speaks for the moment of its own last event.

    Raises:
        DataError: ``n`` below 1, or nobody has more than ``n`` events.

    >>> from hybridrec import Dataset
    >>> events = pl.DataFrame({"user_id": ["u", "v", "u"], "item_id": ["a", "a", "b"]})
    >>> train, test = Dataset.from_frames(events).split_leave_last_out(n=1)
    >>> test.events.rows()
    [('u', 'b')]
    """
    if n < 1:
        raise DataError(f"n={n}: leave at least one event out")
    data.sound()
    later = pl.int_range(pl.len(), dtype=pl.Int64).reverse().over(Columns.USER)
    last = (later < n) & (pl.len().over(Columns.USER) > n)
    train, test = _parted(data, data.events.select(last).to_series())
    if test.is_empty():
        raise DataError(f"n={n}: no user has more than {n} events")
    return _past(data, train), replace(data, events=test)


def cross_validation(data: Dataset, folds: int, seed: int = 7) -> Iterator[tuple[Dataset, Dataset]]:
    """Every event left out once: each user's events are dealt into folds at random.

    For data whose order means nothing; what is learnt from holds later events than what is asked
    for. Users with one event stay whole in every first part.

    Args:
        data: what is split.
        folds: how many.
        seed: deals the events.

    Returns:
        ``(train, test)`` of each fold, made as they are asked for: ``test`` holds one in
        ``folds`` events of each user, ``train`` all others.

    Raises:
        DataError: fewer than 2 folds, or nobody has more than one event.

    >>> from hybridrec import Dataset
    >>> events = pl.DataFrame({"user_id": ["u", "v", "u"], "item_id": ["a", "a", "b"]})
    >>> folds = Dataset.from_frames(events).cross_validation(folds=2)
    >>> sorted(test.events.rows() for _, test in folds)
    [[('u', 'a')], [('u', 'b')]]
    """
    if folds < 2:
        raise DataError(f"folds={folds}: at least 2 are needed")
    data.sound()
    drawn = pl.Series("drawn", np.random.default_rng(seed).permutation(data.events.height))
    several = data.events.select((pl.len() > 1).over(Columns.USER)).to_series()
    if not several.any():
        raise DataError(f"folds={folds}: no user has more than one event")
    # in turn, and beginning at any fold, so that all folds are of nearly one size
    in_turn = (pl.col("drawn").rank("ordinal") + pl.col("drawn").min()).over(Columns.USER) % folds
    fold = data.events.select(Columns.USER).with_columns(drawn).select(in_turn).to_series()
    parts = (_parted(data, (fold == place) & several) for place in range(folds))
    return ((_past(data, train), replace(data, events=test)) for train, test in parts)


def rolling_origins(
    data: Dataset, test_days: float, n: int, step_days: float | None = None
) -> Iterator[tuple[Dataset, Dataset]]:
    """Several splits by time, oldest first: how a model would have done again and again.

    The last test window ends with the data; each earlier one lies ``step_days`` before.

    Args:
        data: what is split.
        test_days: the length of each test window.
        n: how many splits.
        step_days: days from one moment to the next; those of a window when ``None``, so that
            windows touch and do not overlap.

    Returns:
        ``(train, test)`` of each moment, made as they are asked for: everything up to the
        moment, and the ``test_days`` after it. Each speaks for its own end.

    Raises:
        DataError: no times in the data, no positive length, or a window without events.

    >>> from hybridrec import Dataset
    >>> days = [datetime(2024, 1, day) for day in (1, 2, 3)]
    >>> events = pl.DataFrame({"user_id": "u", "item_id": ["a", "b", "c"], "timestamp": days})
    >>> for train, test in Dataset.from_frames(events).rolling_origins(test_days=1, n=2):
    ...     print(train.events["item_id"].to_list(), test.events["item_id"].to_list())
    ['a'] ['b']
    ['a', 'b'] ['c']
    """
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


def split_new_users(
    data: Dataset,
    test_days: float | None = None,
    *,
    at: datetime | None = None,
    share: float | None = None,
    seed: int = 0,
) -> tuple[Dataset, Dataset]:
    """Users whom training never saw apart from the others.

    With a moment, ``train`` is everything up to it and ``test`` the later events of users who
    have none before; later events of known users are in neither. With a share, ``test`` is
    every event of the users drawn. Each user is drawn by itself: the draw changes neither with
    the order of rows nor as users come and go, and the share holds on average.

    Args:
        data: what is split.
        test_days: the moment lies this many days before the end of the data; or
        at: the moment itself (UTC when it names no zone); or
        share: how much of the users is held out, above 0 and below 1.
        seed: draws the users of the share.

    Returns:
        ``(train, test)`` without a user in common.

    Raises:
        DataError: not one of the three, a moment without times in the data, or one side empty.

    >>> from hybridrec import Dataset
    >>> days = [datetime(2024, 1, day) for day in (1, 2, 3)]
    >>> events = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": "a", "timestamp": days})
    >>> train, test = Dataset.from_frames(events).split_new_users(at=datetime(2024, 1, 1))
    >>> test.users.values
    ['v']
    """
    return _split_new(data, Columns.USER, test_days, at, share, seed)


def split_cold_items(
    data: Dataset,
    test_days: float | None = None,
    *,
    at: datetime | None = None,
    share: float | None = None,
    seed: int = 0,
) -> tuple[Dataset, Dataset]:
    """Items that nobody met in training apart from the others.

    As :func:`split_new_users`, for items. Both parts keep the whole catalogue: the items of
    ``test`` are known products without a history.

    Args:
        data: what is split.
        test_days: the moment lies this many days before the end of the data; or
        at: the moment itself (UTC when it names no zone); or
        share: how much of the items with events is held out, above 0 and below 1.
        seed: draws the items of the share.

    Returns:
        ``(train, test)`` whose events have no item in common.

    Raises:
        DataError: not one of the three, a moment without times in the data, or one side empty.

    >>> from hybridrec import Dataset
    >>> days = [datetime(2024, 1, day) for day in (1, 2, 3)]
    >>> events = pl.DataFrame({"user_id": "u", "item_id": ["a", "b", "a"], "timestamp": days})
    >>> train, test = Dataset.from_frames(events).split_cold_items(at=datetime(2024, 1, 1))
    >>> test.events["item_id"].to_list()
    ['b']
    >>> train.items.values
    ['a', 'b']
    """
    return _split_new(data, Columns.ITEM, test_days, at, share, seed)


def _split_new(
    data: Dataset,
    column: str,
    test_days: float | None,
    at: datetime | None,
    share: float | None,
    seed: int,
) -> tuple[Dataset, Dataset]:
    """Users or items without a past apart from all others.

    See :func:`split_new_users` and :func:`split_cold_items`.

    Args:
        data: what is split.
        column: the ids that are to be new, ``user_id`` or ``item_id``.
        test_days: as :func:`split_by_time`.
        at: as :func:`split_by_time`.
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
    """The events of some groups apart from all others.

    The groups are the values of one column: of the events (such as the ``part`` that a public
    set comes with) or else of the users, whose events then stay together. The moments of the
    two parts may overlap.

    Args:
        data: what is split.
        column: a column of ``events`` or of ``user_attributes``.
        test: the groups held out.

    Returns:
        ``(train, test)``; events and users without a group are in ``train``, which speaks for
        the moment of its own last event.

    Raises:
        DataError: no such column, groups that do not occur, or one side empty.

    >>> from hybridrec import Dataset
    >>> events = pl.DataFrame({"user_id": "u", "item_id": ["a", "b"], "part": ["fit", "test"]})
    >>> train, test = Dataset.from_frames(events).split_by_group("part", test=["test"])
    >>> test.events.rows()
    [('u', 'b', 'test')]
    """
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
