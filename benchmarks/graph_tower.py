"""The graph tower alone: its families, what the knowledge graph is worth, items nobody has bought.

    python -m benchmarks.graph_tower --data DIR

Book-crossing: the fixed parts; every family on validation with equal budgets, then the settings of
:data:`BOOK_CROSSING` on the test, fitted on training and validation together, with the triples and
with their tails shuffled. Complete Journey: the last 28 days; items never bought before them are
ranked among each other, for who bought any, against chance and the popularity of their category;
and the warm questions 28 days earlier, on validation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from benchmarks import markdown
from benchmarks.machine import describe, peak_memory_gb
from hybridrec import Dataset
from hybridrec.arrays import BoolArray, DoubleArray
from hybridrec.evaluation.metrics import Estimate, per_user
from hybridrec.learning.session import FitSession
from hybridrec.progress import show_progress
from hybridrec.towers.base import Tower, TrainingData
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.tower import GraphTower
from hybridrec.training import build_graph

if TYPE_CHECKING:
    from hybridrec.towers.graph.encoders import Encoder

TEST_DAYS = 28
WARM_USERS = 5
LONG_HALF_LIFE, SHORT_HALF_LIFE = 120.0, 14.0
BLOCK_USERS = 256
LEVELS_APART = " > "
CATEGORY_LEVELS = {"department": 1, "category": 2, "type": 3}
"""Depths of a path of categories."""
CONFIGURATIONS_TRIED = 32
"""On validation, before the test was opened; see docs/graph-tower.md."""

BOOK_CROSSING = GraphConfig(
    embedding_dim=2048,
    layers=1,
    hops=1,
    free_items=False,
    learn_embeddings=False,
    normalise=True,
    sharpness=8.0,
    targets="hidden",
    steps=1,
    batch_size=64,
)
"""Settings chosen on its validation part."""
COLD_ITEMS = GraphConfig(
    embedding_dim=128,
    layers=1,
    free_items=False,
    learn_embeddings=False,
    normalise=True,
    sharpness=8.0,
    steps=1,
    batch_size=64,
)
"""Settings for items never bought, chosen 28 days before the test."""
BUDGET = GraphConfig(
    embedding_dim=64,
    layers=2,
    hops=1,
    free_items=False,
    normalise=True,
    sharpness=4.0,
    targets="hidden",
    steps=20,
)
"""The same for every family."""

Scorer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Question:
    """Users, what they met afterwards, and what is not to be ranked.

    Args:
        relevant: ``(n_users, n_items)`` bool, sparse.
        excluded: the same for items not to be ranked.
        candidates: ``(n_items,)`` items that are ranked at all.
    """

    relevant: csr_array
    excluded: csr_array | None
    candidates: BoolArray

    def measured(self, scorer: Scorer, metrics: tuple[str, ...], k: int) -> dict[str, DoubleArray]:
        """Metrics of every user; ties at random.

        Args:
            scorer: gives ``(n, n_items)`` scores of user rows.
            metrics: such as ``recall@10``.
            k: the largest cut-off.
        """
        random = np.random.default_rng(0)
        asked = np.flatnonzero(np.diff(self.relevant.indptr))
        values: dict[str, list[DoubleArray]] = {metric: [] for metric in metrics}
        for users in np.array_split(asked, -(-asked.size // BLOCK_USERS)):
            scores = np.array(scorer(users), dtype=np.float32)
            if self.excluded is not None:
                scores[self.excluded[users].toarray()] = -np.inf
            order = random.permutation(np.flatnonzero(self.candidates))
            shuffled = scores[:, order]
            best = np.argpartition(-shuffled, k, axis=1)[:, :k]
            ranks = np.argsort(-np.take_along_axis(shuffled, best, axis=1), axis=1, kind="stable")
            top = order[np.take_along_axis(best, ranks, axis=1)]
            relevant = self.relevant[users].toarray()
            hits = np.take_along_axis(relevant, top, axis=1)
            for metric in metrics:
                values[metric].append(per_user(metric, hits, relevant.sum(axis=1)))
        return {metric: np.concatenate(parts) for metric, parts in values.items()}


class TransformerTower(GraphTower):
    """The graph tower with a heterogeneous graph transformer (Hu et al., WWW 2020) in it.

    Compared and left out: see docs/graph-tower.md.
    """

    def _new_encoder(self, n_relations: int, graph: Any) -> Encoder:
        from benchmarks.graph_transformer import TransformerEncoder

        config = self.config
        return TransformerEncoder(
            graph, config.embedding_dim, config.layers, normalise=config.normalise
        )


def main() -> None:
    """Measures, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    show_progress("lines")
    parts = []
    for name in arguments.only:
        parts.append(f"## {name}\n\n{SECTIONS[name](arguments.data, arguments.seed)}\n")
        print(parts[-1], flush=True)
    parts.append(
        f"- mean ± standard error over users; {CONFIGURATIONS_TRIED} configurations tried on "
        f"validation\n- peak memory {peak_memory_gb():.1f} GB; {describe(arguments.seed)}\n"
    )
    print(parts[-1])
    if arguments.save_table:
        arguments.save_table.write_text("\n".join(["# Graph tower\n", *parts]), encoding="utf-8")


