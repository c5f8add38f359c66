"""Between a graph and its lists of entities, relations and edges, as files hold them."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from kg.assembly import Parts, Triples, no_attributes, numbered, sorted_triples
from kg.errors import GraphFileError
from kg.facts import NAMES
from kg.formats.files import Table
from kg.reading.triples import seen_relation
from kg.schema import CatalogueSchema, Relation

EDGES = ("head", "relation", "tail")
SIGNATURE = ("name", "head_type", "tail_type")
RELATION = tuple(field.name for field in fields(Relation))
_FLAGS = tuple(field.name for field in fields(Relation) if field.type is bool)


class Hints(NamedTuple):
    """What the caller knows of a foreign file; see :meth:`kg.KnowledgeGraph.read`.

    Attributes:
        links: Columns ``item_id`` and ``entity_id``, String; None when not given.
        entity_type: Type of entities that have none.
        language: Language tag of the names to prefer.
    """

    links: pl.DataFrame | None = None
    entity_type: str | None = None
    language: str | None = None


def relation_frame(relations: Sequence[Relation]) -> pl.DataFrame:
    """One row a relation, its attributes as columns of text; flags are true or false."""
    rows = [
        [
            str(value).lower() if name in _FLAGS else value
            for name, value in asdict(relation).items()
        ]
        for relation in relations
    ]
    return pl.DataFrame(rows, schema=dict.fromkeys(RELATION, pl.String), orient="row")


def relations_in(table: Table) -> tuple[Relation, ...]:
    """The relations that :func:`relation_frame` made a table of.

    Raises:
        GraphFileError: When a column is missing or malformed, or a relation there twice.
    """
    texts = table.texts(*RELATION).fill_null("")
    for name in SIGNATURE:
        table.refuse(texts[name] == "", f"a relation without {name}")
    for name in _FLAGS:
        table.refuse(
            ~texts[name].is_in(["true", "false"]), f"{name} must be true or false", texts[name]
        )
    again = texts.select(~pl.struct(SIGNATURE).is_first_distinct()).to_series()
    table.refuse(again, "a relation that is there before")
    return tuple(
        Relation(
            **{name: row[name] == "true" if name in _FLAGS else row[name] for name in RELATION}
        )
        for row in texts.iter_rows(named=True)
    )


def entities_in(table: Table) -> pl.DataFrame:
    """Type, key and name of entities.

    Raises:
        GraphFileError: When a column is missing, a type empty, or an entity there twice.
    """
    entities = table.texts(*NAMES)
    table.refuse(entities["type"].fill_null("") == "", "an entity without type")
    table.refuse(entities["key"].is_null(), "an entity without key")
    again = entities.select(~pl.struct("type", "key").is_first_distinct()).to_series()
    table.refuse(again, "an entity whose type and key are there before")
    return entities.with_columns(pl.coalesce("name", "key"))


def numbers_in(table: Table, columns: Sequence[str]) -> pl.DataFrame:
    """Columns of numbers, Float32; an empty field is null.

    Raises:
        GraphFileError: When a field is not a number.
    """
    numbers = {}
    for name in columns:
        values = table.frame[name]
        if values.dtype == pl.String:
            values = values.set(values == "", None)
        numbers[name] = values.cast(pl.Float32, strict=False)
        wrong = numbers[name].is_null() & values.is_not_null()
        table.refuse(wrong, f"{name} must be a number", values)
    return pl.DataFrame(numbers)


def edge_frame(parts: Parts) -> pl.DataFrame:
    """One row an edge: head and tail as entity indexes, the relation's name, the numbers."""
    heads, relations, tails = parts.triples
    names = pl.Series("relation", [r.name for r in parts.relations], dtype=pl.String)
    edges = pl.DataFrame({"head": heads, "relation": names.gather(relations), "tail": tails})
    return edges.hstack(parts.attributes.get_columns())


def parts_of(
    entities: pl.DataFrame,
    relations: Sequence[Relation],
    edges: pl.DataFrame,
    place: Callable[[int], str],
) -> Parts:
    """A graph of lists; entities and relations keep their order.

    Args:
        entities: Columns ``type``, ``key`` and ``name``, no type and key twice.
        relations: Those that are known; others are told by their edges and come after.
        edges: As :func:`edge_frame` makes them.
        place: Where an edge stands in its file.

    Raises:
        GraphFileError: When an edge joins an entity to itself.
    """
    loops = (edges["head"] == edges["tail"]).arg_true()
    if len(loops):
        entity = entities.row(edges["head"][loops[0]])
        raise GraphFileError(f"{place(loops[0])}: joins {entity} to itself")
    types = entities["type"]
    signatures = pl.DataFrame(
        {
            "name": edges["relation"],
            "head_type": types.gather(edges["head"]),
            "tail_type": types.gather(edges["tail"]),
        }
    )
    known = {relation.signature: relation for relation in relations}
    unknown = edges.select("head", "tail").hstack(signatures)
    unknown = unknown.join(
        _signatures(list(known)), on=SIGNATURE, how="anti", maintain_order="left"
    )
    groups = unknown.partition_by(SIGNATURE, maintain_order=True, as_dict=True)
    for (name, head_type, tail_type), group in groups.items():
        signature = str(name), str(head_type), str(tail_type)
        known[signature] = seen_relation(signature, group)
    positions = _signatures(list(known)).with_row_index("position")
    position = signatures.join(positions, on=SIGNATURE, how="left", maintain_order="left")
    triples, order = sorted_triples(
        *(
            series.cast(pl.Int32).to_numpy().astype(np.int32)
            for series in (edges["head"], position["position"], edges["tail"])
        )
    )
    attributes = edges.drop(EDGES)
    return Parts(
        numbered(entities),
        tuple(known.values()),
        Triples(*triples),
        CatalogueSchema(),
        attributes[order] if attributes.width else no_attributes(),
    )


def _signatures(signatures: list[tuple[str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(signatures, schema=dict.fromkeys(SIGNATURE, pl.String), orient="row")


def require_known(parts: Parts, relations: Sequence[Relation], listed: Path) -> Parts:
    """Refuses a graph with more relations than its list of relations has."""
    if len(parts.relations) > len(relations):
        name, head_type, tail_type = parts.relations[len(relations)].signature
        raise GraphFileError(
            f"{listed} has no relation {name!r} from {head_type!r} to {tail_type!r}"
        )
    return parts
