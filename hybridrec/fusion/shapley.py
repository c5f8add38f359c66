"""Shares of a joint worth: which coalitions are asked, and how their worths are weighed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import TypeAlias, TypeVar

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray

T = TypeVar("T")


def union_values(
    unions: Sequence[Hashable],
) -> tuple[BoolArray, DoubleArray, DoubleArray]:
    """How the worths of coalitions turn into shares, when some players play as a union.

    A union's share is its Shapley value (Shapley 1953) among the unions, exactly. That of a player
    inside a union of several is its Shapley value in the games that the union plays alone and with
    all others present, half each: what it brings itself, which need not sum to the union's share.
    Of ``n`` players in unions of three, about ``2^(n / 3)`` coalitions are asked in place of
    ``2^n``. Where each player is a union of its own, shares are Shapley values.

    Args:
        unions: ``(n,)`` the union of each player.

    Returns:
        Coalitions ``(n_coalitions, n)``, the empty one first, and weights
        ``(n_coalitions, n_unions)`` and ``(n_coalitions, n)``: worths of coalitions times weights
        are the shares of unions, in the order in which they first come, and of players. Those of
        the unions sum to the worth of all less that of none.

    >>> coalitions, of_unions, of_players = union_values(["a", "b"])
    >>> coalitions.astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    >>> (np.array([0.0, 2.0, 3.0, 9.0]) @ of_unions).tolist()
    [4.0, 5.0]
    """
    n = len(unions)
    members = {union: [p for p in range(n) if unions[p] == union] for union in unions}
    place: dict[frozenset[int], int] = {}
    for chosen in _all_subsets(list(members)):
        place.setdefault(frozenset(p for union in chosen for p in members[union]), len(place))
    of_unions: dict[tuple[int, int], float] = defaultdict(float)
    of_players: dict[tuple[int, int], float] = defaultdict(float)

    def credit(
        shares: dict[tuple[int, int], float], whose: int, gains: Iterable[_Gain], part: float = 1.0
    ) -> None:
        for with_it, without_it, share in gains:
            for coalition, sign in ((with_it, part), (without_it, -part)):
                shares[place.setdefault(coalition, len(place)), whose] += sign * share

    for number, (union, own) in enumerate(members.items()):
        others = [members[other] for other in members if other != union]
        gains = list(_gains(own, others, frozenset()))
        credit(of_unions, number, gains)
        if len(own) == 1:
            credit(of_players, own[0], gains)
            continue
        everyone = frozenset(p for other in others for p in other)
        for surroundings in (frozenset[int](), everyone):
            for player in own:
                partners = [[p] for p in own if p != player]
                credit(of_players, player, _gains([player], partners, surroundings), 0.5)
    coalitions = np.array([[p in each for p in range(n)] for each in place], dtype=bool)

    def weights(shares: Mapping[tuple[int, int], float], number: int) -> DoubleArray:
        found = np.zeros((len(place), number))
        for entry, weight in shares.items():
            found[entry] = weight
        return found

    return coalitions, weights(of_unions, len(members)), weights(of_players, n)


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
