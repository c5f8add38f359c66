"""What cleaning does to a dataset; each fix gives a new one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.data.quality.checking import (
    Fix,
    Flagged,
    Inspection,
    Mend,
    TableName,
    as_text,
)

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

ITEM_TYPE = "item"
"""What triples call the type of items."""


def with_table(data: Dataset, table: TableName, frame: pl.DataFrame) -> Dataset:
    """The dataset with another table; it speaks for the same moment unless its last event goes."""
    match table:
        case "catalogue":
            return replace(data, catalogue=frame)
        case "triples":
            return replace(data, triples=frame)
        case "users":
            return replace(data, user_attributes=frame)
    as_of = data.as_of
    if as_of is not None and as_of == _last(data.events):
        as_of = _last(frame)
    return replace(data, events=frame, as_of=as_of)


def _last(events: pl.DataFrame) -> Any:
    last = events[Columns.TIMESTAMP].max()
    assert last is None or isinstance(last, datetime)
    return last


def flagged_rows(flagged: list[Flagged]) -> pl.Series:
    """All rows flagged, each once."""
    rows = [found.rows for found in flagged if found.rows is not None]
    return pl.concat([pl.Series(dtype=pl.UInt32), *rows]).unique().sort()


def without_rows(frame: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    """The table without these row numbers."""
    return frame.filter(~is_among(frame, rows))


def is_among(frame: pl.DataFrame, rows: pl.Series) -> pl.Series:
    """For every row of the table whether its number is one of these."""
    return pl.repeat(False, frame.height, eager=True).scatter(rows, True)


def dropping(table: TableName) -> Mend:
    """Drops the rows flagged."""

    def mend(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
        frame = inspection.table(table)
        assert frame is not None
        kept = without_rows(frame, flagged_rows(flagged))
        return with_table(inspection.data, table, kept)

    return mend


def drop_rows(table: TableName, *, by_default: bool = True) -> Fix:
    """The fix that drops the rows flagged."""
    return Fix("drops the rows", dropping(table), by_default)


def blanking(table: TableName) -> Mend:
    """Makes the values flagged null; what was written in their place goes, too."""

    def mend(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
        frame = inspection.table(table)
        assert frame is not None
        for found in flagged:
            if found.column is None or found.rows is None:
                continue
            columns = [c for c in (found.column, as_given(found.column)) if c in frame.columns]
            hit = is_among(frame, found.rows)
            frame = frame.with_columns(
                pl.when(~hit).then(pl.col(column)).alias(column) for column in columns
            )
            if len(columns) > 1 and frame[columns[1]].null_count() == frame.height:
                frame = frame.drop(columns[1])
        return with_table(inspection.data, table, frame)

    return mend


def blank_values(table: TableName, *, by_default: bool = True) -> Fix:
    """The fix that makes the values flagged null."""
    return Fix("empties the values, keeps the rows", blanking(table), by_default)


def typed_ends(triples: pl.DataFrame) -> pl.DataFrame:
    """Heads and tails as text with their types: ``head``, ``head_type``, ``tail``, ``tail_type``.

    As :meth:`kg.KnowledgeGraph.from_catalogue` reads them: a head without a type is an item, a
    tail without one is of the type that its relation is called; ids of items are not stripped.
    """
    defaults = {Columns.HEAD: pl.lit(ITEM_TYPE), Columns.TAIL: as_text(triples, Columns.RELATION)}
    columns = []
    for side, default in defaults.items():
        kind = f"{side}_type"
        given = as_text(triples, kind) if kind in triples.columns else pl.lit(None, dtype=pl.String)
        typed = given.fill_null(default).str.strip_chars()
        end = as_text(triples, side)
        columns += [
            pl.when(typed == ITEM_TYPE).then(end).otherwise(end.str.strip_chars()).alias(side),
            typed.alias(kind),
        ]
    return triples.with_columns(columns).select(
        Columns.HEAD, "head_type", Columns.TAIL, "tail_type"
    )


def mapped_items(data: Dataset, canonical: pl.DataFrame) -> Dataset:
    """The dataset with some items taken for others.

    Args:
        data: the dataset.
        canonical: ``item_id`` and ``to``, the item it is the same as; ``to`` stays in the
            catalogue, ``item_id`` leaves it.
    """
    old, new = canonical[Columns.ITEM], canonical["to"]
    item = pl.col(Columns.ITEM)
    triples = data.triples
    for side in (Columns.HEAD, Columns.TAIL):
        if triples is not None:
            triples = _mapped_side(triples, side, old, new)
    return replace(
        data,
        events=data.events.with_columns(item.replace(old, new)),
        catalogue=data.catalogue.filter(~item.is_in(old.implode()).fill_null(False)),
        triples=triples,
    )


def _mapped_side(triples: pl.DataFrame, side: str, old: pl.Series, new: pl.Series) -> pl.DataFrame:
    """The triples with other ids for the items on one side; the same where none is meant."""
    ends = typed_ends(triples)
    names = old.cast(pl.String)
    hit = ends.select((pl.col(f"{side}_type") == ITEM_TYPE) & pl.col(side).is_in(names.implode()))
    is_hit = hit.to_series().fill_null(False)
    if not is_hit.any():
        return triples
    mapped = ends[side].replace(names, new.cast(pl.String))
    if triples.schema[side].is_integer():
        mapped = mapped.cast(triples.schema[side], strict=False)
        return triples.with_columns(pl.when(is_hit).then(mapped).otherwise(side).alias(side))
    given = as_text(triples, side)
    return triples.with_columns(pl.when(is_hit).then(mapped).otherwise(given).alias(side))
