"""The graph as others like it: a summary, networkx to walk, torch-geometric to learn, numpy."""

from collections.abc import Mapping, Sequence
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kg.errors import UnknownRelationError

if TYPE_CHECKING:
    import networkx
    import torch_geometric.data

    from kg.graph import KnowledgeGraph

_NAMED = ("relation", "head_type", "tail_type", "cardinality")


def relation_table(graph: "KnowledgeGraph") -> pl.DataFrame:
    """What the graph consists of; see :meth:`kg.KnowledgeGraph.describe`."""
    rows = [(*relation.signature, relation.cardinality) for relation in graph.relations]
    named = pl.DataFrame(rows, schema=dict.fromkeys(_NAMED, pl.String), orient="row")
    heads, relations, tails = graph.triples
    counts = (
        pl.DataFrame({"position": relations, "head": heads, "tail": tails})
        .group_by("position")
        .agg(
            pl.len().cast(pl.Int64).alias("triples"),
            pl.col("head").n_unique().cast(pl.Int64).alias("heads"),
            pl.col("tail").n_unique().cast(pl.Int64).alias("tails"),
        )
        .sort("position")
        .drop("position")
    )
    return pl.concat([named, counts], how="horizontal")


def networkx_view(graph: "KnowledgeGraph") -> "networkx.MultiDiGraph[int]":
    """All of the graph for networkx; see :meth:`kg.KnowledgeGraph.to_networkx`."""
    import networkx

    view: networkx.MultiDiGraph[int] = networkx.MultiDiGraph()
    entities = graph.entities
    attributes = entities.select("type", "key", "name").to_dicts()
    view.add_nodes_from(zip(entities["entity"].to_list(), attributes, strict=True))
    names = [relation.name for relation in graph.relations]
    numbers = graph.attributes.iter_rows(named=True) if graph.attributes.width else repeat({})
    view.add_edges_from(
        (head, tail, names[relation], {"relation": names[relation]} | _given(carried))
        for head, relation, tail, carried in zip(
            *(a.tolist() for a in graph.triples), numbers, strict=False
        )
    )
    return view


def _given(numbers: Mapping[str, float | None]) -> dict[str, float]:
    return {name: number for name, number in numbers.items() if number is not None}


def hetero_view(graph: "KnowledgeGraph") -> "torch_geometric.data.HeteroData":
    """All of the graph for torch-geometric; see :meth:`kg.KnowledgeGraph.to_hetero_data`."""
    import torch
    from torch_geometric.data import HeteroData

    data: Any = HeteroData()
    local = np.empty(graph.n_entities, dtype=np.int64)
    kinds = graph.entities.partition_by("type", as_dict=True, maintain_order=True)
    for (kind,), group in kinds.items():
        members = group.get_column("entity").to_numpy().astype(np.int64)
        local[members] = np.arange(len(members))
        data[kind].entity = torch.from_numpy(members)
        data[kind].num_nodes = len(members)
    heads, relations, tails = graph.triples
    bounds = np.searchsorted(relations, np.arange(len(graph.relations) + 1))
    for relation, start, stop in zip(graph.relations, bounds[:-1], bounds[1:], strict=True):
        edges = np.stack((local[heads[start:stop]], local[tails[start:stop]]))
        store = data[relation.head_type, relation.name, relation.tail_type]
        store.edge_index = torch.from_numpy(edges)
        for numbers in graph.attributes[start:stop]:
            if numbers.null_count() < len(numbers):
                store[numbers.name] = torch.from_numpy(numbers.to_numpy(writable=True))
    return data


def array_view(
    graph: "KnowledgeGraph", names: Sequence[str] | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Edges over all entities alike; see :meth:`kg.KnowledgeGraph.edge_index`."""
    heads, relations, tails = graph.triples
    edges = np.stack((heads, tails)).astype(np.int64)
    if names is None:
        return edges, relations.astype(np.int64)
    known = np.array([relation.name for relation in graph.relations], dtype=object)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UnknownRelationError(
            f"the graph has no relation {unknown[0]!r}; it has {', '.join(dict.fromkeys(known))}"
        )
    kept = np.isin(known, list(names))[relations]
    return edges[:, kept], relations[kept].astype(np.int64)
