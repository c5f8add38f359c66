"""Any dataframe as polars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import narwhals as nw
import polars as pl

from hybridrec.errors import DataError

FEW: Final = 100
"""Values by which a column of objects is looked at first."""

TABLES: Final = ("events", "catalogue", "triples", "users", "identities")
"""The tables a dataset is made of."""


@dataclass(frozen=True)
class Table:
    """A table on its way in.

    Args:
        label: what messages call it.
        frame: its rows.
    """

    label: str
    frame: pl.DataFrame


def label_of(name: str) -> str:
    """What messages call a table, or the events of a platform.

    >>> label_of("catalogue"), label_of("web")
    ('catalogue', "events of 'web'")
    """
    return name if name in TABLES else f"events of {name!r}"


def read_frames(given: Mapping[str, Any]) -> dict[str, Table]:
    """Dataframes of any library as tables.

    Raises:
        DataError: as :func:`read_frame`.
    """
    return {
        name: Table(label_of(name), read_frame(frame, label_of(name)))
        for name, frame in given.items()
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
    for name in set(eager.columns) - set(plain):
        columns[name] = _object_column(eager[name])
    return pl.DataFrame([columns[name] for name in eager.columns])


def _plain_column(column: nw.Series[Any], table: str) -> pl.Series:
    try:
        return column.to_polars()
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{table}: column {column.name!r} mixes types: {error}") from error


def _object_column(column: nw.Series[Any]) -> pl.Series:
    """A pandas column of Python objects: lists, truths with gaps, dates and decimals as such.

    What has no type in a table, such as UUIDs and tuples, stays objects.
    """
    kinds = (pl.Boolean, pl.Date, pl.Datetime, pl.Decimal, pl.List, pl.String)
    tuples = any(isinstance(value, tuple) for value in column.head(FEW).to_list())
    try:
        read = None if tuples else column.to_polars()
    except (ImportError, TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        read = None
    if read is not None and (isinstance(read.dtype, kinds) or read.dtype.is_numeric()):
        return read
    missing = column.is_null().to_list()  # NaN, NaT and NA are nulls there
    values = [None if m else v for v, m in zip(column.to_list(), missing, strict=True)]
    return pl.Series(column.name, values, dtype=pl.Object)
