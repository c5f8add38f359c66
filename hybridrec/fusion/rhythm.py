"""How often users meet the same again, and after how long."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.data.histories import Histories

MONTH_DAYS: Final = 28.0
MOST_DAYS: Final = 1_000_000
"""More than any history has, so that a meeting and a day make one key."""
FEW: Final = 5
"""An item's own rate counts half where it had so many users; the rest is the mean of the shop."""


@dataclass(frozen=True)
class Rhythm:
    """When some users met some items.

    Args:
        met: ``(n_met,)`` keys of who met what, ``user · n_items + item``, ascending.
        of_event: ``(n_events,)`` which of these each event is.
        ages: ``(n_events,)`` of the events.
    """

    met: IntArray
    of_event: IntArray
    ages: DoubleArray

    @classmethod
    def of(cls, histories: Histories) -> Self:
        """The rhythm of some users with every item."""
        return cls(*histories.met, histories.ages)

    @cached_property
    def occasions(self) -> DoubleArray:
        """On how many days each was met, ``(n_met,)``; events of one day are one occasion."""
        keys = self.of_event * MOST_DAYS + np.round(self.ages).astype(np.int64)
        counts = np.bincount(np.unique(keys) // MOST_DAYS, minlength=self.met.size)
        return counts.astype(np.float64)

    @cached_property
    def last(self) -> DoubleArray:
        """The age of the latest event, ``(n_met,)``."""
        last = np.full(self.met.size, np.inf)
        np.minimum.at(last, self.of_event, self.ages)
        return last

    @cached_property
    def first(self) -> DoubleArray:
        """The age of the first event, ``(n_met,)``."""
        first = np.zeros(self.met.size)
        np.maximum.at(first, self.of_event, self.ages)
        return first

    @property
    def often(self) -> BoolArray:
        """What was met on more than one day, and so has an interval, ``(n_met,)``."""
        return self.occasions > 1

    @cached_property
    def interval(self) -> DoubleArray:
        """The mean number of days between two occasions, at least 1, ``(n_met,)``."""
        return np.maximum((self.first - self.last) / np.maximum(self.occasions - 1, 1), 1.0)

    def decayed(self, strengths: FloatArray, half_life: float) -> DoubleArray:
        """Strengths of the events, added up, older ones decayed, ``(n_met,)``."""
        weights = strengths * np.exp2(-self.ages / half_life)
        return np.bincount(self.of_event, weights, self.met.size).astype(np.float64)

    def places(self, keys: IntArray) -> tuple[IntArray, BoolArray]:
        """Where keys stand in ``met``, and which of them do, ``(n,)`` each."""
        at = np.searchsorted(self.met, keys)
        known = at < self.met.size
        known[known] = self.met[at[known]] == keys[known]
        return at, known


def due(waited: DoubleArray) -> DoubleArray:
    """How near the time since the last occasion is to the usual interval, 0 to 1.

    Args:
        waited: that time, in intervals.
    """
    return np.exp(-np.abs(np.log(np.maximum(waited, 0.02))))


def late(waited: DoubleArray) -> DoubleArray:
    """By how many intervals the time since the last occasion is past twice the usual, 0 to 5."""
    return np.clip(waited - 2.0, 0.0, 5.0)


def return_rates(histories: Histories) -> dict[str, FloatArray]:
    """How surely, and how soon, items are met again by those who met them, ``(n_items,)`` each.

    ``again`` is the share of the users of the month before who came back to it within the last 28
    days, ``again_ever`` that of all users before; few users count with the mean of the shop.
    ``usual_interval`` is the median (the upper of two) over users of their days between occasions;
    0 where nobody met the item twice.
    """
    n_items = histories.n_items
    rhythm = Rhythm.of(histories)
    met, of_event = rhythm.met, rhythm.of_event
    item = met % max(n_items, 1)
    now = rhythm.last < MONTH_DAYS
    earlier = histories.ages >= MONTH_DAYS
    rates = {}
    for name, oldest in (("again", 2 * MONTH_DAYS), ("again_ever", np.inf)):
        before = np.zeros(met.size, dtype=bool)
        before[of_event[earlier & (histories.ages < oldest)]] = True
        users = np.bincount(item[before], minlength=n_items)
        back = np.bincount(item[before & now], minlength=n_items)
        mean = back.sum() / max(users.sum(), 1)
        rates[name] = ((back + FEW * mean) / (users + FEW)).astype(np.float32)
    rates["usual_interval"] = np.zeros(n_items, dtype=np.float32)
    often = np.flatnonzero(rhythm.often)
    if often.size:
        often = often[np.lexsort((rhythm.interval[often], item[often]))]
        items, first, counts = np.unique(item[often], return_index=True, return_counts=True)
        rates["usual_interval"][items] = rhythm.interval[often][first + counts // 2]
    return rates
