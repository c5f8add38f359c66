"""The whole library on The Complete Journey: fit, recommend with reasons, measure, report."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from hybridrec.config import RecommenderConfig
from hybridrec.console import QUESTIONS, console, print_comparison, print_recommendations
from hybridrec.data import Dataset
from hybridrec.evaluation.protocols import compare
from hybridrec.progress import stage
from hybridrec.recommender import Recommender
from hybridrec.report import AccuracyTable

TEST_DAYS = 28
WARM_USERS = 5
"""Items that fewer households bought before the test are left out, as in the published protocol."""
REGULAR = "1453"
K = 10


def run(page_at: Path, model: Path, config: Path | None) -> None:
    """Trains, prints, saves and reports.

    Args:
        page_at: where the HTML page goes.
        model: where the recommender is saved.
        config: settings; the defaults when ``None``.

    Raises:
        DataError: the data set's package is not installed.
        ConfigError: settings that cannot be read.
    """
    out = console()
    settings = RecommenderConfig() if config is None else RecommenderConfig.from_yaml(config)
    started = time.perf_counter()
    with stage("loading The Complete Journey"):
        data = Dataset.load("complete-journey")
        train, test = data.split_by_time(test_days=TEST_DAYS)
        train = train.keep_items(min_users=WARM_USERS)
    out.print(f"\n{data}\ntraining on everything but the last {TEST_DAYS} days: {train}\n")
    recommender = Recommender(settings).fit(train)
    fit_seconds = time.perf_counter() - started
    recommender.save(model)

    report = recommender.report(
        users=households(recommender), segments=True, catalogue=True, k=K,
        shop_name="The Complete Journey",
    )  # fmt: skip
    for page in report.users:
        title = f"household {page.user_id}: {page.kind}"
        print_recommendations(page.recommendations, recommender, title)

    tables = []
    for question in settings.questions:
        with stage(f"measuring on the last {TEST_DAYS} days ({question})"):
            frame = compare(recommender.fusion, recommender.shop, test, question)
        print_comparison(frame, question)
        tables.append(AccuracyTable(QUESTIONS[question], frame))

    facts = {**report.facts, "Trained in": f"{fit_seconds / 60:.1f} minutes"}
    # public data: the reader may want to ask for these households
    replace(report, facts=facts, accuracy=tuple(tables)).to_html(page_at, show_users=True)
    out.print(f"\nThe recommender is saved in {model}, the report to open is {page_at}")
    out.print(f"Next: hybridrec recommend {model} --user {REGULAR} --explain")


def households(recommender: Recommender) -> dict[str, str]:
    """Three households of different kinds, each with what kind it is, in words."""
    shop = recommender.shop
    histories = shop.histories
    events = np.diff(histories.indptr)
    products = np.diff(histories.weights().indptr)
    repeats = 1 - products / np.maximum(events, 1)
    busy = events >= np.median(events)
    explorer = int(np.argmin(np.where(busy, repeats, np.inf)))
    newcomer = int(np.argmin(np.where(events >= WARM_USERS, events, np.inf)))
    regular = shop.users.row(REGULAR)
    if regular < 0:
        regular = int(np.argmax(np.where(busy, repeats, -np.inf)))
    kinds = {
        regular: "a regular",
        explorer: "likes to try new things",
        newcomer: "hardly known yet",
    }
    return {
        str(shop.users.ids_of([row])[0]): (
            f"{kind}; {events[row]:,} purchases of {products[row]:,} products, "
            f"{repeats[row]:.0%} repeats"
        )
        for row, kind in kinds.items()
    }
