"""What the words of a text say one by one, the rarer the louder."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray
from hybridrec.towers.text.encoder import TextEncoder, TokenRow


def rarities(tokens: list[TokenRow], vocabulary: int) -> FloatArray:
    """How rare each token is: the logarithm of texts by texts that hold it, ``(vocabulary,)``.

    Tokens that no text holds count as those that one holds.
    """
    held = _held(tokens, vocabulary).sum(axis=0)
    return np.log(max(len(tokens), 1) / np.maximum(held, 1)).astype(np.float32)


class Lexicon:
    """The mean of the encoder's own word vectors, each weighted by the rarity of its token.

    An encoder's first layer beside its last (Su et al., "Whitening Sentence Representations", 2021,
    average the two; here the projection weighs them): names of brands and lines, which the last
    layer blurs, stay what they are. Each token counts once a text, special ones never.

    Args:
        encoder: whose tokens and word vectors, as they were before anything was learnt.
        weights: ``(vocabulary,)`` of tokens, as :func:`rarities` gives them.
    """

    def __init__(self, encoder: TextEncoder, weights: FloatArray) -> None:
        self.weights = weights
        counted = weights.copy()
        special = [n for n in encoder.tokenizer.all_special_ids if n < counted.size]
        counted[special] = 0.0
        self._vectors = encoder.word_vectors[: counted.size] * counted[:, None]

    def embed(self, tokens: list[TokenRow]) -> FloatArray:
        """Unit vectors of texts, ``(n, dim)``; zeros where no token counts."""
        sums = _held(tokens, self.weights.size) @ self._vectors
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.asarray(sums / np.maximum(norms, 1e-9), dtype=np.float32)


def _held(tokens: list[TokenRow], vocabulary: int) -> csr_array:
    """Which token each text holds, ``(n_texts, vocabulary)`` of ones."""
    ends = np.cumsum([0, *(row.size for row in tokens)])
    numbers = np.concatenate([*tokens, np.zeros(0, dtype=np.int32)])
    held = csr_array(
        (np.ones(numbers.size, dtype=np.float32), numbers, ends), shape=(len(tokens), vocabulary)
    )
    held.sum_duplicates()
    held.data[:] = 1.0
    return held
