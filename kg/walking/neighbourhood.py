"""What lies around some items: the entities that few others share, and who shares them."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kg.walking.paths import LENGTH_DISCOUNT

if TYPE_CHECKING:
    from kg.graph import KnowledgeGraph


def nearest_entities(
    graph: "KnowledgeGraph", items: npt.NDArray[np.int64], *, hops: int, max_entities: int
) -> npt.NDArray[np.int64]:
    """The entities nearest to some items; see :meth:`kg.KnowledgeGraph.neighbourhood`.

    Nearness spreads from the items along the edges: of what an entity has, each neighbour gets
    ``0.9 / log2(2 + degree of the neighbour)``, so that a rare brand is nearer than a department.
    Each hop takes the nearest of those it reaches first, half of the room that is left, and the
    last hop all of it; so what joins two items is there with them.

    Returns:
        Entity indexes, ascending, the items among them.
    """
    taken = items[:max_entities]
    reached = np.zeros(graph.n_entities, dtype=bool)
    reached[items] = True
    frontier: npt.NDArray[np.integer] = items
    given = np.ones(len(items))
    for hop in range(hops):
        sides = [graph.adjacency.rows(frontier, items=side) for side in (False, True)]
        owners, neighbours = (np.concatenate(part) for part in zip(*sides, strict=True))
        fresh = ~reached[neighbours]
        frontier, places = np.unique(neighbours[fresh], return_inverse=True)
        passed_on = LENGTH_DISCOUNT * given[owners[fresh]] * graph.entity_weights[neighbours[fresh]]
        given = np.bincount(places, passed_on, minlength=len(frontier)).astype(np.float64)
        reached[frontier] = True
        room = max_entities - len(taken)
        room = room if hop == hops - 1 else (room + 1) // 2
        best = np.lexsort((frontier, -given))[:room]
        frontier, given = frontier[np.sort(best)], given[np.sort(best)]
        taken = np.concatenate((taken, frontier))
    return np.sort(taken)
