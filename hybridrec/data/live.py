"""Histories that take further events in at once, however much was there before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.data.histories import Histories, steps_before_last

MARKS: Final = np.uint64
EPOCH: Final = datetime.fromtimestamp(0, UTC)
MICROSECOND: Final = timedelta(microseconds=1)
MICROSECONDS_PER_DAY: Final = timedelta(days=1) // MICROSECOND
MOST_LATER: Final = 16_384
"""Later events held beside the settled ones, until all are settled anew: a fifth of a second for
1.5 million events, or some ten microseconds for each event that was taken in."""

MarkArray = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class EventColumns:
    """Events, each a place in five arrays of the same length.

    Args:
        users: user rows.
        items: item rows.
        times: microseconds since 1970; 0 where the data have no times.
        strengths: what each event counts.
        marks: what each event is recognised by, see :func:`hybridrec.data.arrivals.marks`; 0 where
            it cannot be recognised.
    """

    users: IntArray
    items: IntArray
    times: IntArray
    strengths: FloatArray
    marks: MarkArray

    @property
    def size(self) -> int:
        """How many events."""
        return int(self.users.size)

    def at(self, places: npt.ArrayLike) -> EventColumns:
        """The events at these places, or under this mask."""
        chosen = np.asarray(places)
        return EventColumns(*(column[chosen] for column in self._columns))

    def inserted(self, places: IntArray, others: EventColumns) -> EventColumns:
        """With other events before these places."""
        pairs = zip(self._columns, others._columns, strict=True)
        return EventColumns(*(np.insert(own, places, other) for own, other in pairs))

    def joined(self, others: EventColumns) -> EventColumns:
        """With other events behind."""
        pairs = zip(self._columns, others._columns, strict=True)
        return EventColumns(*(np.concatenate(pair) for pair in pairs))

    @property
    def _columns(self) -> tuple[npt.NDArray[np.generic], ...]:
        return self.users, self.items, self.times, self.strengths, self.marks

    @classmethod
    def none(cls) -> Self:
        """No events."""
        rows = np.zeros(0, dtype=np.int64)
        return cls(rows, rows, rows, np.zeros(0, np.float32), np.zeros(0, MARKS))


@dataclass(frozen=True)
class LiveHistories:
    """What every user did, open to further events. Immutable: :meth:`with_events` gives new ones.

    Most events lie settled, by user and oldest first; the later ones are few and lie beside them
    until they are many. A user's history is put together from both when it is asked for.

    Args:
        settled: events by user, oldest first.
        indptr: ``(n_settled_users + 1,)``; settled events of user ``u`` are
            ``indptr[u]:indptr[u + 1]``. Users beyond have none.
        later: events by user, in order of arrival.
        n_users: rows of users.
        n_items: rows of the catalogue.
        moment: what ages count from; ``None`` without times.
    """

    settled: EventColumns
    indptr: IntArray
    later: EventColumns
    n_users: int
    n_items: int
    moment: datetime | None

    @classmethod
    def of_histories(
        cls, histories: Histories, moment: datetime | None, marks: MarkArray | None = None
    ) -> LiveHistories:
        """Open histories out of closed ones.

        Args:
            histories: all users', with ages as of the moment.
            moment: of the ages; ``None`` without times.
            marks: ``(n_events,)`` in the order of the histories; none is recognised without.
        """
        n = histories.items.size
        times = np.zeros(n, dtype=np.int64)
        if moment is not None:
            # days in doubles are good to the microsecond for 285 years
            ages = np.rint(histories.ages * MICROSECONDS_PER_DAY)
            times = microseconds(moment) - ages.astype(np.int64)
        settled = EventColumns(
            histories.users,
            histories.items,
            times,
            histories.strengths,
            np.zeros(n, MARKS) if marks is None else marks,
        )
        none = EventColumns.none()
        return cls(settled, histories.indptr, none, histories.n_users, histories.n_items, moment)

    def with_events(
        self, events: EventColumns, n_users: int, moment: datetime | None
    ) -> LiveHistories:
        """With further events, those known already left out.

        Args:
            events: in order of time, or of arrival where there are no times; older ones than those
                known find their place.
            n_users: rows of users, new ones counted.
            moment: what ages count from now on.
        """
        fresh = events.at(self._unknown(events))
        fresh = fresh.at(np.argsort(fresh.users, kind="stable"))
        places = np.searchsorted(self.later.users, fresh.users, side="right")
        later = self.later.inserted(places, fresh)
        grown = replace(self, later=later, n_users=n_users, moment=moment)
        return grown.all_settled() if later.size > MOST_LATER else grown

    def of(self, users: npt.ArrayLike) -> Histories:
        """The histories of these user rows, in the order given; a row below 0 has no events."""
        rows = np.asarray(users, dtype=np.int64)
        starts, lengths = self._settled_spans(rows)
        events = self.settled.at(_places(starts, lengths))
        owners = np.repeat(np.arange(rows.size), lengths)
        starts, later_lengths = self._later_spans(rows)
        if later_lengths.any():
            events = events.joined(self.later.at(_places(starts, later_lengths)))
            owners = np.concatenate([owners, np.repeat(np.arange(rows.size), later_lengths)])
            order = np.lexsort((events.times, owners))
            events = events.at(order)
        indptr = np.concatenate([[0], np.cumsum(lengths + later_lengths)]).astype(np.int64)
        return self._closed(events, indptr)

    def all_settled(self) -> LiveHistories:
        """The same with every event settled."""
        if not self.later.size and self.indptr.size == self.n_users + 1:
            return self
        events = self.settled.joined(self.later)
        if self.later.size:
            events = events.at(np.lexsort((events.times, events.users)))
        counts = np.bincount(events.users, minlength=self.n_users)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return replace(self, settled=events, indptr=indptr, later=EventColumns.none())

    def closed(self) -> Histories:
        """The histories of all users."""
        settled = self.all_settled()
        return self._closed(settled.settled, settled.indptr)

    def _closed(self, events: EventColumns, indptr: IntArray) -> Histories:
        timed = self.moment is not None
        if self.moment is None:
            ages = steps_before_last(indptr)
        else:
            ages = np.maximum(microseconds(self.moment) - events.times, 0) / MICROSECONDS_PER_DAY
        return Histories(indptr, events.items, ages, events.strengths, self.n_items, timed)

    def _unknown(self, events: EventColumns) -> IntArray:
        """Places of the events that are not there yet, each once, in order."""
        users = np.unique(events.users)
        known = [
            self.settled.marks[_places(*self._settled_spans(users))],
            self.later.marks[_places(*self._later_spans(users))],
        ]
        first = np.unique(events.marks, return_index=True)[1]
        once = np.zeros(events.size, dtype=bool)
        once[first] = True
        fresh = once & ~np.isin(events.marks, np.concatenate(known))
        return np.flatnonzero(fresh | (events.marks == 0))

    def _settled_spans(self, users: IntArray) -> tuple[IntArray, IntArray]:
        n = self.indptr.size - 1
        starts = self.indptr[np.clip(users, 0, n)]
        return starts, self.indptr[np.clip(users + 1, 0, n)] - starts

    def _later_spans(self, users: IntArray) -> tuple[IntArray, IntArray]:
        starts = np.searchsorted(self.later.users, users, side="left")
        return starts, np.searchsorted(self.later.users, users, side="right") - starts


def _places(starts: IntArray, lengths: IntArray) -> IntArray:
    """Every place of spans, one span after the other.

    >>> _places(np.array([5, 0]), np.array([2, 1])).tolist()
    [5, 6, 0]
    """
    ends = np.cumsum(lengths)
    total = int(ends[-1]) if ends.size else 0
    places: IntArray = np.arange(total) + np.repeat(starts - (ends - lengths), lengths)
    return places


def microseconds(moment: datetime) -> int:
    """A moment as microseconds since 1970.

    >>> microseconds(datetime.fromisoformat("1970-01-01T00:00:01+00:00"))
    1000000
    """
    return (moment - EPOCH) // MICROSECOND
