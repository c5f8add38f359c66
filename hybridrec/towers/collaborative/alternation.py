"""Alternating least squares: users with the items held, then items with the users held."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from hybridrec.learning.memory import GIGABYTE, available_memory, require_memory
from hybridrec.parallel import one_pool, side_by_side
from hybridrec.towers.collaborative.conjugate import (
    SMALLEST,
    Block,
    improved,
    row_blocks,
)
from hybridrec.towers.collaborative.exact import ExactRows
from hybridrec.towers.collaborative.library import ImplicitSweeps
from hybridrec.towers.collaborative.objective import (
    Objective,
    column_counts,
    eigenbasis,
    gram,
    rotated,
)

BLOCK_FLOATS = {"cpu": 1 << 16, "cuda": 1 << 27}
"""Floats of a block's work arrays, one of several; on CPU they are to stay in the cache."""
WORK_ARRAYS = 8
"""Arrays of a block's size that conjugate gradients hold at once."""
FREE_SHARE = 0.8
"""Of a GPU's free memory, what factors may take unless told otherwise."""


@dataclass(frozen=True)
class Solving:
    """How rows are solved in training.

    Args:
        solver: ``cg``, ``cholesky``, or ``implicit`` for the library of that name.
        cg_steps: conjugate gradient steps a row and sweep.
        relaxation: how far a row goes, as a multiple of the way to its solution. Up to 2 the loss
            cannot rise; a little above 1 alternation converges in fewer sweeps (successive
            over-relaxation, Young 1954). Neither the first sweep nor ``implicit`` uses it.
        tf32: whether CUDA may multiply with 10 bits of mantissa.
        memory_gb: what factors may take on the device before they are sharded; ``None`` for
            most of what is free on a GPU and no limit on CPU.
    """

    solver: Literal["cg", "cholesky", "implicit"] = "cg"
    cg_steps: int = 2
    relaxation: float = 1.4
    tf32: bool = False
    memory_gb: float | None = None


@dataclass(frozen=True)
class Factors:
    """Where an alternation stands.

    Args:
        users: ``(n_users, dim)``; ``None`` before the first sweep.
        items: ``(n_items, dim)``.
        basis: ``(dim, dim)`` rotation that ``users @ basis.T`` and ``items @ basis.T`` undo:
            sweeps leave factors in the eigenbasis they worked in.
        spectrum: ``(dim,)`` the diagonal of ``α₀ users.T @ users`` where that is all there is
            of it; ``None`` where it is not known.
    """

    users: Tensor | None
    items: Tensor
    basis: Tensor
    spectrum: Tensor | None = None

    @classmethod
    def of(cls, items: np.ndarray, users: np.ndarray | None = None) -> Factors:
        """Factors to start from."""
        tensor = torch.from_numpy(items)
        identity = torch.eye(items.shape[1], dtype=torch.float64)
        return cls(None if users is None else torch.from_numpy(users), tensor, identity)

    def unrotated(self) -> tuple[np.ndarray | None, np.ndarray]:
        """User and item factors in the coordinates of the start."""
        back = self.basis.T.to(self.items)
        users = None if self.users is None else (self.users @ back).cpu().numpy()
        return users, (self.items @ back).cpu().numpy()


@dataclass(frozen=True)
class _Side:
    """All rows of one side: users, or items."""

    confidences: csr_array
    targets: np.ndarray | None
    penalties: Tensor
    shards: list[slice]
    blocks: list[Block]


