"""How time and memory grow with the shop: the whole fit and ranking, on synthetic shops.

    python -m benchmarks.scaling --events 100_000 300_000 1_000_000

Each shop (:func:`benchmarks.synthetic.shop`) is fitted and asked in a process of its own. Of each
stage: seconds and the most memory the process held meanwhile; the exponent *b* of
``seconds = a · events^b`` over the sizes, by least squares of the logarithms, and over the last two
alone. A size is a line of JSON in ``benchmarks/results/scaling.jsonl``, in the place of an earlier
one of that size; ``scaling.md`` beside it and, of the stages' seconds, a plot come of all lines.
Needs Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from benchmarks import plots
from benchmarks.machine import describe
from benchmarks.markdown import table
from benchmarks.synthetic import shop
from hybridrec import Recommender, RecommenderConfig
from hybridrec.progress import show_progress, stage, watched

RESULTS = Path(__file__).parent / "results" / "scaling.jsonl"
PLOT = Path(__file__).parents[1] / "docs" / "images" / "scaling.svg"
FIT = "fit"
STAGES = (
    "knowledge graph",
    "collaborative tower",
    "graph tower",
    "text tower",
    "neighbours",
    "fusion ranker",
)
"""Of the fit, none within another; what is left is :data:`REST`."""
REST = "the rest: transitions, signals of the examples"
RANKED = "ranking, top 10 of 2,000 users"
AFTER = (RANKED, "saving", "loading")
USERS = 2000
SAMPLED_SECONDS = 0.05

Cost = tuple[float, float]
"""Seconds, and the most memory held meanwhile in GB."""
Span = tuple[float, float]
"""When a stretch of work began and ended."""


class ShopCost(NamedTuple):
    """What a shop of one size cost.

    Args:
        events: how many.
        machine: what it was measured on, see :func:`.machine.describe`.
        costs: by stage.
    """

    events: int
    machine: str
    costs: Mapping[str, Cost]


def main() -> None:
    """Measures each size, prints, and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--events", type=int, nargs="+", default=[100_000, 300_000, 1_000_000])
    add("--config", type=Path, help="settings in YAML; the defaults without")
    add("--seed", type=int, default=7)
    add("--save-results", type=Path, default=RESULTS, help="lines of JSON; the table lies beside")
    add("--save-plot", type=Path, default=PLOT)
    add("--measure", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(measured(arguments.measure, arguments.config, arguments.seed)))
        return
    for size in sorted(arguments.events):
        costs = apart(size, arguments.config, arguments.seed)
        keep(arguments.save_results, ShopCost(size, describe(arguments.seed), costs))
    shops = kept(arguments.save_results)
    text = report(shops)
    arguments.save_results.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    sizes = [one.events for one in shops]
    seconds = {name: [one.costs[name][0] for one in shops] for name in shops[0].costs}
    plots.growth(arguments.save_plot, sizes, seconds, "events", "seconds")


def keep(file: Path, cost: ShopCost) -> None:
    """Writes a size into a file, in the place of an earlier one of that size."""
    others = [one for one in kept(file) if one.events != cost.events] if file.is_file() else []
    lines = sorted([*others, cost], key=lambda one: one.events)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(one._asdict()) + "\n" for one in lines), encoding="utf-8")


def kept(file: Path) -> list[ShopCost]:
    """The sizes in a file, the smallest first."""
    lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [
        ShopCost(
            line["events"], line["machine"], {name: tuple(c) for name, c in line["costs"].items()}
        )
        for line in lines
    ]


