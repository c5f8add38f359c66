"""The product knowledge graph: what a shop's items have in common, to learn from and to read."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kg.analysis.prediction import hold_one_out
    from kg.analysis.statistics import GraphStatistics
    from kg.assembly import Triples
    from kg.derived.baskets import BasketSettings, frequent_pairs
    from kg.derived.behaviour import bought_with, complement, substitute, viewed_with
    from kg.derived.rules import association_rules
    from kg.derived.similarity import similar_items
    from kg.drawing import Drawing
    from kg.errors import (
        AttributeColumnError,
        DanglingItemError,
        DrawingSizeError,
        DuplicateItemError,
        EmbeddingsError,
        EmptyCatalogueError,
        EventsError,
        GraphFileError,
        KnowledgeGraphError,
        LinkRequestError,
        MalformedTripleError,
        MissingColumnError,
        NullItemError,
        PathRequestError,
        SchemaError,
        SelfLoopError,
        TableError,
        UnknownEntityError,
        UnknownRelationError,
    )
    from kg.graph import KnowledgeGraph
    from kg.linking import EntityLinker, Link, Mention
    from kg.schema import CatalogueSchema, Column, Relation
    from kg.walking.paths import Path

__all__ = [
    "AttributeColumnError",
    "BasketSettings",
    "CatalogueSchema",
    "Column",
    "DanglingItemError",
    "Drawing",
    "DrawingSizeError",
    "DuplicateItemError",
    "EmbeddingsError",
    "EmptyCatalogueError",
    "EntityLinker",
    "EventsError",
    "GraphFileError",
    "GraphStatistics",
    "KnowledgeGraph",
    "KnowledgeGraphError",
    "Link",
    "LinkRequestError",
    "MalformedTripleError",
    "Mention",
    "MissingColumnError",
    "NullItemError",
    "Path",
    "PathRequestError",
    "Relation",
    "SchemaError",
    "SelfLoopError",
    "TableError",
    "Triples",
    "UnknownEntityError",
    "UnknownRelationError",
    "association_rules",
    "bought_with",
    "complement",
    "frequent_pairs",
    "hold_one_out",
    "similar_items",
    "substitute",
    "viewed_with",
]

_HOMES = {
    "AttributeColumnError": "kg.errors",
    "BasketSettings": "kg.derived.baskets",
    "CatalogueSchema": "kg.schema",
    "Column": "kg.schema",
    "DanglingItemError": "kg.errors",
    "Drawing": "kg.drawing",
    "DrawingSizeError": "kg.errors",
    "DuplicateItemError": "kg.errors",
    "EmbeddingsError": "kg.errors",
    "EmptyCatalogueError": "kg.errors",
    "EntityLinker": "kg.linking",
    "EventsError": "kg.errors",
    "GraphFileError": "kg.errors",
    "GraphStatistics": "kg.analysis.statistics",
    "KnowledgeGraph": "kg.graph",
    "KnowledgeGraphError": "kg.errors",
    "Link": "kg.linking",
    "LinkRequestError": "kg.errors",
    "MalformedTripleError": "kg.errors",
    "Mention": "kg.linking",
    "MissingColumnError": "kg.errors",
    "NullItemError": "kg.errors",
    "Path": "kg.walking.paths",
    "PathRequestError": "kg.errors",
    "Relation": "kg.schema",
    "SchemaError": "kg.errors",
    "SelfLoopError": "kg.errors",
    "TableError": "kg.errors",
    "Triples": "kg.assembly",
    "UnknownEntityError": "kg.errors",
    "UnknownRelationError": "kg.errors",
    "association_rules": "kg.derived.rules",
    "bought_with": "kg.derived.behaviour",
    "complement": "kg.derived.behaviour",
    "frequent_pairs": "kg.derived.baskets",
    "hold_one_out": "kg.analysis.prediction",
    "similar_items": "kg.derived.similarity",
    "substitute": "kg.derived.behaviour",
    "viewed_with": "kg.derived.behaviour",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for when it is asked for, so that the import itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'kg' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
