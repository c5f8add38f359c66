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
A_MOMENT: Final = 1e-4
"""Days by which limits are stretched, so that rounding moves no event across one."""


@dataclass(frozen=True)
class Meetings:
    """The ages of all events, by item.

    Args:
        keys: ``item · SPAN_DAYS + age`` of every event, ascending.
        n_items: how many items there are.
        elapsed: days since they were counted, which all ages given and taken have grown by.
    """

    keys: DoubleArray
    n_items: int
    elapsed: float = 0.0

    @classmethod
    def of(cls, histories: Histories, elapsed: float = 0.0) -> Self:
        """Those of all users, as they stood some days ago.

        Args:
            histories: all users' as of now.
            elapsed: how many days ago; what came since is not counted.
        """
        ages = histories.ages - elapsed
        counted = ages >= -A_MOMENT
        keys = np.sort(histories.items[counted] * SPAN_DAYS + ages[counted].clip(min=0.0))
        return cls(keys, histories.n_items, elapsed)

    def count(self, items: IntArray, youngest: DoubleArray, oldest: DoubleArray) -> IntArray:
        """How many events each item had between two ages in days, both included, ``(n,)``."""
        starts = items * SPAN_DAYS
        youngest = np.maximum(youngest - self.elapsed - A_MOMENT, 0.0)
        oldest = oldest - self.elapsed + A_MOMENT
        last = np.searchsorted(self.keys, starts + oldest, side="right")
        first = np.searchsorted(self.keys, starts + youngest, side="left")
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
        return ages[0] + self.elapsed, ages[1] + self.elapsed
