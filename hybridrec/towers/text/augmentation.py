"""Altered copies of texts to train on, as in EDA.

Wei and Zou, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text
Classification Tasks", EMNLP-IJCNLP 2019: synonyms, here the shop's own, put for words, words
swapped, words deleted. Beyond the paper, whole parts of a text are left out, a part being what one
column of the catalogue says.

A word is a run of characters without spaces or, in scripts without spaces, such as Chinese and
Japanese, a single character. No function makes an empty text of one that is not.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import NamedTuple

import numpy as np

from hybridrec.arrays import IntArray
from hybridrec.data.texts import PART_SEPARATOR, UNSPACED
from hybridrec.towers.text.config import TextAugmentationConfig

_WORD = re.compile(rf"[{UNSPACED}]|[^\s{UNSPACED}]+")
_NEEDLESS_SPACE = re.compile(rf"(?<=[{UNSPACED}]) | (?=[{UNSPACED}])")
_TOKEN = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+|\S")


class Synonyms(NamedTuple):
    """What may stand for words and phrases, ready to be found in a text.

    Args:
        choices: what may stand for a phrase, given as its tokens.
        longest: tokens of the longest phrase.
    """

    choices: Mapping[tuple[str, ...], Sequence[str]]
    longest: int

    @classmethod
    def of(cls, synonyms: Mapping[str, Sequence[str]]) -> Synonyms:
        """Takes on phrase → what may stand for it.

        Phrases are found whatever their case and as whole words only, which in scripts without
        spaces may begin and end anywhere; where several fit in one place, the longest is taken.
        """
        found = {tuple(_TOKEN.findall(phrase.casefold())): synonyms[phrase] for phrase in synonyms}
        return cls(found, max(map(len, found), default=0))


def text_variants(
    parts: Sequence[str], settings: TextAugmentationConfig, synonyms: Synonyms, seed: int = 0
) -> list[str]:
    """Altered copies of one text, which depend on text, settings and seed alone.

    Args:
        parts: the text, one part a column.
        settings: how many copies, and the chance of each alteration.
        synonyms: those of the settings.
        seed: of all that is random.

    Returns:
        ``settings.variants`` texts, some of them maybe as the text was.

    >>> settings = TextAugmentationConfig(variants=2, synonyms={"garden": ["yard"]})
    >>> synonyms = Synonyms.of(settings.synonyms)
    >>> text_variants(["rose garden spade", "made of steel"], settings, synonyms, seed=1)
    ['rose yard spade. of steel', 'made of steel']
    """
    text = PART_SEPARATOR.join(parts)
    random = np.random.default_rng([seed, zlib.crc32(text.encode())])
    return [_variant(parts, settings, synonyms, random) for _ in range(settings.variants)]


def text_versions(paired: IntArray, altered: list[list[str]], n_texts: int) -> IntArray:
    """What may be drawn for each text: itself, or an altered copy where there are some.

    Args:
        paired: the texts with altered copies.
        altered: their copies, equally many of each.
        n_texts: how many texts there are; their copies are numbered from there.

    Returns:
        ``(n_texts, 1 + copies)`` numbers of texts and copies.

    >>> text_versions(np.array([0, 2]), [["a", "b"], ["c", "d"]], n_texts=3)
    array([[0, 3, 4],
           [1, 1, 1],
           [2, 5, 6]])
    """
    n_copies = len(altered[0]) if altered else 0
    versions = np.repeat(np.arange(n_texts)[:, None], 1 + n_copies, axis=1)
    copies = n_texts + np.arange(paired.size * n_copies)
    versions[paired, 1:] = copies.reshape(paired.size, n_copies)
    return versions


def some_of(texts: Sequence[str], dropout: float, random: np.random.Generator) -> list[str]:
    """Parts or words in their order, each left out by chance; one at least stays."""
    if not texts:
        return []
    kept = random.random(len(texts)) >= dropout
    if not kept.any():
        kept[random.integers(len(texts))] = True
    return list(compress(texts, kept))


def with_synonyms(text: str, synonyms: Synonyms, chance: float, random: np.random.Generator) -> str:
    """The text, each word and phrase that has synonyms replaced by one of them by chance.

    >>> synonyms = Synonyms.of({"couch": ["sofa"], "面膜": ["面贴"]})
    >>> with_synonyms("Couch for couches, 补水面膜10片", synonyms, 1.0, np.random.default_rng(0))
    'sofa for couches, 补水面贴10片'
    """
    tokens = list(_TOKEN.finditer(text))
    folded = [token[0].casefold() for token in tokens]
    made, done, place = [], 0, 0
    while place < len(tokens):
        sizes = range(min(synonyms.longest, len(tokens) - place), 0, -1)
        phrases = (tuple(folded[place : place + size]) for size in sizes)
        phrase = next((phrase for phrase in phrases if phrase in synonyms.choices), ())
        if phrase and random.random() < chance:
            choices = synonyms.choices[phrase]
            choice = choices[int(random.integers(len(choices)))]
            made += [text[done : tokens[place].start()], choice]
            done = tokens[place + len(phrase) - 1].end()
        place += max(len(phrase), 1)
    return "".join([*made, text[done:]])


def with_swaps(words: Sequence[str], chance: float, random: np.random.Generator) -> list[str]:
    """The words, each changing places with any other one by chance."""
    swapped, n = list(words), len(words)
    for place in np.flatnonzero(random.random(n) < chance) if n > 1 else ():
        other = (place + random.integers(1, n)) % n
        swapped[place], swapped[other] = swapped[other], swapped[place]
    return swapped


def words_of(text: str) -> list[str]:
    """The words of a text.

    >>> words_of("Rose cream, 补水 x2")
    ['Rose', 'cream,', '补', '水', 'x2']
    """
    return _WORD.findall(text)


def text_of(words: Sequence[str]) -> str:
    """The words as a text, without spaces where their script has none.

    >>> text_of(["Rose", "cream,", "补", "水", "x2"])
    'Rose cream,补水x2'
    """
    return _NEEDLESS_SPACE.sub("", " ".join(words))


def _variant(
    parts: Sequence[str],
    settings: TextAugmentationConfig,
    synonyms: Synonyms,
    random: np.random.Generator,
) -> str:
    kept = some_of(parts, settings.attribute_dropout, random)
    text = with_synonyms(PART_SEPARATOR.join(kept), synonyms, settings.synonym_chance, random)
    words = some_of(words_of(text), settings.word_deletion, random)
    return text_of(with_swaps(words, settings.word_swap, random))
