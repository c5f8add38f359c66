"""Triples from outside the catalogue: coupons, campaigns, whatever the shop knows besides."""

import polars as pl

from kg.errors import (
    DanglingItemError,
    MalformedTripleError,
    MissingColumnError,
    SelfLoopError,
    examples,
)
from kg.facts import Facts
from kg.schema import ITEM, Relation

_REQUIRED = ("head", "relation", "tail")


def read_triples(
    triples: pl.DataFrame, known_items: pl.Series, kept_items: pl.Series
) -> list[Facts]:
    """Checks a frame of triples and groups it by relation.

    Args:
        triples: Columns ``head``, ``relation``, ``tail``; optional ``head_type`` (``"item"`` where
            missing or null), ``tail_type`` (the relation's name where missing or null) and
            ``tail_name``.
        known_items: Keys of all items of the catalogue.
        kept_items: Keys of the items that the graph is built of; triples about the other known
            items are left out with them.

    Returns:
        One :class:`~kg.facts.Facts` a relation, sorted by name, head type and tail type.

    Raises:
        MissingColumnError: When a required column is not there.
        MalformedTripleError: When a head, relation or tail is null or blank.
        SelfLoopError: When an entity is joined to itself.
        DanglingItemError: When a head or tail of type item is not in the catalogue.
    """
    missing = [column for column in _REQUIRED if column not in triples.columns]
    if missing:
        raise MissingColumnError(
            f"the triples have no column {missing[0]!r}; needed are {', '.join(_REQUIRED)}, "
            f"given are {', '.join(triples.columns)}"
        )
    complete = _complete(triples)
    _refuse_malformed(complete)
    _refuse_self_loops(complete)
    for side in ("head", "tail"):
        _refuse_dangling(complete, side, known_items)
        is_item = pl.col(f"{side}_type") == ITEM
        complete = complete.filter(~is_item | pl.col(side).is_in(kept_items.implode()))
    signature = ["relation", "head_type", "tail_type"]
    groups = complete.sort(signature, maintain_order=True).partition_by(
        signature, maintain_order=True
    )
    return [_facts_of(group) for group in groups]


def _complete(triples: pl.DataFrame) -> pl.DataFrame:
    """All six columns as strings; entity keys stripped as catalogue values are, item keys not."""
    optional = {
        "head_type": pl.lit(ITEM),
        "tail_type": pl.col("relation"),
        "tail_name": pl.lit(None),
    }
    texts = triples.select(
        pl.col(column).cast(pl.String)
        for column in (*_REQUIRED, *(name for name in optional if name in triples.columns))
    ).with_columns(pl.col("relation").str.strip_chars())
    for column, default in optional.items():
        given = pl.coalesce(column, default) if column in texts.columns else default
        texts = texts.with_columns(given.cast(pl.String).str.strip_chars().alias(column))
    return texts.with_columns(
        pl.when(pl.col(f"{side}_type") == ITEM)
        .then(pl.col(side))
        .otherwise(pl.col(side).str.strip_chars())
        .alias(side)
        for side in ("head", "tail")
    )


def _refuse_malformed(triples: pl.DataFrame) -> None:
    for column in (*_REQUIRED, "head_type", "tail_type"):
        blank = (pl.col(column).str.strip_chars().str.len_chars() == 0).fill_null(value=True)
        rows = triples.with_row_index("row").filter(blank).get_column("row")
        if len(rows):
            raise MalformedTripleError(
                f"{len(rows)} triples have no {column}, the first in row {rows[0]}; a triple "
                "needs a head, a relation and a tail that are not blank"
            )


def _refuse_self_loops(triples: pl.DataFrame) -> None:
    same = (pl.col("head") == pl.col("tail")) & (pl.col("head_type") == pl.col("tail_type"))
    loops = triples.filter(same)
    if loops.height:
        raise SelfLoopError(
            f"{loops.height} triples join an entity to itself ({examples(loops['head'])} under "
            f"relation {loops['relation'][0]!r}); a head and its tail must differ"
        )


def _refuse_dangling(triples: pl.DataFrame, side: str, known_items: pl.Series) -> None:
    items = (
        triples.filter(pl.col(f"{side}_type") == ITEM).get_column(side).unique(maintain_order=True)
    )
    dangling = items.filter(~items.is_in(known_items.implode()))
    if len(dangling):
        raise DanglingItemError(
            f"{len(dangling)} items of the triples' column {side!r} are not in the catalogue: "
            f"{examples(dangling)}; add them to it, leave these triples out, or give another "
            f"{side}_type"
        )


def _facts_of(group: pl.DataFrame) -> Facts:
    name, head_type, tail_type = group.select("relation", "head_type", "tail_type").row(0)
    labels = group.filter(pl.col("tail_name").str.len_chars() > 0)
    names = labels.select(pl.col("tail_type").alias("type"), key="tail", name="tail_name")
    relation = Relation(name, head_type, tail_type)
    return Facts(relation, group.select("head", "tail"), names.cast(pl.String))
