"""Files that graphs are read from and written to, one module a format.

============  ==================  ==========================================================
format        file                what it does not hold
============  ==================  ==========================================================
directory     a directory         nothing: what :meth:`kg.KnowledgeGraph.save` writes
tsv, csv      ``.tsv``, ``.csv``  how the catalogue was read
parquet       ``.parquet``        how the catalogue was read
recbole       ``.kg``             how the catalogue was read, numbers of edges
kgat          ``kg_final.txt``    how the catalogue was read, numbers of edges
ntriples      ``.nt``             how the catalogue was read, numbers of edges
turtle        ``.ttl``            how the catalogue was read, numbers of edges
graphml       ``.graphml``        how the catalogue was read, control characters (refused)
============  ==================  ==========================================================

Text formats are packed where the name goes on with ``.gz``. What :mod:`kg.formats.tables`,
:mod:`~kg.formats.recbole` and :mod:`~kg.formats.kgat` write stands in several files; they stay
together.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from kg.assembly import Parts
from kg.errors import GraphFileError, KnowledgeGraphError
from kg.formats.directory import read_parts, write_parts
from kg.formats.files import GZIP, Table
from kg.formats.graphml import read_graphml, write_graphml
from kg.formats.kgat import NAME as KGAT_NAME
from kg.formats.kgat import read_kgat, write_kgat
from kg.formats.lists import Hints
from kg.formats.rdf import read_ntriples, read_turtle, write_ntriples, write_turtle
from kg.formats.recbole import read_recbole, write_recbole
from kg.formats.tables import complete_links, read_links, read_tables, write_tables

__all__ = ["FORMATS", "Format", "read_graph", "write_graph"]


class Format(NamedTuple):
    """How files of a kind are known, read and written.

    Attributes:
        ending: How their names end; empty for directories.
        read: Makes a graph of a file and what the caller knows of it.
        write: Writes a graph.
        takes_links: Whether it can be told which entities are items.
    """

    ending: str
    read: Callable[[Path, Hints], Parts]
    write: Callable[[Parts, Path], None]
    takes_links: bool = False


FORMATS = {
    "directory": Format("", lambda path, _: read_parts(path), write_parts),
    "tsv": Format(".tsv", read_tables, write_tables, takes_links=True),
    "csv": Format(".csv", read_tables, write_tables, takes_links=True),
    "parquet": Format(".parquet", read_tables, write_tables, takes_links=True),
    "recbole": Format(".kg", read_recbole, write_recbole, takes_links=True),
    "kgat": Format(KGAT_NAME, read_kgat, write_kgat, takes_links=True),
    "ntriples": Format(".nt", read_ntriples, write_ntriples),
    "turtle": Format(".ttl", read_turtle, write_turtle),
    "graphml": Format(".graphml", read_graphml, write_graphml),
}
"""The formats by name."""


def read_graph(
    path: str | Path,
    *,
    format: str | None = None,
    links: str | Path | pl.DataFrame | None = None,
    entity_type: str | None = None,
    language: str | None = None,
) -> Parts:
    """Reads a graph; see :meth:`kg.KnowledgeGraph.read`."""
    path = Path(path)
    chosen = _format_of(path, format)
    if links is not None and not chosen.takes_links:
        raise GraphFileError(f"{path} is of a format that takes no links")
    if isinstance(links, str | Path):
        links = read_links(Path(links))
    elif links is not None:
        links = complete_links(Table(Path("links"), links))
    try:
        return chosen.read(path, Hints(links, entity_type, language))
    except GraphFileError:
        raise
    except KnowledgeGraphError as error:
        raise GraphFileError(f"{path}: {error}") from error


def write_graph(parts: Parts, path: str | Path, *, format: str | None = None) -> None:
    """Writes a graph; see :meth:`kg.KnowledgeGraph.write`."""
    path = Path(path)
    _format_of(path, format).write(parts, path)


def _format_of(path: Path, name: str | None) -> Format:
    known = ", ".join(f"{name} ({kind.ending or 'a directory'})" for name, kind in FORMATS.items())
    if name is not None:
        if name not in FORMATS:
            raise GraphFileError(f"there is no format {name!r}; known are {known}")
        return FORMATS[name]
    if path.is_dir() or not path.suffix:
        return FORMATS["directory"]
    for kind in FORMATS.values():
        if kind.ending and path.name.removesuffix(GZIP).endswith(kind.ending):
            return kind
    raise GraphFileError(f"{path} has a name that tells no format; known are {known}")
