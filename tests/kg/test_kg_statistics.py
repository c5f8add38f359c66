"""Statistics of a graph: counted by hand, or by networkx."""

import networkx
import numpy as np
import polars as pl
import pytest

from kg import KnowledgeGraph
from kg.analysis.statistics import (
    components,
    degree_table,
    graph_statistics,
    hubs,
    relation_degrees,
)


@pytest.fixture
def shelf() -> KnowledgeGraph:
    """Three items of one brand, two of them with a tag, and one item that has nothing."""
    catalogue = pl.DataFrame(
        {
            "item_id": [1, 2, 3, 4],
            "brand": ["Acme", "Acme", "Acme", None],
            "tags": [["new", "red"], ["new"], [], []],
        }
    )
    return KnowledgeGraph.from_catalogue(catalogue, name=None, attributes=["brand", "tags"])


def test_degrees_by_type(shelf):
    columns = ["type", "entities", "without_edges", "mean", "median", "max"]
    assert degree_table(shelf).columns == columns
    assert degree_table(shelf).rows() == [
        ("item", 4, 1, 1.5, 1.5, 3),
        ("brand", 1, 0, 3.0, 3.0, 3),
        ("tags", 2, 0, 1.5, 1.5, 2),
    ]


def test_degrees_by_relation(shelf):
    assert relation_degrees(shelf).rows() == [
        ("brand", "item", "brand", 1.0, 1.0, 1, 3.0, 3.0, 3),
        ("tags", "item", "tags", 1.5, 2.0, 2, 1.5, 2.0, 2),
    ]


def test_components_are_largest_first(shelf):
    table = components(shelf)
    assert table.columns == ["entities", "items", "example"]
    assert table.rows() == [(6, 3, "1"), (1, 1, "4")]


@pytest.mark.parametrize("seed", range(5))
def test_components_equal_those_of_networkx(seed):
    random = np.random.default_rng(seed)
    catalogue = pl.DataFrame(
        {"item_id": range(40), "brand": random.integers(0, 30, 40).astype(str)}
    )
    pairs = random.integers(0, 40, (12, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]].astype(str)
    triples = pl.DataFrame({"head": pairs[:, 0], "tail": pairs[:, 1]}).with_columns(
        relation=pl.lit("with"), tail_type=pl.lit("item")
    )
    graph = KnowledgeGraph.from_catalogue(
        catalogue, name=None, attributes=["brand"], triples=triples
    )
    found = [len(one) for one in networkx.weakly_connected_components(graph.to_networkx())]
    assert components(graph)["entities"].to_list() == sorted(found, reverse=True)


def test_hubs_are_never_items(shelf):
    table = hubs(shelf, k=2)
    assert table["name"].to_list() == ["Acme", "new"]
    assert table["degree"].to_list() == [3, 2]
    assert table["item_share"].to_list() == [shelf.item_share(e) for e in table["entity"]]
    assert table["path_weight"].to_list() == shelf.entity_weights[table["entity"]].tolist()
    assert hubs(shelf, k=99).height == 3


def test_statistics_print_as_text(shelf):
    text = str(graph_statistics(shelf, n_hubs=1))
    assert "4 items and 3 other entities, 6 triples in 2 relations" in text
    assert "3 items are connected; 1 lie apart from them, in 1 other components" in text
    assert "Acme" in text
    assert "red" not in text


def test_a_graph_without_edges_has_statistics():
    graph = KnowledgeGraph.from_catalogue(pl.DataFrame({"item_id": [1, 2]}), name=None)
    assert relation_degrees(graph).height == 0
    assert components(graph)["entities"].to_list() == [1, 1]
    assert hubs(graph, k=3).height == 0
    assert "2 items and 0 other entities" in str(graph_statistics(graph, n_hubs=3))
