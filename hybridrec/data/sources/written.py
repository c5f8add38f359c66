"""Columns of text files as what they hold: whole numbers, decimals, truth values or text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.sources.frames import Table

_IDS: Final = (Columns.USER, Columns.ITEM, Columns.SESSION)
_TEXT: Final = frozenset(
    {
        *_IDS,
        *Columns.OF_ITEMS,
        Columns.EVENT,
        Columns.PLATFORM,
        Columns.HEAD,
        Columns.RELATION,
        Columns.TAIL,
        "head_type",
        "tail_type",
        "tail_name",
        "platform_user_id",
    }
)
"""Columns that are text whatever stands in them, and ids, which are read across all tables."""
_TIMES: Final = (Columns.TIMESTAMP, Columns.AVAILABLE_FROM, Columns.AVAILABLE_TO)
_CODE: Final = r"^(\+|-?0\d|\d{19})"
"""How a number begins that is rather a code: to read it as a number would lose digits."""
_SAMPLE: Final = 1000


def with_types(
    tables: Mapping[str, Table], written: Collection[str], *, times_as_text: bool = False
) -> dict[str, Table]:
    """The tables with the columns of text files as what they hold.

    A column is of numbers when every value is one; one value that is none makes it text. Times
    stay text for :func:`~hybridrec.data.times.with_times`. Ids are integers only where every id of
    that kind, in all tables, is written as an integer is (``123``, not ``00123``): so the ids of
    events and catalogue meet.

    Args:
        tables: the tables by name, with hybridrec's column names.
        written: the names of those that come from text files, all columns text.
        times_as_text: whether times that are written as numbers stay text, too.
    """
    kept = _TEXT | set(_TIMES if times_as_text else ())
    typed = {name: table.frame for name, table in tables.items()}
    for name in written:
        frame = typed[name]
        for column in set(frame.columns) - kept:
            frame = frame.with_columns(_as_held(frame[column]))
        typed[name] = frame
    for column in _IDS:
        _meet(typed, column, written)
    return {name: replace(table, frame=typed[name]) for name, table in tables.items()}


def _as_held(text: pl.Series) -> pl.Series:
    if text.dtype != pl.String:
        return text
    first = _without_blank(text).drop_nulls().head(_SAMPLE)  # show at once what most are not
    for read in (_integers, _decimals, _truths):
        if read(first) is not None and (held := read(text)) is not None:
            return held
    return text


def _integers(text: pl.Series) -> pl.Series | None:
    """The values as integers where each is written as Python writes it, blank ones null."""
    filled = _without_blank(text)
    read = filled.cast(pl.Int64, strict=False)
    same = (read.cast(pl.String) == filled).fill_null(False)
    return read if (same | filled.is_null()).all() and read.null_count() < read.len() else None


def _decimals(text: pl.Series) -> pl.Series | None:
    filled = _without_blank(text)
    read = filled.cast(pl.Float64, strict=False)
    if read.null_count() > filled.null_count() or not read.is_finite().all():
        return None
    return None if read.null_count() == read.len() or filled.str.contains(_CODE).any() else read


def _truths(text: pl.Series) -> pl.Series | None:
    filled = _without_blank(text).str.to_lowercase()
    known = filled.is_in(["true", "false"])
    return filled == "true" if known.all() and known.null_count() < known.len() else None


def _without_blank(text: pl.Series) -> pl.Series:
    return pl.select(pl.when(text != "").then(text)).to_series().alias(text.name)


def _meet(frames: dict[str, pl.DataFrame], column: str, written: Collection[str]) -> None:
    """Gives one kind of id the same type in all frames, where some of them come from text."""
    holding = [name for name, frame in frames.items() if column in frame.columns]
    if not set(holding) & set(written):
        return
    ids = {name: frames[name][column] for name in holding}
    read = {name: _integers(values) for name, values in ids.items() if values.dtype == pl.String}
    typed_text = any(name not in written for name in read)
    if typed_text or any(values is None for values in read.values()):
        met = {n: ids[n].cast(pl.String) for n in holding if ids[n].dtype.is_integer()}
    else:
        met = {name: values for name, values in read.items() if values is not None}
    for name, values in met.items():
        frames[name] = frames[name].with_columns(values.alias(column))
