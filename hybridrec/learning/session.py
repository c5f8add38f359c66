"""One model's fit as it goes: what it records, and where it left off."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from hybridrec.arrays import NamedArrays
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.curves import Curves, Point

LEARNING, FINISHED = "learning", "finished"
CHECKPOINT_SECONDS = 20.0
"""Least time between two checkpoints of one model; a killed fit loses about that much."""


class FitSession:
    """Records a model's curves, keeps its checkpoints, and hands back the one it left.

    A session without curves or checkpoints is one that forgets: models need not tell the
    difference.

    Args:
        model: what is fitted, as curves and checkpoints name it: ``"text tower"``.
        curves: where losses and validation metrics go.
        checkpoints: where states are kept; ``None`` for nowhere.
    """

    def __init__(
        self, model: str = "", curves: Curves | None = None, checkpoints: Checkpoints | None = None
    ) -> None:
        self.model = model
        self.curves = Curves() if curves is None else curves
        self._checkpoints = checkpoints
        self._started = time.perf_counter()
        self._last_checkpoint = self._started

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Adds values to the curves: ``record(40, {"loss": 1.2, "ndcg@10": 0.08})``.

        Args:
            step: gradient steps or sweeps done so far.
            values: by name of the curve.
        """
        seconds = time.perf_counter() - self._started
        for name, value in values.items():
            self.curves.add(Point(self.model, name, step, value, seconds))

    def resume(self) -> NamedArrays | None:
        """The arrays of the latest checkpoint, its curves recorded again; ``None`` without one.

        Raises:
            ArtifactError: a checkpoint that cannot be read.
        """
        return self._load(LEARNING)

    def checkpoint(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keeps a state that :meth:`resume` gives back; it replaces the one before."""
        self._save(arrays, LEARNING)

    def result(self) -> NamedArrays | None:
        """The arrays of a fit that was finished, its curves recorded again; ``None`` if it was not.

        Raises:
            ArtifactError: a checkpoint that cannot be read.
        """
        return self._load(FINISHED)

    def finish(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keeps what the fit came to, which :meth:`result` gives back."""
        self._save(arrays, FINISHED)

    @property
    def checkpoint_due(self) -> bool:
        """Whether checkpoints are kept and the last one lies long enough back."""
        late = time.perf_counter() - self._last_checkpoint >= CHECKPOINT_SECONDS
        return self._checkpoints is not None and late

    def _save(self, arrays: Mapping[str, npt.NDArray[Any]], stage: str) -> None:
        if self._checkpoints is None:
            return
        points = [point[1:] for point in self.curves.of(self.model)]
        metadata = {"stage": stage, "points": json.dumps(points)}
        self._checkpoints.save(self.model, arrays, metadata)
        self._last_checkpoint = time.perf_counter()

    def _load(self, stage: str) -> NamedArrays | None:
        found = None if self._checkpoints is None else self._checkpoints.load(self.model)
        if found is None or found[1]["stage"] != stage:
            return None
        points = [Point(self.model, *row) for row in json.loads(found[1]["points"])]
        self.curves.restore(self.model, points)
        if points:
            self._started = time.perf_counter() - points[-1].seconds
        return found[0]
