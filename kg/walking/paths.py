"""Paths that explain why one item leads to another.

A path runs from a source item to the target item through entities that are no items, over edges
walked in either direction, and visits no entity twice. Its score is

    score = 0.9 ** length * product over inner entities of 1 / log2(2 + degree)

so that short paths over rare entities win: a brand with ten items says more than one with ten
thousand. ``length`` counts edges, ``degree`` the triples that touch the entity.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from kg.errors import PathRequestError, UnknownEntityError, examples
from kg.lookup import require_positive
from kg.schema import Relation
from kg.walking.adjacency import Int64Array
from kg.walking.path_search import LENGTH_DISCOUNT, FloatArray, entity_weights, ranked_paths

if TYPE_CHECKING:
    from kg.graph import KnowledgeGraph

__all__ = [
    "LENGTH_DISCOUNT",
    "FloatArray",
    "Path",
    "best_paths",
    "best_paths_of_pairs",
    "entity_weights",
    "path_text",
]

_FORWARD, _BACKWARD = 1, -1
# Pairs searched together: enough that NumPy's cost a call is shared, few enough for memory.
_PAIRS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Path:
    """A walk from one item to another.

    Attributes:
        nodes: Entity indexes from source to target; one more than there are edges.
        relations: Name of the relation of each edge.
        directions: For each edge 1 when it is walked from head to tail, -1 from tail to head.
        score: How well it explains; see :mod:`kg.walking.paths`.
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


def best_paths(
    graph: "KnowledgeGraph", sources: Iterable[int], target: int, *, max_length: int, k: int
) -> list[Path]:
    """Finds the best ``k`` paths exactly; see :meth:`kg.KnowledgeGraph.paths`."""
    return best_paths_of_pairs(graph, [sources], [target], max_length=max_length, k=k)[0]


def best_paths_of_pairs(
    graph: "KnowledgeGraph",
    histories: Sequence[Iterable[int]],
    targets: Sequence[int],
    *,
    max_length: int,
    k: int,
) -> list[list[Path]]:
    """Finds the best ``k`` paths of many pairs; see :meth:`kg.KnowledgeGraph.paths_of_pairs`."""
    require_positive(max_length=max_length, k=k)
    if len(histories) != len(targets):
        raise PathRequestError(
            f"there are {len(histories)} histories and {len(targets)} targets; each history "
            "belongs to the target at its place"
        )
    ends = np.fromiter(targets, dtype=np.int64)
    distinct, history_of = _distinct_histories(graph, histories, ends)
    found: list[list[Path]] = [[] for _ in ends]
    order = np.argsort(history_of, kind="stable")
    code = cache(graph.adjacency.code)  # paths run along the same few edges
    for start in range(0, len(order), _PAIRS_AT_ONCE):
        block = order[start : start + _PAIRS_AT_ONCE]
        numbers, places = np.unique(history_of[block], return_inverse=True)
        ranked = ranked_paths(
            graph.adjacency,
            graph.entity_weights,
            [distinct[number] for number in numbers],
            places,
            ends[block],
            max_length=max_length,
            k=k,
        )
        for pair, paths in zip(block, ranked, strict=True):
            found[pair] = [_path(graph, code, nodes, -negative) for negative, _, nodes in paths]
    return found


def _distinct_histories(
    graph: "KnowledgeGraph", histories: Sequence[Iterable[int]], targets: Int64Array
) -> tuple[list[Int64Array], Int64Array]:
    """The sources of each pair, ascending and without its target; equal ones only once.

    Returns:
        The sources that differ, and for each pair the number of its own among them.
    """
    distinct: list[Int64Array] = []
    numbers: dict[bytes, int] = {}
    history_of = np.empty(len(targets), dtype=np.int64)
    for pair, (history, target) in enumerate(zip(histories, targets.tolist(), strict=True)):
        asked = np.unique(np.append(np.fromiter(history, dtype=np.int64), target))
        _refuse_unknown(graph, asked)
        sources = asked[asked != target]
        number = numbers.setdefault(sources.tobytes(), len(distinct))
        if number == len(distinct):
            distinct.append(sources)
        history_of[pair] = number
    return distinct, history_of


def _refuse_unknown(graph: "KnowledgeGraph", asked: Int64Array) -> None:
    is_item = graph.adjacency.is_item
    inside = (asked >= 0) & (asked < len(is_item))
    unknown = np.append(asked[~inside], asked[inside][~is_item[asked[inside]]])
    if len(unknown):
        raise UnknownEntityError(
            f"no items have the entity indexes {examples(unknown.tolist())}; paths start and end "
            "at items, whose indexes are in item_entities"
        )


def _path(
    graph: "KnowledgeGraph",
    code_of: Callable[[int, int], int],
    nodes: tuple[int, ...],
    score: float,
) -> Path:
    codes = [code_of(here, there) for here, there in pairwise(nodes)]
    names = tuple([graph.relations[code // 2].name for code in codes])
    directions = tuple([_BACKWARD if code % 2 else _FORWARD for code in codes])
    via, *more = nodes[1:-1] or (None,)
    if more:
        via = min(nodes[1:-1], key=lambda node: (graph.degree[node], node))
    return Path(nodes, names, directions, score, via)


def path_text(graph: "KnowledgeGraph", path: Path) -> str:
    """A path as people read it; see :meth:`kg.KnowledgeGraph.describe_path`."""
    names = graph.entities.get_column("name")
    text = str(names[path.nodes[0]])
    for here, there in pairwise(path.nodes):
        code = graph.adjacency.code(here, there)
        text += f" {_arrow(graph.relations[code // 2], backward=code % 2 == 1)} {names[there]}"
    return text


def _arrow(relation: Relation, *, backward: bool) -> str:
    if not backward or relation.symmetric:
        return f"—{relation.phrase}→"
    return f"—{relation.inverse}→" if relation.inverse else f"←{relation.phrase}—"
