"""Attribute columns: the facts that each states about the items."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import polars as pl

from kg.errors import AttributeColumnError, MissingColumnError
from kg.facts import Facts
from kg.reading.measures import (
    MEASURES,
    band_name,
    band_numbers,
    measures_in,
    quantile_edges,
    size_bands,
)
from kg.reading.words import vocabulary_of, words_in
from kg.schema import ITEM, PARENT, WORD, Column, ColumnKind, Relation

PATH_SEPARATOR = " > "
VALUES_SEPARATOR = "||"
ALL = ""
"""The group of bands that holds every item."""
LEAST_BANDED = 25
"""A category has bands of its own when it has so many numbers; the next above it otherwise."""

# Empty levels, as in "A >  > B" or "A >", are passed over.
_SEPARATOR_RUN = r"(?:\s+>)+\s+"
_LOOSE_ENDS = r"^(?:>\s+)+|(?:\s+>)+$"
_ABOVE = rf"(?s)^(.*){PATH_SEPARATOR}"


def read_column(rows: pl.DataFrame, item_keys: pl.Series, column: Column) -> list[Facts]:
    """What a column says about the items; blank and null values say nothing.

    Args:
        rows: Catalogue rows.
        item_keys: Their item keys, as many as ``rows``.
        column: How to read it, as decided for these rows or for earlier ones.

    Raises:
        MissingColumnError: When the rows lack the column.
        AttributeColumnError: When its values are of another type than those read before.
    """
    required(rows, column.name)
    keyed = pl.DataFrame([item_keys.alias("head"), rows.get_column(column.name).alias("value")])
    if column.kind == "bands" and column.within is not None:
        paths = _paths(rows, column.within)
        keyed = keyed.with_columns(paths.alias("path"))
    keyed = keyed.drop_nulls("value")
    if not keyed.height or column.kind == "ignored":
        return []
    return _READERS[column.kind](keyed, column)


def prepared(catalogue: pl.DataFrame, column: Column) -> Column:
    """The column with what must be known of all rows to read one: limits of bands, vocabulary.

    Raises:
        MissingColumnError: When the catalogue lacks the column of categories.
        AttributeColumnError: When the values are no numbers.
    """
    series = catalogue.get_column(column.name)
    if column.kind == "words":
        return replace(column, vocabulary=vocabulary_of(_strings(series)))
    if column.kind != "bands":
        return column
    if not series.dtype.is_numeric():
        raise AttributeColumnError(
            f"column {column.name!r} is of type {series.dtype}, which has no bands; accepted are "
            "numbers"
        )
    numbers = series.cast(pl.Float64).alias("number").to_frame()
    if column.within is None:
        grouped = {ALL: numbers["number"]}
    else:
        numbers = numbers.with_columns(_paths(catalogue, column.within).alias("path"))
        grouped = _numbers_by_category(numbers.drop_nulls("number"))
    edges = {
        group: quantile_edges(members.drop_nulls().to_numpy(), column.n_bands)
        for group, members in grouped.items()
    }
    return replace(column, edges=edges)


def required(rows: pl.DataFrame, name: str) -> None:
    """Checks that a column is there.

    Raises:
        MissingColumnError: When it is not.
    """
    if name not in rows.columns:
        raise MissingColumnError(
            f"the catalogue has no column {name!r}; its columns are {', '.join(rows.columns)}"
        )


def texts(series: pl.Series) -> pl.Series:
    """The values as strings, as they become entities: lists and ``||`` unrolled, blanks gone."""
    keyed = pl.DataFrame([series.alias("value")])
    return _long(keyed, series.name).get_column("value").alias(series.name)


def is_text(dtype: pl.DataType) -> bool:
    """Whether values of this type are strings."""
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def is_nameable(dtype: pl.DataType) -> bool:
    """Whether a value of this type has a name that an entity can go by."""
    return is_text(dtype) or dtype.is_integer() or dtype in (pl.Boolean, pl.Null)


def _long(keyed: pl.DataFrame, name: str) -> pl.DataFrame:
    """One line a value (head, value): lists and ``||`` unrolled, ends stripped, blanks gone."""
    dtype = keyed.schema["value"]
    if dtype.is_float() or dtype.is_decimal():
        raise AttributeColumnError(
            f"column {name!r} holds {dtype} here, which names nothing; read it as bands, or cast "
            "it to the type it had in the first catalogue"
        )
    if isinstance(dtype, pl.List | pl.Array):
        keyed = keyed.explode("value")
        dtype = keyed.schema["value"]
    if not is_nameable(dtype):
        raise AttributeColumnError(
            f"column {name!r} is of type {dtype}, which cannot be an attribute; accepted are "
            "strings, lists of strings, integers, booleans and floats"
        )
    text = pl.col("value").cast(pl.String)
    if is_text(dtype):
        keyed = keyed.with_columns(text.str.split(VALUES_SEPARATOR)).explode("value")
    return keyed.with_columns(text.str.strip_chars()).filter(pl.col("value").str.len_chars() > 0)


def _strings(series: pl.Series) -> pl.Series:
    if not is_text(series.dtype):
        raise AttributeColumnError(
            f"column {series.name!r} is of type {series.dtype}; words and measures stand in text"
        )
    return series.cast(pl.String)


def _relation(column: Column, edges: pl.DataFrame) -> Relation:
    """The relation from items to the column's entities."""
    functional = column.functional
    if functional is None:
        distinct = edges.select("head", "tail").unique()
        functional = not distinct["head"].is_duplicated().any()
    return Relation(
        column.relation, ITEM, column.entity_type, column.phrase, column.inverse, functional
    )


