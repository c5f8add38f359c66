"""Tables and plots of results that were measured before.

    python -m benchmarks.tables RESULTS.jsonl … --save FILE.md --plots FOLDER

Each file is what ``benchmarks.accuracy --save-results`` wrote. A plot a table sets accuracy against
the seconds of the fit, with standard errors; parts of a model that were not fitted by themselves
are left out. Needs ``pip install 'hybridrec[benchmarks]'``.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from benchmarks import plots
from benchmarks.accuracy.results import FUSION, Row, load
from benchmarks.accuracy.table import notes, section
from hybridrec.errors import RequestError

NO_TIME = 0.01
"""Seconds; fits that take less are drawn here."""


def main() -> None:
    """Reads, prints and writes."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, nargs="+", metavar="RESULTS.jsonl")
    parser.add_argument("--save", type=Path, metavar="FILE.md", help="Markdown to write")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="for a plot a table")
    arguments = parser.parse_args()
    try:
        rows = [row for file in arguments.results for row in load(file)]
    except RequestError as error:
        parser.error(str(error))
    text = report(rows, arguments.plots, arguments.save)
    print(text)
    if arguments.save:
        arguments.save.parent.mkdir(parents=True, exist_ok=True)
        arguments.save.write_text(text, encoding="utf-8")


def report(rows: Sequence[Row], folder: Path | None, page: Path | None) -> str:
    """All tables as Markdown, each with its plot and what it rests on.

    Args:
        rows: of all tables, those of one together.
        folder: where plots go; ``None`` for none.
        page: where the text is to go, which links to the plots start from.
    """
    parts = []
    for name, group in groupby(rows, key=lambda row: row.table):
        own = list(group)
        parts.append(section(own))
        if folder is not None:
            file = folder / f"{name}.svg"
            plot(own, file)
            start = Path.cwd() if page is None else page.parent
            parts.append(f"![{name}: accuracy and fit seconds]({os.path.relpath(file, start)})\n")
        parts.append(notes(own[0].facts))
    return "\n".join(parts)


def plot(rows: Sequence[Row], file: Path) -> None:
    """The first metric of a table against the seconds of the fits."""
    metric = next(iter(rows[0].metrics))
    points = {
        row.model: (
            max(row.fit_seconds, NO_TIME),
            row.metrics[metric].mean,
            row.metrics[metric].error,
        )
        for row in sorted(rows, key=lambda row: row.model != FUSION)
        if row.fit_seconds is not None and row.part is None
    }
    plots.points(file, points, "seconds of the fit", metric)


if __name__ == "__main__":
    main()
