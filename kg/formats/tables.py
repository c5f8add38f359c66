"""Tables of triples: tab-separated, comma-separated and Parquet.

A graph is written as three tables: ``shop.tsv`` with one row an edge (``head``, ``relation``,
``tail``, ``head_type``, ``tail_type`` and the numbers that edges carry), ``shop.entities.tsv``
(``type``, ``key``, ``name``) and ``shop.relations.tsv`` (the attributes of
:class:`~kg.schema.Relation`). Where the list of entities lies beside a table, the table must fit
it; otherwise it is read as :meth:`kg.KnowledgeGraph.from_triples` reads a frame.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from kg.assembly import Parts
from kg.errors import GraphFileError
from kg.facts import NAMES
from kg.formats.files import (
    GZIP,
    Table,
    read_delimited,
    write_delimited,
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
    require_known,
)
from kg.reading.triples import parts_from_triples

_SEPARATORS = {".tsv": "\t", ".csv": ",", ".link": "\t"}
_TYPES = ("head_type", "tail_type")
_NAMES = ("head_name", "tail_name")
_LINK = ("item_id", "entity_id")


def read_tables(path: Path, hints: Hints) -> Parts:
    """Reads a table of triples; see :meth:`kg.KnowledgeGraph.read`."""
    table = read_table(path, EDGES, headless=True)
    named, listed = beside(path, "entities"), beside(path, "relations")
    if hints.links is not None or not named.exists():
        return _foreign(table, hints)
    entities, relations = read_table(named, tuple(NAMES)), read_table(listed, RELATION)
    known, indexed = relations_in(relations), entities_in(entities)
    numbers = [c for c in table.frame.columns if c not in (*EDGES, *_TYPES)]
    texts = table.texts(*EDGES, *_TYPES)
    keys = indexed.select("type", "key").with_row_index("index")
    ends = {}
    for side in ("head", "tail"):
        ends[side] = texts.join(
            keys,
            left_on=[f"{side}_type", side],
            right_on=["type", "key"],
            how="left",
            maintain_order="left",
        )["index"]
        table.refuse(ends[side].is_null(), f"the {side} must be in {named}", texts[side])
    edges = texts.select("relation").with_columns(**ends).select(*EDGES)
    edges = edges.hstack(numbers_in(table, numbers).get_columns())
    return require_known(parts_of(indexed, known, edges, table.place), known, listed)


def write_tables(parts: Parts, path: Path) -> None:
    """Writes a graph as a table of triples and two lists beside it."""
    entities = parts.entities
    edges = edge_frame(parts)
    named = edges.with_columns(
        **{f"{side}_type": entities["type"].gather(edges[side]) for side in ("head", "tail")},
        **{side: entities["key"].gather(edges[side]) for side in ("head", "tail")},
    )
    numbers = parts.attributes.columns
    paths = path, beside(path, "entities"), beside(path, "relations")
    with written_aside(*paths) as aside:
        frames = (
            named.select(*EDGES, *_TYPES, *numbers),
            entities.select(*NAMES),
            relation_frame(parts.relations),
        )
        for frame, file in zip(frames, aside, strict=True):
            write_table(frame, file)


def beside(path: Path, which: str, suffix: str | None = None) -> Path:
    """The list that belongs to a file: ``shop.entities.tsv`` to ``shop.tsv``.

    >>> beside(Path("shop.tsv.gz"), "entities").name
    'shop.entities.tsv.gz'
    """
    packed = GZIP if path.suffix == GZIP else ""
    bare = Path(path.name.removesuffix(packed))
    return path.with_name(f"{bare.stem}.{which}{suffix or bare.suffix}{packed}")


def read_table(path: Path, required: tuple[str, ...], *, headless: bool = False) -> Table:
    """Reads a table in the format that its name tells.

    Raises:
        GraphFileError: When it cannot be read, or lacks a required column.
    """
    suffix = _suffix(path)
    if suffix in _SEPARATORS:
        return read_delimited(path, _SEPARATORS[suffix], required, headless=headless)
    try:
        table = Table(path, pl.read_parquet(path, glob=False))
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise GraphFileError(f"{path} cannot be read: {error}") from error
    table.texts(*required)
    return table


def write_table(frame: pl.DataFrame, file: Path) -> None:
    """Writes a table in the format that its name tells."""
    suffix = _suffix(file)
    if suffix in _SEPARATORS:
        write_delimited(frame, file, _SEPARATORS[suffix])
    else:
        frame.write_parquet(file)


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(GZIP)).suffix


def read_links(path: Path) -> pl.DataFrame:
    """Which entities are items: columns ``item_id`` and ``entity_id``.

    Raises:
        GraphFileError: When the table cannot be read or lacks a column.
    """
    if _suffix(path) not in (*_SEPARATORS, ".parquet"):
        raise GraphFileError(
            f"{path} cannot be read as links; known are {', '.join(_SEPARATORS)} and .parquet"
        )
    if _suffix(path) == ".link":
        return _recbole_links(path)
    return complete_links(read_table(path, _LINK))


def complete_links(table: Table) -> pl.DataFrame:
    """Links as text, without repeats.

    Raises:
        GraphFileError: When a column is missing, or a link lacks an item or an entity.
    """
    links = table.texts(*_LINK)
    for column in _LINK:
        table.refuse(links[column].fill_null("") == "", f"a link without {column}")
    return links.unique(maintain_order=True)


def _recbole_links(path: Path) -> pl.DataFrame:
    """The item column is the one that is not ``entity_id``: data sets call it as they like."""
    table = read_delimited(path, _SEPARATORS[".link"], ())
    names = {column: column.partition(":")[0] for column in table.frame.columns}
    items = [column for column, name in names.items() if name != "entity_id"]
    if len(names) != len(_LINK) or len(items) != 1:
        raise GraphFileError(
            f"{path}, line 1: needed are item_id:token and entity_id:token, found are "
            f"{', '.join(names)}"
        )
    names[items[0]] = "item_id"
    return complete_links(replace(table, frame=table.frame.rename(names)))


def _foreign(table: Table, hints: Hints) -> Parts:
    optional = [c for c in (*_TYPES, *_NAMES) if c in table.frame.columns]
    texts = table.texts(*EDGES, *optional)
    for column in EDGES:
        blank = texts[column].fill_null("").str.strip_chars() == ""
        table.refuse(blank, f"a triple without {column}")
    others = [c for c in table.frame.columns if c not in (*EDGES, *optional)]
    numbers = table.frame.select(others).select(
        name
        for name in others
        if table.frame.schema[name].is_numeric() or _is_numeric(table.frame[name])
    )
    triples = texts.with_columns(
        pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c in optional
    ).hstack(numbers_in(table, numbers.columns).get_columns())
    return parts_from_triples(
        triples,
        entities=None,
        links=hints.links,
        entity_type=hints.entity_type,
        relations=(),
    )


def _is_numeric(values: pl.Series) -> bool:
    """Whether a column of text is one of numbers, with gaps or without."""
    if values.dtype != pl.String:
        return False
    given = values.filter(values != "")
    return len(given) > 0 and not given.cast(pl.Float32, strict=False).has_nulls()
