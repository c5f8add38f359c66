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
NEGLIGIBLE: Final = 1e-6
"""Weight of a pair that is left out: ten days apart."""
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
    items, ages, n_items = histories.items, histories.ages, histories.n_items
    follows: csr_array = csr_array((n_items, n_items))
    for step in range(1, STEPS + 1):
        first = histories.followed(step)
        later = first + step
        apart = ages[first] - ages[later] if histories.timed else np.zeros(first.size)
        weights = np.exp2(-apart / HALF_LIFE_DAYS)
        near = weights > NEGLIGIBLE
        places = (items[first[near]], items[later[near]])
        follows = follows + csr_array((weights[near], places), shape=(n_items, n_items))
    led = np.asarray(follows.sum(axis=1)).ravel()
    followed = np.asarray(follows.sum(axis=0)).ravel()
    springs = csr_array(diags_array(led + followed + SHRINKAGE) - follows - follows.T)
    solved, _ = cg(springs, followed - led, rtol=1e-4, maxiter=200)
    # what was compared with nothing lies at 0, and rounding must not part it
    return np.asarray((rankdata(np.round(solved, 6)) - 0.5) / n_items, dtype=np.float32)
