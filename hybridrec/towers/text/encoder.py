"""A BERT encoder whose lower layers are frozen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.progress import track
from hybridrec.towers.text.adapters import inject_adapters
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.loading import load_encoder
from hybridrec.towers.text.precision import computing, quantised

ENCODE_TOKENS: Final = {"cpu": 2_048, "cuda": 65_536}
"""Tokens of one encoding batch: few enough that what a CPU computes stays in its caches (batches
eight times as large take half as long again); as many as keep a GPU busy."""
LONGEST_WORDS: Final = 16
"""Characters that a token stands for at most, on average over a text: longer texts are cut before
they are read, for reading ten thousand words to drop all but the first is slow."""

TokenRow = npt.NDArray[np.int32]


class TextEncoder(nn.Module):
    """Mean-pooled BERT embeddings of unit length.

    Encoders that do not keep their layers under ``encoder.layer``, as BERT, RoBERTa and their kin
    do, have no frozen layers: they are trained whole.

    Args:
        config: the encoder's name, what of it is trained, and how exactly it computes.
        device: where it runs.

    Raises:
        ConfigError: the model or its tokenizer cannot be loaded.
    """

    def __init__(self, config: TextConfig, device: torch.device) -> None:
        super().__init__()
        self.tokenizer, self.model = load_encoder(config.encoder)
        self.max_tokens = min(
            config.max_tokens, self.tokenizer.model_max_length, _positions(self.model)
        )
        self.precision = config.precision
        self.device = device
        layers = getattr(getattr(self.model, "encoder", None), "layer", None)
        self.frozen_layers = min(config.frozen_layers, len(layers)) if layers is not None else 0
        self.model.requires_grad_(config.tuning == "full" and self.frozen_layers == 0)
        if config.tuning == "lora":
            path = "" if layers is None else "encoder.layer"
            # adapters begin with random numbers
            with torch.random.fork_rng():
                torch.manual_seed(0)
                inject_adapters(self.model, path, self.frozen_layers, config.lora)
        elif config.tuning == "full" and layers is not None:
            layers[self.frozen_layers :].requires_grad_(True)
        self.word_vectors: FloatArray = _word_vectors(self.model, copied=self.frozen_layers == 0)
        """``(vocabulary, dim)`` what the encoder knows of each token by itself, before learning."""
        self.batch_tokens = ENCODE_TOKENS.get(device.type, ENCODE_TOKENS["cpu"])
        """Tokens of a batch that is encoded, padding included; short texts go in larger batches."""
        self.to(device).eval()
        self._quantised: nn.Module | None = None

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return int(self.model.config.hidden_size)

    @property
    def trained_layers(self) -> int:
        """How many layers gradients pass through."""
        return int(getattr(self.model.config, "num_hidden_layers", 1)) - self.frozen_layers

    @property
    def longest(self) -> int:
        """How many characters of a text are read at most."""
        return int(self.max_tokens) * LONGEST_WORDS

    def tokens(self, texts: list[str]) -> list[TokenRow]:
        """Token numbers of every text, special tokens included."""
        if not texts:
            return []
        read = [text[: self.longest] for text in texts]
        encoded = self.tokenizer(read, truncation=True, max_length=self.max_tokens)
        return [np.asarray(row, dtype=np.int32) for row in encoded["input_ids"]]

    def lower(self, tokens: list[TokenRow]) -> Tensor:
        """What the frozen layers make of a batch of texts, ``(n, longest, dim)``.

        Without frozen layers these are the token numbers, ``(n, longest)``.
        """
        with torch.no_grad(), computing(self.precision, self.device):
            return self._lower(self.model, tokens)

    def upper(self, hidden: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings of unit length from what :meth:`lower` gave, ``(n, dim)``; trainable.

        Args:
            hidden: padded behind each text.
            lengths: ``(n,)`` tokens of each text.
        """
        with computing(self.precision, self.device):
            return self._upper(self.model, hidden, self.mask(lengths))

    def mask(self, lengths: Tensor) -> Tensor:
        """Which tokens of padded texts are real, ``(n, longest)``."""
        return (torch.arange(int(lengths.max())) < lengths[:, None]).to(self.device)

    def encode(self, texts: list[str]) -> FloatArray:
        """Embeddings of unit length, ``(n, dim)``; every distinct text is encoded once."""
        distinct, places = np.unique(np.array(texts, dtype=object), return_inverse=True)
        tokens = self.tokens(distinct.tolist())
        lengths = np.array([row.size for row in tokens])
        out = np.zeros((distinct.size, self.dim), dtype=np.float32)
        model = self._encoding_model()
        with torch.inference_mode():
            for batch in track(list(batches(lengths, self.batch_tokens)), "text tower: encoding"):
                out[batch] = self._encoded(model, [tokens[text] for text in batch])
        return out[places]

    def trained_parameters(self) -> dict[str, Tensor]:
        """The parameters that fine-tuning may change, by name."""
        named = self.model.named_parameters()
        return {name: value for name, value in named if value.requires_grad}

    def changed(self) -> None:
        """Says that parameters were changed, so that nothing made from the old ones is used."""
        self._quantised = None

    def _encoding_model(self) -> Any:
        if self.precision != "int8" or self.device.type != "cpu":
            return self.model
        if self._quantised is None:
            self._quantised = quantised(self.model)
        return self._quantised

    def _encoded(self, model: Any, tokens: list[TokenRow]) -> FloatArray:
        lengths = torch.tensor([row.size for row in tokens])
        # quantised layers take and give float32
        precision = "float32" if model is not self.model else self.precision
        with computing(precision, self.device):
            embedded = self._upper(model, self._lower(model, tokens), self.mask(lengths))
            return np.asarray(embedded.cpu().numpy())

    def _lower(self, model: Any, tokens: list[TokenRow]) -> Tensor:
        padding = self.tokenizer.pad_token_id or 0
        rows = [torch.from_numpy(row).long() for row in tokens]
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
        ids = ids.to(self.device)
        if self.frozen_layers == 0:
            return ids
        mask = self.mask(torch.tensor([row.size for row in tokens]))
        hidden = model.embeddings(input_ids=ids)
        return self._layers(model, hidden, mask, slice(None, self.frozen_layers))

    def _upper(self, model: Any, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.frozen_layers == 0:
            hidden = model(input_ids=hidden.long(), attention_mask=mask).last_hidden_state
        else:
            hidden = self._layers(model, hidden, mask, slice(self.frozen_layers, None))
        real = mask[:, :, None]
        mean = (hidden.float() * real).sum(1) / real.sum(1).clamp(min=1)
        return nn.functional.normalize(mean, dim=1)

    def _layers(self, model: Any, hidden: Tensor, mask: Tensor, chosen: slice) -> Tensor:
        for layer in model.encoder.layer[chosen]:
            output: Any = layer(hidden, attention_mask=mask[:, None, None, :])
            hidden = output if isinstance(output, Tensor) else output[0]
        return hidden


def batches(lengths: IntArray, tokens: int) -> Iterator[IntArray]:
    """Texts of similar length together, each batch about as many tokens.

    Args:
        lengths: ``(n,)`` tokens of each text.
        tokens: of one batch, padding included.

    >>> [batch.tolist() for batch in batches(np.array([2, 9, 2, 3]), tokens=9)]
    [[0, 2, 3], [1]]
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < order.size:
        cost = lengths[order[start:]] * np.arange(1, order.size - start + 1)
        size = max(1, int(np.searchsorted(cost, tokens, side="right")))
        yield order[start : start + size]
        start += size


def _word_vectors(model: Any, *, copied: bool) -> FloatArray:
    vectors = model.get_input_embeddings().weight.detach().numpy()
    return np.asarray(vectors.copy() if copied else vectors)


def _positions(model: Any) -> int:
    """How many tokens a model can read; RoBERTa's kin begin to count behind their padding."""
    positions = int(getattr(model.config, "max_position_embeddings", 0) or 0)
    if not positions:
        return 2**31
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)
    return positions if padding is None else positions - padding - 1
