"""The product knowledge graph: what a shop's items have in common, to learn from and to read."""

from kg.assembly import Triples
from kg.errors import (
    AttributeColumnError,
    DanglingItemError,
    DuplicateItemError,
    EmptyCatalogueError,
    GraphFileError,
    KnowledgeGraphError,
    MalformedTripleError,
    MissingColumnError,
    NullItemError,
    PathRequestError,
    SchemaError,
    SelfLoopError,
    UnknownEntityError,
    UnknownRelationError,
)
from kg.graph import KnowledgeGraph
from kg.paths import Path
from kg.schema import CatalogueSchema, Column, Relation

__all__ = [
    "AttributeColumnError",
    "CatalogueSchema",
    "Column",
    "DanglingItemError",
    "DuplicateItemError",
    "EmptyCatalogueError",
    "GraphFileError",
    "KnowledgeGraph",
    "KnowledgeGraphError",
    "MalformedTripleError",
    "MissingColumnError",
    "NullItemError",
    "Path",
    "PathRequestError",
    "Relation",
    "SchemaError",
    "SelfLoopError",
    "Triples",
    "UnknownEntityError",
    "UnknownRelationError",
]