def _value_facts(keyed: pl.DataFrame, column: Column) -> list[Facts]:
    edges = _long(keyed, column.name).select("head", tail="value")
    return [Facts(_relation(column, edges), edges)]


def _size_facts(keyed: pl.DataFrame, column: Column) -> list[Facts]:
    sizes = _long(keyed, column.name)
    edges = sizes.select("head", size_bands(sizes.get_column("value")).alias("tail")).drop_nulls()
    return [Facts(_relation(column, edges), edges)]


def _measure_facts(keyed: pl.DataFrame, column: Column) -> list[Facts]:
    """Sizes and pack counts that stand in a text; one relation each."""
    found = measures_in(_strings(keyed.get_column("value").alias(column.name)))
    heads = keyed.get_column("head")
    facts = []
    for measure in MEASURES:
        of_kind = found.filter(pl.col("measure") == measure)
        edges = pl.DataFrame(
            [
                heads.gather(of_kind.get_column("row")).alias("head"),
                size_bands(of_kind.get_column("text")).alias("tail"),
            ]
        ).drop_nulls()
        facts.append(Facts(Relation(measure, ITEM, measure, functional=True), edges))
    return facts


def _word_facts(keyed: pl.DataFrame, column: Column) -> list[Facts]:
    """Words and phrases that several texts share."""
    texts = _strings(keyed.get_column("value").alias(column.name))
    found = words_in(texts, column.vocabulary)
    edges = pl.DataFrame(
        [keyed.get_column("head").gather(found.get_column("row")), found.get_column("word")]
    ).rename({"word": "tail"})
    return [Facts(Relation(WORD, ITEM, WORD, "name says"), edges)]


def _path_facts(keyed: pl.DataFrame, column: Column) -> list[Facts]:
    """Item to leaf, and each category to the one above it; keys are whole prefixes."""
    kind = column.entity_type
    leaves = _long(keyed, column.name).select("head", _cleaned("value").alias("tail"))
    leaves = leaves.filter(pl.col("tail").str.len_chars() > 0)
    level = leaves.select(key="tail").unique()
    above, names = [], []
    while level.height:
        names.append(level.with_columns(_leaf("key").alias("name")))
        parents = level.select(head="key", tail=pl.col("key").str.extract(_ABOVE)).drop_nulls()
        above.append(parents)
        level = parents.select(key="tail").unique()
    if not leaves.height:
        return []
    labels = pl.concat(names).unique("key").select(pl.lit(kind).alias("type"), "key", "name")
    parent = Relation(f"{column.relation}{PARENT}", kind, kind, "part of", functional=True)
    return [
        Facts(_relation(column, leaves), leaves, labels),
        Facts(parent, pl.concat(above), labels),
    ]


