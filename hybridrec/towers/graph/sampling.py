"""Neighbour sampling, for graphs that do not fit into memory with all their states.

``NeighborLoader`` of torch-geometric needs pyg-lib or torch-sparse, compiled for the very version
of torch. This sampler is numpy alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.towers.graph.adjacency import Messages


@dataclass(frozen=True)
class Neighbourhood:
    """A sampled part of a graph.

    Args:
        nodes: ``(n,)`` its nodes, the seeds first.
        edges: ``(m,)`` places of the sampled messages; one drawn twice is here twice.
        scales: ``(m,)`` what makes up for the messages not drawn, so that sums keep their
            expectation.
    """

    nodes: IntArray
    edges: IntArray
    scales: DoubleArray


class RelationalNeighbourSampler:
    """Draws neighbours of every node within each relation, so that large relations hide none.

    Args:
        messages: the edges of the whole graph.
        n_nodes: its nodes.
        n_relations: kinds of edges.
        neighbours: drawn for each node and relation, with replacement where there are more.
        layers: hops.
    """

    def __init__(
        self,
        messages: Messages,
        n_nodes: int,
        n_relations: int,
        neighbours: int,
        layers: int,
    ) -> None:
        self.messages = messages
        self.n_nodes = n_nodes
        self.n_relations = n_relations
        self.neighbours = neighbours
        self.layers = layers
        groups = messages.targets * n_relations + messages.kinds
        self.order = np.argsort(groups, kind="stable")
        counts = np.bincount(groups, minlength=n_nodes * n_relations)
        self.starts = np.concatenate([[0], np.cumsum(counts)])

    def sample(self, seeds: IntArray, random: np.random.Generator) -> Neighbourhood:
        """The neighbourhood of some nodes, each given once."""
        local = np.full(self.n_nodes, -1, dtype=np.int64)
        local[seeds] = np.arange(seeds.size)
        nodes, frontier = [seeds], seeds
        edges: list[IntArray] = []
        scales: list[DoubleArray] = []
        known = seeds.size
        for _ in range(self.layers):
            drawn, weights = self._draw(frontier, random)
            edges.append(drawn)
            scales.append(weights)
            met = np.unique(self.messages.sources[drawn])
            frontier = met[local[met] < 0]
            local[frontier] = known + np.arange(frontier.size)
            known += frontier.size
            nodes.append(frontier)
        return Neighbourhood(np.concatenate(nodes), np.concatenate(edges), np.concatenate(scales))

    def _draw(self, nodes: IntArray, random: np.random.Generator) -> tuple[IntArray, DoubleArray]:
        groups = (nodes[:, None] * self.n_relations + np.arange(self.n_relations)).ravel()
        starts = self.starts[groups]
        degrees = self.starts[groups + 1] - starts
        drawn = np.minimum(degrees, self.neighbours)
        of = np.repeat(np.arange(groups.size), drawn)
        place = np.arange(of.size) - np.repeat(np.cumsum(drawn) - drawn, drawn)
        crowded = degrees[of] > self.neighbours
        chance = (random.random(of.size) * degrees[of]).astype(np.int64)
        edges = self.order[starts[of] + np.where(crowded, chance, place)]
        return edges, np.where(crowded, degrees[of] / self.neighbours, 1.0)
