"""What is foretold in training, and the softmax it is measured by."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from hybridrec.towers.base import TrainingData
from hybridrec.towers.graph.model import (
    FIRST_SPREAD,
    Classes,
    drawn_classes,
    folded,
    softmax_loss,
    spread_rows,
    without_taste,
)
from hybridrec.towers.graph.moments import (
    Batch,
    Moment,
    drawn_batch,
    hidden_moments,
    next_moments,
)

PROFILES = csr_array(np.array([[1.0, 2.0, 0.0, 3.0, 1.0], [0.0, 1.0, 1.0, 0.0, 0.0]]))


def test_moments_part_what_was_done_from_what_came_next(training_data: TrainingData) -> None:
    histories = training_data.histories
    moments = next_moments(histories, None)

    assert len(moments) == 6
    counts = [moment.profiles.sum() for moment in moments]
    assert counts == sorted(counts, reverse=True)  # each lies further back
    for moment in moments:
        assert moment.targets is not None
        totals = moment.targets.sum(axis=1)[moment.users]
        np.testing.assert_allclose(totals, 1.0, rtol=1e-6)
        assert (np.diff(moment.profiles.indptr)[moment.users] > 0).all()


def test_hidden_moments_need_two_items(training_data: TrainingData) -> None:
    moments = hidden_moments(training_data.histories, None)
    assert moments[0].targets is None
    assert moments[0].users.size == training_data.histories.n_users


def test_a_hidden_item_is_foretold_from_the_others() -> None:
    moment = Moment(np.array([0, 1]), PROFILES, None)
    for seed in range(20):
        batch = drawn_batch(moment, 2, 0.5, np.random.default_rng(seed))
        shown = batch.profiles.toarray()

        assert batch.excluded
        np.testing.assert_allclose(shown.sum(axis=1), 1.0, rtol=1e-6)
        assert not shown[batch.rows, batch.items].any()
        np.testing.assert_allclose(np.bincount(batch.rows, batch.shares, 2), 1.0)
        for row, user in enumerate(batch.users):
            met = {*np.flatnonzero(shown[row]), *batch.items[batch.rows == row]}
            assert met == set(np.flatnonzero(PROFILES.toarray()[user]))


def batch_of(rows: list[int], items: list[int], *, excluded: bool = False) -> Batch:
    shares = 1.0 / np.bincount(rows)[rows]
    profiles = csr_array(np.array([[0.5, 0.5, 0, 0, 0], [0, 1.0, 0, 0, 0]], dtype=np.float32))
    return Batch(np.array([0, 1]), profiles, np.array(rows), np.array(items), shares, excluded)


@pytest.fixture
def scores() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return (
        torch.randn(2, 3, generator=random),
        torch.randn(5, 3, generator=random),
        torch.randn(5, generator=random),
    )


def softmax_by_hand(
    scores: np.ndarray, target: int, others: list[int], chances: dict[int, float]
) -> float:
    negatives = sum(np.exp(scores[item]) / chances.get(item, 1.0) for item in others)
    return float(scores[target] - np.log(np.exp(scores[target]) + negatives))


def test_the_loss_is_that_of_a_softmax(
    scores: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    vectors, embeddings, biases = scores
    values = (vectors @ embeddings.T + biases).numpy()
    classes = Classes(np.arange(5), np.zeros(5))

    loss = softmax_loss(vectors, embeddings, biases, batch_of([0, 1], [3, 2]), classes)

    by_hand = softmax_by_hand(values[0], 3, [0, 1, 2, 4], {})
    by_hand += softmax_by_hand(values[1], 2, [0, 1, 3, 4], {})
    assert loss.item() == pytest.approx(-by_hand / 2, rel=1e-5)


def test_items_of_the_profile_are_no_answers_where_they_are_excluded(
    scores: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    vectors, embeddings, biases = scores
    values = (vectors @ embeddings.T + biases).numpy()
    batch = batch_of([0, 1], [3, 2], excluded=True)

    loss = softmax_loss(vectors, embeddings, biases, batch, Classes(np.arange(5), np.zeros(5)))

    by_hand = softmax_by_hand(values[0], 3, [2, 4], {})
    by_hand += softmax_by_hand(values[1], 2, [0, 3, 4], {})
    assert loss.item() == pytest.approx(-by_hand / 2, rel=1e-5)


def test_drawn_items_count_by_the_inverse_of_their_chance(
    scores: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    vectors, embeddings, biases = scores
    values = (vectors @ embeddings.T + biases).numpy()
    # items 0 and 2 were drawn, 3 is here as the target of the first user alone
    classes = Classes(np.array([0, 2, 3]), np.array([np.log(0.5), np.log(0.2), -np.inf]))

    loss = softmax_loss(
        vectors, embeddings[[0, 2, 3]], biases[[0, 2, 3]], batch_of([0, 1], [3, 2]), classes
    )

    by_hand = softmax_by_hand(values[0], 3, [0, 2], {0: 0.5, 2: 0.2})
    by_hand += softmax_by_hand(values[1], 2, [0], {0: 0.5})
    assert loss.item() == pytest.approx(-by_hand / 2, rel=1e-5)


def test_a_corrected_sample_estimates_the_sum_over_all_items() -> None:
    random = np.random.default_rng(0)
    popularity = np.log1p(random.pareto(1.0, 300))
    values = np.exp(random.normal(size=300))
    estimates = []
    for seed in range(400):
        classes = drawn_classes(popularity, np.array([5]), 60, np.random.default_rng(seed))
        assert 5 in classes.items
        drawn = np.isfinite(classes.corrections)
        chances = np.exp(classes.corrections[drawn])
        estimates.append((values[classes.items[drawn]] / chances).sum())

    assert np.mean(estimates) == pytest.approx(values.sum(), rel=0.05)


def test_all_items_are_classes_where_they_are_few() -> None:
    classes = drawn_classes(
        np.array([0.0, 1.0, 0.0, 2.0]), np.array([1]), 4, np.random.default_rng(0)
    )

    np.testing.assert_array_equal(classes.items, np.arange(4))
    np.testing.assert_array_equal(classes.corrections, 0.0)


def test_an_adjusted_target_has_another_score_against_the_same_negatives(
    scores: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    vectors, embeddings, biases = scores
    values = (vectors @ embeddings.T + biases).numpy()
    classes = Classes(np.arange(5), np.zeros(5))

    adjusted = torch.tensor([-0.7, 0.0])
    loss = softmax_loss(vectors, embeddings, biases, batch_of([0, 1], [3, 2]), classes, adjusted)

    values[0, 3] -= 0.7
    by_hand = softmax_by_hand(values[0], 3, [0, 1, 2, 4], {})
    by_hand += softmax_by_hand(values[1], 2, [0, 1, 3, 4], {})
    assert loss.item() == pytest.approx(-by_hand / 2, rel=1e-5)


@pytest.mark.parametrize("rows", [1, 5, 8, 40])
def test_signatures_are_as_far_apart_as_they_can_be(rows: int) -> None:
    spread = spread_rows(rows, 8, torch.Generator().manual_seed(0)) / FIRST_SPREAD
    gram = (spread @ spread.T).numpy()

    assert np.sqrt(np.mean(spread.numpy() ** 2)) == pytest.approx(1.0, rel=1e-4)
    if rows <= 8:
        np.testing.assert_allclose(gram, 8 * np.eye(rows), atol=1e-3)
    else:  # a tight frame: Σ ⟨x, y⟩² is n² / d, Welch's bound, in units of the squared length
        assert np.sum(gram**2) / 8**2 == pytest.approx(rows**2 / 8, rel=1e-4)


def test_users_are_means_of_their_items() -> None:
    items = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    shares = csr_array(np.array([[0.25, 0, 0.75, 0, 0]], dtype=np.float32))

    torch.testing.assert_close(folded(shares, items), 0.25 * items[:1] + 0.75 * items[2:3])


def test_items_nobody_has_met_lose_the_taste_of_all() -> None:
    embedded = np.array([[3.0, 4.0], [0.0, 0.0]], dtype=np.float32)
    taste = np.array([0.5, -1.0], dtype=np.float32)

    found = without_taste(embedded, taste)

    np.testing.assert_allclose(found[:, :2], embedded, rtol=1e-6)
    np.testing.assert_allclose(found[:, :2] @ taste + found[:, 2], 0.0, atol=1e-6)
