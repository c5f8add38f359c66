"""Candidates sought in few dimensions, and scored in all."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.profiles import Scores
from hybridrec.fusion.search import LONG, SearchAxes, best_of_rows, inner_products
from hybridrec.towers.base import HistoryMeanTower

USERS, ITEMS, DIM = 5, 40, 16


class Embedded(HistoryMeanTower):
    """A tower of given embeddings."""

    name = "embedded"

    def __init__(self, embeddings: np.ndarray) -> None:
        super().__init__()
        self._item_embeddings = embeddings

    def fit(self, data: object, session: object = None) -> "Embedded":
        raise AssertionError("fitted already")

    def state(self) -> dict[str, np.ndarray]:
        raise AssertionError("not saved")

    def restore(self, arrays: object) -> "Embedded":
        raise AssertionError("not saved")


@pytest.fixture
def embeddings() -> np.ndarray:
    random = np.random.default_rng(0)
    scale = 2.0 ** -np.arange(DIM)
    turned = np.linalg.qr(random.normal(size=(DIM, DIM)))[0]
    return (random.normal(size=(ITEMS, DIM)) * scale @ turned).astype(np.float32)


@pytest.fixture
def weights() -> dict[str, csr_array]:
    random = np.random.default_rng(1)
    drawn = random.random((USERS, ITEMS)) * (random.random((USERS, ITEMS)) < 0.2)
    return {"long": csr_array(drawn, dtype=np.float32), "short": csr_array(drawn**4)}


def test_all_axes_give_inner_products(embeddings: np.ndarray) -> None:
    axes = SearchAxes.of(embeddings, DIM)

    np.testing.assert_allclose(axes.scores(embeddings), embeddings @ embeddings.T, atol=1e-4)


def test_leading_axes_are_the_best_of_their_number(embeddings: np.ndarray) -> None:
    axes = SearchAxes.of(embeddings, 4)

    lost = np.square(embeddings - axes.items.T @ axes.axes.T).sum()
    singular = np.linalg.svd(embeddings, compute_uv=False)
    assert lost == pytest.approx(np.square(singular[4:]).sum(), rel=1e-3)
    assert axes.items.shape == (4, ITEMS)


def test_candidates_are_scored_in_all_dimensions(
    embeddings: np.ndarray, weights: dict[str, csr_array]
) -> None:
    tower = Embedded(embeddings)
    pairs = Pairs.from_mask(np.random.default_rng(2).random((USERS, ITEMS)) < 0.3)
    axes = {"embedded": SearchAxes.of(embeddings, 2)}

    nearly, exact = Scores({"embedded": tower}, weights, axes), Scores({"embedded": tower}, weights)

    np.testing.assert_allclose(
        nearly.of_pairs("embedded", pairs), exact.of_pairs("embedded", pairs), atol=1e-5
    )
    sought = ["long", "short"]
    assert not np.allclose(
        nearly.of_all("embedded", sought), exact.of_all("embedded", sought), atol=1e-3
    )


def test_a_user_without_candidates_among_others(
    embeddings: np.ndarray, weights: dict[str, csr_array]
) -> None:
    mask = np.ones((USERS, ITEMS), dtype=bool)
    mask[[0, 3]] = False
    pairs = Pairs.from_mask(mask)
    scores = Scores({"t": Embedded(embeddings)}, weights, {"t": SearchAxes.of(embeddings, 3)})

    found = scores.of_pairs("t", pairs)[:, 0]

    expected = Embedded(embeddings).scores(weights["long"])[mask]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_products_of_several_profiles(embeddings: np.ndarray) -> None:
    vectors = np.random.default_rng(3).normal(size=(2, USERS, DIM)).astype(np.float32)

    found = inner_products(vectors, embeddings.T)

    np.testing.assert_allclose(found, vectors @ embeddings.T, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 6])
@pytest.mark.parametrize("items", [3, 40, LONG, LONG + 5, 3 * LONG + 15])
@pytest.mark.parametrize("levels", [2, 10**6])
def test_the_best_of_rows_are_the_best(rows: int, items: int, levels: int) -> None:
    scores = np.random.default_rng(4).integers(0, levels, (2, rows, items)).astype(np.float32)

    found = best_of_rows(scores, 40)

    assert found.shape == (2, rows, min(40, items))
    best = np.sort(np.take_along_axis(scores, found, axis=2))[..., ::-1]
    np.testing.assert_array_equal(best, np.sort(scores)[..., ::-1][..., :40])
    each_once = np.sort(found)
    assert (each_once[..., 1:] != each_once[..., :-1]).all()


@pytest.mark.parametrize("rows", [1, 6])
def test_what_is_minus_infinite_is_none_of_the_best(rows: int) -> None:
    scores = np.full((rows, LONG + 3), -np.inf, dtype=np.float32)
    scores[:, [5, LONG + 2]] = 1.0

    found = best_of_rows(scores, 4)

    assert np.sort(found).tolist() == [[-1, -1, 5, LONG + 2]] * rows
