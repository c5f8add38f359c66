"""Shares of a joint worth: which coalitions are asked, and how their worths are weighed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations
from math import factorial
from typing import TypeAlias, TypeVar

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray

T = TypeVar("T")


def union_values(unions: Sequence[Hashable]) -> tuple[BoolArray, DoubleArray]:
    """How the worths of coalitions turn into the players' shares, when some play as a union.

    A union's share is its Shapley value (Shapley 1953) among the unions, exactly. Inside a union
    of several, each player's share is its Shapley value in the games that the union plays alone
    and with all others present, half each; what then lacks to the union's share is spread evenly.
    Of ``n`` players in unions of three, about ``2^(n / 3)`` coalitions are asked in place of
    ``2^n``. Where each player is a union of its own, shares are Shapley values.

    Args:
        unions: ``(n,)`` the union of each player.

    Returns:
        Coalitions ``(n_coalitions, n)``, the empty one first, and weights ``(n_coalitions, n)``:
        worths of coalitions times weights are the shares, and sum to the worth of all less that of
        none.

    >>> coalitions, weights = union_values(["a", "b"])
    >>> coalitions.astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    >>> (np.array([0.0, 2.0, 3.0, 9.0]) @ weights).tolist()
    [4.0, 5.0]
    """
    n = len(unions)
    members = {union: [p for p in range(n) if unions[p] == union] for union in unions}
    place: dict[frozenset[int], int] = {}
    for chosen in _all_subsets(list(members)):
        place.setdefault(frozenset(p for union in chosen for p in members[union]), len(place))
    entries: dict[tuple[int, int], float] = defaultdict(float)

    def credit(players: Sequence[int], gains: Iterator[_Gain], part: float) -> None:
        for with_it, without_it, share in gains:
            rows = [place.setdefault(each, len(place)) for each in (with_it, without_it)]
            for player in players:
                entries[rows[0], player] += part * share
                entries[rows[1], player] -= part * share

    for union, own in members.items():
        others = [members[other] for other in members if other != union]
        size = len(own)
        credit(own, _gains(own, others, frozenset()), 1 / size)
        if size == 1:
            continue
        everyone = frozenset(p for other in others for p in other)
        for surroundings in (frozenset[int](), everyone):
            for player in own:
                partners = [[p] for p in own if p != player]
                rest = [p for p in own if p != player]
                # of a player's own share, the mean over the union is taken off again
                credit([player], _gains([player], partners, surroundings), 0.5 - 0.5 / size)
                credit(rest, _gains([player], partners, surroundings), -0.5 / size)
    coalitions = np.array([[p in each for p in range(n)] for each in place], dtype=bool)
    weights = np.zeros((len(place), n))
    for (row, player), weight in entries.items():
        weights[row, player] = weight
    return coalitions, weights


_Gain: TypeAlias = tuple[frozenset[int], frozenset[int], float]
"""A coalition with some players, the same without them, and how likely those joined it."""


def _gains(
    own: Sequence[int], others: Sequence[Sequence[int]], surroundings: frozenset[int]
) -> Iterator[_Gain]:
    n = len(others)
    for chosen in _all_subsets(others):
        share = factorial(len(chosen)) * factorial(n - len(chosen)) / factorial(n + 1)
        without = surroundings.union(player for union in chosen for player in union)
        yield without.union(own), without, share


def _all_subsets(values: Sequence[T]) -> Iterator[tuple[T, ...]]:
    for size in range(len(values) + 1):
        yield from combinations(values, size)
