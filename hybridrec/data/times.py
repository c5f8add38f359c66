"""Times as shops write them → UTC; what cannot be read stays visible beside them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.errors import DataError

UTC_TIME: Final = pl.Datetime("us", "UTC")
OFFSET: Final = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)$"
"""The zone that a written time ends with, as group 1."""
LATEST_SECOND: Final = 253_402_300_800
"""The start of the year 10000, in seconds since 1970."""
ACCEPTED: Final = "times are datetimes, dates, ISO 8601 text or seconds since 1970"
WRITTEN_DATES: Final = (1900_01_01, 2100_12_31)
"""Between which numbers are dates written as year, month and day."""

_MOST_SHAPES = 50
"""How many ways of writing a time are tried in one column."""
_MONTH_FIRST = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p")


def with_times(
    frame: pl.DataFrame,
    table: str,
    column: str = Columns.TIMESTAMP,
    *,
    time_zone: str = "UTC",
    time_format: str | None = None,
) -> pl.DataFrame:
    """The table with its times in UTC microseconds.

    Where some times cannot be read, or rows name different zones, a further column
    (:func:`~hybridrec.data.columns.as_given`) keeps what was written.

    Args:
        frame: any table with the column.
        table: what the table is, for messages.
        column: the column of times: datetimes, dates, text, or seconds since 1970.
        time_zone: the zone of times that name none.
        time_format: how text is to be read, as in ``strptime``; found out when ``None``.

    Raises:
        DataError: the column's type is none of time, the zone is unknown, or more than half of
            the times cannot be read: then it is the wrong column or format, not dirt.
    """
    given = frame[column]
    if given.dtype.is_float():
        given = given.fill_nan(None)  # how pandas writes null
    elif given.dtype == pl.String:
        given = blank_as_null(given)
    parsed = _parsed(given, table, time_zone, time_format)
    if parsed.null_count() == given.null_count() and not _several_zones(given):
        return frame.with_columns(parsed.alias(column))
    unread = parsed.is_null() & given.is_not_null()
    if 2 * unread.sum() > given.len() - given.null_count():
        hint = "; are these milliseconds?" if given.dtype.is_numeric() else ""
        raise DataError(
            f"{table}: cannot read {unread.sum():,} of {given.len():,} times in {column!r}, the "
            f"first is {given.filter(unread)[0]!r} in row {unread.arg_max()}{hint}; {ACCEPTED}, "
            "or text in a form that time_format= names"
        )
    return frame.with_columns(parsed.alias(column), given.cast(pl.String).alias(as_given(column)))


def with_limits(
    frame: pl.DataFrame,
    table: str,
    column: str,
    *,
    time_zone: str = "UTC",
    time_format: str | None = None,
) -> pl.DataFrame:
    """As :func:`with_times`, in the column's zone or ``time_zone``: there a midnight is a day.

    An offset written in text is no zone of the column.
    """
    dtype = frame.schema[column]
    zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
    frame = with_times(frame, table, column, time_zone=time_zone, time_format=time_format)
    return frame.with_columns(pl.col(column).dt.convert_time_zone(zone or time_zone))


def in_utc(moment: datetime) -> datetime:
    """The moment in UTC; one that names no zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def blank_as_null(text: pl.Series) -> pl.Series:
    """The strings, those without a visible character null."""
    visible = text.str.contains(r"\S")
    if visible.all():
        return text
    return pl.select(pl.when(visible).then(text)).to_series().alias(text.name)


def _parsed(given: pl.Series, table: str, time_zone: str, time_format: str | None) -> pl.Series:
    if given.dtype == pl.String:
        return _from_text(given, table, time_zone, time_format)
    if given.dtype.is_numeric():
        return _from_seconds(given.cast(pl.Float64))
    if given.dtype == pl.Date:
        return _in_utc(given.cast(pl.Datetime("us")), table, time_zone)
    if isinstance(given.dtype, pl.Datetime):
        return _in_utc(given.cast(pl.Datetime("us", given.dtype.time_zone)), table, time_zone)
    if given.dtype == pl.Null:
        return given.cast(UTC_TIME)
    raise DataError(f"{table}: times of type {given.dtype} cannot be read; {ACCEPTED}")


