"""What the lists of many users hold, taken apart: all that reports of a shop are counted from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.config import Exclude
from hybridrec.devices import single_threaded_blas
from hybridrec.explain.attribution import attribute
from hybridrec.fusion.pairs import NONE
from hybridrec.fusion.pipeline import CPU, Candidates, Fusion
from hybridrec.fusion.policy import Rules, place
from hybridrec.parallel import side_by_side
from hybridrec.shop import Shop


@dataclass(frozen=True)
class Lists:
    """The lists of some users, one place after another, user by user; arrays ``(n,)`` unless said.

    Args:
        users: ``(n_users,)`` the user rows looked at, all with events.
        k: how many places a list has at most.
        n_items: items of the catalogue.
        owner: whose the place is, by its number among ``users``.
        items: item rows.
        ranks: 1 for the best.
        groups: names of the parts, those of the policy last.
        parts: ``(n, n_groups)`` what each group gives to the score.
        reason: the past item that speaks most for it, an item row; −1 where none does.
    """

    users: IntArray
    k: int
    n_items: int
    owner: IntArray
    items: IntArray
    ranks: IntArray
    groups: tuple[str, ...]
    parts: DoubleArray
    reason: IntArray

    @classmethod
    def of(
        cls, fusion: Fusion, shop: Shop, users: IntArray, question: Exclude, k: int, rules: Rules
    ) -> Lists:
        """The lists of some users, as :meth:`.Recommender.recommend` makes them.

        Args:
            fusion: towers and rankers.
            shop: ids and histories.
            users: ``(n_users,)`` user rows, all with events.
            question: which ranker is asked.
            k: items a list.
            rules: the policy that holds.
        """
        histories, ids = shop.histories_of(users), shop.users.ids_of(users)
        found: list[_List] = []
        for block, candidates in fusion.blocks(histories, question, rules.allowed, rules.include):

            def one(
                user: int, block: IntArray = block, candidates: Candidates = candidates
            ) -> _List | None:
                row = int(block[user])
                placed = place(rules, fusion, candidates, user, ids[row], question, k)
                if placed.places.size == 0:
                    return None  # who has met all there is, or may get nothing
                told = attribute(fusion, candidates, user, placed.places)
                given = {**told.groups, "boost": placed.boosts, "diversity": placed.diversity}
                weights = np.sum(list(told.splits.values()), axis=0)
                return _List(
                    np.full(placed.places.size, row),
                    candidates.pairs.items[candidates.pairs.of(user)][placed.places],
                    given,
                    _greatest(told.past_items, weights, placed.places.size),
                )

            with single_threaded_blas():
                lists = side_by_side(one, range(block.size), CPU)
            found += [each for each in lists if each is not None]
        groups = tuple(dict.fromkeys(group for each in found for group in each.parts))
        parts = [np.stack([each.parts[group] for group in groups], axis=1) for each in found]
        return cls(
            users=users,
            k=k,
            n_items=len(shop.items),
            owner=_joined([each.owner for each in found]),
            items=_joined([each.items for each in found]),
            ranks=_joined([np.arange(1, each.items.size + 1) for each in found]),
            groups=groups,
            parts=np.concatenate([np.zeros((0, len(groups))), *parts]),
            reason=_joined([each.reason for each in found]),
        )

    @property
    def popularity_share(self) -> DoubleArray:
        """How much of what raises each score is popularity, 0 to 1."""
        raising = np.maximum(self.parts, 0)
        of_popularity = raising[:, [group == "popularity" for group in self.groups]].sum(axis=1)
        total = raising.sum(axis=1)
        return np.asarray(of_popularity / np.where(total > 0, total, 1.0))

    @cached_property
    def exposure(self) -> IntArray:
        """How many lists each item is in, ``(n_items,)``."""
        return np.bincount(self.items, minlength=self.n_items)

    def mean_per_item(self, values: DoubleArray) -> DoubleArray:
        """The mean of values of places over the lists of each item, ``(n_items,)``; NaN if none."""
        sums = np.bincount(self.items, values, minlength=self.n_items)
        with np.errstate(invalid="ignore"):
            return np.asarray(sums / self.exposure, dtype=np.float64)

    def mean_parts(self, places: BoolArray | None = None) -> dict[str, float]:
        """What each group gives on the mean over places, the greatest first; none without any."""
        parts = self.parts if places is None else self.parts[places]
        if not len(parts):
            return {}
        means = parts.mean(axis=0)
        order = np.argsort(-np.abs(means), kind="stable")
        return {self.groups[at]: float(means[at]) for at in order if means[at] != 0}

    def raising_shares(self, places: BoolArray | None = None) -> dict[str, float]:
        """The share of each group in all that raises scores, the greatest first; they sum to 1."""
        parts = np.maximum(self.parts if places is None else self.parts[places], 0)
        total = float(parts.sum())
        if total == 0:
            return {}
        shares = parts.sum(axis=0) / total
        order = np.argsort(-shares, kind="stable")
        return {self.groups[at]: float(shares[at]) for at in order if shares[at] > 0}


class _List(NamedTuple):
    """The list of one user."""

    owner: IntArray
    items: IntArray
    parts: Mapping[str, DoubleArray]
    reason: IntArray


def _greatest(past: IntArray, weights: DoubleArray, n: int) -> IntArray:
    """The past item that weighs most for each of ``n`` items; −1 where none speaks for it."""
    if past.size == 0 or np.ndim(weights) == 0:
        return np.full(n, NONE, dtype=np.int64)
    best = weights.argmax(axis=1)
    speaks = weights[np.arange(n), best] > 0
    return np.where(speaks, past[best], NONE)


def _joined(arrays: list[IntArray]) -> IntArray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *arrays]).astype(np.int64)
