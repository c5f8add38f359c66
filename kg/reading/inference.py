"""Which columns of a catalogue say something that items can share, how to read them, and why."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from kg.errors import AttributeColumnError
from kg.reading.columns import (
    PATH_SEPARATOR,
    is_nameable,
    is_text,
    prepared,
    required,
    texts,
)
from kg.reading.frames import IDENTIFIER_NAME
from kg.reading.measures import measures_in, size_bands
from kg.schema import ITEM, CatalogueSchema, Column, ColumnKind

Judgement = tuple[ColumnKind, str]
"""How a column is read, and why."""

_LONG_TEXT_CHARACTERS = 60
_FREE_TEXT_ROWS = 50
_FREE_TEXT_DISTINCT_SHARE = 0.7
_MOST = 0.5
_MEASURED_SHARE = 0.1
_SIZE_NAME = re.compile(r"(^|[_\s])(size|volume|weight|contents?|quantity)($|[_\s])", re.IGNORECASE)
_TEXT_NAME = re.compile(
    r"(^|[_\s])(description|text|summary|url|link|image|images)($|[_\s])", re.IGNORECASE
)
_MONEY_NAME = re.compile(r"(^|[_\s])(price|cost|msrp|rrp)($|[_\s])|价", re.IGNORECASE)


def infer_schema(
    catalogue: pl.DataFrame,
    *,
    item_id: str,
    name: str | None,
    told: Mapping[str, Mapping[str, Any]] | None = None,
    others: bool = True,
) -> CatalogueSchema:
    """How every column of a catalogue is read.

    Strings, lists and identifiers that items share, paths and sizes are taken as
    :func:`infer_columns` does. Besides, numbers whose name says price are cut into bands of about
    equally many items inside each category, and the column of names is searched for sizes and
    pack counts (``"50 OZ"``, ``"12 PK"``) where a tenth of the names has one. Where no column is
    an attribute, the words that names share are.

    Args:
        catalogue: One row an item.
        item_id: Column of ids.
        name: Column of names, or None.
        told: What is known of columns, the fields of :class:`~kg.schema.Column` by column name.
        others: Whether columns that nobody told of are inferred, or else ignored.

    Raises:
        MissingColumnError: When a column told of is not there.
        AttributeColumnError: When a column cannot be read as told.
    """
    told = told or {}
    for column in told:
        required(catalogue, column)
    columns = []
    for column in catalogue.columns:
        if column in told:
            columns.append(_told(catalogue, column, told[column]))
        elif column not in (item_id, name):
            judged = judge(catalogue.get_column(column)) if others else ("ignored", "not asked for")
            columns.append(Column(column, judged[0], why=judged[1]))
    if others and name is not None and name not in told:
        columns += _of_names(catalogue, name, columns)
    path = next((column.name for column in columns if column.kind == "path"), None)
    return CatalogueSchema(
        item_id,
        name,
        tuple(
            prepared(catalogue, _within(column, path, told.get(column.name, {})))
            for column in columns
        ),
    )


def infer_columns(catalogue: pl.DataFrame, *, without: Iterable[str]) -> tuple[Column, ...]:
    """Picks the columns that say something items can share.

    Taken are strings and lists of strings that are not free text, paths, sizes, and integers whose
    name ends in ``id``. Left out are other numbers, empty columns, and free text: values of more
    than 60 characters on average, or, above 50 values, more than 0.7 of them distinct.

    Args:
        catalogue: One row an item.
        without: Columns not to consider, such as the id.

    Raises:
        AttributeColumnError: When a column that would be taken is called ``item``.
    """
    passed_over = set(without)
    judged = {
        column: judge(catalogue.get_column(column))
        for column in catalogue.columns
        if column not in passed_over
    }
    return tuple(
        Column(column, kind, why=why)
        for column, (kind, why) in judged.items()
        if kind not in ("ignored", "bands")
    )


def column_of(catalogue: pl.DataFrame, name: str, kind: ColumnKind | None = None) -> Column:
    """Decides how one column is read that is to be an attribute.

    Args:
        catalogue: One row an item.
        name: The column.
        kind: How to read it, where that is known; floats are bands whatever it says.

    Raises:
        MissingColumnError: When the catalogue has no such column.
        AttributeColumnError: When its type cannot be an attribute (dates, structs, binary), or
            when it is called ``item``, which is the type of the items themselves.
    """
    required(catalogue, name)
    _refuse_item(name)
    series = catalogue.get_column(name)
    if series.dtype.is_float() or series.dtype.is_decimal():
        kind = "bands"
    if kind is None:
        kind = _form(texts(series))[0]
    return prepared(catalogue, Column(name, kind, why="asked for"))


def judge(series: pl.Series) -> Judgement:
    """How a column is read that nobody told of, and why.

    Raises:
        AttributeColumnError: When it would be taken, and is called ``item``.
    """
    dtype = series.dtype
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else dtype
    assert isinstance(inner, pl.DataType)
    if series.null_count() == len(series):
        return "ignored", "it holds no value"
    if not is_nameable(inner) and not inner.is_numeric():
        return "ignored", f"type {dtype} cannot be an attribute"
    if inner.is_numeric() and not (inner.is_integer() and IDENTIFIER_NAME.search(series.name)):
        if _MONEY_NAME.search(series.name) and inner == dtype:
            _refuse_item(series.name)
            return "bands", "its name says price"
        return "ignored", "a number; to use it, declare it as bands"
    if inner == pl.Boolean:
        return "ignored", "true or false; to use it, declare it as values"
    judged = _judge_texts(texts(series))
    if judged[0] != "ignored":
        _refuse_item(series.name)
    return judged


def _judge_texts(values: pl.Series) -> Judgement:
    if not len(values):
        return "ignored", "it holds no value"
    if _TEXT_NAME.search(values.name):
        return "ignored", "its name says text, link or image"
    kind, why = _form(values)
    if kind != "values":
        return kind, why
    length = values.str.len_chars().sum() / len(values)
    if length > _LONG_TEXT_CHARACTERS:
        return "ignored", f"free text: {length:.0f} characters on average"
    different = values.n_unique()
    if len(values) > _FREE_TEXT_ROWS and different > _FREE_TEXT_DISTINCT_SHARE * len(values):
        return "ignored", f"free text: {different / len(values):.0%} of the values are different"
    return kind, f"{len(values):,} values, {different:,} different, such as {values[0]!r}"


def _form(values: pl.Series) -> Judgement:
    """Whether texts are paths, sizes or plain values."""
    n = len(values)
    paths = values.filter(values.str.contains(PATH_SEPARATOR, literal=True))
    if n and len(paths) >= _MOST * n:
        return "path", f"{len(paths) / n:.0%} of the values are paths such as {paths[0]!r}"
    if n and _SIZE_NAME.search(values.name):
        sizes = values.filter(size_bands(values).is_not_null())
        if len(sizes) >= _MOST * n:
            return "size", (
                f"its name says size and {len(sizes) / n:.0%} of the values are sizes such as "
                f"{sizes[0]!r}"
            )
    return "values", "told by their form"


def _told(catalogue: pl.DataFrame, name: str, fields: Mapping[str, Any]) -> Column:
    if "kind" in fields:
        kind: ColumnKind = fields["kind"]
        why = "told by the shop"
    else:
        kind, why = judge(catalogue.get_column(name))
    if kind != "ignored":
        _refuse_item(fields.get("entity_type", name))
    return Column(name, **{"why": why, **fields, "kind": kind})


def _of_names(catalogue: pl.DataFrame, name: str, columns: list[Column]) -> list[Column]:
    """How the column of names is read: for what no other column tells."""
    if name not in catalogue.columns or not is_text(catalogue.schema[name]):
        return []
    if all(column.kind == "ignored" for column in columns):
        return [Column(name, "words", why="no other column says what items have in common")]
    sizes = next((column.name for column in columns if column.kind == "size"), None)
    if sizes is not None:
        return [Column(name, "ignored", why=f"names; {sizes} tells the sizes")]
    names = catalogue.get_column(name).drop_nulls()
    found = measures_in(names)
    told = found.get_column("row").n_unique()
    if not told or told < _MEASURED_SHARE * len(names):
        return [Column(name, "ignored", why="names; few of them tell a size")]
    why = f"{told / len(names):.0%} of the names tell a size such as {found['text'][0]!r}"
    return [Column(name, "measures", why=why)]


def _within(column: Column, path: str | None, told: Mapping[str, Any]) -> Column:
    """Bands inside the categories, where there are any and nobody told otherwise."""
    if column.kind != "bands" or "within" in told or path is None:
        return column
    return replace(column, within=path, why=f"{column.why}; bands inside each {path}")


def _refuse_item(name: str) -> None:
    if name == ITEM:
        raise AttributeColumnError(
            f"column {name!r} cannot be an attribute, since {ITEM!r} is the type of the items "
            "themselves; rename it"
        )
