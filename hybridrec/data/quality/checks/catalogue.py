"""The catalogue: one row an item, one item a product, and events on items that were there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.data.quality.checking import (
    Fix,
    Flagged,
    Inspection,
    as_text,
    quality_check,
    rows_where,
)
from hybridrec.data.quality.fixes import (
    drop_rows,
    dropping,
    flagged_rows,
    mapped_items,
    with_table,
)
from hybridrec.data.quality.wording import counted
from hybridrec.data.tables import unknown_items
from kg.text import normalised

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

SEPARATORS = r"[\s\-_./]+"
"""What people write or leave out between the parts of an id."""


@quality_check(
    "missing-catalogue-id",
    table="catalogue",
    severity="error",
    why="a row without an id describes nothing that could be recommended",
    fix=drop_rows("catalogue"),
)
def missing_catalogue_id(inspection: Inspection) -> Flagged:
    """Catalogue rows without an id."""
    rows = rows_where(inspection.catalogue, pl.col(Columns.ITEM).is_null())
    return Flagged(rows, f"{counted(rows.len(), 'row')} without an item_id", Columns.ITEM)


@quality_check(
    "duplicate-catalogue-rows",
    table="catalogue",
    severity="error",
    why="an item may have one row",
    fix=Fix("keeps the first of each", dropping("catalogue")),
)
def duplicate_catalogue_rows(inspection: Inspection) -> Flagged:
    """Catalogue rows that equal an earlier one in every column."""
    catalogue = inspection.catalogue
    repeated = ~catalogue.select(pl.struct(pl.all()).is_first_distinct()).to_series()
    rows = rows_where(catalogue, repeated & catalogue[Columns.ITEM].is_not_null())
    return Flagged(rows, f"{counted(rows.len(), 'row')} equal to an earlier one in every column")


def _first_description(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
    """One row an item: the first, its gaps filled from the later ones."""
    catalogue = inspection.catalogue
    items = catalogue[Columns.ITEM].gather(flagged_rows(flagged)).unique()
    several = catalogue[Columns.ITEM].is_in(items.implode()).fill_null(False)
    one_each = (
        catalogue.filter(several)
        .group_by(Columns.ITEM, maintain_order=True)
        .agg(pl.all().drop_nulls().first())
        .select(catalogue.columns)
    )
    mended = pl.concat([catalogue.filter(~several), one_each])
    first = several & catalogue[Columns.ITEM].is_first_distinct()
    order = pl.concat([(~several).arg_true(), first.arg_true()]).arg_sort()
    return with_table(inspection.data, "catalogue", mended[order])


@quality_check(
    "conflicting-catalogue-rows",
    table="catalogue",
    severity="error",
    why="which of them is the product? a model would learn from one and explain with another",
    fix=Fix(
        "keeps the first row of each item (the most frequent, where rows were gathered from "
        "events) and fills its gaps from the others",
        _first_description,
    ),
)
def conflicting_catalogue_rows(inspection: Inspection) -> Flagged:
    """Different rows under the same id."""
    catalogue = inspection.catalogue
    distinct = catalogue.select(pl.struct(pl.all()).is_first_distinct()).to_series().arg_true()
    items = catalogue[Columns.ITEM].gather(distinct)
    rows = distinct.filter(items.is_not_null() & items.is_duplicated())
    found = catalogue[rows]
    n_items = found[Columns.ITEM].n_unique()
    named = ""
    if Columns.TITLE in catalogue.columns:
        titles = found.group_by(Columns.ITEM).agg(pl.col(Columns.TITLE).drop_nulls().n_unique())
        named = f", {(titles[Columns.TITLE] > 1).sum():,} of them under several titles"
    return Flagged(
        rows,
        f"{counted(n_items, 'item')} with {found.height:,} different rows{named}",
        Columns.ITEM,
        examples=found.sort(Columns.ITEM, maintain_order=True),
    )


def _settled(inspection: Inspection, _: list[Flagged]) -> Dataset:
    data = inspection.data
    unknown = unknown_items(data.events, data.catalogue)
    if inspection.config.unknown_items == "add":
        added = pl.concat([data.catalogue, unknown.alias(Columns.ITEM).to_frame()], how="diagonal")
        return with_table(data, "catalogue", added)
    known = data.events.filter(~pl.col(Columns.ITEM).is_in(unknown.implode()).fill_null(False))
    return with_table(data, "events", known)


@quality_check(
    "unknown-items",
    table="events",
    severity="error",
    why="what the catalogue lacks has no words, no attributes and no place in the list",
    fix=Fix("adds the items without attributes (or drops the events, as set)", _settled),
)
def unknown_items_of_events(inspection: Inspection) -> Flagged:
    """Events on items that the catalogue lacks."""
    unknown = unknown_items(inspection.events, inspection.catalogue)
    rows = rows_where(inspection.events, pl.col(Columns.ITEM).is_in(unknown.implode()))
    detail = (
        f"{counted(unknown.len(), 'item')} that the catalogue lacks, in "
        f"{counted(rows.len(), 'event')}"
    )
    return Flagged(rows, detail, Columns.ITEM)


@quality_check(
    "never-seen-items",
    table="catalogue",
    severity="note",
    why="nobody has met them: only text and graph can bring them up",
    fix=drop_rows("catalogue", by_default=False),
)
def never_seen_items(inspection: Inspection) -> Flagged:
    """Items without an event."""
    met = inspection.events[Columns.ITEM].unique().implode()
    item = pl.col(Columns.ITEM)
    rows = rows_where(inspection.catalogue, item.is_not_null() & ~item.is_in(met))
    return Flagged(
        rows,
        f"{rows.len():,} of {inspection.catalogue.height:,} items without an event",
        Columns.ITEM,
    )


@quality_check(
    "before-available",
    table="events",
    severity="warning",
    why="either the date of the catalogue or the time of the event is wrong; and where ids are "
    "used again, it was another product",
    fix=drop_rows("events", by_default=False),
    needs=(Columns.TIMESTAMP,),
)
def before_available(inspection: Inspection) -> Flagged | None:
    """Events on items before their ``available_from``."""
    return _outside(inspection, Columns.AVAILABLE_FROM, "before")


@quality_check(
    "after-withdrawn",
    table="events",
    severity="warning",
    why="either the date of the catalogue or the time of the event is wrong",
    fix=drop_rows("events", by_default=False),
    needs=(Columns.TIMESTAMP,),
)
def after_withdrawn(inspection: Inspection) -> Flagged | None:
    """Events on items after their ``available_to``."""
    return _outside(inspection, Columns.AVAILABLE_TO, "after")


def _outside(inspection: Inspection, column: str, side: str) -> Flagged | None:
    if column not in inspection.catalogue.columns:
        return None

    def utc(time: pl.Expr) -> pl.Expr:
        return time.dt.convert_time_zone("UTC")

    limits = inspection.catalogue.select(Columns.ITEM, column).unique(Columns.ITEM, keep="first")
    moments = inspection.events.select(Columns.ITEM, Columns.TIMESTAMP).join(
        limits, on=Columns.ITEM, how="left", maintain_order="left"
    )
    moment, limit = pl.col(Columns.TIMESTAMP), pl.col(column)
    outside = moment < utc(limit) if side == "before" else moment > utc(limit)
    if side == "after":  # a limit at midnight is a day, and the whole of it counts
        within = (limit.dt.time() == pl.time(0, 0)) & (moment < utc(limit.dt.offset_by("1d")))
        outside &= ~within
    rows = rows_where(moments, outside)
    return Flagged(rows, f"{counted(rows.len(), 'event')} {side} their item's {column}", column)


def _merged(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
    """Items under one key taken for the one of them that is met most, the first of equals."""
    data = inspection.data
    met = data.events[Columns.ITEM].value_counts(name="_n")
    data = replace(data)
    for found in flagged:
        assert found.rows is not None
        keys = _KEYS[found.column or Columns.ITEM](inspection)
        group = inspection.catalogue.select(Columns.ITEM, keys.alias("_key"))[found.rows]
        group = group.join(met, on=Columns.ITEM, how="left", maintain_order="left")
        group = group.with_columns(pl.col("_n").fill_null(0))
        kept = pl.col(Columns.ITEM).sort_by("_n", descending=True, maintain_order=True).first()
        pairs = group.select(Columns.ITEM, kept.over("_key").alias("to"))
        data = mapped_items(data, pairs.filter(pl.col(Columns.ITEM) != pl.col("to")))
    return data


def _id_keys(inspection: Inspection) -> pl.Series:
    """What two spellings of one id have in common: its signs without separators, and the title.

    Null without a title: ids alone may well mean case.
    """
    catalogue = inspection.catalogue
    spaced = pl.col(Columns.ITEM).str.to_uppercase().str.replace_all(SEPARATORS, "-")
    # between digits a separator tells: 1-23 is not 12-3
    signs = spaced.str.replace_all(r"^-|-$|(\D)-", "$1").str.replace_all(r"-(\D)", "$1")
    title = normalised(as_text(catalogue, Columns.TITLE))
    key = pl.concat_str([signs, title], separator="\x1f")
    return catalogue.select(pl.when(title != "").then(key).alias("key")).to_series()


def _title_keys(inspection: Inspection) -> pl.Series:
    """The title's words and every other column that is no code, link or image.

    Null without a title or with an id twice.
    """
    catalogue = inspection.catalogue
    own = inspection.data.roles.filter(pl.col("role").is_in(["identifier", "image", "ignored"]))
    others = [c for c in catalogue.columns if c not in (*own["column"], Columns.TITLE)]
    title = normalised(as_text(catalogue, Columns.TITLE))
    whole = pl.struct(title.alias("title"), *others).hash()
    known = (title != "") & ~pl.col(Columns.ITEM).is_duplicated()
    return catalogue.select(pl.when(known).then(whole).alias("key")).to_series()


_KEYS = {Columns.ITEM: _id_keys, Columns.TITLE: _title_keys}


@quality_check(
    "id-spelling",
    table="catalogue",
    severity="warning",
    why="one product under two ids is half as popular as it is",
    fix=Fix("takes them for one item, the one met most", _merged),
    needs=(Columns.TITLE,),
)
def id_spelling(inspection: Inspection) -> Flagged | None:
    """Items under the same title whose ids differ only in case or separators."""
    catalogue = inspection.catalogue
    if catalogue.schema[Columns.ITEM] != pl.String:
        return None
    one_row = ~pl.col(Columns.ITEM).is_duplicated()
    keyed = catalogue.select(Columns.ITEM, _id_keys(inspection).alias("key"))
    several = pl.len().over("key", one_row) > 1
    rows = rows_where(keyed, one_row & several & pl.col("key").is_not_null())
    return Flagged(
        rows,
        f"{rows.len():,} ids differ from another one only in case or separators",
        Columns.ITEM,
        examples=catalogue[rows][keyed["key"].gather(rows).arg_sort()],
    )


@quality_check(
    "near-duplicate-items",
    table="catalogue",
    severity="warning",
    why="one product under two ids is half as popular as it is, and may stand twice in a list",
    fix=Fix("takes them for one item, the one met most", _merged, by_default=False),
    needs=(Columns.TITLE,),
)
def near_duplicate_items(inspection: Inspection) -> Flagged:
    """Items with the same title, but for case, accents and punctuation, and the same attributes.

    Titles that more items have than ``near_duplicates_at_most`` are a way of naming.
    """
    catalogue, config = inspection.catalogue, inspection.config
    keyed = _title_keys(inspection).to_frame()
    size = pl.len().over("key")
    few = (size > 1) & (size <= config.near_duplicates_at_most)
    rows = rows_where(keyed, pl.col("key").is_not_null() & few)
    return Flagged(
        rows,
        f"{rows.len():,} items share title and attributes with one or two others",
        Columns.TITLE,
        examples=catalogue[rows][keyed["key"].gather(rows).arg_sort()],
    )


@quality_check(
    "missing-values",
    table="catalogue",
    severity="note",
    why="what is not known of an item cannot be learnt from it, nor used in where= and caps=",
)
def missing_values(inspection: Inspection) -> Iterator[Flagged]:
    """Columns that lack many values."""
    catalogue = inspection.catalogue
    for column in catalogue.columns:
        if column == Columns.ITEM or column.endswith(as_given("")):
            continue
        absent = pl.col(column).is_null()
        if catalogue.schema[column] == pl.String:
            absent = absent | (pl.col(column).str.strip_chars() == "")
        rows = rows_where(catalogue, absent)
        share = rows.len() / max(catalogue.height, 1)
        if share > inspection.config.missing_share:
            yield Flagged(rows, f"{share:.0%} of the items have no {column}", column)
