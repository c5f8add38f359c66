"""The texts that are learnt from, and what the frozen layers make of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.learning.memory import GIGABYTE, require_memory
from hybridrec.progress import track
from hybridrec.towers.text.encoder import TextEncoder, TokenRow, batches
from hybridrec.towers.text.lexicon import Lexicon

STATE_BYTES = 2
"""Of one number of a kept state, in half precision."""
LEARN_TOKENS = 4_096
"""Tokens that go through the trained layers together while gradients are kept."""

log = logging.getLogger("hybridrec")


class Corpus:
    """Texts, tokenised, with the states of the frozen layers where these fit into the budget.

    Args:
        encoder: whose tokens and layers; another may take its place whose frozen layers are these.
        texts: each one once.
        budget_gb: for the states, 1 GB being 10⁹ bytes; what would take more is computed anew
            whenever it is asked for.
    """

    def __init__(self, encoder: TextEncoder, texts: Sequence[str], budget_gb: float) -> None:
        self.texts = tuple(texts)
        self.encoder = encoder
        self._tokens: list[TokenRow] = encoder.tokens(list(texts))
        self.lengths: IntArray = np.array([row.size for row in self._tokens], dtype=np.int64)
        self._ends = np.cumsum(self.lengths)
        self._lexical: FloatArray | None = None
        self._states: npt.NDArray[np.float16] | None = None
        needed = self.state_bytes
        if encoder.frozen_layers == 0:
            return
        if needed > budget_gb * GIGABYTE:
            log.info(
                "text tower: what the frozen layers compute would take %.1f GB, more than "
                "state_cache_gb (%g); it is computed at every step",
                needed / GIGABYTE,
                budget_gb,
            )
            return
        require_memory(
            needed,
            torch.device("cpu"),
            "the text tower's cache of what the frozen layers compute",
            f"lower towers.text.state_cache_gb ({budget_gb:g})",
        )
        self._states = self._computed()

    def join(self, lexicon: Lexicon | None) -> None:
        """Lets embeddings from here on be those of the encoder and, beside them, of a lexicon."""
        self._lexical = None if lexicon is None else lexicon.embed(self._tokens)

    @property
    def state_bytes(self) -> int:
        """What keeping the states takes."""
        return int(self.lengths.sum()) * self.encoder.dim * STATE_BYTES

    @property
    def kept(self) -> bool:
        """Whether the states are kept."""
        return self._states is not None

    def embed(self, chosen: IntArray) -> Tensor:
        """Embeddings of some texts by the layers as they are, ``(n, dim)``; trainable."""
        places, parts = [], []
        for batch in batches(self.lengths[chosen], LEARN_TOKENS):
            parts.append(self._upper(chosen[batch]))
            places.append(batch)
        back = torch.from_numpy(np.argsort(np.concatenate(places)))
        embedded = torch.cat(parts)[back.to(self.encoder.device)]
        if self._lexical is None:
            return embedded
        beside = torch.from_numpy(self._lexical[chosen]).to(embedded.device)
        return torch.cat([embedded, beside], dim=1)

    def embed_all(self, n: int) -> FloatArray:
        """Embeddings of the first ``n`` texts, ``(n, dim)``."""
        out = np.zeros((n, self.encoder.dim), dtype=np.float32)
        with torch.inference_mode():
            parts = batches(self.lengths[:n], self.encoder.batch_tokens)
            for batch in track(list(parts), "text tower: encoding"):
                out[batch] = self._upper(batch).cpu().numpy()
        return out if self._lexical is None else np.hstack([out, self._lexical[:n]])

    def _upper(self, chosen: IntArray) -> Tensor:
        encoder = self.encoder
        lengths = torch.from_numpy(self.lengths[chosen])
        if self._states is None:
            return encoder.upper(encoder.lower([self._tokens[text] for text in chosen]), lengths)
        longest = int(lengths.max())
        padded = np.zeros((chosen.size, longest, encoder.dim), dtype=np.float16)
        real = np.arange(longest) < self.lengths[chosen, None]
        padded[real] = self._states[self._rows(chosen)]
        return encoder.upper(torch.from_numpy(padded).to(encoder.device).float(), lengths)

    def _computed(self) -> npt.NDArray[np.float16]:
        states = np.empty((int(self.lengths.sum()), self.encoder.dim), dtype=np.float16)
        parts = batches(self.lengths, self.encoder.batch_tokens)
        for batch in track(list(parts), "text tower: frozen layers"):
            hidden = self.encoder.lower([self._tokens[text] for text in batch]).half().cpu()
            real = np.arange(hidden.shape[1]) < self.lengths[batch, None]
            states[self._rows(batch)] = hidden.numpy()[real]
        return states

    def _rows(self, chosen: IntArray) -> IntArray:
        """Where the tokens of some texts lie among all, one text after the other."""
        lengths = self.lengths[chosen]
        starts = self._ends[chosen] - lengths
        before = np.cumsum(lengths) - lengths
        rows: IntArray = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
        return rows
