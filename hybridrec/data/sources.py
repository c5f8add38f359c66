"""Tables from where shops keep them: any dataframe, or files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from hybridrec.errors import DataError


def _read_separated(path: Path, separator: str) -> pl.DataFrame:
    """Text with separators; columns with numbers such as ``00123`` are ids and stay text."""
    text = pl.read_csv(path, separator=separator, infer_schema=False)
    padded = [name for name in text.columns if text[name].str.contains(r"^0\d+$").any()]
    return pl.read_csv(
        path,
        separator=separator,
        try_parse_dates=True,
        infer_schema_length=10_000,
        schema_overrides=dict.fromkeys(padded, pl.String),
    )


_READERS = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: _read_separated(path, ","),
    ".tsv": lambda path: _read_separated(path, "\t"),
    ".jsonl": pl.read_ndjson,
    ".ndjson": pl.read_ndjson,
}


def read_frame(frame: Any, table: str) -> pl.DataFrame:
    """Any dataframe (polars, pandas, pyarrow and whatever else narwhals reads) as polars.

    Args:
        frame: the table; lazy frames are collected.
        table: what the table is, for messages.

    Raises:
        DataError: if it is no dataframe.
    """
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    try:
        native = nw.from_native(frame)
    except TypeError as error:
        raise DataError(
            f"{table}: expected a dataframe (polars, pandas, pyarrow …), got {type(frame).__name__}"
        ) from error
    eager = native.collect() if isinstance(native, nw.LazyFrame) else native
    plain = [name for name, dtype in eager.schema.items() if not isinstance(dtype, nw.Object)]
    columns = {name: _plain_column(eager[name], table) for name in plain}
    for name in set(eager.columns) - set(plain):  # UUIDs, tuples: Python objects stay what they are
        columns[name] = pl.Series(name, eager[name].to_list(), dtype=pl.Object)
    return pl.DataFrame([columns[name] for name in eager.columns])


def _plain_column(column: nw.Series[Any], table: str) -> pl.Series:
    try:
        return column.to_polars()
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{table}: column {column.name!r} mixes types: {error}") from error


def read_file(path: str | Path, table: str) -> pl.DataFrame:
    """A Parquet, CSV, TSV or JSON-lines file as polars.

    Raises:
        DataError: if the file is missing, of another kind, or cannot be parsed.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{table}: no file at {path}")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        accepted = ", ".join(_READERS)
        raise DataError(f"{table}: cannot read {path.name}; files that can be read: {accepted}")
    try:
        table_read: pl.DataFrame = reader(path)  # type: ignore[no-untyped-call]
        return table_read
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{table}: cannot read {path}: {error}") from error
