"""Book-Crossing: who read which book, and the books' neighbourhood in Freebase."""

from __future__ import annotations

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.dataset import Dataset


def book_crossing(
    interactions: pl.DataFrame, links: pl.DataFrame, triples: pl.DataFrame
) -> Dataset:
    """Book-Crossing with its Freebase triples; column ``part`` says train, valid or test.

    No times, and no catalogue but the ids. Entities and relations are anonymous numbers; an entity
    that is a book goes by the book's id, all others are of the type ``entity``.
    """
    relation = pl.format("relation_{}", pl.col(Columns.RELATION)).alias(Columns.RELATION)
    triples = triples.with_columns(relation)
    for side in (Columns.HEAD, Columns.TAIL):
        triples = _with_items(triples, links, side)
    return Dataset.from_frames(interactions, links.select(Columns.ITEM), triples=triples)


def _with_items(triples: pl.DataFrame, links: pl.DataFrame, side: str) -> pl.DataFrame:
    """Heads or tails by the id of the book where they are one, and their type beside them."""
    linked = triples.join(
        links, left_on=side, right_on="entity_id", how="left", maintain_order="left"
    )
    book = pl.col(Columns.ITEM).is_not_null()
    return linked.with_columns(
        pl.coalesce(Columns.ITEM, side).alias(side),
        pl.when(book).then(pl.lit("item")).otherwise(pl.lit("entity")).alias(f"{side}_type"),
    ).drop(Columns.ITEM)
