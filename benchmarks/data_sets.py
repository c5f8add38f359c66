"""Every public data set, read once: what the other benchmarks start from.

    python -m benchmarks.data_sets --data DIR

Sizes and checksums are verified on the way. Ends with an error, and with where to get them, when
sets are missing or are not those that the published figures were measured on.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from rich.table import Table

from hybridrec import Dataset
from hybridrec.console import console
from hybridrec.data.columns import Columns
from hybridrec.data.public import SETS
from hybridrec.errors import DataError

HEADERS = ("data set", "events", "users", "items", "triples", "from", "to", "seconds")


def main() -> None:
    """Loads, prints, and says what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    folder = parser.parse_args().data

    table = Table()
    table.add_column(HEADERS[0], overflow="fold")
    for header in HEADERS[1:]:
        table.add_column(header, justify="right")
    problems = []
    for name in SETS:
        started = time.perf_counter()
        try:
            data = Dataset.load(name, data_dir=folder)
        except DataError as error:
            problems.append(str(error))
            continue
        table.add_row(name, *figures(data), f"{time.perf_counter() - started:.2f}")
    console().print(table)
    if problems:
        sys.exit("\n\n".join(problems))


def figures(data: Dataset) -> tuple[str, ...]:
    """Events, users, items, triples, first and last day; a dash where there are none."""
    triples = "–" if data.triples is None else f"{data.triples.height:,}"
    days = (f"{moment:%Y-%m-%d}" if moment else "–" for moment in (data.since, data.as_of))
    users = data.events[Columns.USER].drop_nulls().n_unique()
    items = data.catalogue[Columns.ITEM].drop_nulls().n_unique()
    return f"{data.events.height:,}", f"{users:,}", f"{items:,}", triples, *days


if __name__ == "__main__":
    main()
