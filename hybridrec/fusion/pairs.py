"""Candidates of several users, held flat: user by user, one row a (user, item) pair."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from hybridrec.arrays import BoolArray, FloatArray, IntArray

NONE: Final = -1
"""Where there is no further item."""


@dataclass(frozen=True)
class Pairs:
    """Which items are candidates for which users.

    Args:
        indptr: ``(n_users + 1,)``; the pairs of user ``u`` are ``indptr[u]:indptr[u + 1]``.
        items: ``(n_pairs,)`` item rows, ascending within a user.
    """

    indptr: IntArray
    items: IntArray

    @classmethod
    def from_mask(cls, mask: BoolArray) -> Pairs:
        """The pairs marked in ``(n_users, n_items)``."""
        counts = mask.sum(axis=1)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(indptr, np.nonzero(mask)[1].astype(np.int64))

    @classmethod
    def from_items(cls, items: IntArray) -> Pairs:
        """The pairs of items ``(n_users, n)``, in any order, each once; −1 is none."""
        ordered = np.sort(items, axis=1)
        kept = ordered != NONE
        kept[:, 1:] &= ordered[:, 1:] != ordered[:, :-1]
        indptr = np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64)
        return cls(indptr, ordered[kept])

    def __len__(self) -> int:
        return self.items.size

    @property
    def n_users(self) -> int:
        """Number of users, those without candidates included."""
        return self.indptr.size - 1

    @cached_property
    def users(self) -> IntArray:
        """The user of every pair, ``(n_pairs,)``."""
        return np.repeat(np.arange(self.n_users), self.counts)

    @cached_property
    def counts(self) -> IntArray:
        """How many candidates each user has, ``(n_users,)``."""
        return np.diff(self.indptr)

    def of(self, user: int) -> slice:
        """Where the pairs of one user lie."""
        return slice(int(self.indptr[user]), int(self.indptr[user + 1]))

    def only(self, users: BoolArray) -> Pairs:
        """The pairs of some users, ``(n_users,)``; the others are left without any."""
        counts = np.where(users, self.counts, 0)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Pairs(indptr, self.items[users[self.users]])

    def means(self, values: FloatArray) -> FloatArray:
        """Each user's mean over the candidates, ``(n_users, n_columns)``; zero without any."""
        sums = np.zeros((self.n_users, values.shape[1]), dtype=np.float64)
        filled = self.counts > 0
        if filled.any():
            sums[filled] = np.add.reduceat(values, self.indptr[:-1][filled], axis=0, dtype=float)
        return (sums / np.maximum(self.counts, 1)[:, None]).astype(np.float32)

    def top(self, scores: FloatArray, k: int) -> IntArray:
        """Row numbers of each user's ``k`` best pairs, users in order, best first.

        Equal scores keep the order of the items, whose numbers say nothing.
        """
        order = np.lexsort((-scores, self.users))
        rank = np.arange(len(self)) - np.repeat(self.indptr[:-1], self.counts)
        return order[rank < k]


def concatenate(blocks: list[Pairs]) -> Pairs:
    """Pairs of one block of users after those of the other."""
    counts = np.concatenate([block.counts for block in blocks])
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Pairs(indptr, np.concatenate([block.items for block in blocks]))
