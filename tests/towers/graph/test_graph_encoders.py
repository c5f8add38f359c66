"""Both families against dense computations, edge by edge."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import IntArray
from hybridrec.towers.graph.adjacency import Adjacency, multiply, sparse_tensor
from hybridrec.towers.graph.collaborative_graph import CollaborativeGraph
from hybridrec.towers.graph.encoders import (
    LAYER_GAIN,
    AttentionEncoder,
    Encoder,
    LightEncoder,
    unit,
)

CPU = torch.device("cpu")
N_ITEMS, N_ENTITIES, N_USERS, DIM = 4, 3, 5, 3
N_NODES = N_ITEMS + N_ENTITIES + N_USERS


@pytest.fixture
def graph() -> CollaborativeGraph:
    """Interactions with weights, and one relation of facts with an edge given twice."""
    heads = np.array([0, 1, 1, 2, 3, 0, 1, 2, 2])
    tails = np.array([7, 7, 8, 9, 11, 4, 4, 5, 5])
    kinds = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    counts = np.array([1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 1.0, 1.0, 1.0])
    return _graph(heads, tails, kinds, counts)


def _graph(heads: IntArray, tails: IntArray, kinds: IntArray, counts: np.ndarray):  # type: ignore[no-untyped-def]
    import polars as pl

    keys = pl.Series("key", [str(n) for n in range(N_ITEMS + N_ENTITIES)])
    nodes = np.arange(N_ITEMS + N_ENTITIES)
    sizes = (N_ITEMS, N_ENTITIES, N_USERS)
    return CollaborativeGraph(*sizes, ("met by", "brand"), heads, tails, kinds, counts, nodes, keys)


def adjacency_of(graph: CollaborativeGraph) -> Adjacency:
    return Adjacency.of(graph.messages, graph.n_nodes, graph.degrees, CPU)


def dense_counts(graph: CollaborativeGraph) -> np.ndarray:
    """What each relation counts between two nodes, ``(n_relations, n_nodes, n_nodes)``."""
    both = np.zeros((2, N_NODES, N_NODES))
    for head, tail, kind, count in zip(
        graph.heads, graph.tails, graph.kinds, graph.counts, strict=True
    ):
        both[kind, head, tail] += count
        both[kind, tail, head] += count
    return both


def encoder(family: type[LightEncoder | AttentionEncoder], *, normalise: bool = False) -> Encoder:
    """An encoder with parameters of no particular pattern."""
    made = family(2, DIM, 2, normalise=normalise)
    random = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random) * 0.5)
    return made


@pytest.fixture
def states() -> torch.Tensor:
    return torch.randn(N_NODES, DIM, generator=torch.Generator().manual_seed(2))


def test_light_propagation_equals_a_dense_computation(
    graph: CollaborativeGraph, states: torch.Tensor
) -> None:
    light = encoder(LightEncoder)
    assert isinstance(light, LightEncoder)
    counts = dense_counts(graph)
    degrees = counts.sum(2)
    roots = np.divide(1, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0)
    shares = torch.softmax(light.relation_logits, 0).detach().numpy()
    step = np.einsum("r,rh,rht,rt->ht", shares, roots, counts, roots)

    layers = light.layer_states(states, adjacency_of(graph))

    np.testing.assert_allclose(graph.degrees, degrees)
    assert len(layers) == 3
    np.testing.assert_allclose(
        layers[2].detach().numpy(), step @ step @ states.numpy(), rtol=1e-4, atol=1e-6
    )


def test_attention_equals_a_sum_over_edges_one_by_one(
    graph: CollaborativeGraph, states: torch.Tensor
) -> None:
    attention = encoder(AttentionEncoder)
    assert isinstance(attention, AttentionEncoder)
    b, g, q, m = (
        getattr(attention, name).detach().numpy()
        for name in ("relation_logits", "rarity", "queries", "gates")
    )
    counts, x = dense_counts(graph), states.numpy()
    degrees = counts.sum(2)
    expected = np.zeros_like(x)
    for head in range(N_NODES):
        weights, messages = [], []
        for kind, tail in zip(*np.nonzero(counts[:, head]), strict=True):
            content = 5 * np.tanh(x[tail] @ q[kind] / 5)
            rare = g[kind] * np.log(max(degrees[kind, tail], 1))
            weights.append(counts[kind, head, tail] * np.exp(b[kind] + content - rare))
            messages.append(x[tail] * m[kind])
        if weights:
            expected[head] = np.array(weights) @ np.array(messages) / sum(weights)

    found = attention.step(0, states, adjacency_of(graph)).detach().numpy()

    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", [LightEncoder, AttentionEncoder])
class TestEveryFamily:
    def test_the_order_of_edges_does_not_matter(
        self,
        family: type[LightEncoder | AttentionEncoder],
        graph: CollaborativeGraph,
        states: torch.Tensor,
    ) -> None:
        order = np.random.default_rng(1).permutation(graph.heads.size)
        other = _graph(
            graph.heads[order], graph.tails[order], graph.kinds[order], graph.counts[order]
        )
        made = encoder(family)

        torch.testing.assert_close(
            made.layer_states(states, adjacency_of(graph)),
            made.layer_states(states, adjacency_of(other)),
        )

    def test_silent_nodes_might_as_well_have_no_edges(
        self,
        family: type[LightEncoder | AttentionEncoder],
        graph: CollaborativeGraph,
        states: torch.Tensor,
    ) -> None:
        made, silent = encoder(family), 7
        kept = torch.ones(N_NODES)
        kept[silent] = 0
        changed = states.clone()
        changed[silent] = 100.0

        one = made.step(0, states, adjacency_of(graph), kept)
        other = made.step(0, changed, adjacency_of(graph), kept)

        torch.testing.assert_close(one, other)
        loud = made.step(0, changed, adjacency_of(graph))
        assert not torch.allclose(loud[0], other[0])

    def test_relation_shares_sum_to_one(
        self,
        family: type[LightEncoder | AttentionEncoder],
        graph: CollaborativeGraph,
        states: torch.Tensor,
    ) -> None:
        shares = encoder(family).relation_shares(states, adjacency_of(graph))

        assert shares.shape == (2,)
        assert shares.min() > 0
        assert shares.sum().item() == pytest.approx(1.0, abs=1e-5)

    @pytest.mark.parametrize("normalise", [True, False])
    def test_nodes_that_nothing_reaches_stay_zero_with_finite_gradients(
        self,
        family: type[LightEncoder | AttentionEncoder],
        normalise: bool,
        graph: CollaborativeGraph,
    ) -> None:
        made = encoder(family, normalise=normalise)
        embeddings = torch.zeros(N_NODES, DIM, requires_grad=True)

        whole = made.combined(made.layer_states(embeddings, adjacency_of(graph)))
        whole.sum().backward()

        assert not whole.any()
        assert embeddings.grad is not None
        assert torch.isfinite(embeddings.grad).all()
        for parameter in made.parameters():
            assert parameter.grad is None or torch.isfinite(parameter.grad).all()


def test_layers_are_mixed_by_their_shares(states: torch.Tensor) -> None:
    light = encoder(LightEncoder)
    weights = torch.softmax(light.layer_logits, 0)
    layers = [states, 2 * states, -states]

    mixed = light.combined(layers)

    expected = (weights[0] + LAYER_GAIN * (2 * weights[1] - weights[2])) * states
    torch.testing.assert_close(mixed, expected)


def test_normalised_layers_have_unit_length_and_count_by_their_shares_alone(
    states: torch.Tensor,
) -> None:
    light = encoder(LightEncoder, normalise=True)

    mixed = light.combined([states, states.flip(0), states])
    scaled = light.combined([states, 50 * states.flip(0), 0.1 * states])

    torch.testing.assert_close(mixed.norm(dim=1), torch.ones(N_NODES))
    torch.testing.assert_close(mixed, scaled)


def test_rows_of_zeros_have_no_direction() -> None:
    torch.testing.assert_close(
        unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]])), torch.tensor([[0.6, 0.8], [0.0, 0.0]])
    )


def test_gradients_equal_those_of_dense_multiplication() -> None:
    random = np.random.default_rng(3)
    matrix = (random.random((5, 4)) * (random.random((5, 4)) < 0.5)).astype(np.float32)
    sparse = sparse_tensor(csr_array(matrix), CPU)
    transposed = sparse_tensor(csr_array(matrix.T), CPU)
    upstream = torch.from_numpy(random.random((5, 2))).float()
    one = torch.from_numpy(random.random((4, 2))).float().requires_grad_()
    other = one.detach().clone().requires_grad_()

    product, expected = multiply(sparse, one, transposed), torch.from_numpy(matrix) @ other
    (product * upstream).sum().backward()  # type: ignore[no-untyped-call]
    (expected * upstream).sum().backward()  # type: ignore[no-untyped-call]

    torch.testing.assert_close(product, expected)
    torch.testing.assert_close(one.grad, other.grad)
