"""RDF as N-Triples and as Turtle.

An entity is ``<urn:kg:type/key>`` and of class ``<urn:kg:type>``, a relation is the property
``<urn:kg:head_type/name/tail_type>``, all parts percent-encoded; names and phrases are
``rdfs:label``. Writing needs no library, reading needs rdflib (``pip install "hybridrec[rdf]"``).

Of foreign RDF the first ``rdf:type`` becomes an entity's type, ``rdfs:label`` its name, the local
name of its IRI (what comes after the last ``/``, ``#`` or ``:``) its key; where two entities of a
type would share a key, their whole IRIs stay. A literal is an entity whose type is the local name
of the property. What is of class ``<urn:kg:item>`` is an item. Edges carry no numbers in RDF.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import polars as pl

from kg.assembly import Parts
from kg.errors import GraphFileError
from kg.facts import NAMES
from kg.formats.files import (
    opened_for_writing,
    read_lines,
    read_utf8,
    write_lines,
    written_aside,
)
from kg.formats.lists import EDGES, Hints, parts_of
from kg.reading.triples import ENTITY
from kg.schema import Relation

_PREFIXES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "kg-terms": "urn:kg-terms:",
}
_COMMENT = b"# A knowledge graph of kg.\n"
_FLAGS = {
    "owl:FunctionalProperty": "functional",
    "owl:InverseFunctionalProperty": "inverse_functional",
    "owl:SymmetricProperty": "symmetric",
}
_INVERSE = "kg-terms:inverse"
_TYPE = _PREFIXES["rdf"] + "type"
_LABEL = _PREFIXES["rdfs"] + "label"
_IRI, _BLANK = "", "_:"
"""Kinds of nodes; a literal's is the property that it is a value of."""
_CLASS_IRI = re.compile(r"urn:kg:([^/]+)")
_ENTITY_IRI = re.compile(r"urn:kg:([^/]+)/([^/]*)")
_RELATION_IRI = re.compile(r"urn:kg:([^/]+)/([^/]+)/([^/]+)")
_ESCAPES = {chr(code): f"\\u{code:04X}" for code in (*range(0x20), 0x7F)} | {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}


def write_ntriples(parts: Parts, path: Path) -> None:
    """Writes one statement a line."""
    statements = _statements(parts, lambda name: f"<{_whole(name)}>")
    lines = statements.select(pl.format("{} {} {} .", *statements.columns))
    with written_aside(path) as (aside,), opened_for_writing(aside) as stream:
        stream.write(_COMMENT)
        write_lines(lines.to_series(), stream)


def write_turtle(parts: Parts, path: Path) -> None:
    """Writes one paragraph a subject."""
    statements = _statements(parts, lambda name: "a" if name == "rdf:type" else name)
    subject, predicate, value = statements.columns
    paragraphs = (
        statements.select(subject, text=pl.format("{} {}", predicate, value))
        .group_by(subject, maintain_order=True)
        .agg(pl.col("text").str.join(" ;\n    "))
        .select(pl.format("{} {} .", subject, "text"))
    )
    prefixes = [f"@prefix {name}: <{iri}> ." for name, iri in _PREFIXES.items()]
    with written_aside(path) as (aside,), opened_for_writing(aside) as stream:
        write_lines(pl.Series(prefixes), stream)
        write_lines(paragraphs.to_series(), stream)


def read_ntriples(path: Path, hints: Hints) -> Parts:
    """Reads one statement a line; see :meth:`kg.KnowledgeGraph.read`."""
    rdflib = _rdflib()
    graph = _Collected(hints.language)
    parser: Any = rdflib.plugins.parsers.ntriples.W3CNTriplesParser(sink=graph)
    for number, line in enumerate(read_lines(path), start=1):
        parser.line = line
        try:
            parser.parseline()
        except (rdflib.exceptions.ParserError, ValueError, OverflowError) as error:
            raise GraphFileError(f"{path}, line {number}: not a statement: {error}") from error
    return graph.parts(path, hints.entity_type)


def read_turtle(path: Path, hints: Hints) -> Parts:
    """Reads Turtle; see :meth:`kg.KnowledgeGraph.read`."""
    rdflib = _rdflib()
    graph = _Collected(hints.language)

    class Passing(rdflib.Graph):  # type: ignore[misc, name-defined]
        """Hands statements on as they come; a graph of rdflib's would lose their order."""

        def add(self, statement: tuple[Any, Any, Any]) -> "Passing":
            graph.triple(*statement)
            return self

    data = read_utf8(path)
    try:
        Passing().parse(data=data, format="turtle")
    except rdflib.plugins.parsers.notation3.BadSyntax as error:
        raise GraphFileError(f"{path}, line {error.lines + 1}: not Turtle: {error}") from error
    # What rdflib raises besides: IndexError, AssertionError, ValueError, Exception itself.
    except Exception as error:
        raise GraphFileError(f"{path}: not Turtle: {error}") from error
    return graph.parts(path, hints.entity_type)


