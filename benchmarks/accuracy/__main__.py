"""Accuracy on public data, the fusion beside its peers: one table a data set and question.

    python -m benchmarks.accuracy --dataset amazon-beauty --data DIR \
        --save-recommendations FILE.parquet --save-table FILE.md

Rows: popularity, own counts, item-kNN and ALS of implicit, EASE, models of other libraries
(``lightfm``, ``lenskit``, ``cornac``, ``rectools``, ``lightgcn``, ``cke``, ``kgat``, ``kgin``, see
:mod:`benchmarks.peers`), each part of the fusion alone, the fusion; ``--ablations`` adds the
fusion without each part and with a shuffled knowledge graph, fits that take over from the whole's
what they share with it; that without drift is set against the whole by users whose interest moved
and users whose did not. The recommendations are the fusion's for every user asked for; the line of
JSON before the tables is what the referee ``score.py`` should say of them. Two tables of one set
(``-all`` and ``-new``) share a fit when asked for together. ``--validate`` moves everything one
step back, to tune without opening the test.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.accuracy.answers import (
    ABLATIONS,
    LIBRARIES,
    OURS,
    PEERS,
    PEERS_WITH_SETTINGS,
    UNTOUCHED,
    WITHOUT_DRIFT,
    Ablations,
    Answer,
    Cost,
    ablations,
    fit,
    parts_alone,
    peers,
    recommended,
    take_over,
)
from benchmarks.accuracy.chosen import CHOSEN
from benchmarks.accuracy.promotions import Promotions
from benchmarks.accuracy.results import FUSION, rows_of, save
from benchmarks.accuracy.table import notes, referee_figures, section
from benchmarks.accuracy.tasks import PROTOCOLS, Task, load, tasks
from benchmarks.accuracy.variants import Renaming, with_shuffled_ties
from benchmarks.drift import by_moved
from benchmarks.machine import describe
from hybridrec import Recommender, RecommenderConfig, Signal
from hybridrec.arrays import BoolArray
from hybridrec.errors import HybridrecError, RequestError
from hybridrec.progress import show_progress, stage
from hybridrec.training import fingerprint

CONFIGS = Path(__file__).parents[2] / "configs"
ROWS = (*PEERS, *LIBRARIES, *OURS, *ABLATIONS)


def main(command: Sequence[str] | None = None) -> None:
    """Fits, measures, prints, and writes what was asked for."""
    parser = _parser()
    arguments = parser.parse_args(command)
    rows = tuple(arguments.rows) + ABLATIONS * arguments.ablations
    if arguments.save_recommendations and FUSION not in rows:
        parser.error("--save-recommendations writes the fusion's: add it to --rows")
    sets = {PROTOCOLS[name].dataset for name in arguments.dataset}
    if arguments.promotions and sets != {"complete-journey"}:
        parser.error(f"--promotions: {', '.join(sorted(sets))} tells of none")
    show_progress("lines")
    try:
        with TemporaryDirectory() as aside:
            if arguments.checkpoints is None and any(row in ABLATIONS for row in rows):
                arguments.checkpoints = Path(aside)
            text = measured(arguments, rows)
    except HybridrecError as error:
        parser.error(str(error))
    print(text)
    if arguments.save_table:
        arguments.save_table.parent.mkdir(parents=True, exist_ok=True)
        arguments.save_table.write_text(text, encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__.split("\n")[0]
    )
    add = parser.add_argument
    add("--dataset", choices=PROTOCOLS, nargs="+", required=True)
    add("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    add("--config", type=Path, help="settings in YAML instead of the table's own")
    add("--model", type=Path, help="a recommender fitted on just this, not to fit")
    add("--validate", action="store_true", help="measure one step earlier")
    add("--rows", choices=ROWS, nargs="+", default=[*PEERS, *OURS], help="rows of the table")
    add("--ablations", action="store_true", help="add the rows without a part: a fit each")
    add("--permute-ids", type=int, metavar="SEED", help="rename users and items, shuffle rows")
    add("--shuffle-ties", type=int, metavar="SEED", help="shuffle events of a user and day")
    add("--co-purchases", action="store_true", help="with relations that leak the test")
    add("--promotions", action="store_true",
        help="what Complete Journey plans to promote as signals of the shop's own")  # fmt: skip
    add("--checkpoints", type=Path, help="folder to keep fits in, to go on where one was killed")
    add("--save-recommendations", type=Path, metavar="FILE.parquet",
        help="user_id, item_id, rank; a folder where several tables are asked for")  # fmt: skip
    add("--save-table", type=Path, metavar="FILE.md", help="Markdown file to write")
    add("--save-results", type=Path, metavar="FILE.jsonl",
        help="a line of JSON a row; benchmarks.tables makes tables and plots of them")  # fmt: skip
    return parser


def measured(arguments: argparse.Namespace, rows: Sequence[str]) -> str:
    """The tables asked for, as Markdown, and under them what they rest on."""
    names = arguments.dataset
    renaming = None
    with stage("loading"):
        data = load(names, arguments.data, co_purchases=arguments.co_purchases)
        if arguments.shuffle_ties is not None:
            data = with_shuffled_ties(data, arguments.shuffle_ties)
        if arguments.permute_ids is not None:
            renaming = Renaming.drawn(data, arguments.permute_ids)
            data = renaming.applied(data)
        found = tasks(names, data, validate=arguments.validate)
    settings = arguments.config or CONFIGS / found[0].protocol.settings
    config = RecommenderConfig.from_yaml(settings)
    answers: dict[str, list[Answer]] = {task.name: [] for task in found}
    for task in found:
        for answer in peers(task, rows, config.seed):
            answers[task.name].append(answer)
    towers: Sequence[str] = ()
    without_parts: Ablations = {}
    moved: BoolArray | None = None
    if any(row in (*OURS, *ABLATIONS) for row in rows):
        recommender, cost = fusion(arguments, found[0], config)
        towers = recommender.towers
        for task in found:
            if "towers" in rows:
                answers[task.name] += parts_alone(task, recommender)
            if FUSION in rows:
                answer, frame = recommended(task, recommender, FUSION, cost)
                answers[task.name].append(answer)
                if arguments.save_recommendations is not None:
                    frame = frame if renaming is None else renaming.original(frame)
                    frame.write_parquet(place(arguments.save_recommendations, task, len(found)))
                print(json.dumps(referee_figures(task, answer)), flush=True)
        without_parts = ablations(rows, found[0].train, config, recommender.towers)
        if "without-drift" in without_parts:
            moved = (recommender.drift().to_frame()["verdict"] == "moved").to_numpy()
        del recommender
    for row, (model, without, lacking) in without_parts.items():
        changed, own = without(), kept(arguments.checkpoints, row)
        whole = kept(arguments.checkpoints, FUSION)
        if own is not None and whole is not None:
            rests_on = fingerprint(changed, lacking, own_signals(arguments))
            take_over(UNTOUCHED[row], whole, own, rests_on)
        recommender, cost = fit(changed, lacking, own, own_signals(arguments))
        for task in found:
            answers[task.name].append(recommended(task, recommender, model, cost)[0])
        del recommender
    facts = {
        **what_was_asked(arguments, found, rows),
        "settings": f"{settings.name}, towers {', '.join(towers) or 'none'}",
        "measured on": describe(config.seed),
    }
    told = [rows_of(task, answers[task.name], facts) for task in found]
    if arguments.save_results is not None:
        save((row for table in told for row in table), arguments.save_results)
    sections = [section(table) for table in told if table]
    if moved is not None:
        sections += [by_drift(task, answers[task.name], moved) for task in found]
    return "\n".join([*sections, notes(facts)])


def fusion(
    arguments: argparse.Namespace, task: Task, config: RecommenderConfig
) -> tuple[Recommender, Cost]:
    """The recommender, fitted or loaded, and what its fit took.

    Raises:
        RequestError: the one to be loaded was fitted on other data.
    """
    if arguments.model is None:
        return fit(task.train, config, kept(arguments.checkpoints, FUSION), own_signals(arguments))
    recommender = Recommender.load(arguments.model, signals=own_signals(arguments))
    shop = recommender.shop
    if shop.as_of != task.train.as_of or recommender.items != task.train.items.values:
        raise RequestError(f"{arguments.model} was fitted on other data than {task.train}")
    return recommender, Cost(None)


def by_drift(task: Task, answers: Sequence[Answer], moved: BoolArray) -> str:
    """What following interest brings, by users whose interest moved and users whose did not.

    Args:
        task: the question.
        answers: those of the fusion and the fusion without drift among them.
        moved: ``(n_users,)`` of all users, whose interest moved before the test.
    """
    told = [answer for answer in answers if answer.model in (FUSION, WITHOUT_DRIFT)]
    parts = [f"### {task.name}, by users whose interest moved"]
    for metric in task.protocol.metrics:
        scores = {answer.model: task.question.score(answer.top, metric) for answer in told}
        parts += [metric, by_moved(scores, moved[task.question.users], FUSION)]
    return "\n\n".join(parts) + "\n"


def what_was_asked(
    arguments: argparse.Namespace, found: Sequence[Task], rows: Sequence[str]
) -> dict[str, object]:
    """Protocol, data, and the settings of the peers, in words."""
    task = found[0]
    protocol = (task.protocol.split.__doc__ or "").split("\n")[0]
    variants = {
        "validation, the test closed": arguments.validate,
        f"ids permuted with seed {arguments.permute_ids}": arguments.permute_ids is not None,
        f"ties of a day shuffled with seed {arguments.shuffle_ties}": arguments.shuffle_ties
        is not None,
        "with co-purchase relations, which leak the test": arguments.co_purchases,
        "with what is planned to be on display and in the mailer": arguments.promotions,
    }
    told = [words for words, holds in variants.items() if holds]
    facts: dict[str, object] = {
        "made by": f"`{command_of(arguments, rows)}`",
        "protocol": "; ".join([protocol.rstrip("."), *told]),
        "learnt from": task.train,
        "±": "standard error over users; lead: how far the fusion is ahead, in standard errors of "
        "the paired difference; equal scores in random order",
        "fusion without a part": "a fit that takes over from the whole's what learns the same "
        "without the part; its seconds are those of the rest",
        "ranking": "top 10 of all users in the table; peak memory of fit and ranking, with the "
        "data and all else held",
    }
    for each in found:
        for row, peer in {**PEERS_WITH_SETTINGS, **LIBRARIES}.items():
            if row in rows:
                settings = CHOSEN.get(each.name, {}).get(peer)
                facts[f"{peer}, {each.name}"] = settings or "left out: no settings searched yet"
    return facts


def command_of(arguments: argparse.Namespace, rows: Sequence[str]) -> str:
    """The command that makes these tables again, without where files lie."""
    flags = {
        "--validate": arguments.validate,
        f"--permute-ids {arguments.permute_ids}": arguments.permute_ids is not None,
        f"--shuffle-ties {arguments.shuffle_ties}": arguments.shuffle_ties is not None,
        "--co-purchases": arguments.co_purchases,
        "--promotions": arguments.promotions,
        f"--config {arguments.config}": arguments.config is not None,
    }
    parts = ["python -m benchmarks.accuracy --dataset", *arguments.dataset, "--rows", *rows]
    return " ".join([*parts, *(flag for flag, holds in flags.items() if holds)])


def own_signals(arguments: argparse.Namespace) -> list[Signal]:
    """Those of the shop's own, where they are asked for."""
    return Promotions().signals() if arguments.promotions else []


def kept(checkpoints: Path | None, row: str) -> Path | None:
    """Where the fit of a row is kept as it goes."""
    return None if checkpoints is None else checkpoints / row


def place(saved: Path, task: Task, n_tables: int) -> Path:
    """Where the recommendations of a table go; its folder is made."""
    file = saved if n_tables == 1 else saved / f"{task.name}.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


if __name__ == "__main__":
    main()
