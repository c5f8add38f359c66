"""A catalogue read into a graph, and later rows read the same way."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from kg.assembly import Parts, no_attributes, no_triples, numbered, with_facts
from kg.errors import (
    AttributeColumnError,
    DuplicateItemError,
    EmptyCatalogueError,
    MissingColumnError,
    NullItemError,
    UnknownEntityError,
    examples,
)
from kg.facts import NAMES, Facts
from kg.reading.columns import read_column
from kg.reading.inference import column_of, infer_schema
from kg.reading.overrides import SchemaLike, Told, told_of
from kg.reading.triples import read_triples
from kg.schema import ITEM, CatalogueSchema, ColumnKind

if TYPE_CHECKING:
    from kg.linking import EntityLinker


def parts_from_catalogue(
    catalogue: pl.DataFrame,
    *,
    item_id: str,
    name: str | None,
    schema: SchemaLike | None,
    attributes: Sequence[str] | Mapping[str, ColumnKind] | None,
    triples: pl.DataFrame | None,
    items: Sequence[Hashable] | None,
) -> Parts:
    """Reads a catalogue; see :meth:`kg.KnowledgeGraph.from_catalogue`."""
    read_as, told = None, Told()
    if isinstance(schema, CatalogueSchema):
        read_as, item_id, name = schema, schema.item_id, schema.name
    elif schema is not None:
        told = told_of(schema)
        item_id, name = told.item_id or item_id, told.name or name
    every_key = _item_keys(catalogue, item_id)
    rows, keys = _chosen(catalogue, every_key, items)
    if read_as is None and attributes is not None:
        read_as = _schema_of_attributes(rows, item_id, name, attributes)
    if read_as is None:
        read_as = infer_schema(
            rows, item_id=item_id, name=name, told=told.columns, others=told.others
        )
    facts = [fact for column in read_as.read for fact in read_column(rows, keys, column)]
    if triples is not None:
        facts += read_triples(triples, every_key, keys)
    entities = numbered(_item_entities(rows, keys, name))
    return with_facts(Parts(entities, (), no_triples(), read_as, no_attributes()), facts)


def _schema_of_attributes(
    rows: pl.DataFrame,
    item_id: str,
    name: str | None,
    attributes: Sequence[str] | Mapping[str, ColumnKind],
) -> CatalogueSchema:
    if item_id in attributes:
        raise AttributeColumnError(
            f"{item_id!r} is the column of item ids, which no two items share; leave it out "
            "of the attributes"
        )
    kinds = attributes if isinstance(attributes, Mapping) else dict.fromkeys(attributes)
    columns = (column_of(rows, column, kind) for column, kind in kinds.items())
    return CatalogueSchema(item_id, name, tuple(columns))


def parts_with_items(
    graph: Parts, rows: pl.DataFrame, linker: "EntityLinker | None" = None
) -> Parts:
    """Adds catalogue rows; see :meth:`kg.KnowledgeGraph.add_items`."""
    schema = graph.schema
    keys = _item_keys(rows, schema.item_id)
    items = graph.entities.filter(pl.col("type") == ITEM).get_column("key")
    repeated = keys.filter(keys.is_in(items.implode()))
    if len(repeated):
        raise DuplicateItemError(
            f"{len(repeated)} items are in the graph already: {examples(repeated)}; pass new "
            "items only"
        )
    facts = []
    for column in schema.read:
        read = read_column(rows, keys, column)
        if linker is not None and column.kind == "values":
            read = [_respelled(fact, graph.entities, linker) for fact in read]
        facts += read
    new = _item_entities(rows, keys, schema.name)
    entities = numbered(pl.concat([graph.entities.select(*NAMES), new]))
    return with_facts(graph._replace(entities=entities), facts)


def _respelled(fact: Facts, entities: pl.DataFrame, linker: "EntityLinker") -> Facts:
    """Facts about what is known already, in whatever spelling."""
    kind = fact.relation.tail_type
    known = entities.filter(pl.col("type") == kind).get_column("key")
    written = fact.edges.get_column("tail").unique()
    strange = written.filter(~written.is_in(known.implode()))
    if known.is_empty() or strange.is_empty():
        return fact
    found = linker.link_many(strange, types=[kind], k=1)
    usual = dict(zip(found["mention"], found["key"], strict=True))
    return replace(fact, edges=fact.edges.with_columns(pl.col("tail").replace(usual)))


def _item_keys(rows: pl.DataFrame, item_id: str) -> pl.Series:
    if item_id not in rows.columns:
        raise MissingColumnError(
            f"the catalogue has no column {item_id!r} of item ids; its columns are "
            f"{', '.join(rows.columns)}"
        )
    if not rows.height:
        raise EmptyCatalogueError("the catalogue has no rows; a graph needs one item at least")
    keys = _texts(rows.get_column(item_id))
    empty = (keys.is_null() | (keys.str.len_chars() == 0)).arg_true()
    if len(empty):
        raise NullItemError(
            f"{len(empty)} rows have no {item_id!r}, the first is row {empty[0]}; every row needs "
            "an id"
        )
    repeated = keys.filter(keys.is_duplicated()).unique(maintain_order=True)
    if len(repeated):
        raise DuplicateItemError(
            f"{len(repeated)} values of {item_id!r} are on more than one row: "
            f"{examples(repeated)}; keep one row an item"
        )
    return keys


def _texts(values: pl.Series) -> pl.Series:
    """Ids or names as strings."""
    if values.dtype.is_nested() or values.dtype in (pl.Object, pl.Binary):
        raise AttributeColumnError(
            f"column {values.name!r} of type {values.dtype} cannot hold ids or names; accepted "
            "are strings and integers"
        )
    return values.cast(pl.String)


def _chosen(
    catalogue: pl.DataFrame, keys: pl.Series, items: Sequence[Hashable] | None
) -> tuple[pl.DataFrame, pl.Series]:
    """The rows of ``items`` in their order, and their keys; all rows when it is None."""
    if items is None:
        return catalogue, keys
    if not len(items):
        raise EmptyCatalogueError("no items were chosen; leave items out to take every row")
    wanted = _texts(pl.Series("key", items, strict=False)).to_frame()
    repeated = wanted["key"].filter(wanted["key"].is_duplicated()).unique(maintain_order=True)
    if len(repeated):
        raise DuplicateItemError(f"items names {examples(repeated)} more than once")
    places = pl.DataFrame([keys.alias("key")]).with_row_index("row")
    found = wanted.join(places, on="key", how="left", maintain_order="left")
    missing = found.filter(pl.col("row").is_null()).get_column("key")
    if len(missing):
        raise UnknownEntityError(
            f"{len(missing)} of the items chosen are not in the catalogue: {examples(missing)}"
        )
    return catalogue[found.get_column("row")], wanted.get_column("key")


def _item_entities(rows: pl.DataFrame, keys: pl.Series, name: str | None) -> pl.DataFrame:
    if name is None:
        names = keys
    elif name in rows.columns:
        names = _texts(rows.get_column(name)).str.strip_chars()
    else:
        raise MissingColumnError(
            f"the catalogue has no column {name!r} of item names; its columns are "
            f"{', '.join(rows.columns)}; pass name=None to call items by their id"
        )
    texts = pl.DataFrame([keys.alias("key"), names.alias("name")])
    given = pl.when(pl.col("name").str.len_chars() > 0).then(pl.col("name"))
    return texts.select(pl.lit(ITEM).alias("type"), "key", pl.coalesce(given, "key").alias("name"))
