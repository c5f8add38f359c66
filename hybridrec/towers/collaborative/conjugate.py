"""Rows brought closer to their solution by a few steps of conjugate gradients.

In the eigenbasis of the columns' Gram matrix, what all pairs add to a row's system is a diagonal:
it costs nothing to multiply by, and it is the preconditioner. What remains are two products over
the pairs that met, sparse by dense, and no work of ``dim × dim`` a row (Takács, Pilászy and Tikk,
"Applications of the Conjugate Gradient Method for Implicit Feedback Collaborative Filtering",
RecSys 2011, pay that at every step).

Rows are taken in blocks whose work arrays stay in the cache. Columns may come in shards that lie
elsewhere: products over pairs are sums over shards.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn.functional import embedding_bag

PAIRS_OF_A_ROW = 32
"""Pairs that make about as much work as what a row takes anyway."""
SMALLEST = 1e-30
"""Keeps the step of a row that is solved already, ``0 / 0``, at 0."""


@dataclass(frozen=True)
class Pairs:
    """The pairs of a block of rows with a shard of columns that met.

    Args:
        pattern: sparse CSR ``(n_rows, n_columns)``; its values mean nothing.
        confidences: ``(n_pairs,)``.
        pulls: ``(n_pairs,)`` confidence times target.
    """

    pattern: Tensor
    confidences: Tensor
    pulls: Tensor

    def scores(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Inner products of the pairs, ``(n_pairs,)``."""
        products: Tensor = torch.sparse.sampled_addmm(self.pattern, rows, columns.T, beta=0.0)
        return products.values()

    def weighted(self, values: Tensor, columns: Tensor) -> Tensor:
        """Columns of each row added up by weights of the pairs, ``(n_rows, dim)``.

        As sums of bags, which prefetch what they gather: three to eight times faster here than
        torch's product of a sparse matrix with a dense one.
        """
        indices, offsets = self.pattern.col_indices(), self.pattern.crow_indices()
        return embedding_bag(
            indices,
            columns,
            offsets,
            mode="sum",
            per_sample_weights=values,
            include_last_offset=True,
        )


@dataclass(frozen=True)
class Block:
    """A block of rows: where they start and end, and their pairs with every shard of columns."""

    start: int
    stop: int
    pairs: Sequence[Pairs]


def row_blocks(
    confidences: csr_array,
    targets: np.ndarray | None,
    rows: int,
    shards: Sequence[slice],
    device: torch.device,
) -> list[Block]:
    """The matrix cut into blocks of rows by shards of columns.

    Args:
        confidences: ``(n_rows, n_columns)``, indices sorted.
        targets: as many as confidences are stored; ones when ``None``.
        rows: rows of a block; fewer where they met much.
        shards: columns of each shard, in order.
        device: where the pairs are to lie.
    """
    pulls = confidences.data if targets is None else confidences.data * targets
    pulled = csr_array((pulls, confidences.indices, confidences.indptr), confidences.shape)
    by_shard = [(confidences, pulled)]
    if len(shards) > 1:
        by_shard = [(confidences[:, shard], pulled[:, shard]) for shard in shards]
    work = np.arange(confidences.shape[0]) + confidences.indptr[1:] / PAIRS_OF_A_ROW
    edges = np.flatnonzero(np.diff(work // rows, prepend=-1, append=-1))
    return [
        Block(start, stop, [_pairs(*matrices, start, stop, device) for matrices in by_shard])
        for start, stop in pairwise(edges.tolist())
    ]


def improved(
    block: Block,
    start: Tensor | None,
    shards: Sequence[Tensor],
    diagonal: Tensor,
    steps: int,
) -> Tensor:
    """Conjugate gradient steps for the rows of a block.

    Args:
        block: the rows.
        start: ``(n_rows, dim)`` where they stand, in the eigenbasis; zeros when ``None``.
        shards: column factors in the eigenbasis, ``(n_columns, dim)`` each.
        diagonal: ``(n_rows, dim)`` what all pairs and λ add to a row's system.
        steps: how many.

    Returns:
        ``(n_rows, dim)`` on the device of ``diagonal``.
    """
    inverse = diagonal.reciprocal()
    if start is None:
        solution = torch.zeros_like(diagonal)
        residual = torch.zeros_like(diagonal)
        for pairs, columns in _loaded(block, shards, diagonal):
            residual += pairs.weighted(pairs.pulls, columns)
    else:
        solution = start
        residual = -diagonal * start
        for pairs, columns in _loaded(block, shards, diagonal):
            left = pairs.pulls - pairs.confidences * pairs.scores(start, columns)
            residual += pairs.weighted(left, columns)
    scaled = residual * inverse
    direction = scaled.clone()
    length = torch.linalg.vecdot(residual, scaled)
    for step in range(steps):
        product = diagonal * direction
        for pairs, columns in _loaded(block, shards, diagonal):
            scores = pairs.scores(direction, columns)
            product += pairs.weighted(scores.mul_(pairs.confidences), columns)
        curvature = torch.linalg.vecdot(direction, product).clamp_min_(SMALLEST)
        size = (length / curvature)[:, None]
        solution = solution.addcmul(size, direction)
        if step + 1 == steps:
            break
        residual.addcmul_(size, product, value=-1)
        torch.mul(residual, inverse, out=scaled)
        now = torch.linalg.vecdot(residual, scaled)
        direction.mul_((now / length.clamp_min(SMALLEST))[:, None]).add_(scaled)
        length = now
    return solution


def _loaded(block: Block, shards: Sequence[Tensor], like: Tensor) -> Iterator[tuple[Pairs, Tensor]]:
    """The pairs of a block with each shard it met, and the shard, on the block's device."""
    for pairs, shard in zip(block.pairs, shards, strict=True):
        if pairs.pulls.numel():
            yield pairs, shard.to(like.device, non_blocking=True)


def _pairs(
    confidences: csr_array, pulled: csr_array, start: int, stop: int, device: torch.device
) -> Pairs:
    first, last = confidences.indptr[start], confidences.indptr[stop]
    values = torch.from_numpy(confidences.data[first:last].astype(np.float32)).to(device)
    offsets = (confidences.indptr[start : stop + 1] - first).astype(np.int32)
    indices = confidences.indices[first:last].astype(np.int32)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        pattern = torch.sparse_csr_tensor(
            torch.from_numpy(offsets).to(device),
            torch.from_numpy(indices).to(device),
            values,
            (stop - start, confidences.shape[1]),
            check_invariants=False,
        )
    pulls = torch.from_numpy(pulled.data[first:last].astype(np.float32)).to(device)
    return Pairs(pattern, values, pulls)
