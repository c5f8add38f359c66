"""What a tower is measured by while it learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.config import ValidationConfig
from hybridrec.evaluation.metrics import parse_metric, per_user
from hybridrec.evaluation.ranking import top_items
from hybridrec.towers.base import Tower

BLOCK_USERS = 512


@dataclass(frozen=True)
class HeldOut:
    """What some users did next: a :class:`hybridrec.towers.base.Validator`.

    Args:
        profiles: by name ``(n, n_items)`` weighted histories of the users. A tower answers from
            each; the best of them counts, for a tower may suit long interests or short ones.
        targets: ``(n, n_items)`` above 0 where the user met the item afterwards; a row has at
            least one.
        seen: ``(n, n_items)`` items that are not to be ranked; ``None`` for none.
        metric: such as ``ndcg@10``.
    """

    profiles: Mapping[str, csr_array]
    targets: csr_array
    seen: csr_array | None
    metric: str = "ndcg@10"

    @classmethod
    def sampled(
        cls,
        profiles: Mapping[str, csr_array],
        targets: csr_array,
        config: ValidationConfig,
        seed: int = 0,
    ) -> HeldOut | None:
        """What users met that was new to them, for as many users as the settings ask for.

        Args:
            profiles: by name ``(n_users, n_items)`` weighted histories of all users.
            targets: ``(n_users, n_items)`` above 0 where the user met the item afterwards.
            config: how many users, and the metric.
            seed: draws the users.

        Returns:
            ``None`` if none are asked for, or nobody with a history met anything new.
        """
        history = next(iter(profiles.values())) > 0
        new = csr_array(targets > 0) > history.multiply(targets > 0)
        new = csr_array(new)
        new.eliminate_zeros()
        asked = np.flatnonzero((np.diff(new.indptr) > 0) & (np.diff(history.indptr) > 0))
        if asked.size == 0 or config.users == 0:
            return None
        random = np.random.default_rng(seed)
        drawn = np.sort(random.choice(asked, min(config.users, asked.size), replace=False))
        chosen = {name: csr_array(weights[drawn]) for name, weights in profiles.items()}
        return cls(chosen, csr_array(new[drawn]), csr_array(history[drawn]), config.metric)

    def __call__(self, tower: Tower) -> float:
        """The metric of a tower, the mean over users."""
        values = [self.per_user(tower, weights).mean() for weights in self.profiles.values()]
        return float(max(values))

    def per_user(self, tower: Tower, weights: csr_array) -> DoubleArray:
        """The metric of every user from one weighted history each, ``(n,)``."""
        top = self._top(tower, weights, parse_metric(self.metric)[1])
        rows = np.repeat(np.arange(top.shape[0]), top.shape[1])
        hits = np.asarray(self.targets[rows, top.ravel()]).ravel() > 0
        return per_user(self.metric, hits.reshape(top.shape), np.diff(self.targets.indptr))

    def _top(self, tower: Tower, weights: csr_array, k: int) -> IntArray:
        """The best ``k`` items of every user, ``(n, k)``."""
        embeddings = tower.item_embeddings
        order = np.random.default_rng(0).permutation(embeddings.shape[0])
        shuffled = embeddings[order]
        tops = []
        for start in range(0, weights.shape[0], BLOCK_USERS):
            block = slice(start, start + BLOCK_USERS)
            scores = tower.fold_in(csr_array(weights[block])) @ shuffled.T
            seen = None if self.seen is None else csr_array(self.seen[block])
            tops.append(top_items(scores, k, order, seen))
        return np.concatenate(tops)
