"""Conditions over catalogue columns → polars expressions, with every type checked beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NoReturn
from zoneinfo import ZoneInfo

import polars as pl

from hybridrec.arrays import BoolArray
from hybridrec.errors import RequestError, examples
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
    Span,
    TextTest,
    Truth,
    fault,
)

Kind = Literal["number", "text", "date", "boolean", "list", "nothing", "other"]
_IN_WORDS: dict[Kind, str] = {
    "number": "numbers",
    "text": "text",
    "date": "dates",
    "boolean": "true and false",
    "list": "lists",
    "nothing": "no values",
    "other": "values that conditions cannot compare",
}
_PATH_MARK = ">"
_NEAR = 70.0
"""Likeness in percent from which a column is offered for one that is not there."""
_MOMENT = pl.Datetime("us", "UTC")


def matching_items(catalogue: pl.DataFrame, where: str, name: str = "where") -> BoolArray:
    """Which rows of the catalogue meet a condition, ``(n_items,)``.

    What is unknown is not met: logic is SQL's, with true, false and null.

    Args:
        catalogue: one row an item.
        where: a condition over its columns, such as ``price < 5 and brand != 'X'``; the language
            is in ``docs/policy.md``.
        name: what the condition is to the caller, for messages.

    Raises:
        RequestError: it does not parse, names no column, compares what cannot be compared, or
            nothing meets it; shows the character.

    >>> shelf = pl.DataFrame({"item_id": [1, 2, 3], "price": [4.0, 9.0, None]})
    >>> matching_items(shelf, "not price < 5").tolist()
    [False, True, False]
    """
    # lark takes as long to import as polars, and most calls have no condition
    from hybridrec.fusion.policy.parsing import parse

    compiler = _Compiler(where, name, catalogue.schema)
    expression = compiler.expression(parse(where, name))
    try:
        met = catalogue.select(expression.alias("met"))["met"]
    except pl.exceptions.PolarsError as error:
        raise fault(name, where, (0, len(where)), f"it cannot be applied: {error}") from error
    shown = met.fill_null(False)
    if not shown.any():
        raise RequestError(f"{name}: no item of the catalogue meets {where!r}")
    return shown.to_numpy()


@dataclass(frozen=True, slots=True)
class _Compiler:
    """One condition against the columns of one catalogue."""

    text: str
    name: str
    schema: pl.Schema

    def expression(self, condition: Condition) -> pl.Expr:
        """The condition as an expression of true, false and null."""
        match condition:
            case All(parts):
                return pl.all_horizontal(map(self.expression, parts))
            case Any(parts):
                return pl.any_horizontal(map(self.expression, parts))
            case Not(part):
                return ~self.expression(part)
            case Truth(operand):
                return self._truth(operand)
            case Comparison(left, comparator, right):
                return self._comparison(left, comparator, right)
            case Among(column, values):
                dtype = self._dtype(column)
                found = [self._compared(column, dtype, "=", value) for value in values]
                return pl.any_horizontal(found)
            case Between(column, low, high):
                dtype = self._dtype(column)
                return self._compared(column, dtype, ">=", low) & self._compared(
                    column, dtype, "<=", high
                )
            case IsNull(column):
                return _known(pl.col(column.name), self._dtype(column)).is_null()
            case TextTest(column, matcher, value):
                return self._text_test(column, matcher, value)

    def _truth(self, operand: Operand) -> pl.Expr:
        if isinstance(operand, Constant):
            self._refuse(operand.span, f"{_written(operand)} is no condition: it names no column")
        kind = _kind(self._dtype(operand))
        if kind == "nothing":
            return pl.lit(None, dtype=pl.Boolean)
        if kind != "boolean":
            self._refuse(
                operand.span,
                f"{operand.name!r} alone is no condition: it holds {_IN_WORDS[kind]}, not true and "
                "false; compare it with something",
            )
        return pl.col(operand.name)

    def _comparison(self, left: Operand, comparator: Comparator, right: Operand) -> pl.Expr:
        if isinstance(left, Column) and isinstance(right, Column):
            return self._two_columns(left, comparator, right)
        if isinstance(left, Constant) and isinstance(right, Constant):
            span = (left.span[0], right.span[1])
            self._refuse(span, "this is no condition on the catalogue: it names no column")
        if isinstance(left, Constant):
            turned: dict[Comparator, Comparator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
            left, right, comparator = right, left, turned.get(comparator, comparator)
        assert isinstance(left, Column)
        assert isinstance(right, Constant)
        return self._compared(left, self._dtype(left), comparator, right)

    def _two_columns(self, left: Column, comparator: Comparator, right: Column) -> pl.Expr:
        kinds = []
        for column in (left, right):
            dtype = self._dtype(column)
            kind = _kind(dtype)
            if kind in ("list", "other"):
                self._refuse(
                    column.span, f"{column.name!r} holds {_IN_WORDS[kind]}, which do not compare"
                )
            kinds.append(kind)
        if "nothing" in kinds:
            return pl.lit(None, dtype=pl.Boolean)
        if kinds[0] != kinds[1]:
            self._refuse(
                right.span,
                f"{left.name!r} holds {_IN_WORDS[kinds[0]]} and {right.name!r} "
                f"{_IN_WORDS[kinds[1]]}: they do not compare",
            )
        if kinds[0] == "boolean":
            self._require_equality(comparator, right.span, left.name)
        dtypes = (self._dtype(left), self._dtype(right))
        sides = [
            _known(pl.col(column.name), dtype)
            for column, dtype in zip((left, right), dtypes, strict=True)
        ]
        if all(dtype.is_integer() for dtype in dtypes):
            sides = [side.cast(pl.Int128) for side in sides]
        return _compare(sides[0], comparator, sides[1])

    def _compared(
        self, column: Column, dtype: pl.DataType, comparator: Comparator, constant: Constant
    ) -> pl.Expr:
        """A column against a constant."""
        if constant.value is None:
            self._refuse(
                constant.span, f"null is never equal to anything; write {column.name} is null"
            )
        kind = _kind(dtype)
        if kind == "list":
            self._refuse(
                column.span,
                f"{column.name!r} holds lists: write {column.name} contains {_written(constant)}",
            )
        return self._value_compared(pl.col(column.name), column, dtype, comparator, constant)

    def _value_compared(
        self,
        value: pl.Expr,
        column: Column,
        dtype: pl.DataType,
        comparator: Comparator,
        constant: Constant,
    ) -> pl.Expr:
        kind, known = _kind(dtype), _known(value, dtype)
        match kind, constant.value:
            case "nothing", _:
                return pl.lit(None, dtype=pl.Boolean)
            case "number", int() | float() as number if not isinstance(number, bool):
                left, right = _numbers(known, dtype, number)
                return _compare(left, comparator, right)
            case "text", str() as text:
                return _compare(known, comparator, pl.lit(text))
            case "boolean", bool() as truth:
                self._require_equality(comparator, constant.span, column.name)
                return _compare(known, comparator, pl.lit(truth))
            case "date", str() as text:
                moment = self._moment(text, dtype, constant.span, column.name)
                return _compare(known, comparator, pl.lit(moment, dtype=_MOMENT))
        hint = "; dates are written '2024-05-31'" if kind == "date" else ""
        self._refuse(
            constant.span,
            f"{column.name!r} holds {_IN_WORDS[kind]} ({dtype}), and {_written(constant)} is "
            f"{_constant_in_words(constant)}: they do not compare{hint}",
        )

    def _text_test(self, column: Column, matcher: Matcher, constant: Constant) -> pl.Expr:
        dtype = self._dtype(column)
        kind = _kind(dtype)
        if kind == "nothing":
            return pl.lit(None, dtype=pl.Boolean)
        if kind == "list":
            inner: pl.DataType = dtype.inner  # type: ignore[attr-defined]
            if matcher == "contains":
                if constant.value is None:
                    self._refuse(constant.span, "null is never contained in anything")
                met = self._value_compared(pl.element(), column, inner, "=", constant)
            else:
                met = self._text_matched(pl.element(), column, inner, matcher, constant)
            values = pl.col(column.name)
            if isinstance(dtype, pl.Array):
                values = values.arr.to_list()
            # values that are unknown are none
            return values.list.eval(met.fill_null(False)).list.any()
        return self._text_matched(pl.col(column.name), column, dtype, matcher, constant)

    def _text_matched(
        self,
        value: pl.Expr,
        column: Column,
        dtype: pl.DataType,
        matcher: Matcher,
        constant: Constant,
    ) -> pl.Expr:
        if _kind(dtype) != "text":
            self._refuse(
                column.span,
                f"{matcher!r} reads text, and {column.name!r} holds {_IN_WORDS[_kind(dtype)]} "
                f"({dtype})",
            )
        if not isinstance(constant.value, str):
            self._refuse(
                constant.span,
                f"{matcher!r} needs a text in single quotes, not {_written(constant)}",
            )
        return _MATCHES[matcher](_known(value, dtype), constant.value)

    def _moment(self, text: str, dtype: pl.DataType, span: Span, column: str) -> datetime:
        """A written date, in UTC; without a zone it is in the column's own."""
        try:
            moment = datetime.fromisoformat(text.strip())
            if moment.tzinfo is None:
                zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
                moment = moment.replace(tzinfo=UTC if zone in (None, "UTC") else ZoneInfo(zone))
            return moment.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise fault(
                self.name,
                self.text,
                span,
                f"{column!r} holds dates, and {text!r} is none; dates are written '2024-05-31' or "
                "'2024-05-31T18:00'",
            ) from error

    def _require_equality(self, comparator: Comparator, span: Span, column: str) -> None:
        if comparator not in ("=", "!="):
            self._refuse(span, f"{column!r} holds true and false, which have no order; use = or !=")

    def _dtype(self, column: Column) -> pl.DataType:
        found = self.schema.get(column.name)
        if found is not None:
            return found
        near = _near(column.name, list(self.schema))
        meant = f"did you mean {examples(near)}? " if near else ""
        quoted = self.text[column.span[0]] == '"'
        quotes = "a text stands in single quotes; " if quoted or not near else ""
        self._refuse(
            column.span,
            f"no column {column.name!r}; {meant}{quotes}columns are {examples(self.schema, 20)}",
        )

    def _refuse(self, span: Span, problem: str) -> NoReturn:
        raise fault(self.name, self.text, span, problem)


