"""Tables and plots of results that were measured before.

    python -m benchmarks.tables
    python -m benchmarks.tables RESULTS.jsonl … --save FILE.md --plots FOLDER

The first renders what lies in ``benchmarks/results/accuracy`` into ``docs/benchmarks.md`` and the
summary into ``README.md``, between their marks; the second renders files that ``benchmarks.accuracy
--save-results`` wrote. A plot a table sets accuracy against the seconds of the fit, with standard
errors; parts of a model that were not fitted by themselves are left out. Needs
``pip install 'hybridrec[benchmarks]'``.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks import markdown, plots
from benchmarks.accuracy.goals import GOALS
from benchmarks.accuracy.results import FUSION, Row, load
from benchmarks.accuracy.table import lead, notes, section
from hybridrec.errors import RequestError

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "accuracy"
PAGE = ROOT / "docs" / "benchmarks.md"
README = ROOT / "README.md"
PLOTS = ROOT / "docs" / "images" / "benchmarks"
NO_TIME = 0.01
"""Seconds; fits that take less are drawn here."""
FEWEST_POINTS = 3
"""Of a plot that is worth looking at."""


def main() -> None:
    """Reads, prints and writes."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results", type=Path, nargs="*", metavar="RESULTS.jsonl")
    parser.add_argument("--save", type=Path, metavar="FILE.md", help="Markdown to write")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="for a plot a table")
    arguments = parser.parse_args()
    files = arguments.results or sorted(RESULTS.glob("*.jsonl"))
    try:
        found = {file.stem: load(file) for file in files}
    except RequestError as error:
        parser.error(str(error))
    if not arguments.results:
        mark_in(PAGE, "tables", report(found, PLOTS, PAGE))
        for page in (PAGE, README):
            mark_in(page, "summary", summary(found))
        return
    text = report(found, arguments.plots, arguments.save)
    print(text)
    if arguments.save:
        arguments.save.parent.mkdir(parents=True, exist_ok=True)
        arguments.save.write_text(text, encoding="utf-8")


def mark_in(page: Path, name: str, text: str) -> None:
    """Puts text between the marks ``<!-- name -->`` and ``<!-- end of name -->`` of a page.

    Raises:
        RequestError: the page has no such marks.
    """
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before = page.read_text(encoding="utf-8")
    marked = re.compile(f"{begin}.*?{end}", re.DOTALL)
    if not marked.search(before):
        raise RequestError(f"{page} has no marks {begin.strip()} and {end}")
    page.write_text(marked.sub(lambda _: f"{begin}{text}{end}", before), encoding="utf-8")


def summary(results: Mapping[str, Sequence[Row]]) -> str:
    """The fusion of each table beside its best peer, what is published and what was aimed at.

    Args:
        results: rows of a run by its name. Those of a set are told of, not those of its variants,
            whose names say more: ``complete-journey``, not ``complete-journey-promotions``.
    """
    tables: dict[str, list[Row]] = {}
    for run, rows in results.items():
        for name, group in groupby(rows, key=lambda row: row.table):
            if run in (name, name.removesuffix("-all"), name.removesuffix("-new")):
                tables[name] = [row for row in group if row.part is None]
    lines = []
    for name, rows in tables.items():
        metric = next(iter(rows[0].metrics))
        ours = next((row for row in rows if row.model == FUSION), None)
        peers = [row for row in rows if row.is_peer]
        if ours is None or not peers:
            continue
        best = max(peers, key=lambda row: row.metrics[metric].mean)
        goal = GOALS.get(name)
        lines.append(
            [
                name,
                " / ".join(rows[0].metrics),
                f"**{figures(ours)}**",
                f"{best.model} {figures(best)}",
                f"{lead(best.metrics[metric])} σ",
                (goal.published if goal else None) or "–",
                goal.aim if goal else "–",
            ]
        )
    header = ["table", "metrics", FUSION, "best peer, run here", "lead", "published", "goal"]
    return f"{markdown.table(header, lines)}\n"


def figures(row: Row) -> str:
    """All metrics of a row, as the goals are written: ``.155 / .095``, or in percent."""
    if row.percent:
        return " / ".join(f"{100 * value.mean:.2f}" for value in row.metrics.values())
    return " / ".join(f"{value.mean:.4f}".lstrip("0") for value in row.metrics.values())


def report(results: Mapping[str, Sequence[Row]], folder: Path | None, page: Path | None) -> str:
    """All tables as Markdown, each with its plot and, under those of a run, what they rest on.

    Args:
        results: rows of a run by its name, those of one table together.
        folder: where plots go; ``None`` for none.
        page: where the text is to go, which links to the plots start from.
    """
    parts = []
    for run, rows in results.items():
        parts.append(f"## {run}\n")
        for name, group in groupby(rows, key=lambda row: row.table):
            own = list(group)
            parts.append(section(own))
            file = None if folder is None else plot(own, folder / f"{run}-{name}.svg")
            if file is not None:
                start = Path.cwd() if page is None else page.parent
                link = os.path.relpath(file, start)
                parts.append(f"![{name}: accuracy and fit seconds]({link})\n")
        parts.append(notes(rows[0].facts))
    return "\n".join(parts)


def plot(rows: Sequence[Row], file: Path) -> Path | None:
    """The first metric of a table against the seconds of the fits; nothing where there are few."""
    metric = next(iter(rows[0].metrics))
    points = {}
    for row in sorted(rows, key=lambda row: row.model != FUSION):
        if row.part is None and (row.is_peer or row.model == FUSION):
            value = row.metrics[metric]
            name = row.model.partition(" (")[0]  # without the library's version
            points[name] = max(row.fit_seconds or 0, NO_TIME), value.mean, value.error
    if len(points) < FEWEST_POINTS:
        return None
    plots.points(file, points, "seconds of the fit", metric)
    return file


if __name__ == "__main__":
    main()
