"""The further facts that join the knowledge graph, and items the graph will know nothing of."""

from __future__ import annotations

import re

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.quality.checking import (
    Fix,
    Flagged,
    Inspection,
    as_text,
    quality_check,
    rows_where,
)
from hybridrec.data.quality.fixes import ITEM_TYPE, drop_rows, dropping, typed_ends
from hybridrec.data.quality.wording import counted
from kg.analysis.cycles import edges_in_cycles

PARTS = (Columns.HEAD, Columns.RELATION, Columns.TAIL)
UPWARD = re.compile(
    r"parent|sub_?class|sub_?category|part_of|is_a\b|broader|belongs_to", re.IGNORECASE
)
"""Names of relations that lead from the special to the general and may never lead back."""


def _triples(inspection: Inspection) -> pl.DataFrame:
    assert inspection.data.triples is not None
    return inspection.data.triples


def _relations(triples: pl.DataFrame) -> pl.Series:
    """The relations as text, as many as there are triples."""
    name = as_text(triples, Columns.RELATION).str.strip_chars()
    return triples.with_columns(name.alias(Columns.RELATION))[Columns.RELATION]


@quality_check(
    "malformed-triples",
    table="triples",
    severity="error",
    why="a fact needs a subject, a relation and an object",
    fix=drop_rows("triples"),
    needs=PARTS,
)
def malformed_triples(inspection: Inspection) -> Flagged:
    """Triples with an empty part, or with a type that is blank."""
    triples = _triples(inspection)
    types = [kind for kind in ("head_type", "tail_type") if kind in triples.columns]
    parts = [as_text(triples, part).is_null() for part in PARTS]
    blank = [as_text(triples, part).str.strip_chars() == "" for part in (*PARTS, *types)]
    rows = rows_where(triples, pl.any_horizontal(*parts, *blank))
    return Flagged(rows, f"{counted(rows.len(), 'triple')} with an empty head, relation or tail")


@quality_check(
    "duplicate-triples",
    table="triples",
    severity="note",
    why="a fact is as true once as twice",
    fix=Fix("keeps the first of each", dropping("triples")),
    needs=PARTS,
)
def duplicate_triples(inspection: Inspection) -> Flagged:
    """Triples that equal an earlier one in every column."""
    triples = _triples(inspection)
    rows = rows_where(triples, ~triples.select(pl.struct(pl.all()).is_first_distinct()).to_series())
    return Flagged(rows, f"{counted(rows.len(), 'triple')} equal to an earlier one")


@quality_check(
    "self-loops",
    table="triples",
    severity="error",
    why="nothing is its own brand, parent or substitute",
    fix=drop_rows("triples"),
    needs=PARTS,
)
def self_loops(inspection: Inspection) -> Flagged:
    """Triples that join an entity to itself."""
    same = (pl.col(Columns.HEAD) == pl.col(Columns.TAIL)) & (
        pl.col("head_type") == pl.col("tail_type")
    )
    rows = rows_where(typed_ends(_triples(inspection)), same)
    return Flagged(rows, f"{counted(rows.len(), 'triple')} from an entity to itself")


@quality_check(
    "dangling-items",
    table="triples",
    severity="error",
    why="a fact about an item that is not there joins nothing",
    fix=drop_rows("triples"),
    needs=PARTS,
)
def dangling_items(inspection: Inspection) -> Flagged:
    """Triples that name items which the catalogue lacks."""
    ids = inspection.catalogue[Columns.ITEM].cast(pl.String).drop_nulls().unique().implode()
    unknown = pl.any_horizontal(
        (pl.col(f"{side}_type") == ITEM_TYPE) & ~pl.col(side).is_in(ids)
        for side in (Columns.HEAD, Columns.TAIL)
    )
    rows = rows_where(typed_ends(_triples(inspection)), unknown)
    return Flagged(rows, f"{counted(rows.len(), 'triple')} on items that the catalogue lacks")


