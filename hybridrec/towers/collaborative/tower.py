"""The collaborative tower: iALS over who met what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray, NamedArrays
from hybridrec.devices import resolve_device, single_threaded_blas
from hybridrec.learning.session import FitSession
from hybridrec.progress import counter
from hybridrec.towers.base import Tower, TrainingData
from hybridrec.towers.collaborative import ials
from hybridrec.towers.collaborative.config import CollaborativeConfig


class CollaborativeTower(Tower):
    """Factors of users and items from weighted interactions (Hu et al. 2008).

    Confidence is ``alpha · log(1 + weight)``, the weight being the user's events on the item,
    decayed by age; a pair last met long ago may thus count less than one that never met. On CPU
    the factors are fitted by ``implicit`` (conjugate gradients), on CUDA by
    :mod:`hybridrec.towers.ials`; both minimise the same objective. Histories are folded in by an
    exact solve with the item factors held, on every device.
    """

    name: ClassVar[str] = "collaborative"

    def __init__(self, config: CollaborativeConfig, seed: int = 0, device: str = "auto") -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.device = resolve_device(device)

    def fit(self, data: TrainingData, session: FitSession | None = None) -> Self:
        """Learns item factors; fitted before on as many items, it starts from them."""
        half_life = self.config.half_life_days if data.histories.timed else None
        confidences = self.confidences(data.histories.weights(half_life))
        start = self._item_embeddings
        if start is None or start.shape[0] != confidences.shape[1]:
            shape = (confidences.shape[1], self.config.embedding_dim)
            random = np.random.default_rng(self.seed).random(shape, dtype=np.float32)
            start = random * np.float32(0.01)
        if self.device.type == "cpu":
            factors = self._fit_implicit(confidences, start)
        else:
            items = torch.from_numpy(start).to(self.device)
            _, items = ials.fit_factors(
                confidences, items, self.config.regularization, self.config.iterations
            )
            factors = items.cpu().numpy()
        factors[np.bincount(confidences.indices, minlength=factors.shape[0]) == 0] = 0
        self._item_embeddings = factors
        return self

    def confidences(self, weights: csr_array) -> csr_array:
        """Weighted histories as the confidences of the objective."""
        scaled = self.config.alpha * np.log1p(weights.data)
        return csr_array((scaled, weights.indices, weights.indptr), shape=weights.shape)

    def fold_in(self, weights: csr_array) -> FloatArray:
        """User vectors of weighted histories, ``(n_users, embedding_dim)``."""
        items = torch.from_numpy(self.item_embeddings).to(self.device)
        solved = ials.solve_rows(self.confidences(weights), items, self.config.regularization)
        return np.asarray(solved.cpu().numpy())

    def attribute(self, weights: csr_array, items: IntArray) -> FloatArray:
        """How much each past item gives to a user's scores (Hu et al. 2008, section 5).

        The solved user vector is a sum over past items, ``A⁻¹ Σ c_j y_j``; so is each score.
        """
        confidences = self.confidences(weights)
        factors = torch.from_numpy(self.item_embeddings).double()
        system, _ = ials.normal_equations(
            confidences, np.array([0]), factors, factors.T @ factors, self.config.regularization
        )
        solved = torch.linalg.solve(system[0], factors[torch.from_numpy(items)].T)
        past = factors[torch.from_numpy(confidences.indices.astype(np.int64))]
        parts = past * torch.from_numpy(confidences.data).double()[:, None]
        return np.asarray((parts @ solved).float().numpy())

    def state(self) -> NamedArrays:
        """The item factors."""
        return {"item_embeddings": self.item_embeddings}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on saved item factors."""
        self._item_embeddings = np.asarray(arrays["item_embeddings"], dtype=np.float32)
        return self

    def _fit_implicit(self, confidences: csr_array, start: FloatArray) -> FloatArray:
        from implicit.cpu.als import AlternatingLeastSquares
        from scipy.sparse import csr_matrix

        with single_threaded_blas():
            model = AlternatingLeastSquares(
                factors=start.shape[1],
                regularization=self.config.regularization,
                alpha=1.0,
                iterations=self.config.iterations,
                random_state=self.seed,
                num_threads=torch.get_num_threads(),
            )
            # implicit goes on from the factors it finds
            model.item_factors = start.copy()
            model.user_factors = np.zeros((confidences.shape[0], start.shape[1]), np.float32)
            matrix = csr_matrix(confidences, dtype=np.float32)
            with counter("collaborative tower", self.config.iterations) as advance:
                model.fit(matrix, show_progress=False, callback=lambda *_: advance())
        return np.asarray(model.item_factors)
