"""The tables on their way in: columns named, ids and numbers read, what is unsound told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.data.identifiers import IdCodec, normalise_ids
from hybridrec.data.times import blank_as_null
from hybridrec.errors import DataError, examples


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


def with_ids(frame: pl.DataFrame, column: str) -> tuple[pl.DataFrame, IdCodec]:
    """The table with one column of ids in stored form, blank ones null, and their codec.

    Raises:
        DataError: as :func:`~hybridrec.data.identifiers.normalise_ids`.
    """
    given = frame[column]
    ids, codec = normalise_ids(given)
    if ids.dtype == pl.String:
        ids = blank_as_null(ids)
        if ids.null_count() == ids.len():
            raise DataError(f"column {column!r} holds no id at all: every value is blank")
    if (ids.dtype, ids.null_count()) == (given.dtype, given.null_count()):
        return frame, codec  # as they were
    return frame.with_columns(ids.alias(column)), codec


def with_one_width(
    frame: pl.DataFrame, other: pl.DataFrame, column: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both tables with integer ids of one type, should one of them need unsigned integers.

    Raises:
        DataError: negative ids in one table and ids of 2⁶³ or more in the other.
    """
    if frame.schema[column] == other.schema[column]:
        return frame, other
    for table in (frame, other):
        least = table[column].min()
        if isinstance(least, int) and least < 0:
            raise DataError(
                f"column {column!r} holds {least} in one table and numbers of 2**63 or more in "
                "another; no integer type holds both: give them as strings"
            )
    wide = pl.col(column).cast(pl.UInt64)
    return frame.with_columns(wide), other.with_columns(wide)


def without_objects(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with Python objects of any kind written out as text."""
    for column in frame.get_columns():
        if column.dtype == pl.Object:
            texts = [None if value is None else str(value) for value in column.to_list()]
            frame = frame.with_columns(pl.Series(column.name, texts, dtype=pl.String))
    return frame


def with_numbers(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The table with the columns of :attr:`Columns.NUMBERS` as finite floats or integers.

    What is no number becomes null; a further column
    (:func:`~hybridrec.data.columns.as_given`) then keeps what was written.

    Raises:
        DataError: more than half of a column is no number: then it is the wrong column, not dirt.
    """
    for column in Columns.NUMBERS:
        if column not in frame.columns or frame.schema[column].is_integer():
            continue
        given = frame[column]
        if isinstance(given.dtype, pl.Categorical | pl.Enum):
            given = given.cast(pl.String)
        if not (given.dtype.is_numeric() or given.dtype in (pl.String, pl.Boolean, pl.Null)):
            raise DataError(
                f"{table}: {column!r} holds {given.dtype}, not numbers; rename it if it is none"
            )
        if given.dtype.is_float():
            given = given.fill_nan(None)  # how pandas writes null
        elif given.dtype == pl.String:
            given = blank_as_null(given)
        read = given.cast(pl.Float64, strict=False)
        read = pl.select(pl.when(read.is_finite()).then(read)).to_series().alias(column)
        unread = read.is_null() & given.is_not_null()
        if 2 * unread.sum() > given.len() - given.null_count():
            raise DataError(
                f"{table}: {unread.sum():,} of {given.len():,} values of {column!r} are no "
                f"numbers, the first is {given.filter(unread)[0]!r} in row {unread.arg_max()}"
            )
        frame = frame.with_columns(read)
        if unread.any():
            frame = frame.with_columns(given.cast(pl.String).alias(as_given(column)))
    return frame


def described_items(events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A catalogue out of an events table that says what its items are.

    Args:
        events: rows with ``item_id`` and any of :attr:`Columns.OF_ITEMS`.

    Returns:
        The events without those columns, and a row for each different description of each item:
        items in order of appearance, the most frequent description of an item first.
    """
    described = [column for column in Columns.OF_ITEMS if column in events.columns]
    known = events.filter(pl.col(Columns.ITEM).is_not_null())
    if not described:
        return events, known.select(pl.col(Columns.ITEM).unique(maintain_order=True))
    rows = known.group_by(Columns.ITEM, *described, maintain_order=True).agg(pl.len().alias("_n"))
    rows = rows.with_row_index("_row")
    blank = pl.all_horizontal(pl.col(described).is_null())
    several = pl.len().over(Columns.ITEM) > 1
    rows = rows.with_columns(pl.col("_row").min().over(Columns.ITEM).alias("_item"))
    rows = rows.filter(~(blank & several))  # a row that says nothing does not contradict
    rows = rows.sort("_item", "_n", descending=[False, True], maintain_order=True)
    return events.drop(described), rows.drop("_row", "_n", "_item")


def key_columns(events: pl.DataFrame) -> list[str]:
    """The columns of an event that may not be null."""
    keys = (Columns.USER, Columns.ITEM, Columns.TIMESTAMP)
    return [column for column in keys if column in events.columns]


def defects(events: pl.DataFrame, catalogue: pl.DataFrame) -> Iterator[str]:
    """What keeps models from reading the two tables, a sentence each; nothing when they are sound.

    Rows without user, item or time, catalogue rows without an id or with another row's, and
    events on items that the catalogue lacks.
    """
    keys = [pl.col(column).is_null() for column in key_columns(events)]
    nulls = events.select(pl.any_horizontal(keys).alias("null")).to_series()
    if nulls.any():
        yield (
            f"events: {nulls.sum():,} rows lack a user, an item or a time, "
            f"the first in row {nulls.arg_max()}"
        )
    items = catalogue[Columns.ITEM]
    if items.null_count():
        yield f"catalogue: {items.null_count():,} rows have no item_id"
    known = items.drop_nulls()
    twice = known.filter(known.is_duplicated()).unique(maintain_order=True)
    if twice.len():
        yield f"catalogue: {twice.len():,} items have more than one row: {examples(twice)}"
    unknown = unknown_items(events, catalogue)
    if unknown.len():
        n_events = events[Columns.ITEM].is_in(unknown.implode()).sum()
        yield (
            f"events: {unknown.len():,} items are not in the catalogue, in {n_events:,} events: "
            f"{examples(unknown)}"
        )


def unknown_items(events: pl.DataFrame, catalogue: pl.DataFrame) -> pl.Series:
    """Items of the events that the catalogue lacks, in order of appearance."""
    met = events.select(pl.col(Columns.ITEM).unique(maintain_order=True)).drop_nulls()
    return met.join(catalogue, on=Columns.ITEM, how="anti", maintain_order="left").to_series()
