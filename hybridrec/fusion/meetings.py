"""When each item was met, to count its users around any moment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

import numpy as np

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.data.histories import Histories

SPAN_DAYS: Final = 1e6
"""Longer than any history, so that items and ages make one sorted key."""


@dataclass(frozen=True)
class Meetings:
    """The ages of all events, by item.

    Args:
        keys: ``item · SPAN_DAYS + age`` of every event, ascending.
        n_items: how many items there are.
    """

    keys: DoubleArray
    n_items: int

    @classmethod
    def of(cls, histories: Histories) -> Self:
        """Those of all users."""
        return cls(np.sort(histories.items * SPAN_DAYS + histories.ages), histories.n_items)

    def count(self, items: IntArray, youngest: DoubleArray, oldest: DoubleArray) -> IntArray:
        """How many events each item had between two ages in days, both included, ``(n,)``."""
        starts = items * SPAN_DAYS
        last = np.searchsorted(self.keys, starts + oldest, side="right")
        first = np.searchsorted(self.keys, starts + np.maximum(youngest, 0.0), side="left")
        return np.asarray(np.maximum(last - first, 0))

    @cached_property
    def youngest(self) -> DoubleArray:
        """The age of each item's latest event, ``(n_items,)``; NaN where it had none."""
        return self._ages[0]

    @cached_property
    def oldest(self) -> DoubleArray:
        """The age of each item's first event, ``(n_items,)``; NaN where it had none."""
        return self._ages[1]

    @cached_property
    def _ages(self) -> tuple[DoubleArray, DoubleArray]:
        items = np.arange(self.n_items)
        first = np.searchsorted(self.keys, items * SPAN_DAYS)
        past = np.searchsorted(self.keys, (items + 1) * SPAN_DAYS)
        met = past > first
        ages = np.full((2, self.n_items), np.nan)
        ages[0, met] = self.keys[first[met]] - items[met] * SPAN_DAYS
        ages[1, met] = self.keys[past[met] - 1] - items[met] * SPAN_DAYS
        return ages[0], ages[1]
