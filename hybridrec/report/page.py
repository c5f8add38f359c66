"""A report as one HTML page: no network, font or script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hybridrec.errors import RequestError
from hybridrec.explain.drawing import Scale
from hybridrec.explain.explanation import Explanation
from hybridrec.explain.fragment import explaining_templates, words_of
from hybridrec.explain.phrases import Language
from hybridrec.pages import Axis, decimals_for, written
from hybridrec.report.accuracy import plots
from hybridrec.report.words import WORDS

if TYPE_CHECKING:
    from hybridrec.report.report import Report
    from hybridrec.report.users import UserReport


def report_page(report: Report, language: Language, show_users: bool) -> str:
    """The report as a page: the catalogue, segments, items, users, accuracy.

    Args:
        report: what to show.
        language: English (``en``) or Chinese (``zh``).
        show_users: whether the users' ids are named; they are numbered otherwise.

    Raises:
        RequestError: another language, nothing to show, a recommendation without an explanation,
            or an accuracy table that is not as ``compare`` returns it.
    """
    words = {**words_of(language), **WORDS[language]}
    parts = report.users, report.items, report.segments, report.accuracy
    if report.catalogue is None and not any(parts):
        raise RequestError(
            "the report has nothing to show: ask for users, items, segments, the catalogue or "
            "accuracy"
        )
    users = [(page, _lists(page)) for page in report.users]
    page: str = _TEMPLATES.get_template("report.html.j2").render(
        words=words,
        language=language,
        report=report,
        facts=_facts(report, words),
        show_users=show_users,
        users=users,
        left_out=_left_out(report, [given for _, lists in users for _, given, _ in lists]),
        accuracy=[(table.title, plots(table)) for table in report.accuracy],
    )
    return page


def _facts(report: Report, words: Mapping[str, Any]) -> dict[str, str]:
    """Labels and values in writing; those the words do not know stay as they are."""
    written_out = {}
    for name, value in report.facts.items():
        if isinstance(value, datetime):
            value = f"{value:%Y-%m-%d}"
        elif isinstance(value, int):
            value = f"{value:,}"
        elif name == "towers" and isinstance(value, str):
            value = words["and"].join(words["towers"].get(t, t) for t in value.split(", "))
        written_out[words["facts"].get(name, name)] = str(value)
    return written_out


def _left_out(report: Report, lists: Sequence[Sequence[Explanation]]) -> set[str]:
    """The parts that nothing on the page has, and the legend need not name."""
    parts = {part.group for given in lists for reason in given for part in reason.contributions}
    parts |= {group for segment in report.segments for group in segment.raising}
    parts |= {group for item in report.items for group in item.parts}
    if report.catalogue is not None:
        parts |= set(report.catalogue.raising)
    return set(words_of("en")["groups"]) - parts


def _lists(page: UserReport) -> list[tuple[str, list[Explanation], Scale]]:
    """The lists of a user: which, the explanations, their scale."""
    shown = []
    for name, rows in page.lists.items():
        explanations = []
        for row in rows:
            if row.explanation is None:
                raise RequestError(
                    f"item {row.item_id!r} of user {row.user_id!r} has no explanation; "
                    "ask for recommendations with explain=True"
                )
            explanations.append(row.explanation)
        shown.append((name, explanations, Scale.over(explanations)))
    return shown


def _signed(values: Mapping[str, float]) -> list[tuple[str, str, float, float]]:
    """Parts to draw from one line: group, value in writing, left end and width in percent."""
    axis, decimals = Axis.over(list(values.values())), decimals_for(list(values.values()))
    drawn = []
    for group, value in values.items():
        left, right = sorted((axis.at(0), axis.at(value)))
        drawn.append((group, written(value, decimals, sign="+"), left, round(right - left, 3)))
    return drawn


def _stacked(shares: Mapping[str, float]) -> list[tuple[str, float, float, float]]:
    """Shares end to end: group, share, left end and width in percent."""
    at, drawn = 0.0, []
    for group, share in shares.items():
        drawn.append((group, share, round(at, 3), round(100 * share, 3)))
        at += 100 * share
    return drawn


def _zero(values: Mapping[str, float]) -> float:
    """Where the line of :func:`_signed` parts is, in percent."""
    return Axis.over(list(values.values())).at(0)


def _number(value: float, decimals: int = 0) -> str:
    return written(value, decimals)


def _rounded(value: float) -> str:
    """A number at three digits."""
    return written(value, decimals_for([value]))


def _over_users(n: int, words: Mapping[str, Any]) -> str:
    """A number of users in writing."""
    return str(words["over_user" if n == 1 else "over_users"].format(n=n))


def _quoted(title: str, words: Mapping[str, Any]) -> str:
    return str(words["quote"].format(title))


_TEMPLATES = explaining_templates("hybridrec.report", "hybridrec.explain")
_TEMPLATES.filters["quoted"] = _quoted
_TEMPLATES.globals |= {
    "signed": _signed,
    "stacked": _stacked,
    "zero": _zero,
    "number": _number,
    "over_users": _over_users,
    "rounded": _rounded,
}
