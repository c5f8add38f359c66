"""What cleaning is worth: a recommender fitted on raw and one on cleaned invoices, test the same.

    python -m benchmarks.data_value --data DIR --seeds 7 8 9

Online-retail; the test is its last 28 days. The raw side gets only what no model can do without: an
event needs a user, an item one row (the fixes of severity error). The cleaned side is the raw
training side after ``clean()``, which sees nothing of the test. The test is what was bought and not
cancelled on those days, of products that at least 5 customers bought before on both sides, by
customers known to both. ``new`` leaves out what the customer had on an invoice before, cancelled or
not. ``--validate`` moves everything 28 days back.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import markdown
from benchmarks.machine import describe
from hybridrec import Dataset, Recommender, RecommenderConfig
from hybridrec.config import Exclude
from hybridrec.data.quality import CHECKS
from hybridrec.evaluation.metrics import Estimate
from hybridrec.evaluation.protocols import Question, dense_top, fusion_top, rivals
from hybridrec.progress import show_progress

TEST_DAYS = 28
WARM_USERS = 5
METRICS = ("recall@10", "ndcg@10")
QUESTIONS: dict[str, Exclude] = {"all": "none", "new": "seen"}
PAIR = ["user_id", "item_id"]
Scores = dict[tuple[str, str, str], np.ndarray]


def main() -> None:
    """Fits on both sides with every seed and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    parser.add_argument("--validate", action="store_true", help="measure 28 days earlier")
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    show_progress("lines")
    raw, cleaned, test = sides(arguments.data, arguments.validate)
    print(f"raw: {raw}\ncleaned: {cleaned}\ntest: {test}")
    print(cleaned.ledger)
    scores: dict[str, Scores] = {"raw": {}, "cleaned": {}}
    for seed in arguments.seeds:
        for side, train in {"raw": raw, "cleaned": cleaned}.items():
            recommender = Recommender(RecommenderConfig(seed=seed)).fit(train)
            for key, values in scored(recommender, raw, test).items():
                scores[side][key] = scores[side].get(key, 0.0) + values / len(arguments.seeds)
    rows = [row(key, scores["raw"][key], values) for key, values in scores["cleaned"].items()]
    header = ["question", "model", "metric", "raw", "cleaned", "difference", "lead"]
    users = {question: scores["raw"][question, "fusion", METRICS[0]].size for question in QUESTIONS}
    text = markdown.table(header, rows)
    text += (
        f"\n\n- customers: {users}; mean ± standard error over them, of the means over seeds "
        f"{arguments.seeds}; lead in standard errors of the paired difference\n"
        f"- raw: {raw}; cleaned: {cleaned}\n- {describe(arguments.seeds[0])}\n"
    )
    print(text)
    if arguments.save_table:
        arguments.save_table.write_text(text, encoding="utf-8")


def sides(folder: Path | None, validate: bool) -> tuple[Dataset, Dataset, Dataset]:
    """The raw training side, the cleaned one, and the test."""
    data = Dataset.load("online-retail", data_dir=folder)
    needed = [check.code for check in CHECKS if check.fix and check.severity == "error"]
    raw, after = data.clean(needed).split_by_time(test_days=TEST_DAYS)
    if validate:
        raw, after = raw.split_by_time(test_days=TEST_DAYS)
    cleaned = raw.clean()
    test = after.clean()
    raw, cleaned = raw.keep_items(WARM_USERS), cleaned.keep_items(WARM_USERS)
    events = test.events
    for train in (raw, cleaned):
        events = events.join(train.events, on="user_id", how="semi", maintain_order="left")
        events = events.join(train.catalogue, on="item_id", how="semi", maintain_order="left")
    return raw, cleaned, replace(test, events=events)


def scored(recommender: Recommender, raw: Dataset, test: Dataset) -> Scores:
    """Every model's metrics for every customer, in order of their ids."""
    scores: Scores = {}
    fusion, shop = recommender.fusion, recommender.shop
    for name, exclude in QUESTIONS.items():
        asked = test
        if exclude == "seen":
            unseen = test.events.join(raw.events, on=PAIR, how="anti", maintain_order="left")
            asked = replace(test, events=unseen)
        question = Question.of(shop, asked, exclude)
        order = np.argsort(np.array([str(user) for user in shop.users.ids_of(question.users)]))
        tops = {
            model: dense_top(question, score, 10, fusion.config.seed)
            for model, score in rivals(fusion, exclude).items()
        }
        tops["fusion"] = fusion_top(fusion, question, 10)
        for model, top in tops.items():
            for metric in METRICS:
                scores[name, model, metric] = question.score(top, metric)[order]
    return scores


def row(key: tuple[str, str, str], raw: np.ndarray, cleaned: np.ndarray) -> list[str]:
    """One model under one question and metric, on both sides."""
    difference = Estimate.of(cleaned - raw)
    lead = difference.value / difference.standard_error if difference.standard_error else 0.0
    return [*key, *(_written(Estimate.of(v)) for v in (raw, cleaned)), _written(difference),
            f"{lead:+.1f}"]  # fmt: skip


def _written(estimate: Estimate) -> str:
    return f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"


if __name__ == "__main__":
    main()
