"""Shares of a joint worth."""

from itertools import permutations

import numpy as np
import pytest

from hybridrec.fusion.shapley import union_values

UNIONS = (
    ["a", "b", "c"],
    ["a", "a", "b"],
    ["a", "b", "a", "b"],
    ["a", "a", "a", "b", "c"],
    ["a", "a"],
    ["a"],
)


def shapley(players: list[list[int]], worth: dict[frozenset[int], float]) -> list[float]:
    """What each group of players brings, the mean over all orders in which the groups join."""
    shares = [0.0] * len(players)
    orders = list(permutations(range(len(players))))
    for order in orders:
        joined: frozenset[int] = frozenset()
        for group in order:
            after = joined.union(players[group])
            shares[group] += (worth[after] - worth[joined]) / len(orders)
            joined = after
    return shares


@pytest.mark.parametrize("unions", UNIONS)
def test_shares_are_means_over_orders_of_joining(unions: list[str]) -> None:
    coalitions, of_unions, of_players = union_values(unions)
    worths = np.random.default_rng(3).normal(size=len(coalitions))
    asked = (frozenset(np.flatnonzero(row).tolist()) for row in coalitions)
    worth = dict(zip(asked, worths.tolist(), strict=True))
    members = [[p for p, own in enumerate(unions) if own == u] for u in dict.fromkeys(unions)]

    shares = shapley(members, worth)

    np.testing.assert_allclose(worths @ of_unions, shares, atol=1e-12)
    brought = worths @ of_players
    for own, share in zip(members, shares, strict=True):
        if len(own) == 1:
            assert brought[own[0]] == pytest.approx(share)
            continue
        everyone = frozenset(range(len(unions)))
        games = []
        for others in (frozenset(), everyone.difference(own)):
            part = {key - others: v for key, v in worth.items() if key - set(own) == others}
            games.append(shapley([[player] for player in own], part))
        np.testing.assert_allclose(brought[own], np.mean(games, axis=0), atol=1e-12)


@pytest.mark.parametrize("unions", UNIONS)
def test_what_adds_up_is_what_each_player_brings(unions: list[str]) -> None:
    coalitions, of_unions, of_players = union_values(unions)
    brings = np.arange(1.0, len(unions) + 1)

    worths = coalitions @ brings

    np.testing.assert_allclose(worths @ of_players, brings, atol=1e-12)
    sums = [brings[[own == union for own in unions]].sum() for union in dict.fromkeys(unions)]
    np.testing.assert_allclose(worths @ of_unions, sums, atol=1e-12)


@pytest.mark.parametrize("unions", UNIONS)
def test_a_player_that_changes_nothing_brings_nothing(unions: list[str]) -> None:
    coalitions, _, of_players = union_values(unions)
    random = np.random.default_rng(5)
    worth: dict[tuple[bool, ...], float] = {}
    worths = [worth.setdefault(tuple(row[1:]), random.normal()) for row in coalitions.tolist()]

    assert (np.array(worths) @ of_players)[0] == pytest.approx(0, abs=1e-12)


def test_players_alone_share_by_shapley() -> None:
    coalitions, weights, _ = union_values(["a", "b", "c"])
    worth = {(0, 0, 0): 0, (1, 0, 0): 6, (0, 1, 0): 0, (0, 0, 1): 0}
    worth |= {(1, 1, 0): 12, (1, 0, 1): 6, (0, 1, 1): 0, (1, 1, 1): 12}

    shares = np.array([worth[tuple(row)] for row in coalitions.astype(int).tolist()]) @ weights

    np.testing.assert_allclose(shares, [9, 3, 0])


@pytest.mark.parametrize("unions", UNIONS)
def test_shares_sum_to_what_all_are_worth_more_than_none(unions: list[str]) -> None:
    coalitions, weights, _ = union_values(unions)

    everyone = coalitions.all(axis=1)
    nobody = ~coalitions.any(axis=1)
    np.testing.assert_allclose(weights.sum(axis=1), everyone.astype(float) - nobody, atol=1e-12)
    assert nobody[0]
    assert len(np.unique(coalitions, axis=0)) == len(coalitions)


def test_unions_spare_coalitions() -> None:
    scorers = [name for name in "abcde" for _ in range(3)]

    assert len(union_values([*scorers, *"fghij"])[0]) < 1_100
    assert len(union_values(list("abcdefg"))[0]) == 2**7
