"""What the names of items have in common, for catalogues that say little else."""

import polars as pl

from kg.text import normalised

LEAST_ITEMS = 3
"""A word that fewer items have joins hardly any."""
MOST_SHARE = 0.1
"""A word that more of the items have tells none from another."""
TOGETHER = 10.0
"""Two neighbouring words are a phrase when they stand together so many times more often than words
that have nothing to do with each other would (lift)."""


def vocabulary_of(names: pl.Series) -> tuple[str, ...]:
    """Words, and phrases of two words, that several items share but not most.

    Numbers are no words. Of a word that hardly ever stands outside a phrase only the phrase is
    taken.

    Args:
        names: Strings, nulls allowed; one an item.

    Returns:
        Ascending, in the form of :func:`kg.text.normalised`.

    >>> vocabulary_of(pl.Series(["Red lunch bag", "Lunch bag, blue", "Lunch bag 2", *"abc" * 9]))
    ('lunch bag',)
    """
    words, pairs = _words_and_pairs(names)
    counts = words.group_by("word").agg(pl.col("row").n_unique().alias("items"))
    n_items = max(names.len(), 1)
    usual = (pl.col("items") >= LEAST_ITEMS) & (pl.col("items") <= MOST_SHARE * n_items)
    phrases = (
        pairs.group_by("word", "first", "second")
        .agg(pl.col("row").n_unique().alias("items"))
        .filter(pl.col("items") >= LEAST_ITEMS)
        .join(counts.rename({"word": "first", "items": "n_first"}), on="first")
        .join(counts.rename({"word": "second", "items": "n_second"}), on="second")
        .filter(
            pl.col("items") * n_items / (pl.col("n_first") * pl.col("n_second")) >= TOGETHER,
            pl.col("items") <= MOST_SHARE * n_items,
        )
    )
    inside = pl.concat(
        phrases.select(pl.col(side).alias("word"), pl.col("items").alias("together"))
        for side in ("first", "second")
    )
    most = inside.group_by("word").agg(pl.col("together").max())
    alone = (
        counts.filter(usual)
        .join(most, on="word", how="left")
        .filter(pl.col("together").fill_null(0) < 0.9 * pl.col("items"))
    )
    return tuple(sorted([*alone["word"], *phrases["word"]]))


def words_in(names: pl.Series, vocabulary: tuple[str, ...]) -> pl.DataFrame:
    """The words and phrases of a vocabulary that stand in each name.

    Returns:
        ``row`` (UInt32, rising) and ``word``.
    """
    words, pairs = _words_and_pairs(names)
    found = pl.concat([words, pairs.select("row", "word")])
    known = pl.DataFrame({"word": vocabulary}, schema={"word": pl.String})
    return found.join(known, on="word", how="semi").unique().sort("row", "word")


def _words_and_pairs(names: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``row`` and ``word``; for neighbours also ``first`` and ``second``."""
    frame = names.cast(pl.String).alias("name").to_frame().with_row_index("row")
    tokens = (
        frame.select("row", normalised(pl.col("name")).str.split(" ").alias("word"))
        .explode("word")
        .with_columns(
            pl.col("word").alias("first"), pl.col("word").shift(-1).over("row").alias("second")
        )
    )
    is_word = pl.col("word").str.contains(r"^\p{L}[\p{L}\p{M}]+$")
    pairs = tokens.filter(
        is_word, pl.col("second").str.contains(r"^\p{L}[\p{L}\p{M}]+$").fill_null(value=False)
    )
    return (
        tokens.filter(is_word).select("row", "word"),
        pairs.with_columns(pl.concat_str("first", "second", separator=" ").alias("word")),
    )
