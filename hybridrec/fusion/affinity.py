"""How much of a user's history shares something with an item: one signal for each relation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray
from hybridrec.fusion.pairs import Pairs
from hybridrec.towers.base import mean_weights
from kg import KnowledgeGraph


@dataclass(frozen=True)
class Affinity:
    """Items and what they are directly joined to, by relation.

    Args:
        links: for each relation a sparse ``(n_items, n_entities)`` whose rows sum to 1 or 0, the
            columns being the entities of that relation.
    """

    links: Mapping[str, csr_array]

    @classmethod
    def of(cls, graph: KnowledgeGraph | None) -> Affinity:
        """The relations from items to other entities; hierarchies give their next level too."""
        if graph is None:
            return cls({})
        edges, kinds = graph.edge_index()
        row_of = np.full(graph.n_entities, -1, dtype=np.int64)
        row_of[graph.item_entities] = np.arange(graph.n_items)
        links: dict[str, csr_array] = {}
        of_type: dict[str, csr_array] = {}
        for kind, relation in enumerate(graph.relations):
            heads, tails = edges[:, kinds == kind]
            ones = np.ones(heads.size, dtype=np.float32)
            if relation.head_type == "item" and relation.tail_type != "item":
                shape = (graph.n_items, graph.n_entities)
                links[relation.name] = csr_array((ones, (row_of[heads], tails)), shape=shape)
                of_type[relation.tail_type] = links[relation.name]
        for kind, relation in enumerate(graph.relations):
            if relation.head_type == relation.tail_type and relation.head_type in of_type:
                heads, tails = edges[:, kinds == kind]
                ones = np.ones(heads.size, dtype=np.float32)
                shape = (graph.n_entities, graph.n_entities)
                up = csr_array((ones, (heads, tails)), shape=shape)
                links[relation.name] = csr_array(of_type[relation.head_type] @ up)
        return cls({name: _row_shares(matrix) for name, matrix in links.items()})

    def only(self, relations: Iterable[str]) -> Affinity:
        """These relations, in this order; empty where the graph of the moment has no such edge."""
        empty = csr_array(next(iter(self.links.values())).shape if self.links else (0, 0))
        return Affinity({name: self.links.get(name, empty) for name in relations})

    def shares(self, relation: str, weights: csr_array, pairs: Pairs) -> FloatArray:
        """The share of each history that an item has in common, ``(n_pairs,)``, 0 to 1.

        Args:
            relation: which relation.
            weights: the weighted histories of the users, ``(n_users, n_items)``.
            pairs: the users' candidates.
        """
        links = self.links[relation]
        if links.nnz == 0:
            return np.zeros(len(pairs), dtype=np.float32)
        profile = np.asarray((mean_weights(weights) @ links).todense())
        wanted = links[pairs.items]
        held = np.diff(wanted.indptr)
        shared = wanted.data * profile[np.repeat(pairs.users, held), wanted.indices]
        pair = np.repeat(np.arange(len(pairs)), held)
        return np.bincount(pair, shared, minlength=len(pairs)).astype(np.float32)

    def attribute(self, weights: csr_array, item: int) -> FloatArray:
        """What each past item has in common with one item, over all relations, ``(n_past,)``."""
        shares = mean_weights(weights)
        total = np.zeros(shares.nnz, dtype=np.float32)
        for links in self.links.values():
            if links.nnz == 0:
                continue
            common = links[shares.indices] @ links[[item]].T
            total += np.asarray(common.todense()).ravel() * shares.data
        return total


def _row_shares(matrix: csr_array) -> csr_array:
    """Rows that sum to 1 or 0, over the columns that hold anything."""
    used, columns = np.unique(matrix.indices, return_inverse=True)
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    values = matrix.data / np.repeat(totals, np.diff(matrix.indptr))
    shape = (matrix.shape[0], max(used.size, 1))
    return csr_array((values.astype(np.float32), columns, matrix.indptr), shape=shape)
