"""From facts to numbers: entities get their indexes, edges become integer triples."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from kg.errors import SchemaError
from kg.facts import NAMES, Facts
from kg.schema import CatalogueSchema, Relation

ENTITIES = {"entity": pl.Int32, "type": pl.String, "key": pl.String, "name": pl.String}

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]
Scalar = TypeVar("Scalar", bound=np.generic)


class Triples(NamedTuple):
    """The edges of a graph, without repeats, sorted by relation, head and tail.

    Attributes:
        heads: Entity indexes, shape ``(n_triples,)``, int32.
        relations: Positions in the graph's ``relations``, same shape and type.
        tails: Entity indexes, same shape and type.
    """

    heads: Int32Array
    relations: Int32Array
    tails: Int32Array


class Parts(NamedTuple):
    """All that a graph consists of.

    Attributes:
        entities: One row an entity: :data:`ENTITIES`.
        relations: The kinds of edges.
        triples: The edges.
        schema: How the catalogue was read.
        attributes: Numbers that edges carry, one row a triple, null where it has none; no column
            where no edge carries any.
    """

    entities: pl.DataFrame
    relations: tuple[Relation, ...]
    triples: Triples
    schema: CatalogueSchema
    attributes: pl.DataFrame


def with_facts(graph: Parts, facts: Sequence[Facts]) -> Parts:
    """Adds facts to a graph: what it had keeps its indexes, what is new comes after.

    New entities are ordered by type (in the order in which the facts mention the types), then by
    key, so that the order of the facts' edges does not matter. Relations without edges stay out.
    """
    facts = [fact for fact in facts if fact.edges.height]
    entities = _with_entities(graph.entities, facts)
    known = {relation.signature: relation for relation in graph.relations}
    known |= {f.relation.signature: f.relation for f in facts if f.relation.signature not in known}
    positions = {signature: position for position, signature in enumerate(known)}
    lookup = {
        str(kind): group.select("key", "entity")
        for (kind,), group in entities.partition_by("type", as_dict=True).items()
    }
    heads, relations, tails = ([array] for array in graph.triples)
    attributes = [graph.attributes]
    for fact in facts:
        relation = fact.relation
        heads.append(_indexes(fact.edges.get_column("head"), lookup[relation.head_type]))
        tails.append(_indexes(fact.edges.get_column("tail"), lookup[relation.tail_type]))
        position = positions[relation.signature]
        relations.append(np.full(fact.edges.height, position, dtype=np.int32))
        attributes.append(fact.edges.drop("head", "tail"))
    triples, order = sorted_triples(
        np.concatenate(heads), np.concatenate(relations), np.concatenate(tails)
    )
    return Parts(
        entities,
        tuple(known.values()),
        triples,
        graph.schema,
        joined_attributes(attributes, [len(array) for array in heads], order),
    )


def merged(graph: Parts, other: Parts) -> Parts:
    """Both graphs in one; see :meth:`kg.KnowledgeGraph.merge`."""
    columns = {column.name: column for column in graph.schema.columns}
    for column in other.schema.columns:
        known = columns.setdefault(column.name, column)
        if known != column:
            apart = [
                f.name
                for f in fields(column)
                if f.compare and getattr(known, f.name) != getattr(column, f.name)
            ]
            raise SchemaError(
                f"the graphs read column {column.name!r} differently ({', '.join(apart)}): as "
                f"{known.kind} and as {column.kind}; read both with one schema"
            )
    schema = replace(graph.schema, columns=tuple(columns.values()))
    new = other.entities.join(graph.entities, on=["type", "key"], how="anti", maintain_order="left")
    entities = numbered(pl.concat([graph.entities.select(*NAMES), new.select(*NAMES)]))
    places: Int32Array = (
        other.entities.select("type", "key")
        .join(entities, on=["type", "key"], how="left", maintain_order="left")
        .get_column("entity")
        .to_numpy()
    )
    relations = {relation.signature: relation for relation in (*other.relations, *graph.relations)}
    order = {r.signature: None for r in (*graph.relations, *other.relations)}
    position = {signature: place for place, signature in enumerate(order)}
    theirs = np.array([position[r.signature] for r in other.relations], dtype=np.int32)
    triples, kept = sorted_triples(
        np.concatenate((graph.triples.heads, places[other.triples.heads])),
        np.concatenate((graph.triples.relations, theirs[other.triples.relations])),
        np.concatenate((graph.triples.tails, places[other.triples.tails])),
    )
    return Parts(
        entities,
        tuple(relations[signature] for signature in order),
        triples,
        schema,
        joined_attributes(
            (graph.attributes, other.attributes),
            (len(graph.triples.heads), len(other.triples.heads)),
            kept,
        ),
    )


def restricted(graph: Parts, entities: Int64Array) -> Parts:
    """Some entities, ascending, and the edges between them; see kg.KnowledgeGraph.subgraph."""
    place = np.full(graph.entities.height, -1, dtype=np.int32)
    place[entities] = np.arange(len(entities))
    heads, relations, tails = graph.triples
    kept = np.flatnonzero((place[heads] >= 0) & (place[tails] >= 0))
    used = np.unique(relations[kept])
    position = np.zeros(len(graph.relations), dtype=np.int32)
    position[used] = np.arange(len(used))
    return Parts(
        numbered(graph.entities[entities]),
        tuple(graph.relations[relation] for relation in used),
        Triples(place[heads[kept]], position[relations[kept]], place[tails[kept]]),
        graph.schema,
        graph.attributes[kept] if graph.attributes.width else graph.attributes,
    )


def no_triples() -> Triples:
    """Triples of length zero."""
    return Triples(*(np.empty(0, dtype=np.int32) for _ in range(3)))


def no_attributes() -> pl.DataFrame:
    """Edges that carry no numbers."""
    return pl.DataFrame()


def joined_attributes(
    parts: Sequence[pl.DataFrame], heights: Sequence[int], order: Int64Array
) -> pl.DataFrame:
    """The numbers of several runs of edges, as many as ``heights`` say, in their final order."""
    columns = {
        name: pl.concat(
            part[name].cast(pl.Float32)
            if name in part.columns
            else pl.repeat(None, height, dtype=pl.Float32, eager=True)
            for part, height in zip(parts, heights, strict=True)
        )
        for name in dict.fromkeys(name for part in parts for name in part.columns)
    }
    return pl.DataFrame(columns)[order] if columns else no_attributes()


def sorted_triples(
    heads: Int32Array, relations: Int32Array, tails: Int32Array
) -> tuple[Triples, Int64Array]:
    """Sorts by relation, head and tail, and keeps the first of repeats.

    Returns:
        The edges, and where each stood before.
    """
    order = np.lexsort((tails, heads, relations))
    heads, relations, tails = heads[order], relations[order], tails[order]
    repeats = (
        (heads[1:] == heads[:-1]) & (relations[1:] == relations[:-1]) & (tails[1:] == tails[:-1])
    )
    first = np.concatenate((np.ones(min(1, len(heads)), dtype=bool), ~repeats))
    return Triples(heads[first], relations[first], tails[first]), order[first]


def _with_entities(entities: pl.DataFrame, facts: Sequence[Facts]) -> pl.DataFrame:
    if not facts:
        return entities
    mentioned = pl.concat(
        fact.edges.select(pl.lit(kind).alias("type"), pl.col(side).alias("key")).unique()
        for fact in facts
        for side, kind in (
            ("head", fact.relation.head_type),
            ("tail", fact.relation.tail_type),
        )
    )
    kinds = mentioned.get_column("type").unique(maintain_order=True)
    order = {kind: place for place, kind in enumerate(kinds)}
    # Of several names for one entity the first in the alphabet is taken: the order of the rows
    # must not matter.
    names = pl.concat(fact.names.select(*NAMES) for fact in facts)
    names = names.group_by("type", "key").agg(pl.col("name").min())
    new = (
        mentioned.unique()
        .join(entities, on=["type", "key"], how="anti")
        .join(names, on=["type", "key"], how="left")
        .with_columns(
            pl.coalesce("name", "key").alias("name"),
            pl.col("type").replace_strict(order, return_dtype=pl.Int32).alias("place"),
        )
        .sort("place", "key")
    )
    return numbered(pl.concat([entities.select(*NAMES), new.select(*NAMES)]))


def numbered(entities: pl.DataFrame) -> pl.DataFrame:
    """Puts the index column before type, key and name."""
    index = pl.int_range(pl.len(), dtype=pl.Int32).alias("entity")
    return entities.select(index, *NAMES).rechunk()


def _indexes(keys: pl.Series, lookup: pl.DataFrame) -> Int32Array:
    joined = keys.alias("key").to_frame().join(lookup, on="key", how="left", maintain_order="left")
    indexes: Int32Array = joined.get_column("entity").to_numpy()
    return indexes


def locked(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    """The same array, from now on read-only."""
    array.setflags(write=False)
    return array
