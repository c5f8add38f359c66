"""Neighbours of every entity in compressed rows, for walking in either direction."""

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kg.assembly import Triples

Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Adjacency:
    """Who stands next to whom, each neighbour once, whatever the direction of the edge.

    A row lists the neighbours that are no items first, then the items; both parts ascend.

    Attributes:
        is_item: Which entities are items, shape ``(n_entities,)``.
        starts: Where the row of each entity begins, shape ``(n_entities + 1,)``.
        item_starts: Where the items of that row begin, shape ``(n_entities,)``.
        neighbours: Entity indexes, row after row.
        codes: For each neighbour the edge that leads there: twice the relation's position, plus
            one when it is walked from tail to head. Among parallel edges those walked forward
            come first, then the lower relation. Of the smallest type that holds them.
    """

    is_item: npt.NDArray[np.bool_]
    starts: Int64Array
    item_starts: Int64Array
    neighbours: Int32Array
    codes: npt.NDArray[np.unsignedinteger]

    def rows(
        self, entities: npt.NDArray[np.integer], *, items: bool = False
    ) -> tuple[Int64Array, Int32Array]:
        """The neighbours of several entities: those that are no items, or only the items.

        Returns:
            For each neighbour the position in ``entities`` of whom it belongs to, and the
            neighbour itself; both of one length.
        """
        starts = self.item_starts[entities] if items else self.starts[entities]
        stops = self.starts[entities + 1] if items else self.item_starts[entities]
        owners, places = spans(starts, stops)
        return owners, self.neighbours[places]

    def n_inner_neighbours(self, entities: npt.NDArray[np.integer]) -> Int64Array:
        """How many neighbours that are no items each of several entities has."""
        counts: Int64Array = self.item_starts[entities] - self.starts[entities]
        return counts

    def code(self, entity: int, neighbour: int) -> int:
        """The code of the edge between two entities that are neighbours."""
        limits = (self.starts[entity], self.item_starts[entity], self.starts[entity + 1])
        start, stop = limits[1:] if self.is_item[neighbour] else limits[:2]
        place = bisect_left(self.neighbours, neighbour, start, stop)
        if place == stop or self.neighbours[place] != neighbour:
            raise LookupError(f"entities {entity} and {neighbour} are not neighbours")
        return int(self.codes[place])


def spans(starts: Int64Array, stops: Int64Array) -> tuple[Int64Array, Int64Array]:
    """All positions of several ranges, one after the other.

    Returns:
        For each position the number of its range, and the position itself.

    >>> spans(np.array([0, 5]), np.array([2, 8]))
    (array([0, 0, 1, 1, 1]), array([0, 1, 5, 6, 7]))
    """
    counts = stops - starts
    owners = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    return owners, np.arange(len(owners)) + (starts - before)[owners]


def adjacency_of(triples: Triples, is_item: npt.NDArray[np.bool_]) -> Adjacency:
    """Builds the rows.

    Args:
        triples: The edges, sorted by relation.
        is_item: Which entities are items, shape ``(n_entities,)``.
    """
    n_entities = len(is_item)
    here = np.concatenate((triples.heads, triples.tails))
    there = np.concatenate((triples.tails, triples.heads))
    codes = np.concatenate((2 * triples.relations, 2 * triples.relations + 1))
    pairs = here * np.int64(2 * n_entities) + is_item[there] * np.int64(n_entities) + there
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    order = order[np.concatenate((np.ones(min(1, len(pairs)), dtype=bool), np.diff(pairs) > 0))]
    here, there = here[order], there[order]
    starts = np.zeros(n_entities + 1, dtype=np.int64)
    np.cumsum(np.bincount(here, minlength=n_entities), out=starts[1:])
    item_starts = starts[:-1] + np.bincount(here[~is_item[there]], minlength=n_entities)
    codes = codes[order].astype(np.min_scalar_type(int(codes.max(initial=0))))
    return Adjacency(is_item, starts, item_starts, there, codes)
