"""Paths: the best ones, all of the best ones, and nothing that is no path."""

import math

import networkx
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kg
from kg import KnowledgeGraph


def random_shop(seed: int) -> KnowledgeGraph:
    """A few items over a few attributes that are joined among themselves, in both directions."""
    rng = np.random.default_rng(seed)
    n_items = int(rng.integers(2, 7))
    lists = [[f"a{value}" for value in np.flatnonzero(rng.random(5) < 0.3)] for _ in range(n_items)]
    catalogue = pl.DataFrame(
        {"item_id": range(n_items), "a": lists, "b": rng.integers(0, 3, n_items).astype(str)}
    )
    pairs = [
        (f"a{head}", "near", f"a{tail}", "a", "a")
        for head, tail in rng.integers(0, 6, (8, 2))
        if head != tail
    ]
    pairs += [(f"b{head}", "of", f"a{tail}", "b", "a") for head, tail in rng.integers(0, 3, (3, 2))]
    pairs += [
        (str(head), "with", str(tail), "item", "item")
        for head, tail in rng.integers(0, n_items, (2, 2))
        if head != tail
    ]
    triples = pl.DataFrame(
        pairs, schema=["head", "relation", "tail", "head_type", "tail_type"], orient="row"
    )
    return KnowledgeGraph.from_catalogue(
        catalogue, name=None, attributes=["a", "b"], triples=triples
    )


def every_path(
    graph: KnowledgeGraph, sources: list[int], target: int, max_length: int
) -> list[tuple[float, int, tuple[int, ...]]]:
    """All paths by brute force: negative score, length, nodes; best first."""
    edges, _ = graph.edge_index()
    walk = networkx.Graph(edges.T.tolist())
    walk.add_nodes_from(range(graph.n_entities))
    items = set(graph.item_entities.tolist())
    found = []
    for source in set(sources) - {target}:
        inner = set(walk) - (items - {source, target})
        for nodes in networkx.all_simple_paths(walk.subgraph(inner), source, target, max_length):
            factors = [1 / math.log2(2 + graph.degree[node]) for node in nodes[1:-1]]
            score = 0.9 ** (len(nodes) - 1) * math.prod(sorted(factors))
            found.append((-round(score, 12), len(nodes) - 1, tuple(nodes)))
    return sorted(found)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_paths_equal_brute_force(seed, max_length, k):
    graph = random_shop(seed)
    sources = list(range(1 + seed % graph.n_items))
    target = graph.n_items - 1
    found = graph.paths(sources, target, max_length=max_length, k=k)
    wanted = every_path(graph, sources, target, max_length)[:k]
    assert [(-round(p.score, 12), len(p), p.nodes) for p in found] == wanted


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_every_edge_of_a_path_is_a_triple(seed):
    graph = random_shop(seed)
    names = [relation.name for relation in graph.relations]
    known = {(h, names[r], t) for h, r, t in zip(*graph.triples, strict=True)}
    for path in graph.paths(range(graph.n_items), 0, max_length=5, k=20):
        steps = zip(path.nodes, path.nodes[1:], path.relations, path.directions, strict=False)
        for here, there, name, direction in steps:
            assert ((here, name, there) if direction == 1 else (there, name, here)) in known
        if len(path) == 1:
            assert path.via is None
        else:
            assert graph.degree[path.via] == min(graph.degree[list(path.nodes[1:-1])])


def test_a_path_reads_as_a_sentence(shop):
    paths = shop.paths([0], 1, k=9)
    assert "Cola —tags→ cold ←tags— Water" in map(shop.describe_path, paths)
    assert "Cola —supplier→ 7 ←supplier— Water" in map(shop.describe_path, paths)
    climbing = KnowledgeGraph.from_catalogue(
        pl.DataFrame(
            {"item_id": [1, 2], "title": ["Cola", "Bread"], "category": ["F > D", "F > B"]}
        )
    )
    (path,) = climbing.paths([0], 1)
    text = "Cola —category→ D —part of→ F ←part of— B ←category— Bread"
    assert climbing.describe_path(path) == text
    assert path.relations == ("category", "category_parent", "category_parent", "category")
    assert path.directions == (1, 1, -1, -1)
    assert path.score == pytest.approx(0.9**4 / 2**3)
    assert climbing.paths([0], 1, max_length=3) == []


def test_rare_entities_win_over_hubs():
    catalogue = pl.DataFrame(
        {"item_id": range(20), "brand": ["Big"] * 20, "maker": ["Small"] * 2 + [None] * 18}
    )
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None)
    small, big = graph.paths([0], 1)
    assert graph.entities["key"][small.via] == "Small"
    assert small.score == pytest.approx(0.81 / math.log2(2 + 2))
    assert big.score == pytest.approx(0.81 / math.log2(2 + 20))
    assert graph.item_share(small.via) == 0.1
    assert graph.item_share(big.via) == 1.0


def test_ties_go_to_the_lower_source(shop):
    catalogue = pl.DataFrame({"item_id": range(5), "brand": ["Acme"] * 5})
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None)
    assert [path.nodes for path in graph.paths([4, 2, 0, 3, 4], 1, k=3)] == [
        (0, 5, 1),
        (2, 5, 1),
        (3, 5, 1),
    ]


def test_the_target_is_no_source(shop):
    assert shop.paths([1], 1) == []
    assert shop.paths([], 1) == []
    assert shop.paths([0, 1], 1) == shop.paths([0], 1)


def test_paths_reach_added_items(shop, catalogue):
    grown = shop.add_items(catalogue[:1].with_columns(item_id=pl.lit(900), title=pl.lit("New")))
    target = int(grown.item_entities[-1])
    texts = [grown.describe_path(path) for path in grown.paths([0, 1], target, k=20)]
    assert "Cola —tags→ sweet ←tags— New" in texts


def test_bad_requests_are_refused(shop):
    brand = shop.entity_index("brand", "Acme")
    for sources, target in (([brand], 0), ([0], brand), ([-1], 0), ([0], shop.n_entities)):
        with pytest.raises(kg.UnknownEntityError, match="item_entities"):
            shop.paths(sources, target)
    with pytest.raises(kg.PathRequestError, match="max_length is 0"):
        shop.paths([0], 1, max_length=0)
    with pytest.raises(kg.PathRequestError, match="k is -1"):
        shop.paths([0], 1, k=-1)
