"""What can be wrong with a graph's input, one class a cause; all of them are ``ValueError``."""

from collections.abc import Iterable
from itertools import islice

_EXAMPLES = 3


class KnowledgeGraphError(ValueError):
    """Base of every error that ``kg`` raises on purpose."""


class TableError(KnowledgeGraphError):
    """What is given for a table is none."""


class MissingColumnError(KnowledgeGraphError):
    """A table lacks a column that was asked for."""


class EmptyCatalogueError(KnowledgeGraphError):
    """The catalogue has no rows."""


class NullItemError(KnowledgeGraphError):
    """A catalogue row has no item id."""


class DuplicateItemError(KnowledgeGraphError):
    """Two rows carry the same item id, or a new row repeats one that the graph has."""


class AttributeColumnError(KnowledgeGraphError):
    """A column cannot be read as an attribute: its type, or its name, stands in the way."""


class UnknownEntityError(KnowledgeGraphError):
    """An entity was named that the graph does not have, or not of that type."""


class UnknownRelationError(KnowledgeGraphError):
    """A relation was named that the graph does not have."""


class MalformedTripleError(KnowledgeGraphError):
    """A triple has no head, no relation or no tail."""


class DanglingItemError(KnowledgeGraphError):
    """A triple speaks of an item that the catalogue does not have."""


class SelfLoopError(KnowledgeGraphError):
    """A triple joins an entity to itself."""


class PathRequestError(KnowledgeGraphError):
    """Paths or neighbours were asked for in a number below one, or pairs that do not match up."""


class DrawingSizeError(KnowledgeGraphError):
    """More entities are to be drawn than anyone could read."""


class LinkRequestError(KnowledgeGraphError):
    """Links were asked for in a number below one, or at a score that is none."""


class EventsError(KnowledgeGraphError):
    """A table of events, or a setting, that no baskets can be made with."""


class EmbeddingsError(KnowledgeGraphError):
    """Embeddings, or a setting, that no neighbours can be found with."""


class SchemaError(KnowledgeGraphError):
    """A schema says something unknown, or two graphs to be merged were read differently."""


class GraphFileError(KnowledgeGraphError):
    """A graph's file is missing, incomplete, damaged or of another format."""


def examples(values: Iterable[object]) -> str:
    """The first few of ``values`` as text for an error message.

    >>> examples(["a", "b", "c", "d"])
    "'a', 'b', 'c', …"
    """
    shown = list(islice(values, _EXAMPLES + 1))
    text = ", ".join(repr(value) for value in shown[:_EXAMPLES])
    return text + ", …" if len(shown) > _EXAMPLES else text
