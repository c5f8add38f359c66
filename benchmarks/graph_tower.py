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
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from benchmarks import markdown
from benchmarks.graph_questions import (
    TEST_DAYS,
    Question,
    Scorer,
    book_crossing,
    journey,
    met,
    warm_journey,
)
from benchmarks.graph_transformer import TransformerTower
from benchmarks.machine import describe, peak_memory_gb
from hybridrec import Dataset
from hybridrec.arrays import DoubleArray
from hybridrec.evaluation.metrics import Estimate
from hybridrec.learning.session import FitSession
from hybridrec.progress import show_progress
from hybridrec.towers.base import Tower, TrainingData
from hybridrec.towers.graph.config import Family, GraphConfig
from hybridrec.towers.graph.tower import GraphTower
from hybridrec.training import build_graph

LONG_HALF_LIFE, SHORT_HALF_LIFE = 120.0, 14.0
LEVELS_APART = " > "
CATEGORY_LEVELS = {"department": 1, "category": 2, "type": 3}
"""Depths of a path of categories."""
CONFIGURATIONS_TRIED = 115
"""About, on validation; see docs/graph-tower.md."""

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
BOOK_BUDGET = GraphConfig(
    embedding_dim=32,
    layers=1,
    hops=1,
    free_items=False,
    normalise=True,
    sharpness=4.0,
    targets="hidden",
    steps=8,
)
"""The same for every family on book-crossing."""
JOURNEY_BUDGET = GraphConfig(embedding_dim=32, layers=1, steps=20)
"""The same for every family on Complete Journey."""
FAMILY_SEEDS = 2
COLD_MONTHS = 4
"""Of validation."""
FAMILIES: Mapping[str, tuple[type[GraphTower], Family]] = {
    "light": (GraphTower, "light"),
    "attention": (GraphTower, "attention"),
    "heterogeneous transformer": (TransformerTower, "light"),
}


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
        f"- mean ± standard error over users; about {CONFIGURATIONS_TRIED} configurations tried on "
        f"validation\n- peak memory {peak_memory_gb():.1f} GB; {describe(arguments.seed)}\n"
    )
    print(parts[-1])
    if arguments.save_table:
        arguments.save_table.write_text("\n".join(["# Graph tower\n", *parts]), encoding="utf-8")


def families(folder: Path | None, seed: int) -> str:
    """Every family on validation with equal budgets, each from several seeds."""
    books, book_question = book_crossing(folder, ("train",), "valid")
    journey_train, questions = warm_journey(folder)
    tables = []
    for name, train, question, metrics, budget in (
        ("book-crossing, validation", books, book_question, BOOKS, BOOK_BUDGET),
        (
            "Complete Journey, validation, new",
            journey_train,
            questions["new"],
            WARM,
            JOURNEY_BUDGET,
        ),
    ):
        training, weights = _training(train), train.histories().weights(LONG_HALF_LIFE)
        rows = []
        for family, (tower_type, family_name) in FAMILIES.items():
            config = budget.model_copy(update={"family": family_name})
            values: dict[str, list[DoubleArray]] = {metric: [] for metric in metrics}
            started = time.perf_counter()
            for number in range(FAMILY_SEEDS):
                tower = tower_type(config, seed + number).fit(training, FitSession("graph tower"))
                found = question.measured(_scorer(tower, weights), metrics, 10)
                for metric in metrics:
                    values[metric].append(found[metric])
            seconds = (time.perf_counter() - started) / FAMILY_SEEDS
            rows.append([family, *(_over_seeds(values[m]) for m in metrics), f"{seconds:.0f}"])
            print(name, *rows[-1], sep=", ", flush=True)
        header = ["family", *metrics, "seconds a seed"]
        tables.append(f"### {name}\n\n{_budget(budget)}{markdown.table(header, rows)}")
    tables.append(f"Means of {FAMILY_SEEDS} seeds; in brackets the least and the largest of them.")
    return "\n\n".join(tables)


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


