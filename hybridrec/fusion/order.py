"""The order in which people meet things: which items come early, and which late."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import cg
from scipy.stats import rankdata

from hybridrec.arrays import FloatArray
from hybridrec.data.histories import Histories

STEPS: Final = 5
"""How many events later an item still counts as coming after another."""
HALF_LIFE_DAYS: Final = 0.5
"""Days between two events after which their order counts half: what is met in one visit has an
order of its own, and what was met last year says little of what comes before what."""
SHRINKAGE: Final = 0.1
"""Draws items that were compared with few others to the middle."""


def usual_order(histories: Histories) -> FloatArray:
    """Where each item stands in the order in which people meet things, ``(n_items,)``.

    Every item gets a place such that those met one after the other lie a step apart, as nearly as
    can be: the places ``s`` minimise ``Σ w (s_after − s_before − 1)² + α Σ s²`` over all pairs of
    a user's neighbouring events, a sparse linear system (SpringRank; De Bacco, Larremore and
    Moore, Science Advances 4, 2018). A pair of events counts half for every half day between
    them, where there are times.

    Args:
        histories: what every user did, in order.

    Returns:
        0 for what comes first to 1 for what comes last; items that tell nothing share a place.
    """
    users, items, ages = histories.users, histories.items, histories.ages
    before, after, weights = [], [], []
    for step in range(1, STEPS + 1):
        same = users[step:] == users[:-step]
        before.append(items[:-step][same])
        after.append(items[step:][same])
        apart = (ages[:-step] - ages[step:])[same] if histories.timed else np.zeros(same.sum())
        weights.append(np.exp2(-apart / HALF_LIFE_DAYS))
    n_items = histories.n_items
    places = (np.concatenate(before), np.concatenate(after))
    follows = csr_array((np.concatenate(weights), places), shape=(n_items, n_items))
    led = np.asarray(follows.sum(axis=1)).ravel()
    followed = np.asarray(follows.sum(axis=0)).ravel()
    springs = csr_array(diags_array(led + followed + SHRINKAGE) - follows - follows.T)
    solved, _ = cg(springs, followed - led, rtol=1e-4, maxiter=200)
    # what was compared with nothing lies at 0, and rounding must not part it
    return np.asarray((rankdata(np.round(solved, 6)) - 0.5) / n_items, dtype=np.float32)
