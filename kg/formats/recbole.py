"""RecBole's atomic files: ``shop.kg``, ``shop.link``, and the lists that these have no room for.

In ``shop.kg`` an entity goes by its index and an edge by its relation's name; ``shop.link`` says
which entity is which item. ``shop.entities.tsv`` and ``shop.relations.tsv`` hold the rest; RecBole
does not look at them. Edges carry no numbers there: RecBole takes nothing but tokens in a ``.kg``.
See https://recbole.io/docs/user_guide/data/atomic_files.html.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from kg.assembly import Parts
from kg.errors import GraphFileError
from kg.formats.files import read_delimited, write_delimited, written_aside
from kg.formats.lists import EDGES, Hints, edge_frame
from kg.formats.numbered import list_files, listed_parts, read_lists, unlisted_parts, write_lists
from kg.formats.tables import read_links
from kg.schema import ITEM

_FIELDS = {"head_id": "head", "relation_id": "relation", "tail_id": "tail"}


def read_recbole(path: Path, hints: Hints) -> Parts:
    """Reads a ``.kg`` and the ``.link`` beside it; see :meth:`kg.KnowledgeGraph.read`."""
    table = read_delimited(path, "\t", ())
    columns = {column.partition(":")[0]: column for column in table.frame.columns}
    missing = [field for field in _FIELDS if field not in columns]
    if missing:
        raise GraphFileError(
            f"{path}, line 1: no field {missing[0]}:token; found are "
            f"{', '.join(table.frame.columns)}"
        )
    edges = table.frame.select(pl.col(columns[f]).alias(c) for f, c in _FIELDS.items())
    for column in EDGES:
        table.refuse(edges[column].str.strip_chars() == "", f"a triple without {column}")
    table = replace(table, frame=edges)
    link = path.with_suffix(".link")
    if hints.links is not None:
        return unlisted_parts(table, hints.links, hints)
    if list_files(path)[0].exists():
        return listed_parts(table, *read_lists(path), path)
    return unlisted_parts(table, read_links(link) if link.exists() else None, hints)


def write_recbole(parts: Parts, path: Path) -> None:
    """Writes ``.kg`` and ``.link`` for RecBole, and lists of what they do not hold."""
    named = {f"{field}:token": column for field, column in _FIELDS.items()}
    items = parts.entities.filter(pl.col("type") == ITEM)
    links = items.select(
        pl.col("key").alias("item_id:token"), pl.col("entity").alias("entity_id:token")
    )
    with written_aside(path, path.with_suffix(".link"), *list_files(path)) as aside:
        triples, link, *lists = aside
        edges = edge_frame(parts).select(pl.col(c).alias(field) for field, c in named.items())
        write_delimited(edges, triples, "\t")
        write_delimited(links, link, "\t")
        write_lists(parts, parts.entities["entity"], *lists)
