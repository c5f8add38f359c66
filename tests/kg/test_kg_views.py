"""The same graph for networkx, torch-geometric and numpy."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import kg


def test_triples_are_sorted_unique_and_locked(shop):
    heads, relations, tails = shop.triples
    rows = list(zip(relations.tolist(), heads.tolist(), tails.tolist(), strict=True))
    assert rows == sorted(set(rows))
    assert {array.dtype for array in shop.triples} == {np.dtype(np.int32)}
    for array in (*shop.triples, shop.degree, shop.item_entities):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_networkx_keeps_types_names_and_relations(shop):
    view = shop.to_networkx()
    assert view.number_of_nodes() == shop.n_entities
    assert view.number_of_edges() == shop.n_triples
    assert view.nodes[0] == {"type": "item", "key": "101", "name": "Cola"}
    acme = shop.entity_index("brand", "Acme")
    assert view.edges[0, acme, "brand"] == {"relation": "brand"}
    assert dict(view.degree()) == dict(enumerate(shop.degree.tolist()))


def test_hetero_data_maps_back_to_the_triples(shop):
    data = shop.to_hetero_data()
    assert data.validate()
    assert sum(data[kind].num_nodes for kind in data.node_types) == shop.n_entities
    assert data.edge_types == [(r.head_type, r.name, r.tail_type) for r in shop.relations]
    triples = set()
    for position, (head_type, name, tail_type) in enumerate(data.edge_types):
        heads, tails = data[head_type, name, tail_type].edge_index
        ends = data[head_type].entity[heads].tolist(), data[tail_type].entity[tails].tolist()
        triples |= {(head, position, tail) for head, tail in zip(*ends, strict=True)}
    assert triples == {tuple(map(int, row)) for row in zip(*shop.triples, strict=True)}


def test_edge_index_of_some_relations(shop):
    edges, relations = shop.edge_index()
    assert edges.shape == (2, shop.n_triples)
    assert edges.dtype == relations.dtype == np.int64
    brand, kinds = shop.edge_index(["brand"])
    assert brand.shape == (2, 3)
    assert {shop.relations[kind].name for kind in kinds} == {"brand"}
    with pytest.raises(kg.UnknownRelationError, match=r"'colour'.*brand"):
        shop.edge_index(["colour"])


def test_importing_kg_loads_no_heavy_library():
    code = (
        "import sys; from kg import *; "
        "print([m for m in ('torch', 'networkx', 'torch_geometric', 'hybridrec') "
        "if m in sys.modules])"
    )
    root = Path(kg.__file__).parents[1]
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
