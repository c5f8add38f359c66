"""Which words of an item's text carry its text score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray
from hybridrec.fusion.pipeline import Fusion
from hybridrec.shop import Shop
from hybridrec.towers.text.tower import TextTower


@dataclass(frozen=True, slots=True)
class TextWord:
    """A word of an item's text.

    Args:
        word: in lower case.
        weight: what the text tower's contribution loses when the word is taken out of the text;
            below 0 where it gains.
    """

    word: str
    weight: float


def text_words(
    fusion: Fusion,
    shop: Shop,
    row: int,
    weights: Mapping[str, csr_array],
    scales: Mapping[str, DoubleArray],
    place: int,
) -> tuple[TextWord, ...]:
    """The words of an item's text, those that carry most of its text score first.

    The text is encoded anew without each of them (leave one out).

    Args:
        fusion: the towers.
        shop: the catalogue.
        row: the item row.
        weights: the user's weighted history by profile, ``(1, n_items)`` each.
        scales: what a unit of each scorer's score gives; see :class:`.Attribution`.
        place: which of its items this is.

    Returns:
        Those that weigh anything; none without a text tower, a history or a text.
    """
    tower = fusion.towers.get(TextTower.name)
    if not isinstance(tower, TextTower):
        return ()
    [text] = tower.reader.of(shop.catalogue[[row]])
    vectors = np.concatenate([tower.fold_in(weighted) for weighted in weights.values()])
    words, effects = tower.word_effects(text, vectors)
    by_profile = np.array([scales[f"{tower.name}/{profile}"][place] for profile in weights])
    weighed = zip(words, (effects @ by_profile).tolist(), strict=True)
    told = [TextWord(word, weight) for word, weight in weighed if weight]
    return tuple(sorted(told, key=lambda word: -abs(word.weight)))
