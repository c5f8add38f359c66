"""The search for the settings of other libraries' models, on validation alone.

    python -m benchmarks.peers --dataset NAME --data DIR

prints every configuration of each model's grid, the best by NDCG@10 first: the same number for
each. :data:`benchmarks.accuracy.chosen.CHOSEN` holds what it found.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import markdown
from benchmarks.accuracy.baselines import SEED
from benchmarks.accuracy.chosen import in_words
from benchmarks.accuracy.search import DECISIVE
from benchmarks.accuracy.tasks import PROTOCOLS, load, tasks
from benchmarks.machine import describe
from benchmarks.peers.running import PEERS, run
from hybridrec.evaluation.metrics import Estimate


def main() -> None:
    """Searches, and prints what was found."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", choices=PROTOCOLS, required=True)
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--peer", choices=PEERS, nargs="+", default=list(PEERS))
    arguments = parser.parse_args()
    data = load([arguments.dataset], arguments.data)
    [task] = tasks([arguments.dataset], data, validate=True)
    lines: list[tuple[float, list[object]]] = []
    for peer in arguments.peer:
        for settings in PEERS[peer].grid:
            answer = run(peer, task, settings, SEED)
            estimate = Estimate.of(task.question.score(answer.top, DECISIVE))
            written = f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"
            line = [peer, in_words(settings), written, round(answer.fit_seconds, 1)]
            print(*line, sep=" | ", flush=True)
            lines.append((-estimate.value, line))
    print(f"\n### {task.name}, validation ({task.question.users.size:,} users)\n")
    header = ["peer", "settings", DECISIVE, "fit s"]
    print(markdown.table(header, [line for _, line in sorted(lines, key=lambda one: one[0])]))
    print(f"\n- {describe(SEED)}")


if __name__ == "__main__":
    main()