def _rdflib() -> Any:
    try:
        import rdflib.plugins.parsers.notation3
        import rdflib.plugins.parsers.ntriples
    except ImportError as error:
        raise ImportError(
            'reading RDF needs rdflib: pip install "hybridrec[rdf]", or pip install rdflib'
        ) from error
    return rdflib


def _whole(name: str) -> str:
    prefix, _, local = name.partition(":")
    return _PREFIXES[prefix] + local


def _statements(parts: Parts, term: Callable[[str], str]) -> pl.DataFrame:
    """Subject, predicate and object of every statement, as text.

    Args:
        parts: The graph.
        term: How a name of the vocabulary, such as ``"rdfs:label"``, is written.
    """
    entities = parts.entities
    coded = {kind: quote(kind, safe="") for kind in entities["type"].unique()}
    types = entities["type"].replace_strict(coded, return_dtype=pl.String)
    keys = pl.Series((quote(key, safe="") for key in entities["key"]), dtype=pl.String)
    iris = pl.select(pl.format("<urn:kg:{}/{}>", types, keys)).to_series()
    named = ((r.head_type, r.name, r.tail_type) for r in parts.relations)
    quoted = ("/".join(quote(part, safe="") for part in segments) for segments in named)
    properties = [f"<urn:kg:{iri}>" for iri in quoted]
    declared = [
        (iri, term(predicate), value)
        for iri, relation in zip(properties, parts.relations, strict=True)
        for predicate, value in _declaration(relation, term)
    ]
    heads, relations, tails = parts.triples
    names = _literals(entities["name"])
    blocks = [
        pl.DataFrame(declared, schema=dict.fromkeys(EDGES, pl.String), orient="row"),
        pl.DataFrame(
            {
                "head": iris,
                "relation": pl.repeat(term("rdf:type"), len(iris), eager=True),
                "tail": pl.select(pl.format("<urn:kg:{}>", types)).to_series(),
            }
        ),
        pl.DataFrame(
            {
                "head": iris,
                "relation": pl.repeat(term("rdfs:label"), len(iris), eager=True),
                "tail": names,
            }
        ).filter(entities["name"] != entities["key"]),
        pl.DataFrame(
            {
                "head": iris.gather(heads),
                "relation": pl.Series(properties, dtype=pl.String).gather(relations),
                "tail": iris.gather(tails),
            }
        ),
    ]
    return pl.concat(blocks)


def _declaration(relation: Relation, term: Callable[[str], str]) -> Iterable[tuple[str, str]]:
    yield "rdf:type", term("rdf:Property")
    for name, flag in _FLAGS.items():
        if getattr(relation, flag):
            yield "rdf:type", term(name)
    phrases = _literals(pl.Series([relation.phrase, relation.inverse]))
    yield "rdfs:label", phrases[0]
    if relation.inverse:
        yield _INVERSE, phrases[1]
    yield "rdfs:domain", f"<urn:kg:{quote(relation.head_type, safe='')}>"
    yield "rdfs:range", f"<urn:kg:{quote(relation.tail_type, safe='')}>"


def _literals(texts: pl.Series) -> pl.Series:
    escaped = texts.str.replace_many(list(_ESCAPES), list(_ESCAPES.values()))
    return '"' + escaped + '"'