def shuffled_tails(triples: pl.DataFrame | None, seed: int) -> pl.DataFrame:
    """The triples with every tail put into the place of another."""
    assert triples is not None
    order = np.random.default_rng(seed).permutation(triples.height)
    tails = [name for name in triples.columns if name.startswith("tail")]
    mixed = triples.with_columns(triples[name].gather(order) for name in tails)
    return mixed.filter(pl.col("head") != pl.col("tail"))


def cold_items(folder: Path | None, seed: int) -> str:
    """Items of Complete Journey that nobody bought before the test."""
    return _cold_items(folder, seed, 0)


def cold_items_validation(folder: Path | None, seed: int) -> str:
    """The same in the months before."""
    months = range(1, COLD_MONTHS + 1)
    parts = [
        f"### {month * TEST_DAYS} days before the test\n\n{_cold_items(folder, seed, month)}"
        for month in months
    ]
    return "\n\n".join(parts)


def _cold_items(folder: Path | None, seed: int, months_before: int) -> str:
    train, test = journey(folder).split_by_time(test_days=TEST_DAYS)
    for _ in range(months_before):
        train, test = train.split_by_time(test_days=TEST_DAYS)
    histories = train.histories()
    cold = np.bincount(histories.items, minlength=histories.n_items) == 0
    relevant = csr_array(met(train, test.events).multiply(cold[None, :]))
    relevant.eliminate_zeros()
    question = Question(relevant, None, cold)
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
    training = _training(train)
    seconds = {}
    for name, config in {"signatures": COLD_ITEMS, "default settings": GraphConfig()}.items():
        name = f"graph tower, {name}"
        started = time.perf_counter()
        tower = GraphTower(config, seed).fit(training, FitSession("graph tower"))
        seconds[name] = f"{time.perf_counter() - started:.0f}"
        models[name] = _scorer(tower, weights)
    rows = [
        [
            name,
            _written(question.measured(model, ("recall@50",), 50)["recall@50"]),
            seconds.get(name, ""),
        ]
        for name, model in models.items()
    ]
    users = np.count_nonzero(np.diff(relevant.indptr))
    return (
        f"Signatures, {_budget(COLD_ITEMS)}"
        f"{np.count_nonzero(cold):,} cold items, {users:,} users\n\n"
        + markdown.table(["model", "recall@50", "seconds"], rows)
    )


def warm_items(folder: Path | None, seed: int) -> str:
    """The warm questions of Complete Journey, 28 days before the test."""
    train, questions = warm_journey(folder)
    histories = train.histories()
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


def _own(train: Dataset, weights: csr_array) -> Scorer:
    codes = train.catalogue["category"].cast(pl.String).fill_null("").rank("dense").to_numpy() - 1
    members = csr_array((np.ones(codes.size), (np.arange(codes.size), codes.astype(np.int64))))
    liked = csr_array(weights @ members)
    return lambda users: np.asarray(liked[users].toarray()[:, codes.astype(np.int64)])


def _written(values: DoubleArray) -> str:
    estimate = Estimate.of(values)
    return f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"


def _over_seeds(values: list[DoubleArray]) -> str:
    """The mean over seeds, its standard error over users, and how far the seeds lie apart."""
    means = [float(one.mean()) for one in values]
    return f"{_written(np.mean(values, axis=0))} ({min(means):.4f} to {max(means):.4f})"


def _budget(config: GraphConfig) -> str:
    changed = config.model_dump(exclude_defaults=True)
    return "settings: " + (", ".join(f"{k} {v}" for k, v in changed.items()) or "default") + "\n\n"


BOOKS = ("recall@10", "mrr@10")
WARM = ("recall@10", "ndcg@10")
SECTIONS: dict[str, Callable[[Path | None, int], str]] = {
    "families": families,
    "book-crossing": book_crossing_test,
    "cold items": cold_items,
    "cold items, validation": cold_items_validation,
    "warm items": warm_items,
}


if __name__ == "__main__":
    main()
