"""Values that are one word written in several ways."""

from __future__ import annotations

import numpy as np
import polars as pl

from kg.text import SHORTEST_SWAPPED, SYLLABLES, may_be_misspelt, normalised

MOST_VALUES = 20_000
"""Columns with more different values are looked through for case and spaces only."""

BLOCK = 1_000
"""Values compared with all others at a time."""


def usual_spellings(values: pl.Series, frequency: float) -> pl.DataFrame:
    """For values that are another one's misspelling, what they should be.

    Values that differ only in case, accents, punctuation and spaces are the most frequent of them.
    A value one letter away from one that is ``frequency`` times as frequent is that one, where the
    letter is in a word of seven or more, or the difference a space, or two letters of a word of
    five or more in each other's place. Values that differ in a digit never are.
    What is counted together may be ``frequency`` times a third value, and so on to the end.

    Args:
        values: strings, null where there is none.
        frequency: how many times as frequent the right one is.

    Returns:
        ``value`` and ``usual``, one row a misspelled value.
    """
    counts = values.drop_nulls().alias("value").value_counts(sort=True, name="n")
    counts = counts.sort("n", "value", descending=[True, False])
    counts = counts.with_columns(normalised(pl.col("value")).alias("key"))
    counts = counts.filter(pl.col("key") != "").with_columns(
        pl.col("value").first().over("key").alias("usual"),
        pl.col("n").sum().over("key").alias("all"),
    )
    keys = counts.unique("key", keep="first", maintain_order=True)
    if keys.height <= MOST_VALUES:
        right = _right_keys(keys, frequency)
        spelt = keys.select(pl.col("key").alias("right"), pl.col("usual").alias("right_usual"))
        counts = (
            counts.with_columns(pl.col("key").replace(right).alias("right"))
            .join(spelt, on="right", how="left", maintain_order="left")
            .with_columns(pl.col("right_usual").alias("usual"))
        )
    return counts.filter(pl.col("value") != pl.col("usual")).select("value", "usual")


def _right_keys(keys: pl.DataFrame, frequency: float) -> dict[str, str]:
    """For misspelled keys those that they should be; as counts add up, more may turn out to be."""
    worded = keys.filter(
        (pl.col("key").str.len_chars() >= SHORTEST_SWAPPED) & ~pl.col("key").str.contains(SYLLABLES)
    )
    counts = dict(zip(worded["key"], worded["all"], strict=True))
    right: dict[str, str] = {}
    pairs = _one_letter_apart(worded, frequency)
    while found := _rare_beside_usual(pairs, counts, frequency):
        for wrong, usual in found.items():
            counts[usual] += counts.pop(wrong)
        right = {wrong: found.get(usual, usual) for wrong, usual in (right | found).items()}
    return right


def _rare_beside_usual(
    pairs: list[tuple[str, str]], counts: dict[str, int], frequency: float
) -> dict[str, str]:
    """The rarest of the values that have one so much more frequent, and that one."""
    found: dict[str, str] = {}
    for one, other in pairs:
        if one in counts and other in counts and counts[one] * frequency <= counts[other]:
            best = found.get(one)
            if best is None or counts[other] > counts[best]:
                found[one] = other
    # what is itself about to be taken for another value waits until that is done
    return {wrong: usual for wrong, usual in found.items() if usual not in found}


def _one_letter_apart(keys: pl.DataFrame, frequency: float) -> list[tuple[str, str]]:
    """Pairs of keys that differ as a misspelling and the right spelling do, in this order."""
    from rapidfuzz.distance import OSA
    from rapidfuzz.process import cdist

    rare = keys.filter(pl.col("all") * frequency <= pl.col("all").sum())["key"].to_list()
    usual = keys.filter(pl.col("all") >= frequency)["key"].to_list()
    pairs = []
    for start in range(0, len(rare), BLOCK):
        block = rare[start : start + BLOCK]
        away = cdist(block, usual, scorer=OSA.distance, score_cutoff=1, dtype=np.uint8)
        near = ((block[row], usual[place]) for row, place in np.argwhere(away == 1))
        pairs += [pair for pair in near if may_be_misspelt(*pair)]
    return pairs