def _from_seconds(seconds: pl.Series) -> pl.Series:
    """Seconds since 1970 as times; null where they lead beyond the calendar.

    Numbers such as 20240301 are dates: as seconds all of them would lie in 1970.
    """
    if seconds.is_between(*WRITTEN_DATES).all():
        days = seconds.cast(pl.Int64).cast(pl.String).str.to_date("%Y%m%d", strict=False)
        return days.cast(UTC_TIME)
    sane = seconds.is_finite() & (seconds.abs() < LATEST_SECOND)
    kept = pl.select(pl.when(sane).then(seconds * 1e6)).to_series()
    return kept.cast(pl.Int64).cast(UTC_TIME).alias(seconds.name)


def _from_text(given: pl.Series, table: str, time_zone: str, time_format: str | None) -> pl.Series:
    text = given.str.strip_chars()
    if time_format is not None:
        try:
            read = text.str.to_datetime(time_format, time_unit="us", strict=False)
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{table}: no time format {time_format!r}: {error}") from error
        return _in_utc(read, table, time_zone)
    # "10:30 +02:00" and "10:30 UTC" are "10:30+02:00" and "10:30Z" to polars
    text = text.str.replace(r"(\d)\s+([+-]\d{2}:?\d{2}|Z)$", "$1$2").str.replace(r"\s*UTC$", "Z")
    seconds = text.cast(pl.Float64, strict=False)
    if 2 * seconds.count() > text.count():
        return _from_seconds(seconds)
    zoned = text.str.contains(OFFSET).fill_null(False)
    aware = _read_by_shape(text.filter(zoned))
    naive = _in_utc(_read_by_shape(text.filter(~zoned)), table, time_zone)
    rows = pl.select(pl.int_range(text.len(), dtype=pl.UInt32)).to_series()
    order = pl.concat([rows.filter(zoned), rows.filter(~zoned)]).arg_sort()
    return pl.concat([_in_utc(aware, table, "UTC"), naive]).gather(order)


def _read_by_shape(text: pl.Series) -> pl.Series:
    """Written times, each form of writing (``2024-03-01``, ``1/3/2024 10:30``) read by itself."""
    read = _read(text)
    left = read.is_null() & text.is_not_null()
    if not left.any():
        return read
    frame = pl.DataFrame([text.alias("text"), read.alias("read")])
    shape = pl.col("text").str.replace_all(r"\d+", "9")
    shapes = frame.filter(left)["text"].str.replace_all(r"\d+", "9").value_counts(sort=True)
    for form in shapes.to_series(0).head(_MOST_SHAPES):
        mine = frame.select(shape == form).to_series().fill_null(False)
        values = frame["text"].filter(mine)
        rows = mine.arg_true()
        frame = frame.with_columns(frame["read"].scatter(rows, _read(values)))
    return frame["read"]


def _read(text: pl.Series) -> pl.Series:
    """Times all written in one form; null where that fails. Zoned ones come out in UTC."""
    nothing = pl.Series(text.name, [None] * text.len(), dtype=pl.Datetime("us"))
    if text.null_count() == text.len():
        return nothing
    try:
        read = text.str.to_datetime(time_unit="us", strict=False)
    except pl.exceptions.ComputeError:  # no form that polars knows
        read = nothing
    for form in _MONTH_FIRST:
        if read.null_count() == text.null_count():
            break
        other = text.str.to_datetime(form, time_unit="us", strict=False)
        if other.null_count() < read.null_count():
            read = other
    return read.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if _zone(read) else read


def _in_utc(times: pl.Series, table: str, time_zone: str) -> pl.Series:
    if _zone(times):
        return times.dt.convert_time_zone("UTC")
    try:
        # the hour that a clock skips in spring was never; the one it repeats is taken as the first
        local = times.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")
    except pl.exceptions.ComputeError as error:
        raise DataError(
            f"{table}: no time zone {time_zone!r}; use a name such as 'Europe/Berlin' or 'UTC'"
        ) from error
    return local.dt.convert_time_zone("UTC")


def _zone(times: pl.Series) -> str | None:
    return times.dtype.time_zone if isinstance(times.dtype, pl.Datetime) else None


def _several_zones(given: pl.Series) -> bool:
    if given.dtype != pl.String:
        return False
    return given.drop_nulls().str.strip_chars().str.extract(OFFSET).n_unique() > 1
