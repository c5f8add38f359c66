"""What a ranker learns from: candidates as it sees them, and which of them users chose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from hybridrec.arrays import BoolArray, FloatArray, HalfArray, IntArray, NamedArrays
from hybridrec.fusion.pairs import Pairs, concatenate

GREATEST: Final = 60_000.0
"""Of what is kept in half precision."""


@dataclass(frozen=True)
class Examples:
    """Candidates of some users, and which of them they chose; some users may have chosen none.

    Args:
        pairs: the candidates.
        inputs: ``(n_pairs, n_inputs)`` from :meth:`hybridrec.fusion.ranker.Ranker.standardise`, in
            half precision: there are tens of millions of pairs.
        chosen: ``(n_pairs,)`` whether the user did choose the item.
        stands_for: ``(n_users,)`` how many candidates each of those not chosen stands for.
    """

    pairs: Pairs
    inputs: HalfArray
    chosen: BoolArray
    stands_for: FloatArray

    @classmethod
    def of(cls, pairs: Pairs, inputs: FloatArray, chosen: BoolArray) -> Examples:
        """Candidates of which each stands for itself."""
        half = np.clip(inputs, -GREATEST, GREATEST).astype(np.float16)
        return cls(pairs, half, chosen, np.ones(pairs.n_users, dtype=np.float32))

    @classmethod
    def none(cls) -> Examples:
        """No users at all."""
        no_pairs = Pairs(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64))
        nothing = np.zeros(0, dtype=np.float32)
        no_inputs = np.zeros((0, 0), dtype=np.float16)
        return cls(no_pairs, no_inputs, nothing.astype(bool), nothing)

    @classmethod
    def joined(cls, parts: list[Examples]) -> Examples:
        """All users of all parts; the list is emptied meanwhile, so that nothing is held twice."""
        filled = [part for part in parts if part.pairs.n_users]
        parts.clear()
        if not filled:
            return cls.none()
        pairs = concatenate([part.pairs for part in filled])
        chosen = np.concatenate([part.chosen for part in filled])
        stands_for = np.concatenate([part.stands_for for part in filled])
        inputs = np.empty((len(pairs), filled[0].inputs.shape[1]), dtype=np.float16)
        end = len(pairs)
        while filled:
            part = filled.pop()
            inputs[end - len(part.pairs) : end] = part.inputs
            end -= len(part.pairs)
        return cls(pairs, inputs, chosen, stands_for)

    def arrays(self) -> NamedArrays:
        """Everything as named arrays."""
        return {
            "indptr": self.pairs.indptr,
            "items": self.pairs.items,
            "inputs": self.inputs,
            "chosen": self.chosen,
            "stands_for": self.stands_for,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """What :meth:`arrays` gave."""
        pairs = Pairs(arrays["indptr"], arrays["items"])
        return cls(pairs, arrays["inputs"], arrays["chosen"], arrays["stands_for"])

    def of_users(self, users: BoolArray) -> Examples:
        """Those of some users, ``(n_users,)``, alone."""
        if users.all():
            return self
        kept = users[self.pairs.users]
        counts = self.pairs.counts[users]
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        pairs = Pairs(indptr, self.pairs.items[kept])
        return Examples(pairs, self.inputs[kept], self.chosen[kept], self.stands_for[users])

    def learnable(self) -> Examples:
        """Without users none of whose choices any source brought up."""
        return self.of_users(self.chosen_of_user > 0)

    def thinned(self, others: int, random: np.random.Generator) -> Examples:
        """All that was chosen, and at most so many others of each user, drawn evenly."""
        users = self.pairs.users
        order = np.lexsort((random.random(users.size), ~self.chosen, users))
        rank = np.arange(users.size) - np.repeat(self.pairs.indptr[:-1], self.pairs.counts)
        kept = np.zeros(users.size, dtype=bool)
        kept[order[rank < np.repeat(self.chosen_of_user + others, self.pairs.counts)]] = True
        counts = np.bincount(users[kept], minlength=self.pairs.n_users)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        pairs = Pairs(indptr, self.pairs.items[kept])
        drawn = np.maximum(counts - self.chosen_of_user, 1)
        stands_for = self.stands_for * (self.pairs.counts - self.chosen_of_user) / drawn
        return Examples(pairs, self.inputs[kept], self.chosen[kept], stands_for.astype(np.float32))

    def ndcg(self, scores: FloatArray, k: int = 10) -> float:
        """The mean NDCG at ``k`` of the users among their candidates, by ``(n_pairs,)`` scores."""
        pairs = self.pairs
        top = pairs.top(scores, k)
        rank = np.arange(top.size) - np.searchsorted(pairs.users[top], pairs.users[top])
        gains = np.bincount(
            pairs.users[top], self.chosen[top] / np.log2(rank + 2), minlength=pairs.n_users
        )
        ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(k) + 2))])
        wanted = np.minimum(self.chosen_of_user, k)
        return float((gains / np.maximum(ideal[wanted], 1e-9)).mean())

    @property
    def chosen_of_user(self) -> IntArray:
        """How many of the candidates each user chose, ``(n_users,)``."""
        return np.bincount(self.pairs.users[self.chosen], minlength=self.pairs.n_users)
