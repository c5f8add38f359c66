"""What the lists of many users hold, taken apart: all that reports of a shop are counted from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.config import Exclude
from hybridrec.explain.attribution import attribute
from hybridrec.fusion.pairs import NONE
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.policy import Rules, place
from hybridrec.parallel import on_one_thread
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
        owner, items, ranks, reason = [], [], [], []
        parts: list[DoubleArray] = []
        groups: tuple[str, ...] = ()
        histories, ids = shop.histories_of(users), shop.users.ids_of(users)
        for block, candidates in fusion.blocks(histories, question, rules.allowed, rules.include):
            for user, row in enumerate(block.tolist()):
                placed = place(rules, fusion, candidates, user, ids[row], question, k)
                if placed.places.size == 0:
                    continue
                with on_one_thread():
                    told = attribute(fusion, candidates, user, placed.places)
                given = {**told.groups, "boost": placed.boosts, "diversity": placed.diversity}
                groups = tuple(given)
                parts.append(np.stack(list(given.values()), axis=1))
                weights = np.sum(list(told.splits.values()), axis=0)
                reason.append(_greatest(told.past_items, weights, placed.places.size))
                items.append(candidates.pairs.items[candidates.pairs.of(user)][placed.places])
                owner.append(np.full(placed.places.size, row))
                ranks.append(np.arange(1, placed.places.size + 1))
        return cls(
            users, k, len(shop.items), _joined(owner), _joined(items), _joined(ranks), groups,
            np.concatenate([np.zeros((0, len(groups))), *parts]), _joined(reason),
        )  # fmt: skip

    @property
    def popularity_share(self) -> DoubleArray:
        """How much of what raises each score is popularity, 0 to 1."""
        raising = np.maximum(self.parts, 0)
        of_popularity = raising[:, [group == "popularity" for group in self.groups]].sum(axis=1)
        total = raising.sum(axis=1)
        return np.divide(of_popularity, total, out=np.zeros_like(total), where=total > 0)

    @property
    def exposure(self) -> IntArray:
        """How many lists each item is in, ``(n_items,)``."""
        return np.bincount(self.items, minlength=self.n_items)

    def mean_per_item(self, values: DoubleArray) -> DoubleArray:
        """The mean of values of places over the lists of each item, ``(n_items,)``; NaN if none."""
        sums = np.bincount(self.items, values, minlength=self.n_items)
        with np.errstate(invalid="ignore"):
            return np.asarray(sums / self.exposure)

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


def _greatest(past: IntArray, weights: DoubleArray, n: int) -> IntArray:
    """The past item that weighs most for each of ``n`` items; −1 where none speaks for it."""
    if past.size == 0 or np.ndim(weights) == 0:
        return np.full(n, NONE, dtype=np.int64)
    best = weights.argmax(axis=1)
    speaks = weights[np.arange(n), best] > 0
    return np.where(speaks, past[best], NONE)


def _joined(arrays: list[IntArray]) -> IntArray:
    return np.concatenate([np.zeros(0, dtype=np.int64), *arrays]).astype(np.int64)
