"""The graph that is learned on: items, entities and users in one (KGAT's collaborative graph)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.data.columns import Columns
from hybridrec.towers.graph.adjacency import Messages, inverse_root
from kg import KnowledgeGraph

MET_BY = "met by"
"""The relation between an item and the users who met it."""
FEWEST_NEIGHBOURS = 2
"""Entities that touch no item join others only by this many neighbours."""


@dataclass(frozen=True)
class CollaborativeGraph:
    """Nodes are items, other entities and users, numbered in this order.

    Args:
        n_items: rows of the catalogue.
        n_entities: entities that are no items and were kept.
        n_users: users.
        relations: names; the first is :data:`MET_BY`.
        heads: ``(n_edges,)`` where each edge starts.
        tails: ``(n_edges,)`` where it ends.
        kinds: ``(n_edges,)`` its relation.
        counts: ``(n_edges,)`` how much it counts.
        node_of_entity: ``(graph.n_entities,)`` the node of each entity, −1 where it was left out.
        keys: type and key of every item and entity, by which another graph's are recognised.
    """

    n_items: int
    n_entities: int
    n_users: int
    relations: tuple[str, ...]
    heads: IntArray
    tails: IntArray
    kinds: IntArray
    counts: DoubleArray
    node_of_entity: IntArray
    keys: pl.Series

    @classmethod
    def of(
        cls,
        weights: csr_array,
        catalogue: pl.DataFrame,
        graph: KnowledgeGraph | None,
        hops: int | None = None,
    ) -> Self:
        """The graph of who met what, and of what the knowledge graph says.

        Args:
            weights: ``(n_users, n_items)`` weighted histories.
            catalogue: one row an item.
            graph: the knowledge graph, or ``None`` without one.
            hops: edges between an item and an entity that is kept, at most; ``None`` for any.
        """
        n_users, n_items = weights.shape
        nodes = np.arange(n_items)
        keys = item_keys(catalogue)
        relations = [MET_BY]
        heads, tails, kinds = [], [], []
        if graph is not None:
            nodes = _nodes(graph, n_items, hops)
            keys = pl.concat([keys, entity_keys(graph).filter(pl.Series(nodes >= n_items))])
            relations += relation_labels(graph)
            (from_, to), of = graph.edge_index()
            kept = (nodes[from_] >= 0) & (nodes[to] >= 0)
            heads, tails, kinds = [nodes[from_[kept]]], [nodes[to[kept]]], [of[kept] + 1]
        n_entities = len(keys) - n_items
        met = weights.tocoo()
        return cls(
            n_items,
            n_entities,
            n_users,
            tuple(relations),
            np.concatenate([met.col.astype(np.int64), *heads]),
            np.concatenate([met.row.astype(np.int64) + n_items + n_entities, *tails]),
            np.concatenate([np.zeros(met.nnz, dtype=np.int64), *kinds]),
            np.concatenate([np.log1p(met.data.astype(np.float64)), *map(np.ones, map(len, heads))]),
            nodes,
            keys,
        )

    @property
    def n_free(self) -> int:
        """Items and entities: the nodes that may have an embedding of their own."""
        return self.n_items + self.n_entities

    @property
    def n_nodes(self) -> int:
        """All nodes."""
        return self.n_free + self.n_users

    @cached_property
    def degrees(self) -> DoubleArray:
        """What the edges of a node count together, ``(n_relations, n_nodes)``."""
        size = len(self.relations) * self.n_nodes
        ends = np.concatenate([self.heads, self.tails])
        places = np.tile(self.kinds, 2) * self.n_nodes + ends
        totals = np.bincount(places, np.tile(self.counts, 2), size)
        return np.asarray(totals.reshape(len(self.relations), -1), dtype=np.float64)

    @cached_property
    def shared(self) -> BoolArray:
        """Items and entities with facts about two others or more, ``(n_items + n_entities,)``.

        A signature that a single other node hears tells nothing about what nodes have in common.
        """
        facts = self.kinds > 0
        ends = np.stack([self.heads[facts], self.tails[facts]])
        pairs = np.unique(np.sort(ends, axis=0), axis=1)
        return np.bincount(pairs.ravel(), minlength=self.n_free) >= FEWEST_NEIGHBOURS

    @cached_property
    def messages(self) -> Messages:
        """Every edge in both directions."""
        roots = inverse_root(self.degrees)
        values = self.counts * roots[self.kinds, self.heads] * roots[self.kinds, self.tails]
        return Messages(
            np.concatenate([self.heads, self.tails]),
            np.concatenate([self.tails, self.heads]),
            np.tile(self.kinds, 2),
            np.tile(self.counts, 2),
            np.tile(values, 2),
        )


def relation_labels(graph: KnowledgeGraph) -> list[str]:
    """The name of each relation; with its types where several of one name join different ones."""
    counts = Counter(relation.name for relation in graph.relations)
    return [
        relation.name
        if counts[relation.name] == 1
        else f"{relation.name} ({relation.head_type} → {relation.tail_type})"
        for relation in graph.relations
    ]


def item_keys(catalogue: pl.DataFrame) -> pl.Series:
    """What each item is recognised by."""
    return catalogue.select(pl.format("item/{}", Columns.ITEM)).to_series().alias("key")


def entity_keys(graph: KnowledgeGraph) -> pl.Series:
    """What each entity is recognised by."""
    return graph.entities.select(pl.format("{}/{}", "type", "key")).to_series().alias("key")


def _nodes(graph: KnowledgeGraph, n_items: int, hops: int | None) -> IntArray:
    """The node of each entity: items by their rows, then the others worth keeping; else −1.

    An entity that touches no item and has one neighbour leads nowhere: it tells no two items
    apart and brings none together. Graphs from outside are full of them.
    """
    heads, tails = graph.edge_index()[0]
    is_item = np.zeros(graph.n_entities, dtype=bool)
    is_item[graph.item_entities] = True
    pairs = np.unique(np.stack([np.minimum(heads, tails), np.maximum(heads, tails)]), axis=1)
    neighbours = np.bincount(pairs.ravel(), minlength=graph.n_entities)
    touches = _joined(pairs, is_item)
    kept = ~is_item & (touches | (neighbours >= FEWEST_NEIGHBOURS))
    if hops is not None:
        near = is_item
        for _ in range(hops):
            near = near | _joined(pairs, near)
        kept &= near
    nodes = np.full(graph.n_entities, -1, dtype=np.int64)
    nodes[graph.item_entities] = np.arange(graph.n_items)
    nodes[kept] = n_items + np.arange(np.count_nonzero(kept))
    return nodes


def _joined(pairs: IntArray, nodes: BoolArray) -> BoolArray:
    """Which nodes an edge joins to any of some nodes, ``(n_nodes,)``."""
    joined = np.zeros(nodes.size, dtype=bool)
    joined[pairs[0, nodes[pairs[1]]]] = True
    joined[pairs[1, nodes[pairs[0]]]] = True
    return joined
