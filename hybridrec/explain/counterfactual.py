"""What would have to be different for an item to leave the list."""

from __future__ import annotations

import numpy as np

from hybridrec.arrays import IntArray
from hybridrec.config import Exclude
from hybridrec.data.histories import Histories
from hybridrec.fusion.pipeline import Fusion

MOST_REMOVED = 24


def smallest_removal(
    fusion: Fusion, history: Histories, question: Exclude, item: int, order: IntArray, k: int
) -> IntArray | None:
    """The shortest beginning of ``order`` whose removal drops an item out of the top ``k``.

    Every shortened history is folded in and ranked again.

    Args:
        fusion: towers and rankers.
        history: the history of one user.
        question: which ranker is asked.
        item: the item row.
        order: item rows of the history, the weightiest first.
        k: length of the list.

    Returns:
        The item rows to remove; ``None`` if the item is not in the list, or stays in it whatever
        of the first 24 is removed.
    """
    order = order[:MOST_REMOVED]
    rank_of = np.full(history.n_items, order.size)
    rank_of[order] = np.arange(order.size)
    removed_at = rank_of[history.items]
    # version n of the user lacks the first n items of the order
    versions = [removed_at >= n for n in range(order.size + 1)]
    kept = np.concatenate(versions)
    shortened = Histories(
        np.concatenate([[0], np.cumsum([version.sum() for version in versions])]).astype(np.int64),
        np.tile(history.items, len(versions))[kept],
        np.tile(history.ages, len(versions))[kept],
        np.tile(history.strengths, len(versions))[kept],
        history.n_items,
        history.timed,
    )
    candidates = fusion.candidates(shortened, question)
    scores = candidates.scores
    top = candidates.pairs.top(scores, k)
    users, items = candidates.pairs.users[top], candidates.pairs.items[top]
    listed = np.zeros(len(versions), dtype=bool)
    listed[users[items == item]] = True
    left = np.flatnonzero(~listed)
    if not listed[0] or left.size == 0:
        return None
    return order[: left[0]]
