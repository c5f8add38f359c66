"""Shares of a joint worth."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from hybridrec.fusion.shapley import owen_values

UNIONS = (
    ["a", "b", "c"],
    ["a", "a", "b"],
    ["a", "b", "a", "b"],
    ["a", "a", "a", "b", "c"],
    ["a", "a"],
    ["a"],
)


def contiguous(order: tuple[int, ...], unions: list[str]) -> bool:
    """Whether the players of each union follow each other."""
    named = [unions[player] for player in order]
    changes = sum(one != other for one, other in pairwise(named))
    return changes == len(set(unions)) - 1


@pytest.mark.parametrize("unions", UNIONS)
def test_shares_are_means_over_the_orders_that_keep_unions_together(unions: list[str]) -> None:
    coalitions, weights = owen_values(unions)
    worths = np.random.default_rng(3).normal(size=len(coalitions))
    worth = {tuple(row): value for row, value in zip(coalitions.tolist(), worths, strict=True)}

    n = len(unions)
    orders = [order for order in permutations(range(n)) if contiguous(order, unions)]
    expected = np.zeros(n)
    for order in orders:
        joined = [False] * n
        for player in order:
            before = worth[tuple(joined)]
            joined[player] = True
            expected[player] += (worth[tuple(joined)] - before) / len(orders)

    np.testing.assert_allclose(worths @ weights, expected, atol=1e-12)


@pytest.mark.parametrize("unions", UNIONS)
def test_shares_sum_to_what_all_are_worth_more_than_none(unions: list[str]) -> None:
    coalitions, weights = owen_values(unions)

    everyone = coalitions.all(axis=1)
    nobody = ~coalitions.any(axis=1)
    np.testing.assert_allclose(weights.sum(axis=1), everyone.astype(float) - nobody, atol=1e-12)
    assert nobody[0]
    assert len(np.unique(coalitions, axis=0)) == len(coalitions)


def test_unions_spare_coalitions() -> None:
    four_pairs_and_three = [*list("aabbccdd"), "e", "f", "g"]

    assert len(owen_values(four_pairs_and_three)[0]) < 700
    assert len(owen_values(list("abcdefg"))[0]) == 2**7
