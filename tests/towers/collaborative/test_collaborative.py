"""The collaborative tower: two solvers, one objective; taste clusters are found."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.stats import rankdata

from hybridrec.data import Histories
from hybridrec.towers.base import TrainingData
from hybridrec.towers.collaborative import ials
from hybridrec.towers.collaborative.config import CollaborativeConfig
from hybridrec.towers.collaborative.tower import CollaborativeTower

REGULARIZATION = 1.0


@pytest.fixture(scope="module")
def tower() -> CollaborativeTower:
    config = CollaborativeConfig(embedding_dim=8, iterations=20, regularization=REGULARIZATION)
    return CollaborativeTower(config, seed=1, device="cpu")


@pytest.fixture(scope="module")
def confidences(training_data: TrainingData, tower: CollaborativeTower) -> csr_array:
    return tower.confidences(training_data.histories.weights(60.0))


def start(confidences: csr_array, dim: int = 8) -> np.ndarray:
    shape = (confidences.shape[1], dim)
    return np.random.default_rng(5).random(shape, dtype=np.float32) * np.float32(0.01)


def brute_force_loss(
    confidences: csr_array, users: np.ndarray, items: np.ndarray, regularization: float
) -> float:
    total = regularization * ((users**2).sum() + (items**2).sum())
    dense = confidences.toarray()
    for user in range(dense.shape[0]):
        for item in range(dense.shape[1]):
            met = dense[user, item] > 0
            confidence = dense[user, item] if met else 1.0
            total += confidence * (float(met) - users[user] @ items[item]) ** 2
    return float(total)


def test_the_loss_is_the_sum_over_all_pairs(confidences: csr_array) -> None:
    random = np.random.default_rng(0)
    users = random.normal(size=(confidences.shape[0], 8))
    items = random.normal(size=(confidences.shape[1], 8))

    value = ials.loss(confidences, torch.from_numpy(users), torch.from_numpy(items), 0.7)

    assert value == pytest.approx(brute_force_loss(confidences, users, items, 0.7), rel=1e-6)


def test_rows_solve_the_normal_equations(confidences: csr_array) -> None:
    items = np.random.default_rng(1).normal(size=(confidences.shape[1], 8))
    dense = confidences.toarray().astype(np.float64)
    expected = []
    for row in dense:
        confidence = np.where(row > 0, row, 1.0)
        system = items.T @ (confidence[:, None] * items) + 0.7 * np.eye(8)
        expected.append(np.linalg.solve(system, items.T @ np.where(row > 0, row, 0.0)))

    solved = ials.solve_rows(confidences, torch.from_numpy(items), 0.7)

    np.testing.assert_allclose(solved.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_rows_are_solved_alike_in_batches_of_any_size(
    confidences: csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = torch.from_numpy(np.random.default_rng(1).normal(size=(confidences.shape[1], 8)))
    whole = ials.solve_rows(confidences, items, 0.7)
    monkeypatch.setattr(ials, "BATCH_ELEMENTS", 300)

    batches = list(ials.row_batches(confidences, 8))
    assert len(batches) > 5
    assert sorted(np.concatenate(batches)) == list(range(confidences.shape[0]))
    torch.testing.assert_close(ials.solve_rows(confidences, items, 0.7), whole)


def test_empty_rows_are_zero(confidences: csr_array) -> None:
    items = torch.from_numpy(start(confidences))
    empty = csr_array((3, confidences.shape[1]), dtype=np.float32)

    assert not ials.solve_rows(empty, items, 1.0).any()


def test_no_nearby_row_has_a_smaller_loss(confidences: csr_array) -> None:
    random = np.random.default_rng(2)
    items = torch.from_numpy(random.normal(size=(confidences.shape[1], 8)))
    users = ials.solve_rows(confidences, items, 0.7)
    best = ials.loss(confidences, users, items, 0.7)

    for _ in range(10):
        nearby = users + 0.01 * torch.from_numpy(random.normal(size=users.shape))
        assert ials.loss(confidences, nearby, items, 0.7) > best


def test_every_sweep_lowers_the_loss(confidences: csr_array) -> None:
    begin = torch.from_numpy(start(confidences)).double()
    losses = [
        ials.loss(confidences, *ials.fit_factors(confidences, begin, 1.0, sweeps), 1.0)
        for sweeps in (1, 2, 4, 8)
    ]

    assert losses == sorted(losses, reverse=True)


def test_torch_and_implicit_reach_the_same_answer(
    tower: CollaborativeTower, confidences: csr_array, training_data: TrainingData
) -> None:
    begin = start(confidences)
    by_torch = ials.fit_factors(confidences, torch.from_numpy(begin), REGULARIZATION, 20)[1]
    implicit = CollaborativeTower(tower.config, device="cpu")
    implicit.restore({"item_embeddings": begin}).fit(training_data)

    losses, scores = [], []
    for items in (by_torch, torch.from_numpy(implicit.item_embeddings)):
        users = ials.solve_rows(confidences, items, REGULARIZATION)
        losses.append(ials.loss(confidences, users, items, REGULARIZATION))
        scores.append((users @ items.T).numpy().ravel())

    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert np.corrcoef(*scores)[0, 1] > 0.99


def test_the_order_of_items_does_not_matter(
    tower: CollaborativeTower, confidences: csr_array, training_data: TrainingData
) -> None:
    order = np.random.default_rng(4).permutation(confidences.shape[1])
    place = np.argsort(order)
    begin = start(confidences)
    histories = training_data.histories
    permuted = replace(training_data, histories=replace(histories, items=place[histories.items]))

    losses = []
    for data, first in ((training_data, begin), (permuted, begin[order])):
        fitted = CollaborativeTower(tower.config, device="cpu")
        fitted.restore({"item_embeddings": first}).fit(data)
        items = torch.from_numpy(fitted.item_embeddings)
        met = fitted.confidences(data.histories.weights(60.0))
        users = ials.solve_rows(met, items, REGULARIZATION)
        losses.append(ials.loss(met, users, items, REGULARIZATION))

    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_items_that_nobody_met_score_nothing(
    tower: CollaborativeTower, training_data: TrainingData
) -> None:
    wider = replace(training_data.histories, n_items=training_data.histories.n_items + 3)
    fitted = CollaborativeTower(tower.config, device="cpu")
    fitted.fit(replace(training_data, histories=wider))

    assert fitted.item_embeddings.shape[0] == wider.n_items
    assert not fitted.item_embeddings[-3:].any()


def test_times_decay_what_is_learned_from(training_data: TrainingData) -> None:
    config = CollaborativeConfig(embedding_dim=4, regularization=1.0, half_life_days=5.0)
    undecayed = config.model_copy(update={"half_life_days": None})
    fits = [
        CollaborativeTower(chosen, device="cpu").fit(training_data).item_embeddings
        for chosen in (config, undecayed)
    ]
    assert not np.allclose(*fits, atol=1e-2)

    untimed = replace(training_data, histories=replace(training_data.histories, timed=False))
    fits = [
        CollaborativeTower(chosen, device="cpu").fit(untimed).item_embeddings
        for chosen in (config, undecayed)
    ]
    np.testing.assert_allclose(*fits, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", ["collaborative", "graph"])
def test_unseen_items_of_the_own_taste_come_first(
    kind: str, make_shop: Callable[..., Any], training_data: TrainingData, fitted_towers: Any
) -> None:
    shop, histories = make_shop(), training_data.histories
    met = histories.weights().toarray() > 0
    tower = fitted_towers[kind]
    scores = tower.fold_in(histories.weights()) @ tower.item_embeddings.T

    areas = []
    for user in range(histories.n_users):
        unseen = np.flatnonzero(~met[user])
        own = shop.cluster_of_item[unseen] == shop.cluster_of_user[user]
        ranks = rankdata(scores[user, unseen])
        above = ranks[own].sum() - own.sum() * (own.sum() + 1) / 2
        areas.append(above / (own.sum() * (~own).sum()))

    assert np.mean(areas) > 0.7


def test_a_checkerboard_has_a_known_answer() -> None:
    """Even users met even items and odd users odd ones, all but their own: that one comes first."""
    rows = [[item for item in range(12) if item % 2 == u % 2 and item != u] for u in range(12)]
    items = np.array([item for row in rows for item in row])
    indptr = np.arange(13) * 5
    histories = Histories(
        indptr, items, np.zeros(60), np.ones(60, dtype=np.float32), n_items=12, timed=False
    )
    config = CollaborativeConfig(embedding_dim=3, regularization=0.1, iterations=30)
    tower = CollaborativeTower(config, device="cpu")
    tower.fit(TrainingData(histories, None, None))  # type: ignore[arg-type]

    scores = tower.fold_in(histories.weights()) @ tower.item_embeddings.T
    scores[np.repeat(np.arange(12), 5), items] = -np.inf

    assert scores.argmax(axis=1).tolist() == list(range(12))
