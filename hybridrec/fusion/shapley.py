"""Shares of a joint worth: which coalitions are asked, and how their worths are weighed."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from math import factorial

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray


def owen_values(unions: Sequence[Hashable]) -> tuple[BoolArray, DoubleArray]:
    """How coalitions of players turn into the players' shares, when some join as a union.

    Shares are means over all orders of joining in which the players of a union follow each other
    (Owen 1977). Those of a union add up to its Shapley value among the unions (Shapley 1953); where
    each player is a union of its own they are Shapley values. Of ``n`` players in unions of two,
    about ``2^(n / 2) · n / 2`` coalitions are asked in place of ``2^n``.

    Args:
        unions: ``(n,)`` the union of each player.

    Returns:
        Coalitions ``(n_coalitions, n)``, the empty one first, and weights ``(n_coalitions, n)``:
        worths of coalitions times weights are the shares, and sum to the worth of all less that of
        none.

    >>> coalitions, weights = owen_values(["a", "b"])
    >>> coalitions.astype(int).tolist()
    [[0, 0], [1, 0], [1, 1], [0, 1]]
    >>> (np.array([0.0, 2.0, 9.0, 3.0]) @ weights).tolist()
    [4.0, 5.0]
    """
    n = len(unions)
    members = {union: [p for p in range(n) if unions[p] == union] for union in unions}
    place: dict[frozenset[int], int] = {frozenset(): 0}
    gains: list[tuple[int, int, int, float]] = []
    for union, own in members.items():
        others = [other for other in members if other != union]
        for joined, share in _subsets(len(others)):
            before = frozenset(p for other in joined for p in members[others[other]])
            for player in own:
                rest = [p for p in own if p != player]
                for partners, part in _subsets(len(rest)):
                    without = before.union(rest[p] for p in partners)
                    asked = (without | {player}, without)
                    rows = [place.setdefault(each, len(place)) for each in asked]
                    gains.append((rows[0], rows[1], player, share * part))
    coalitions = np.array([[p in each for p in range(n)] for each in place], dtype=bool)
    weights = np.zeros((len(place), n))
    for with_it, without_it, player, share in gains:
        weights[with_it, player] += share
        weights[without_it, player] -= share
    return coalitions, weights


def _subsets(n: int) -> Iterator[tuple[tuple[int, ...], float]]:
    """All subsets of ``n`` others, and how likely they are those who joined before one more."""
    for size in range(n + 1):
        share = factorial(size) * factorial(n - size) / factorial(n + 1)
        for subset in combinations(range(n), size):
            yield subset, share
