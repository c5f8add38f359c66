"""The gradient steps of the graph tower, over the whole graph or sampled neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from hybridrec.arrays import IntArray
from hybridrec.learning.memory import available_memory, require_memory
from hybridrec.towers.graph.adjacency import Adjacency, Messages
from hybridrec.towers.graph.collaborative_graph import CollaborativeGraph
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.model import (
    GraphModel,
    drawn_classes,
    folded,
    item_states,
    softmax_loss,
)
from hybridrec.towers.graph.moments import Batch, Moment, drawn_batch
from hybridrec.towers.graph.sampling import RelationalNeighbourSampler

FLOAT_BYTES = 4
COPIES_OF_COLUMNS = 4
"""What a column sends is gathered, scaled, and both have gradients."""
COPIES_OF_NODES = 3
"""A state, its gradient, and its part in the mean over layers."""
COPIES_OF_PARAMETERS = 6
"""Value, gradient, two moments of Adam, the best so far, and the first states."""
COPIES_OF_SCORES = 5
"""Scores, corrected scores, their logarithms of sums, and gradients."""
EDGE_BYTES = 4 * 12
"""Two matrices and their transposes: a value and an index of every message."""


@dataclass(frozen=True)
class Trainer:
    """Losses of a model's steps.

    Args:
        model: what learns.
        graph: the whole graph.
        weights: ``(n_users, n_items)`` weighted histories, the graph's interactions.
        moments: what is foretold.
        config: settings.
        seed: of all that is drawn.
        device: where.
        sampled: whether steps see sampled neighbours instead of the whole graph.
    """

    model: GraphModel
    graph: CollaborativeGraph
    weights: csr_array
    moments: list[Moment]
    config: GraphConfig
    seed: int
    device: torch.device
    sampled: bool

    @cached_property
    def adjacency(self) -> Adjacency:
        """The whole graph's messages."""
        graph = self.graph
        return Adjacency.of(graph.messages, graph.n_nodes, graph.degrees, self.device)

    @cached_property
    def sampler(self) -> RelationalNeighbourSampler:
        """Draws neighbours."""
        graph, config = self.graph, self.config
        sizes = (graph.n_nodes, len(graph.relations), config.neighbours, config.layers)
        return RelationalNeighbourSampler(graph.messages, *sizes)

    def loss(self, step: int) -> Tensor:
        """The loss of a step; all that is random is drawn from its number."""
        random = np.random.default_rng([self.seed, step])
        moment = self.moments[step % len(self.moments)]
        config, model, graph = self.config, self.model, self.graph
        batch = drawn_batch(moment, config.batch_size, config.history_dropout, random)
        popularity = model.popularity.cpu().numpy().astype(np.float64)
        classes = drawn_classes(popularity, batch.items, config.negatives, random)
        kept, hidden = self._silenced(batch, random)
        if self.sampled:
            items = np.union1d(classes.items, batch.profiles.indices).astype(np.int64)
            embeddings = self._sampled_items(items, kept, hidden, random)
        else:
            items = np.arange(graph.n_items)
            embeddings = item_states(model, self.adjacency, kept, hidden)
        profiles = batch.profiles[:, items] if self.sampled else batch.profiles
        vectors = model.scale.abs() * folded(profiles, embeddings) + model.taste
        chosen = torch.from_numpy(np.searchsorted(items, classes.items)).to(self.device)
        biases = model.biases[torch.from_numpy(classes.items).to(self.device)]
        unseen = model.popularity_weight * self._popularity_lost(batch)
        return softmax_loss(vectors, embeddings[chosen], biases, batch, classes, unseen)

    def _popularity_lost(self, batch: Batch) -> Tensor:
        """By how much each target is less popular without the user who met it, ``(n_targets,)``.

        Otherwise every target would have been met at least once, which nothing tells of an item
        that nobody has met yet.
        """
        totals = np.expm1(self.model.popularity.cpu().numpy().astype(np.float64))[batch.items]
        own = np.asarray(self.weights[batch.users[batch.rows], batch.items]).ravel() > 0
        lost = np.log1p(totals - own) - np.log1p(totals)
        return torch.from_numpy(lost).float().to(self.device)

    def _silenced(self, batch: Batch, random: np.random.Generator) -> tuple[Tensor, Tensor | None]:
        """Nodes that send nothing, and nodes without their own embedding, as zeros.

        Users of the batch are silent: what they met next is an edge of theirs, and what is to be
        foretold must not be read off the graph.
        """
        kept = torch.ones(self.graph.n_nodes)
        kept[torch.from_numpy(batch.users + self.graph.n_free)] = 0.0
        if self.config.item_dropout == 0:
            return kept.to(self.device), None
        hidden = np.ones(self.graph.n_free, dtype=np.float32)
        hidden[: self.graph.n_items] = random.random(self.graph.n_items) >= self.config.item_dropout
        return kept.to(self.device), torch.from_numpy(hidden).to(self.device)

    def _sampled_items(
        self, items: IntArray, kept: Tensor, hidden: Tensor | None, random: np.random.Generator
    ) -> Tensor:
        graph, model = self.graph, self.model
        found = self.sampler.sample(items, random)
        local = np.empty(graph.n_nodes, dtype=np.int64)
        local[found.nodes] = np.arange(found.nodes.size)
        whole = graph.messages
        messages = Messages(
            local[whole.targets[found.edges]],
            local[whole.sources[found.edges]],
            whole.kinds[found.edges],
            whole.counts[found.edges] * found.scales,
            whole.values[found.edges] * found.scales,
        )
        degrees = graph.degrees[:, found.nodes]
        adjacency = Adjacency.of(messages, found.nodes.size, degrees, self.device)
        nodes = torch.from_numpy(found.nodes).to(self.device)
        first = model.first_states(nodes, hidden)
        states = model.encoder.layer_states(first, adjacency, kept[nodes])
        return model.encoder.combined([state[: items.size] for state in states])


