"""What an item says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

PART_SEPARATOR: Final = ". "
"""Between the parts of an item's text."""


def text_parts(catalogue: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """The texts of every item, one part a column; blank ones are left out.

    Args:
        catalogue: one row an item.
        columns: the columns to read, in this order. Lists are read as their values in a row;
            columns that the catalogue lacks say nothing.

    Returns:
        Lists of strings, ``(n_items,)``.

    >>> catalogue = pl.DataFrame({"title": ["Tea ", " "], "tags": [["hot", "new"], None]})
    >>> text_parts(catalogue, ["title", "tags"]).to_list()
    [['Tea', 'hot new'], []]
    """
    present = [column for column in columns if column in catalogue.columns]
    if not present:
        return pl.Series("parts", [[]] * catalogue.height, dtype=pl.List(pl.String))
    parts = [_written(catalogue, column).str.strip_chars() for column in present]
    filled = [pl.when(part != "").then(part) for part in parts]
    return catalogue.select(pl.concat_list(filled).list.drop_nulls().alias("parts")).to_series()


def _written(catalogue: pl.DataFrame, column: str) -> pl.Expr:
    if isinstance(catalogue.schema[column], pl.List | pl.Array):
        return pl.col(column).cast(pl.List(pl.String)).list.join(" ")
    return pl.col(column).cast(pl.String)
