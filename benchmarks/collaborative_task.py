"""What the collaborative benchmarks learn from and ask, and the two models that answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from scipy.sparse import csr_array, csr_matrix

from hybridrec import Dataset
from hybridrec.data import Histories
from hybridrec.devices import single_threaded_blas
from hybridrec.evaluation.metrics import per_user
from hybridrec.towers.base import TrainingData
from hybridrec.towers.collaborative.config import CollaborativeConfig
from hybridrec.towers.collaborative.tower import CollaborativeTower

METRICS = ("recall@10", "ndcg@10")
TEST_DAYS, WARM_USERS, BLOCK_USERS = 28, 5, 1024
SEED = 1


@dataclass(frozen=True)
class Task:
    """What is learned from and what is asked.

    Args:
        histories: of the training part.
        targets: ``(n_users, n_items)`` what each user met next, new to the user.
        seen: ``(n_users, n_items)`` what is not to be ranked.
        users: rows with a target and a history.
        timed: whether half-lives are in days.
    """

    histories: Histories
    targets: csr_array
    seen: csr_array
    users: np.ndarray
    timed: bool

    @classmethod
    def load(cls, name: str, folder: Path | None, *, validate: bool) -> Task:
        """The task of a set: its test, or what comes before that."""
        timed = name == "complete-journey"
        data = Dataset.load(name, data_dir=None if timed else folder)
        for _ in range(1 + validate):
            parts = data.split_by_time(TEST_DAYS) if timed else data.split_leave_last_out()
            data, after = parts
        if timed:
            data = data.keep_items(WARM_USERS)
        histories = data.histories()
        users = data.users.join(after.events["user_id"])
        items = data.items.join(after.events["item_id"])
        known = (users >= 0) & (items >= 0)
        pairs = np.ones(int(known.sum())), (users[known], items[known])
        seen = csr_array(histories.weights() > 0)
        met = csr_array(pairs, shape=seen.shape) > 0
        new = csr_array(met > seen.multiply(met))
        new.eliminate_zeros()
        asked = (np.diff(new.indptr) > 0) & (np.diff(seen.indptr) > 0)
        return cls(histories, new, seen, np.flatnonzero(asked), timed)

    def sampled(self, n: int) -> Task:
        """The task with ``n`` of its users asked, or all where it has fewer."""
        n = min(n, self.users.size)
        users = np.random.default_rng(SEED).choice(self.users, n, replace=False)
        return replace(self, users=np.sort(users))

    def weights(self, half_life: float | None) -> csr_array:
        """Histories of the asked users, decayed by days or by events."""
        asked = self.histories.of(self.users)
        if self.timed:
            return asked.weights(half_life)
        return asked.weights(half_life_events=half_life)

    def score(self, vectors: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
        """Every metric for every asked user."""
        order = np.random.default_rng(SEED).permutation(items.shape[0])  # ties are broken by it
        shuffled, tops = torch.from_numpy(items[order]), []
        for start in range(0, self.users.size, BLOCK_USERS):
            rows = self.users[start : start + BLOCK_USERS]
            scores = torch.from_numpy(vectors[start : start + BLOCK_USERS]) @ shuffled.T
            scores[torch.from_numpy(self.seen[rows].toarray()[:, order])] = -torch.inf
            tops.append(order[scores.topk(10).indices.numpy()])
        top = np.concatenate(tops)
        rows = np.repeat(self.users, 10)
        hits = np.asarray(self.targets[rows, top.ravel()]).reshape(top.shape) > 0
        relevant = np.diff(self.targets.indptr)[self.users]
        return {metric: per_user(metric, hits, relevant) for metric in METRICS}


def fitted(task: Task, settings: dict[str, Any]) -> CollaborativeTower:
    """A tower fitted on a task's histories."""
    config = CollaborativeConfig(**({"half_life_days": None} | settings))
    tower = CollaborativeTower(config, SEED, "cpu")
    return tower.fit(TrainingData(task.histories, pl.DataFrame(), None))


def peer_weights(task: Task, settings: dict[str, Any]) -> csr_array:
    """What implicit learns from: counts, or their logarithms."""
    weights = task.histories.weights()
    if settings.get("logarithm", False):
        weights.data = np.log2(1 + weights.data).astype(np.float32)
    return weights


def implicit_model(
    weights: csr_array, settings: dict[str, Any], start: np.ndarray | None = None
) -> Any:
    """ALS of implicit, with one BLAS thread as it asks for.

    Args:
        weights: ``(n_users, n_items)``.
        settings: of ``AlternatingLeastSquares``; no ``alpha`` leaves the weights as they are.
        start: item factors to start from; random ones when ``None``.
    """
    from implicit.cpu.als import AlternatingLeastSquares

    threads = torch.get_num_threads()
    chosen = {"alpha": 1.0} | {k: v for k, v in settings.items() if k != "logarithm"}
    with single_threaded_blas():
        model = AlternatingLeastSquares(random_state=SEED, num_threads=threads, **chosen)
        if start is not None:
            model.item_factors = start.copy()
            model.user_factors = np.zeros((weights.shape[0], start.shape[1]), np.float32)
        model.fit(csr_matrix(weights), show_progress=False)
    return model
