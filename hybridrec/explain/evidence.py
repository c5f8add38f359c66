"""What a contribution rests on: past items and knowledge-graph paths."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Literal, overload

import numpy as np
import polars as pl

from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.shop import Shop
from kg import KnowledgeGraph, Path

PATH_SOURCES = 20
"""Paths start from this many past items, those that weigh most."""
PATHS_COMPARED = 30
LONGEST = 8
"""Edges of a path that is looked for where there is no shorter one, as up and down a tree of
categories."""
HUB_SHARE = 0.2
"""What more than this share of the catalogue has in common explains little."""


@dataclass(frozen=True, slots=True)
class PastItem:
    """An item of the user's history.

    Args:
        item_id: the item.
        title: its name, for people.
        events: how often the user met it.
        last: when last; ``None`` without times.
        weight: its signed share of a contribution.
        together: how many other users met it and the item explained; ``None`` where they are fewer
            than 5, the smallest group that is spoken of.
        speaks: whether it gives the item explained more than the mean candidate, and the ranker
            rewards that; sentences name no other.
    """

    item_id: Hashable
    title: str
    events: int
    last: datetime | None
    weight: float
    together: int | None = None
    speaks: bool = True

    def with_more(self, weight: float) -> PastItem:
        """The same item, weighing so much more."""
        return replace(self, weight=self.weight + weight)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "item_id": self.item_id,
            "title": self.title,
            "events": self.events,
            "last": None if self.last is None else self.last.isoformat(),
            "weight": self.weight,
            "together": self.together,
        }


@dataclass(frozen=True, eq=False, repr=False)
class WeighedItems(Sequence[PastItem]):
    """Past items, greatest weight first, without those that weigh nothing.

    Sorted and made when they are looked at: histories may be long. Equal to any sequence of the
    same items, and printed as they are.

    Args:
        past: gives each of the user's past items by its place, weighing nothing.
        weights: ``(n_past,)``.
        speaks: ``(n_past,)``; see :class:`PastItem`.
        together: gives how many other users met each of them and the item explained.
    """

    past: Callable[[int], PastItem]
    weights: DoubleArray
    speaks: BoolArray
    together: Callable[[], Sequence[int | None]]

    @cached_property
    def _places(self) -> IntArray:
        """Those that weigh anything, in order."""
        order = np.argsort(-np.abs(self.weights), kind="stable")
        return np.asarray(order[self.weights[order] != 0])

    def __len__(self) -> int:
        return self._places.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    @overload
    def __getitem__(self, index: int) -> PastItem: ...
    @overload
    def __getitem__(self, index: slice) -> list[PastItem]: ...
    def __getitem__(self, index: int | slice) -> PastItem | list[PastItem]:
        if isinstance(index, slice):
            return [self[place] for place in range(len(self))[index]]
        place = int(self._places[index])
        return replace(
            self.past(place),
            weight=float(self.weights[place]),
            together=self.together()[place],
            speaks=bool(self.speaks[place]),
        )


@dataclass(frozen=True, slots=True)
class GraphPath:
    """A way through the knowledge graph from an item of the history to the item explained.

    Args:
        text: the whole path, ``Cola —brand→ Acme ←brand— Soda``.
        source_title: the past item it starts from.
        relation: what the two have in common, ``brand``; ``None`` where they are joined directly.
        name: which, ``Acme``.
        share: how much of the catalogue has that in common, 0 to 1.
        weight: how well the path explains; see :meth:`kg.KnowledgeGraph.paths`.
        edges: the facts it runs along, from the past item on: head, relation and tail of each, as
            the graph has them, by the keys of the entities.
    """

    text: str
    source_title: str
    relation: str | None
    name: str | None
    share: float | None
    weight: float
    edges: tuple[tuple[str, str, str], ...] = ()

    @property
    def telling(self) -> bool:
        """Whether what is shared is rare enough to be a reason by itself."""
        return self.share is not None and self.share <= HUB_SHARE

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "edges": [list(edge) for edge in self.edges]}


NoPath = Literal["no graph", "no history", "nothing known of the item", "nothing in common"]


def why_no_path(shop: Shop, past_items: IntArray, item: int) -> NoPath:
    """Why nothing leads from the past items to an item, where :func:`best_paths` found none."""
    graph = shop.graph
    if graph is None:
        return "no graph"
    if past_items.size == 0:
        return "no history"
    known = graph.degree[graph.item_entities[item]] > 0
    return "nothing in common" if known else "nothing known of the item"


def best_paths(
    shop: Shop, past_items: IntArray, weights: DoubleArray, items: IntArray
) -> list[GraphPath | None]:
    """For each item the path that says most, from what the user met before.

    Paths start from the past items that weigh most for the item, and from the others only where
    those share nothing telling with it.

    Args:
        shop: the knowledge graph and names.
        past_items: ``(n_past,)`` item rows.
        weights: ``(n, n_past)`` how much each speaks for each of the items.
        items: ``(n,)`` the item rows explained.

    Returns:
        ``None`` where there is no graph or no path at all.
    """
    graph = shop.graph
    if graph is None:
        return [None] * items.size
    # paths run through the same few things
    share_of, name_of = cache(graph.item_share), cache(graph.entities["name"].__getitem__)
    speaking = np.argsort(-weights, axis=1, kind="stable")
    starts, targets = graph.item_entities[past_items], graph.item_entities[items]
    found: list[list[Path]] = [[] for _ in items]
    left = np.arange(items.size)
    for sources in (speaking[:, :PATH_SOURCES], speaking[:, PATH_SOURCES:]):
        histories = [starts[sources[place]].tolist() for place in left]
        more = graph.paths_of_pairs(histories, targets[left].tolist(), k=PATHS_COMPARED)
        for place, paths in zip(left, more, strict=True):
            found[place] += paths
        left = np.array(
            [p for p in left if not any(_tells(path, share_of) for path in found[p])], dtype=int
        )
    left = np.array([place for place, paths in enumerate(found) if not paths], dtype=int)
    more = graph.paths_of_pairs(
        [starts.tolist()] * left.size, targets[left].tolist(), max_length=LONGEST, k=1
    )
    for place, paths in zip(left, more, strict=True):
        found[place] += paths
    return [
        _most_telling(
            graph, paths, dict(zip(starts.tolist(), weighed, strict=True)), share_of, name_of
        )
        for paths, weighed in zip(found, weights.tolist(), strict=True)
    ]


def _tells(path: Path, share_of: Callable[[int], float]) -> bool:
    """Whether what is shared is rare enough to be a reason."""
    return path.via is None or share_of(path.via) <= HUB_SHARE


def _most_telling(
    graph: KnowledgeGraph,
    found: list[Path],
    weight_of: Mapping[int, float],
    share_of: Callable[[int], float],
    name_of: Callable[[int], str],
) -> GraphPath | None:
    """Of some paths to an item the shortest through the rarest thing shared."""
    telling = [path for path in found if _tells(path, share_of)]
    # a namesake has everything in common, which tells a reader nothing
    telling = [p for p in telling if name_of(p.nodes[0]) != name_of(p.nodes[-1])] or telling
    telling = telling or found
    if not telling:
        return None
    shortest = min(len(path) for path in telling)
    path = max(
        (path for path in telling if len(path) == shortest),
        key=lambda path: (
            -1.0 if path.via is None else -round(share_of(path.via), 4),
            weight_of.get(path.nodes[0], 0.0),
        ),
    )
    via = path.via
    return GraphPath(
        graph.describe_path(path),
        name_of(path.nodes[0]),
        None if via is None else graph.entities["type"][via].replace("_", " "),
        None if via is None else name_of(via),
        None if via is None else share_of(via),
        path.score,
        _edges(path, graph.entities["key"]),
    )


def _edges(path: Path, keys: pl.Series) -> tuple[tuple[str, str, str], ...]:
    steps = zip(path.nodes, path.relations, path.nodes[1:], path.directions, strict=False)
    return tuple(
        (keys[start], relation, keys[end]) if along > 0 else (keys[end], relation, keys[start])
        for start, relation, end, along in steps
    )
