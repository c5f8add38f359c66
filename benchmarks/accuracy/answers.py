"""What every row of a table answers, and what it cost: the peers, the parts of ours, the whole."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import polars as pl

from benchmarks.accuracy import baselines
from benchmarks.accuracy.baselines import Scores
from benchmarks.accuracy.chosen import CHOSEN, fitted
from benchmarks.accuracy.tasks import Task
from benchmarks.accuracy.variants import with_shuffled_graph
from benchmarks.machine import peak_memory_gb, reset_peak_memory
from benchmarks.peers import running
from hybridrec import Dataset, Recommender, RecommenderConfig, Signal
from hybridrec.arrays import IntArray
from hybridrec.evaluation.metrics import Estimate
from hybridrec.evaluation.protocols import dense_top, scorers_alone
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.memory import give_back_memory

K = 10
T = TypeVar("T")

PEERS = ("popularity", "counts", "item-knn", "ease", "als")
PEERS_WITH_SETTINGS = {"item-knn": "item-kNN", "ease": "EASE", "als": "implicit ALS"}
"""Rows whose settings are chosen on validation, and the models' names."""
LIBRARIES = {
    "lightfm": "LightFM, WARP",
    "lenskit": "LensKit item-kNN",
    "cornac": "cornac BPR",
    "rectools": "RecTools SASRec",
    "lightgcn": "hopwise LightGCN",
    "cke": "hopwise CKE",
    "kgat": "hopwise KGAT",
    "kgin": "hopwise KGIN",
}
"""Rows of other libraries, each run in an environment of its own, and the models' names."""
OURS = ("towers", "fusion")
ABLATIONS = (
    "without-collaborative",
    "without-graph",
    "without-text",
    "without-neighbours",
    "without-transitions",
    "without-drift",
    "shuffled-graph",
)
"""Fits of their own, each without a part of ours; without drift there is one profile, the long."""
WITHOUT_DRIFT = "fusion without drift: one profile"
BEFORE_THE_RANKER = ("collaborative tower", "graph tower", "text tower", "neighbours")
"""What a fit keeps of all that learns before the ranker does."""
UNTOUCHED = {
    "without-collaborative": ("graph tower", "neighbours"),
    "without-graph": ("collaborative tower", "text tower", "neighbours"),
    "without-text": ("collaborative tower", "graph tower", "neighbours"),
    "without-neighbours": ("collaborative tower", "graph tower", "text tower"),
    "without-transitions": BEFORE_THE_RANKER,
    "without-drift": BEFORE_THE_RANKER,
    "shuffled-graph": ("collaborative tower",),
}
"""What learns the same without a part as beside it, and is taken over from the fit of the whole.
Without drift that is the towers too, though all profiles told when they stop: what is asked there
is what the ranker makes of the profiles."""


Ablations: TypeAlias = Mapping[str, tuple[str, Callable[[], Dataset], RecommenderConfig]]
"""Fits without a part: by row the model's name, its data and its settings."""


class Cost(NamedTuple):
    """What a fit took: seconds, ``None`` where it was loaded, and the most memory held."""

    seconds: float | None
    peak_gb: float = 0.0


@dataclass(frozen=True)
class Answer:
    """A row of a table.

    Args:
        model: its name.
        top: ``(n_users, 10)`` item rows in order of rank, −1 where there are fewer.
        fit_seconds: ``None`` where it was fitted in another row.
        ranking_seconds: for all users.
        peak_gb: the most memory the process held, to fit and to rank, the data and what stood
            before it included.
    """

    model: str
    top: IntArray
    fit_seconds: float | None
    ranking_seconds: float
    peak_gb: float


def peers(task: Task, rows: Sequence[str], seed: int) -> Iterator[Answer]:
    """The answers of the peers.

    Args:
        task: the question.
        rows: which of :data:`PEERS`.
        seed: for ties.
    """
    histories = task.train.histories()
    if "popularity" in rows:
        yield _peer(task, "popularity", lambda: baselines.popularity(histories), seed)
        if task.timed:
            since = baselines.RECENT_DAYS
            name = f"popular in the last {since:.0f} days"
            yield _peer(task, name, lambda: baselines.popularity(histories, since), seed)
    if "counts" in rows and task.protocol.exclude == "none":
        yield _peer(task, "own counts", baselines.own_counts, seed)
        if task.timed:
            half_life = baselines.HALF_LIFE_DAYS
            name = f"own counts, half-life {half_life:.0f} days"
            yield _peer(task, name, lambda: baselines.own_counts(half_life), seed)
    chosen = CHOSEN.get(task.name, {})
    for row, name in PEERS_WITH_SETTINGS.items():
        if row in rows and name in chosen:
            settings = chosen[name].settings
            yield _peer(task, name, partial(fitted, name, histories, settings), seed)
    for row, name in LIBRARIES.items():
        if row in rows and name in chosen:
            given = running.run(name, task, chosen[name].settings, seed)
            model = f"{name} ({given.version})"
            yield Answer(model, given.top, given.fit_seconds, given.ranking_seconds, given.peak_gb)
    if "ease" in rows and task.protocol.ordered and "EASE" in chosen:
        recent = {**chosen["EASE"].settings, "recent": True}
        yield _peer(task, "EASE, recent history", partial(fitted, "EASE", histories, recent), seed)


