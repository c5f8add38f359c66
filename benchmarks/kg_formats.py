"""Public knowledge graphs through every file format: seconds, megabytes, and whether all came back.

    python -m benchmarks.kg_formats --data DIR

Book-Crossing's and ML-100k's triples are loaded in one call each, Complete Journey's are derived
from its catalogue. Ends with status 1 where a graph comes back another than it was written.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import markdown
from benchmarks.machine import describe
from hybridrec import Dataset
from kg import KnowledgeGraph

NAMES = {
    "directory": "shop", "tsv": "shop.tsv", "tsv, packed": "shop.tsv.gz", "csv": "shop.csv",
    "parquet": "shop.parquet", "RecBole": "shop.kg", "KGAT": "kg_final.txt",
    "N-Triples": "shop.nt", "Turtle": "shop.ttl", "GraphML": "shop.graphml",
}  # fmt: skip
HEADER = ("graph", "format", "write s", "read s", "MB", "came back")


def main() -> None:
    """Writes and reads each graph in each format."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    folder = arguments.data or Path(os.environ["HYBRIDREC_DATA"])
    crossing, lens = folder / "book-crossing", folder / "ml-100k"
    graphs = {
        "book-crossing": KnowledgeGraph.read(
            crossing / "triples.parquet", links=crossing / "links.parquet"
        ),
        "ml-100k": KnowledgeGraph.read(lens / "triples.parquet"),
        "complete-journey": KnowledgeGraph.from_catalogue(
            Dataset.load("complete-journey").catalogue
        ),
    }
    rows = [(name, *row) for name, graph in graphs.items() for row in round_trips(graph)]
    sizes = "\n".join(f"- {name}: {graph}" for name, graph in graphs.items())
    text = f"{markdown.table(HEADER, rows)}\n\n{sizes}\n- {describe(0)}\n"
    print(text)
    if arguments.save_table:
        arguments.save_table.write_text(text, encoding="utf-8")
    if any(row[-1] != "all" for row in rows):
        sys.exit(1)


def round_trips(graph: KnowledgeGraph) -> list[tuple[str, float, float, float, str]]:
    """Each format, the seconds to write and read, the size, and what came back."""
    rows = []
    for format, name in NAMES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            started = time.perf_counter()
            graph.write(path)
            written = time.perf_counter()
            again = KnowledgeGraph.read(path)
            read = time.perf_counter()
            files = [file for file in Path(folder).rglob("*") if file.is_file()]
            megabytes = sum(file.stat().st_size for file in files) / 1e6
        same = again.entities.equals(graph.entities) and again.relations == graph.relations
        same = same and all(map(np.array_equal, again.triples, graph.triples))
        seconds = round(written - started, 2), round(read - written, 2)
        rows.append((format, *seconds, round(megabytes, 1), "all" if same else "**differs**"))
    return rows


if __name__ == "__main__":
    main()
