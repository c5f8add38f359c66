"""Forms of the ranker on the same signals: gated sums, a small network, LambdaMART.

    python -m benchmarks.rankers --dataset NAME --data DIR --save-table FILE.md

The towers are fitted once, on all but the step before the test, which stays closed; every form
learns from the same users at the same moments, is stopped by the same users held out, and ranks
the same candidates. Of the settings tried for a form, the one that ranks those held out best is
measured: what is asked for chooses nothing. Needs ``pip install 'hybridrec[benchmarks]'``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias
from unittest.mock import patch

import lightgbm
import numpy as np

from benchmarks import markdown
from benchmarks.accuracy.answers import BEFORE_THE_RANKER, fit, take_over
from benchmarks.accuracy.results import Value
from benchmarks.accuracy.table import lead, notes, written
from benchmarks.accuracy.tasks import PROTOCOLS, Task, load, tasks
from benchmarks.machine import describe
from hybridrec import RecommenderConfig
from hybridrec.arrays import BoolArray, FloatArray, HalfArray, IntArray
from hybridrec.config import Exclude, RankerConfig
from hybridrec.fusion.examples import Examples
from hybridrec.fusion.pipeline import FEWEST_HELD_OUT, Fusion
from hybridrec.fusion.ranker import Ranker
from hybridrec.fusion.signals.declaration import Signal
from hybridrec.progress import show_progress, stage
from hybridrec.training import fingerprint

CONFIGS = Path(__file__).parents[1] / "configs"
K = 10
METRICS = ("recall@10", "ndcg@10")
REFERENCE = "network"
TREES = 600
"""At most; fewer where those held out are ranked no better."""
PATIENCE = 30
"""Trees without a better ranking of those held out that are waited for."""
FORMS: Mapping[str, Sequence[Mapping[str, object]]] = {
    "gated": ({}, {"hidden": 8}, {"learning_rate": 0.01}),
    "network": ({}, {"hidden": 64}, {"weight_decay": 0.1}),
    "network without context": ({}, {"hidden": 64}, {"weight_decay": 0.1}),
    "LambdaMART": (
        {"num_leaves": 15},
        {"num_leaves": 31},
        {"num_leaves": 31, "min_data_in_leaf": 100, "feature_fraction": 0.5},
    ),
}
"""Settings tried of each form, beside those of the config."""

Scores: TypeAlias = Callable[[FloatArray | HalfArray], FloatArray]
"""Scores of inputs as the ranker sees them."""
Learnt: TypeAlias = tuple[Examples, Examples]
"""What rankers learn from, and what is held out."""


@dataclass(frozen=True)
class Fitted:
    """A form under one of its settings.

    Args:
        form: its name.
        settings: that it was fitted with.
        scores: gives its scores.
        ndcg: at 10, of the users held out.
        seconds: that the fit took.
    """

    form: str
    settings: Mapping[str, object]
    scores: Scores
    ndcg: float
    seconds: float


def main(command: Sequence[str] | None = None) -> None:
    """Fits, ranks, prints."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", choices=PROTOCOLS, required=True)
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--config", type=Path, help="settings in YAML instead of the table's own")
    parser.add_argument("--forms", choices=FORMS, nargs="+", default=list(FORMS))
    parser.add_argument("--save-table", type=Path, metavar="FILE.md", help="Markdown to write")
    parser.add_argument("--towers", type=Path, metavar="DIR",
        help="that benchmarks.accuracy --validate --checkpoints DIR left")  # fmt: skip
    arguments = parser.parse_args(command)
    show_progress("lines")
    data = load([arguments.dataset], arguments.data)
    task = tasks([arguments.dataset], data, validate=True)[0]
    settings = arguments.config or CONFIGS / task.protocol.settings
    config = RecommenderConfig.from_yaml(settings)
    with recorded() as learnt, TemporaryDirectory() as aside:
        if arguments.towers is not None:
            rests_on = fingerprint(task.train, config)
            take_over(BEFORE_THE_RANKER, arguments.towers / "fusion", Path(aside), rests_on)
        recommender, _ = fit(task.train, config, Path(aside))
    fusion = recommender.fusion
    question = task.protocol.exclude
    tried = {
        form: [fitted(form, fusion.rankers[question], *learnt[question], settings)
               for settings in FORMS[form]]
        for form in arguments.forms
    }  # fmt: skip
    best = [max(each, key=lambda one: one.ndcg) for each in tried.values()]
    tops, seconds = ranked(fusion, task, best)
    text = "\n".join(
        [
            f"### {task.name}, validation ({task.question.users.size:,} users)\n",
            table(task, best, tops, seconds, {form: len(each) for form, each in tried.items()}),
            "",
            notes(
                {
                    "learnt from": f"{learnt[question][0].pairs.n_users:,} users and "
                    f"{len(learnt[question][0].pairs):,} candidates; "
                    f"{learnt[question][1].learnable().pairs.n_users:,} users held out",
                    "±": "standard error over users; lead: how far the network is ahead, in "
                    "standard errors of the paired difference",
                    "settings": f"{settings.name}, towers {', '.join(recommender.towers)}",
                    "measured on": f"{describe(config.seed)}, lightgbm {lightgbm.__version__}",
                }
            ),
        ]
    )
    print(text)
    if arguments.save_table:
        arguments.save_table.parent.mkdir(parents=True, exist_ok=True)
        arguments.save_table.write_text(text, encoding="utf-8")


