"""What every user did, as CSR arrays sorted by time: the one form all towers read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, FloatArray, IntArray
from hybridrec.data.columns import Columns


@dataclass(frozen=True)
class Histories:
    """Events of all users, oldest first within a user.

    Args:
        indptr: ``(n_users + 1,)``; the events of user ``u`` are ``indptr[u]:indptr[u + 1]``.
        items: ``(n_events,)`` item rows.
        ages: ``(n_events,)`` how long ago each event was, at least 0: days before ``as_of`` when
            the data have times, else the number of later events of the same user.
        strengths: ``(n_events,)`` what an event of its kind counts (a purchase 1, a view less).
        n_items: rows of the catalogue.
        timed: whether ``ages`` are days.
    """

    indptr: IntArray
    items: IntArray
    ages: DoubleArray
    strengths: FloatArray
    n_items: int
    timed: bool

    @property
    def n_users(self) -> int:
        """Number of users."""
        return self.indptr.size - 1

    @property
    def users(self) -> IntArray:
        """The user row of every event, ``(n_events,)``."""
        return np.repeat(np.arange(self.n_users), np.diff(self.indptr))

    def of(self, users: npt.ArrayLike) -> Histories:
        """The histories of these user rows, in the order given."""
        users = np.asarray(users, dtype=np.int64)
        lengths = np.diff(self.indptr)[users]
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        # each event's place: its user's start, shifted by how far it lies past the new start
        events = np.arange(indptr[-1]) + np.repeat(self.indptr[users] - indptr[:-1], lengths)
        return Histories(
            indptr,
            self.items[events],
            self.ages[events],
            self.strengths[events],
            self.n_items,
            self.timed,
        )

    def weights(
        self,
        half_life: float | None = None,
        since: float | None = None,
        *,
        half_life_events: float | None = None,
    ) -> csr_array:
        """One weight for every (user, item) that met, repeats added up, older events decayed.

        Args:
            half_life: age at which an event counts half; ``None`` for no decay.
            since: leave out events older than this.
            half_life_events: later events of the same user after which an event counts half,
                whatever its age in days; ``None`` for no decay. Both decays multiply.

        Returns:
            ``(n_users, n_items)`` sparse float32, indices sorted, no zeros stored.
        """
        values = self.strengths.astype(np.float64)
        if half_life is not None:
            values = values * np.exp2(-self.ages / half_life)
        if half_life_events is not None:
            values = values * np.exp2(-steps_before_last(self.indptr) / half_life_events)
        if since is not None:
            values = np.where(self.ages <= since, values, 0.0)
        met, of_event = self.met
        added = np.bincount(of_event, values, met.size)
        added = np.minimum(added, np.finfo(np.float32).max).astype(np.float32)
        kept = added != 0
        users, items = np.divmod(met[kept], max(self.n_items, 1))
        indptr = np.searchsorted(users, np.arange(self.n_users + 1))
        return csr_array((added[kept], items, indptr), shape=(self.n_users, self.n_items))

    def followed(self, step: int) -> IntArray:
        """The events after which the same user has at least ``step`` more, ascending.

        Event ``e`` is followed by ``e + step``.
        """
        users = self.users
        return np.flatnonzero(users[step:] == users[:-step])

    @cached_property
    def met(self) -> tuple[IntArray, IntArray]:
        """Who met what: ``user · n_items + item``, ascending, and which of these each event is."""
        met, of_event = np.unique(self.users * self.n_items + self.items, return_inverse=True)
        return met, of_event


def steps_before_last(indptr: IntArray) -> DoubleArray:
    """How many events of the same user come after each one, ``(n_events,)``: ages without times.

    >>> steps_before_last(np.array([0, 2, 3])).tolist()
    [1.0, 0.0, 0.0]
    """
    ends = np.repeat(indptr[1:], np.diff(indptr))
    return (ends - np.arange(indptr[-1]) - 1).astype(np.float64)


def event_strengths(
    events: pl.DataFrame,
    strengths: Mapping[str, float] | None,
    value_exponent: float,
    means: Mapping[str, float] | None,
) -> FloatArray:
    """What each event counts, ``(n_events,)``.

    Args:
        events: a row an event.
        strengths: what an event of each kind counts; kinds not named count 1.
        value_exponent: how much an event's ``value`` counts; see
            :meth:`Dataset.histories <hybridrec.data.dataset.Dataset.histories>`.
        means: the mean value of each kind; those of these events when ``None``.
    """
    strength = np.ones(events.height, dtype=np.float32)
    if strengths and Columns.EVENT in events.columns:
        kinds = events[Columns.EVENT].cast(pl.String)
        known = {str(kind): float(value) for kind, value in strengths.items()}
        strength = kinds.replace_strict(known, default=1.0).to_numpy().astype(np.float32)
    if value_exponent and Columns.VALUE in events.columns:
        means = value_means(events) if means is None else means
        strength = strength * relative_values(events, means) ** np.float32(value_exponent)
    return strength


def value_means(events: pl.DataFrame) -> dict[str, float]:
    """The mean ``value`` above 0 of each kind of event; of all where kinds are not told.

    >>> events = pl.DataFrame({"event": ["rating", "rating", "view"], "value": [1.0, 3.0, None]})
    >>> value_means(events)
    {'rating': 2.0}
    """
    if Columns.VALUE not in events.columns:
        return {}
    positive = _with_kinds(events).filter(pl.col(Columns.VALUE) > 0)
    # by the greatest of the kind first, so that no sum runs over
    greatest = pl.col(Columns.VALUE).max()
    means = positive.group_by("kind").agg((pl.col(Columns.VALUE) / greatest).mean() * greatest)
    return {str(kind): float(mean) for kind, mean in means.sort("kind").iter_rows()}


def relative_values(events: pl.DataFrame, means: Mapping[str, float]) -> FloatArray:
    """Each event's ``value`` by the mean of its kind, ``(n_events,)``.

    Events without a value get 1, those of 0 or less get 0.

    Args:
        events: a row an event.
        means: as :func:`value_means` gives them.

    >>> events = pl.DataFrame({"event": ["rating", "rating", "view"], "value": [1.0, 3.0, None]})
    >>> relative_values(events, {"rating": 2.0}).tolist()
    [0.5, 1.5, 1.0]
    """
    mean = pl.col("kind").replace_strict(means, default=None, return_dtype=pl.Float64)
    relative = pl.col(Columns.VALUE).clip(lower_bound=0.0) / mean
    return (
        _with_kinds(events)
        .select(relative.fill_null(1.0))
        .to_series()
        .to_numpy()
        .astype(np.float32)
    )


def _with_kinds(events: pl.DataFrame) -> pl.DataFrame:
    """The ``kind`` and finite ``value`` of every event."""
    told = Columns.EVENT in events.columns
    kind = pl.col(Columns.EVENT).cast(pl.String) if told else pl.lit("")
    value = pl.col(Columns.VALUE).cast(pl.Float64)
    return events.select(kind.fill_null("").alias("kind"), pl.when(value.is_finite()).then(value))
