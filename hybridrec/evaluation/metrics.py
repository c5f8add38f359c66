"""Ranking metrics, one value a user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.errors import RequestError

NAMES = ("recall", "full_recall", "ndcg", "hr", "precision", "mrr")
"""``recall`` divides by ``min(k, relevant items)``, ``full_recall`` by all relevant items."""
_USE = f"use {', '.join(NAMES)} with @k: ndcg@10"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over users and how sure it is.

    Args:
        value: the mean.
        standard_error: standard deviation over users by the root of their number.
        users: how many.
    """

    value: float
    standard_error: float
    users: int

    @classmethod
    def of(cls, values: DoubleArray) -> Estimate:
        """The estimate from one value a user."""
        n = values.size
        if n == 0:
            return cls(float("nan"), float("nan"), 0)
        error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
        return cls(float(values.mean()), error, n)


def parse_metric(metric: str) -> tuple[str, int]:
    """The name and cut-off of a metric such as ``ndcg@10``.

    Raises:
        RequestError: another name, or no cut-off of 1 or more.
    """
    name, _, cut = metric.partition("@")
    if name not in NAMES or not cut.isdecimal() or int(cut) < 1:
        raise RequestError(f"metric {metric!r} is unknown; {_USE}")
    return name, int(cut)


def greatest_cut(metrics: Sequence[str]) -> int:
    """The greatest cut-off of some metrics: how many places they look at.

    Raises:
        RequestError: none at all, or one that is unknown.

    >>> greatest_cut(["recall@20", "ndcg@10"])
    20
    """
    if not metrics:
        raise RequestError(f"metrics={metrics!r}: name one at least; {_USE}")
    return max(parse_metric(metric)[1] for metric in metrics)


def per_user(metric: str, hits: BoolArray, relevant: IntArray) -> DoubleArray:
    """One metric for every user.

    ``recall`` divides by ``min(k, relevant items)``, so that a perfect list of ``k`` scores 1 for
    users with more than ``k`` relevant items too; ``full_recall`` divides by all relevant items,
    as most papers do. Both are the same for users with ``k`` relevant items or fewer. ``mrr`` is
    one by the rank of the first hit.

    Args:
        metric: such as ``recall@10``.
        hits: ``(n_users, k_or_more)`` whether the item at each rank is relevant.
        relevant: ``(n_users,)`` how many items are relevant, at least 1.

    Returns:
        ``(n_users,)``, each from 0 to 1.

    >>> hits = np.array([[True, False, True]])
    >>> per_user("recall@3", hits, np.array([4])).round(3).tolist()
    [0.667]
    >>> per_user("full_recall@3", hits, np.array([4])).tolist()
    [0.5]
    """
    name, k = parse_metric(metric)
    hits = hits[:, :k]
    found = hits.sum(axis=1)
    if name == "recall":
        return np.asarray(found / np.minimum(k, relevant), dtype=np.float64)
    if name == "full_recall":
        return np.asarray(found / relevant, dtype=np.float64)
    if name == "precision":
        return np.asarray(found / k, dtype=np.float64)
    if name == "hr":
        return np.asarray(found > 0, dtype=np.float64)
    if name == "mrr":
        first = np.argmax(hits, axis=1) + 1
        return np.asarray(np.where(found > 0, 1.0 / first, 0.0))
    discounts = 1 / np.log2(np.arange(k) + 2)
    gains = hits @ discounts[: hits.shape[1]]
    ideal = np.cumsum(discounts)[np.minimum(k, relevant) - 1]
    return np.asarray(gains / ideal, dtype=np.float64)
