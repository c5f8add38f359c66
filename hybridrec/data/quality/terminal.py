"""A quality report and a ledger as tables for a terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from hybridrec.console import console
from hybridrec.data.columns import Columns
from hybridrec.data.quality.checking import SEVERITIES, Severity
from hybridrec.data.quality.wording import (
    counted,
    place,
    remedies,
    remedy,
    sentence,
    shown,
    span,
    tables,
    verdict,
)
from hybridrec.pages import percent

if TYPE_CHECKING:
    from hybridrec.data.quality.ledger import Ledger
    from hybridrec.data.quality.report import Finding, QualityReport

EXAMPLES_SHOWN = 3
WIDEST_VALUE = 48
NARROWEST_VALUE = 16
"""A column of examples is never cut to fewer characters, unless its values are shorter."""
COLUMN_GAP = 3
WIDE = 96
"""From this width on, what is wrong has a column of its own."""
WIDEST_NAME = 40

STYLES: dict[Severity, str] = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def print_quality(report: QualityReport, *, examples: bool = True) -> None:
    """Prints a report in colour, as wide as the terminal.

    Args:
        report: what the checks found.
        examples: whether a few rows of every error and warning are shown.
    """
    out = console()
    for part in _report(report, out.width, examples):
        out.print(part)


def quality_text(report: QualityReport) -> str:
    """A report as plain text, as wide as the terminal."""
    width = console().width
    return _plain(_report(report, width, examples=True), width)


def print_ledger(ledger: Ledger) -> None:
    """Prints what cleaning changed, as wide as the terminal."""
    out = console()
    out.print(_ledger(ledger, out.width))


def ledger_text(ledger: Ledger) -> str:
    """What cleaning changed as plain text, as wide as the terminal."""
    width = console().width
    return _plain(iter([_ledger(ledger, width)]), width)


def _plain(parts: Iterator[RenderableType], width: int) -> str:
    text = StringIO()
    out = Console(file=text, width=width, color_system=None, force_terminal=False)
    for part in parts:
        out.print(part)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def _report(report: QualityReport, width: int, examples: bool) -> Iterator[RenderableType]:
    read = [*tables(report), span(report)]
    yield Text(" · ".join(part for part in read if part), style="bold")
    yield Text(verdict(report))
    if not report.findings:
        return
    yield Group("", _findings(report, width))
    if examples:
        columns = report.profile.missing.group_by("table").agg("column")
        known = dict(columns.iter_rows())
        for finding in (*report.errors, *report.of_severity("warning")):
            if not finding.examples.is_empty():
                rows = _examples(finding, known[finding.table], width)
                yield Group("", _heading(finding), rows)
    yield Group("", Text(f"{'; '.join(remedies(report))}."))


def _findings(report: QualityReport, width: int) -> Table:
    table = _listing("finding", ("count", "share", "fix"), "what is wrong", width)
    for severity in SEVERITIES:
        findings = report.of_severity(severity)
        if not findings:
            continue
        table.add_row(Text(counted(len(findings), severity), style=STYLES[severity]))
        for finding in findings:
            name = Text.assemble(shown(finding.code), "\n", (shown(place(finding)), "dim"))
            numbers = (f"{finding.count:,}", percent(finding.share), remedy(finding))
            table.add_row(*_row(name, numbers, sentence(shown(finding.detail)), width))
        table.add_section()
    return table


def _heading(finding: Finding) -> Text:
    code = (shown(finding.code), STYLES[finding.severity])
    return Text.assemble(code, "  ", (shown(place(finding)), "dim"))


def _examples(finding: Finding, known: Collection[str], width: int) -> Table:
    """Rows that show a finding, in as many columns as there is room for.

    The ids and the column that the finding is about are always there; then comes what the check
    has worked out, which is not among the columns known, then the others.
    """
    rows = finding.examples.head(EXAMPLES_SHOWN)
    cells = {
        column: ["null" if value is None else shown(value) for value in rows[column].to_list()]
        for column in rows.columns
    }
    widths = {column: max(map(len, (column, *cells[column]))) for column in cells}
    always = [c for c in cells if c in (Columns.USER, Columns.ITEM, finding.column)]
    wanted = sorted(set(cells) - set(always), key=lambda c: (c in known, rows.columns.index(c)))
    widest = _fitting(widths, always, wanted, finding.column, width)
    table = _table()
    for column, most in widest.items():
        table.add_column(
            Text(shown(column)),
            justify="right" if rows.schema[column].is_numeric() else "left",
            no_wrap=True,
            overflow="ellipsis",
            max_width=most,
            style="bold" if column == finding.column else "",
        )
    for values in zip(*(cells[column] for column in widest), strict=True):
        table.add_row(*(Text(value) for value in values))
    return table


def _fitting(
    widths: Mapping[str, int],
    always: Sequence[str],
    wanted: Sequence[str],
    blamed: str | None,
    room: int,
) -> dict[str, int]:
    """The columns there is room for, and how wide each may be.

    Args:
        widths: how wide each column is.
        always: columns that are always among them.
        wanted: columns that are if they fit, in this order.
        blamed: a column that is cut last.
        room: how wide all may be together.
    """

    def cut(columns: Collection[str], cap: int) -> dict[str, int]:
        return {
            column: min(width, WIDEST_VALUE if column == blamed else cap)
            for column, width in widths.items()
            if column in columns
        }

    def fits(cuts: Mapping[str, int]) -> bool:
        return sum(cuts.values()) + COLUMN_GAP * (len(cuts) - 1) <= room

    chosen = list(always)
    for column in wanted:
        if fits(cut([*chosen, column], NARROWEST_VALUE)):
            chosen.append(column)
    cuts = (cut(chosen, cap) for cap in range(WIDEST_VALUE, NARROWEST_VALUE, -1))
    return next(filter(fits, cuts), cut(chosen, NARROWEST_VALUE))


def _ledger(ledger: Ledger, width: int) -> RenderableType:
    if not len(ledger):
        return Text("Nothing was changed.")
    table = _listing("fix", ("rows", "changed"), "what was wrong, and what was done", width)
    last = ""
    for entry in ledger:
        done = f"{sentence(shown(entry.found))} {sentence(shown(entry.fix))}"
        name = Text.assemble(shown(entry.code), "\n", (entry.table, "dim"))
        numbers = (f"{entry.rows_in:,}\n→ {entry.rows_out:,}", f"{entry.rows_changed:,}")
        table.add_row(*_row(name, numbers, "" if done == last else done, width))
        last = done
    return table


def _listing(name: str, numbers: Sequence[str], text: str, width: int) -> Table:
    """A table of names, numbers and, where there is room for it, a text."""
    table = _table()
    if width >= WIDE:
        table.add_column(name, no_wrap=True, overflow="ellipsis", max_width=WIDEST_NAME)
    else:
        table.add_column(name, overflow="fold")
    for number in numbers:
        table.add_column(number, justify="left" if number == "fix" else "right", no_wrap=True)
    if width >= WIDE:
        table.add_column(text, overflow="fold")
    return table


def _row(name: Text, numbers: Sequence[str], text: str, width: int) -> list[RenderableType]:
    """The cells of a listing; the text stands below the name where it has no column."""
    if width >= WIDE:
        return [name, *numbers, Text(text)]
    return [Text.assemble(name, "\n", text), *numbers]


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