@contextmanager
def recorded() -> Iterator[dict[Exclude, Learnt]]:
    """What fits hand their rankers meanwhile, by question, kept as it passes."""
    kept: dict[Exclude, Learnt] = {}
    fit, calibrate = Fusion.fit, Fusion.calibrate

    def kept_and_fitted(
        fusion: Fusion, question: Exclude, examples: Examples, held_out: Examples
    ) -> None:
        kept[question] = examples, held_out
        fit(fusion, question, examples, held_out)

    def kept_and_calibrated(fusion: Fusion, question: Exclude, held_out: Examples) -> None:
        kept[question] = kept[question][0], held_out  # all of them
        calibrate(fusion, question, held_out)

    fitting = patch.object(Fusion, "fit", kept_and_fitted)
    calibrating = patch.object(Fusion, "calibrate", kept_and_calibrated)
    with fitting, calibrating:
        yield kept


def fitted(
    form: str,
    ranker: Ranker,
    examples: Examples,
    held_out: Examples,
    settings: Mapping[str, object],
) -> Fitted:
    """A form, fitted.

    Args:
        form: of :data:`FORMS`.
        ranker: whose signals and settings it has.
        examples: what to learn from.
        held_out: to tell when to stop, and which settings are best.
        settings: changed.
    """
    telling = held_out.learnable()
    if telling.pairs.n_users < FEWEST_HELD_OUT:
        raise SystemExit(f"{telling.pairs.n_users} users held out tell nothing; take a greater set")
    with stage(f"{form}, {_in_words(settings)}"):
        started = time.perf_counter()
        if form == "LambdaMART":
            scores = lambda_mart(examples, telling, settings, ranker.seed)
        else:
            scores = own_form(form, ranker, examples, telling, settings)
        seconds = time.perf_counter() - started
    return Fitted(form, settings, scores, telling.ndcg(scores(telling.inputs), K), seconds)


def own_form(
    form: str, ranker: Ranker, examples: Examples, telling: Examples, settings: Mapping[str, object]
) -> Scores:
    """The scores of a form of the library's."""
    name = "gated" if form == "gated" else "network"
    config = RankerConfig.from_mapping({**ranker.config.model_dump(), **settings, "form": name})
    kept = np.ones(examples.inputs.shape[1], dtype=bool)
    signals = ranker.signals
    if form.endswith("without context"):
        signals = tuple(signal for signal in signals if signal.relative)
        kept = _without_context(ranker.signals)
    own = Ranker(signals, config, ranker.seed)
    own.fit(*(replace(e, inputs=e.inputs[:, kept]) for e in (examples, telling)))
    return lambda inputs: own.score_inputs(inputs[:, kept])


def _without_context(signals: Sequence[Signal]) -> BoolArray:
    """Which inputs are no context, ``(n_inputs,)``: all places, and levels of the others."""
    placed = [True for signal in signals if signal.relative]
    return np.array(placed + [signal.relative for signal in signals if signal.absolute])


def lambda_mart(
    examples: Examples, telling: Examples, settings: Mapping[str, object], seed: int
) -> Scores:
    """The scores of gradient-boosted trees that learn to rank (Burges, MSR-TR-2010-82)."""
    train, valid = (
        lightgbm.Dataset(
            e.inputs.astype(np.float32), e.chosen.astype(np.int8), group=e.pairs.counts
        )
        for e in (examples, telling)
    )
    parameters = {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [K],
        "learning_rate": 0.05,
        "seed": seed,
        "deterministic": True,
        "verbosity": -1,
        **settings,
    }
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    booster = lightgbm.train(parameters, train, TREES, valid_sets=[valid], callbacks=[stop])
    return lambda inputs: np.asarray(booster.predict(inputs), dtype=np.float32)


def ranked(
    fusion: Fusion, task: Task, forms: Sequence[Fitted]
) -> tuple[dict[str, IntArray], dict[str, float]]:
    """The ten best items of every user by each form, and the seconds that scoring took."""
    question = task.question
    tops = {one.form: np.full((question.users.size, K), -1, dtype=np.int64) for one in forms}
    seconds = {one.form: 0.0 for one in forms}
    for users, candidates in fusion.blocks(question.histories, question.exclude):
        pairs, inputs = candidates.pairs, candidates.standardised.inputs
        for one in forms:
            started = time.perf_counter()
            scores = one.scores(inputs)
            seconds[one.form] += time.perf_counter() - started
            best = pairs.top(scores, K)
            of_user = pairs.users[best]
            rank = np.arange(best.size) - np.searchsorted(of_user, of_user)
            tops[one.form][users[of_user], rank] = pairs.items[best]
    return tops, seconds


def table(
    task: Task,
    forms: Sequence[Fitted],
    tops: Mapping[str, IntArray],
    seconds: Mapping[str, float],
    tried: Mapping[str, int],
) -> str:
    """A row a form."""
    header = ["form", "settings", "tried", "held out ndcg@10"]
    for metric in METRICS:
        header += [metric, "lead"]
    rows = []
    for one in forms:
        cells: list[object] = [
            one.form, _in_words(one.settings), tried[one.form], f"{one.ndcg:.4f}",
        ]  # fmt: skip
        for metric in METRICS:
            rival = REFERENCE in tops and one.form != REFERENCE
            reference = task.question.score(tops[REFERENCE], metric) if rival else None
            value = Value.of(task.question.score(tops[one.form], metric), reference)
            cells += [written(value), lead(value)]
        rows.append([*cells, round(one.seconds, 1), round(seconds[one.form], 1)])
    return markdown.table([*header, "fit s", "scoring s"], rows)


def _in_words(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "as configured"


if __name__ == "__main__":
    main()
