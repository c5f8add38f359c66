"""Whether the probabilities of recommendations come true, on Complete Journey.

    python -m benchmarks.calibration --data DIR --save-table FILE.md --save-pages DIRECTORY

Fitted on all but the last 28 days, asked of every user it knows, those included who bought nothing
then; once 28 days earlier (validation) and once at the end (test). Ways to calibrate the same
scores by the same held-out users are compared; the library's own is "line, bent".
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from scipy.optimize import isotonic_regression

from benchmarks import markdown
from benchmarks.accuracy.table import notes
from benchmarks.accuracy.tasks import Task, load, tasks
from benchmarks.machine import describe
from benchmarks.rankers import recorded
from hybridrec import Recommender, RecommenderConfig
from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.config import Exclude
from hybridrec.console import QUESTIONS
from hybridrec.evaluation.reliability import UNCALIBRATED, Reliability, outcomes, reliability_of
from hybridrec.fusion.calibration import Calibration, log_lifts
from hybridrec.fusion.examples import Examples
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.ranker import Ranker
from hybridrec.progress import show_progress

CONFIG = Path(__file__).parents[1] / "configs" / "default.yaml"
TASKS: Mapping[Exclude, str] = {"none": "complete-journey-all", "seen": "complete-journey-new"}
OWN = "line, bent"
SHOWN = 10
"""Of each user's candidates, the best that a list shows."""
SHOWN_BINS = 5
LEAST = 1e-6
"""No forecast is nearer to 0 or 1, so that none that fails costs everything."""

Forecasts: TypeAlias = Callable[[Pairs, FloatArray, FloatArray], DoubleArray]
"""Probabilities of pairs, from their scores and the users' context."""


def main(command: Sequence[str] | None = None) -> None:
    """Fits, compares, prints, draws."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--config", type=Path, default=CONFIG, help="settings in YAML")
    parser.add_argument("--parts", choices=("validation", "test"), nargs="+",
                        default=["validation", "test"])  # fmt: skip
    parser.add_argument("--save-table", type=Path, metavar="FILE.md", help="Markdown to write")
    parser.add_argument("--save-pages", type=Path, help="directory for a page a question")
    arguments = parser.parse_args(command)
    show_progress("lines")
    config = RecommenderConfig.from_yaml(arguments.config)
    data = load(list(TASKS.values()), arguments.data)
    sections = []
    for part in arguments.parts:
        asked = tasks(list(TASKS.values()), data, validate=part == "validation")
        with recorded() as learnt:
            recommender = Recommender(config).fit(asked[0].train)
        for task in asked:
            held_out = learnt[task.protocol.exclude][1]
            text, own = section(part, task, recommender, held_out)
            sections.append(text)
            if arguments.save_pages is not None:
                own.to_html(arguments.save_pages / f"{task.name}-{part}.html")
        towers = recommender.towers
    facts = {
        "±": "observed shares with 95 % intervals that allow for pairs of one user",
        "skill": "share of the Brier score of saying the base rate of all pairs; "
        f"top {SHOWN}: of these pairs",
        "error": "expected calibration error, in percentage points",
        "settings": f"{arguments.config.name}, towers {', '.join(towers)}",
        "measured on": describe(config.seed),
    }
    text = "\n".join([*sections, notes(facts)])
    print(text)
    if arguments.save_table:
        arguments.save_table.parent.mkdir(parents=True, exist_ok=True)
        arguments.save_table.write_text(text, encoding="utf-8")


def section(
    part: str, task: Task, recommender: Recommender, held_out: Examples
) -> tuple[str, Reliability]:
    """The tables of a question, and how the library's own forecasts came true."""
    question = task.protocol.exclude
    fusion, shop = recommender.fusion, recommender.shop
    ways = calibrations(fusion.rankers[question], held_out)
    forecasts: dict[str, list[DoubleArray]] = {name: [] for name in ways}
    happened, users, shown = [], [], []
    for rows, candidates, met in outcomes(fusion, shop, task.test, question):
        pairs, scores = candidates.pairs, candidates.scores
        context = candidates.ranker.context(candidates.standardised.inputs)
        for name, way in ways.items():
            forecasts[name].append(way(pairs, scores, context))
        best = np.zeros(len(pairs), dtype=bool)
        best[pairs.top(scores, SHOWN)] = True
        happened.append(met)
        users.append(rows[pairs.users])
        shown.append(best)
    joined = {name: np.concatenate(values) for name, values in forecasts.items()}
    truth = np.concatenate(happened), np.concatenate(users), np.concatenate(shown)
    own = reliability_of(joined[OWN], truth[0], truth[1])
    heading = (
        f"### {task.name}, {part}: {QUESTIONS[question]}?\n\n{own.users:,} users, "
        f"{own.pairs:,} candidates, of which {own.base_rate:.3%} were bought\n"
    )
    return "\n".join([heading, comparison(joined, *truth), "", bins(own), ""]), own


