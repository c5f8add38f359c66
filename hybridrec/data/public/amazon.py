"""Amazon Beauty and Toys, 2014: what people reviewed, in order, and what the products are."""

from __future__ import annotations

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.dataset import Dataset

CO_PURCHASES = ("also_bought", "also_viewed", "bought_together")
"""Relations collected over the whole period, the test's too: they leak it."""
UNBRANDED = "1"
"""The number that stands for an empty brand among the attributes of the toys."""


def beauty(interactions: pl.DataFrame, items: pl.DataFrame) -> Dataset:
    """Amazon Beauty in order of time, to leave each user's last event out.

    Times are whole days; the order within a day is that of ``position``. The catalogue has title,
    brand and category paths. S3-Rec's attributes and the relations ``produced_by`` and
    ``belongs_to`` say the same as brand and categories and stay out.
    """
    return Dataset.from_frames(_in_order(interactions), _catalogue(items))


def toys(interactions: pl.DataFrame, items: pl.DataFrame) -> Dataset:
    """Amazon Toys in order, without times, to leave each user's last event out.

    The catalogue has title and category paths. Those of S3-Rec's attributes that are no category
    are triples: brands in the guise of numbers.
    """
    return Dataset.from_frames(
        _in_order(interactions), _catalogue(items), triples=_attribute_triples(items)
    )


def beauty_random(split: pl.DataFrame, items: pl.DataFrame) -> Dataset:
    """Amazon Beauty as PGPR and CAFE split it: no times, column ``part`` says train or test."""
    return Dataset.from_frames(split, _catalogue(items))


def beauty_random_with_co_purchases(
    split: pl.DataFrame, items: pl.DataFrame, triples: pl.DataFrame
) -> Dataset:
    """As :func:`beauty_random`, with the relations that leak the test (:data:`CO_PURCHASES`).

    Products that no user of the set met are entities of the type ``product``.
    """
    listed = pl.col(Columns.TAIL).is_in(items[Columns.ITEM].implode())
    together = triples.filter(
        pl.col(Columns.RELATION).is_in(CO_PURCHASES),
        pl.col(Columns.HEAD) != pl.col(Columns.TAIL),  # one product was bought with itself
    ).with_columns(pl.when(listed).then(pl.lit("item")).otherwise(pl.lit("product")).alias(_TYPE))
    return Dataset.from_frames(split, _catalogue(items), triples=together)


_TYPE = f"{Columns.TAIL}_type"


def _in_order(interactions: pl.DataFrame) -> pl.DataFrame:
    return interactions.sort(Columns.USER, "position").drop("position")


def _catalogue(items: pl.DataFrame) -> pl.DataFrame:
    return items.drop("s3rec_attributes")


def _attribute_triples(items: pl.DataFrame) -> pl.DataFrame:
    """The attributes that hold for other items than any single category does."""
    attributes = _long(items, "s3rec_attributes", " ").filter(pl.col("value") != UNBRANDED)
    levels = _long(_long(items, "categories", " || "), "value", " > ")
    known = _items_of_each(levels).select(Columns.ITEM)
    new = _items_of_each(attributes).join(known, on=Columns.ITEM, how="anti")
    return (
        new.explode(Columns.ITEM)
        .select(
            pl.col(Columns.ITEM).alias(Columns.HEAD),
            pl.lit("attribute").alias(Columns.RELATION),
            pl.col("value").alias(Columns.TAIL),
        )
        .sort(Columns.HEAD, Columns.TAIL)
    )


def _long(frame: pl.DataFrame, column: str, separator: str) -> pl.DataFrame:
    """A row for each item and each part of its text."""
    parts = frame.select(Columns.ITEM, pl.col(column).str.split(separator).alias("value"))
    return parts.explode("value").unique()


def _items_of_each(values: pl.DataFrame) -> pl.DataFrame:
    return values.group_by("value").agg(pl.col(Columns.ITEM).sort())
