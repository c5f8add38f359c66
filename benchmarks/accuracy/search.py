"""The search for the peers' settings, on validation alone.

    python -m benchmarks.accuracy.search --dataset NAME --data DIR

prints every configuration of a table's grid (:data:`GRIDS`, :data:`REPEAT_GRIDS`), the best by
NDCG@10 first. No test is opened: everything lies one step earlier
(:mod:`benchmarks.accuracy.tasks`). :data:`benchmarks.accuracy.chosen.CHOSEN` holds what it found.
Two tables of one set (``-all`` and ``-new``) share the fits when asked for together.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import markdown
from benchmarks.accuracy import baselines
from benchmarks.accuracy.baselines import Rows
from benchmarks.accuracy.chosen import PEERS, Settings, fitted, in_words
from benchmarks.accuracy.tasks import PROTOCOLS, load, tasks
from benchmarks.machine import describe
from hybridrec import Dataset
from hybridrec.data import Histories
from hybridrec.evaluation.metrics import Estimate
from hybridrec.evaluation.protocols import Question, dense_top

DECISIVE = "ndcg@10"
K = 10

_NEIGHBOURS: dict[str, list[Any]] = {
    "weighting": ["cosine", "tfidf", "bm25"],
    "neighbours": [20, 100, 500],
}
GRIDS: dict[str, dict[str, list[Any]]] = {
    "item-kNN": _NEIGHBOURS,
    "EASE": {"regularization": [10.0, 50.0, 200.0, 500.0, 1500.0]},
    "implicit ALS": {
        "factors": [64, 256],
        "alpha": [3.0, 30.0, 100.0],
        "regularization": [1.0, 10.0, 50.0],
        "iterations": [12],
    },
}
"""The configurations tried of each peer: every combination …"""

ROWS: list[Rows] = ["binary", "logarithms"]
REPEAT_GRIDS: dict[str, dict[str, list[Any]]] = {
    "item-kNN": {**_NEIGHBOURS, "rows": ROWS},
    "EASE": {"regularization": [0.5, 2.0, 10.0, 50.0, 200.0, 500.0, 1500.0], "rows": ROWS},
    "implicit ALS": {
        "factors": [64, 256],
        "alpha": [0.3, 1.0, 3.0, 30.0],
        "regularization": [1.0, 10.0, 50.0],
        "iterations": [12],
        "rows": ROWS,
    },
}
"""… and where users meet an item again."""


def configurations(peer: str, *, repeats: bool) -> list[Settings]:
    """Every configuration of a peer.

    Args:
        peer: a name of :data:`GRIDS`.
        repeats: whether users meet items again.
    """
    grid = REPEAT_GRIDS[peer] if repeats else GRIDS[peer]
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def has_repeats(histories: Histories) -> bool:
    """Whether any user met any item more than once."""
    return histories.weights().nnz < histories.items.size


def drawn(settings: list[Settings], n: int | None) -> list[Settings]:
    """``n`` of the configurations, at random; all when ``None``."""
    if n is None or n >= len(settings):
        return settings
    places = np.random.default_rng(baselines.SEED).choice(len(settings), n, replace=False)
    return [settings[place] for place in sorted(places)]


def of_users(question: Question, n: int | None) -> Question:
    """The question asked of ``n`` of its users, drawn at random; of all when ``None``."""
    if n is None or n >= question.users.size:
        return question
    rows = np.random.default_rng(baselines.SEED).choice(question.users.size, n, replace=False)
    return question.of_users(np.sort(rows))[0]


def search(
    train: Dataset,
    questions: Mapping[str, Question],
    peers: Sequence[str],
    limit: int | None = None,
) -> Iterator[tuple[str, str, float, list[object]]]:
    """Every configuration of the peers: table, peer, the decisive metric, and the line in full.

    Args:
        train: what is learnt from.
        questions: what is asked, by table.
        peers: names of :data:`GRIDS`.
        limit: configurations of each; all when ``None``.
    """
    histories = train.histories()
    repeats = has_repeats(histories)
    for peer in peers:
        for settings in drawn(configurations(peer, repeats=repeats), limit):
            started = time.perf_counter()
            scores = fitted(peer, histories, settings)
            seconds = round(time.perf_counter() - started, 1)
            for name, question in questions.items():
                top = dense_top(question, scores, K, baselines.SEED)
                estimate = Estimate.of(question.score(top, DECISIVE))
                written = f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"
                yield name, peer, estimate.value, [peer, in_words(settings), written, seconds]


def main() -> None:
    """Searches, and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", choices=PROTOCOLS, nargs="+", required=True)
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--peer", choices=PEERS, nargs="+", default=list(PEERS))
    parser.add_argument("--limit", type=int, help="configurations of each peer, at random")
    parser.add_argument("--users", type=int, help="users to measure on, at random")
    arguments = parser.parse_args()
    asked = tasks(arguments.dataset, load(arguments.dataset, arguments.data), validate=True)
    questions = {task.name: of_users(task.question, arguments.users) for task in asked}
    found: dict[str, list[tuple[int, float, list[object]]]] = {task.name: [] for task in asked}
    for table, peer, value, line in search(
        asked[0].train, questions, arguments.peer, arguments.limit
    ):
        print(table, *line, sep=" | ", flush=True)
        found[table].append((arguments.peer.index(peer), -value, line))
    for name, question in questions.items():
        print(f"\n### {name}, validation ({question.users.size:,} users)\n")
        lines = [line for _, _, line in sorted(found[name], key=lambda one: one[:2])]
        print(markdown.table(["peer", "settings", DECISIVE, "fit s"], lines))
    print(f"\n- {describe(baselines.SEED)}")


if __name__ == "__main__":
    main()
