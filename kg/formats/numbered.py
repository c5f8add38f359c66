"""What the formats have in common in which entities go by numbers: RecBole's and KGAT's."""

from pathlib import Path

import polars as pl

from kg.assembly import Parts
from kg.facts import NAMES
from kg.formats.files import Table, read_delimited, write_delimited
from kg.formats.lists import (
    EDGES,
    RELATION,
    Hints,
    entities_in,
    parts_of,
    relation_frame,
    relations_in,
    require_known,
)
from kg.formats.tables import beside
from kg.reading.triples import ENTITY, parts_from_triples
from kg.schema import Relation

_ID = "id"


def list_files(path: Path) -> tuple[Path, Path]:
    """The lists of entities and relations beside a file of triples."""
    return beside(path, "entities", ".tsv"), beside(path, "relations", ".tsv")


def write_lists(parts: Parts, ids: pl.Series, entities: Path, relations: Path) -> None:
    """Writes what numbers do not say: ``id``, ``type``, ``key`` and ``name``, and the relations."""
    write_delimited(parts.entities.select(ids.alias(_ID), *NAMES), entities, "\t")
    write_delimited(relation_frame(parts.relations), relations, "\t")


def read_lists(path: Path) -> tuple[pl.DataFrame, tuple[Relation, ...]]:
    """Reads what :func:`write_lists` wrote beside a file of triples.

    Raises:
        GraphFileError: When a list cannot be read, or an entity or id is there twice.
    """
    entities, relations = list_files(path)
    table = read_delimited(entities, "\t", (_ID, *NAMES))
    ids = table.frame[_ID]
    table.refuse(~ids.is_first_distinct(), "an entity whose id is there before")
    known = relations_in(read_delimited(relations, "\t", RELATION))
    return entities_in(table).with_columns(ids), known


def listed_parts(
    table: Table, entities: pl.DataFrame, relations: tuple[Relation, ...], path: Path
) -> Parts:
    """A graph of edges between ids and of its lists.

    Args:
        table: Columns ``head`` and ``tail``, ids, and ``relation``, the relation's name.
        entities: As :func:`read_lists` gives them.
        relations: All relations.
        path: The file of triples.

    Raises:
        GraphFileError: When an edge names an entity or a relation that is not in the lists.
    """
    named, listed = list_files(path)
    ids = entities.select(_ID).with_row_index("index")
    edges = table.frame
    for side in ("head", "tail"):
        found = edges.join(ids, left_on=side, right_on=_ID, how="left", maintain_order="left")
        table.refuse(found["index"].is_null(), f"the {side} must be in {named}", edges[side])
        edges = edges.with_columns(found["index"].alias(side))
    graph = parts_of(entities.select(*NAMES), relations, edges.select(*EDGES), table.place)
    return require_known(graph, relations, listed)


def unlisted_parts(table: Table, links: pl.DataFrame | None, hints: Hints) -> Parts:
    """A graph of edges between ids of which nothing is known but which are items.

    Edges of an entity to itself, which KGAT's Last-FM has, are left out.
    """
    kind = pl.lit(hints.entity_type or ENTITY)
    edges = table.frame.select(*EDGES).filter(pl.col("head") != pl.col("tail"))
    return parts_from_triples(
        edges.with_columns(head_type=kind, tail_type=kind),
        entities=None,
        links=links,
        entity_type=hints.entity_type,
        relations=(),
    )
