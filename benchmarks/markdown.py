"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; columns whose cells are all numbers or empty are set flush right.

    >>> print(table(["what", "count"], [["a", 1_000], ["b", None]]))
    | what | count |
    |---|--:|
    | a | 1,000 |
    | b |  |
    """
    body = [list(row) for row in rows]
    numeric = [
        all(row[column] is None or isinstance(row[column], (int, float)) for row in body)
        for column in range(len(header))
    ]
    lines = [
        "| " + " | ".join(header) + " |",
        "|" + "|".join("--:" if right else "---" for right in numeric) + "|",
    ]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in body]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, (int, float)) else str(value).replace("|", "\\|")
