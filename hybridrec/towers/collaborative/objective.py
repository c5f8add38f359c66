"""What the collaborative tower minimises.

    Σ_met c_ui (t_ui − x_u·y_i)² + α₀ Σ_all (x_u·y_i)² + Σ_u λ_u |x_u|² + Σ_i λ_i |y_i|²

Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008, in the
form of Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks",
RecSys 2022: ``c`` are confidences, targets ``t`` are 1, ``α₀`` is what a pair that never met
counts, and ``λ_u = λ (Σ_i c_ui + α₀ n_items)^ν``. With targets ``1 + α₀/c`` it is Hu's own form,
the one of :mod:`implicit`: confidence ``c/α₀ + 1`` where a pair met, 1 elsewhere, and ``λ/α₀``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from hybridrec.parallel import side_by_side

PART_ROWS = 4096
"""Rows of factors that are multiplied in one piece on CPU."""


@dataclass(frozen=True)
class Objective:
    """The constants of the objective.

    Args:
        regularization: λ.
        exponent: ν; 0 for the same λ on all rows.
        unobserved_weight: α₀.
        hu: whether targets are Hu's, ``1 + α₀/c``, instead of 1.
    """

    regularization: float
    exponent: float = 0.0
    unobserved_weight: float = 1.0
    hu: bool = False

    def targets(self, confidences: csr_array) -> np.ndarray | None:
        """What pairs that met are to score, as many as are stored; ``None`` for ones."""
        return 1 + self.unobserved_weight / confidences.data if self.hu else None

    def penalties(self, confidences: csr_array, n_columns: int) -> Tensor:
        """λ of every row, ``(n_rows,)`` float32.

        Args:
            confidences: ``(n_rows, n_columns_of_all)``.
            n_columns: columns that met anybody.
        """
        totals = np.asarray(confidences.sum(axis=1, dtype=np.float64)).ravel()
        frequency = totals + self.unobserved_weight * max(n_columns, 1)
        scaled = self.regularization * frequency**self.exponent
        return torch.from_numpy(np.minimum(scaled, np.finfo(np.float32).max).astype(np.float32))


def gram(factors: Tensor) -> Tensor:
    """``factors.T @ factors`` in double precision, ``(dim, dim)``."""
    parts = side_by_side(lambda part: (part.T @ part).double(), _parts(factors), factors.device)
    total = torch.zeros(factors.shape[1], factors.shape[1], dtype=torch.float64)
    return sum(parts, start=total.to(factors.device))


def rotated(factors: Tensor, rotation: Tensor) -> Tensor:
    """``factors @ rotation``, ``(n, dim)``."""
    result = torch.empty_like(factors)
    places = list(zip(_parts(factors), _parts(result), strict=True))
    side_by_side(lambda at: torch.mm(at[0], rotation, out=at[1]), places, factors.device)
    return result


def _parts(factors: Tensor) -> list[Tensor]:
    size = PART_ROWS if factors.device.type == "cpu" else max(1, factors.shape[0])
    return [factors[start : start + size] for start in range(0, factors.shape[0], size)]


def eigenbasis(product: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, none below 0, and eigenvectors (columns) of a Gram matrix."""
    values, vectors = torch.linalg.eigh(product)
    return values.clamp_min(0), vectors


def column_counts(confidences: csr_array) -> np.ndarray:
    """How many rows met each column."""
    return np.bincount(confidences.indices, minlength=confidences.shape[1])
