"""Rows that cannot be read as what they stand for: ids, times, numbers, and rows twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.data.privacy import PERSONAL
from hybridrec.data.quality.checking import (
    Check,
    Fix,
    Flagged,
    Inspection,
    TableName,
    as_text,
    quality_check,
    rows_where,
)
from hybridrec.data.quality.fixes import blank_values, drop_rows, with_table
from hybridrec.data.quality.wording import counted
from hybridrec.data.times import OFFSET

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

PLACEHOLDERS = ("null", "none", "nan", "n/a", "na", "nil", "undefined", "unknown", "(null)", "-")
"""What programs write where an id is missing, in small letters."""
ZERO_DAYS = tuple(
    datetime(year, month, day, tzinfo=UTC)
    for year, month, day in ((1970, 1, 1), (1900, 1, 1), (1899, 12, 30), (1899, 12, 31), (1, 1, 1))
)
"""Days that clocks and spreadsheets count from: a time on them is an empty one."""

ID_COLUMNS: dict[TableName, tuple[str, ...]] = {
    "events": (Columns.USER, Columns.ITEM),
    "catalogue": (Columns.ITEM,),
    "users": (Columns.USER,),
    "triples": (Columns.HEAD, Columns.TAIL),
}
"""The columns of ids in each table."""


@quality_check(
    "missing-user",
    table="events",
    severity="error",
    why="an event without a user teaches nothing about anybody, and all of them together would "
    "pass for one very busy person",
    fix=drop_rows("events"),
    needs=(Columns.USER,),
)
def missing_user(inspection: Inspection) -> Flagged:
    """Events whose user is null or blank."""
    rows = rows_where(inspection.events, pl.col(Columns.USER).is_null())
    return Flagged(rows, f"{counted(rows.len(), 'event')} without a user", Columns.USER)


@quality_check(
    "missing-item",
    table="events",
    severity="error",
    why="an event without an item says nothing",
    fix=drop_rows("events"),
    needs=(Columns.ITEM,),
)
def missing_item(inspection: Inspection) -> Flagged:
    """Events whose item is null or blank."""
    rows = rows_where(inspection.events, pl.col(Columns.ITEM).is_null())
    return Flagged(rows, f"{counted(rows.len(), 'event')} without an item", Columns.ITEM)


@quality_check(
    "placeholder-ids",
    table="events",
    severity="warning",
    why="all events under a placeholder pass for those of one user, or on one item",
    fix=drop_rows("events"),
)
def placeholder_ids(inspection: Inspection) -> Iterator[Flagged]:
    """Events whose user or item id is a word for nothing."""
    for column in (Columns.USER, Columns.ITEM):
        if inspection.events.schema[column] == pl.String:
            word = pl.col(column).str.strip_chars().str.to_lowercase()
            rows = rows_where(inspection.events, word.is_in(PLACEHOLDERS))
            yield Flagged(rows, f"{counted(rows.len(), 'id')} such as 'null' or 'nan'", column)


def _padded_ids(table: TableName) -> Check:
    columns = ID_COLUMNS[table]

    def strip(inspection: Inspection, _: list[Flagged]) -> Dataset:
        frame = inspection.table(table)
        assert frame is not None
        texts = [column for column in columns if frame.schema[column] == pl.String]
        return with_table(
            inspection.data, table, frame.with_columns(pl.col(texts).str.strip_chars())
        )

    @quality_check(
        "padded-ids",
        table=table,
        severity="warning",
        why="' 42' and '42' are two ids for a computer and one for the shop",
        fix=Fix("strips the spaces", strip),
    )
    def padded_ids(inspection: Inspection) -> Iterator[Flagged]:
        """Ids with spaces around them."""
        frame = inspection.table(table)
        assert frame is not None
        for column in columns:
            if frame.schema[column] == pl.String:
                rows = rows_where(frame, pl.col(column).str.contains(r"^\s|\s$"))
                yield Flagged(
                    rows,
                    f"{counted(rows.len(), 'row')} with a space before or after the id",
                    column,
                )

    return padded_ids


padded_ids_by_table = tuple(_padded_ids(table) for table in ID_COLUMNS)


@quality_check(
    "missing-time",
    table="events",
    severity="error",
    why="an event without a time has no place in a history, and no side in a split",
    fix=drop_rows("events"),
    needs=(Columns.TIMESTAMP,),
)
def missing_time(inspection: Inspection) -> Flagged:
    """Events with no time at all."""
    rows = rows_where(
        inspection.events, pl.col(Columns.TIMESTAMP).is_null() & ~_written(inspection.events)
    )
    return Flagged(rows, f"{counted(rows.len(), 'event')} without a time", Columns.TIMESTAMP)


@quality_check(
    "unreadable-time",
    table="events",
    severity="error",
    why="an event without a time has no place in a history, and no side in a split",
    fix=drop_rows("events"),
    needs=(Columns.TIMESTAMP, as_given(Columns.TIMESTAMP)),
)
def unreadable_time(inspection: Inspection) -> Flagged:
    """Events whose time is written in no form that can be read."""
    events = inspection.events
    rows = rows_where(events, pl.col(Columns.TIMESTAMP).is_null() & _written(events))
    shown = events[as_given(Columns.TIMESTAMP)].gather(rows.head(1)).to_list()
    detail = f"{counted(rows.len(), 'time')} not to be read, such as {shown[0]!r}" if shown else ""
    return Flagged(rows, detail, Columns.TIMESTAMP)


def _written(events: pl.DataFrame) -> pl.Expr:
    given = as_given(Columns.TIMESTAMP)
    return pl.col(given).is_not_null() if given in events.columns else pl.lit(False)


@quality_check(
    "future-time",
    table="events",
    severity="error",
    why="the data would speak for a day that has not come, and every real event would look old",
    fix=drop_rows("events"),
    needs=(Columns.TIMESTAMP,),
)
def future_time(inspection: Inspection) -> Flagged:
    """Events later than now."""
    now = inspection.config.moment
    rows = rows_where(inspection.events, pl.col(Columns.TIMESTAMP) > now)
    return Flagged(
        rows,
        f"{counted(rows.len(), 'event')} later than {now:%Y-%m-%d %H:%M} UTC",
        Columns.TIMESTAMP,
    )


@quality_check(
    "zero-time",
    table="events",
    severity="error",
    why="days that clocks count from stand for a time that was lost",
    fix=drop_rows("events"),
    needs=(Columns.TIMESTAMP,),
)
def zero_time(inspection: Inspection) -> Flagged | None:
    """Events on 1970-01-01 and other days that clocks count from, unless most events are there."""
    day = pl.col(Columns.TIMESTAMP).dt.truncate("1d")
    rows = rows_where(inspection.events, day.is_in(ZERO_DAYS))
    if 2 * rows.len() > inspection.events.height:
        return None  # times relative to a start of their own
    return Flagged(
        rows, f"{counted(rows.len(), 'event')} on 1970-01-01 or another zero day", Columns.TIMESTAMP
    )


@quality_check(
    "mixed-time-zones",
    table="events",
    severity="warning",
    why="times that name no zone among times that do are hours off if they are local; "
    "time_zone= says which zone they are in",
    needs=(as_given(Columns.TIMESTAMP),),
)
def mixed_time_zones(inspection: Inspection) -> Flagged | None:
    """Events whose time names another zone, or none, than most do."""
    given = inspection.events.select(
        as_text(inspection.events, as_given(Columns.TIMESTAMP))
        .str.strip_chars()
        .str.extract(OFFSET)
        .alias("zone"),
        pl.col(Columns.TIMESTAMP).is_not_null().alias("read"),
    ).with_columns(pl.col("zone").fill_null("none named").replace({"Z": "UTC", "+00:00": "UTC"}))
    zones = given.filter("read")["zone"].value_counts(sort=True)
    if zones.height < 2:
        return None
    usual = zones["zone"][0]
    rows = rows_where(given, pl.col("read") & (pl.col("zone") != usual))
    others = ", ".join(f"{zone} ({count:,})" for zone, count in zones.rows()[1:4])
    return Flagged(rows, f"most times are of zone {usual}, others of {others}", Columns.TIMESTAMP)


def _unreadable_numbers(table: TableName) -> Check:
    @quality_check(
        "unreadable-number",
        table=table,
        severity="warning",
        why="the value is lost, though the row is not",
        fix=blank_values(table),
    )
    def unreadable_number(inspection: Inspection) -> Iterator[Flagged]:
        """Prices, quantities and ratings that are no numbers."""
        frame = inspection.table(table)
        assert frame is not None
        for column in Columns.NUMBERS:
            given = as_given(column)
            if given in frame.columns:
                rows = rows_where(frame, pl.col(column).is_null() & pl.col(given).is_not_null())
                shown = frame[given].gather(rows.head(1)).to_list()
                private = inspection.data.declared_roles.get(column) == PERSONAL
                such = "" if private or not shown else f", such as {shown[0]!r}"
                yield Flagged(
                    rows, f"{counted(rows.len(), 'value')} that are no numbers{such}", column
                )

    return unreadable_number


unreadable_numbers_by_table = (_unreadable_numbers("events"), _unreadable_numbers("catalogue"))


@quality_check(
    "exact-duplicates",
    table="events",
    severity="warning",
    why="a row written twice counts twice; buying again is another row, with another time",
    fix=Fix("keeps the first of each", drop_rows("events").mend),
)
def exact_duplicates(inspection: Inspection) -> Flagged | None:
    """Rows that equal an earlier one in every column; without time or session a repeat is none."""
    events = inspection.events
    if not {Columns.TIMESTAMP, Columns.SESSION} & set(events.columns):
        return None
    # hashes tell most rows apart cheaply; those that share one are compared whole
    suspects = events.hash_rows().is_duplicated().arg_true()
    repeated = ~events[suspects].select(pl.struct(pl.all()).is_first_distinct()).to_series()
    rows = suspects.filter(repeated)
    return Flagged(rows, f"{counted(rows.len(), 'row')} equal to an earlier one in every column")