def apart(n_events: int, config: Path | None, seed: int) -> dict[str, Cost]:
    """:func:`measured`, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.scaling", "--measure", str(n_events)]
    command += ["--seed", str(seed)]
    if config is not None:
        command += ["--config", str(config)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {name: (seconds, gb) for name, (seconds, gb) in json.loads(run.stdout).items()}


def measured(n_events: int, config: Path | None, seed: int) -> dict[str, Cost]:
    """Seconds and peak memory of every stage, for a shop of so many events."""
    show_progress("lines")
    data = shop(n_events, seed)
    spans: dict[str, list[Span]] = {}

    def note(name: str, depth: int, seconds: float) -> None:
        end = time.perf_counter()
        spans[name] = outermost(spans.get(name, []), (end - seconds, end))

    random = np.random.default_rng(seed)
    settings = RecommenderConfig() if config is None else RecommenderConfig.from_yaml(config)
    with sampled_memory() as memory, watched(note), TemporaryDirectory() as folder:
        recommender = Recommender(settings).fit(data)
        users, saved = recommender.users, Path(folder) / "model"
        asked = [users[row] for row in random.permutation(len(users))[:USERS]]
        with stage(RANKED):
            recommender.recommend(asked, k=10)
        with stage("saving"):
            recommender.save(saved)
        with stage("loading"):
            Recommender.load(saved)
    costs = {name: _cost(spans[name], memory) for name in (*STAGES, *AFTER, FIT) if name in spans}
    within = sum(costs[name][0] for name in STAGES if name in costs)
    of_stages = sorted(span for name in STAGES for span in spans.get(name, []))
    starts = [spans[FIT][0][0], *(end for _, end in of_stages)]
    ends = [*(start for start, _ in of_stages), spans[FIT][0][1]]
    costs[REST] = costs[FIT][0] - within, _cost(list(zip(starts, ends, strict=True)), memory)[1]
    order = (*STAGES, REST, FIT, *AFTER)
    return {name: costs[name] for name in order if name in costs}


def outermost(spans: Sequence[Span], latest: Span) -> list[Span]:
    """Spans of one name and one that ended after them, which those inside it are part of.

    >>> outermost([(0.0, 1.0), (2.5, 3.0)], (2.0, 4.0))
    [(0.0, 1.0), (2.0, 4.0)]
    """
    return [*(span for span in spans if span[0] < latest[0]), latest]


def _cost(spans: Sequence[Span], memory: Sequence[tuple[float, float]]) -> Cost:
    """What stretches of time cost together, by the samples of memory that fall into them."""
    inside = [gb for at, gb in memory if any(start <= at <= end for start, end in spans)]
    return sum(end - start for start, end in spans), max(inside, default=0.0)


@contextmanager
def sampled_memory() -> Iterator[list[tuple[float, float]]]:
    """Pairs of moment and GB that the process holds, twenty a second."""
    samples: list[tuple[float, float]] = []
    done = threading.Event()
    page = os.sysconf("SC_PAGE_SIZE")

    def look() -> None:
        while not done.wait(SAMPLED_SECONDS):
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            samples.append((time.perf_counter(), pages * page / 1e9))

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield samples
    finally:
        done.set()
        watcher.join()


def report(shops: Sequence[ShopCost]) -> str:
    """The tables, as Markdown.

    Args:
        shops: the smallest first.
    """
    sizes = [one.events for one in shops]
    events = [f"{size:,}" for size in sizes]
    seconds, memory = [], []
    for name in shops[0].costs:
        own = [one.costs[name][0] for one in shops]
        row: list[object] = [name, *(round(value, 1) for value in own)]
        if len(sizes) > 1:
            row += [exponent(sizes, own), exponent(sizes[-2:], own[-2:])]
        seconds.append(row)
        memory.append([name, *(round(one.costs[name][1], 2) for one in shops)])
    header = ["seconds", *events]
    if len(sizes) > 1:
        header += ["exponent", "of the last two"]
    measured_on: dict[str, list[str]] = {}
    for size, one in zip(events, shops, strict=True):
        measured_on.setdefault(one.machine, []).append(size)
    parts = [
        "# Growth",
        "Synthetic shops: a user for every 20 events, an item for every 100; what a stage does at "
        "several moments is added up. Goal: exponents of the fit and of ranking up to 1.1.",
        table(header, seconds),
        table(["most memory held, GB", *events], memory),
        "\n".join(f"- {', '.join(own)}: {machine}" for machine, own in measured_on.items()),
    ]
    return "\n\n".join(parts) + "\n"


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float | None:
    """The slope of log seconds over log size; ``None`` where a stage took no time.

    >>> exponent([10, 100, 1000], [1.0, 10.0, 100.0])
    1.0
    """
    if min(seconds) <= 0:
        return None
    return round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 2) + 0.0


if __name__ == "__main__":
    main()
