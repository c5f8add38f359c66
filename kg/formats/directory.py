"""A graph in a directory: two Parquet files and one JSON file, nothing that runs when read."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kg.assembly import ENTITIES, Parts, Triples
from kg.errors import GraphFileError
from kg.schema import KINDS, CatalogueSchema, Column, Relation

FORMAT_VERSION = 2

_ENTITIES_FILE = "entities.parquet"
_TRIPLES_FILE = "triples.parquet"
_GRAPH_FILE = "graph.json"
_NUMBER = "edge."
"""Before the names of the numbers that edges carry, in the columns of the triples."""
_TRIPLES = {"head": pl.Int32, "relation": pl.Int32, "tail": pl.Int32}


def write_parts(parts: Parts, directory: str | Path) -> None:
    """Writes a graph; ``graph.json`` comes last, so that half a graph is never taken for one."""
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _GRAPH_FILE).unlink(missing_ok=True)
    parts.entities.write_parquet(folder / _ENTITIES_FILE)
    arrays = zip(_TRIPLES, parts.triples, strict=True)
    triples = [pl.Series(name, array) for name, array in arrays]
    numbers = [
        parts.attributes[name].alias(f"{_NUMBER}{name}") for name in parts.attributes.columns
    ]
    pl.DataFrame(triples + numbers).write_parquet(folder / _TRIPLES_FILE)
    about = {
        "format": "kg",
        "format_version": FORMAT_VERSION,
        "n_entities": parts.entities.height,
        "n_triples": len(parts.triples.heads),
        "relations": [asdict(relation) for relation in parts.relations],
        "schema": asdict(parts.schema),
    }
    text = json.dumps(about, ensure_ascii=False, indent=2, allow_nan=False)
    (folder / _GRAPH_FILE).write_text(text + "\n", encoding="utf-8")


def read_parts(directory: str | Path) -> Parts:
    """Reads what :func:`write_parts` wrote.

    Raises:
        GraphFileError: When a file is missing, cannot be read, or contradicts the others.
    """
    folder = Path(directory)
    about = _read_json(folder / _GRAPH_FILE)
    try:
        relations = tuple(Relation(**relation) for relation in about["relations"])
        stored = about["schema"]
        columns = tuple(
            Column(
                **column
                | {
                    "edges": {of: tuple(limits) for of, limits in column["edges"].items()},
                    "vocabulary": tuple(column["vocabulary"]),
                }
            )
            for column in stored["columns"]
        )
        schema = CatalogueSchema(stored["item_id"], stored["name"], columns)
        counts = about["n_entities"], about["n_triples"]
    except (KeyError, TypeError, AttributeError) as error:
        raise GraphFileError(f"{folder / _GRAPH_FILE} is malformed: {error}") from error
    entities = _read_parquet(folder / _ENTITIES_FILE, ENTITIES)
    frame = _read_parquet(folder / _TRIPLES_FILE, _TRIPLES)
    triples = Triples(*(frame.get_column(name).to_numpy() for name in _TRIPLES))
    attributes = frame.drop(*_TRIPLES).rename(lambda name: name.removeprefix(_NUMBER))
    parts = Parts(entities, relations, triples, schema, attributes)
    if counts != (entities.height, frame.height):
        raise GraphFileError(
            f"{folder} holds {entities.height} entities and {frame.height} triples, where "
            f"{_GRAPH_FILE} says {counts[0]} and {counts[1]}; its files are not of one save"
        )
    _check(parts, folder)
    return parts


def _read_json(file: Path) -> dict[str, Any]:
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise GraphFileError(f"{file} cannot be read: {error}") from error
    if not isinstance(about, dict) or about.get("format") != "kg":
        raise GraphFileError(f"{file} does not describe a knowledge graph of kg")
    if about.get("format_version") != FORMAT_VERSION:
        raise GraphFileError(
            f"{file} has format version {about.get('format_version')!r}; this kg reads "
            f"{FORMAT_VERSION}"
        )
    return about


def _read_parquet(file: Path, schema: dict[str, Any]) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(file, glob=False)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise GraphFileError(f"{file} cannot be read: {error}") from error
    known = {c: dtype for c, dtype in frame.schema.items() if not c.startswith(_NUMBER)}
    numbers = (
        set(frame.schema.values()) - set(known.values()) if file.name == _TRIPLES_FILE else set()
    )
    if known != schema or not numbers <= {pl.Float32}:
        raise GraphFileError(f"{file} has columns {dict(frame.schema)}; needed are {schema}")
    if sum(frame.select(*schema).null_count().row(0)):
        raise GraphFileError(f"{file} has nulls")
    return frame


def _check(parts: Parts, folder: Path) -> None:
    """Refuses parts that no graph could have."""
    entities, triples = parts.entities, parts.triples
    n_entities = entities.height
    numbered = (entities["entity"] == pl.int_range(n_entities, eager=True)).all()
    if not numbered or entities.select("type", "key").is_duplicated().any():
        raise GraphFileError(f"{folder / _ENTITIES_FILE} repeats an entity or skips an index")
    limits = (n_entities, len(parts.relations), n_entities)
    for name, array, limit in zip(_TRIPLES, triples, limits, strict=True):
        if len(array) and not 0 <= array.min() <= array.max() < limit:
            raise GraphFileError(f"{folder / _TRIPLES_FILE} has a {name} that is not below {limit}")
    codes = {kind: code for code, kind in enumerate(entities["type"].unique())}
    types = entities["type"].replace_strict(codes, return_dtype=pl.Int32).to_numpy()
    for side, array in (("head", triples.heads), ("tail", triples.tails)):
        wanted = [codes.get(getattr(r, f"{side}_type"), -1) for r in parts.relations]
        if (types[array] != np.array(wanted, dtype=np.int32)[triples.relations]).any():
            raise GraphFileError(
                f"{folder / _TRIPLES_FILE} has a {side} of another type than its relation joins"
            )
    if (np.diff(triples.relations) < 0).any():
        raise GraphFileError(f"{folder / _TRIPLES_FILE} is not sorted by relation")
    unknown = [column for column in parts.schema.columns if column.kind not in KINDS]
    if unknown:
        raise GraphFileError(
            f"{folder / _GRAPH_FILE} reads column {unknown[0].name!r} as {unknown[0].kind!r}; "
            f"known are {', '.join(KINDS)}"
        )
