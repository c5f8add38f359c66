"""Names as they are compared: without what people write differently and mean alike."""

import polars as pl

SHORTEST = 7
"""Words of fewer letters have no misspellings: one letter makes another word of them."""
SHORTEST_SWAPPED = 5
"""… but for two letters in each other's place: that hardly ever makes another word."""
SYLLABLES = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]"
"""Scripts in which every sign is a syllable or a word: one sign makes another word."""


def normalised(text: pl.Expr) -> pl.Expr:
    """Text without case, accents, punctuation and superfluous spaces; null stays null.

    Marks that make another letter stay (outside the Latin script), and so do signs that make
    another thing: ``A+`` is not ``A``.

    >>> pl.select(normalised(pl.lit("L'Oréal  PARIS"))).item()
    'l oreal paris'
    """
    plain = text.str.to_lowercase().str.normalize("NFKD")
    plain = plain.str.replace_all(r"(\p{Latin})\p{M}+", "$1").str.normalize("NFKC")
    return plain.str.replace_all(r"[^\p{L}\p{M}\p{N}+#%]+", " ").str.strip_chars()


def may_be_misspelt(one: str, other: str, distance: int = 1) -> bool:
    """Whether two normalised texts a few letters apart may be one, misspelt.

    They may where only spaces differ, or where every word that differs does so in one letter and
    is long enough (:data:`SHORTEST`, :data:`SHORTEST_SWAPPED`). Digits never differ.

    Args:
        one: a text.
        other: another one.
        distance: letters changed, added, left out or swapped between the two.

    >>> may_be_misspelt("maybeline new york", "maybelline new york")
    True
    >>> may_be_misspelt("rose", "rosy"), may_be_misspelt("model 100", "model 101")
    (False, False)
    """
    if _digits(one) != _digits(other):
        return False
    words, others = one.split(), other.split()
    if len(words) != len(others):
        return one.replace(" ", "") == other.replace(" ", "")
    apart = [pair for pair in zip(words, others, strict=True) if pair[0] != pair[1]]
    return len(apart) >= distance and all(
        max(len(pair[0]), len(pair[1])) >= _shortest(*pair) for pair in apart
    )


def _shortest(word: str, other: str) -> int:
    return SHORTEST_SWAPPED if sorted(word) == sorted(other) else SHORTEST


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))
