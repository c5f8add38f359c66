"""Paths that explain why one item leads to another.

A path runs from a source item to the target item through entities that are no items, over edges
walked in either direction, and visits no entity twice. Its score is

    score = 0.9 ** length * product over inner entities of 1 / log2(2 + degree)

so that short paths over rare entities win: a brand with ten items says more than one with ten
thousand. ``length`` counts edges, ``degree`` the triples that touch the entity.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kg.adjacency import Adjacency, Int32Array, spans
from kg.errors import PathRequestError, UnknownEntityError, examples

if TYPE_CHECKING:
    from kg.graph import KnowledgeGraph

LENGTH_DISCOUNT = 0.9

_FORWARD, _BACKWARD = 1, -1
_ROUNDING = 1e-9

FloatArray = npt.NDArray[np.float64]
Ranked = tuple[float, int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Path:
    """A walk from one item to another.

    Attributes:
        nodes: Entity indexes from source to target; one more than there are edges.
        relations: Name of the relation of each edge.
        directions: For each edge 1 when it is walked from head to tail, -1 from tail to head.
        score: How well it explains; see :mod:`kg.paths`.
        via: The inner entity with the lowest degree, the most telling one (the lower index when
            several have it); None when the items are joined directly.
    """

    nodes: tuple[int, ...]
    relations: tuple[str, ...]
    directions: tuple[int, ...]
    score: float
    via: int | None

    def __len__(self) -> int:
        """How many edges it has."""
        return len(self.relations)


def entity_weights(degree: npt.NDArray[np.int64]) -> FloatArray:
    """What an inner entity multiplies a path's score by: ``1 / log2(2 + degree)``.

    >>> entity_weights(np.array([2, 6, 14]))
    array([0.5       , 0.33333333, 0.25      ])
    """
    weights: FloatArray = 1.0 / np.log2(2.0 + degree)
    return weights


def best_paths(
    graph: "KnowledgeGraph", sources: Iterable[int], target: int, *, max_length: int, k: int
) -> list[Path]:
    """Finds the best ``k`` paths exactly; see :meth:`kg.KnowledgeGraph.paths`.

    For every number of inner entities, chains of entities grown from the sources and from the
    target meet in the middle. A half whose best completion cannot reach the ``k``-th best score
    found so far is dropped.
    """
    for label, value in (("max_length", max_length), ("k", k)):
        if value < 1:
            raise PathRequestError(f"{label} is {value}; it must be 1 or more")
    adjacency, weights = graph.adjacency, graph.entity_weights
    starts = _starts(graph, sources, target)
    owners, entities = adjacency.rows(starts)
    order = np.argsort(entities, kind="stable")
    first_entities, origins = entities[order], starts[owners[order]]
    forward = [np.unique(first_entities)[:, None]]
    backward = [adjacency.rows(np.array([target]))[1][:, None]]

    _, direct = adjacency.rows(np.array([target]), items=True)
    found: list[Ranked] = [
        (-LENGTH_DISCOUNT, 1, (int(source), target))
        for source in np.intersect1d(direct, starts)[:k]
    ]
    for n_inner in range(1, max_length):
        threshold = -found[k - 1][0] * (1 - _ROUNDING) if len(found) >= k else 0.0
        discount = LENGTH_DISCOUNT ** (n_inner + 1)
        # An inner entity has two neighbours at least, so no chain of this length can do better.
        if discount * float(entity_weights(np.array(2))) ** n_inner < threshold:
            break
        back = n_inner // 2 + 1
        front = n_inner + 1 - back
        for halves, depth in ((forward, front), (backward, back)):
            while len(halves) < depth:
                halves.append(_grown(adjacency, halves[-1], at_end=halves is forward))
        chains = _met(forward[front - 1], backward[back - 1], weights, threshold / discount)
        scores = discount * _products(weights[chains])
        found += _started(chains, scores, first_entities, origins, target, k)
        found = sorted(found)[:k]
    return [_path(graph, nodes, -negative) for negative, _, nodes in found]


def _starts(graph: "KnowledgeGraph", sources: Iterable[int], target: int) -> Int32Array:
    """The sources in ascending order, each once, without the target."""
    items = graph.item_entities
    asked = np.append(np.fromiter(sources, dtype=np.int64), target)
    places = np.searchsorted(items, asked).clip(max=len(items) - 1)
    unknown = asked[items[places] != asked]
    if len(unknown):
        raise UnknownEntityError(
            f"no items have the entity indexes {examples(unknown.tolist())}; paths start and end "
            "at items, whose indexes are in item_entities"
        )
    return np.unique(asked[asked != target]).astype(np.int32)


def _grown(adjacency: Adjacency, chains: Int32Array, *, at_end: bool) -> Int32Array:
    """Every chain with one more entity, shape ``(n, depth) -> (m, depth + 1)``."""
    owners, entities = adjacency.rows(chains[:, -1 if at_end else 0])
    fresh = (chains[owners] != entities[:, None]).all(axis=1)
    owners, entities = owners[fresh], entities[fresh]
    sides = (chains[owners], entities[:, None])
    return np.concatenate(sides if at_end else sides[::-1], axis=1)


def _met(
    forward: Int32Array, backward: Int32Array, weights: FloatArray, threshold: float
) -> Int32Array:
    """Joins halves where the last entity of one is the first of the other.

    Args:
        forward: Chains grown from the sources, shape ``(n, front)``.
        backward: Chains grown from the target, shape ``(m, back)``.
        weights: Weight of each entity of the graph.
        threshold: Product of weights below which a chain is not wanted.

    Returns:
        Chains without repeats, shape ``(n_chains, front + back - 1)``.
    """
    ends, begins = forward[:, -1], backward[:, 0]
    reached = np.zeros(len(weights), dtype=bool)
    reached[begins] = True
    forward = forward[reached[ends]]
    forward_scores = _products(weights[forward])
    backward_scores = _products(weights[backward[:, 1:]])
    if threshold > 0:
        best = np.zeros(len(weights))
        np.maximum.at(best, begins, backward_scores)
        kept = forward_scores * best[forward[:, -1]] >= threshold
        forward, forward_scores = forward[kept], forward_scores[kept]
        best = np.zeros(len(weights))
        np.maximum.at(best, forward[:, -1], forward_scores)
        backward = backward[backward_scores * best[begins] >= threshold]
    backward = backward[np.argsort(backward[:, 0], kind="stable")]
    begins = backward[:, 0]
    fronts, backs = spans(
        np.searchsorted(begins, forward[:, -1], side="left"),
        np.searchsorted(begins, forward[:, -1], side="right"),
    )
    head, tail = forward[fronts], backward[backs][:, 1:]
    apart = (head[:, :, None] != tail[:, None, :]).all(axis=(1, 2))
    return np.concatenate((head[apart], tail[apart]), axis=1)


def _products(weights: FloatArray) -> FloatArray:
    """Products over the last axis, the same to the last bit in whatever order the factors come."""
    products = np.ones(len(weights))
    for factors in np.sort(weights, axis=1).T:
        products = products * factors
    return products


def _started(
    chains: Int32Array,
    scores: FloatArray,
    first_entities: Int32Array,
    origins: Int32Array,
    target: int,
    k: int,
) -> list[Ranked]:
    """The best ``k`` chains with their sources put before them and the target after.

    Args:
        chains: Inner entities, shape ``(n_chains, n_inner)``.
        scores: Score of each chain.
        first_entities: Neighbours of the sources, ascending, repeated for every source.
        origins: The source of each of these; ascending within one neighbour.
        target: The item where all paths end.
        k: How many are wanted.

    Returns:
        Negative score, length and nodes of each path, so that sorting puts the best first.
    """
    if len(chains) > k:
        wanted = scores >= np.partition(scores, len(scores) - k)[len(scores) - k]
        chains, scores = chains[wanted], scores[wanted]
    starts = np.searchsorted(first_entities, chains[:, 0], side="left")
    stops = np.searchsorted(first_entities, chains[:, 0], side="right")
    # All paths over one chain score alike, and the lowest source goes first: k of them suffice.
    owners, places = spans(starts, np.minimum(stops, starts + k))
    nodes = np.concatenate((origins[places][:, None], chains[owners]), axis=1)
    order = np.lexsort((*nodes.T[::-1], -scores[owners]))[:k]
    length = chains.shape[1] + 1
    return [
        (-float(score), length, (*inner, target))
        for score, inner in zip(scores[owners[order]], nodes[order].tolist(), strict=True)
    ]


def _path(graph: "KnowledgeGraph", nodes: tuple[int, ...], score: float) -> Path:
    codes = [graph.adjacency.code(here, there) for here, there in pairwise(nodes)]
    names = tuple(graph.relations[code // 2].name for code in codes)
    directions = tuple(_BACKWARD if code % 2 else _FORWARD for code in codes)
    via = min(nodes[1:-1], key=lambda node: (graph.degree[node], node), default=None)
    return Path(nodes, names, directions, score, via)


def path_text(graph: "KnowledgeGraph", path: Path) -> str:
    """A path as people read it; see :meth:`kg.KnowledgeGraph.describe_path`."""
    names = graph.entities.get_column("name")
    text = str(names[path.nodes[0]])
    steps = zip(path.nodes[:-1], path.nodes[1:], path.directions, strict=True)
    for here, there, direction in steps:
        relation = graph.relations[graph.adjacency.code(here, there) // 2]
        arrow = f"—{relation.phrase}→" if direction == _FORWARD else f"←{relation.phrase}—"
        text += f" {arrow} {names[there]}"
    return text
