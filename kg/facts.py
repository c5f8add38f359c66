"""Facts: triples that still speak of entities by their keys, before these have indexes."""

from dataclasses import dataclass, field

import polars as pl

from kg.schema import Relation

EDGES = {"head": pl.String, "tail": pl.String}
NAMES = {"type": pl.String, "key": pl.String, "name": pl.String}


@dataclass(frozen=True)
class Facts:
    """The edges of one relation, and how the entities they bring along are called.

    Attributes:
        relation: The relation that all the edges are of.
        edges: Columns ``head`` and ``tail``, the keys of the entities joined; further columns are
            numbers that the edges carry.
        names: Columns ``type``, ``key`` and ``name``; an entity without a line here is called by
            its key.
    """

    relation: Relation
    edges: pl.DataFrame
    names: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=NAMES))
