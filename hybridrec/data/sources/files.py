"""Tables from files: Parquet, CSV, TSV and JSON lines, whole folders of them, compressed or not."""

from __future__ import annotations

import glob
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import polars as pl
import polars.selectors as cs

from hybridrec.data.sources.faults import (
    UNREADABLE,
    Fault,
    in_json_lines,
    in_separated,
    lines_of,
)
from hybridrec.data.sources.frames import Table, label_of
from hybridrec.data.sources.mapping import ColumnNames, named_by
from hybridrec.data.sources.written import with_types
from hybridrec.errors import DataError

DataType: TypeAlias = pl.DataType | type[pl.DataType]
FileSource: TypeAlias = str | Path | Sequence[str | Path]
"""A file, a pattern such as ``events/*.parquet``, or several of them."""


def read_files(
    given: Mapping[str, FileSource], columns: ColumnNames = None, *, times_as_text: bool = False
) -> dict[str, Table]:
    """Tables from files, under hybridrec's column names.

    What a kind of file leaves open is found out from all its values; see
    :func:`~hybridrec.data.sources.written.with_types`.

    Args:
        given: name of the table → its files: ``.parquet``, ``.csv``, ``.tsv``, ``.jsonl`` or
            ``.ndjson``, all but Parquet also with ``.gz`` or ``.zst`` behind.
        columns: as :func:`~hybridrec.data.sources.mapping.named_by`.
        times_as_text: whether times that are written as numbers stay text.

    Raises:
        DataError: a file that is missing, of another kind, or cannot be parsed; it names the file
            and, where one is to blame, the line.
    """
    paths = {name: _paths(source, label_of(name)) for name, source in given.items()}
    tables = {name: _table(name, files) for name, files in paths.items()}
    written = {name for name, files in paths.items() if any(_kind(f).written for f in files)}
    return with_types(named_by(columns, tables), written, times_as_text=times_as_text)


@dataclass(frozen=True)
class _Kind:
    """A kind of file.

    Args:
        read: reads one.
        fault: finds the line to blame where that fails; ``None`` where a file has no lines.
        written: whether all columns come as text.
    """

    read: Callable[[Path], pl.DataFrame]
    fault: Fault | None = None
    written: bool = False


def _separated(separator: str) -> _Kind:
    fault = in_separated(separator)

    def read(path: Path) -> pl.DataFrame:
        frame = pl.scan_csv(path, separator=separator, infer_schema=False, glob=False).collect()
        if any("�" in name for name in frame.columns) and fault(path):
            raise pl.exceptions.ComputeError("the header is not UTF-8")
        # a line without anything is no row
        blank = frame.null_count().min_horizontal()[0] if frame.width else 0
        return frame.filter(~pl.all_horizontal(pl.all().is_null())) if blank else frame

    return _Kind(read, fault, written=True)


def _read_parquet(path: Path) -> pl.DataFrame:
    return pl.scan_parquet(path, glob=False).collect()


def _read_json_lines(path: Path) -> pl.DataFrame:
    source = glob.escape(str(path))
    try:
        frame = pl.scan_ndjson(source, infer_schema_length=None).collect()
    except UNREADABLE:
        if in_json_lines(path):
            raise
        frame = pl.scan_ndjson(source, schema=_json_schema(path)).collect()
    return frame.with_columns(cs.by_dtype(pl.Int128).cast(pl.String))


def _json_schema(path: Path) -> dict[str, DataType]:
    """The columns of a JSON-lines file; those with values of several types are text."""
    found: dict[str, set[DataType]] = {}
    for line in lines_of(path):
        row = json.loads(line.decode()) if line.strip() else {}
        for name, value in row.items():
            found.setdefault(name, set()).add(_json_type(value))
    for types in found.values():
        types.discard(pl.Null)
        if types == {pl.Int64, pl.Float64}:
            types.remove(pl.Int64)
    return {name: types.pop() if len(types) == 1 else pl.String for name, types in found.items()}


def _json_type(value: object) -> DataType:
    match value:
        case None:
            return pl.Null
        case bool():
            return pl.Boolean
        case int() if -(2**63) <= value < 2**63:
            return pl.Int64
        case float():
            return pl.Float64
        case list() if all(isinstance(part, str) for part in value):
            return pl.List(pl.String)
        case _:
            return pl.String


_KINDS: Final = {
    ".parquet": _Kind(_read_parquet),
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
    ".jsonl": _Kind(_read_json_lines, in_json_lines),
    ".ndjson": _Kind(_read_json_lines, in_json_lines),
}
_COMPRESSED: Final = (".gz", ".zst")


def _paths(source: FileSource, label: str) -> list[Path]:
    """The files of a table, patterns filled in.

    Raises:
        DataError: there is none, or one of a kind that cannot be read.
    """
    named = [source] if isinstance(source, str | Path) else list(source)
    if not named:
        raise DataError(f"{label}: an empty list of files; give at least one")
    paths = [path for name in named for path in _matches(Path(name), label)]
    for path in paths:
        _kind(path, label)
    return paths


def _matches(path: Path, label: str) -> list[Path]:
    if path.is_file():
        return [path]
    found = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    files = [match for match in found if match.is_file()]
    if not files:
        raise DataError(f"{label}: no file at {path}")
    return files


def _kind(path: Path, label: str = "") -> _Kind:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] and suffixes[-1] in _COMPRESSED
    kind = _KINDS.get("".join(suffixes[-2:-1] if packed else suffixes[-1:]))
    if kind is None or (packed and kind.fault is None):
        raise DataError(
            f"{label}: cannot read {path.name}; files that can be read: {', '.join(_KINDS)}, "
            f"those of text also with {' or '.join(_COMPRESSED)} behind"
        )
    return kind


def _table(name: str, paths: Sequence[Path]) -> Table:
    label = label_of(name)
    frames = [_read(path, label) for path in paths]
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    files = f"{paths[0].name}{more}"
    try:
        frame = pl.concat(frames, how="diagonal_relaxed") if len(frames) > 1 else frames[0]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{label}: {files} do not go together: {error}") from error
    return Table(f"{label} ({files})", frame)


def _read(path: Path, label: str) -> pl.DataFrame:
    kind = _kind(path, label)
    try:
        return kind.read(path)
    except UNREADABLE as error:
        fault = kind.fault(path) if kind.fault else None
        if fault:
            raise DataError(f"{label}: cannot read {path}, {fault}") from error
        raise DataError(f"{label}: cannot read {path}: {error}") from error
