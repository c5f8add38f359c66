"""Clusters, by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.errors import ConfigError

STARTS = 4
"""From how many random beginnings k-means is run; the best is kept."""
MOST_COMPARED = 2_000
"""Points that a silhouette is computed on; its cost grows with their square."""


def k_means(
    points: npt.NDArray[Any], clusters: int, seed: int
) -> tuple[IntArray, npt.NDArray[Any]]:
    """The cluster of every point, and the centres.

    Args:
        points: ``(n, dim)``.
        clusters: how many; at most as many as there are points.
        seed: of the beginnings.

    Raises:
        ConfigError: scikit-learn is not installed.
    """
    found = _cluster_module().KMeans(clusters, n_init=STARTS, random_state=seed).fit(points)
    return found.labels_.astype(np.int64), found.cluster_centers_


def nearest_centre(points: DoubleArray, centres: DoubleArray) -> IntArray:
    """The nearest centre of every point, ``(n,)``."""
    squares = (centres**2).sum(axis=1)[None] - 2 * points @ centres.T
    return np.asarray(squares.argmin(axis=1), dtype=np.int64)


def silhouette(points: DoubleArray, labels: IntArray, seed: int) -> float:
    """How much nearer points are to their own cluster than to the next, −1 to 1.

    Mean over at most :data:`MOST_COMPARED` points (Rousseeuw, "Silhouettes", Journal of
    Computational and Applied Mathematics 20, 1987). −1 where only one cluster is met.
    """
    drawn = np.sort(np.random.default_rng(seed).permutation(labels.size)[:MOST_COMPARED])
    points, labels = points[drawn], labels[drawn]
    if not 1 < np.unique(labels).size < labels.size:
        return -1.0
    return float(_metrics_module().silhouette_score(points, labels))


def adjusted_rand(labels: IntArray, others: IntArray) -> float:
    """How far two clusterings agree: 1 wholly, 0 as by chance (Hubert & Arabie, 1985)."""
    return float(_metrics_module().adjusted_rand_score(labels, others))


def _cluster_module() -> Any:
    try:
        from sklearn import cluster
    except ImportError as error:
        raise ConfigError(_MISSING) from error
    return cluster


def _metrics_module() -> Any:
    try:
        from sklearn import metrics
    except ImportError as error:
        raise ConfigError(_MISSING) from error
    return metrics


_MISSING = "scikit-learn is not installed; pip install 'hybridrec[segments]'"
