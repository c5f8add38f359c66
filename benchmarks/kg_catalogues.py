"""The graphs of public catalogues: how they are read, how large they are, how sound.

python -m benchmarks.kg_catalogues --data DIR
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import polars as pl

from benchmarks import markdown
from benchmarks.machine import describe
from hybridrec import Dataset
from kg import KnowledgeGraph, hold_one_out

SETS = ("complete-journey", "amazon-beauty", "amazon-toys", "online-retail")


def main() -> None:
    """Reads every catalogue and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    text = "\n\n".join(about(name, arguments.data) for name in SETS)
    text += f"\n\n- {describe(0)}\n"
    print(text)
    if arguments.save_table:
        arguments.save_table.write_text(text, encoding="utf-8")


def about(name: str, folder: Path | None) -> str:
    """How a set's catalogue is read, its relations, and what weakens the graph."""
    # the raw invoices describe one item in several ways; cleaning settles that
    data = Dataset.load(name, data_dir=folder).clean(["conflicting-catalogue-rows"])
    started = time.perf_counter()
    graph = KnowledgeGraph.from_catalogue(data.catalogue)
    seconds = time.perf_counter() - started
    read = graph.schema.to_frame().select("column", "read_as", "why")
    relations = graph.describe()
    found = graph.check().select("finding", "where", "count", "examples")
    examples = [", ".join(row[3]) for row in found.rows()]
    told = hold_one_out(graph).with_columns(pl.col(pl.Float64).round(3))
    told = told.drop("head_type", "tail_type")
    return "\n\n".join(
        [
            f"### {name}",
            f"{graph.n_items:,} items, {graph.n_entities:,} entities, {graph.n_triples:,} triples, "
            f"in {seconds:.1f} s.",
            markdown.table(read.columns, read.rows()),
            markdown.table(relations.columns, relations.rows()),
            markdown.table(
                found.columns,
                [(*row[:3], named) for row, named in zip(found.rows(), examples, strict=True)],
            ),
            "Facts left out, and how well the others tell them:",
            markdown.table(told.columns, told.rows()),
        ]
    )


if __name__ == "__main__":
    main()
