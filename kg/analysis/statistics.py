"""What a graph is like: degrees by type and relation, components, hubs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kg.schema import ITEM

if TYPE_CHECKING:
    from kg.graph import KnowledgeGraph

_SIGNATURE = ("relation", "head_type", "tail_type")


@dataclass(frozen=True)
class GraphStatistics:
    """The figures of a graph; ``print`` shows them.

    Attributes:
        n_triples: How many edges there are.
        degrees: One row an entity type; see :func:`degree_table`.
        relations: One row a relation; see :func:`relation_degrees`.
        components: One row a connected component, the largest first; see :func:`components`.
        hubs: The entities that most edges touch; see :func:`hubs`.
    """

    n_triples: int
    degrees: pl.DataFrame
    relations: pl.DataFrame
    components: pl.DataFrame
    hubs: pl.DataFrame

    def __str__(self) -> str:
        """Size and connection in sentences, then the tables."""
        n_entities, n_items = self.components.select("entities", "items").sum().row(0)
        with_items = self.components.filter(pl.col("items") > 0)["items"]
        together = with_items.top_k(1).sum()
        lines = [
            f"{n_items:,} items and {n_entities - n_items:,} other entities, "
            f"{self.n_triples:,} triples in {self.relations.height} relations",
            f"{together:,} items are connected; {n_items - together:,} lie apart from them, in "
            f"{len(with_items[1:]):,} other components",
        ]
        tables = {"degrees": self.degrees, "relations": self.relations, "hubs": self.hubs}
        with pl.Config(
            tbl_rows=-1,
            tbl_cols=-1,
            tbl_width_chars=160,
            tbl_hide_dataframe_shape=True,
            tbl_hide_column_data_types=True,
            tbl_formatting="NOTHING",
            float_precision=2,
        ):
            return "\n".join([*lines, *(f"\n{name}\n{table}" for name, table in tables.items())])


def graph_statistics(graph: "KnowledgeGraph", *, n_hubs: int) -> GraphStatistics:
    """All figures together; see :meth:`kg.KnowledgeGraph.statistics`."""
    return GraphStatistics(
        graph.n_triples,
        degree_table(graph),
        relation_degrees(graph),
        components(graph),
        hubs(graph, n_hubs),
    )


def degree_table(graph: "KnowledgeGraph") -> pl.DataFrame:
    """How many triples touch an entity, by type.

    Returns:
        One row a type in the order of the entities: ``type``, ``entities``, ``without_edges``,
        and ``mean``, ``median`` and ``max`` of the degree.
    """
    degree = pl.col("degree")
    return (
        graph.entities.select("type", pl.Series("degree", graph.degree))
        .group_by("type", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("entities"),
            (degree == 0).sum().cast(pl.Int64).alias("without_edges"),
            degree.mean().alias("mean"),
            degree.median().alias("median"),
            degree.max().alias("max"),
        )
    )


def relation_degrees(graph: "KnowledgeGraph") -> pl.DataFrame:
    """How many tails a head has, and how many heads a tail, by relation.

    Returns:
        One row a relation in the order of the graph: ``relation``, ``head_type``, ``tail_type``,
        then ``tails_median``, ``tails_p95`` and ``tails_max`` over the heads that have any, and
        ``heads_median``, ``heads_p95`` and ``heads_max`` over the tails.
    """
    signatures = [relation.signature for relation in graph.relations]
    table = pl.DataFrame(
        signatures, schema=dict.fromkeys(_SIGNATURE, pl.String), orient="row"
    ).with_row_index("place")
    heads, relations, tails = graph.triples
    edges = pl.DataFrame({"place": relations, "head": heads, "tail": tails})
    for side, counted in (("head", "tails"), ("tail", "heads")):
        count = pl.col("len")
        counts = (
            edges.group_by("place", side)
            .len()
            .group_by(pl.col("place").cast(pl.UInt32))
            .agg(
                count.median().alias(f"{counted}_median"),
                count.quantile(0.95, "higher").alias(f"{counted}_p95"),
                count.max().cast(pl.Int64).alias(f"{counted}_max"),
            )
        )
        table = table.join(counts, on="place", how="left", maintain_order="left")
    return table.drop("place")


def components(graph: "KnowledgeGraph") -> pl.DataFrame:
    """The connected components, whatever the direction of the edges.

    No path joins items of two components. An entity without an edge is one of its own.

    Returns:
        One row a component, that with most entities first, equal ones by their first entity:
        ``entities`` and ``items`` in it, and ``example``, the name of its first entity.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    heads, _, tails = graph.triples
    shape = (graph.n_entities, graph.n_entities)
    edges = coo_array((np.ones(len(heads), dtype=np.int8), (heads, tails)), shape=shape)
    _, labels = connected_components(edges, directed=False)
    return (
        graph.entities.select(
            pl.Series("component", labels), (pl.col("type") == ITEM).alias("item"), "name"
        )
        .group_by("component", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("entities"),
            pl.col("item").sum().cast(pl.Int64).alias("items"),
            pl.col("name").first().alias("example"),
        )
        .sort("entities", descending=True, maintain_order=True)
        .drop("component")
    )


def hubs(graph: "KnowledgeGraph", k: int) -> pl.DataFrame:
    """The entities, items aside, that most triples touch.

    What nearly every item shares tells none of them apart: a path through it says little, and its
    weight in the score of :mod:`kg.walking.paths` is low.

    Returns:
        At most ``k`` rows, the highest degree first, then the lower index: ``entity``, ``type``,
        ``name``, ``degree``, ``item_share`` (the share of all items joined to it, from 0 to 1) and
        ``path_weight`` (what it multiplies a path's score by).
    """
    adjacency = graph.adjacency
    others = np.flatnonzero(~adjacency.is_item)
    chosen = others[np.argsort(-graph.degree[others], kind="stable")][:k]
    n_joined = adjacency.starts[chosen + 1] - adjacency.item_starts[chosen]
    return graph.entities[chosen].select(
        "entity",
        "type",
        "name",
        pl.Series("degree", graph.degree[chosen]),
        pl.Series("item_share", n_joined / max(graph.n_items, 1)),
        pl.Series("path_weight", graph.entity_weights[chosen]),
    )
