"""Rows solved exactly, by Cholesky, in padded batches of similar length.

In the eigenbasis of the columns' Gram matrix, what all pairs add to a row's system is a diagonal,
``D² = α₀ S + λ_u``. The system ``D² + Zᵀ C Z`` of a row that met ``l`` columns ``Z`` then is
factored as it stands (``dim × dim``) where ``l > dim``, and otherwise turned into one of ``l × l``:

    (D² + Zᵀ C Z)⁻¹ Zᵀ C t = D⁻² Zᵀ √C (1 + √C Z D⁻² Zᵀ √C)⁻¹ √C t
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from hybridrec.errors import DivergedError
from hybridrec.parallel import side_by_side
from hybridrec.towers.collaborative.objective import eigenbasis, gram, rotated

BATCH_FLOATS = {"cpu": 1 << 18, "cuda": 1 << 25}
"""Floats the gathered factors of one batch may take; on CPU they are to stay in the cache."""
MOST_ROWS = 65_536
"""Rows of a batch, at most."""


class ExactRows:
    """Solves rows with the columns held; keeps what all rows have in common.

    Args:
        columns: column factors, ``(n_columns, dim)``; their device does the work.
        unobserved_weight: α₀.
        tf32: whether CUDA may multiply with 10 bits of mantissa.
    """

    def __init__(self, columns: Tensor, unobserved_weight: float, *, tf32: bool = False) -> None:
        self.gram = gram(columns) * unobserved_weight
        values, vectors = eigenbasis(self.gram)
        self._eigenvalues, self._vectors = values.to(columns), vectors.to(columns)
        self._rotated = rotated(columns, self._vectors)
        self._tf32 = tf32

    def solve(
        self, confidences: csr_array, penalties: Tensor, targets: np.ndarray | None = None
    ) -> Tensor:
        """The row factors that minimise the objective, ``(n_rows, dim)``; zeros for empty rows.

        Args:
            confidences: ``(n_rows, n_columns)``, values above 0 where a pair met.
            penalties: ``(n_rows,)`` λ of each row.
            targets: as many as confidences are stored; ones when ``None``.

        Raises:
            DivergedError: a system that is singular even in double precision.
        """
        columns = self._rotated
        solved = columns.new_zeros(confidences.shape[0], columns.shape[1])
        limit = BATCH_FLOATS["cpu" if columns.device.type == "cpu" else "cuda"]
        penalties = penalties.to(columns)

        def solve(rows: np.ndarray) -> None:
            places, filled = padded_places(confidences, rows)
            index = torch.from_numpy(confidences.indices[places].astype(np.int64))
            confidence = np.where(filled, confidences.data[places], 0)
            wanted = filled if targets is None else np.where(filled, targets[places], 0)
            at = torch.from_numpy(rows).to(columns.device)
            diagonal = self._eigenvalues + penalties[at, None]
            root = torch.from_numpy(confidence).to(columns).sqrt_()
            pull = root * torch.from_numpy(wanted).to(columns)
            index = index.to(columns.device)
            by = _by_pairs if index.shape[1] <= columns.shape[1] else _by_factors
            found = by(columns, index, root, pull, diagonal)
            if found is None:
                found = by(columns, index, root.double(), pull.double(), diagonal.double())
            if found is None:
                raise DivergedError(
                    "collaborative tower: the equations of a row are singular; raise its "
                    "regularization"
                )
            solved[at] = found.to(solved)

        batches = list(row_batches(confidences, columns.shape[1], limit))
        with multiplying(self._tf32):
            side_by_side(solve, batches, columns.device)
        return rotated(solved, self._vectors.T)


def row_batches(confidences: csr_array, dim: int, limit: int) -> Iterator[np.ndarray]:
    """Numbers of the rows that met anything, in batches of similar length.

    Rows longer than ``dim`` and others, which are solved in other ways, share no batch.
    """
    lengths = np.diff(confidences.indptr)
    order = np.argsort(lengths, kind="stable")
    order = order[np.count_nonzero(lengths == 0) :]
    start = 0
    while start < order.size:
        # the longest row of a batch, its last, decides the padding
        widths = lengths[order[start : start + MOST_ROWS]].astype(np.int64)
        fits = widths * dim * np.arange(1, widths.size + 1) <= limit
        fits &= (widths > dim) == (widths[0] > dim)
        size = max(1, int(np.count_nonzero(fits)))
        yield order[start : start + size]
        start += size


def padded_places(matrix: csr_array, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the entries of some rows are stored, padded with place 0, and which are no padding."""
    lengths = np.diff(matrix.indptr)[rows]
    places = np.arange(int(lengths.max()))
    filled = places < lengths[:, None]
    return np.where(filled, matrix.indptr[rows][:, None] + places, 0), filled


def _by_pairs(
    columns: Tensor, index: Tensor, root: Tensor, pull: Tensor, diagonal: Tensor
) -> Tensor | None:
    """Rows no longer than the factors are many: systems of ``length × length``."""
    scale = diagonal.rsqrt()
    gathered = _gathered(columns, index, diagonal) * scale[:, None, :]
    systems = torch.bmm(gathered, gathered.mT)
    systems *= root[:, :, None]
    systems *= root[:, None, :]
    systems.diagonal(dim1=1, dim2=2).add_(1)
    shares = _solved(systems, pull)
    if shares is None:
        return None
    return torch.bmm((shares * root)[:, None], gathered).squeeze(1) * scale


def _by_factors(
    columns: Tensor, index: Tensor, root: Tensor, pull: Tensor, diagonal: Tensor
) -> Tensor | None:
    """Longer rows: systems of ``dim × dim``, summed over parts of rows that fit the batch."""
    systems = torch.diag_embed(diagonal)
    right = torch.zeros_like(diagonal)
    limit = BATCH_FLOATS["cpu" if columns.device.type == "cpu" else "cuda"]
    width = max(1, limit // diagonal.numel())
    for start in range(0, index.shape[1], width):
        part = slice(start, start + width)
        gathered = _gathered(columns, index[:, part], diagonal) * root[:, part, None]
        systems.baddbmm_(gathered.mT, gathered)
        right += torch.bmm(pull[:, None, part], gathered).squeeze(1)
    return _solved(systems, right)


def _gathered(columns: Tensor, index: Tensor, like: Tensor) -> Tensor:
    """Columns of each row, ``(n_rows, length, dim)``, in the precision of ``like``."""
    chosen = columns.index_select(0, index.flatten()).to(like.dtype)
    return chosen.view(*index.shape, columns.shape[1])


def _solved(systems: Tensor, right: Tensor) -> Tensor | None:
    """Solutions of positive definite systems; ``None`` if one is not, to this precision."""
    lower, failed = torch.linalg.cholesky_ex(systems)
    if bool(failed.any()):
        return None
    return torch.cholesky_solve(right[:, :, None], lower).squeeze(2)


@contextmanager
def multiplying(tf32: bool) -> Iterator[None]:
    """Lets CUDA multiply matrices in TF32, or not, and leaves that setting as it was."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
