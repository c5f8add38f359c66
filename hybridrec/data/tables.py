"""The tables on their way in: columns named, times read, items reconciled, or a clear error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.errors import DataError, examples

LATEST_SECOND = 253_402_300_800
"""The start of the year 10000, in seconds since 1970."""

UnknownItems = Literal["error", "add", "drop"]


def item_titles(catalogue: pl.DataFrame) -> list[str]:
    """The title of every row, or its id where it has none."""
    ids = pl.col(Columns.ITEM).cast(pl.String)
    if Columns.TITLE not in catalogue.columns:
        return catalogue.select(ids).to_series().to_list()
    title = pl.col(Columns.TITLE).cast(pl.String)
    blank = title.is_null() | (title.str.strip_chars() == "")
    return catalogue.select(pl.when(blank).then(ids).otherwise(title)).to_series().to_list()


def renamed(frame: pl.DataFrame, columns: Mapping[str, str]) -> pl.DataFrame:
    """The table with hybridrec's column names for the shop's.

    Raises:
        DataError: if a name would be there twice.
    """
    present = {old: new for old, new in columns.items() if old in frame.columns}
    names = [present.get(column, column) for column in frame.columns]
    taken = [old for old, new in present.items() if names.count(new) > 1]
    if taken:
        raise DataError(
            f"columns: {taken[0]!r} cannot be {present[taken[0]]!r}: that name is taken"
        )
    return frame.rename(present)


def require_columns(frame: pl.DataFrame, table: str, *columns: str) -> None:
    """Refuses a table without rows or without one of these columns.

    Raises:
        DataError: naming the column, and what the table has.
    """
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(
            f"{table}: no column {examples(missing)}; it has {examples(frame.columns, 12)}. "
            f'Name yours with columns={{"your_name": "{missing[0]}"}}'
        )
    if frame.is_empty():
        raise DataError(f"{table}: the table has no rows")


def key_columns(events: pl.DataFrame) -> list[str]:
    """The columns of an event that may not be null."""
    keys = (Columns.USER, Columns.ITEM, Columns.TIMESTAMP)
    return [column for column in keys if column in events.columns]


def parsed_timestamps(frame: pl.DataFrame, table: str) -> pl.Series:
    """The timestamp column in UTC microseconds; numbers are seconds since 1970.

    Raises:
        DataError: naming a value that is no time, and its row.
    """
    column = frame[Columns.TIMESTAMP]
    utc = pl.Datetime("us", "UTC")
    if column.dtype == pl.String:
        parsed = column.str.to_datetime(time_unit="us", time_zone="UTC", strict=False)
        bad = parsed.is_null() & column.is_not_null()
        if bad.any():
            raise DataError(
                f"{table}: cannot read the time {column.filter(bad)[0]!r} in row {bad.arg_max()}; "
                "times are datetimes, dates, ISO 8601 text or seconds since 1970"
            )
        return parsed
    if column.dtype.is_numeric():
        seconds = column.cast(pl.Float64)
        bad = ~(seconds.abs() < LATEST_SECOND) & column.is_not_null()
        if bad.any():
            raise DataError(
                f"{table}: {column.filter(bad)[0]!r} in row {bad.arg_max()} is no time in seconds "
                "since 1970; are these milliseconds?"
            )
        return (seconds * 1e6).cast(pl.Int64).cast(utc)
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is None:
            column = column.dt.replace_time_zone("UTC")
        return column.dt.convert_time_zone("UTC").cast(utc)
    raise DataError(
        f"{table}: times of type {column.dtype} cannot be read; "
        "times are datetimes, dates, ISO 8601 text or seconds since 1970"
    )


def reconciled(
    events: pl.DataFrame, catalogue: pl.DataFrame, unknown_items: UnknownItems
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both tables, speaking of the same items.

    Raises:
        DataError: naming items of the events that the catalogue lacks, where that is an error.
    """
    unknown = events.join(catalogue, on=Columns.ITEM, how="anti")
    if unknown.is_empty():
        return events, catalogue
    missing = unknown.select(pl.col(Columns.ITEM).unique(maintain_order=True))
    if unknown_items == "error":
        raise DataError(
            f"events: {missing.height:,} items are not in the catalogue: "
            f'{examples(missing[Columns.ITEM])}. Pass unknown_items="add" to add them without '
            f'attributes, or unknown_items="drop" to leave their {unknown.height:,} events out'
        )
    if unknown_items == "add":
        return events, pl.concat([catalogue, missing], how="diagonal")
    known = events.join(catalogue, on=Columns.ITEM, how="semi")
    if known.is_empty():
        raise DataError(
            f"events: no item is in the catalogue; events name "
            f"{examples(missing[Columns.ITEM], 3)}, the catalogue "
            f"{examples(catalogue[Columns.ITEM].head(3))}"
        )
    return known, catalogue


def check_unique_items(catalogue: pl.DataFrame) -> None:
    """Refuses a catalogue with rows that have no id, or the id of another row.

    Raises:
        DataError: naming the ids.
    """
    items = catalogue[Columns.ITEM]
    if items.null_count():
        raise DataError(f"catalogue: {items.null_count():,} rows have no item_id")
    twice = items.filter(items.is_duplicated()).unique(maintain_order=True)
    if twice.len():
        raise DataError(
            f"catalogue: {twice.len():,} items have more than one row: {examples(twice)}"
        )
