"""What likeness to the items already in a list costs, in units of score."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from hybridrec.arrays import DoubleArray, FloatArray
from hybridrec.fusion.policy.config import DiversityMethod

MOST = 0.999
"""Where relevance still counts a thousandth, so that costs stay finite."""
LEAST_SPAN = 1e-6
"""Scores are taken to span this much at least; equal ones are told apart by likeness alone."""
LEAST_VOLUME = 1e-6
"""What an item adds to the volume of a list, at least; nearer copies cost no more."""


class Diversity(Protocol):
    """A list as it grows, and what each candidate would cost in it now."""

    cost: DoubleArray
    """``(n,)`` of score, zero or above; never falls while the list grows."""

    def take(self, place: int) -> None:
        """Puts one candidate into the list."""


def diversity_of(
    method: DiversityMethod, embeddings: FloatArray, diversity: float, span: float
) -> Diversity:
    """Costs in an empty list.

    Args:
        method: how likeness is counted.
        embeddings: ``(n, dim)`` of the candidates, of unit length.
        diversity: 0 for none, 1 for nothing else; against relevance scaled to 0 … 1 by ``span``.
        span: how far the scores reach, from the least to the greatest.
    """
    diversity = min(diversity, MOST)
    weight = max(span, LEAST_SPAN) * diversity / (1 - diversity)
    kind = MarginalRelevance if method == "mmr" else DeterminantalProcess
    return kind(embeddings, weight)


class MarginalRelevance:
    """Cost is the greatest cosine to an item of the list, times a weight.

    The order is that of maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), whose
    ``(1 − d) · relevance − d · likeness`` is divided by ``1 − d`` to stay in units of score.
    """

    def __init__(self, embeddings: FloatArray, weight: float) -> None:
        self.cost: DoubleArray = np.zeros(len(embeddings))
        self._embeddings = embeddings
        self._weight = weight

    def take(self, place: int) -> None:
        """Puts one candidate into the list."""
        likeness = self._embeddings @ self._embeddings[place]
        self.cost = np.maximum(self.cost, self._weight * likeness.astype(np.float64))


class DeterminantalProcess:
    """Cost is how little of an item lies outside the items of the list together.

    Greedy maximum a posteriori of a determinantal point process (Chen, Zhang and Zhou, NeurIPS
    2018): each step takes what adds most to ``Σ relevance + d / (1 − d) · log det S``, with
    ``S = (1 + cosine) / 2``, and a Cholesky factor grows by one row, so that a step costs
    ``O(n · (dim + k))``.
    """

    def __init__(self, embeddings: FloatArray, weight: float) -> None:
        self.cost: DoubleArray = np.zeros(len(embeddings))
        self._embeddings = embeddings
        self._weight = weight
        self._volume: DoubleArray = np.ones(len(embeddings))
        self._factor: list[DoubleArray] = []

    def take(self, place: int) -> None:
        """Puts one candidate into the list."""
        likeness = (1 + self._embeddings @ self._embeddings[place]).astype(np.float64) / 2
        for row in self._factor:
            likeness -= row * row[place]
        row = likeness / math.sqrt(self._volume[place])
        self._factor.append(row)
        self._volume = np.maximum(self._volume - row**2, LEAST_VOLUME)
        self.cost = -self._weight * np.log(self._volume)
