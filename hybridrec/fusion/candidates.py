"""Which items reach the ranker: the best of every source, joined."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, FloatArray
from hybridrec.config import CandidatesConfig
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.profiles import Scores


def find_candidates(
    scores: Scores,
    popularity: FloatArray,
    own: csr_array | None,
    allowed: BoolArray,
    config: CandidatesConfig,
    include: int | None = None,
) -> Pairs:
    """The best items of every scorer under every profile, the popular, and the user's own.

    Args:
        scores: what towers and neighbours give every item, for a block of users.
        popularity: ``(n_items,)`` how popular items are now.
        own: the users' weighted histories, whose best are candidates too; ``None`` where items
            once seen are not wanted again.
        allowed: ``(n_users, n_items)`` which items may be recommended at all.
        config: how many of each.
        include: an item that is to be a candidate of everyone, whatever the sources say.
    """
    chosen = np.zeros_like(allowed)
    for block in scores.blocks.values():
        _mark_best(chosen, np.where(allowed, block, -np.inf), config.per_source)
    _mark_best(chosen, np.where(allowed, popularity, -np.inf), config.per_source)
    if own is not None:
        rows = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr))
        order = np.lexsort((-own.data, rows))
        rank = np.arange(own.nnz) - np.repeat(own.indptr[:-1], np.diff(own.indptr))
        best = order[rank < config.own]
        chosen[rows[best], own.indices[best]] = True
    chosen &= allowed
    if include is not None:
        chosen[:, include] = True
    return Pairs.from_mask(chosen)


def _mark_best(chosen: BoolArray, scores: FloatArray, n: int) -> None:
    # numpy's argpartition takes ten times as long where many scores are equal
    best = torch.topk(torch.from_numpy(scores), min(n, scores.shape[1]), sorted=False)
    np.put_along_axis(chosen, best.indices.numpy(), True, axis=1)
