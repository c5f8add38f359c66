"""What the words of a text say one by one, the rarer the louder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray, NamedArrays
from hybridrec.towers.text.encoder import TextEncoder, TokenRow

AXES: Final = 384
"""Most axes of the words that texts share."""
AXES_TEXTS: Final = 50_000
"""Of larger catalogues, the axes are found from so many texts, drawn at random."""
OVERSAMPLING: Final = 32
POWER_ITERATIONS: Final = 3


class Lexicon:
    """Two views of a text's words, side by side, each a unit vector.

    - The mean of the encoder's own word vectors, each weighted by the rarity of its token: an
      encoder's first layer beside its last (Su et al., "Whitening Sentence Representations", 2021,
      average the two; here the projection weighs them). Names of brands and lines, which the last
      layer blurs, stay what they are.
    - The text on the axes along which the catalogue's words vary most (latent semantic analysis,
      Deerwester et al. 1990; by randomised SVD, Halko et al. 2011). What a word means is what this
      shop says beside it, whatever the encoder was taught.

    Each token counts once a text, special ones never.

    Args:
        encoder: whose tokens and word vectors, as they were before anything was learnt.
        rarities: ``(vocabulary,)`` how much each token counts: the logarithm of texts by texts that
            hold it.
        words: ``(n_words,)`` tokens that have a place on the axes.
        axes: ``(n_words, n_axes)`` where.
    """

    def __init__(
        self, encoder: TextEncoder, rarities: FloatArray, words: IntArray, axes: FloatArray
    ) -> None:
        self.rarities, self.words, self.axes = rarities, words, axes
        counted = rarities.copy()
        special = [n for n in encoder.tokenizer.all_special_ids if n < counted.size]
        counted[special] = 0.0
        self._vectors = encoder.word_vectors[: counted.size] * counted[:, None]
        self._weighted_axes = axes * rarities[words, None]

    @classmethod
    def of(cls, encoder: TextEncoder, tokens: list[TokenRow], seed: int) -> Self:
        """The lexicon of a catalogue.

        Tokens that no text holds are as rare as those that one holds. On the axes are those that at
        least two texts hold, and not all.
        """
        held = _held(tokens, encoder.word_vectors.shape[0])
        counts = held.sum(axis=0)
        rarities = np.log(max(len(tokens), 1) / np.maximum(counts, 1)).astype(np.float32)
        words = np.flatnonzero((counts > 1) & (counts < len(tokens)))
        random = np.random.default_rng(seed)
        if len(tokens) > AXES_TEXTS:
            held = csr_array(held[np.sort(random.choice(len(tokens), AXES_TEXTS, replace=False))])
        return cls(
            encoder, rarities, words, _axes(csr_array(held[:, words]), rarities[words], random)
        )

    @property
    def width(self) -> int:
        """Of what :meth:`embed` gives."""
        return int(self._vectors.shape[1] + self.axes.shape[1])

    def embed(self, tokens: list[TokenRow]) -> FloatArray:
        """Both views of texts, ``(n, width)``; zeros where no token counts."""
        held = _held(tokens, self.rarities.size)
        views = held @ self._vectors, csr_array(held[:, self.words]) @ self._weighted_axes
        return np.hstack([_unit(view) for view in views])

    def state(self) -> NamedArrays:
        """What it takes to make it again, as arrays."""
        return {"rarities": self.rarities, "words": self.words, "axes": self.axes}

    @classmethod
    def restored(cls, encoder: TextEncoder, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """From a saved :meth:`state`."""
        return cls(encoder, arrays["rarities"], arrays["words"], arrays["axes"])


def _axes(held: csr_array, rarities: FloatArray, random: np.random.Generator) -> FloatArray:
    """Right singular vectors of texts of unit length, widest first, ``(n_words, at most AXES)``."""
    n_texts, n_words = held.shape
    n_axes = min(AXES, n_texts, n_words)
    if not n_axes:
        return np.zeros((n_words, 0), dtype=np.float32)
    values = rarities[held.indices]
    rows = np.repeat(np.arange(n_texts), np.diff(held.indptr))
    lengths = np.sqrt(np.bincount(rows, np.square(values), minlength=n_texts))
    places = torch.from_numpy(np.stack([rows, held.indices]))
    matrix = torch.sparse_coo_tensor(
        places,
        torch.from_numpy((values / lengths[rows]).astype(np.float32)),
        held.shape,
        check_invariants=True,
    )
    drawn = min(n_axes + OVERSAMPLING, n_texts, n_words)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(random.integers(2**31)))
        axes = torch.svd_lowrank(matrix, drawn, POWER_ITERATIONS)[2]
    return np.ascontiguousarray(axes[:, :n_axes].numpy(), dtype=np.float32)


def _unit(vectors: FloatArray) -> FloatArray:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), dtype=np.float32)


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
