"""GraphML, for networkx, Gephi and yEd.

A node has ``type``, ``key`` and ``label`` (its name), an edge ``relation`` and its numbers, the
graph ``relations``: what is known of them, as JSON. Read is any GraphML whose edges have a
``relation`` or a ``label``; a node without type, key or label (or ``name``) gets ``"entity"``, its
id and its key. A file with a document type is refused, for what its entities could expand to.
"""

import html
import json
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

import numpy as np
import polars as pl

from kg.assembly import Parts
from kg.errors import GraphFileError
from kg.facts import NAMES
from kg.formats.files import (
    Table,
    opened_for_writing,
    read_bytes,
    write_lines,
    written_aside,
)
from kg.formats.lists import (
    EDGES,
    RELATION,
    Hints,
    edge_frame,
    entities_in,
    numbers_in,
    parts_of,
    relation_frame,
    relations_in,
)
from kg.reading.triples import ENTITY
from kg.schema import Relation

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="relations" for="graph" attr.name="relations" attr.type="string"/>
<key id="type" for="node" attr.name="type" attr.type="string"/>
<key id="key" for="node" attr.name="key" attr.type="string"/>
<key id="label" for="node" attr.name="label" attr.type="string"/>
<key id="relation" for="edge" attr.name="relation" attr.type="string"/>
"""
_TAIL = "</graph>\n</graphml>\n"
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_IMPOSSIBLE = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
_TEXTS = (*EDGES, "label")
_NUMBERS = ("int", "long", "float", "double")


def write_graphml(parts: Parts, path: Path) -> None:
    """Writes a node a line, then an edge a line.

    Raises:
        GraphFileError: When a text holds a character that XML cannot hold.
    """
    edges = edge_frame(parts)
    numbers = {name: f"n{place}" for place, name in enumerate(parts.attributes.columns)}
    relations = [relation.name for relation in parts.relations]
    texts = (
        *(parts.entities[name] for name in NAMES),
        pl.Series([*relations, *numbers], dtype=pl.String),
    )
    for series in texts:
        impossible = series.filter(series.str.contains(_IMPOSSIBLE))
        if len(impossible):
            raise GraphFileError(
                f"{path} cannot hold {impossible[0]!r}: XML has no such control characters"
            )
    keys = [
        f'<key id="{key}" for="edge" attr.name="{_attribute(name)}" attr.type="float"/>\n'
        for name, key in numbers.items()
    ]
    about = json.dumps(relation_frame(parts.relations).to_dicts())
    data = pl.select(_data("relations", _escaped(pl.lit(about)))).item()
    nodes = pl.format('<node id="{}">', "entity") + pl.concat_str(
        _data(key, _escaped(pl.col(name)))
        for key, name in (("type", "type"), ("key", "key"), ("label", "name"))
    )
    arrows = pl.format('<edge source="{}" target="{}">', "head", "tail") + pl.concat_str(
        _data("relation", _escaped(pl.col("relation"))),
        *(
            pl.when(pl.col(name).is_not_null())
            .then(_data(key, pl.col(name).cast(pl.String)))
            .otherwise(pl.lit(""))
            for name, key in numbers.items()
        ),
    )
    with written_aside(path) as (aside,), opened_for_writing(aside) as stream:
        stream.write(f'{_HEAD}{"".join(keys)}<graph edgedefault="directed">\n{data}\n'.encode())
        write_lines(parts.entities.select(nodes + "</node>").to_series(), stream)
        write_lines(edges.select(arrows + "</edge>").to_series(), stream)
        stream.write(_TAIL.encode())


def _attribute(text: str) -> str:
    """Text for between quotes, where XML takes white space as it is for plain spaces."""
    return html.escape(text).translate({ord(space): f"&#{ord(space)};" for space in "\t\n\r"})


def _data(key: str, text: pl.Expr) -> pl.Expr:
    return pl.format(f'<data key="{key}">{{}}</data>', text)


def _escaped(text: pl.Expr) -> pl.Expr:
    return text.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))


def read_graphml(path: Path, hints: Hints) -> Parts:
    """Reads nodes and edges; see :meth:`kg.KnowledgeGraph.read`."""
    document = _Document(path)
    entity_type = hints.entity_type or ENTITY
    rows = []
    for node, data, _ in document.nodes:
        key = data.get("key", node)
        rows.append((data.get("type", entity_type), key, data.get("label", data.get("name", key))))
    listed = pl.DataFrame(rows, schema=NAMES, orient="row")
    entities = entities_in(Table(path, listed, np.array([line for *_, line in document.nodes])))
    places = {node: place for place, (node, *_) in enumerate(document.nodes)}
    if len(places) < len(document.nodes):
        raise GraphFileError(f"{path}: two nodes have the same id")
    ends = pl.DataFrame(document.edges, schema=dict.fromkeys(EDGES, pl.String), orient="row")
    numbers = {name: pl.Series(texts, dtype=pl.String) for name, texts in document.numbers.items()}
    table = Table(path, pl.DataFrame(numbers), np.array(document.edge_lines))
    for side in ("head", "tail"):
        place = pl.Series((places.get(node) for node in ends[side]), dtype=pl.Int32)
        table.refuse(place.is_null(), "an edge from or to a node that is not there")
        ends = ends.with_columns(place.alias(side))
    edges = ends.hstack(numbers_in(table, list(numbers)).get_columns())
    return parts_of(entities, _relations(path, document.about), edges, table.place)


def _relations(path: Path, about: str) -> tuple[Relation, ...]:
    """What the graph says of its relations."""
    try:
        rows = [[str(row[name]) for name in RELATION] for row in json.loads(about)]
    except (ValueError, TypeError, KeyError) as error:
        raise GraphFileError(f"{path}: the graph's relations are malformed: {error}") from error
    frame = pl.DataFrame(rows, schema=dict.fromkeys(RELATION, pl.String), orient="row")
    return relations_in(Table(path, frame))


class _Document:
    """A GraphML file.

    Attributes:
        nodes: Id, data by name, and line of each node.
        edges: Source, relation and target of each edge.
        edge_lines: The line that each edge ends on.
        numbers: By name the numbers that edges carry, as text, empty where one carries none.
        about: What the graph says of its relations.
    """

    def __init__(self, path: Path) -> None:
        self.nodes: list[tuple[str, dict[str, str], int]] = []
        self.edges: list[tuple[str, str, str]] = []
        self.edge_lines: list[int] = []
        self.numbers: dict[str, list[str]] = {}
        self.about = "[]"
        self._path = path
        self._keys: dict[str, dict[str, str]] = {}
        self._defaults: dict[str, dict[str, str]] = {"node": {}, "edge": {}}
        self._open: list[tuple[dict[str, str], dict[str, str]]] = []
        self._key: dict[str, str] = {}
        self._text: list[str] = []
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text.append
        self._parser.StartDoctypeDeclHandler = self._refuse_document_type
        try:
            self._parser.Parse(read_bytes(path), True)
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code)
            raise GraphFileError(f"{path}, line {error.lineno}: {said}") from error
        except LookupError as error:
            raise GraphFileError(f"{path}: {error}") from error

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        if name == "key":
            self._key = self._declared(attributes)
        elif name == "data":
            self._key = self._keys.get(attributes.get("key", ""), {})
            if not self._key:
                self._refuse(f"data of key {attributes.get('key')!r}, which is not declared")
        elif name in ("graph", "node", "edge"):
            self._open.append((attributes, dict(self._defaults.get(name, {}))))
        elif name == "hyperedge":
            self._refuse("a hyperedge, which no triple can say")
        self._text.clear()

    def _end(self, tag: str) -> None:
        name = tag.rpartition(" ")[2]
        text = "".join(self._text)
        if name == "default" and self._key["for"] in self._defaults:
            self._defaults[self._key["for"]][self._key["attr.name"]] = text
        elif name == "data" and self._open:
            self._open[-1][1][self._key["attr.name"]] = text
        elif name in ("graph", "node", "edge"):
            attributes, data = self._open.pop()
            if name == "graph":
                self.about = data.get("relations", self.about)
            elif name == "node":
                self.nodes.append((self._required(attributes, "id"), data, self._line))
            else:
                self._add_edge(attributes, data)

    def _add_edge(self, attributes: dict[str, str], data: dict[str, str]) -> None:
        relation = data.get("relation", data.get("label", ""))
        if not relation:
            self._refuse("an edge without relation; needed is data named relation or label")
        source, target = (self._required(attributes, end) for end in ("source", "target"))
        self.edges.append((source, relation, target))
        self.edge_lines.append(self._line)
        for name, numbers in self.numbers.items():
            numbers.append(data.get(name, ""))

    def _declared(self, attributes: dict[str, str]) -> dict[str, str]:
        key = {"attr.name": self._required(attributes, "id"), "for": "all"} | attributes
        self._keys[key["id"]] = key
        is_number = key.get("attr.type") in _NUMBERS and key["attr.name"] not in _TEXTS
        if is_number and key["for"] in ("edge", "all"):
            self.numbers.setdefault(key["attr.name"], [""] * len(self.edges))
        return key

    def _required(self, attributes: dict[str, str], name: str) -> str:
        if name not in attributes:
            self._refuse(f"an element without {name}")
        return attributes[name]

    @property
    def _line(self) -> int:
        return self._parser.CurrentLineNumber

    def _refuse(self, what: str) -> NoReturn:
        raise GraphFileError(f"{self._path}, line {self._line}: {what}")

    def _refuse_document_type(self, *_: object) -> NoReturn:
        self._refuse("a document type, which is not read")