def calibrations(ranker: Ranker, held_out: Examples) -> dict[str, Forecasts]:
    """Ways to calibrate a ranker by the users held out."""
    bent = ranker.calibration
    if bent is None:
        raise SystemExit(UNCALIBRATED)
    pairs, chosen = held_out.pairs, held_out.chosen
    scores, context = ranker.score_inputs(held_out.inputs), ranker.context(held_out.inputs)
    rate = chosen.mean()
    line = replace(bent, knots=np.zeros(0), bends=np.ones(1), offset=0.0)
    alone = Calibration.fit(pairs, scores, context[:, :0], chosen)
    assert alone is not None
    known = line.probabilities(pairs, scores, context)
    order = np.argsort(known)
    steps = isotonic_regression(chosen[order].astype(np.float64)).x

    def isotonic(pairs: Pairs, scores: FloatArray, context: FloatArray) -> DoubleArray:
        return np.interp(line.probabilities(pairs, scores, context), known[order], steps)

    return {
        "lift of the scores alone": lambda pairs, scores, _: (
            rate * np.exp(log_lifts(pairs, scores))
        ),
        "line, bent, without context": lambda pairs, scores, context: alone.probabilities(
            pairs, scores, context[:, :0]
        ),
        "line (Platt)": line.probabilities,
        "line, isotonic": isotonic,
        OWN: bent.probabilities,
    }


def comparison(
    forecasts: Mapping[str, DoubleArray], happened: BoolArray, users: IntArray, shown: BoolArray
) -> str:
    """A row a way to calibrate: over all candidates, and over those that lists show."""
    top = f"top {SHOWN}"
    header = ["calibration", "log loss", "skill", "error", "forecast", "happened"]
    header += [f"{top} skill", f"{top} error", f"{top} forecast", f"{top} happened"]
    rows = []
    for name, values in forecasts.items():
        likely = np.clip(values, LEAST, 1 - LEAST)
        loss = -np.log(np.where(happened, likely, 1 - likely)).mean()
        cells: list[object] = [name, f"{loss:.5f}"]
        for told in (
            reliability_of(likely, happened, users),
            reliability_of(likely[shown], happened[shown], users[shown], SHOWN_BINS),
        ):
            cells += [f"{told.skill:+.1%}", f"{100 * told.calibration_error:.3f}"]
            cells += [f"{told.mean_forecast:.2%}", f"{told.base_rate:.2%}"]
        rows.append(cells)
    return markdown.table(header, rows)


def bins(reliability: Reliability) -> str:
    """The library's own forecasts, bin by bin."""
    header = ["forecast", "happened", "95 % interval", "candidates"]
    rows = [
        [
            f"{row['forecast']:.3%}",
            f"{row['observed']:.3%}",
            f"{row['low']:.3%} to {row['high']:.3%}",
            row["pairs"],
        ]
        for row in reliability.bins.iter_rows(named=True)
    ]
    return markdown.table(header, rows)


if __name__ == "__main__":
    main()
