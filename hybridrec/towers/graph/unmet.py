"""Embeddings of items that nobody has met, made of what their edges bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn

from hybridrec.arrays import BoolArray, FloatArray, IntArray, NamedArrays
from hybridrec.towers.graph.adjacency import Messages, multiply, sparse_tensor

PRIOR_ITEMS = 5.0
"""A node starts at the mean of the items that touch it and of this many zeros."""
PREFIX = "unmet."


@dataclass(frozen=True)
class Touched:
    """What items touch, as one matrix with a column for every relation and node.

    Args:
        shares: ``(n_items, n_columns)``; the shares of an item within a relation sum to 1.
        nodes: ``(n_columns,)`` the node.
        kinds: ``(n_columns,)`` the relation.
    """

    shares: csr_array
    nodes: IntArray
    kinds: IntArray

    @classmethod
    def of(cls, messages: Messages, n_items: int) -> Self:
        """What reaches the first nodes, the items, by facts.

        Args:
            messages: edges; those of relation 0, with users, do not count.
            n_items: how many of the targets are items.
        """
        facts = (messages.kinds > 0) & (messages.targets < n_items)
        targets, sources = messages.targets[facts], messages.sources[facts]
        kinds = messages.kinds[facts]
        stride = int(sources.max(initial=0)) + 1
        columns, places = np.unique(kinds * stride + sources, return_inverse=True)
        edges, within = np.unique(kinds * n_items + targets, return_inverse=True)
        degrees = np.bincount(within, minlength=edges.size)
        shares = csr_array(
            (1.0 / degrees[within], (targets, places)), shape=(n_items, columns.size)
        )
        return cls(shares, columns % stride, columns // stride)


class UnmetItems(nn.Module):
    """What the edges of an item that nobody has met say of who will like it.

    An item without an embedding of its own is given ``x = s · Σ_r w_r · mean_r(c)``: the mean of
    what its neighbours bring by each relation, with the shares ``w_r`` of relations. The last
    coordinate is a bias: items of some makers and types find their buyers sooner than others.
    Trained as cold start is met: at past moments, items that nobody had met yet compete for who
    met one of them next, their own embeddings unused (as in DropoutNet, Volkovs et al., NeurIPS
    2017, but what is dropped is what was in truth missing). Users and known items stay as they are.

    Args:
        nodes: ``(n_sources,)`` the nodes that items touch, ascending.
        start: ``(n_sources, dim + 1)`` what they bring at first.
        n_relations: kinds of edges.
    """

    def __init__(self, nodes: IntArray, start: FloatArray, n_relations: int) -> None:
        super().__init__()
        self.nodes = nodes
        self.level = 0.0
        self.states = nn.Parameter(torch.from_numpy(start))
        self.relation_logits = nn.Parameter(torch.zeros(n_relations))
        self.scale = nn.Parameter(torch.tensor(1.0))

    @classmethod
    def starting(
        cls, touched: Touched, embeddings: FloatArray, met: BoolArray, n_relations: int
    ) -> Self:
        """Entities bring the mean of the known items that touch them, known items themselves.

        Args:
            touched: what items touch.
            embeddings: ``(n_items, dim)`` of items, without biases.
            met: ``(n_items,)`` which are known.
            n_relations: kinds of edges.
        """
        nodes, places = np.unique(touched.nodes, return_inverse=True)
        shape = (nodes.size, touched.nodes.size)
        to_node = csr_array((np.ones(places.size), (places, np.arange(places.size))), shape=shape)
        members = csr_array((to_node @ touched.shares.T) > 0).astype(np.float32)
        counts = members @ met.astype(np.float32)
        start = members @ (embeddings * met[:, None]) / (counts[:, None] + PRIOR_ITEMS)
        known = np.flatnonzero(nodes < met.size)
        known = known[met[nodes[known]]]
        start[known] = embeddings[nodes[known]]
        padded = np.concatenate([start, np.zeros((nodes.size, 1))], axis=1)
        return cls(nodes, padded.astype(np.float32), n_relations)

    def forward(self, touched: Touched) -> Tensor:
        """Embeddings of items by what they touch, biases last, ``(n_items, dim + 1)``."""
        device = self.states.device
        kinds = torch.from_numpy(touched.kinds).to(device)
        places = torch.from_numpy(np.searchsorted(self.nodes, touched.nodes)).to(device)
        shares = torch.softmax(self.relation_logits, 0) * self.relation_logits.shape[0]
        sent = self.states[places]
        weighted = (self.scale * shares)[kinds, None] * sent[:, :-1]
        sent = torch.cat([weighted, sent[:, -1:]], dim=1)
        transposed = sparse_tensor(csr_array(touched.shares.T), device)
        return multiply(sparse_tensor(touched.shares, device), sent, transposed)

    def embedded(self, touched: Touched, taste: FloatArray) -> FloatArray:
        """Embeddings to score with, ``(n_items, dim + 1)``.

        Args:
            touched: what the items touch; nodes that are not known do not count.
            taste: ``(dim,)`` what is to the taste of all, which the bias undoes: it was learned
                from items that were met, and does not tell which of the others will be.
        """
        known = np.flatnonzero(np.isin(touched.nodes, self.nodes))
        embeddings = np.zeros((touched.shares.shape[0], self.states.shape[1]), dtype=np.float32)
        if known.size:
            shares = csr_array(touched.shares[:, known])
            known_only = Touched(shares, touched.nodes[known], touched.kinds[known])
            with torch.no_grad():
                embeddings = self(known_only).cpu().numpy()
        embeddings[:, -1] += self.level - embeddings[:, :-1] @ taste
        return embeddings

    def arrays(self) -> NamedArrays:
        """All that was learned."""
        learned: NamedArrays = {
            f"{PREFIX}{name}": value.detach().cpu().numpy()
            for name, value in self.named_parameters()
        }
        return learned | {f"{PREFIX}nodes": self.nodes, f"{PREFIX}level": np.array(self.level)}

    @classmethod
    def from_arrays(cls, arrays: NamedArrays) -> Self:
        """What :meth:`arrays` gave."""
        logits = arrays[f"{PREFIX}relation_logits"]
        states = np.array(arrays[f"{PREFIX}states"])
        model = cls(np.asarray(arrays[f"{PREFIX}nodes"]), states, logits.size)
        model.level = float(arrays[f"{PREFIX}level"])
        with torch.no_grad():
            model.relation_logits.copy_(torch.from_numpy(np.array(logits)))
            model.scale.copy_(torch.from_numpy(np.array(arrays[f"{PREFIX}scale"])))
        return model


def shortened(embeddings: FloatArray, length: float) -> FloatArray:
    """Rows at most that long: what is longer keeps its direction, ``(n, dim)``."""
    lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
    shares = np.divide(length, lengths, out=np.ones_like(lengths), where=lengths > length)
    return np.asarray(embeddings * shares, dtype=np.float32)