def families(folder: Path | None, seed: int) -> str:
    """Every family on the validation part of book-crossing, with equal budgets."""
    train, question = book_crossing(folder, ("train",), "valid")
    rows = []
    towers: Mapping[str, tuple[type[GraphTower], GraphConfig]] = {
        "light": (GraphTower, BUDGET),
        "attention": (GraphTower, BUDGET.model_copy(update={"family": "attention"})),
        "heterogeneous transformer": (TransformerTower, BUDGET),
    }
    for name, (tower, config) in towers.items():
        rows.append([name, *fitted_row(tower(config, seed), train, question)])
    return _budget(BUDGET) + markdown.table(["family", "recall@10", "mrr@10", "seconds"], rows)


def book_crossing_test(folder: Path | None, seed: int) -> str:
    """The test part of book-crossing, with the triples and with their tails shuffled."""
    train, question = book_crossing(folder, ("train", "valid"), "test")
    shuffled = replace(train, triples=shuffled_tails(train.triples, seed))
    rows = [
        [name, *fitted_row(GraphTower(BOOK_CROSSING, seed), data, question)]
        for name, data in {"triples": train, "tails shuffled": shuffled}.items()
    ]
    popularity = np.bincount(train.histories().items, minlength=len(train.items))
    values = question.measured(lambda users: np.tile(popularity, (users.size, 1)), BOOKS, 10)
    rows.append(["popularity", *(_written(values[metric]) for metric in BOOKS), ""])
    return _budget(BOOK_CROSSING) + markdown.table(
        ["graph", "recall@10", "mrr@10", "seconds"], rows
    )


def book_crossing(
    folder: Path | None, fitted: tuple[str, ...], asked: str
) -> tuple[Dataset, Question]:
    """Some parts to fit on, and one to ask about; what was met in the former is not ranked."""
    data = Dataset.load("book-crossing", data_dir=folder)
    train = replace(data, events=data.events.filter(pl.col("part").is_in(fitted)))
    test = data.events.filter(pl.col("part") == asked)
    histories = train.histories()
    everything = np.ones(histories.n_items, dtype=bool)
    return train, Question(_met(train, test), csr_array(histories.weights() > 0), everything)


def shuffled_tails(triples: pl.DataFrame | None, seed: int) -> pl.DataFrame:
    """The triples with every tail put into the place of another."""
    assert triples is not None
    order = np.random.default_rng(seed).permutation(triples.height)
    tails = [name for name in triples.columns if name.startswith("tail")]
    mixed = triples.with_columns(triples[name].gather(order) for name in tails)
    return mixed.filter(pl.col("head") != pl.col("tail"))


def cold_items(folder: Path | None, seed: int) -> str:
    """Items of Complete Journey that nobody bought before the test."""
    train, test = _journey(folder).split_by_time(test_days=TEST_DAYS)
    histories = train.histories()
    cold = np.bincount(histories.items, minlength=histories.n_items) == 0
    relevant = csr_array(_met(train, test.events).multiply(cold[None, :]))
    relevant.eliminate_zeros()
    question = Question(relevant, None, cold)
    started = time.perf_counter()
    tower = GraphTower(COLD_ITEMS, seed).fit(_training(train), FitSession("graph tower"))
    seconds = time.perf_counter() - started
    weights = histories.weights(LONG_HALF_LIFE)
    models: dict[str, Scorer] = {"chance": _same_for_all(np.zeros(histories.n_items))}
    bought = np.bincount(histories.items, histories.strengths, histories.n_items)
    paths = pl.col("category").cast(pl.String).str.split(LEVELS_APART)
    for name, depth in CATEGORY_LEVELS.items():
        level = train.catalogue.select(
            paths.list.head(depth).list.join(LEVELS_APART).alias("level")
        )
        known = level.with_columns(pl.Series("bought", bought))
        total = known.select(pl.col("bought").sum().over("level")).to_series()
        each = total / known.select((pl.col("bought") > 0).sum().over("level")).to_series().clip(1)
        models[f"purchases of its {name}"] = _same_for_all(total.to_numpy())
        models[f"purchases an item of its {name}"] = _same_for_all(each.to_numpy())
    models["the user's purchases of its type"] = _own(train, weights)
    models["graph tower"] = lambda users: tower.fold_in(weights[users]) @ tower.item_embeddings.T
    rows = [
        [name, _written(question.measured(model, ("recall@50",), 50)["recall@50"])]
        for name, model in models.items()
    ]
    users = np.count_nonzero(np.diff(relevant.indptr))
    return (
        _budget(COLD_ITEMS)
        + f"{np.count_nonzero(cold):,} cold items, {users:,} users, fitted in {seconds:.0f} s\n\n"
        + markdown.table(["model", "recall@50"], rows)
    )


