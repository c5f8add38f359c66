"""The parts of a condition over catalogue columns, and how a fault in one is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from hybridrec.errors import RequestError

Span: TypeAlias = tuple[int, int]
"""Where a part stands in the text: first character, and the one after the last."""
Comparator = Literal["=", "!=", "<", "<=", ">", ">="]
Matcher = Literal["like", "ilike", "contains", "starts with", "ends with", "under"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column by name."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Constant:
    """A text, number or truth value; ``None`` for a written ``null``."""

    value: str | int | float | bool | None
    span: Span


Operand: TypeAlias = Column | Constant


@dataclass(frozen=True, slots=True)
class Truth:
    """A column of true and false, standing alone."""

    operand: Operand


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two operands compared."""

    left: Operand
    comparator: Comparator
    right: Operand


@dataclass(frozen=True, slots=True)
class Among:
    """``column in (…)``."""

    column: Column
    values: tuple[Constant, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """``column between low and high``, both included."""

    column: Column
    low: Constant
    high: Constant


@dataclass(frozen=True, slots=True)
class IsNull:
    """``column is null``."""

    column: Column


@dataclass(frozen=True, slots=True)
class TextTest:
    """``column like '…'`` and its kin."""

    column: Column
    matcher: Matcher
    value: Constant


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    part: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Parts joined by ``and``."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Parts joined by ``or``."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Truth | Comparison | Among | Between | IsNull | TextTest | Not | All | Any


def fault(name: str, text: str, span: Span, problem: str) -> RequestError:
    """An error that shows the line of a condition with its faulty part underlined.

    Args:
        name: what the condition is to the caller, such as ``where`` or ``boosts[0].where``.
        text: the whole condition.
        span: the part at fault; may lie just behind the end.
        problem: what is wrong with it.

    >>> print(fault("where", "prize < 5", (0, 5), "no column 'prize'"))
    where: no column 'prize'
        prize < 5
        ^^^^^
    """
    from rich.cells import cell_len  # Chinese characters are two columns wide

    first, behind = span
    start = max(text.rfind(mark, 0, first) for mark in "\n\r") + 1
    ends = [place for mark in "\n\r" if (place := text.find(mark, first)) >= 0]
    end = min(ends, default=len(text))
    line = "".join(character if character.isprintable() else " " for character in text[start:end])
    before, marked = line[: first - start], line[first - start : behind - start]
    caret = " " * cell_len(before) + "^" * max(cell_len(marked), 1)
    return RequestError(f"{name}: {problem}\n    {line}\n    {caret}")
