"""Single entities: found by type and key, and how many items they are joined to."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from kg.errors import PathRequestError, UnknownEntityError, examples

if TYPE_CHECKING:
    from kg.graph import KnowledgeGraph

EntitiesByKey = dict[str, dict[str, int]]


def keyed_entities(entities: pl.DataFrame) -> EntitiesByKey:
    """The index of every entity, under its type and then its key."""
    groups = entities.partition_by("type", as_dict=True, maintain_order=True)
    return {
        str(kind): dict(zip(group["key"], group["entity"], strict=True))
        for (kind,), group in groups.items()
    }


def entity_of_key(entities: EntitiesByKey, kind: str, key: str) -> int:
    """The index of one entity; see :meth:`kg.KnowledgeGraph.entity_index`."""
    keys = entities.get(kind)
    if keys is None:
        raise UnknownEntityError(
            f"the graph has no entities of type {kind!r}; its types are {', '.join(entities)}"
        )
    if key not in keys:
        raise UnknownEntityError(
            f"the graph has no {kind} with key {key!r}; it has {examples(keys)}"
        )
    return keys[key]


def linked_share(graph: "KnowledgeGraph", entity: int) -> float:
    """The fraction of items joined to it; see :meth:`kg.KnowledgeGraph.item_share`."""
    require_entities(graph, np.array([entity]))
    adjacency = graph.adjacency
    return float((adjacency.starts[entity + 1] - adjacency.item_starts[entity]) / graph.n_items)


def require_entities(graph: "KnowledgeGraph", entities: npt.NDArray[np.int64]) -> None:
    """Checks that indexes are those of entities.

    Raises:
        UnknownEntityError: When one is not.
    """
    unknown = entities[(entities < 0) | (entities >= graph.n_entities)]
    if len(unknown):
        raise UnknownEntityError(
            f"the graph has no entity {unknown[0]}; indexes run from 0 to {graph.n_entities - 1}"
        )


def require_positive(**numbers: int) -> None:
    """Checks that numbers asked for are one or more.

    Raises:
        PathRequestError: When one is not.
    """
    for label, value in numbers.items():
        if value < 1:
            raise PathRequestError(f"{label} is {value}; it must be 1 or more")
