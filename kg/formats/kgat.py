"""KGAT's files: ``kg_final.txt`` and the lists of what its numbers mean.

KGAT reads triples of numbers, items first among the entities. Beside them lie ``entity_list.txt``,
``relation_list.txt`` (``org_id remap_id``) and ``item_list.txt`` (``org_id remap_id
freebase_id``), as in its data sets. There an entity that is no item goes by ``type::key``, and
white space and ``%`` are percent-encoded. ``kg_final.entities.tsv`` and ``kg_final.relations.tsv``
hold all of it exactly. See https://github.com/xiangwang1223/knowledge_graph_attention_network.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from kg.assembly import Parts
from kg.errors import GraphFileError
from kg.formats.files import Table, opened_for_writing, read_matches, write_lines, written_aside
from kg.formats.lists import EDGES, Hints
from kg.formats.numbered import list_files, listed_parts, read_lists, unlisted_parts, write_lists
from kg.schema import ITEM

NAME = "kg_final.txt"
_LISTS = ("entity_list.txt", "relation_list.txt", "item_list.txt")
_TRIPLE = r"^\s*(?<head>\d+)\s+(?<relation>\d+)\s+(?<tail>\d+)\s*$"
_NAMED = r"^(?<org_id>.*\S)\s+(?<remap_id>\d+)\s*$"
_ITEM = r"^(?<org_id>\S+)\s+(?<remap_id>\d\S*)(?:\s.*)?$"
_UNSAFE = re.compile(r"[\s%]")


def read_kgat(path: Path, hints: Hints) -> Parts:
    """Reads triples of numbers and the lists beside them; see :meth:`kg.KnowledgeGraph.read`."""
    table = _plain(read_matches(path, _TRIPLE, "three whole numbers: head, relation, tail"), EDGES)
    if hints.links is None and list_files(path)[0].exists():
        entities, relations = read_lists(path)
        names = pl.DataFrame(
            {
                "remap_id": [str(place) for place in range(len(relations))],
                "org_id": [relation.name for relation in relations],
            },
            schema=dict.fromkeys(("remap_id", "org_id"), pl.String),
        )
        table = _named(table, ("relation",), names, list_files(path)[1])
        return listed_parts(table, entities, relations, path)
    entity_list, relation_list, item_list = (path.with_name(name) for name in _LISTS)
    links = hints.links
    if links is None and item_list.exists():
        links = _item_links(item_list)
    if relation_list.exists():
        table = _named(table, ("relation",), _meanings(relation_list).frame, relation_list)
    if entity_list.exists():
        names = _distinct(_meanings(entity_list), "org_id").frame
        table = _named(table, ("head", "tail"), names, entity_list)
        if links is not None:
            linked = Table(item_list, links)
            links = _named(linked, ("entity_id",), names, entity_list).frame
    return unlisted_parts(table, links, hints)


def write_kgat(parts: Parts, path: Path) -> None:
    """Writes triples of numbers, and the lists of what they mean.

    Raises:
        GraphFileError: When there are no triples; KGAT takes no empty file.
    """
    if not len(parts.triples.heads):
        raise GraphFileError(f"{path} cannot hold a graph without triples")
    entities, (heads, relations, tails) = parts.entities, parts.triples
    is_item = (entities["type"] == ITEM).to_numpy()
    numbers = np.empty(entities.height, dtype=np.int64)
    numbers[np.argsort(~is_item, kind="stable")] = np.arange(entities.height)
    triples = pl.DataFrame({"head": numbers[heads], "relation": relations, "tail": numbers[tails]})
    keys, types = (_tokens(entities[column]) for column in ("key", "type"))
    names = pl.select(pl.when(pl.Series(is_item)).then(keys).otherwise(types + "::" + keys))
    list_of_entities = pl.DataFrame({"org_id": names.to_series(), "remap_id": numbers})
    list_of_relations = pl.DataFrame(
        {
            "org_id": _tokens(relation.name for relation in parts.relations),
            "remap_id": pl.int_range(len(parts.relations), eager=True),
        }
    )
    list_of_items = list_of_entities.filter(pl.Series(is_item)).with_columns(freebase_id="org_id")
    paths = (*list_files(path), *(path.with_name(name) for name in _LISTS))
    with written_aside(path, *paths) as (aside, named, listed, *lists):
        write_lists(parts, pl.Series(numbers), named, listed)
        _write_spaced(triples, aside, header=False)
        frames = list_of_entities, list_of_relations, list_of_items
        for frame, file in zip(frames, lists, strict=True):
            _write_spaced(frame, file)


def _plain(table: Table, columns: Iterable[str]) -> Table:
    """Numbers as they are written shortest: 007 and 7 are one."""
    numbers = table.frame.with_columns(pl.col(*columns).cast(pl.UInt64, strict=False))
    for column in columns:
        table.refuse(numbers[column].is_null(), f"{column} must be a number below 2**64")
    return replace(table, frame=numbers.with_columns(pl.col(*columns).cast(pl.String)))


def _meanings(file: Path) -> Table:
    """What numbers mean; names may hold spaces, as Yelp2018's do."""
    table = read_matches(file, _NAMED, "a name and a whole number", header=True)
    return _distinct(_plain(table, ("remap_id",)), "remap_id")


def _item_links(file: Path) -> pl.DataFrame:
    """Which entities are items; in Yelp2018's list the last two columns are run together."""
    table = read_matches(file, _ITEM, "an item, a whole number and a name", header=True)
    number = pl.col("remap_id")
    apart = pl.when(number.str.contains(r"\D")).then(number.str.strip_suffix(pl.col("org_id")))
    table = replace(table, frame=table.frame.with_columns(apart.otherwise(number)))
    table = _distinct(_plain(table, ("remap_id",)), "remap_id")
    return table.frame.select(item_id="org_id", entity_id="remap_id")


def _distinct(table: Table, column: str) -> Table:
    again = ~table.frame[column].is_first_distinct()
    table.refuse(again, f"{column} is that of a line before")
    return table


def _named(table: Table, columns: Iterable[str], names: pl.DataFrame, file: Path) -> Table:
    """Numbers replaced by what they mean."""
    frame = table.frame
    for column in columns:
        found = frame.join(
            names, left_on=column, right_on="remap_id", how="left", maintain_order="left"
        )["org_id"]
        table.refuse(found.is_null(), f"{column} must be in {file}", frame[column])
        frame = frame.with_columns(found.alias(column))
    return replace(table, frame=frame)


def _tokens(texts: Iterable[str]) -> pl.Series:
    encoded = (_UNSAFE.sub(lambda found: quote(found[0]), text) for text in texts)
    return pl.Series("org_id", list(encoded), dtype=pl.String)


def _write_spaced(frame: pl.DataFrame, file: Path, *, header: bool = True) -> None:
    lines = frame.select(pl.concat_str(pl.all().cast(pl.String), separator=" ")).to_series()
    if header:
        lines = pl.Series([" ".join(frame.columns)]).extend(lines.alias(""))
    with opened_for_writing(file) as stream:
        write_lines(lines, stream)