class Alternation:
    """Both sides of a matrix of confidences, made ready for sweeps.

    Args:
        confidences: ``(n_users, n_items)``, values above 0 where a pair met.
        dim: factors.
        objective: what is minimised.
        solving: how.
        device: where the work is done; factors that do not fit there stay in main memory.

    Raises:
        NotEnoughMemoryError: factors and pairs need more memory than there is.
    """

    def __init__(
        self,
        confidences: csr_array,
        dim: int,
        objective: Objective,
        solving: Solving | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.objective = objective
        targets = objective.targets(confidences)
        self.solving = solving or Solving()
        self.device = device or torch.device("cpu")
        if self.solving.solver == "implicit":
            self.device = torch.device("cpu")
        self._dim = dim
        self._require_memory(confidences, dim)
        self._budget = self._memory_budget()
        n_users, n_items = confidences.shape
        whole = 4.0 * dim * (n_users + n_items)
        # a quarter each for the columns, the rows, the work arrays and the pairs
        self.streams = whole > self._budget / 2
        self._home = torch.device("cpu") if self.streams else self.device
        transposed = _transposed(confidences, targets)
        met_items = int(np.count_nonzero(column_counts(confidences)))
        met_users = int(np.count_nonzero(np.diff(confidences.indptr)))
        self._users = self._side(confidences, targets, met_items)
        self._items = self._side(*transposed, met_users)
        self._library: ImplicitSweeps | None = None
        if self.solving.solver == "implicit":
            weight = objective.unobserved_weight
            self._library = ImplicitSweeps(confidences, objective.regularization, weight, dim)

    def sweep(self, factors: Factors) -> Factors:
        """Both sides once."""
        if self._library is not None:
            swept = self._library.sweep(*factors.unrotated())
            return Factors.of(items=swept[1], users=swept[0])
        items, users = factors.items.to(self._home), factors.users
        # random factors point nowhere: there is nothing to go further in the direction of
        relaxation = 1.0 if users is None else self.solving.relaxation
        users = None if users is None else users.to(self._home)
        with one_pool(self.device):
            users, items, first, _ = self._half(self._users, users, items, relaxation)
            items, users, second, spectrum = self._half(self._items, items, users, relaxation)
        return Factors(users, items, factors.basis @ first @ second, spectrum)

    def loss(self, factors: Factors) -> float:
        """The value of the objective, summed over all pairs; about a tenth of a sweep."""
        with one_pool(self.device):
            return self._loss(factors)

    def _loss(self, factors: Factors) -> float:
        users, items = factors.users, factors.items.to(self._home)
        assert users is not None
        users = users.to(self._home)
        if factors.spectrum is None:
            spread = gram(users) * gram(items)
            total = self.objective.unobserved_weight * float(spread.sum())
        else:
            total = float(items.square().sum(0).cpu().double() @ factors.spectrum.cpu().double())
        for side, rows in ((self._users, users), (self._items, items)):
            total += float((rows.square().sum(1).cpu().double() * side.penalties).sum())
        parts = [items[shard] for shard in self._users.shards]

        def missed(block: Block) -> float:
            rows, total = users[block.start : block.stop].to(self.device), 0.0
            for pairs, part in zip(block.pairs, parts, strict=True):
                if pairs.pulls.numel():
                    scores = pairs.scores(rows, part.to(self.device))
                    # c (t − s)², with c t known instead of t
                    left = pairs.pulls - pairs.confidences * scores
                    confidences = pairs.confidences.clamp_min(SMALLEST)
                    total += float((left.square() / confidences).sum(dtype=torch.float64))
            return total

        return total + sum(side_by_side(missed, self._users.blocks, self.device))

    def _half(
        self, side: _Side, rows: Tensor | None, columns: Tensor, relaxation: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        """New rows, the columns in the coordinates of these, the rotation there, the spectrum."""
        weight = self.objective.unobserved_weight
        if self.solving.solver == "cholesky" and not self.streams:
            system = ExactRows(columns, weight, tf32=self.solving.tf32)
            solved = system.solve(side.confidences, side.penalties, side.targets)
            if rows is not None:
                solved = torch.lerp(rows, solved, relaxation)
            return solved, columns, torch.eye(self._dim, dtype=torch.float64), None
        spectrum, vectors = eigenbasis(gram(columns) * weight)
        rotation = vectors.to(columns)
        values = spectrum.to(self.device, columns.dtype)
        columns = rotated(columns, rotation)
        shards = [columns[shard] for shard in side.shards]
        solved = columns.new_empty(side.confidences.shape[0], self._dim)

        def solve(block: Block) -> None:
            place = slice(block.start, block.stop)
            start = None if rows is None else (rows[place] @ rotation).to(self.device)
            diagonal = values + side.penalties[place, None].to(self.device)
            found = improved(block, start, shards, diagonal, self.solving.cg_steps)
            if start is not None:
                found = torch.lerp(start, found, relaxation)
            solved[place] = found.to(self._home)

        side_by_side(solve, side.blocks, self.device)
        return solved, columns, vectors.cpu(), spectrum

    def _side(self, confidences: csr_array, targets: np.ndarray | None, met_columns: int) -> _Side:
        n_columns = confidences.shape[1]
        penalties = self.objective.penalties(confidences, met_columns)
        if self.streams:
            shards = math.ceil(4.0 * self._dim * n_columns / (self._budget / 4))
            width = math.ceil(n_columns / shards)
            rows = int(self._budget / 4 / (4.0 * self._dim * WORK_ARRAYS))
        else:
            width = n_columns
            rows = BLOCK_FLOATS["cpu" if self.device.type == "cpu" else "cuda"] // self._dim
        slices = [slice(start, start + width) for start in range(0, n_columns, width)]
        blocks = row_blocks(confidences, targets, max(1, rows), slices, self.device)
        return _Side(confidences, targets, penalties, slices, blocks)

    def _require_memory(self, confidences: csr_array, dim: int) -> None:
        factors = 4.0 * dim * sum(confidences.shape)
        # both sides' pairs: an index, a confidence and a pull each, and the matrices they are of
        pairs = 2 * 24.0 * confidences.nnz
        require_memory(
            3 * factors + pairs,
            torch.device("cpu"),
            f"the collaborative tower's factors of {sum(confidences.shape):,} users and items",
            f"lower towers.collaborative.embedding_dim ({dim})",
        )

    def _memory_budget(self) -> float:
        if self.solving.memory_gb is not None:
            return self.solving.memory_gb * GIGABYTE
        if self.device.type == "cpu":
            return math.inf
        return FREE_SHARE * available_memory(self.device)


def _transposed(
    matrix: csr_array, targets: np.ndarray | None
) -> tuple[csr_array, np.ndarray | None]:
    """The transposed matrix, rows in order, and the targets in the order of its entries."""
    transposed = csr_array(matrix.T.tocsr())
    if targets is None:
        return transposed, None
    moved = csr_array((targets, matrix.indices, matrix.indptr), matrix.shape).T.tocsr()
    return transposed, np.asarray(moved.data)