def warm_items(folder: Path | None, seed: int) -> str:
    """The warm questions of Complete Journey, 28 days before the test."""
    train, _ = _journey(folder).split_by_time(test_days=TEST_DAYS)
    train, test = train.split_by_time(test_days=TEST_DAYS)
    train = train.keep_items(min_users=WARM_USERS)
    histories = train.histories()
    relevant, before = _met(train, test.events), csr_array(histories.weights() > 0)
    new = csr_array(relevant > relevant.multiply(before))
    new.eliminate_zeros()
    everything = np.ones(histories.n_items, dtype=bool)
    questions = {"all": Question(relevant, None, everything)}
    questions["new"] = Question(new, before, everything)
    rows = []
    for family in ("light", "attention"):
        config = GraphConfig(family=family)
        started = time.perf_counter()
        tower = GraphTower(config, seed).fit(_training(train), FitSession("graph tower"))
        seconds = f"{time.perf_counter() - started:.0f}"
        for half_life in (LONG_HALF_LIFE, SHORT_HALF_LIFE):
            for name, question in questions.items():
                values = question.measured(_scorer(tower, histories.weights(half_life)), WARM, 10)
                cells = [_written(values[metric]) for metric in WARM]
                rows.append([family, f"{half_life:.0f} days", name, *cells, seconds])
    header = ["family", "profile's half-life", "question", *WARM, "seconds"]
    return _budget(GraphConfig()) + markdown.table(header, rows)


def fitted_row(tower: GraphTower, train: Dataset, question: Question) -> list[str]:
    """Metrics and seconds of a tower on a question about books."""
    started = time.perf_counter()
    tower.fit(_training(train), FitSession("graph tower"))
    seconds = time.perf_counter() - started
    values = question.measured(_scorer(tower, train.histories().weights()), BOOKS, 10)
    return [*(_written(values[metric]) for metric in BOOKS), f"{seconds:.0f}"]


def _scorer(tower: Tower, weights: csr_array) -> Scorer:
    return lambda users: tower.fold_in(weights[users]) @ tower.item_embeddings.T


def _same_for_all(scores: DoubleArray) -> Scorer:
    return lambda users: np.tile(scores, (users.size, 1))


def _training(train: Dataset) -> TrainingData:
    return TrainingData(train.histories(), train.catalogue, build_graph(train))


def _journey(folder: Path | None) -> Dataset:
    return Dataset.load("complete-journey", data_dir=folder)


def _met(train: Dataset, events: pl.DataFrame | Dataset) -> csr_array:
    frame = events.events if isinstance(events, Dataset) else events
    users, items = train.users.join(frame["user_id"]), train.items.join(frame["item_id"])
    known = (users >= 0) & (items >= 0)
    shape = (len(train.users), len(train.items))
    met = csr_array((np.ones(known.sum()), (users[known], items[known])), shape=shape)
    return csr_array(met > 0)


def _own(train: Dataset, weights: csr_array) -> Scorer:
    codes = train.catalogue["category"].cast(pl.String).fill_null("").rank("dense").to_numpy() - 1
    members = csr_array((np.ones(codes.size), (np.arange(codes.size), codes.astype(np.int64))))
    liked = csr_array(weights @ members)
    return lambda users: np.asarray(liked[users].toarray()[:, codes.astype(np.int64)])


def _written(values: DoubleArray) -> str:
    estimate = Estimate.of(values)
    return f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"


def _budget(config: GraphConfig) -> str:
    changed = config.model_dump(exclude_defaults=True)
    return "settings: " + (", ".join(f"{k} {v}" for k, v in changed.items()) or "default") + "\n\n"


BOOKS = ("recall@10", "mrr@10")
WARM = ("recall@10", "ndcg@10")
SECTIONS: dict[str, Callable[[Path | None, int], str]] = {
    "families": families,
    "book-crossing": book_crossing_test,
    "cold items": cold_items,
    "warm items": warm_items,
}


if __name__ == "__main__":
    main()