def _kind(dtype: pl.DataType) -> Kind:
    if dtype.is_numeric():
        return "number"
    if isinstance(dtype, (pl.String, pl.Categorical, pl.Enum)):
        return "text"
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        return "date"
    if isinstance(dtype, (pl.List, pl.Array)):
        return "list"
    if isinstance(dtype, pl.Null):
        return "nothing"
    return "boolean" if isinstance(dtype, pl.Boolean) else "other"


def _known(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Values in the form they are compared in; NaN is unknown."""
    if dtype.is_float():
        return value.fill_nan(None)
    if isinstance(dtype, pl.Decimal):
        return value.cast(pl.Float64)
    if isinstance(dtype, (pl.Categorical, pl.Enum)):
        return value.cast(pl.String)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return value.cast(pl.Datetime("us", dtype.time_zone)).dt.convert_time_zone("UTC")
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        return value.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return value


def _numbers(known: pl.Expr, dtype: pl.DataType, number: int | float) -> tuple[pl.Expr, pl.Expr]:
    """A column of numbers and a number, in a type that holds both."""
    if dtype.is_integer() and isinstance(number, int):
        return known.cast(pl.Int128), pl.lit(number, dtype=pl.Int128)
    if dtype == pl.Float32:
        # 4.99 is to equal the 4.99 of the column
        return known, pl.lit(float(number)).cast(pl.Float32)
    return known.cast(pl.Float64), pl.lit(float(number))


def _compare(left: pl.Expr, comparator: Comparator, right: pl.Expr) -> pl.Expr:
    comparisons: dict[Comparator, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
        "=": pl.Expr.eq,
        "!=": pl.Expr.ne,
        "<": pl.Expr.lt,
        "<=": pl.Expr.le,
        ">": pl.Expr.gt,
        ">=": pl.Expr.ge,
    }
    return comparisons[comparator](left, right)


def _like(value: pl.Expr, pattern: str, flags: str = "s") -> pl.Expr:
    wild = {"%": ".*", "_": "."}
    regex = "".join(wild.get(character) or pl.escape_regex(character) for character in pattern)
    return value.str.contains(rf"(?{flags})\A{regex}\z")


def _starts_with(value: pl.Expr, beginning: str) -> pl.Expr:
    # 'Beauty > Makeup' must not begin 'Beauty > Makeup Tools'
    return _under(value, beginning) if _PATH_MARK in beginning else value.str.starts_with(beginning)


def _under(value: pl.Expr, path: str) -> pl.Expr:
    levels = [level.strip() for level in path.split(_PATH_MARK)]
    regex = rf"\s*{_PATH_MARK}\s*".join(pl.escape_regex(level) for level in levels if level)
    return value.str.contains(rf"(?s)\A\s*{regex}\s*(?:{_PATH_MARK}.*)?\z")


_MATCHES: dict[Matcher, Callable[[pl.Expr, str], pl.Expr]] = {
    "like": _like,
    "ilike": lambda value, pattern: _like(value, pattern, "is"),
    "contains": lambda value, part: value.str.contains(part, literal=True),
    "starts with": _starts_with,
    "ends with": lambda value, ending: value.str.ends_with(ending),
    "under": _under,
}


def _written(constant: Constant) -> str:
    if isinstance(constant.value, str):
        return "'" + constant.value.replace("'", "''") + "'"
    return "null" if constant.value is None else str(constant.value).lower()


def _constant_in_words(constant: Constant) -> str:
    match constant.value:
        case bool():
            return "a truth value"
        case str():
            return "text"
        case _:
            return "a number"


def _near(name: str, columns: list[str]) -> list[str]:
    from rapidfuzz.process import extract

    found = extract(name.lower(), {c: c.lower() for c in columns}, limit=3, score_cutoff=_NEAR)
    return [column for _, _, column in found]