def _peer(task: Task, name: str, fit: Callable[[], Scores], seed: int) -> Answer:
    reset_peak_memory()
    scores, fit_seconds = timed(fit)
    top, seconds = timed(partial(dense_top, task.question, scores, K, seed))
    return Answer(name, top, fit_seconds, seconds, peak_memory_gb())


def parts_alone(task: Task, recommender: Recommender) -> Iterator[Answer]:
    """Each tower and other scorer of the fusion by itself, under the profile that suits it best.

    The profile is the one with the best first metric on this very question: a favour to the part.
    """
    fusion, metric = recommender.fusion, task.protocol.metrics[0]
    best: dict[str, tuple[float, Answer]] = {}
    for (name, profile), scores in scorers_alone(fusion).items():
        reset_peak_memory()
        seed = fusion.config.seed
        top, seconds = timed(partial(dense_top, task.question, scores, K, seed))
        value = Estimate.of(task.question.score(top, metric)).value
        kind = " tower" if name in fusion.towers else ""
        model = f"{name}{kind} alone, {profile} profile"
        if name not in best or value > best[name][0]:
            best[name] = value, Answer(model, top, None, seconds, peak_memory_gb())
    yield from (answer for _, answer in best.values())


def fit(
    data: Dataset,
    config: RecommenderConfig,
    checkpoints: Path | None = None,
    signals: Sequence[Signal] = (),
) -> tuple[Recommender, Cost]:
    """A recommender fitted on the data, and what that took."""
    give_back_memory()  # what the peers have freed is none of the fit's
    reset_peak_memory()
    recommender = Recommender(config, signals=signals)
    fitted, seconds = timed(lambda: recommender.fit(data, checkpoints=checkpoints))
    return fitted, Cost(seconds, peak_memory_gb())


def take_over(models: tuple[str, ...], whole: Path, kept: Path, fingerprint: str) -> None:
    """Gives a fit what it shares with another, such as an ablation's with that of the whole.

    Args:
        models: how the names of those begin that are shared.
        whole: checkpoints of the other fit, finished.
        kept: where its own go.
        fingerprint: what it rests on.
    """
    own = Checkpoints.open(kept, fingerprint)
    for file in sorted(whole.glob("*.safetensors")):
        model = file.stem.replace("-", " ")
        if model.startswith(models) and not (own.directory / file.name).exists():
            shutil.copyfile(file, own.directory / file.name)


def recommended(
    task: Task, recommender: Recommender, model: str, fit: Cost
) -> tuple[Answer, pl.DataFrame]:
    """What the recommender answers by its face, ``recommend``, and its recommendations.

    Args:
        task: the question.
        recommender: fitted on what may be learnt from.
        model: the name of the row.
        fit: what the fit took.
    """
    users = task.train.users.ids_of(task.question.users)
    exclude = task.protocol.exclude
    recs, seconds = timed(lambda: recommender.recommend(users, k=K, exclude=exclude))
    frame = recs.to_polars().select("user_id", "item_id", "rank")
    place = task.train.users.rows_of(frame["user_id"].to_list())
    row_of = np.full(len(task.train.users), -1, dtype=np.int64)
    row_of[task.question.users] = np.arange(len(users))
    top = np.full((len(users), K), -1, dtype=np.int64)
    items = task.train.items.rows_of(frame["item_id"].to_list())
    top[row_of[place], frame["rank"].to_numpy() - 1] = items
    peak = max(fit.peak_gb, peak_memory_gb())
    return Answer(model, top, fit.seconds, seconds, peak), frame


def ablations(
    rows: Sequence[str], train: Dataset, config: RecommenderConfig, towers: Sequence[str]
) -> Ablations:
    """The fits without a part: by row the model's name, its data and its settings.

    Rows whose part the settings leave out already, or the data, are none.

    Args:
        rows: which of :data:`ABLATIONS`.
        train: what may be learnt from.
        config: the settings of the whole.
        towers: those that it has.
    """
    found: dict[str, tuple[str, Callable[[], Dataset], RecommenderConfig]] = {}
    whole = config.model_dump()
    for row in (row for row in rows if row in ABLATIONS):
        part = row.removeprefix("without-")
        if row == "shuffled-graph" and "graph" in towers:
            name = "fusion, knowledge graph shuffled"
            found[row] = name, partial(with_shuffled_graph, train), config
        elif part == "drift":
            steady = {"short_profile": None, "last_profile": None}
            if any(whole[profile] is not None for profile in steady):
                lacking = RecommenderConfig.from_mapping({**whole, **steady})
                found[row] = WITHOUT_DRIFT, lambda: train, lacking
        elif whole.get(part) is not None:
            lacking = RecommenderConfig.from_mapping({**whole, part: None})
            found[row] = f"fusion without {part}", lambda: train, lacking
        elif part in towers:
            others = {**whole["towers"], part: None}
            if any(others.values()):
                lacking = RecommenderConfig.from_mapping({**whole, "towers": others})
                found[row] = f"fusion without the {part} tower", lambda: train, lacking
    return found


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What the work gives, and its seconds."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started