def _cleaned(path: str) -> pl.Expr:
    """A path without empty levels."""
    trimmed = pl.col(path).str.strip_chars().str.replace_all(_SEPARATOR_RUN, PATH_SEPARATOR)
    return trimmed.str.replace_all(_LOOSE_ENDS, "")


def _leaf(path: str) -> pl.Expr:
    return pl.col(path).str.split(PATH_SEPARATOR).list.last()


def _paths(rows: pl.DataFrame, name: str) -> pl.Series:
    """The first path of each row; ``""`` where it has none."""
    required(rows, name)
    dtype = rows.schema[name]
    path = pl.col(name)
    if isinstance(dtype, pl.List | pl.Array):
        path = path.list.first() if isinstance(dtype, pl.List) else path.arr.first()
    first = path.cast(pl.String).str.split(VALUES_SEPARATOR).list.first().fill_null(ALL)
    return rows.select(first.alias(name)).select(_cleaned(name)).to_series()


def _prefixes(path: str) -> list[str]:
    """The path and every category above it, the narrowest first; at last that of all items."""
    parts = path.split(PATH_SEPARATOR) if path else []
    return [PATH_SEPARATOR.join(parts[:n]) for n in range(len(parts), 0, -1)] + [ALL]


def _numbers_by_category(numbers: pl.DataFrame) -> dict[str, pl.Series]:
    """The numbers of each category that has enough of them, and those of all items."""
    paths = numbers.select(pl.col("path").unique(maintain_order=True))
    above = paths.with_columns(
        pl.Series("category", [_prefixes(path) for path in paths["path"]])
    ).explode("category")
    members = numbers.join(above, on="path").group_by("category").agg("number")
    enough = (pl.col("number").list.len() >= LEAST_BANDED) | (pl.col("category") == ALL)
    kept = members.filter(enough).sort("category")
    return dict(zip(kept["category"].to_list(), kept["number"], strict=True))


def _band_facts(keyed: pl.DataFrame, column: Column) -> list[Facts]:
    dtype = keyed.schema["value"]
    if not dtype.is_numeric():
        raise AttributeColumnError(
            f"column {column.name!r} is of type {dtype} here, but the graph reads it as bands of "
            "numbers; cast it to a number"
        )
    numbers = keyed.with_columns(pl.col("value").cast(pl.Float64))
    numbers = numbers.filter(pl.col("value").is_finite())
    if column.within is None:
        numbers = numbers.with_columns(pl.lit(ALL).alias("group"))
    else:
        paths = numbers.get_column("path").unique()
        group = {p: next((c for c in _prefixes(p) if c in column.edges), ALL) for p in paths}
        numbers = numbers.with_columns(pl.col("path").replace_strict(group).alias("group"))
    phrase = Relation(column.relation, ITEM, column.entity_type, column.phrase).phrase
    parts, names = [], []
    for (category,), members in numbers.partition_by("group", as_dict=True).items():
        limits = column.edges.get(str(category), ())
        if not limits:
            continue
        bands = _bands(str(category), limits, phrase)
        own = band_numbers(members.get_column("value").to_numpy(), limits)
        parts.append(members.select("head", bands.get_column("key").gather(own).alias("tail")))
        names.append(bands)
    if not parts:
        return []
    edges = pl.concat(parts)
    labels = pl.concat(names).select(pl.lit(column.entity_type).alias("type"), "key", "name")
    return [Facts(_relation(column, edges), edges, labels)]


def _bands(category: str, limits: tuple[float, ...], phrase: str) -> pl.DataFrame:
    """Key and name of each band of a category."""
    pairs = list(pairwise(limits))
    prefix = f"{category} | " if category else ""
    of = f"{category.split(PATH_SEPARATOR)[-1]}: " if category else ""
    return pl.DataFrame(
        {
            "key": [f"{prefix}{low!r}–{high!r}" for low, high in pairs],
            "name": [f"{of}{band_name(phrase, low, high)}" for low, high in pairs],
        },
        schema={"key": pl.String, "name": pl.String},
    )


_READERS: dict[ColumnKind, Callable[[pl.DataFrame, Column], list[Facts]]] = {
    "values": _value_facts,
    "path": _path_facts,
    "size": _size_facts,
    "bands": _band_facts,
    "measures": _measure_facts,
    "words": _word_facts,
}
