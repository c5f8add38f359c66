"""What would have to be different for an item to leave the list."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np

from hybridrec.arrays import BoolArray, IntArray
from hybridrec.config import Exclude
from hybridrec.data.histories import Histories
from hybridrec.fusion.pipeline import Fusion

PAIRED: Final = 24
"""Pairs are sought among so many past items, those that weigh most; more are taken away only as
the first of these."""
TRIED: Final = 64
"""Shortened histories that are ranked before it is looked whether one was enough."""


def smallest_removal(
    fusion: Fusion, history: Histories, question: Exclude, item: int, order: IntArray, k: int
) -> IntArray | None:
    """The fewest past items without which an item drops out of the top ``k``, as few as found.

    One item is sought among all, two among all pairs of the 24 that weigh most. If neither is
    enough, the shortest beginning of these is taken, less those of it that are not needed. Every
    shortened history is folded in and ranked again, so that what is returned is verified.

    Args:
        fusion: towers and rankers.
        history: the history of one user.
        question: which ranker is asked.
        item: the item row.
        order: ``(n_past,)`` the item rows of the history, the weightiest first.
        k: length of the list.

    Returns:
        The item rows to remove, the weightiest first; ``None`` if the item is not in the list, or
        no removal tried drops it out.
    """

    def drops_out(removals: BoolArray) -> BoolArray:
        shortened = without(history, order, removals)
        listed = np.zeros(len(removals), dtype=bool)
        for rows, block in fusion.blocks(shortened, question):
            top = block.pairs.top(block.scores, k)
            listed[rows[block.pairs.users[top[block.pairs.items[top] == item]]]] = True
        return ~listed

    if drops_out(np.zeros((1, order.size), dtype=bool))[0]:
        return None
    for removals in _removals(order.size):
        enough = np.flatnonzero(drops_out(removals))
        if enough.size == 0:
            continue
        removal = removals[enough[0]]
        if removal.sum() > 2:
            for place in np.flatnonzero(removal)[::-1]:
                fewer = removal.copy()
                fewer[place] = False
                if drops_out(fewer[None])[0]:
                    removal = fewer
        found: IntArray = order[removal]
        return found
    return None


def _removals(n_past: int) -> Iterator[BoolArray]:
    """What is tried, the smallest first, ``(n, n_past)``: true where a past item is removed."""
    first = min(n_past, PAIRED)
    pairs = np.array(sorted(combinations(range(first), 2), key=sum), dtype=np.int64).reshape(-1, 2)
    two = np.zeros((len(pairs), n_past), dtype=bool)
    np.put_along_axis(two, pairs, True, axis=1)
    for some in (np.eye(n_past, dtype=bool), two, np.tri(first, n_past, dtype=bool)[2:]):
        yield from np.array_split(some, range(TRIED, len(some), TRIED)) if len(some) else ()


def without(history: Histories, order: IntArray, removals: BoolArray) -> Histories:
    """The history of one user without each of some sets of items, one below the other.

    Args:
        history: of the user.
        order: ``(n_past,)`` the item rows of the history, each once.
        removals: ``(n, n_past)`` true where an item is left out.

    Returns:
        As if of ``n`` users.
    """
    place = np.zeros(history.n_items, dtype=np.int64)
    place[order] = np.arange(order.size)
    kept = ~removals[:, place[history.items]]
    events = np.nonzero(kept)[1]
    return Histories(
        np.concatenate([[0], np.cumsum(kept.sum(axis=1))]).astype(np.int64),
        history.items[events],
        history.ages[events],
        history.strengths[events],
        history.n_items,
        history.timed,
    )
