"""Sweeps by the library implicit, for shops that trust it or want to compare."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_array, csr_matrix

from hybridrec.arrays import FloatArray
from hybridrec.devices import single_threaded_blas


class ImplicitSweeps:
    """Alternates by ``implicit.als.AlternatingLeastSquares``, on as many threads as torch has.

    It minimises Hu's form: in terms of :mod:`hybridrec.towers.collaborative.objective`, targets
    ``1 + α₀/c``, one λ for all rows.

    Args:
        confidences: ``(n_users, n_items)``, values above 0 where a pair met.
        regularization: λ.
        unobserved_weight: α₀.
        dim: factors.
    """

    def __init__(
        self, confidences: csr_array, regularization: float, unobserved_weight: float, dim: int
    ) -> None:
        from implicit.cpu.als import AlternatingLeastSquares

        self._matrix = csr_matrix(confidences, dtype=np.float32)
        self._matrix.data = self._matrix.data / np.float32(unobserved_weight) + 1
        self._model = AlternatingLeastSquares(
            factors=dim,
            regularization=regularization / unobserved_weight,
            alpha=1.0,
            iterations=1,
            num_threads=torch.get_num_threads(),
        )

    def sweep(self, users: FloatArray | None, items: FloatArray) -> tuple[FloatArray, FloatArray]:
        """User and item factors after one sweep more; it goes on from those it is given."""
        model = self._model
        start = np.zeros((self._matrix.shape[0], items.shape[1]), np.float32)
        model.user_factors = start if users is None else users.copy()
        model.item_factors = items.copy()
        with single_threaded_blas():
            model.fit(self._matrix, show_progress=False)
        return np.asarray(model.user_factors), np.asarray(model.item_factors)
