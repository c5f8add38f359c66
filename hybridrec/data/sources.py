"""Tables from where shops keep them: any dataframe, or files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import narwhals as nw
import polars as pl

from hybridrec.errors import DataError

_READERS = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: pl.read_csv(path, try_parse_dates=True, infer_schema_length=10_000),
    ".tsv": lambda path: pl.read_csv(
        path, separator="\t", try_parse_dates=True, infer_schema_length=10_000
    ),
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
    columns = {column.name: column for column in eager.select(plain).to_polars().get_columns()}
    for name in set(eager.columns) - set(plain):  # UUIDs, tuples: Python objects stay what they are
        columns[name] = pl.Series(name, eager[name].to_list(), dtype=pl.Object)
    return pl.DataFrame([columns[name] for name in eager.columns])


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
