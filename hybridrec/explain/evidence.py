"""What a contribution rests on: past items and knowledge-graph paths."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self, overload

import numpy as np
import polars as pl

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.shop import Shop
from kg import Path

PATH_SOURCES = 20
"""Paths start from this many past items, those that weigh most."""
PATHS_COMPARED = 30
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
    """

    item_id: Hashable
    title: str
    events: int
    last: datetime | None
    weight: float
    together: int | None = None

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


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WeighedItems(Sequence[PastItem]):
    """Past items, each with its weight, made when they are looked at: histories may be long.

    Equal to any sequence of the same items, and printed as they are.

    Args:
        past: all of the user's, weighing nothing.
        rows: ``(n,)`` which of them, in order.
        weights: ``(n,)``.
        together: gives how many other users met each of all and the item explained.
    """

    past: Sequence[PastItem]
    rows: IntArray
    weights: DoubleArray
    together: Callable[[], Sequence[int | None]]

    @classmethod
    def of(
        cls,
        past: Sequence[PastItem],
        weights: DoubleArray,
        together: Callable[[], Sequence[int | None]],
    ) -> Self:
        """Those that weigh anything, ``(n_past,)`` weights, greatest first."""
        order = np.argsort(-np.abs(weights), kind="stable")
        order = order[weights[order] != 0]
        return cls(past, order, weights[order], together)

    def __len__(self) -> int:
        return self.rows.size

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
        row = int(self.rows[index])
        together = self.together()[row]
        return replace(self.past[row], weight=float(self.weights[index]), together=together)


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
        return {name: getattr(self, name) for name in self.__slots__}


def best_path(
    shop: Shop, past_items: IntArray, weights: DoubleArray, item: int
) -> GraphPath | None:
    """The path that says most: from the weightiest past items, through the rarest thing shared.

    Args:
        shop: the knowledge graph and names.
        past_items: ``(n_past,)`` item rows.
        weights: ``(n_past,)`` how much each speaks for the item.
        item: the item row explained.

    Returns:
        ``None`` where there is no graph or no path at all.
    """
    graph = shop.graph
    if graph is None:
        return None
    speaking = np.argsort(-weights, kind="stable")
    target = int(graph.item_entities[item])
    names, types = graph.entities["name"], graph.entities["type"]
    found: list[Path] = []
    # the weightiest items first; all of them only where those share nothing telling with the item
    for sources in (speaking[:PATH_SOURCES], speaking[PATH_SOURCES:]):
        entities = graph.item_entities[past_items[sources]].tolist()
        found += graph.paths(entities, target, k=PATHS_COMPARED)
        telling = [
            path for path in found if path.via is None or graph.item_share(path.via) <= HUB_SHARE
        ]
        if telling:
            break
    # a namesake has everything in common, which tells a reader nothing
    telling = [path for path in telling if names[path.nodes[0]] != names[target]] or telling
    telling = telling or found
    if not telling:
        return None
    weight_of = dict(zip(graph.item_entities[past_items].tolist(), weights, strict=True))
    shortest = min(len(path) for path in telling)
    path = max(
        (path for path in telling if len(path) == shortest),
        key=lambda path: (
            -1.0 if path.via is None else -round(graph.item_share(path.via), 4),
            weight_of.get(path.nodes[0], 0.0),
        ),
    )
    via = path.via
    return GraphPath(
        graph.describe_path(path),
        names[path.nodes[0]],
        None if via is None else types[via].replace("_", " "),
        None if via is None else names[via],
        None if via is None else graph.item_share(via),
        path.score,
        _edges(path, graph.entities["key"]),
    )


def _edges(path: Path, keys: pl.Series) -> tuple[tuple[str, str, str], ...]:
    steps = zip(path.nodes, path.relations, path.nodes[1:], path.directions, strict=False)
    return tuple(
        (keys[start], relation, keys[end]) if along > 0 else (keys[end], relation, keys[start])
        for start, relation, end, along in steps
    )
