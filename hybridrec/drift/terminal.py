"""A drift report and segments in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from rich.markup import escape
from rich.table import Table

from hybridrec.console import console
from hybridrec.drift.wording import certainty, change_sentence, day, words
from hybridrec.pages import percent, written

if TYPE_CHECKING:
    from hybridrec.drift.report import DriftReport
    from hybridrec.drift.segments import Segments

MOST_ROWS = 10
"""Users and categories shown, where not certain users are asked for."""


def print_drift(report: DriftReport, language: str = "en", *, everyone: bool = False) -> None:
    """Whether a refit is due, what grew and shrank, and who moved.

    Args:
        report: what was measured.
        language: ``en`` or ``zh``.
        everyone: list all users of the report, steady ones too.
    """
    out, told = console(), words(language)
    out.print(f"[bold]{escape(report.refit_sentence(language))}[/bold]", highlight=False)
    if report.mix is not None:
        since = day(report.mix.present_from, language)
        table = Table(title=told["grew"], caption=told["grew_reading"].format(date=since))
        table.title_justify = table.caption_justify = "left"
        table.add_column(told["category"])
        for name in ("before", "present", "change"):
            table.add_column(told[name], justify="right")
        for row in report.mix.movements.head(MOST_ROWS).iter_rows(named=True):
            change = written(100 * row["change"], 2, sign="+")
            shares = percent(row["before"]), percent(row["present"])
            table.add_row(escape(row["category"]), *shares, change)
        out.print(table)
    frame = report.users.frame if everyone else report.users.moved.head(MOST_ROWS)
    known = report.users.frame.filter(pl.col("verdict") != "unknown").height
    moved = report.users.moved.height
    title = f"{told['moved']}: {told['of_users'].format(n=f'{moved:,}', of=f'{known:,}')}"
    alarms = report.users.false_alarms
    told_alarms = None
    if alarms is not None:
        told_alarms = told["false_alarms_reading"].format(share=percent(alarms))
    table = Table(title=title, caption=told_alarms, title_justify="left", caption_justify="left")
    table.add_column(told["user"])
    table.add_column(told["what"])
    table.add_column(told["probability"], justify="right")
    for row in frame.iter_rows(named=True):
        probability = "–" if row["probability"] is None else certainty(row["probability"])
        sentence = escape(change_sentence(row, language))
        table.add_row(escape(str(row["user_id"])), sentence, probability)
    out.print(table)


def print_segments(segments: Segments, language: str = "en") -> None:
    """The segments, a row each."""
    table = Table(title=f"{segments.categories.described}", title_justify="left")
    table.add_column("#", justify="right")
    table.add_column("segment", overflow="fold")
    habits = segments.table.columns[7:]
    for name in ("users", "share", *habits):
        table.add_column(name.replace("_", " "), justify="right")
    for row in segments.table.iter_rows(named=True):
        table.add_row(
            str(row["segment"]), escape(row[f"name_{language}"]), f"{row['users']:,}",
            percent(row["share"]), *(f"{row[name]:.3g}" for name in habits),
        )  # fmt: skip
    console().print(table)
    if segments.stability is not None:
        console().print(f"stability (adjusted Rand over other draws): {segments.stability:.2f}")
