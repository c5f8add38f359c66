"""What an item says of itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

_KANA_AND_HAN: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
UNSPACED: Final = f"\u3001-\u303f{_KANA_AND_HAN}\uff01-\uffee"
"""Characters of scripts without spaces, their punctuation and full-width forms included, as they
stand in a regular expression's brackets."""
WORD: Final = rf"[{_KANA_AND_HAN}]|[^\W_{UNSPACED}]+"
"""A word as a regular expression; in scripts without spaces every character is one."""
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


def words(texts: pl.Series) -> pl.Series:
    """The words of every text in lower case, without punctuation; see :data:`WORD`.

    >>> words(pl.Series(["Anti-Aging Cream 50ml", "保湿 cream", ""])).to_list()
    [['anti', 'aging', 'cream', '50ml'], ['保', '湿', 'cream'], []]
    """
    return texts.str.to_lowercase().str.extract_all(WORD)


def _written(catalogue: pl.DataFrame, column: str) -> pl.Expr:
    if isinstance(catalogue.schema[column], pl.List | pl.Array):
        return pl.col(column).cast(pl.List(pl.String)).list.join(" ")
    return pl.col(column).cast(pl.String)
