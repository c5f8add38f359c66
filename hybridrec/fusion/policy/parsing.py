"""Text → condition. The grammar is in ``where.lark``; nothing of the text is ever executed."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import Any as AnyValue
from typing import cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from hybridrec.fusion.policy.conditions import (
    All,
    Among,
    Any,
    Between,
    Column,
    Comparator,
    Comparison,
    Condition,
    Constant,
    IsNull,
    Matcher,
    Not,
    Operand,
    TextTest,
    Truth,
    fault,
)

LONGEST = 10_000
"""Characters a condition may have."""
DEEPEST = 50
"""Levels of ``and``, ``or`` and ``not`` within one another."""
_WIDEST_NUMBER = 2**63

_IN_WORDS = {
    "NAME": "a column",
    "QUOTED": "a column",
    "STRING": "a 'text'",
    "NUMBER": "a number",
    "TRUE": "true",
    "FALSE": "false",
    "NULL": "null",
    "NOT": "not",
    "COMPARE": "= != < <= > >=",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": ",",
    "STARTS": "starts with",
    "ENDS": "ends with",
    "$END": "the end",
}


class _TooDeepError(ValueError):
    """A condition nested beyond all use."""


class _NumberError(ValueError):
    """A number out of range, and where it stands."""

    def __init__(self, token: Token) -> None:
        super().__init__(str(token))
        self.span = _span(token)


def parse(text: str, name: str = "where") -> Condition:
    """Reads a condition.

    Args:
        text: such as ``price < 5 and brand != 'X'``.
        name: what it is to the caller, for messages.

    Raises:
        RequestError: it does not parse; shows the character.

    >>> parse("price < 5")
    Comparison(left=Column(name='price', span=(0, 5)), comparator='<',
        right=Constant(value=5, span=(8, 9)))
    """
    if not text.strip():
        raise fault(name, text, (0, 0), "the condition is empty; such as: price < 5")
    if len(text) > LONGEST:
        problem = f"the condition has {len(text):,} characters; {LONGEST:,} at most"
        raise fault(name, text[:60], (0, 0), problem)
    try:
        return cast(Condition, _parser().parse(text))
    except UnexpectedInput as error:
        raise _misread(name, text, error) from error
    except _TooDeepError as error:
        problem = f"conditions are nested more than {DEEPEST} levels deep"
        raise fault(name, text[:60], (0, 0), problem) from error
    except _NumberError as error:
        problem = f"{error} is out of range; numbers are finite, whole ones below 2**63"
        raise fault(name, text, error.span, problem) from error


def _misread(name: str, text: str, error: UnexpectedInput) -> Exception:
    """The parser's complaint in words."""
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        found, span = repr(str(error.token)), _span(error.token)
    elif isinstance(error, UnexpectedCharacters):
        place = error.pos_in_stream or 0
        found, span = repr(text[place]), (place, place + 1)
        if text[place] in "'\"`":
            problem = f"what this {text[place]} opens is empty or never closed"
            return fault(name, text, span, problem)
    else:
        behind = len(text.rstrip())
        found, span = "the end", (behind, behind)
    wanted = error.accepts if isinstance(error, UnexpectedToken) else None
    if isinstance(error, UnexpectedCharacters):
        wanted = error.allowed
    names = [_IN_WORDS.get(terminal, terminal.lower()) for terminal in sorted(wanted or ())]
    expected = ", ".join(dict.fromkeys(names))
    return fault(name, text, span, f"{found} cannot stand here; expected one of: {expected}")


@cache
def _parser() -> Lark:
    grammar = files(__package__).joinpath("where.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", transformer=_Conditions())


def _span(token: Token) -> tuple[int, int]:
    start = token.start_pos or 0
    return start, token.end_pos or start + len(token)


class _Conditions(Transformer[Token, AnyValue]):
    """Builds conditions while the text is parsed, so that depth costs no recursion."""

    def __init__(self) -> None:
        super().__init__(visit_tokens=False)

    def column(self, children: list[Token]) -> Column:
        (token,) = children
        written = str(token)
        if token.type == "QUOTED":
            written = written[1:-1].replace('""', '"') if written[0] == '"' else written[1:-1]
        return Column(written, _span(token))

    def constant(self, children: list[Token]) -> Constant:
        (token,) = children
        written = str(token)
        value: str | int | float | bool | None
        match token.type:
            case "STRING":
                value = written[1:-1].replace("''", "'")
            case "NUMBER":
                value = _number(token)
            case "NULL":
                value = None
            case _:
                value = token.type == "TRUE"
        return Constant(value, _span(token))

    def truth(self, children: list[Operand]) -> Condition:
        return Truth(children[0])

    def comparison(self, children: list[AnyValue]) -> Condition:
        left, written, right = children
        comparator = {"<>": "!=", "==": "="}.get(str(written), str(written))
        return Comparison(left, cast(Comparator, comparator), right)

    def among(self, children: list[AnyValue]) -> Condition:
        column, *rest = children
        values = tuple(value for value in rest if isinstance(value, Constant))
        return _maybe_not(Among(column, values), rest)

    def between(self, children: list[AnyValue]) -> Condition:
        column, *rest = children
        low, high = (value for value in rest if isinstance(value, Constant))
        return _maybe_not(Between(column, low, high), rest)

    def is_null(self, children: list[AnyValue]) -> Condition:
        column, *rest = children
        return _maybe_not(IsNull(column), rest)

    def text_test(self, children: list[AnyValue]) -> Condition:
        column, *rest, value = children
        word = str(rest[-1]).lower()
        matcher = {"starts": "starts with", "ends": "ends with"}.get(word, word)
        return _maybe_not(TextTest(column, cast(Matcher, matcher), value), rest)

    def negation(self, children: list[AnyValue]) -> Condition:
        return _negated(children[1])

    def all(self, children: list[Condition]) -> Condition:
        return _shallow(All(tuple(children)))

    def any(self, children: list[Condition]) -> Condition:
        return _shallow(Any(tuple(children)))


def _number(token: Token) -> int | float:
    written = str(token)
    try:
        value: int | float = int(written)
    except ValueError:
        value = float(written)
    too_wide = not math.isfinite(value) or (
        isinstance(value, int) and not -_WIDEST_NUMBER <= value < _WIDEST_NUMBER
    )
    if too_wide:
        raise _NumberError(token)
    return value


def _maybe_not(condition: Condition, tokens: list[AnyValue]) -> Condition:
    told = any(isinstance(token, Token) and token.type == "NOT" for token in tokens)
    return _negated(condition) if told else condition


def _negated(condition: Condition) -> Condition:
    return condition.part if isinstance(condition, Not) else _shallow(Not(condition))


def _shallow(condition: Condition) -> Condition:
    if _depth(condition) > DEEPEST:
        raise _TooDeepError
    return condition


def _depth(condition: Condition) -> int:
    match condition:
        case Not(part):
            return 1 + _depth(part)
        case All(parts) | Any(parts):
            return 1 + max(map(_depth, parts))
        case _:
            return 1
