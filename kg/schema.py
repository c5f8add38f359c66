"""What a graph remembers about its relations and about the catalogue it was read from."""

from dataclasses import dataclass
from typing import Literal

ITEM = "item"
"""The entity type of catalogue rows."""

ColumnKind = Literal["values", "path", "size", "bands"]


@dataclass(frozen=True, slots=True)
class Relation:
    """A kind of edge. Two relations of one name differ when they join different types.

    Attributes:
        name: What it is called, such as ``"brand"``.
        head_type: Entity type the edge starts from.
        tail_type: Entity type the edge ends at.
        phrase: How a sentence says it; when left out, the name with spaces and without ``_id``.

    >>> Relation("parent_brand_id", "item", "parent_brand_id").phrase
    'parent brand'
    """

    name: str
    head_type: str
    tail_type: str
    phrase: str = ""

    def __post_init__(self) -> None:
        """Fills in the phrase."""
        if not self.phrase:
            object.__setattr__(self, "phrase", self.name.removesuffix("_id").replace("_", " "))

    @property
    def signature(self) -> tuple[str, str, str]:
        """What tells two relations apart: name, head type, tail type."""
        return self.name, self.head_type, self.tail_type


@dataclass(frozen=True, slots=True)
class Column:
    """How an attribute column is read.

    Attributes:
        name: The column, which is also the entity type and the relation.
        kind: ``"values"``, an entity for each distinct value; ``"path"``, an entity for each
            prefix of a path such as ``"Beauty > Makeup"``; ``"size"``, an entity for each band of
            sizes such as ``"8–16 OZ"``; ``"bands"``, an entity for each quantile band of a number.
        edges: For bands, the limits in ascending order, the lowest and highest value seen
            included; empty for the other kinds.
    """

    name: str
    kind: ColumnKind
    edges: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CatalogueSchema:
    """How the catalogue was read, so that later rows are read the same way.

    Attributes:
        item_id: Column of item ids.
        name: Column of item names, or None when items are named by their id.
        columns: The attribute columns, in the order of their relations.
    """

    item_id: str
    name: str | None
    columns: tuple[Column, ...]