@quality_check(
    "contradicting-facts",
    table="triples",
    severity="warning",
    why="what nearly every item has one of, such as a maker, a few have two of: one of them is "
    "wrong",
    needs=PARTS,
)
def contradicting_facts(inspection: Inspection) -> Flagged:
    """Triples of relations that are functional for most heads, at heads with several tails."""
    triples = _triples(inspection)
    facts = pl.concat([typed_ends(triples), _relations(triples).to_frame()], how="horizontal")
    head = ["head_type", Columns.HEAD, Columns.RELATION]
    tails = facts.group_by(head).agg(pl.struct(Columns.TAIL, "tail_type").n_unique().alias("n"))
    single = tails.group_by("head_type", Columns.RELATION).agg((pl.col("n") == 1).mean())
    functional = single.filter(
        (pl.col("n") >= inspection.config.functional_share) & (pl.col("n") < 1)
    ).select("head_type", Columns.RELATION)
    several = tails.filter(pl.col("n") > 1).join(
        functional, on=["head_type", Columns.RELATION], how="semi"
    )
    rows = facts.with_row_index("row").join(several, on=head, how="semi")["row"].sort()
    order = facts[rows].select(pl.arg_sort_by(Columns.RELATION, Columns.HEAD)).to_series()
    names = ", ".join(sorted(functional[Columns.RELATION].unique().drop_nulls()))
    return Flagged(
        rows,
        f"{counted(several.height, 'entity', 'entities')} with several {names}, "
        "where nearly all others have one",
        Columns.RELATION,
        examples=triples[rows][order],
    )


@quality_check(
    "relation-cycles",
    table="triples",
    severity="warning",
    why="a class that lies within itself has no top; walking up from it never ends",
    needs=PARTS,
)
def relation_cycles(inspection: Inspection) -> Flagged | None:
    """Triples of upward relations (parent, subclass, part of …) that lie on a cycle."""
    triples = _triples(inspection)
    names = _relations(triples)
    upward = [name for name in names.unique().drop_nulls() if UPWARD.search(name)]
    ends = typed_ends(triples)
    nodes = [
        ends.select(pl.format("{}\x1f{}", f"{side}_type", side)).to_series().alias(side)
        for side in (Columns.HEAD, Columns.TAIL)
    ]
    facts = pl.DataFrame([*nodes, names]).with_row_index("row")
    facts = facts.filter(pl.col("relation").is_in(upward) & (pl.col("head") != pl.col("tail")))
    if facts.is_empty():
        return None
    cyclic = edges_in_cycles(facts["head"], facts["tail"])
    rows = facts.join(cyclic, on=["head", "tail"], how="semi")["row"].sort()
    return Flagged(rows, f"{counted(rows.len(), 'triple')} on a way from a class back to itself")


@quality_check(
    "orphan-items",
    table="catalogue",
    severity="note",
    why="no attribute and no fact joins them to other items: the graph cannot bring them up, "
    "and has no path to explain them by",
)
def orphan_items(inspection: Inspection) -> Flagged | None:
    """Items without any attribute value and without a triple."""
    catalogue, data = inspection.catalogue, inspection.data
    kinds = ("category_path", "multi_label", "category", "size")
    columns = data.roles.filter(pl.col("role").is_in(kinds))["column"].to_list()
    if not columns and data.triples is None:
        return None
    joined = pl.lit(False)
    for column in columns:
        joined = joined | as_text(catalogue, column).str.contains(r"\S").fill_null(False)
    if data.triples is not None:
        ends = typed_ends(data.triples)
        named = [
            ends.filter(pl.col(f"{s}_type") == ITEM_TYPE)[s].alias("id") for s in ("head", "tail")
        ]
        ids = pl.concat(named).unique().implode()
        joined = joined | pl.col(Columns.ITEM).cast(pl.String).is_in(ids)
    rows = rows_where(catalogue, ~joined)
    return Flagged(rows, f"{counted(rows.len(), 'item')} without attribute and fact", Columns.ITEM)
