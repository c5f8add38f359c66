"""What a quality report says, in words and numbers: the same in a terminal and on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hybridrec.data.quality.checking import SEVERITIES, Severity, TableName

if TYPE_CHECKING:
    from hybridrec.data.quality.report import Finding, QualityReport

MEANINGS: Mapping[Severity, str] = {
    "error": "No model should be fitted on the data as they are.",
    "warning": "They cost accuracy or trust.",
    "note": "Good to know.",
}
"""What a severity asks of the reader."""

ROWS: Mapping[TableName, tuple[str, str]] = {
    "events": ("event", "events"),
    "catalogue": ("catalogue row", "catalogue rows"),
    "triples": ("triple", "triples"),
    "users": ("user row", "user rows"),
}
"""What one row of a table is called, and several."""


def counted(n: int, one: str, several: str | None = None) -> str:
    """A number and what it counts.

    >>> counted(1, "error"), counted(2_000, "error")
    ('1 error', '2,000 errors')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def listed(parts: Sequence[str]) -> str:
    """The parts as an enumeration.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([*([", ".join(parts[:-1])] if len(parts) > 1 else []), *parts[-1:]])


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '!', '?', '…')) else '.'}"


def tables(report: QualityReport) -> list[str]:
    """How much was read, table by table."""
    heights = {name: counted(n, *ROWS[name]) for name, n in report.rows.items()}
    users, items = counted(report.profile.users, "user"), counted(report.profile.items, "item")
    heights["events"] += f" of {users} on {items}"
    return list(heights.values())


def span(report: QualityReport) -> str | None:
    """The days of the first and the last event; ``None`` without times."""
    since, until = report.profile.since, report.profile.until
    if since is None or until is None:
        return None
    return f"{since:%Y-%m-%d} to {until:%Y-%m-%d}"


def verdict(report: QualityReport) -> str:
    """Whether a model may be fitted, and how much was found."""
    found = listed(
        [
            counted(len(findings), severity)
            for severity in SEVERITIES
            if (findings := report.of_severity(severity))
        ]
    )
    if not found:
        return "No check found anything wrong."
    if report.ok:
        return f"Fit to learn from, with {found}."
    return f"Not fit to learn from yet: {found}."


def place(finding: Finding) -> str:
    """The table, and the column if one is to blame."""
    return finding.table if finding.column is None else f"{finding.table}.{finding.column}"


def remedy(finding: Finding) -> str:
    """The shortest call that mends the finding; a dash where there is none."""
    if finding.fix is None:
        return "–"
    return "clean()" if finding.by_default else "by name"


def remedies(report: QualityReport) -> list[str]:
    """What cleaning does about the findings."""
    by_itself = [f for f in report.findings if remedy(f) == "clean()"]
    named = dict.fromkeys(f.code for f in report.findings if remedy(f) == "by name")
    left = dict.fromkeys(f.code for f in report.findings if remedy(f) == "–")
    parts = []
    if by_itself:
        parts.append(f"data.clean() mends {counted(len(by_itself), 'finding')}")
    if named:
        codes = ", ".join(f'"{code}"' for code in named)
        parts.append(f"by name only: data.clean([{codes}])")
    if left:
        parts.append(f"no fix, the shop decides: {listed([*left])}")
    return parts


def shown(value: Any) -> str:
    r"""A value of an example as one line of plain characters.

    Spaces that would not be seen are put in quotes.

    >>> shown(" 42"), shown(datetime(2024, 5, 1, 9, 30)), shown(0.1 + 0.2), shown("a\tb")
    ("' 42'", '2024-05-01 09:30', '0.3', 'a�b')
    """
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        return f"{value:.12g}"
    text = "".join(c if c.isprintable() else "�" for c in str(value))
    return repr(text) if text != text.strip() or not text else text
