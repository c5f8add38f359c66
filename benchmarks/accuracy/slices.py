"""Parts of a table: users by how much is known of them, items by how many met them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.accuracy.tasks import Task
from hybridrec.arrays import IntArray
from hybridrec.evaluation.protocols import Question

HEAD = 0.5
"""The most popular items that hold this share of the events are the head, the others the tail."""

Slice = tuple[str, Question, IntArray]
"""Its name, what is asked, and the rows of its users among those of the whole question."""


def slices(task: Task) -> Iterator[Slice]:
    """Thirds of the users by the length of their history, and items of the head and the tail.

    In the latter two only these items are relevant; users who met none of them are left out.
    """
    question = task.question
    lengths = np.diff(question.histories.indptr)
    bounds = np.unique(np.quantile(lengths, [1 / 3, 2 / 3], method="lower"))
    third = np.searchsorted(bounds, lengths)
    for place in np.unique(third):
        rows = np.flatnonzero(third == place)
        low, high = lengths[rows].min(), lengths[rows].max()
        events = f"{low}" if low == high else f"{low} to {high}"
        plural = "" if high == 1 else "s"
        yield f"users with {events} event{plural}", *question.of_users(rows)
    met = np.bincount(task.train.histories().items, minlength=question.relevant.shape[1])
    order = np.argsort(-met, kind="stable")
    head = np.zeros(met.size, dtype=bool)
    head[order] = np.cumsum(met[order]) - met[order] < HEAD * met.sum()
    for name, chosen in (("most popular", head), ("other", ~head)):
        if chosen[question.relevant.indices].any():
            yield f"the {chosen.sum():,} {name} items", *question.of_items(chosen)
