"""From what the encoder says of a text to the embedding that scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hybridrec.arrays import DoubleArray, FloatArray, NamedArrays
from hybridrec.towers.text.config import TextConfig

SMALLEST_NORM = 1e-6
"""Embeddings nearer to the centre than this have no direction, and become zeros."""


class Projection(nn.Module):
    """Centres embeddings, maps them linearly, cuts them, and makes them unit vectors.

    ``e(x) = normalise(((x − mean) M)[:embedding_dim])``. ``M`` begins as the identity or, where
    embeddings are to be whitened or cut, as the principal axes of the catalogue, widest first, each
    divided by its spread to the power of ``whitening``; inner products of unit vectors do not
    depend on the axes. It is learnt whole, or by adapters: ``M + down up``, of low rank, ``down``
    drawn at random and ``up`` zeros at first (LoRA).

    In a history an item asks for what goes with it rather than for its like: it brings
    ``h = e + e A + taste`` to the user vector. ``A`` (of low rank where ``M`` has adapters) is what
    goes with what, ``taste`` what everybody likes. Both begin as zeros.

    Args:
        config: settings.
        dim: width of what it is given, of which the settings say how many dimensions are kept.
        device: where it runs.
        seed: draws what adapters begin with.
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, config: TextConfig, dim: int, device: torch.device, seed: int) -> None:
        super().__init__()
        self.config = config
        self.out_dim = min(config.embedding_dim, dim)
        self.register_buffer("mean", torch.zeros(dim))
        self.matrix = nn.Parameter(torch.eye(dim)[:, : self.out_dim].clone(), requires_grad=False)
        self.down: Tensor | None = None
        self.up: Tensor | None = None
        self.asks: Tensor | None = None
        self.asks_down: Tensor | None = None
        self.taste: Tensor | None = None
        if config.projection and config.tuning == "lora":
            random = torch.Generator().manual_seed(seed)
            rank = min(config.lora.projection_rank, self.out_dim)
            self.down = nn.Parameter(torch.randn(dim, rank, generator=random) / rank**0.5)
            self.up = nn.Parameter(torch.zeros(rank, self.out_dim))
            asks_down = torch.randn(self.out_dim, rank, generator=random) / rank**0.5
            self.asks_down = nn.Parameter(asks_down)
            self.asks = nn.Parameter(torch.zeros(rank, self.out_dim))
        elif config.projection:
            self.matrix.requires_grad_(True)
            self.asks = nn.Parameter(torch.zeros(self.out_dim, self.out_dim))
        if config.projection:
            self.taste = nn.Parameter(torch.zeros(self.out_dim))
        self.to(device)

    def start(self, embeddings: FloatArray) -> None:
        """Sets the mean and the axes by a catalogue's embeddings ``(n, dim)``."""
        self.centre(embeddings)
        config = self.config
        if not config.whitening and self.out_dim == embeddings.shape[1] and not _nested(config):
            return
        axes = principal_axes(embeddings, config.whitening)[:, : self.out_dim]
        # as long on average as those of the identity, so that learning rates mean the same
        axes = axes * np.sqrt(self.out_dim / np.square(axes).sum())
        with torch.no_grad():
            self.matrix.copy_(torch.from_numpy(axes.astype(np.float32)))

    def centre(self, embeddings: FloatArray) -> None:
        """Sets the mean alone."""
        self.mean.copy_(torch.from_numpy(embeddings.mean(axis=0)))

    def forward(self, embeddings: Tensor, mean: Tensor | None = None) -> Tensor:
        """Scoring embeddings, ``(n, out_dim)`` of unit length; trainable.

        Args:
            embeddings: the encoder's, ``(n, dim)``.
            mean: the centre, if not that which was set.
        """
        return unit(self.mapped(embeddings, mean))

    def mapped(self, embeddings: Tensor, mean: Tensor | None = None) -> Tensor:
        """Centred and mapped embeddings, of any length."""
        centred = embeddings - (self.mean if mean is None else mean)
        mapped = centred @ self.matrix
        if self.down is not None and self.up is not None:
            mapped = mapped + centred @ self.down @ self.up
        return mapped

    def in_histories(self, embeddings: Tensor) -> Tensor:
        """What items bring to user vectors, ``(n, out_dim)``.

        Args:
            embeddings: those that score, ``(n, out_dim)``; zeros bring nothing.
        """
        if self.asks is None or self.taste is None:
            return embeddings
        width = embeddings.shape[1]
        asking = embeddings if self.asks_down is None else embeddings @ self.asks_down[:width]
        asks = self.asks[:width] if self.asks_down is None else self.asks
        changed = asking @ asks[:, :width]
        said = (embeddings != 0).any(dim=1, keepdim=True)
        return embeddings + changed + self.taste[:width] * said

    def apply_to(self, embeddings: FloatArray) -> FloatArray:
        """As :meth:`forward`, for arrays."""
        with torch.inference_mode():
            given = torch.from_numpy(np.ascontiguousarray(embeddings)).to(self.mean.device)
            return np.asarray(self(given).cpu().numpy(), dtype=np.float32)

    def histories_of(self, embeddings: FloatArray) -> FloatArray:
        """As :meth:`in_histories`, for arrays."""
        if self.asks is None:
            return embeddings
        with torch.inference_mode():
            given = torch.from_numpy(np.ascontiguousarray(embeddings)).to(self.mean.device)
            return np.asarray(self.in_histories(given).cpu().numpy(), dtype=np.float32)

    def state(self) -> NamedArrays:
        """Mean and maps, as arrays."""
        return {name: value.cpu().numpy().copy() for name, value in self.state_dict().items()}

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Takes on a saved :meth:`state`."""
        self.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in arrays.items()})


def unit(embeddings: Tensor) -> Tensor:
    """Embeddings of unit length; what has no direction becomes zeros."""
    norms = embeddings.norm(dim=-1, keepdim=True)
    directed: Tensor = embeddings / norms.clamp(min=SMALLEST_NORM) * (norms > SMALLEST_NORM)
    return directed


def principal_axes(embeddings: FloatArray, whitening: float) -> DoubleArray:
    """The directions in which embeddings vary, widest first, ``(dim, dim)``, one a column.

    Each is divided by its spread to the power of ``whitening``, the widest keeping its length.
    Variances are raised by ``dim / n`` of their mean, for of few embeddings the narrow ones are
    chance.
    """
    n, dim = embeddings.shape
    centred = (embeddings - embeddings.mean(axis=0)).astype(np.float64)
    variances, axes = np.linalg.eigh(centred.T @ centred / max(n, 1))
    variances = np.maximum(variances[::-1], 0.0)
    variances = variances + variances.mean() * dim / max(n, 1)
    relative = np.sqrt(variances / variances[0]) if variances[0] > 0 else np.ones(dim)
    return np.asarray(axes[:, ::-1] / relative**whitening, dtype=np.float64)


def _nested(config: TextConfig) -> bool:
    return bool(config.matryoshka_dims)
