"""Edges of many relations as one sparse matrix."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from hybridrec.arrays import DoubleArray, IntArray


class _Multiply(torch.autograd.Function):
    """Sparse · dense, with the transpose at hand so that going back is as fast as going forth."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transposed: Tensor, dense: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transposed @ gradients[0]


def multiply(matrix: Tensor, dense: Tensor, transposed: Tensor) -> Tensor:
    """Sparse ``(n, m)`` times dense ``(m, dim)``, differentiable in the dense part.

    Args:
        matrix: sparse CSR tensor.
        dense: dense tensor.
        transposed: the transpose of ``matrix``.
    """
    product = _Multiply.apply(matrix, transposed, dense)  # type: ignore[no-untyped-call]
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


@dataclass(frozen=True)
class Messages:
    """What passes along edges, each from a source to a target.

    Args:
        targets: ``(n,)`` nodes that receive.
        sources: ``(n,)`` nodes that send.
        kinds: ``(n,)`` the relation of each edge.
        counts: ``(n,)`` how much each edge counts: 1, or more where users met an item often.
        values: ``(n,)`` counts normalised by the degrees of both ends within the relation.
    """

    targets: IntArray
    sources: IntArray
    kinds: IntArray
    counts: DoubleArray
    values: DoubleArray


@dataclass(frozen=True)
class Adjacency:
    """Messages as one matrix with a column for every relation and source that has any.

    With a column of its own for each relation a node can send every relation something else, and
    one sparse product adds up what all relations bring.

    Args:
        normalised: sparse ``(n_targets, n_columns)`` of normalised values, and its transpose.
        counted: the same of counts.
        nodes: ``(n_columns,)`` the source.
        kinds: ``(n_columns,)`` the relation.
        log_degrees: ``(n_columns,)`` logarithm of the source's degree in the relation.
    """

    normalised: tuple[Tensor, Tensor]
    counted: tuple[Tensor, Tensor]
    nodes: Tensor
    kinds: Tensor
    log_degrees: Tensor

    @classmethod
    def of(
        cls, messages: Messages, n_targets: int, degrees: DoubleArray, device: torch.device
    ) -> Self:
        """The matrix of some messages.

        Args:
            messages: the edges.
            n_targets: rows of the matrix.
            degrees: ``(n_relations, n_nodes)`` of the whole graph.
            device: where it is to lie.
        """
        n_nodes = degrees.shape[1]
        columns, places = np.unique(
            messages.kinds * n_nodes + messages.sources, return_inverse=True
        )
        kinds, nodes = np.divmod(columns, n_nodes)
        shape = (n_targets, columns.size)

        def both_ways(values: DoubleArray) -> tuple[Tensor, Tensor]:
            matrix = csr_array((values, (messages.targets, places)), shape=shape)
            return sparse_tensor(matrix, device), sparse_tensor(csr_array(matrix.T), device)

        logs = np.log(np.maximum(degrees[kinds, nodes], 1.0))
        return cls(
            both_ways(messages.values),
            both_ways(messages.counts),
            torch.from_numpy(nodes).to(device),
            torch.from_numpy(kinds).to(device),
            torch.from_numpy(logs).float().to(device),
        )


def inverse_root(degrees: DoubleArray) -> DoubleArray:
    """``1 / √degree``, zero where the degree is."""
    roots: DoubleArray = np.divide(
        1.0, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0
    )
    return roots