class _Collected:
    """The statements of a file, read one by one."""

    def __init__(self, language: str | None) -> None:
        import rdflib

        self._literal, self._blank = rdflib.Literal, rdflib.BNode
        self._rank = {"en": 2, None: 1, language and language.lower(): 0}
        self._nodes: dict[tuple[str, str], int] = {}
        self._types: dict[int, str] = {}
        self._labels: dict[int, tuple[int, str]] = {}
        self._declared: dict[str, set[tuple[str, str]]] = {}
        self._edges: list[tuple[int, str, int]] = []

    def triple(self, subject: Any, predicate: Any, value: Any) -> None:
        """Takes a statement of rdflib's terms."""
        for term in (subject, predicate, value):
            if not term.isprintable():
                term.encode()  # Refuses half a surrogate pair, which \uD800 may stand for.
        if isinstance(subject, self._literal):
            raise ValueError(f"the literal {str(subject)!r} as a subject")
        said, is_literal = str(predicate), isinstance(value, self._literal)
        if _RELATION_IRI.fullmatch(subject):
            self._declared.setdefault(str(subject), set()).add((said, str(value)))
        elif said == _TYPE and not is_literal:
            self._types.setdefault(self._node(subject), str(value))
        elif said == _LABEL and is_literal:
            node = self._node(subject)
            label = self._rank.get(value.language, len(self._rank)), str(value)
            self._labels[node] = min(label, self._labels.get(node, label))
        elif not is_literal:
            self._edges.append((self._node(subject), said, self._node(value)))
        elif value.strip():
            tail = self._nodes.setdefault((said, str(value)), len(self._nodes))
            self._edges.append((self._node(subject), said, tail))

    def _node(self, term: Any) -> int:
        kind = _BLANK if isinstance(term, self._blank) else _IRI
        return self._nodes.setdefault((kind, str(term)), len(self._nodes))

    def parts(self, path: Path, entity_type: str | None) -> Parts:
        """The graph that the statements make; entities with a type come first."""
        properties = _property_names({said for _, said, _ in self._edges})
        keyed = self._keyed(properties, entity_type or ENTITY)
        order = [*self._types, *(node for node in range(len(keyed)) if node not in self._types)]
        places: dict[tuple[str, str], int] = {}
        index = {node: places.setdefault(keyed[node][:2], len(places)) for node in order}
        entities = pl.DataFrame([keyed[node] for node in order], schema=NAMES, orient="row")
        edges = {
            "head": pl.Series([index[head] for head, _, _ in self._edges], dtype=pl.Int32),
            "relation": pl.Series(
                [properties[said] for _, said, _ in self._edges], dtype=pl.String
            ),
            "tail": pl.Series([index[tail] for _, _, tail in self._edges], dtype=pl.Int32),
        }
        return parts_of(
            entities.unique(["type", "key"], keep="first", maintain_order=True),
            [_declared(iri, said) for iri, said in self._declared.items()],
            pl.DataFrame(edges),
            lambda _: str(path),
        )

    def _keyed(self, properties: Mapping[str, str], entity_type: str) -> list[tuple[str, str, str]]:
        """Type, key and name of every node."""
        keyed = []
        foreign: dict[int, tuple[str, str, str]] = {}
        for node, (kind, text) in enumerate(self._nodes):
            own = _ENTITY_IRI.fullmatch(text) if kind == _IRI else None
            if own:
                of, key = unquote(own[1]), unquote(own[2])
            elif kind in (_IRI, _BLANK):
                of = _class_name(self._types[node]) if node in self._types else entity_type
                key = _local_name(text) if kind == _IRI else f"_:{node}"
                foreign[node] = of, key, text
            else:
                of, key = properties[kind], text
            keyed.append((of, key, self._labels.get(node, (0, key))[1]))
        shared = Counter((of, key) for of, key, _ in foreign.values())
        for node, (of, key, iri) in foreign.items():
            if shared[of, key] > 1:
                keyed[node] = of, iri, keyed[node][2]
        return keyed


def _declared(iri: str, said: Iterable[tuple[str, str]]) -> Relation:
    """The relation that statements about its property declare."""
    head_type, name, tail_type = map(unquote, iri.removeprefix("urn:kg:").split("/"))
    texts = dict(sorted(said, reverse=True))
    classes = {value for predicate, value in said if predicate == _TYPE}
    return Relation(
        name,
        head_type,
        tail_type,
        phrase=texts.get(_LABEL, ""),
        inverse=texts.get(_whole(_INVERSE), ""),
        **{flag: _whole(name) in classes for name, flag in _FLAGS.items()},
    )


def _class_name(iri: str) -> str:
    own = _CLASS_IRI.fullmatch(iri)
    return unquote(own[1]) if own else _local_name(iri)


def _local_name(iri: str) -> str:
    """What comes after the last ``/``, ``#`` or ``:``; the whole IRI where nothing does.

    >>> _local_name("http://dbpedia.org/resource/Caf%C3%A9")
    'Café'
    """
    return unquote(re.split("[/#:]", iri)[-1]).strip() or iri


def _property_names(iris: Iterable[str]) -> dict[str, str]:
    """What relations are called: by the local name, by the whole IRI where two share that."""
    own = {iri: found for iri in iris if (found := _RELATION_IRI.fullmatch(iri))}
    foreign = {iri: _local_name(iri) for iri in iris if iri not in own}
    shared = Counter(foreign.values())
    names = {iri: iri if shared[name] > 1 else name for iri, name in foreign.items()}
    return names | {iri: unquote(found[2]) for iri, found in own.items()}
