"""When more learning no longer helps."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


class EarlyStopping:
    """Remembers where a metric was best, and says when to stop waiting for better.

    Args:
        patience: measurements in a row without a new best that are waited for.

    >>> stopping = EarlyStopping(patience=2)
    >>> [stopping.better(step, metric) for step, metric in [(10, 0.3), (20, 0.5), (30, 0.4)]]
    [True, True, False]
    >>> stopping.exhausted, stopping.better(40, 0.5), stopping.exhausted, stopping.best_step
    (False, False, True, 20)
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best_step = 0
        self.best_value = -math.inf
        self._waited = 0

    def better(self, step: int, value: float) -> bool:
        """Takes a measurement in; whether it is the best so far."""
        if value > self.best_value:
            self.best_step, self.best_value, self._waited = step, value, 0
            return True
        self._waited += 1
        return False

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self._waited >= self.patience

    def state(self) -> npt.NDArray[np.float64]:
        """All it remembers, for a checkpoint."""
        return np.array([self.best_step, self.best_value, self._waited])

    def restore(self, state: npt.NDArray[np.float64]) -> None:
        """Takes on a saved :meth:`state`."""
        self.best_step, self.best_value = int(state[0]), float(state[1])
        self._waited = int(state[2])
