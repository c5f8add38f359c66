"""MovieLens 100k: ratings of films, their genres and plots, and what DBpedia says of them."""

from __future__ import annotations

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.dataset import Dataset

UNKNOWN = ("unknown", "unkonwn")
"""How the set writes that it does not know."""
SUBJECT = "subject"
"""The relation to a film's Wikipedia categories; all others lead to those who made the film."""
BEFORE_NAME = r"^https?://(?:dbpedia\.org/resource/(?:Category:)?)?"
"""What stands before the name in the address of a DBpedia resource."""


def movielens_100k(
    interactions: pl.DataFrame, items: pl.DataFrame, triples: pl.DataFrame
) -> Dataset:
    """MovieLens 100k: every rating an event, its stars the value.

    People and companies are entities of one type, ``maker``, whatever they did for a film, so that
    an actor who directs is one person.
    """
    events = interactions.with_columns(pl.lit("rating").alias(Columns.EVENT))
    return Dataset.from_frames(
        events, _catalogue(items), triples=_named(triples), columns={"rating": Columns.VALUE}
    )


def _catalogue(items: pl.DataFrame) -> pl.DataFrame:
    def known(column: str) -> pl.Expr:
        return pl.when(~pl.col(column).is_in(UNKNOWN)).then(pl.col(column)).alias(column)

    return items.select(
        Columns.ITEM,
        known(Columns.TITLE),
        Columns.DESCRIPTION,
        known("year"),
        known("genres").str.split(" "),
    )


def _named(triples: pl.DataFrame) -> pl.DataFrame:
    """Readable names for the resources, ``1995 animated films`` for ``…/Category:1995_…``."""
    maker = pl.when(pl.col(Columns.RELATION) != SUBJECT).then(pl.lit("maker"))
    name = pl.col(Columns.TAIL).str.replace(BEFORE_NAME, "").str.strip_chars_end("/")
    name = name.str.replace_all("_", " ", literal=True)
    return triples.with_columns(
        maker.otherwise(pl.lit(SUBJECT)).alias("tail_type"), name.alias("tail_name")
    )
