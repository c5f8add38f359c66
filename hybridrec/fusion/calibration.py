"""From scores to probabilities: how likely the user is to meet an item within the horizon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import fmin_l_bfgs_b
from scipy.special import expit, log_expit

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray
from hybridrec.fusion.pairs import Pairs

LEAST_SLOPE: Final = 1e-3
"""Slopes stay above 0, so that a better score is never a smaller probability."""
KNOTS: Final = (0.5, 0.9, 0.98)
"""Quantiles of the line at which it is bent: finer above, where what is shown lies."""
LINE_RIDGE: Final = 1.0
"""What half a squared distance of the line's weights from 1 (log lift) and 0 (context) costs,
beside log likelihoods summed over pairs …"""
BEND_RIDGE: Final = 300.0
"""… and that of a bend from 1: pairs of one user are no independent witnesses, so that a bend
takes many of them."""


@dataclass(frozen=True)
class Calibration:
    """A logistic model over the log lift of a score and the user's context, and bends on top.

    ``line = slope · log lift + intercept + weights · context``, as Platt (1999) has it. The lift
    is the softmax of the scores over the user's candidates, times their number: the share of a
    score would rise with every candidate that a filter takes away. The context says how much a
    user of this kind meets at all. The log odds are piecewise linear in this line. Within a user
    only the lift varies, and all slopes are above 0: the order of probabilities is that of the
    scores.

    Args:
        slope: of the log lift.
        intercept: of users with mean context.
        weights: ``(n_context,)`` of the context.
        knots: ``(n_knots,)`` of the line, ascending.
        bends: ``(n_knots + 1,)`` slopes of the log odds below, between and above them.
        offset: of the log odds.
    """

    slope: float
    intercept: float
    weights: DoubleArray
    knots: DoubleArray
    bends: DoubleArray
    offset: float

    @classmethod
    def fit(
        cls, pairs: Pairs, scores: FloatArray, context: FloatArray, chosen: BoolArray
    ) -> Self | None:
        """The most likely model of what users chose; first the line, then its bends.

        Args:
            pairs: all candidates of users the ranker has not learnt from, among them users who
                chose nothing.
            scores: ``(n_pairs,)`` of the ranker.
            context: ``(n_pairs, n_context)`` the same for all candidates of a user.
            chosen: ``(n_pairs,)`` whether the user met the item within the horizon.

        Returns:
            ``None`` where all candidates or none were chosen: there is nothing to tell apart.

        >>> pairs = Pairs(np.array([0, 2, 4]), np.array([0, 1, 0, 1]))
        >>> scores, chosen = np.array([2.0, 0, 2, 0]), np.array([True, False, False, False])
        >>> model = Calibration.fit(pairs, scores, np.zeros((4, 0)), chosen)
        >>> float(model.probabilities(pairs, scores, np.zeros((4, 0))).sum().round(2))
        1.0
        """
        if not 0 < chosen.sum() < chosen.size:
            return None
        rows = np.column_stack([log_lifts(pairs, scores), context]).astype(np.float64, copy=False)
        prior = np.eye(1, rows.shape[1])[0]
        weights, intercept = _most_likely(rows, chosen, prior, LINE_RIDGE, rising=1)
        line = rows @ weights + intercept
        knots = np.unique(np.quantile(line, KNOTS))
        parts = _segments(line, knots)
        prior = np.ones(parts.shape[1])
        bends, offset = _most_likely(parts, chosen, prior, BEND_RIDGE, rising=prior.size)
        return cls(float(weights[0]), intercept, weights[1:], knots, bends, offset)

    def probabilities(self, pairs: Pairs, scores: FloatArray, context: FloatArray) -> DoubleArray:
        """The probability of every candidate, ``(n_pairs,)``.

        Args:
            pairs: all candidates of some users.
            scores: ``(n_pairs,)`` of the ranker.
            context: ``(n_pairs, n_context)`` as it was in :meth:`fit`.
        """
        line = self.slope * log_lifts(pairs, scores) + self.intercept
        line += context.astype(np.float64) @ self.weights
        return np.asarray(expit(_segments(line, self.knots) @ self.bends + self.offset))

    def state(self) -> dict[str, npt.NDArray[Any]]:
        """Everything as named arrays."""
        return {
            "line": np.array([self.slope, self.intercept, self.offset]),
            "context": self.weights,
            "knots": self.knots,
            "bends": self.bends,
        }

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """What :meth:`state` gave, back."""
        slope, intercept, offset = arrays["line"].tolist()
        weights, knots, bends = (
            np.asarray(arrays[name], dtype=np.float64) for name in ("context", "knots", "bends")
        )
        return cls(slope, intercept, weights, knots, bends, offset)


def _most_likely(
    rows: DoubleArray, chosen: BoolArray, prior: DoubleArray, ridge: float, rising: int
) -> tuple[DoubleArray, float]:
    """The weights and intercept of a logistic regression, the first weights held above 0.

    Args:
        rows: ``(n, n_weights)``.
        chosen: ``(n,)``.
        prior: ``(n_weights,)`` what weights are drawn to.
        ridge: how strongly.
        rising: how many weights are held above 0.
    """
    rows = np.column_stack([rows, np.ones(chosen.size)])
    bounds: list[tuple[float | None, None]] = [(LEAST_SLOPE, None)] * rising
    bounds += [(None, None)] * (rows.shape[1] - rising)
    sign = np.where(chosen, 1.0, -1.0)

    def cost(weights: DoubleArray) -> tuple[float, DoubleArray]:
        margin = sign * (rows @ weights)
        distance = weights - start
        distance[-1] = 0  # the intercept is free
        value = ridge / 2 * np.square(distance).sum() - log_expit(margin).sum()
        gradient = ridge * distance - (sign * expit(-margin)) @ rows
        return value / chosen.size, gradient / chosen.size

    rate = float(chosen.mean())
    start = np.append(prior, np.log(rate / (1 - rate)) - (rows[:, :-1] @ prior).mean())
    found, _, _ = fmin_l_bfgs_b(cost, start, bounds=bounds, factr=10.0, pgtol=1e-9)
    return found[:-1], float(found[-1])


def _segments(line: DoubleArray, knots: DoubleArray) -> DoubleArray:
    """How far values reach into each stretch between knots, ``(n, n_knots + 1)``; sums to them.

    >>> _segments(np.array([-5.0, 1.5, 9.0]), np.array([1.0, 2.0])).tolist()
    [[-5.0, 0.0, 0.0], [1.0, 0.5, 0.0], [1.0, 1.0, 7.0]]
    """
    if knots.size == 0:
        return line[:, None]
    above = [np.clip(line, low, high) - low for low, high in pairwise([*knots.tolist(), np.inf])]
    return np.column_stack([np.minimum(line, knots[0]), *above])


def log_lifts(pairs: Pairs, scores: FloatArray) -> DoubleArray:
    """The log of each score's exponential over the mean of the user's candidates, ``(n_pairs,)``.

    >>> pairs = Pairs(np.array([0, 2, 2, 3]), np.array([0, 1, 5]))
    >>> np.exp(log_lifts(pairs, np.log([3.0, 1, 7]))).round(3).tolist()
    [1.5, 0.5, 1.0]
    """
    filled = pairs.counts > 0
    starts, counts = pairs.indptr[:-1][filled], pairs.counts[filled]
    values = scores.astype(np.float64)
    if values.size == 0:
        return values
    highest = np.repeat(np.maximum.reduceat(values, starts), counts)
    means = np.add.reduceat(np.exp(values - highest), starts) / counts
    return np.asarray(values - highest - np.repeat(np.log(means), counts))
