"""Accuracy on public data, the fusion beside simple models: one table a data set and question.

    python -m benchmarks.accuracy --dataset complete-journey-all

``complete-journey``: test = the last 28 days; the catalogue = items that at least 5 households
bought before. ``-all`` asks what they will buy, ``-new`` what they will buy that they never bought.
``amazon``: test = the last event of every user, all items ranked, the history excluded.
``--validate`` moves everything 28 days, or one event, back, to tune without opening the test.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import polars as pl

from benchmarks.machine import describe, peak_memory_gb
from hybridrec import Dataset, Recommender, RecommenderConfig
from hybridrec.config import Exclude
from hybridrec.console import print_comparison
from hybridrec.evaluation.protocols import compare
from hybridrec.progress import show_progress

CONFIGS = Path(__file__).parents[1] / "configs"
DATASETS: dict[str, tuple[Exclude, str]] = {
    "complete-journey-all": ("none", "default.yaml"),
    "complete-journey-new": ("seen", "default.yaml"),
    "amazon-beauty": ("seen", "next.yaml"),
    "amazon-toys": ("seen", "next.yaml"),
}
"""What each asks, and the settings that suit it."""
TEST_DAYS = 28
WARM_USERS = 5
METRICS = ("recall@10", "ndcg@10")


def main() -> None:
    """Fits, measures, prints, and writes what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", choices=DATASETS, nargs="+", required=True)
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--config", type=Path, help="settings in YAML instead of the set's own")
    parser.add_argument("--model", type=Path, help="a recommender fitted on just this, not to fit")
    parser.add_argument("--validate", action="store_true", help="measure one step earlier")
    parser.add_argument("--without-tower", choices=("collaborative", "graph", "text"))
    parser.add_argument("--save-recommendations", type=Path, help="Parquet of user, item, rank")
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    if arguments.save_recommendations and len(arguments.dataset) > 1:
        parser.error("--save-recommendations takes one --dataset")
    of_set = {name.removesuffix("-all").removesuffix("-new") for name in arguments.dataset}
    if len(of_set) > 1:
        parser.error(f"one fit answers questions of one set alone, not of {sorted(of_set)}")
    show_progress("lines")

    own_settings = CONFIGS / DATASETS[arguments.dataset[0]][1]
    config = RecommenderConfig.from_yaml(arguments.config or own_settings)
    if arguments.without_tower:
        towers = config.towers.model_copy(update={arguments.without_tower: None})
        config = config.model_copy(update={"towers": towers})
    train, test = parts(of_set.pop(), arguments.data, validate=arguments.validate)

    started = time.perf_counter()
    if arguments.model is None:
        recommender = Recommender(config).fit(train)
    else:
        recommender = Recommender.load(arguments.model)
        if recommender.shop.as_of != train.as_of or recommender.items != train.items.values:
            parser.error(f"{arguments.model} was fitted on other data than {train}")
    fit_seconds = time.perf_counter() - started
    sections = []
    for name in arguments.dataset:
        exclude, _ = DATASETS[name]
        if arguments.save_recommendations:
            started = time.perf_counter()
            recs = recommender.recommend(recommender.users, k=10, exclude=exclude)
            seconds = time.perf_counter() - started
            print(f"{len(recommender.users) / seconds:,.0f} users a second")
            frame = recs.to_polars().select("user_id", "item_id", "rank")
            frame.write_parquet(arguments.save_recommendations)
        frame = compare(recommender.fusion, recommender.shop, test, exclude, METRICS)
        print_comparison(frame, exclude)
        sections.append(markdown(name, frame))
    notes = {
        "load seconds" if arguments.model else "fit seconds": round(fit_seconds, 1),
        "peak memory GB": round(peak_memory_gb(), 2),
        "towers": list(recommender.towers),
        "measured on": describe(recommender.config.seed),
    }
    print(json.dumps(notes))
    if arguments.save_table:
        footer = "\n".join(f"- {key}: {value}" for key, value in notes.items())
        arguments.save_table.write_text("\n".join([*sections, footer, ""]), encoding="utf-8")


def parts(name: str, folder: Path | None, *, validate: bool) -> tuple[Dataset, Dataset]:
    """What is learnt from, and what is asked for."""
    train = Dataset.load(name, data_dir=folder)
    for _ in range(1 + validate):
        if name == "complete-journey":
            train, test = train.split_by_time(test_days=TEST_DAYS)
        else:
            train, test = train.split_leave_last_out()
    if name == "complete-journey":
        train = train.keep_items(min_users=WARM_USERS)
    return train, test


def markdown(title: str, frame: pl.DataFrame) -> str:
    """A comparison as a Markdown section."""
    lines = [f"### {title} ({frame['users'][0]:,} users)", ""]
    lines.append("| model | " + " | ".join(f"{metric} | lead" for metric in METRICS) + " |")
    lines.append("|---" * (1 + 2 * len(METRICS)) + "|")
    for row in frame.iter_rows(named=True):
        cells = [row["model"]]
        for metric in METRICS:
            lead = row[f"{metric} lead"]
            cells.append(f"{row[metric]:.4f} ± {row[f'{metric} se']:.4f}")
            cells.append("" if lead is None else f"{lead:+.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
