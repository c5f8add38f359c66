"""Relations that behaviour shows: seconds, size, and the first of each to look at.

    python -m benchmarks.kg_rules --dataset complete-journey

Each function runs in turn over all purchases of a data set; its edges are listed by name, the
strongest first, so that a person can judge them. ``--items`` times similar items over random
embeddings of 384 numbers.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import markdown
from benchmarks.machine import describe, peak_memory_gb
from hybridrec import Dataset
from kg.derived.baskets import frequent_pairs
from kg.derived.behaviour import bought_with, complement, substitute
from kg.derived.rules import association_rules
from kg.derived.similarity import similar_items

EMBEDDING_DIM = 384


def main() -> None:
    """Runs each function and prints what it took and what came out."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", default="complete-journey")
    parser.add_argument("--data", type=Path, help="where public data sets are")
    parser.add_argument("--clean", action="store_true", help="as the data checks propose")
    parser.add_argument("--show", type=int, default=10, help="edges of each to list")
    parser.add_argument("--items", type=int, help="items to time similar items over")
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()

    data = Dataset.load(arguments.dataset, data_dir=arguments.data)
    if arguments.clean:
        data = data.clean()
    names = pl.DataFrame({"id": data.catalogue["item_id"].cast(pl.String), "name": data.titles})
    runs: dict[str, Callable[[], pl.DataFrame]] = {
        "frequent_pairs": lambda: frequent_pairs(data.events),
        "association_rules": lambda: association_rules(data.events, names=names),
        "bought_with": lambda: bought_with(data.events),
        "complement": lambda: complement(data.events),
        "substitute": lambda: substitute(data.events),
    }
    if "category" in data.catalogue.columns:
        kinds = data.catalogue.select("item_id", "category")
        runs |= {
            "complement, by category": lambda: complement(data.events, categories=kinds),
            "substitute, by category": lambda: substitute(data.events, categories=kinds),
        }
    if arguments.items:
        random = np.random.default_rng(0)
        embeddings = random.normal(size=(arguments.items, EMBEDDING_DIM)).astype(np.float32)
        runs["similar_items"] = lambda: similar_items(
            embeddings, range(arguments.items), min_similarity=0.0
        )
    rows = []
    for name, run in runs.items():
        started = time.perf_counter()
        result = run()
        seconds = time.perf_counter() - started
        rows.append([name, result.height, round(seconds, 1), round(peak_memory_gb(), 2)])
        if "basket_lift" in result.columns:
            print(f"\n{name}\n\n{_named(result.head(arguments.show), names)}")
        elif "rule" in result.columns:
            print(f"\n{name}\n", *result["rule"].head(arguments.show), sep="\n- ")
    text = markdown.table(["function", "rows", "seconds", "peak GB so far"], rows)
    text += f"\n\n- {data}; {describe(0)}\n"
    print(f"\n{text}")
    if arguments.save_table is not None:
        arguments.save_table.write_text(text, encoding="utf-8")


def _named(triples: pl.DataFrame, names: pl.DataFrame) -> str:
    called = dict(names.iter_rows())
    numbers = ("count", "lift", "basket_lift")
    return markdown.table(
        ["item", "other item", *numbers],
        (
            [called[row["head"]], called[row["tail"]], *(round(row[name], 2) for name in numbers)]
            for row in triples.iter_rows(named=True)
        ),
    )


if __name__ == "__main__":
    main()
