"""Light propagation over a graph of items, entities and users, with a weight for each relation.

The layer of LightGCN (He et al., SIGIR 2020) made relational: no feature transform and no
non-linearity, ``x' = Σ_r w_r Â_r x``, with ``Â_r`` the symmetrically normalised adjacency of
relation ``r`` by its own degrees, and shares ``w_r`` learned.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing


class _Multiply(torch.autograd.Function):
    """Sparse · dense, with the transpose at hand so that going back is as fast as going forth."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, dense: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed @ gradients[0]


def multiply(matrix: Tensor, dense: Tensor, transposed: Tensor | None = None) -> Tensor:
    """Sparse ``(n, m)`` times dense ``(m, dim)``, differentiable in the dense part.

    Args:
        matrix: sparse CSR tensor.
        dense: dense tensor.
        transposed: the transpose of ``matrix``; ``None`` for a symmetric one.
    """
    backward = matrix if transposed is None else transposed
    product = _Multiply.apply(matrix, backward, dense)  # type: ignore[no-untyped-call]
    assert isinstance(product, Tensor)
    return product


def sparse_tensor(matrix: csr_array, device: torch.device) -> Tensor:
    """A scipy CSR matrix as a float32 torch CSR tensor."""
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # "CSR is in beta"
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            matrix.shape,
            device=device,
        )


def normalised_adjacency(
    heads: np.ndarray, tails: np.ndarray, weights: np.ndarray, n_nodes: int
) -> tuple[csr_array, np.ndarray]:
    """The symmetric adjacency ``D^-½ A D^-½`` of one relation, ``D`` its own degrees.

    Args:
        heads: where each edge starts, ``(n_edges,)``.
        tails: where it ends, ``(n_edges,)``.
        weights: how much it counts, ``(n_edges,)``.
        n_nodes: number of nodes.

    Returns:
        Sparse ``(n_nodes, n_nodes)``, and the degrees ``(n_nodes,)``.
    """
    one_way = csr_array((weights, (heads, tails)), shape=(n_nodes, n_nodes))
    both = csr_array(one_way + one_way.T)
    degrees = np.asarray(both.sum(axis=1)).ravel()
    scaling = diags_array(inverse_root(degrees))
    return csr_array(scaling @ both @ scaling), degrees


def inverse_root(degrees: np.ndarray) -> np.ndarray:
    """``1 / √degree``, zero where the degree is."""
    roots: np.ndarray = np.divide(
        1.0, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0
    )
    return roots


class RelationalLightConv(MessagePassing):  # type: ignore[misc]
    """One propagation step: ``x' = Σ_r w_r Â_r x``."""

    def __init__(self) -> None:
        super().__init__(aggr="sum")

    def forward(self, states: Tensor, adjacencies: list[Tensor], weights: Tensor) -> Tensor:
        """States ``(n_nodes, dim)`` one step on; ``weights`` ``(n_relations,)``."""
        moved = torch.zeros_like(states)
        for adjacency, weight in zip(adjacencies, weights, strict=True):
            moved = moved + weight * self.propagate(adjacency, x=states)
        return moved

    def message_and_aggregate(self, adjacency: Tensor, x: Tensor) -> Tensor:
        """The fused form of message and sum that sparse adjacencies allow."""
        return multiply(adjacency, x)


class RelationalLightGCN(nn.Module):
    """Embeddings of items and entities, propagated; users are nodes without one of their own.

    Args:
        n_nodes: items, entities and users, in this order.
        free: ``(n_nodes,)`` which nodes learn an embedding; the others start from zero.
        n_relations: kinds of edges.
        popularity: ``(n_items,)`` what the bias of each item starts from.
        embedding_dim: width.
        layers: propagation steps.
        generator: draws the first embeddings.
    """

    def __init__(
        self,
        free: Tensor,
        n_relations: int,
        popularity: Tensor,
        embedding_dim: int,
        layers: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        start = torch.randn(free.shape[0], embedding_dim, generator=generator) * 0.1
        self.embedding = nn.Parameter(start * free[:, None])
        self.register_buffer("free", free[:, None])
        self.relation_logits = nn.Parameter(torch.zeros(n_relations))
        self.layer_logits = nn.Parameter(torch.zeros(layers + 1))
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.bias = nn.Parameter(popularity.clone())
        self.conv = RelationalLightConv()

    @property
    def relation_weights(self) -> Tensor:
        """The share of each relation in what a step passes on; they sum to 1."""
        return torch.softmax(self.relation_logits, 0)

    def layer_states(self, adjacencies: list[Tensor]) -> list[Tensor]:
        """The states before and after every propagation step, each ``(n_nodes, dim)``."""
        free = self.free
        assert isinstance(free, Tensor)
        states = [self.embedding * free]
        for _ in range(self.layer_logits.shape[0] - 1):
            states.append(self.conv(states[-1], adjacencies, self.relation_weights))
        return states

    def combined(self, states: list[Tensor]) -> Tensor:
        """States of all layers in one: a learned convex mean, the propagated ones scaled up.

        Normalised adjacencies shrink what they average, by about the factor made good here.
        """
        weights = torch.softmax(self.layer_logits, 0)
        whole = weights[0] * states[0]
        for weight, state in zip(weights[1:], states[1:], strict=True):
            whole = whole + LAYER_GAIN * weight * state
        return whole


LAYER_GAIN = 4.0
