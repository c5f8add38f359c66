"""What known items and entities send to items that were not there when the graph was built."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.towers.graph.adjacency import Messages, inverse_root
from hybridrec.towers.graph.collaborative_graph import entity_keys, relation_labels
from hybridrec.towers.graph.identities import places_of
from kg import KnowledgeGraph


def messages_to(
    graph: KnowledgeGraph,
    entities: IntArray,
    keys: pl.Series,
    relations: Sequence[str],
    degrees: DoubleArray,
) -> Messages:
    """Messages to new items, numbered from 0, from the nodes of the earlier graph.

    Args:
        graph: the knowledge graph with the new items in it.
        entities: ``(n,)`` the entity of each new item.
        keys: of the items and entities of the earlier graph.
        relations: of the earlier graph.
        degrees: ``(n_relations, n_nodes)`` of the earlier graph.
    """
    row_of = np.full(graph.n_entities, -1, dtype=np.int64)
    row_of[entities] = np.arange(entities.size)
    (heads, tails), kinds = graph.edge_index()
    targets, sources = np.concatenate([heads, tails]), np.concatenate([tails, heads])
    kinds = np.tile(kinds, 2)
    place_of = places_of(
        pl.Series(relation_labels(graph), dtype=pl.String), pl.Series(relations, dtype=pl.String)
    )
    touching = np.flatnonzero((row_of[targets] >= 0) & (place_of[kinds] >= 0))
    nodes = places_of(entity_keys(graph).gather(sources[touching]), keys)
    known = nodes >= 0
    rows, nodes = row_of[targets[touching][known]], nodes[known]
    kinds = place_of[kinds[touching][known]]
    own = np.zeros((degrees.shape[0], entities.size))
    np.add.at(own, (kinds, rows), 1.0)
    values = inverse_root(own)[kinds, rows]
    values = values * inverse_root(np.maximum(degrees[kinds, nodes], 1.0))
    return Messages(rows, nodes, kinds, np.ones(rows.size), values)
