"""Weights by which items foretell each other."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from hybridrec.fusion import slim as module
from hybridrec.fusion.slim import slim

RANDOM = np.random.default_rng(5)
ROWS = csr_array(RANDOM.random((40, 9)) * (RANDOM.random((40, 9)) < 0.5))
"""Every two of its items share a row."""


def ease(rows: np.ndarray, regularization: float) -> np.ndarray:
    """The closed form of Steck (2019)."""
    precision = np.linalg.inv(rows.T @ rows + regularization * np.eye(rows.shape[1]))
    weights = -precision / np.diag(precision)
    np.fill_diagonal(weights, 0)
    return weights


def test_all_items_as_neighbours_are_ease() -> None:
    weights = slim(ROWS, neighbours=20, regularization=2.0)

    np.testing.assert_allclose(weights.toarray(), ease(ROWS.toarray(), 2.0), atol=1e-5)


def test_an_item_is_regressed_on_the_nearest_by_cosine() -> None:
    weights = slim(ROWS, neighbours=3, regularization=0.5).toarray()

    rows = ROWS.toarray()
    unit = rows / np.linalg.norm(rows, axis=0)
    cosines = unit.T @ unit - 2 * np.eye(9)
    for item in range(9):
        nearest = np.argsort(-cosines[item])[:3]
        near = rows[:, nearest]
        ridge = np.linalg.solve(near.T @ near + 0.5 * np.eye(3), near.T @ rows[:, item])
        np.testing.assert_allclose(weights[nearest, item], ridge, atol=1e-5)
        assert np.count_nonzero(weights[:, item]) == 3


def test_items_that_share_no_row_foretell_nothing() -> None:
    rows = csr_array(np.array([[1.0, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0]]))

    weights = slim(rows, neighbours=2, regularization=1.0).toarray()

    np.testing.assert_allclose(weights[:2, :2], [[0, 2 / 3], [2 / 3, 0]], atol=1e-6)
    assert not weights[2:].any()
    assert not weights[:, 2:].any()


@pytest.mark.parametrize(("block", "slice_rows"), [(1, 1024), (2, 7), (64, 1)])
def test_sizes_of_blocks_change_nothing(
    monkeypatch: pytest.MonkeyPatch, block: int, slice_rows: int
) -> None:
    whole = slim(ROWS, neighbours=4, regularization=1.0).toarray()
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "ROWS", slice_rows)

    parts = slim(ROWS, neighbours=4, regularization=1.0).toarray()

    np.testing.assert_allclose(parts, whole, atol=1e-5)
