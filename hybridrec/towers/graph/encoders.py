"""Families of graph neural networks behind one interface: states of nodes, layer by layer."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

from hybridrec.towers.graph.adjacency import Adjacency, multiply
from hybridrec.towers.graph.config import Family

LAYER_GAIN = 4.0
"""Normalised adjacencies shrink what they average, by about this factor."""
LARGEST_LOGIT = 5.0
"""No edge weighs more than the exponential of twice this as much as another by its content."""
SMALLEST_TOTAL = 1e-9
"""Added to totals of attention, for nodes that nothing reaches."""
SMALLEST_NORM = 1e-6
"""Added to squared lengths, that nodes which nothing reaches stay zero with finite gradients."""


class Encoder(MessagePassing, ABC):  # type: ignore[misc]
    """Turns the nodes' own embeddings into states, one for each layer, and mixes these into one.

    Args:
        n_relations: kinds of edges.
        dim: width of embeddings and states.
        layers: propagation steps.
        normalise: whether layers, and what they are mixed into, have unit length.

    Where :attr:`private` is set, the last coordinate takes its part in lengths and is then left
    out: it holds what a node has in common with no other.
    """

    def __init__(self, n_relations: int, dim: int, layers: int, *, normalise: bool) -> None:
        super().__init__(aggr="sum")
        self.private = False
        self.normalise = normalise
        self.dim = dim
        self.relation_logits = nn.Parameter(torch.zeros(n_relations))
        self.layer_logits = nn.Parameter(torch.zeros(layers + 1))

    @property
    def matrices(self) -> list[nn.Parameter]:
        """Parameters too many to learn faster than embeddings."""
        return []

    @abstractmethod
    def step(
        self, layer: int, states: Tensor, adjacency: Adjacency, kept: Tensor | None = None
    ) -> Tensor:
        """States one layer on.

        Args:
            layer: from 0.
            states: ``(n_nodes, dim)`` of the sources.
            adjacency: which sources reach which targets.
            kept: ``(n_nodes,)`` 1 for nodes that send, 0 for those that are silent.

        Returns:
            ``(n_targets, dim)``.
        """

    @abstractmethod
    def relation_shares(self, states: Tensor, adjacency: Adjacency) -> Tensor:
        """The share of each relation in what a step passes on, ``(n_relations,)``, sum 1."""

    def layer_states(
        self, embeddings: Tensor, adjacency: Adjacency, kept: Tensor | None = None
    ) -> list[Tensor]:
        """The states before and after every propagation step, each ``(n_nodes, dim)``."""
        states = [embeddings]
        for layer in range(self.layer_logits.shape[0] - 1):
            states.append(self.step(layer, states[-1], adjacency, kept))
        return states

    def combined(self, states: list[Tensor]) -> Tensor:
        """States of all layers in one: a learned convex mean of them."""
        weights = torch.softmax(self.layer_logits, 0)
        if self.normalise:
            states = [unit(state) for state in states]
            gains = weights
        else:
            gains = torch.cat([weights[:1], LAYER_GAIN * weights[1:]])
        whole = gains[0] * states[0]
        for gain, state in zip(gains[1:], states[1:], strict=True):
            whole = whole + gain * state
        whole = unit(whole) if self.normalise else whole
        return torch.cat([whole[:, :-1], whole[:, -1:] * 0.0], dim=1) if self.private else whole

    def message_and_aggregate(self, edge_index: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
        """The fused form of message and sum that sparse adjacencies allow."""
        matrix, transposed = edge_index
        return multiply(matrix, x, transposed)

    def passed(self, matrices: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
        """What arrives when every column of an adjacency sends a row of ``x``."""
        return self.message_and_aggregate(matrices, x)


class LightEncoder(Encoder):
    """Light propagation, ``x' = Σ_r w_r Â_r x``: no transform and no non-linearity.

    The layer of LightGCN (He et al., SIGIR 2020) with a scalar for each relation as in LightKG
    (KDD 2025): ``Â_r`` is the adjacency of relation ``r``, symmetrically normalised by the
    degrees within it, and the shares ``w_r`` are learned.
    """

    def __init__(self, n_relations: int, dim: int, layers: int, *, normalise: bool) -> None:
        super().__init__(n_relations, dim, layers, normalise=normalise)

    def step(
        self, layer: int, states: Tensor, adjacency: Adjacency, kept: Tensor | None = None
    ) -> Tensor:
        """See :meth:`Encoder.step`."""
        weights = torch.softmax(self.relation_logits, 0)[adjacency.kinds]
        if kept is not None:
            weights = weights * kept[adjacency.nodes]
        return self.passed(adjacency.normalised, weights[:, None] * states[adjacency.nodes])

    def relation_shares(self, states: Tensor, adjacency: Adjacency) -> Tensor:
        """See :meth:`Encoder.relation_shares`."""
        return torch.softmax(self.relation_logits, 0)


class AttentionEncoder(Encoder):
    """Attention over edges; a relation says what passes along them: ``x' = Σ α (x_t ⊙ m_r)``.

    The relational message is that of KGIN (Wang et al., WWW 2021); the attention of a head over
    all its edges is, as in KGAT (Wang et al., KDD 2019), a softmax of what relation and tail are::

        α ∝ exp(b_r + 5 tanh(x_t · q_r / 5) - g_r log degree_r(t))

    Terms of the head alone would cancel in the softmax, so every weight is a product of a head's
    part and a column's part, and two sparse products take the place of a message an edge.
    """

    def __init__(self, n_relations: int, dim: int, layers: int, *, normalise: bool) -> None:
        super().__init__(n_relations, dim, layers, normalise=normalise)
        self.rarity = nn.Parameter(torch.full((n_relations,), 0.5))
        self.queries = nn.Parameter(torch.zeros(n_relations, dim))
        self.gates = nn.Parameter(torch.ones(n_relations, dim))

    def step(
        self, layer: int, states: Tensor, adjacency: Adjacency, kept: Tensor | None = None
    ) -> Tensor:
        """See :meth:`Encoder.step`."""
        sent = states[adjacency.nodes]
        odds = self._odds(sent, adjacency)
        if kept is not None:
            odds = odds * kept[adjacency.nodes]
        messages = odds[:, None] * sent * self.gates[adjacency.kinds]
        moved = self.passed(adjacency.counted, torch.cat([messages, odds[:, None]], dim=1))
        return moved[:, :-1] / (moved[:, -1:] + SMALLEST_TOTAL)

    def relation_shares(self, states: Tensor, adjacency: Adjacency) -> Tensor:
        """See :meth:`Encoder.relation_shares`; the mean over nodes that anything reaches."""
        odds = self._odds(states[adjacency.nodes], adjacency)
        n_relations = self.relation_logits.shape[0]
        columns = torch.zeros(odds.shape[0], n_relations, device=odds.device)
        columns[torch.arange(odds.shape[0], device=odds.device), adjacency.kinds] = odds
        arrived = self.passed(adjacency.counted, columns)
        totals = arrived.sum(1, keepdim=True)
        reached = totals[:, 0] > 0
        if not reached.any():
            return torch.full((n_relations,), 1.0 / n_relations)
        return (arrived[reached] / totals[reached]).mean(0)

    def _odds(self, sent: Tensor, adjacency: Adjacency) -> Tensor:
        """What each column's weight is in proportion to, ``(n_columns,)``."""
        kinds = adjacency.kinds
        content = (sent * self.queries[kinds]).sum(1)
        bounded = LARGEST_LOGIT * torch.tanh(content / LARGEST_LOGIT)
        logits = self.relation_logits - self.relation_logits.max()
        return torch.exp(logits[kinds] + bounded - self.rarity[kinds] * adjacency.log_degrees)


FAMILIES: dict[Family, type[LightEncoder | AttentionEncoder]] = {
    "light": LightEncoder,
    "attention": AttentionEncoder,
}


def unit(states: Tensor) -> Tensor:
    """Rows at unit length; rows of zeros stay."""
    return states * torch.rsqrt(states.square().sum(1, keepdim=True) + SMALLEST_NORM**2)
