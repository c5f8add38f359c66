"""All that the graph tower learns, and its loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.towers.graph.adjacency import Adjacency, multiply, sparse_tensor
from hybridrec.towers.graph.moments import Batch

if TYPE_CHECKING:
    from hybridrec.towers.graph.encoders import Encoder

FIRST_SCALE = 10.0
"""What inner products are multiplied by at first."""
FIRST_SPREAD = 0.1
"""Standard deviation of the first embeddings."""
EXCLUDED = -1e9
"""A score below all others."""
NEGATIVE_POWER = 0.75
"""Negatives are drawn by popularity to this power (Mikolov et al., 2013)."""


class GraphModel(nn.Module):
    """Embeddings of items and entities, an encoder, and the scale and bias of scores.

    A score is ``scale · user · item + taste · item + a · log(1 + popularity) + bias``. The user is
    the mean of the items in the history; what is to the taste of all is learned. Items that nobody
    has met have no bias of their own; see :func:`without_taste` for what becomes of them.

    Args:
        encoder: of nodes.
        free: ``(n_items + n_entities,)`` nodes with an embedding of their own; others start from
            0, entities at the encoder's private coordinate where it has one.
        n_users: nodes after them, which start from 0.
        popularity: ``(n_items,)`` logarithm of 1 and the number of users who met it.
        seed: draws the first embeddings.
        learn_embeddings: whether these and biases are learned.
    """

    def __init__(
        self,
        encoder: Encoder,
        free: BoolArray,
        n_users: int,
        popularity: DoubleArray,
        seed: int,
        *,
        learn_embeddings: bool = True,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        start = torch.zeros(free.size, encoder.dim)
        spread = encoder.dim - int(encoder.private)
        start[torch.from_numpy(free), :spread] = spread_rows(int(free.sum()), spread, generator)
        if encoder.private:
            start[popularity.size :, -1] = torch.from_numpy(~free[popularity.size :]).float()
            start[:, -1] *= FIRST_SPREAD * math.sqrt(spread)
        self.encoder = encoder
        self.n_users = n_users
        self.embedding = nn.Parameter(start, requires_grad=learn_embeddings)
        self.bias = nn.Parameter(torch.zeros(popularity.size), requires_grad=learn_embeddings)
        self.scale = nn.Parameter(torch.tensor(FIRST_SCALE))
        self.popularity_weight = nn.Parameter(torch.tensor(1.0))
        self.taste = nn.Parameter(torch.zeros(encoder.dim))
        starting = free | (np.arange(free.size) >= popularity.size)
        self.register_buffer("free", torch.from_numpy(starting[:, None]).float())
        self.register_buffer("popularity", torch.from_numpy(popularity).float())

    free: Tensor
    popularity: Tensor

    def first_states(self, nodes: Tensor | None = None, hidden: Tensor | None = None) -> Tensor:
        """States before any propagation.

        Args:
            nodes: which; all when None.
            hidden: ``(n_items + n_entities,)`` 0 for nodes whose own embedding is hidden.
        """
        own = self.embedding * (self.free if hidden is None else self.free * hidden[:, None])
        padded = torch.cat([own, own.new_zeros(self.n_users, own.shape[1])])
        return padded if nodes is None else padded[nodes]

    @property
    def biases(self) -> Tensor:
        """The bias of every item, ``(n_items,)``."""
        met = (self.popularity > 0).float()
        return self.popularity_weight * self.popularity + self.bias * met

    def few(self) -> list[nn.Parameter]:
        """Parameters of which the whole graph has a handful; they may learn faster."""
        slow = {id(parameter) for parameter in self.encoder.matrices}
        shares = [parameter for parameter in self.encoder.parameters() if id(parameter) not in slow]
        return [self.scale, self.popularity_weight, *shares]

    def many(self) -> list[nn.Parameter]:
        """Parameters of single nodes and coordinates."""
        several = [self.embedding, self.bias, self.taste, *self.encoder.matrices]
        return [parameter for parameter in several if parameter.requires_grad]


def spread_rows(rows: int, dim: int, generator: torch.Generator) -> Tensor:
    """Random rows as far from each other as they can be, ``(rows, dim)``.

    Orthogonal, and all of one length, where there are no more than ``dim``; else a tight frame: the
    mean squared inner product is then the least possible (Welch, 1974).
    """
    if rows == 0:
        return torch.zeros(0, dim)
    drawn = torch.randn(max(rows, dim), min(rows, dim), generator=generator)
    columns: Tensor = torch.linalg.qr(drawn)[0]
    spread: Tensor = (columns if rows >= dim else columns.T) * math.sqrt(max(rows, dim))
    return spread * FIRST_SPREAD


@dataclass(frozen=True)
class Classes:
    """The items a softmax is taken over.

    Args:
        items: ``(n,)`` item rows, ascending.
        corrections: ``(n,)`` logarithm of the chance by which each was drawn; −∞ where it is here
            as somebody's target only.
    """

    items: IntArray
    corrections: DoubleArray


def drawn_classes(
    popularity: DoubleArray, targets: IntArray, negatives: int, random: np.random.Generator
) -> Classes:
    """All items, or a sample of them by popularity, and the targets.

    Args:
        popularity: ``(n_items,)`` logarithm of 1 and the number of users who met it.
        targets: item rows that must be among them.
        negatives: how many to draw where there are more.
        random: draws them.
    """
    if popularity.size <= negatives:
        return Classes(np.arange(popularity.size), np.zeros(popularity.size))
    odds = np.exp(popularity) ** NEGATIVE_POWER
    odds /= odds.sum()
    bounds = np.cumsum(odds)
    drawn = np.unique(np.searchsorted(bounds / bounds[-1], random.random(negatives), side="right"))
    chances = -np.expm1(negatives * np.log1p(-np.minimum(odds, 1 - 1e-12)))
    corrections = np.full(popularity.size, -np.inf)
    corrections[drawn] = np.log(chances[drawn])
    kept = np.union1d(drawn, targets)
    return Classes(kept, corrections[kept])


def softmax_loss(
    vectors: Tensor,
    embeddings: Tensor,
    biases: Tensor,
    batch: Batch,
    classes: Classes,
    adjustments: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the targets, the mean over users.

    Negatives that were drawn count by the inverse of their chance (the logQ correction of Bengio
    and Senécal, 2008), so that the sum over them is that over all items in expectation. Targets
    count once.

    Args:
        vectors: ``(n_users, dim)`` of the batch.
        embeddings: ``(n_classes, dim)``.
        biases: ``(n_classes,)``.
        batch: profiles and targets.
        classes: what the rows of ``embeddings`` are.
        adjustments: ``(n_targets,)`` what is added to the score of each target.
    """
    device = vectors.device
    scores = vectors @ embeddings.T + biases
    rows = torch.from_numpy(batch.rows).to(device)
    columns = torch.from_numpy(np.searchsorted(classes.items, batch.items)).to(device)
    corrections = np.where(np.isinf(classes.corrections), -EXCLUDED, classes.corrections)
    negatives = scores - torch.from_numpy(corrections).float().to(device)
    if batch.excluded:
        known = batch.profiles.tocoo()
        place = np.minimum(np.searchsorted(classes.items, known.col), classes.items.size - 1)
        shown = (classes.items[place] == known.col) & (known.data > 0)
        taken = (known.row[shown].astype(np.int64), place[shown])
        negatives[tuple(torch.from_numpy(axis).to(device) for axis in taken)] = EXCLUDED
    picked = scores[rows, columns]
    if adjustments is not None:
        picked = picked + adjustments
    negatives[rows, columns] = picked
    shares = torch.from_numpy(batch.shares.astype(np.float32)).to(device)
    log_odds = picked - torch.logsumexp(negatives, 1)[rows]
    return -(log_odds * shares).sum() / batch.users.size


def folded(profiles: csr_array, items: Tensor) -> Tensor:
    """Means of item embeddings by the shares of each profile, ``(n_users, dim)``."""
    device = items.device
    return multiply(
        sparse_tensor(profiles, device), items, sparse_tensor(csr_array(profiles.T), device)
    )


def without_taste(embedded: FloatArray, taste: FloatArray) -> FloatArray:
    """Embeddings, biases last, of items that nobody has met, ``(n, dim + 1)``.

    The bias undoes what is to the taste of all: that was learned from items that were met, and
    does not tell which of the others will be.

    Args:
        embedded: ``(n, dim)`` what their edges bring.
        taste: ``(dim,)`` what is to the taste of all.
    """
    biases = -(embedded @ taste)
    return np.concatenate([embedded, biases[:, None]], axis=1).astype(np.float32)


def item_states(
    model: GraphModel, adjacency: Adjacency, kept: Tensor | None, hidden: Tensor | None
) -> Tensor:
    """Embeddings of all items, ``(n_items, dim)``, unscaled."""
    states = model.encoder.layer_states(model.first_states(hidden=hidden), adjacency, kept)
    n_items = model.bias.shape[0]
    return model.encoder.combined([state[:n_items] for state in states])
