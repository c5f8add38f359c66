"""Sparse propagation against dense matrices."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from hybridrec.towers.graph.propagation import (
    LAYER_GAIN,
    RelationalLightGCN,
    multiply,
    normalised_adjacency,
    sparse_tensor,
)

CPU = torch.device("cpu")
N_ITEMS, N_NODES = 4, 9


@pytest.fixture
def edges() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    random = np.random.default_rng(0)
    return [
        (
            random.integers(0, N_ITEMS, n),
            random.integers(N_ITEMS, N_NODES, n),
            random.random(n) + 0.5,
        )
        for n in (5, 7)
    ]


def dense_adjacency(heads: np.ndarray, tails: np.ndarray, weights: np.ndarray) -> np.ndarray:
    matrix = np.zeros((N_NODES, N_NODES))
    for head, tail, weight in zip(heads, tails, weights, strict=True):
        matrix[head, tail] += weight
        matrix[tail, head] += weight
    degrees = matrix.sum(axis=1)
    root = np.array([degree**-0.5 if degree else 0.0 for degree in degrees])
    return root[:, None] * matrix * root


def model(layers: int = 2) -> RelationalLightGCN:
    free = torch.tensor([1.0, 1, 1, 0, 1, 1, 1, 0, 0])
    generator = torch.Generator().manual_seed(0)
    made = RelationalLightGCN(free, 2, torch.zeros(N_ITEMS), 3, layers, generator)
    with torch.no_grad():
        made.relation_logits.copy_(torch.tensor([0.3, -0.4]))
        made.layer_logits.copy_(torch.linspace(-0.5, 0.5, layers + 1))
    return made


def test_the_adjacency_is_normalised_by_its_own_degrees(
    edges: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    for edge in edges:
        matrix, degrees = normalised_adjacency(*edge, N_NODES)

        np.testing.assert_allclose(matrix.toarray(), dense_adjacency(*edge), rtol=1e-12)
        both = np.bincount(edge[0], edge[2], N_NODES) + np.bincount(edge[1], edge[2], N_NODES)
        np.testing.assert_allclose(degrees, both)


def test_the_layers_equal_a_dense_computation(
    edges: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    network = model(layers=3)
    sparse = [sparse_tensor(normalised_adjacency(*edge, N_NODES)[0], CPU) for edge in edges]
    share = np.exp([0.3, -0.4]) / np.exp([0.3, -0.4]).sum()
    step = sum(w * dense_adjacency(*edge) for w, edge in zip(share, edges, strict=True))
    state = network.embedding.detach().numpy() * network.free.numpy()
    logits = np.exp(np.linspace(-0.5, 0.5, 4))
    expected = logits[0] * state
    for weight in logits[1:]:
        state = step @ state
        expected = expected + LAYER_GAIN * weight * state

    states = network.layer_states(sparse)

    assert len(states) == 4
    np.testing.assert_allclose(states[-1].detach().numpy(), state, rtol=1e-4, atol=1e-6)
    combined = network.combined(states).detach().numpy()
    np.testing.assert_allclose(combined, expected / logits.sum(), rtol=1e-4, atol=1e-6)


def test_the_order_of_edges_does_not_matter(
    edges: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    heads, tails, weights = edges[1]
    order = np.random.default_rng(1).permutation(heads.size)
    one, _ = normalised_adjacency(heads, tails, weights, N_NODES)
    other, _ = normalised_adjacency(tails[order], heads[order], weights[order], N_NODES)

    np.testing.assert_allclose(one.toarray(), other.toarray(), rtol=1e-12)


def test_nodes_that_are_not_free_start_from_zero() -> None:
    network = model()
    empty = sparse_tensor(csr_array((N_NODES, N_NODES), dtype=np.float32), CPU)
    first = network.layer_states([empty, empty])[0]

    assert not first[network.free[:, 0] == 0].any()
    assert first[network.free[:, 0] == 1].abs().sum(1).min() > 0


@pytest.mark.parametrize("symmetric", [True, False])
def test_gradients_equal_those_of_dense_multiplication(symmetric: bool) -> None:
    random = np.random.default_rng(3)
    matrix = random.random((5, 5)) * (random.random((5, 5)) < 0.5)
    matrix = matrix + matrix.T if symmetric else matrix[:3]
    sparse = sparse_tensor(csr_array(matrix), CPU)
    transposed = None if symmetric else sparse_tensor(csr_array(matrix.T), CPU)
    upstream = torch.from_numpy(random.random((matrix.shape[0], 2))).float()

    gradients, products = [], []
    for function in (
        lambda dense: multiply(sparse, dense, transposed),
        lambda dense: torch.from_numpy(matrix).float() @ dense,
    ):
        dense = torch.from_numpy(np.random.default_rng(4).random((5, 2))).float()
        dense.requires_grad_()
        product = function(dense)
        (product * upstream).sum().backward()
        gradients.append(dense.grad)
        products.append(product.detach())

    torch.testing.assert_close(*products)
    torch.testing.assert_close(*gradients)


def test_gradients_reach_every_parameter_as_in_a_dense_model(
    edges: list[tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> None:
    target = torch.from_numpy(np.random.default_rng(5).random((N_NODES, 3))).float()
    sparse = [sparse_tensor(normalised_adjacency(*edge, N_NODES)[0], CPU) for edge in edges]
    network = model()
    (network.combined(network.layer_states(sparse)) * target).sum().backward()

    other = model()
    dense = [torch.from_numpy(dense_adjacency(*edge)).float() for edge in edges]
    weights = other.relation_weights
    state = other.embedding * other.free
    states = [state]
    for _ in range(2):
        state = weights[0] * (dense[0] @ state) + weights[1] * (dense[1] @ state)
        states.append(state)
    (other.combined(states) * target).sum().backward()

    for name in ("embedding", "relation_logits", "layer_logits"):
        torch.testing.assert_close(
            getattr(network, name).grad, getattr(other, name).grad, rtol=1e-4, atol=1e-5
        )
