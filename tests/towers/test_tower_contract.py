"""What every tower promises, held against all of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from hybridrec.errors import NotFittedError
from hybridrec.towers.base import Tower, TrainingData, mean_weights
from kg import KnowledgeGraph

HALF_LIFE = 60.0


@pytest.fixture(scope="module")
def weights(training_data: TrainingData) -> csr_array:
    return training_data.histories.weights(HALF_LIFE)


def scores(tower: Tower, weights: csr_array) -> np.ndarray:
    return tower.fold_in(weights) @ tower.item_embeddings.T


def test_every_item_has_a_finite_embedding(tower: Tower, training_data: TrainingData) -> None:
    embeddings = tower.item_embeddings

    assert embeddings.shape[0] == training_data.catalogue.height
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()
    assert np.linalg.norm(embeddings, axis=1).min() > 0


def test_an_empty_history_scores_nothing(tower: Tower) -> None:
    empty = csr_array((2, tower.item_embeddings.shape[0]), dtype=np.float32)

    np.testing.assert_array_equal(scores(tower, empty), 0.0)


def test_a_batch_folds_in_as_its_users_one_by_one(tower: Tower, weights: csr_array) -> None:
    one_by_one = np.concatenate([tower.fold_in(weights[[user]]) for user in range(20)])

    np.testing.assert_allclose(tower.fold_in(weights)[:20], one_by_one, rtol=1e-4, atol=1e-5)


def test_a_duplicated_user_has_the_same_vector(tower: Tower, weights: csr_array) -> None:
    twice = tower.fold_in(weights[[4, 9, 4]])

    np.testing.assert_allclose(twice[0], twice[2], rtol=1e-5, atol=1e-6)
    assert not np.allclose(twice[0], twice[1], rtol=1e-2)


@pytest.mark.parametrize("user", [0, 17, 59])
def test_attributions_sum_to_the_score_of_every_item(
    tower: Tower, weights: csr_array, user: int
) -> None:
    history = weights[[user]]
    items = np.arange(tower.item_embeddings.shape[0])
    expected = scores(tower, history)[0]

    parts = tower.attribute(history, items)

    assert parts.shape == (history.nnz, items.size)
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(parts.sum(axis=0), expected, rtol=1e-4, atol=tolerance)


def test_attributions_beyond_what_the_mean_of_some_gets(tower: Tower, weights: csr_array) -> None:
    history, among = weights[[17]], np.array([2, 7, 7, 30])
    every = tower.attribute(history, np.arange(tower.item_embeddings.shape[0]))

    parts = tower.attribute(history, np.array([3, 7]), among=among)

    expected = every[:, [3, 7]] - every[:, among].mean(axis=1, keepdims=True)
    np.testing.assert_allclose(parts, expected, atol=1e-5 * np.abs(every).max() + 1e-7)


def test_attributions_are_in_the_order_of_the_history(tower: Tower, weights: csr_array) -> None:
    history = weights[[3]]
    items = np.array([5, 0, 40])
    if tower.name == "collaborative":
        factors = tower.item_embeddings.astype(np.float64)
        confidence = np.log2(1 + history.toarray()[0])
        system = factors.T @ factors + factors.T @ (confidence[:, None] * factors) + np.eye(8)
        part_of_item = confidence[:, None] * factors @ np.linalg.solve(system, factors[items].T)
    else:
        past = tower.history_embeddings  # type: ignore[attr-defined]
        share = np.log1p(history.toarray()[0])
        part_of_item = (share / share.sum())[:, None] * past @ tower.item_embeddings[items].T

    np.testing.assert_allclose(
        tower.attribute(history, items), part_of_item[history.indices], rtol=1e-3, atol=1e-4
    )


def test_a_restored_tower_gives_identical_scores(
    kind: str, tower: Tower, new_tower: Callable[[str], Tower], weights: csr_array
) -> None:
    restored = new_tower(kind).restore(tower.state())

    np.testing.assert_array_equal(scores(restored, weights), scores(tower, weights))
    np.testing.assert_array_equal(
        restored.attribute(weights[[1]], np.arange(5)), tower.attribute(weights[[1]], np.arange(5))
    )


def test_a_restored_tower_embeds_new_items_alike_whatever_the_order_of_the_arrays(
    kind: str,
    tower: Tower,
    new_tower: Callable[[str], Tower],
    shop_graph: KnowledgeGraph,
    training_data: TrainingData,
) -> None:
    rows = _new_rows(training_data.catalogue)
    graph = shop_graph.add_items(rows)
    arguments = (rows, graph, graph.item_entities[-rows.height :].astype(np.int64))

    expected = tower.embed_items(*arguments)
    assert expected.shape == (rows.height, tower.item_embeddings.shape[1])
    for backwards in (False, True):
        arrays = dict(sorted(tower.state().items(), reverse=backwards))
        restored = new_tower(kind).restore(arrays)
        np.testing.assert_allclose(restored.embed_items(*arguments), expected, atol=1e-6)


def test_a_tower_refuses_to_answer_before_it_is_fitted(
    kind: str, new_tower: Callable[[str], Tower], weights: csr_array
) -> None:
    tower = new_tower(kind)

    with pytest.raises(NotFittedError, match=f"{kind} tower is not fitted"):
        _ = tower.item_embeddings
    with pytest.raises(NotFittedError, match=kind):
        tower.fold_in(weights)
    with pytest.raises(NotFittedError, match=kind):
        tower.attribute(weights[[0]], np.array([1]))
    with pytest.raises(NotFittedError, match=kind):
        tower.embed_items(pl.DataFrame({"title": ["x"]}), None, np.array([0]))


def test_an_unfitted_tower_has_no_state(kind: str, new_tower: Callable[[str], Tower]) -> None:
    with pytest.raises(NotFittedError, match=kind):
        new_tower(kind).state()


def test_a_second_fit_goes_on_from_the_first(
    kind: str,
    tower: Tower,
    new_tower: Callable[[str], Tower],
    training_data: TrainingData,
    weights: csr_array,
) -> None:
    before, afresh = tower.item_embeddings.copy(), scores(tower, weights).ravel()

    refitted = new_tower(kind).restore(tower.state()).fit(training_data)
    again = scores(refitted, weights).ravel()

    assert np.isfinite(again).all()
    assert np.corrcoef(afresh, again)[0, 1] > 0.8
    # the tower whose state was taken over is as it was
    np.testing.assert_array_equal(tower.item_embeddings, before)


def test_a_fit_is_repeatable(
    kind: str, tower: Tower, new_tower: Callable[[str], Tower], training_data: TrainingData
) -> None:
    again = new_tower(kind).fit(training_data)

    np.testing.assert_allclose(again.item_embeddings, tower.item_embeddings, rtol=1e-2, atol=1e-3)


def test_new_items_join_behind_the_old(
    kind: str, tower: Tower, new_tower: Callable[[str], Tower], training_data: TrainingData
) -> None:
    extended = new_tower(kind).restore(tower.state())
    width = tower.item_embeddings.shape[1]
    extended.extend(np.ones((2, width), dtype=np.float32))

    n = training_data.catalogue.height
    assert extended.item_embeddings.shape == (n + 2, width)
    np.testing.assert_array_equal(extended.item_embeddings[:n], tower.item_embeddings)
    np.testing.assert_array_equal(extended.item_embeddings[n:], 1.0)


def test_new_items_that_say_nothing_score_nothing(tower: Tower, weights: csr_array) -> None:
    rows = pl.DataFrame({"item_id": ["n1", "n2"], "title": [None, " "]})

    embeddings = tower.embed_items(rows, None, np.array([0, 1]))

    np.testing.assert_array_equal(tower.fold_in(weights) @ embeddings.T, 0.0)


def test_a_shop_with_one_user_can_be_learned(
    kind: str, new_tower: Callable[[str], Tower], training_data: TrainingData
) -> None:
    alone = replace(training_data, histories=training_data.histories.of([7]))

    tower = new_tower(kind).fit(alone)

    assert np.isfinite(tower.item_embeddings).all()
    assert np.isfinite(scores(tower, alone.histories.weights())).all()


class TestMeanWeights:
    def test_are_logarithms_that_sum_to_one(self) -> None:
        weights = csr_array(np.array([[0.0, 1.0, 3.0], [0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]))
        share = np.log([2.0, 4.0]) / np.log(8.0)

        np.testing.assert_allclose(
            mean_weights(weights).toarray(), [[0, *share], [0, 0, 0], [1, 0, 0]], rtol=1e-6
        )

    def test_keep_the_order_of_the_history(self) -> None:
        weights = csr_array(np.array([[0.0, 1.0, 3.0, 0.0, 2.0], [4.0, 0.0, 0.0, 1.0, 1.0]]))

        np.testing.assert_array_equal(mean_weights(weights).indices, weights.indices)

    def test_leave_the_weights_alone(self) -> None:
        weights = csr_array(np.array([[0.0, 1.0, 3.0]], dtype=np.float32))
        mean_weights(weights)

        np.testing.assert_array_equal(weights.data, [1.0, 3.0])


def _new_rows(catalogue: pl.DataFrame) -> pl.DataFrame:
    return catalogue.head(5).with_columns(
        pl.format("new {}", "item_id").alias("item_id"), pl.lit("rose coffee").alias("title")
    )