def wants_sampling(graph: CollaborativeGraph, config: GraphConfig, device: torch.device) -> bool:
    """Whether steps should see sampled neighbours instead of the whole graph.

    Raises:
        NotEnoughMemoryError: a step would not fit into memory the way the settings ask for.
    """
    whole, sampled = estimated_bytes(graph, config), estimated_bytes(graph, config, True)
    fits = whole <= available_memory(device)
    use = config.sampling == "always" or (config.sampling == "auto" and not fits)
    require_memory(
        sampled if use else whole,
        device,
        "a step of the graph tower",
        f"lower towers.graph.embedding_dim ({config.embedding_dim}), negatives "
        f"({config.negatives}) or batch_size ({config.batch_size})"
        + ("" if use else ", or set towers.graph.sampling to always"),
    )
    return use


def estimated_bytes(graph: CollaborativeGraph, config: GraphConfig, sampled: bool = False) -> float:
    """About how much memory a step takes, parameters included.

    Args:
        graph: the whole graph.
        config: settings.
        sampled: with sampled neighbours instead of the whole graph.
    """
    edges = 2 * graph.heads.size
    nodes, relations = graph.n_nodes, len(graph.relations)
    columns = int(np.count_nonzero(graph.degrees))
    classes = min(config.negatives, graph.n_items)
    seen = edges
    if sampled:
        seeds = min(graph.n_items, classes + config.batch_size)
        reached = seeds * float(relations * config.neighbours) ** config.layers
        seen = int(min(edges, reached))
        columns, nodes = min(columns, seen), min(nodes, seeds + seen)
    states = config.layers * (COPIES_OF_COLUMNS * columns + COPIES_OF_NODES * nodes)
    states += COPIES_OF_PARAMETERS * graph.n_free
    scores = COPIES_OF_SCORES * config.batch_size * classes
    return float(FLOAT_BYTES * (states * config.embedding_dim + scores) + EDGE_BYTES * seen)
