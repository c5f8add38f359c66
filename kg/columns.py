"""Attribute columns: what kind each is, and the facts it states about the items."""

import re

import numpy as np
import polars as pl

from kg.errors import AttributeColumnError, MissingColumnError
from kg.facts import Facts
from kg.measures import band_name, band_numbers, quantile_edges, size_bands
from kg.schema import ITEM, Column, ColumnKind, Relation

PATH_SEPARATOR = " > "
VALUES_SEPARATOR = "||"
N_BANDS = 5

_LONG_TEXT_CHARACTERS = 60
_FREE_TEXT_ROWS = 50
_FREE_TEXT_DISTINCT_SHARE = 0.7
_MOST = 0.5
_SIZE_NAME = re.compile(r"(^|[_\s])(size|volume|weight|contents?|quantity)($|[_\s])", re.IGNORECASE)
_TEXT_NAME = re.compile(
    r"(^|[_\s])(description|text|summary|url|link|image|images)($|[_\s])", re.IGNORECASE
)
# Empty levels, as in "A >  > B" or "A >", are passed over.
_SEPARATOR_RUN = r"(?:\s+>)+\s+"
_LOOSE_ENDS = r"^(?:>\s+)+|(?:\s+>)+$"
_ABOVE = rf"(?s)^(.*){PATH_SEPARATOR}"
_IDENTIFIER_NAME = re.compile(r"(^|[_\s])id$", re.IGNORECASE)


def infer_columns(catalogue: pl.DataFrame, *, without: set[str]) -> tuple[Column, ...]:
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
    candidates = [name for name in catalogue.columns if name not in without]
    return tuple(
        column_of(catalogue, name) for name in candidates if _is_shared(catalogue.get_column(name))
    )


def column_of(catalogue: pl.DataFrame, name: str, kind: ColumnKind | None = None) -> Column:
    """Decides how one column is read.

    Args:
        catalogue: One row an item.
        name: The column.
        kind: How to read it, where that is known; floats are bands whatever it says.

    Raises:
        MissingColumnError: When the catalogue has no such column.
        AttributeColumnError: When its type cannot be an attribute (dates, structs, binary), or
            when it is called ``item``, which is the type of the items themselves.
    """
    _require(catalogue, name)
    if name == ITEM:
        raise AttributeColumnError(
            f"column {name!r} cannot be an attribute, since {ITEM!r} is the type of the items "
            "themselves; rename it"
        )
    series = catalogue.get_column(name)
    if kind == "bands" and not series.dtype.is_numeric():
        raise AttributeColumnError(
            f"column {name!r} is of type {series.dtype}, which has no bands; accepted are numbers"
        )
    if kind == "bands" or series.dtype.is_float() or series.dtype.is_decimal():
        numbers = series.cast(pl.Float64).drop_nulls().to_numpy()
        return Column(name, "bands", quantile_edges(numbers, N_BANDS))
    values = _texts(series)
    if kind is not None:
        return Column(name, kind)
    if _is_path(values):
        return Column(name, "path")
    return Column(name, "size" if _is_size(values) else "values")


def read_column(rows: pl.DataFrame, item_keys: pl.Series, column: Column) -> list[Facts]:
    """What a column says about the items; blank and null values say nothing.

    Args:
        rows: Catalogue rows.
        item_keys: Their item keys, as many as ``rows``.
        column: How to read it, as decided by :func:`column_of`, maybe for earlier rows.

    Raises:
        MissingColumnError: When the rows lack the column.
        AttributeColumnError: When its values are of another type than those read before.
    """
    _require(rows, column.name)
    keyed = pl.DataFrame([item_keys.alias("head"), rows.get_column(column.name).alias("value")])
    keyed = keyed.drop_nulls("value")
    if not keyed.height:
        return []
    if column.kind == "bands":
        return [_band_facts(keyed, column)]
    if keyed.schema["value"].is_float() or keyed.schema["value"].is_decimal():
        raise AttributeColumnError(
            f"column {column.name!r} holds {keyed.schema['value']} here, but the graph reads it "
            f"as {column.kind}; cast it to the type it had in the first catalogue"
        )
    texts = _long(keyed, column.name)
    if column.kind == "path":
        return _path_facts(texts, column)
    if column.kind == "size":
        bands = size_bands(texts.get_column("value"))
        texts = texts.with_columns(bands.alias("value")).drop_nulls()
    relation = Relation(column.name, ITEM, column.name)
    return [Facts(relation, texts.select("head", tail="value"))]


def _require(rows: pl.DataFrame, name: str) -> None:
    if name not in rows.columns:
        raise MissingColumnError(
            f"the catalogue has no column {name!r}; its columns are {', '.join(rows.columns)}"
        )


