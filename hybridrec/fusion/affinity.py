"""How much of a user's history shares something with an item: one signal for each relation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import block_diag, csr_array, hstack

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.fusion.pairs import Pairs
from hybridrec.towers.base import mean_weights
from kg import KnowledgeGraph
from kg.schema import PARENT

COVERED = 0.01
"""Share of the items that must have a relation for it to count."""


def path_relation(relations: Collection[str]) -> str | None:
    """The first relation by which items lie at the end of paths, as in a tree of categories.

    >>> path_relation(["brand", "category", "category_parent"])
    'category'
    """
    return next((name for name in relations if name + PARENT in relations), None)


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
        """The relations between items and other entities that say what items share.

        Those that point at items go by their name and ``(inverse)``. Relations of entities that
        lead each to one other, as categories do to their parents, give the items the next level
        too. Relations that fewer than one item in a hundred has, or by which no two items share
        anything, are none.
        """
        if graph is None:
            return cls({})
        edges, kinds = graph.edge_index()
        row_of = np.full(graph.n_entities, -1, dtype=np.int64)
        row_of[graph.item_entities] = np.arange(graph.n_items)
        shape = (graph.n_items, graph.n_entities)
        links: dict[str, csr_array] = {}
        of_type: dict[str, csr_array] = {}
        for kind, relation in enumerate(graph.relations):
            heads, tails = edges[:, kinds == kind]
            if relation.head_type == "item" and relation.tail_type != "item":
                name, ends = relation.name, relation.tail_type
                matrix = _ones(row_of[heads], tails, shape)
            elif relation.tail_type == "item" and relation.head_type != "item":
                name, ends = f"{relation.name} (inverse)", relation.head_type
                matrix = _ones(row_of[tails], heads, shape)
            else:
                continue
            links[name] = matrix.maximum(links.get(name, matrix))
            of_type[ends] = matrix.maximum(of_type.get(ends, matrix))
        for kind, relation in enumerate(graph.relations):
            heads, tails = edges[:, kinds == kind]
            inner = relation.head_type == relation.tail_type and relation.head_type in of_type
            if inner and relation.name not in links and np.bincount(heads).max(initial=0) == 1:
                up = _ones(heads, tails, (graph.n_entities, graph.n_entities))
                links[relation.name] = csr_array(of_type[relation.head_type] @ up)
        telling: dict[str, csr_array] = {}
        for name, matrix in links.items():
            # what is told from both ends, as by "wrote" and "written by", counts once
            if _tells(matrix) and not any(_same(matrix, known) for known in telling.values()):
                telling[name] = matrix
        return cls({name: _row_shares(matrix) for name, matrix in telling.items()})

    def only(self, relations: Iterable[str]) -> Affinity:
        """These relations, in this order; empty where the graph of the moment has no such edge."""
        empty = csr_array(next(iter(self.links.values())).shape if self.links else (0, 0))
        return Affinity({name: self.links.get(name, empty) for name in relations})

    @property
    def _shared(self) -> bool:
        """Whether any item is joined to anything."""
        return any(links.nnz for links in self.links.values())

    @cached_property
    def _of_items(self) -> csr_array:
        """What each item is joined to by each relation, ``(n_items · n_relations, n_entities)``.

        Entities of all relations side by side, rows item by item.
        """
        relations = [csr_array(links) for links in self.links.values()]
        by_relation = csr_array(block_diag(relations, format="csr"))
        n_items = relations[0].shape[0]
        rows = np.arange(len(relations) * n_items).reshape(len(relations), n_items).T
        return csr_array(by_relation[rows.ravel()])

    @cached_property
    def _joined(self) -> csr_array:
        """All relations side by side, ``(n_items, n_entities)``."""
        return csr_array(hstack([csr_array(links) for links in self.links.values()], format="csr"))

    def shares(self, weights: csr_array, pairs: Pairs, profiles: int = 1) -> FloatArray:
        """The share of each history that an item has in common with it, by relation, 0 to 1.

        Args:
            weights: weighted histories, profile by profile, ``(n_profiles · n_users, n_items)``.
            pairs: the users' candidates.
            profiles: how many there are.

        Returns:
            ``(n_relations, n_profiles, n_pairs)``.
        """
        if not len(pairs) or not self._shared:
            return np.zeros((len(self.links), profiles, len(pairs)), dtype=np.float32)
        mix = (mean_weights(weights) @ self._joined).toarray()
        width = mix.shape[1]
        of_user = mix.reshape(profiles, -1, width).transpose(1, 2, 0).reshape(-1, profiles)
        rows = pairs.items[:, None] * len(self.links) + np.arange(len(self.links))
        held = self._of_items[rows.ravel()]
        # each pair's entities are those of its user's own mix
        ends = held.indptr[:: len(self.links)]
        places = held.indices + np.repeat(pairs.users * width, np.diff(ends))
        shape = (held.shape[0], len(of_user))
        shares = csr_array((held.data, places, held.indptr), shape=shape) @ of_user
        return np.asarray(shares.reshape(len(pairs), len(self.links), profiles).transpose(1, 2, 0))

    def attribute(self, weights: csr_array, items: IntArray) -> FloatArray:
        """What each past item has in common with some, over all relations, ``(n_past, n)``."""
        shares = mean_weights(weights)
        if not self._shared:
            return np.zeros((shares.nnz, items.size), dtype=np.float32)
        common = self._joined[shares.indices] @ self._joined[items].T
        return np.asarray(common.toarray() * shares.data[:, None], dtype=np.float32)


def _ones(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> csr_array:
    return csr_array((np.ones(rows.size, dtype=np.float32), (rows, columns)), shape=shape)


def _tells(matrix: csr_array) -> bool:
    """Whether enough items have anything, and any two the same."""
    held = np.count_nonzero(np.diff(matrix.indptr)) >= COVERED * matrix.shape[0]
    return bool(held and np.bincount(matrix.indices, minlength=1).max() > 1)


def _same(one: csr_array, other: csr_array) -> bool:
    return one.nnz == other.nnz and abs(one - other).nnz == 0


def _row_shares(matrix: csr_array) -> csr_array:
    """Rows that sum to 1 or 0, over the columns that hold anything."""
    used, columns = np.unique(matrix.indices, return_inverse=True)
    totals = np.asarray(matrix.sum(axis=1)).ravel()
    values = matrix.data / np.repeat(totals, np.diff(matrix.indptr))
    shape = (matrix.shape[0], max(used.size, 1))
    return csr_array((values.astype(np.float32), columns, matrix.indptr), shape=shape)
