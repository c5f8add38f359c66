"""New rows of the catalogue on their way into a fitted recommender."""

from __future__ import annotations

from typing import Any, Final

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.data.identifiers import IdMap
from hybridrec.data.sources import read_frame
from hybridrec.data.tables import require_columns, with_ids, with_numbers, without_objects
from hybridrec.data.times import with_times
from hybridrec.errors import DataError, examples

LABEL: Final = "new items"


def read_new_items(rows: Any, catalogue: pl.DataFrame, items: IdMap) -> pl.DataFrame:
    """New rows of the catalogue, in its columns and types; columns they lack are null.

    Args:
        rows: a dataframe with columns of the catalogue.
        catalogue: the items known.
        items: their ids.

    Raises:
        DataError: no dataframe, no row, no ``item_id``, a column that the catalogue lacks, values
            of another type than its own, an item without id, twice or known already.
    """
    frame = read_frame(rows, LABEL)
    require_columns(frame, LABEL, Columns.ITEM)
    strange = [column for column in frame.columns if column not in catalogue.columns]
    if strange:
        raise DataError(
            f"{LABEL}: no column {examples(strange)} in the catalogue, which has "
            f"{examples(catalogue.columns, 20)}; drop it, or fit again with it"
        )
    frame, codec = with_ids(without_objects_but_ids(frame), Columns.ITEM)
    ids = frame[Columns.ITEM]
    if ids.null_count():
        raise DataError(f"{LABEL}: rows {examples(ids.is_null().arg_true())} have no item_id")
    if codec != items.codec:
        raise DataError(
            f"{LABEL}: 'item_id' is of type {codec.name}, in the recommender of type "
            f"{items.codec.name}; give both the same type"
        )
    twice = ids.filter(ids.is_duplicated()).unique(maintain_order=True)
    if twice.len():
        raise DataError(f"{LABEL}: given more than once: {examples(twice)}; nothing was taken in")
    known = [value for value, row in zip(ids, items.rows_of(ids), strict=True) if row >= 0]
    if known:
        raise DataError(
            f"{LABEL}: already in the catalogue: {examples(known)}; nothing was taken in"
        )
    frame = with_numbers(frame, LABEL)
    for column in (Columns.AVAILABLE_FROM, Columns.AVAILABLE_TO):
        if column in frame.columns:
            dtype = catalogue.schema.get(column)
            zone = dtype.time_zone if isinstance(dtype, pl.Datetime) else None
            frame = with_times(frame, LABEL, column, time_zone=zone or "UTC")
    read = frame.select(column for column in frame.columns if column in catalogue.columns)
    for column in read.columns:
        written = as_given(column)
        if written in frame.columns and written not in catalogue.columns:
            unread = frame.filter(pl.col(column).is_null())[written].drop_nulls()
            if unread.len():
                raise DataError(f"{LABEL}: {column!r} cannot be read: {examples(unread)}")
    given = [_of_type(read[column], catalogue.schema) for column in read.columns]
    return catalogue.clear(frame.height).with_columns(given)


def without_objects_but_ids(frame: pl.DataFrame) -> pl.DataFrame:
    """The table with Python objects written out as text, the ids left as they are."""
    return without_objects(frame.drop(Columns.ITEM)).with_columns(frame[Columns.ITEM])


def _of_type(column: pl.Series, schema: pl.Schema) -> pl.Series:
    """The column in the catalogue's type, where that loses nothing.

    Raises:
        DataError: it cannot be.
    """
    wanted, given = schema[column.name], column.dtype
    texts = (pl.String, pl.Categorical, pl.Enum)
    if given == wanted or wanted == pl.Null or (given in texts and wanted in texts):
        return column
    if column.name in Columns.NUMBERS and given.is_float() and wanted.is_integer():
        return column  # the catalogue's own widen: prices were whole until now
    kinds = (given.is_numeric(), wanted.is_numeric()), (given.is_temporal(), wanted.is_temporal())
    if given == pl.Null or any(all(kind) for kind in kinds) or given.is_nested():
        try:
            read = column.cast(wanted, strict=False)
            back = read.cast(given, strict=False)
        except pl.exceptions.PolarsError:
            read = back = column.clear(column.len())
        if given.is_nested() == wanted.is_nested() and back.eq_missing(column).all():
            return read
    raise DataError(
        f"{LABEL}: {column.name!r} holds {given} such as {examples(column.drop_nulls(), 1)}, in "
        f"the catalogue {wanted}; give the same type"
    )
