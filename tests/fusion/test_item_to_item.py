"""A sparse matrix from items to items, as a scorer."""

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from hybridrec.data.histories import Histories
from hybridrec.fusion.item_to_item import ItemToItem
from hybridrec.towers.base import mean_weights

HISTORIES = Histories(
    np.array([0, 2, 4, 7, 8]),
    np.array([0, 2, 0, 2, 0, 1, 0, 4]),
    np.array([3.0, 1.0, 2.0, 0.0, 5.0, 4.0, 3.0, 0.0]),
    np.ones(8, dtype=np.float32),
    6,
    timed=True,
)


def made() -> ItemToItem:
    return ItemToItem(csr_array(random_array((6, 6), density=0.5, rng=3), dtype=np.float32))


def test_scores_are_of_the_mean_of_a_history() -> None:
    matrix = made()
    weights = HISTORIES.weights()

    scores = matrix.scores(weights)

    expected = mean_weights(weights).toarray() @ matrix.weights.toarray()
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@pytest.mark.parametrize("user", [0, 2])
def test_parts_of_past_items_sum_to_the_score(user: int) -> None:
    matrix = made()
    weights = csr_array(HISTORIES.weights()[[user]])
    items = np.array([3, 0, 5, 1])

    parts = matrix.attribute(weights, items)

    assert parts.shape == (weights.nnz, 4)
    scores = matrix.scores(weights)[0, items]
    np.testing.assert_allclose(parts.sum(axis=0), scores, atol=1e-6)
    beyond = matrix.attribute(weights, items[:2], among=items)
    np.testing.assert_allclose(beyond, parts[:, :2] - parts.mean(axis=1, keepdims=True), atol=1e-6)


def test_a_user_without_history_is_foretold_nothing() -> None:
    nothing = csr_array(np.zeros((1, 6), dtype=np.float32))

    assert not made().scores(nothing).any()
    assert made().attribute(nothing, np.array([1, 2])).shape == (0, 2)


def test_further_items_neither_foretell_nor_are_foretold() -> None:
    matrix = made()

    more = matrix.extended(2)

    assert more.weights.shape == (8, 8)
    np.testing.assert_array_equal(more.weights.toarray()[:6, :6], matrix.weights.toarray())
    assert more.weights.nnz == matrix.weights.nnz


def test_saved_weights_come_back() -> None:
    matrix = made()

    again = ItemToItem.from_arrays(matrix.arrays())

    np.testing.assert_array_equal(again.weights.toarray(), matrix.weights.toarray())


@pytest.mark.parametrize("n", [1, 2, 6])
def test_the_strongest_of_each_item_are_kept(n: int) -> None:
    every = made().weights

    kept = ItemToItem.strongest(every, n).weights.toarray()

    for whole, part in zip(every.toarray(), kept, strict=True):
        best = np.sort(whole)[::-1][:n]
        np.testing.assert_array_equal(np.sort(part)[::-1][:n], best)
        assert np.count_nonzero(part) == min(n, np.count_nonzero(whole))
        np.testing.assert_array_equal(part[part > 0], whole[part > 0])
