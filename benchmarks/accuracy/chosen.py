"""Settings of the peers, each found on validation alone, and the search that finds them.

    python -m benchmarks.accuracy.chosen --dataset NAME --data DIR

prints every configuration of a table's grid (:data:`GRIDS`, :data:`REPEAT_GRIDS`), the best by
NDCG@10 first. No test is opened: everything lies one step earlier
(:mod:`benchmarks.accuracy.tasks`). :data:`CHOSEN` holds the first line of each search.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks import markdown
from benchmarks.accuracy import baselines
from benchmarks.accuracy.baselines import Rows, Scores
from benchmarks.accuracy.tasks import PROTOCOLS, Task, load, tasks
from benchmarks.machine import describe
from hybridrec.data import Histories
from hybridrec.evaluation.metrics import Estimate
from hybridrec.evaluation.protocols import dense_top

Settings = Mapping[str, Any]

DECISIVE = "ndcg@10"
K = 10

CHOSEN: dict[str, dict[str, Settings]] = {
    "online-retail-all": {
        "item-kNN": {"weighting": "bm25", "neighbours": 500, "rows": "logarithms"},
        "EASE": {"regularization": 10.0, "rows": "logarithms"},
        "implicit ALS": {
            "factors": 256,
            "alpha": 3.0,
            "regularization": 10.0,
            "iterations": 12,
            "rows": "logarithms",
        },
    },
    "book-crossing": {
        "item-kNN": {"weighting": "bm25", "neighbours": 100},
        "EASE": {"regularization": 50.0},
        "implicit ALS": {
            "factors": 64,
            "alpha": 30.0,
            "regularization": 10.0,
            "iterations": 12,
        },
    },
}
"""The settings of each peer, by table."""

_NEIGHBOURS: dict[str, list[Any]] = {
    "weighting": ["cosine", "tfidf", "bm25"],
    "neighbours": [20, 100, 500],
}
GRIDS: dict[str, dict[str, list[Any]]] = {
    "item-kNN": _NEIGHBOURS,
    "EASE": {"regularization": [10.0, 50.0, 200.0, 500.0, 1500.0]},
    "implicit ALS": {
        "factors": [64, 256],
        "alpha": [3.0, 30.0],
        "regularization": [1.0, 10.0, 50.0],
        "iterations": [12],
    },
}
"""The configurations tried of each peer: every combination …"""

ROWS: list[Rows] = ["binary", "logarithms"]
REPEAT_GRIDS: dict[str, dict[str, list[Any]]] = {
    "item-kNN": {**_NEIGHBOURS, "rows": ROWS},
    "EASE": {"regularization": [2.0, 10.0, 50.0, 200.0, 500.0, 1500.0], "rows": ROWS},
    "implicit ALS": {
        "factors": [64, 256],
        "alpha": [1.0, 3.0, 30.0],
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


def fitted(peer: str, histories: Histories, settings: Settings) -> Scores:
    """A peer with these settings."""
    return _PEERS[peer](histories, **settings)


_PEERS: dict[str, Callable[..., Scores]] = {
    "item-kNN": baselines.item_knn,
    "EASE": baselines.ease,
    "implicit ALS": baselines.implicit_als,
}


def search(task: Task, peers: list[str]) -> Iterator[tuple[float, list[object]]]:
    """The decisive metric of every configuration, and its line."""
    histories = task.train.histories()
    for peer in peers:
        for settings in configurations(peer, repeats=has_repeats(histories)):
            started = time.perf_counter()
            top = dense_top(task.question, fitted(peer, histories, settings), K, baselines.SEED)
            estimate = Estimate.of(task.question.score(top, DECISIVE))
            seconds = round(time.perf_counter() - started, 1)
            written = f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"
            yield estimate.value, [peer, in_words(settings), written, seconds]


def in_words(settings: Settings) -> str:
    """Settings in a line.

    >>> in_words({"weighting": "bm25", "neighbours": 20})
    'weighting bm25, neighbours 20'
    """
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings.items()
    )


def main() -> None:
    """Searches, and prints what was found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", choices=PROTOCOLS, nargs="+", required=True)
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--peer", choices=GRIDS, nargs="+", default=list(GRIDS))
    arguments = parser.parse_args()
    for name in arguments.dataset:
        task = tasks([name], load([name], arguments.data), validate=True)[0]
        found = []
        for value, line in search(task, arguments.peer):
            print(*line, sep=" | ", flush=True)
            found.append((value, line))
        found.sort(key=lambda one: (arguments.peer.index(str(one[1][0])), -one[0]))
        header = ["peer", "settings", DECISIVE, "seconds"]
        print(f"\n### {name}, validation ({task.question.users.size:,} users)\n")
        print(markdown.table(header, [line for _, line in found]))
        print(f"\n- {describe(baselines.SEED)}\n", flush=True)


if __name__ == "__main__":
    main()
