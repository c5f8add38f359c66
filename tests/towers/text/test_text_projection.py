"""From the encoder's embeddings to those that score."""

import numpy as np
import pytest
import torch

from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.projection import Projection, principal_axes

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def embeddings() -> np.ndarray:
    random = np.random.default_rng(0)
    spread = np.array([3.0, 1.0, 0.3, 0.05])
    turned = np.linalg.qr(random.normal(size=(4, 4)))[0]
    return (random.normal(size=(500, 4)) * spread @ turned + 2.0).astype(np.float32)


def started(embeddings: np.ndarray, **settings: object) -> Projection:
    dim = embeddings.shape[1]
    made = Projection(TextConfig.model_validate(settings), dim, CPU, 0)
    made.start(embeddings)
    return made


def test_by_itself_it_only_centres(embeddings: np.ndarray) -> None:
    centred = embeddings - embeddings.mean(axis=0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)

    np.testing.assert_allclose(
        started(embeddings, whitening=0).apply_to(embeddings), expected, atol=1e-5
    )


def test_whitened_embeddings_are_equally_wide_in_all_directions(embeddings: np.ndarray) -> None:
    mapped = started(embeddings, whitening=1).mapped(torch.from_numpy(embeddings))

    covariance = np.cov(mapped.detach().numpy().T, bias=True)

    # but for the narrowest, whose width is in part chance
    np.testing.assert_allclose((covariance / covariance[0, 0])[:2, :2], np.eye(2), atol=0.03)
    assert 0 < covariance[3, 3] < covariance[2, 2] < covariance[1, 1]


def test_half_whitened_ones_keep_the_root_of_their_spread(embeddings: np.ndarray) -> None:
    spread = np.linalg.svd(embeddings - embeddings.mean(axis=0), compute_uv=False)
    axes = principal_axes(embeddings, 0.5)

    halved = np.linalg.svd((embeddings - embeddings.mean(axis=0)) @ axes, compute_uv=False)

    np.testing.assert_allclose(halved[:2] / halved[0], np.sqrt(spread / spread[0])[:2], rtol=0.01)


def test_few_embeddings_are_hardly_whitened() -> None:
    few = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)

    lengths = np.linalg.norm(principal_axes(few, 1.0), axis=0)

    assert 0.999 < lengths.min() <= lengths.max() < 2.0
    np.testing.assert_allclose(
        np.linalg.norm(principal_axes(np.ones((3, 4), np.float32), 1.0), axis=0), 1.0
    )


def test_cut_embeddings_keep_the_widest_directions(embeddings: np.ndarray) -> None:
    cut = started(embeddings, embedding_dim=2, whitening=0)
    centred = embeddings - embeddings.mean(axis=0)
    directions = np.linalg.svd(centred, full_matrices=False)[2][:2]
    kept = centred @ directions.T
    kept /= np.linalg.norm(kept, axis=1, keepdims=True)

    made = cut.apply_to(embeddings)

    assert made.shape == (500, 2)
    np.testing.assert_allclose(made @ made.T, kept @ kept.T, atol=1e-3)


def test_what_has_no_direction_becomes_zeros() -> None:
    same = np.ones((3, 4), dtype=np.float32)

    np.testing.assert_array_equal(started(same, whitening=1).apply_to(same), 0.0)


def test_adapters_change_nothing_at_first(embeddings: np.ndarray) -> None:
    adapted = started(embeddings, tuning="lora", lora={"rank": 2})
    whole = started(embeddings)

    np.testing.assert_allclose(adapted.apply_to(embeddings), whole.apply_to(embeddings), atol=1e-6)
    trained = {name for name, value in adapted.named_parameters() if value.requires_grad}
    assert trained == {"down", "up", "asks_down", "asks", "taste"}


def test_items_bring_themselves_what_goes_with_them_and_everybodys_taste(
    embeddings: np.ndarray,
) -> None:
    made = started(embeddings)
    items = np.concatenate([made.apply_to(embeddings[:3]), np.zeros((1, 4), np.float32)])
    np.testing.assert_array_equal(made.histories_of(items), items)
    asks, taste = np.arange(16, dtype=np.float32).reshape(4, 4), np.ones(4, dtype=np.float32)
    made.restore(made.state() | {"asks": asks, "taste": taste})

    expected = items + items @ asks + taste

    np.testing.assert_allclose(made.histories_of(items)[:3], expected[:3], rtol=1e-5)
    np.testing.assert_array_equal(made.histories_of(items)[3], 0.0)  # says nothing
    # narrower ones, as nested learning cuts them
    cut = items[:3, :2]
    np.testing.assert_allclose(
        made.histories_of(cut), cut + cut @ asks[:2, :2] + taste[:2], rtol=1e-5
    )


@pytest.mark.parametrize("tuning", ["full", "lora"])
def test_a_restored_one_maps_alike(embeddings: np.ndarray, tuning: str) -> None:
    made = started(embeddings, tuning=tuning, embedding_dim=3)
    with torch.no_grad():
        for value in made.parameters():
            value.add_(0.1)
    again = Projection(made.config, 4, CPU, 1)
    again.restore(made.state())

    np.testing.assert_array_equal(again.apply_to(embeddings), made.apply_to(embeddings))
