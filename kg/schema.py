"""What a graph remembers about its relations and about the catalogue it was read from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import polars as pl

ITEM = "item"
"""The entity type of catalogue rows."""

PARENT = "_parent"
"""After the name of a relation: that of its entities to what is one step above them in a path."""

WORD = "word"
"""The entity type of words that names have in common."""

ColumnKind = Literal["values", "path", "size", "bands", "measures", "words", "ignored"]
KINDS: tuple[ColumnKind, ...] = get_args(ColumnKind)
Cardinality = Literal["one-to-one", "one-to-many", "many-to-one", "many-to-many"]

N_BANDS = 5
"""Bands that a number is cut into where nobody asks for another number."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A kind of edge. Two relations of one name differ when they join different types.

    Attributes:
        name: What it is called, such as ``"brand"``.
        head_type: Entity type the edge starts from.
        tail_type: Entity type the edge ends at.
        phrase: How a sentence says it; when left out, the name with spaces and without ``_id``.
        inverse: How a sentence says it from tail to head, such as ``"makes"``; when empty, it
            turns the arrow round and keeps the phrase.
        functional: Whether a head has one tail at most, as a product has one brand; declared, or
            true of all heads when the relation was first read.
        inverse_functional: Whether a tail has one head at most.
        symmetric: Whether an edge says the same in both directions; it is stored once.

    >>> Relation("parent_brand_id", "item", "parent_brand_id").phrase
    'parent brand'
    >>> Relation("brand", "item", "brand", functional=True).cardinality
    'many-to-one'
    """

    name: str
    head_type: str
    tail_type: str
    phrase: str = ""
    inverse: str = ""
    functional: bool = False
    inverse_functional: bool = False
    symmetric: bool = False

    def __post_init__(self) -> None:
        """Fills in the phrase."""
        if not self.phrase:
            object.__setattr__(self, "phrase", self.name.removesuffix("_id").replace("_", " "))

    @property
    def signature(self) -> tuple[str, str, str]:
        """What tells two relations apart: name, head type, tail type."""
        return self.name, self.head_type, self.tail_type

    @property
    def cardinality(self) -> Cardinality:
        """How many heads may share a tail, and how many tails a head may have."""
        if self.functional:
            return "one-to-one" if self.inverse_functional else "many-to-one"
        return "one-to-many" if self.inverse_functional else "many-to-many"


DERIVED: tuple[Relation, ...] = tuple(
    Relation(name, ITEM, ITEM, phrase, symmetric=True)
    for name, phrase in (
        ("bought_with", "bought with"),
        ("viewed_with", "viewed with"),
        ("complement", "goes with"),
        ("substitute", "instead of"),
        ("similar_text", "reads like"),
    )
)
"""Relations that shoppers' behaviour and texts show."""


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of the catalogue is read.

    Attributes:
        name: The column.
        kind: ``"values"``, an entity for each distinct value; ``"path"``, an entity for each
            prefix of a path such as ``"Beauty > Makeup"``; ``"size"``, an entity for each band of
            sizes such as ``"8–16 OZ"``; ``"bands"``, an entity for each quantile band of a number;
            ``"measures"``, sizes and pack counts that stand in a text; ``"words"``, an entity for
            each word or phrase that several texts share; ``"ignored"``, not at all.
        relation: What its edges are called; the column's name when left out.
        entity_type: Type of the entities; the column's name when left out.
        phrase, inverse: As those of :class:`Relation`.
        functional: As that of :class:`Relation`; told from the values when None.
        within: For bands, the path column inside whose categories the quantiles are taken.
        n_bands: For bands, how many there are in a group.
        edges: For bands, by category (``""`` for all items) the limits in ascending order, the
            lowest and highest value seen included.
        vocabulary: For words, those that make an edge.
        why: How it was decided that the column is read like this.
    """

    name: str
    kind: ColumnKind
    relation: str = ""
    entity_type: str = ""
    phrase: str = ""
    inverse: str = ""
    functional: bool | None = None
    within: str | None = None
    n_bands: int = N_BANDS
    edges: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()
    why: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Fills in the names."""
        for attribute in ("relation", "entity_type"):
            if not getattr(self, attribute):
                object.__setattr__(self, attribute, self.name)


@dataclass(frozen=True, slots=True)
class CatalogueSchema:
    """How the catalogue was read, so that later rows are read the same way.

    Attributes:
        item_id: Column of item ids.
        name: Column of item names, or None when items are named by their id.
        columns: How the other columns are read, in the order of their relations.
    """

    item_id: str = "item_id"
    name: str | None = None
    columns: tuple[Column, ...] = ()

    @property
    def read(self) -> tuple[Column, ...]:
        """The columns that are not ignored."""
        return tuple(column for column in self.columns if column.kind != "ignored")

    def to_frame(self) -> pl.DataFrame:
        """One row a column: ``column``, ``read_as``, ``relation``, ``entity_type`` and ``why``."""
        named = ("column", "read_as", "relation", "entity_type", "why")
        rows = [
            (
                column.name,
                column.kind,
                *((None, None) if column.kind == "ignored" else _names(column)),
                column.why,
            )
            for column in self.columns
        ]
        return pl.DataFrame(rows, schema=dict.fromkeys(named, pl.String), orient="row")

    def __str__(self) -> str:
        """What was inferred, a line a column, and why."""
        width = max((len(column.name) for column in self.columns), default=0)
        kinds = max((len(column.kind) for column in self.columns), default=0)
        lines = [
            f"{column.name:<{width}}  {column.kind:<{kinds}}  {column.why}".rstrip()
            for column in self.columns
        ]
        return "\n".join(lines)


def _names(column: Column) -> tuple[str, str]:
    if column.kind == "measures":
        return "size, pack", "size, pack"
    if column.kind == "words":
        return WORD, WORD
    return column.relation, column.entity_type
