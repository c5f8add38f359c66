"""What is wrong with a graph, or weakens it: a table of findings."""

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kg.analysis.cycles import edges_in_cycles
from kg.schema import ITEM
from kg.text import normalised

if TYPE_CHECKING:
    from kg.graph import KnowledgeGraph

FUNCTIONAL_SHARE = 0.95
"""A relation of which this share of the heads has one tail only is taken to allow one."""
HUB_SHARE = 0.5
"""An entity joined to this share of the items tells none of them from another."""

_EXAMPLES = 3
_FINDINGS: dict[str, pl.DataType | type[pl.DataType]] = {
    "finding": pl.String, "where": pl.String, "count": pl.Int64, "examples": pl.List(pl.String),
    "why": pl.String,
}  # fmt: skip
_WHY = {
    "orphan-items": "no edge joins them to other items: no path leads there, nothing is learnt",
    "lone-entities": "no edge touches them",
    "contradicting-facts": "what nearly all have one of, they have several of: one is wrong",
    "cycles": "a relation that leads upwards leads back: walking up never ends",
    "same-names": "one thing under two keys is shared by fewer than share it",
    "hubs": "what most items share tells none from another; paths through it say little",
}
"""Every finding, and why it matters."""


def check_graph(graph: "KnowledgeGraph") -> pl.DataFrame:
    """Looks for defects; see :meth:`kg.KnowledgeGraph.check`."""
    found = [
        *_lone(graph),
        *_contradictions(graph),
        *_cycles(graph),
        *_same_names(graph),
        *_hubs(graph),
    ]
    names = graph.entities["name"]
    rows = [
        (finding, where, len(entities), names.gather(entities[:_EXAMPLES]).to_list(), _WHY[finding])
        for finding, where, entities in found
        if len(entities)
    ]
    return pl.DataFrame(rows, schema=_FINDINGS, orient="row")


Found = list[tuple[str, str, pl.Series]]
"""What was found, in which type or relation, and the entities it is about."""


def _lone(graph: "KnowledgeGraph") -> Found:
    lone = graph.entities.filter(pl.Series(graph.degree == 0))
    return [
        ("orphan-items" if kind == ITEM else "lone-entities", str(kind), group["entity"])
        for (kind,), group in lone.partition_by("type", as_dict=True).items()
    ]


def _contradictions(graph: "KnowledgeGraph") -> Found:
    """Heads with several tails, in relations that are declared or nearly functional."""
    found: Found = []
    heads, relations, _ = graph.triples
    bounds = np.searchsorted(relations, np.arange(len(graph.relations) + 1))
    for place, relation in enumerate(graph.relations):
        own, counts = np.unique(heads[bounds[place] : bounds[place + 1]], return_counts=True)
        if relation.symmetric or not (
            relation.functional or np.mean(counts == 1) >= FUNCTIONAL_SHARE
        ):
            continue
        found.append(("contradicting-facts", relation.name, pl.Series(own[counts > 1])))
    return found


def _cycles(graph: "KnowledgeGraph") -> Found:
    """Entities on a cycle of a relation that joins entities of one type."""
    found: Found = []
    heads, relations, tails = graph.triples
    for place, relation in enumerate(graph.relations):
        if relation.symmetric or ITEM in (relation.head_type, relation.tail_type):
            continue
        if relation.head_type == relation.tail_type:
            own = relations == place
            circle = edges_in_cycles(pl.Series(heads[own]), pl.Series(tails[own]))
            found.append(("cycles", relation.name, circle["head"].unique().sort()))
    return found


def _same_names(graph: "KnowledgeGraph") -> Found:
    """Entities that are called the same but for case, accents and punctuation."""
    others = graph.entities.filter(pl.col("type") != ITEM)
    named = others.with_columns(normalised(pl.col("name")).alias("same"))
    # categories of one name lie under different parents: their keys say where
    named = named.filter((pl.col("same") != "") & (pl.col("key") == pl.col("name")))
    again = named.filter(pl.struct("type", "same").is_duplicated()).sort("type", "same", "entity")
    return [
        ("same-names", str(kind), group["entity"])
        for (kind,), group in again.partition_by("type", as_dict=True).items()
    ]


def _hubs(graph: "KnowledgeGraph") -> Found:
    joined = graph.degree > HUB_SHARE * graph.n_items
    hubs = graph.entities.filter(pl.Series(joined & (graph.n_items > 2)))
    return [
        ("hubs", str(kind), group["entity"])
        for (kind,), group in hubs.partition_by("type", as_dict=True).items()
        if kind != ITEM
    ]
