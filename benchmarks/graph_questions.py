"""What the graph tower is asked in its benchmarks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec import Dataset
from hybridrec.arrays import BoolArray, DoubleArray
from hybridrec.evaluation.metrics import per_user

TEST_DAYS = 28
WARM_USERS = 5
BLOCK_USERS = 256

Scorer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Question:
    """Users, what they met afterwards, and what is not to be ranked.

    Args:
        relevant: ``(n_users, n_items)`` bool, sparse.
        excluded: the same for items not to be ranked.
        candidates: ``(n_items,)`` items that are ranked at all.
    """

    relevant: csr_array
    excluded: csr_array | None
    candidates: BoolArray

    def measured(self, scorer: Scorer, metrics: tuple[str, ...], k: int) -> dict[str, DoubleArray]:
        """Metrics of every user; ties at random.

        Args:
            scorer: gives ``(n, n_items)`` scores of user rows.
            metrics: such as ``recall@10``.
            k: the largest cut-off.
        """
        random = np.random.default_rng(0)
        asked = np.flatnonzero(np.diff(self.relevant.indptr))
        values: dict[str, list[DoubleArray]] = {metric: [] for metric in metrics}
        for users in np.array_split(asked, -(-asked.size // BLOCK_USERS)):
            scores = np.array(scorer(users), dtype=np.float32)
            if self.excluded is not None:
                scores[self.excluded[users].toarray()] = -np.inf
            order = random.permutation(np.flatnonzero(self.candidates))
            shuffled = scores[:, order]
            best = np.argpartition(-shuffled, k, axis=1)[:, :k]
            ranks = np.argsort(-np.take_along_axis(shuffled, best, axis=1), axis=1, kind="stable")
            top = order[np.take_along_axis(best, ranks, axis=1)]
            relevant = self.relevant[users].toarray()
            hits = np.take_along_axis(relevant, top, axis=1)
            for metric in metrics:
                values[metric].append(per_user(metric, hits, relevant.sum(axis=1)))
        return {metric: np.concatenate(parts) for metric, parts in values.items()}


def book_crossing(
    folder: Path | None, fitted: tuple[str, ...], asked: str
) -> tuple[Dataset, Question]:
    """Some parts to fit on, and one to ask about; what was met in the former is not ranked."""
    data = Dataset.load("book-crossing", data_dir=folder)
    train = replace(data, events=data.events.filter(pl.col("part").is_in(fitted)))
    test = data.events.filter(pl.col("part") == asked)
    histories = train.histories()
    everything = np.ones(histories.n_items, dtype=bool)
    return train, Question(met(train, test), csr_array(histories.weights() > 0), everything)


def journey(folder: Path | None) -> Dataset:
    """Complete Journey, all of it."""
    return Dataset.load("complete-journey", data_dir=folder)


def warm_journey(folder: Path | None) -> tuple[Dataset, dict[str, Question]]:
    """Complete Journey 28 days before the test: what was bought, and what of it was new."""
    train, _ = journey(folder).split_by_time(test_days=TEST_DAYS)
    train, test = train.split_by_time(test_days=TEST_DAYS)
    train = train.keep_items(min_users=WARM_USERS)
    histories = train.histories()
    relevant, before = met(train, test.events), csr_array(histories.weights() > 0)
    new = csr_array(relevant > relevant.multiply(before))
    new.eliminate_zeros()
    everything = np.ones(histories.n_items, dtype=bool)
    return train, {
        "all": Question(relevant, None, everything),
        "new": Question(new, before, everything),
    }


def met(train: Dataset, events: pl.DataFrame | Dataset) -> csr_array:
    """Which users met which items, of those that are known; ``(n_users, n_items)`` bool."""
    frame = events.events if isinstance(events, Dataset) else events
    users, items = train.users.join(frame["user_id"]), train.items.join(frame["item_id"])
    known = (users >= 0) & (items >= 0)
    shape = (len(train.users), len(train.items))
    pairs = csr_array((np.ones(known.sum()), (users[known], items[known])), shape=shape)
    return csr_array(pairs > 0)