def _long(keyed: pl.DataFrame, name: str) -> pl.DataFrame:
    """One line a value (head, value): lists and ``||`` unrolled, ends stripped, blanks gone."""
    dtype = keyed.schema["value"]
    if isinstance(dtype, pl.List | pl.Array):
        keyed = keyed.explode("value")
        dtype = keyed.schema["value"]
    if not _is_nameable(dtype):
        raise AttributeColumnError(
            f"column {name!r} is of type {dtype}, which cannot be an attribute; accepted are "
            "strings, lists of strings, integers, booleans and floats"
        )
    text = pl.col("value").cast(pl.String)
    if _is_text(dtype):
        keyed = keyed.with_columns(text.str.split(VALUES_SEPARATOR)).explode("value")
    return keyed.with_columns(text.str.strip_chars()).filter(pl.col("value").str.len_chars() > 0)


def _is_nameable(dtype: pl.DataType) -> bool:
    return _is_text(dtype) or dtype.is_integer() or dtype in (pl.Boolean, pl.Null)


def _is_text(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def _texts(series: pl.Series) -> pl.Series:
    keyed = pl.DataFrame([series.alias("value")])
    return _long(keyed, series.name).get_column("value").alias(series.name)


def _is_path(values: pl.Series) -> bool:
    share = values.str.contains(PATH_SEPARATOR, literal=True).mean()
    return isinstance(share, float) and share >= _MOST


def _is_size(values: pl.Series) -> bool:
    if not len(values) or not _SIZE_NAME.search(values.name):
        return False
    return size_bands(values).null_count() <= (1 - _MOST) * len(values)


def _is_shared(series: pl.Series) -> bool:
    """Whether the values look like something that several items have in common."""
    dtype = series.dtype
    inner = dtype.inner if isinstance(dtype, pl.List | pl.Array) else dtype
    identifier = bool(inner.is_integer() and _IDENTIFIER_NAME.search(series.name))
    if not (isinstance(inner, pl.DataType) and _is_text(inner)) and not identifier:
        return False
    values = _texts(series)
    if not len(values) or _TEXT_NAME.search(series.name):
        return False
    if _is_path(values) or _is_size(values):
        return True
    if values.str.len_chars().sum() > _LONG_TEXT_CHARACTERS * len(values):
        return False
    distinct_share = values.n_unique() / len(values)
    return len(values) <= _FREE_TEXT_ROWS or distinct_share <= _FREE_TEXT_DISTINCT_SHARE


def _path_facts(texts: pl.DataFrame, column: Column) -> list[Facts]:
    """Item to leaf, and each category to the one above it; keys are whole prefixes."""
    kind = column.name
    cleaned = pl.col("value").str.strip_chars().str.replace_all(_SEPARATOR_RUN, PATH_SEPARATOR)
    leaves = texts.select("head", cleaned.str.replace_all(_LOOSE_ENDS, "").alias("tail")).filter(
        pl.col("tail").str.len_chars() > 0
    )
    level = leaves.select(key="tail").unique()
    above, names = [], []
    while level.height:
        names.append(level.with_columns(name=pl.col("key").str.split(PATH_SEPARATOR).list.last()))
        parents = level.select(head="key", tail=pl.col("key").str.extract(_ABOVE)).drop_nulls()
        above.append(parents)
        level = parents.select(key="tail").unique()
    if not leaves.height:
        return []
    labels = pl.concat(names).unique("key").select(pl.lit(kind).alias("type"), "key", "name")
    return [
        Facts(Relation(kind, ITEM, kind), leaves, labels),
        Facts(Relation(f"{kind}_parent", kind, kind, "part of"), pl.concat(above), labels),
    ]


def _band_facts(keyed: pl.DataFrame, column: Column) -> Facts:
    dtype = keyed.schema["value"]
    if not dtype.is_numeric():
        raise AttributeColumnError(
            f"column {column.name!r} is of type {dtype} here, but the graph reads it as bands of "
            "numbers; cast it to a number"
        )
    numbers = keyed.with_columns(pl.col("value").cast(pl.Float64)).filter(
        pl.col("value").is_finite() & bool(column.edges)
    )
    relation = Relation(column.name, ITEM, column.name)
    limits = list(zip(column.edges[:-1], column.edges[1:], strict=True))
    keys = np.array([f"{low!r}–{high!r}" for low, high in limits], dtype=object)
    bands = band_numbers(numbers.get_column("value").to_numpy(), column.edges)
    tails = pl.Series("tail", keys[bands] if len(bands) else [], dtype=pl.String)
    names = pl.DataFrame(
        {
            "type": [column.name] * len(limits),
            "key": keys.tolist(),
            "name": [band_name(relation.phrase, low, high) for low, high in limits],
        },
        schema={"type": pl.String, "key": pl.String, "name": pl.String},
    )
    return Facts(relation, numbers.select("head").with_columns(tails), names)
