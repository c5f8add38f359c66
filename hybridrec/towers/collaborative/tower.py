"""The collaborative tower: iALS over who met what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, NamedArrays
from hybridrec.data.histories import Histories
from hybridrec.devices import resolve_device
from hybridrec.errors import DivergedError
from hybridrec.learning.session import FitSession
from hybridrec.learning.stopping import EarlyStopping
from hybridrec.progress import counter
from hybridrec.towers.base import Tower, TrainingData
from hybridrec.towers.collaborative.alternation import Alternation, Factors, Solving
from hybridrec.towers.collaborative.config import CollaborativeConfig
from hybridrec.towers.collaborative.exact import ExactRows
from hybridrec.towers.collaborative.objective import Objective, column_counts

START_SCALE = 0.1
"""Norm of the random item factors that a first fit starts from (Rendle et al. 2021)."""


class CollaborativeTower(Tower):
    """Factors of users and items from weighted interactions.

    The objective is that of :mod:`hybridrec.towers.collaborative.objective`. A pair's confidence
    is ``log2(1 + weight)``, the weight being the user's events on the item, decayed by age: one
    event of strength 1 counts 1, and so does anything that fades away fade to nothing. Training
    and folding in minimise the same objective on every device; user vectors are solved exactly.
    """

    name: ClassVar[str] = "collaborative"

    def __init__(self, config: CollaborativeConfig, seed: int = 0, device: str = "auto") -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.device = resolve_device(device)
        self.regularization = config.regularization
        """λ of the last fit; ``None`` before one, unless the settings name it."""
        self.best_sweeps = 0
        """Sweeps after which the last validated fit was best; 0 before one."""
        self._system: tuple[FloatArray, ExactRows, int] | None = None

    def fit(self, data: TrainingData, session: FitSession | None = None) -> Self:
        """Learns item factors; fitted before, it starts from them and from zero for later items.

        Where nothing validates it takes as many sweeps as were best in the fit before, no more
        than ``warm_iterations`` from its factors; ``iterations`` in a first fit.

        Raises:
            DivergedError: the objective is no longer a number.
            NotEnoughMemoryError: factors need more memory than there is.
        """
        session = session or FitSession(f"{self.name} tower")
        confidences = self.training_confidences(data.histories)
        warm = self._warm_start(confidences)
        self.regularization = self.config.regularization or self._derived(confidences)
        dim = self.config.embedding_dim if warm is None else warm.shape[1]
        alternation = Alternation(confidences, dim, self.objective, self._solving, self.device)
        start = self._first_factors(confidences) if warm is None else warm
        limit = self.config.iterations
        if data.validate is None and warm is not None:
            limit = min(self.best_sweeps or limit, self.config.warm_iterations)
        factors, best, done = Factors.of(start), start, 0
        stopping = EarlyStopping(self.config.patience)
        found = session.resume()
        if found is not None:
            factors = Factors.of(found["items"], found["users"])
            best, done = found["best"], int(found["sweep"])
            stopping.restore(found["stopping"])
        elif data.validate is not None and warm is not None:
            self._item_embeddings = start
            stopping.better(0, data.validate(self))
            session.record(0, {data.validate.metric: stopping.best_value})
        with counter(session.model, limit) as advance:
            while done < limit and not stopping.exhausted:
                factors = alternation.sweep(factors)
                done += 1
                values = {"loss": alternation.loss(factors)}
                if not np.isfinite(values["loss"]):
                    raise DivergedError(
                        f"{session.model}: the loss is {values['loss']} after {done} sweeps; "
                        f"raise its regularization ({self.regularization})"
                    )
                if data.validate is None:
                    stopping.best_step = done
                else:
                    _, self._item_embeddings = factors.unrotated()
                    values[data.validate.metric] = metric = data.validate(self)
                    if stopping.better(done, metric):
                        best = self._item_embeddings
                session.record(done, values)
                if session.checkpoint_due:
                    session.checkpoint(_checkpoint(factors, best, done, stopping))
                advance()
        self._item_embeddings = factors.unrotated()[1] if data.validate is None else best
        if data.validate is not None:
            self.best_sweeps = stopping.best_step
        return self

    @property
    def objective(self) -> Objective:
        """What the last fit minimised, and what user vectors minimise."""
        assert self.regularization is not None  # no answer comes before item embeddings
        config = self.config
        return Objective(
            self.regularization,
            config.regularization_exponent,
            config.unobserved_weight,
            hu=config.solver == "implicit",
        )

    def training_confidences(self, histories: Histories) -> csr_array:
        """What the tower learns from: histories weighted by its own half-lives."""
        config = self.config
        days = config.half_life_days if histories.timed else None
        weights = histories.weights(days, half_life_events=config.half_life_events)
        return self.confidences(weights)

    def confidences(self, weights: csr_array) -> csr_array:
        """Weighted histories as the confidences of the objective, ``log2(1 + weight)``."""
        scaled = (np.log1p(weights.data, dtype=np.float64) / np.log(2)).astype(np.float32)
        confidences = csr_array((scaled, weights.indices, weights.indptr), shape=weights.shape)
        confidences.eliminate_zeros()
        return confidences

    def fold_in(self, weights: csr_array) -> FloatArray:
        """User vectors of weighted histories, ``(n_users, embedding_dim)``, solved exactly."""
        system, n_items = self._item_system()
        confidences = self.confidences(weights)
        penalties = self.objective.penalties(confidences, n_items)
        targets = self.objective.targets(confidences)
        return np.asarray(system.solve(confidences, penalties, targets).cpu().numpy())

    def attribute_vectors(self, weights: csr_array, vectors: FloatArray) -> FloatArray:
        """How much each past item gives (Hu et al. 2008, section 5).

        The solved user vector is a sum over past items, ``A⁻¹ Σ c_j y_j``; so is each product.
        """
        system, n_items = self._item_system()
        confidences = self.confidences(weights)
        penalty = float(self.objective.penalties(confidences, n_items)[0])
        past = self.item_embeddings[weights.indices].astype(np.float64)
        confidence = np.log2(1 + weights.data.astype(np.float64))
        matrix = system.gram.cpu().numpy() + past.T @ (past * confidence[:, None])
        matrix[np.diag_indices_from(matrix)] += penalty
        solved = np.linalg.solve(matrix, vectors.T.astype(np.float64))
        targets = self.objective.targets(confidences)
        pulls = confidence if targets is None else confidence * targets
        return np.asarray((past * pulls[:, None]) @ solved, dtype=np.float32)

    def state(self) -> NamedArrays:
        """The item factors, after how many sweeps they were best, and λ."""
        return {
            "item_embeddings": self.item_embeddings,
            "best_sweeps": np.array(self.best_sweeps),
            "regularization": np.array(self.regularization),
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on saved item factors."""
        self._item_embeddings = np.asarray(arrays["item_embeddings"], dtype=np.float32)
        self.best_sweeps = int(arrays["best_sweeps"])
        self.regularization = float(arrays["regularization"])
        return self

    def _derived(self, confidences: csr_array) -> float:
        """λ by the share that an average user is to be regularised by."""
        config = self.config
        users = max(1, int(np.count_nonzero(np.diff(confidences.indptr))))
        items = max(1, int(np.count_nonzero(column_counts(confidences))))
        total = float(confidences.sum(dtype=np.float64)) / users or 1.0
        frequency = total + config.unobserved_weight * items
        scale = float(frequency**config.regularization_exponent)
        return config.regularization_share * total / scale

    @property
    def _solving(self) -> Solving:
        config = self.config
        solver = config.solver
        if solver == "auto":
            solver = "cg" if self.device.type == "cpu" else "cholesky"
        return Solving(solver, config.cg_steps, config.relaxation, config.tf32, config.memory_gb)

    def _item_system(self) -> tuple[ExactRows, int]:
        """What all users' equations share, and the number of items; made anew with the items."""
        embeddings = self.item_embeddings
        if self._system is None or self._system[0] is not embeddings:
            columns = torch.from_numpy(embeddings).to(self.device)
            system = ExactRows(columns, self.config.unobserved_weight)
            self._system = embeddings, system, int(np.count_nonzero(embeddings.any(axis=1)))
        return self._system[1:]

    def _warm_start(self, confidences: csr_array) -> FloatArray | None:
        """The factors of a fit before; zeros for items that came later or that nobody met."""
        before, n_items = self._item_embeddings, confidences.shape[1]
        if before is None or before.shape[0] > n_items or not before.any():
            return None
        start = np.zeros((n_items, before.shape[1]), dtype=np.float32)
        start[: before.shape[0]] = before
        start[column_counts(confidences) == 0] = 0
        return start

    def _first_factors(self, confidences: csr_array) -> FloatArray:
        shape = (confidences.shape[1], self.config.embedding_dim)
        random = np.random.default_rng(self.seed).standard_normal(shape, dtype=np.float32)
        random *= np.float32(START_SCALE / np.sqrt(shape[1]))
        random[column_counts(confidences) == 0] = 0
        return random


def _checkpoint(
    factors: Factors, best: FloatArray, done: int, stopping: EarlyStopping
) -> NamedArrays:
    users, items = factors.unrotated()
    assert users is not None
    return {
        "users": users,
        "items": items,
        "best": best,
        "sweep": np.array(done),
        "stopping": stopping.state(),
    }
