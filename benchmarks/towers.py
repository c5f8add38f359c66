"""Seconds and memory of the three towers, stage by stage.

    python -m benchmarks.towers --data DIR

Each data set in a process of its own: towers fitted up to the moment the ranker learns from, with
early stopping on what came after, then again on everything, as ``Recommender.fit`` does. Test
events are split off before. Peak memory is the process's, once the stage had ended.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import markdown
from benchmarks.machine import describe, peak_memory_gb
from hybridrec import Dataset, RecommenderConfig
from hybridrec.evaluation.validation import HeldOut
from hybridrec.learning.session import FitSession
from hybridrec.progress import stage, watched
from hybridrec.training import (
    build_graph,
    has_text,
    learn_towers,
    new_towers,
    split_for_ranker,
    training_data,
)

CONFIGS = Path(__file__).parents[1] / "configs"
SETS = {
    "amazon-beauty": "discovery.yaml",
    "amazon-toys": "discovery.yaml",
    "complete-journey": "default.yaml",
}
"""Data sets, and the settings that suit each."""
TEST_DAYS = 28
WARM_USERS = 5
LEAST_SECONDS = 0.5
"""Shorter stages are left out of the table."""
HEADER = ["data set", "stage", "seconds", "peak GB"]


def main() -> None:
    """Measures each data set and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--dataset", choices=SETS, nargs="+", default=list(SETS))
    parser.add_argument("--config", type=Path, help="settings instead of each set's own")
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    parser.add_argument("--measure", choices=SETS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        config = arguments.config or CONFIGS / SETS[arguments.measure]
        settings = RecommenderConfig.from_yaml(config)
        print(json.dumps(measured(arguments.measure, arguments.data, settings)))
        return
    rows: list[list[object]] = []
    for name in arguments.dataset:
        command = [sys.executable, "-m", "benchmarks.towers", "--measure", name]
        for option in ("data", "config"):
            if getattr(arguments, option) is not None:
                command += [f"--{option}", str(getattr(arguments, option))]
        run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rows += [[name, *row] for row in json.loads(run.stdout.splitlines()[-1])]
    text = f"{markdown.table(HEADER, rows)}\n\n- {describe(RecommenderConfig().seed)}\n"
    print(text)
    if arguments.save_table is not None:
        arguments.save_table.write_text(text, encoding="utf-8")


def measured(name: str, folder: Path | None, config: RecommenderConfig) -> list[list[object]]:
    """Rows of ``stage``, ``seconds`` and ``peak GB``; stages within stages set in."""
    data = Dataset.load(name, data_dir=folder)
    if name == "complete-journey":
        data = data.split_by_time(test_days=TEST_DAYS)[0].keep_items(min_users=WARM_USERS)
    else:
        data = data.split_leave_last_out()[0]
    rows: list[list[object]] = []

    def note(description: str, depth: int, seconds: float) -> None:
        if seconds >= LEAST_SECONDS or depth < 2:
            place = len(rows)
            # what lies inside ended before, and is listed below
            while place and str(rows[place - 1][0]).startswith("· " * (depth + 1)):
                place -= 1
            row = ["· " * depth + description, round(seconds, 1), round(peak_memory_gb(), 2)]
            rows.insert(place, row)

    started = time.perf_counter()
    with watched(note):
        before, after = split_for_ranker(data, config)
        with stage("knowledge graph"):
            graph = build_graph(data)
            graph_before = build_graph(before)
        towers = new_towers(config, graph, text=has_text(data))
        with stage("first fit"):
            training = training_data(before, graph_before, config, after)
            learn_towers(towers, training, FitSession, "first fit")
        assert isinstance(training.validate, HeldOut)
        for tower_name, tower in towers.items():
            rows.append([f"{tower_name}: {training.validate.metric}", None, None])
            rows[-1][1] = round(training.validate(tower), 4)
        with stage("refit on everything"):
            learn_towers(towers, training_data(data, graph, config), FitSession, "refit")
    rows.append(["all", round(time.perf_counter() - started, 1), round(peak_memory_gb(), 2)])
    return rows


if __name__ == "__main__":
    main()
