"""Implicit alternating least squares in torch: the objective of the collaborative tower.

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008:

    Σ_ui c_ui (p_ui − x_u·y_i)² + λ (Σ_u |x_u|² + Σ_i |y_i|²)

with ``p = 1`` and confidence ``c > 0`` for pairs that met, ``p = 0`` and ``c = 1`` for all others.
Every row is solved exactly, by Cholesky, in batches of rows of similar length; runs on any device.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from hybridrec.progress import track

BATCH_ELEMENTS = 16_000_000
"""Floats the gathered factors of one batch may take; 64 MB."""


def row_batches(confidences: csr_array, dim: int) -> Iterator[np.ndarray]:
    """Row numbers in batches of similar length, so that padding wastes little.

    Args:
        confidences: sparse ``(n_rows, n_columns)``.
        dim: factors a column has.
    """
    lengths = np.diff(confidences.indptr)
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < order.size:
        # the longest row of a batch decides its padding, and its systems are dim × dim each
        widths = np.maximum(lengths[order[start:]], dim)
        fits = widths * dim * np.arange(1, widths.size + 1) <= BATCH_ELEMENTS
        size = max(1, int(np.count_nonzero(fits)))
        yield order[start : start + size]
        start += size


def padded(matrix: csr_array, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of some rows, padded with column 0 and value 0, ``(n_rows, longest)``."""
    lengths = np.diff(matrix.indptr)[rows]
    places = np.arange(max(int(lengths.max(initial=0)), 1))
    filled = places < lengths[:, None]
    at = np.where(filled, matrix.indptr[rows][:, None] + places, 0)
    if matrix.nnz == 0:
        return np.zeros(at.shape, dtype=np.int64), np.zeros(at.shape, dtype=np.float32)
    columns = np.where(filled, matrix.indices[at], 0)
    return columns.astype(np.int64), np.where(filled, matrix.data[at], 0).astype(np.float32)


def normal_equations(
    confidences: csr_array, rows: np.ndarray, factors: Tensor, gram: Tensor, regularization: float
) -> tuple[Tensor, Tensor]:
    """The systems ``A x = b`` of some rows: ``(n, dim, dim)`` and ``(n, dim)``."""
    columns, values = padded(confidences, rows)
    gathered = factors[torch.from_numpy(columns).to(factors.device)]
    confidence = torch.from_numpy(values).to(factors)
    extra = torch.where(confidence > 0, confidence - 1, 0)  # beyond the 1 all pairs have
    identity = torch.eye(factors.shape[1], dtype=factors.dtype, device=factors.device)
    systems = torch.baddbmm(
        gram + regularization * identity, gathered.mT, gathered * extra.unsqueeze(2)
    )
    return systems, torch.einsum("nl,nld->nd", confidence, gathered)


def solve_rows(confidences: csr_array, factors: Tensor, regularization: float) -> Tensor:
    """The row factors that minimise the objective with the column factors held.

    Args:
        confidences: sparse ``(n_rows, n_columns)``, values above 0 where a pair met.
        factors: column factors, ``(n_columns, dim)``.
        regularization: λ.

    Returns:
        ``(n_rows, dim)`` on the device of ``factors``; zeros for empty rows.
    """
    gram = factors.T @ factors
    solved = torch.zeros(confidences.shape[0], factors.shape[1], dtype=factors.dtype)
    solved = solved.to(factors.device)
    for rows in row_batches(confidences, factors.shape[1]):
        systems, targets = normal_equations(confidences, rows, factors, gram, regularization)
        lower = torch.linalg.cholesky(systems)
        solution = torch.cholesky_solve(targets.unsqueeze(2), lower).squeeze(2)
        solved[torch.from_numpy(rows).to(factors.device)] = solution
    return solved


def fit_factors(
    confidences: csr_array, items: Tensor, regularization: float, iterations: int
) -> tuple[Tensor, Tensor]:
    """Alternates between users and items.

    Args:
        confidences: sparse ``(n_users, n_items)``.
        items: item factors to start from, ``(n_items, dim)``; their device does the work.
        regularization: λ.
        iterations: sweeps over both sides.

    Returns:
        User factors ``(n_users, dim)`` and item factors ``(n_items, dim)``.
    """
    transposed = csr_array(confidences.T)
    users = items.new_zeros(confidences.shape[0], items.shape[1])
    for _ in track(range(iterations), "collaborative tower", iterations):
        users = solve_rows(confidences, items, regularization)
        items = solve_rows(transposed, users, regularization)
    return users, items


def loss(confidences: csr_array, users: Tensor, items: Tensor, regularization: float) -> float:
    """The value of the objective, summed over all pairs."""
    rows = torch.from_numpy(np.repeat(np.arange(confidences.shape[0]), np.diff(confidences.indptr)))
    columns = torch.from_numpy(confidences.indices.astype(np.int64))
    confidence = torch.from_numpy(confidences.data).double()
    users, items = users.double().cpu(), items.double().cpu()
    scores = (users[rows] * items[columns]).sum(1)
    # all pairs as if they had not met, then those that met put right
    everywhere = ((users.T @ users) * (items.T @ items)).sum()
    met = (confidence * (1 - scores) ** 2 - scores**2).sum()
    penalty = regularization * (users.square().sum() + items.square().sum())
    return float(everywhere + met + penalty)
