"""From facts to numbers: entities get their indexes, edges become integer triples."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from kg.facts import NAMES, Facts
from kg.schema import CatalogueSchema, Relation

ENTITIES = {"entity": pl.Int32, "type": pl.String, "key": pl.String, "name": pl.String}

Int32Array = npt.NDArray[np.int32]
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
    """All that a graph consists of."""

    entities: pl.DataFrame
    relations: tuple[Relation, ...]
    triples: Triples
    schema: CatalogueSchema


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
    for fact in facts:
        relation = fact.relation
        heads.append(_indexes(fact.edges.get_column("head"), lookup[relation.head_type]))
        tails.append(_indexes(fact.edges.get_column("tail"), lookup[relation.tail_type]))
        position = positions[relation.signature]
        relations.append(np.full(fact.edges.height, position, dtype=np.int32))
    triples = sorted_triples(
        np.concatenate(heads), np.concatenate(relations), np.concatenate(tails)
    )
    return Parts(entities, tuple(known.values()), triples, graph.schema)


def no_triples() -> Triples:
    """Triples of length zero."""
    return Triples(*(np.empty(0, dtype=np.int32) for _ in range(3)))


def sorted_triples(heads: Int32Array, relations: Int32Array, tails: Int32Array) -> Triples:
    """Sorts by relation, head and tail, and drops repeats."""
    order = np.lexsort((tails, heads, relations))
    heads, relations, tails = heads[order], relations[order], tails[order]
    repeats = (
        (heads[1:] == heads[:-1]) & (relations[1:] == relations[:-1]) & (tails[1:] == tails[:-1])
    )
    first = np.concatenate((np.ones(min(1, len(heads)), dtype=bool), ~repeats))
    return Triples(heads[first], relations[first], tails[first])


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
