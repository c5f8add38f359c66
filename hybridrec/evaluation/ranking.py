"""The best items by a score for every (user, item)."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray


def top_items(
    scores: FloatArray, k: int, order: IntArray, excluded: csr_array | None = None
) -> IntArray:
    """The best ``k`` items of every user, best first, ``(n_users, k)`` item rows.

    Args:
        scores: ``(n_users, n_items)``, columns in the order of ``order``; overwritten.
        k: how many; all where there are fewer.
        order: ``(n_items,)`` the item row of each column. At random, so that items which score the
            same do not come in an order that means something.
        excluded: ``(n_users, n_items)`` stored where an item is not to be ranked; these come last.
    """
    if excluded is not None:
        place = np.empty(order.size, dtype=np.int64)
        place[order] = np.arange(order.size)
        rows = np.repeat(np.arange(excluded.shape[0]), np.diff(excluded.indptr))
        scores[rows, place[excluded.indices]] = -np.inf
    best = torch.topk(torch.from_numpy(scores), min(k, scores.shape[1]), dim=1).indices
    return np.asarray(order[best.numpy()])
