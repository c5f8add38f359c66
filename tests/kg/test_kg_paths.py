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
from kg.walking.paths import best_paths_of_pairs


def random_shop(seed: int) -> KnowledgeGraph:
    """A few items over a few attributes; items and attributes are joined among themselves, too.

    Some edges run parallel, in one direction or both. Some attributes have many dead ends, so that
    a long path around them is better than a short one through them; low degrees make ties.
    """
    rng = np.random.default_rng(seed)
    n_items = int(rng.integers(2, 7))
    lists = [[f"a{value}" for value in np.flatnonzero(rng.random(5) < 0.3)] for _ in range(n_items)]
    catalogue = pl.DataFrame(
        {"item_id": range(n_items), "a": lists, "b": rng.integers(0, 3, n_items).astype(str)}
    )
    pairs = [
        (f"a{head}", rng.choice(["near", "like"]), f"a{tail}", "a", "a")
        for head, tail in rng.integers(0, 6, (8, 2))
        if head != tail
    ]
    pairs += [(f"b{head}", "of", f"a{tail}", "b", "a") for head, tail in rng.integers(0, 3, (3, 2))]
    pairs += [
        (str(head), rng.choice(["with", "seen_with"]), str(tail), "item", "item")
        for head, tail in rng.integers(0, n_items, (3, 2))
        if head != tail
    ]
    pairs += [
        (attribute, "leads", f"{attribute}-{end}", attribute[0], "end")
        for attribute in ("a0", "a1", "a2", "b0", "b1")
        for end in range(rng.choice([0, 8, 300]))
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
    dead_ends = {node for node, degree in walk.degree if degree < 2} - items
    found = []
    for source in set(sources) - {target}:
        inner = set(walk) - dead_ends - (items - {source, target})
        for nodes in networkx.all_simple_paths(walk.subgraph(inner), source, target, max_length):
            factors = [1 / math.log2(2 + graph.degree[node]) for node in nodes[1:-1]]
            score = 0.9 ** (len(nodes) - 1) * math.prod(sorted(factors))
            found.append((-round(score, 12), len(nodes) - 1, tuple(nodes)))
    return sorted(found)


@st.composite
def requests(draw: st.DrawFn) -> tuple[KnowledgeGraph, list[list[int]], list[int]]:
    """A graph, histories that may repeat items, themselves and their target, and targets."""
    graph = random_shop(draw(st.integers(0, 2**32 - 1)))
    items = st.integers(0, graph.n_items - 1)
    histories = draw(st.lists(st.lists(items, max_size=8), min_size=1, max_size=4))
    pairs = draw(st.lists(st.tuples(st.sampled_from(histories), items), min_size=1, max_size=6))
    return graph, [history for history, _ in pairs], [target for _, target in pairs]


@given(requests(), st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_paths_equal_brute_force(request, max_length, k):
    graph, histories, targets = request
    for history, target in zip(histories, targets, strict=True):
        found = graph.paths(history, target, max_length=max_length, k=k)
        wanted = every_path(graph, history, target, max_length)[:k]
        assert [(-round(p.score, 12), len(p), p.nodes) for p in found] == wanted


@given(requests(), st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_many_pairs_give_what_each_gives_alone(request, max_length, k):
    graph, histories, targets = request
    together = best_paths_of_pairs(graph, histories, targets, max_length=max_length, k=k)
    assert together == [
        graph.paths(history, target, max_length=max_length, k=k)
        for history, target in zip(histories, targets, strict=True)
    ]


def test_pairs_beyond_one_block_keep_their_order(shop):
    histories = [[source] for source in range(shop.n_items)] * 200
    targets = [1, 0, 3, 2, 2] * 160
    together = best_paths_of_pairs(shop, histories, targets, max_length=4, k=2)
    alone = {
        (source, target): shop.paths([source], target, k=2)
        for source in range(shop.n_items)
        for target in range(shop.n_items)
    }
    pairs = zip(histories, targets, strict=True)
    assert together == [alone[history[0], target] for history, target in pairs]


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


@pytest.mark.parametrize(("n_dead_ends", "hub_wins"), [(928, True), (940, False)])
def test_a_long_way_over_rare_entities_wins_as_soon_as_its_score_is_higher(n_dead_ends, hub_wins):
    """The score of the long way is 0.9^4 / 2^3, which the hub undercuts from 939 edges on."""
    edges = [("1", "hub"), ("2", "hub"), ("1", "first"), ("2", "last")]
    edges += [("first", "middle"), ("middle", "last")]
    edges += [(f"end {end}", "hub") for end in range(n_dead_ends)]
    triples = pl.DataFrame(
        {
            "head": [head for head, _ in edges],
            "relation": "joined",
            "tail": [tail for _, tail in edges],
            "head_type": ["item" if head in ("1", "2") else "thing" for head, _ in edges],
            "tail_type": "thing",
        }
    )
    catalogue = pl.DataFrame({"item_id": [1, 2]})
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None, triples=triples)
    assert [len(path) for path in graph.paths([0], 1)] == ([2, 4] if hub_wins else [4, 2])
    (best,) = graph.paths([0], 1, k=1)
    assert len(best) == (2 if hub_wins else 4)


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


def test_nothing_joins_items_without_edges():
    graph = KnowledgeGraph.from_catalogue(pl.DataFrame({"item_id": [1, 2]}), name=None)
    assert graph.n_triples == 0
    assert graph.paths([0], 1, max_length=6) == []
    assert best_paths_of_pairs(graph, [[0], []], [1, 0], max_length=4, k=3) == [[], []]
    assert best_paths_of_pairs(graph, [], [], max_length=4, k=3) == []


def test_of_parallel_edges_the_one_walked_forward_is_named():
    triples = pl.DataFrame(
        {
            "head": ["1", "2", "1", "2"],
            "relation": ["above", "a_first", "below", "below"],
            "tail": ["2", "1", "2", "1"],
            "tail_type": ["item"] * 4,
        }
    )
    catalogue = pl.DataFrame({"item_id": [1, 2]})
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None, triples=triples)
    (there,), (back,) = graph.paths([0], 1), graph.paths([1], 0)
    assert (there.relations, there.directions) == (("above",), (1,))
    assert (back.relations, back.directions) == (("a_first",), (1,))


def test_a_relation_with_an_inverse_is_read_from_its_other_end():
    entities = pl.DataFrame({"type": ["item", "item"], "key": ["1", "2"], "name": ["Cola", "Tea"]})
    triples = pl.DataFrame(
        {
            "head": ["1", "2", "1"],
            "relation": ["brand", "brand", "with"],
            "tail": ["Acme", "Acme", "2"],
            "tail_type": ["brand", "brand", "item"],
        }
    )
    relations = (
        kg.Relation("brand", "item", "brand", inverse="makes"),
        kg.Relation("with", "item", "item", symmetric=True),
    )
    graph = KnowledgeGraph.from_triples(triples, entities=entities, relations=relations)
    texts = [graph.describe_path(path) for path in graph.paths([1], 0)]
    assert texts == ["Tea —with→ Cola", "Tea —brand→ Acme —makes→ Cola"]


def test_bad_requests_are_refused(shop):
    brand = shop.entity_index("brand", "Acme")
    for sources, target in (([brand], 0), ([0], brand), ([-1], 0), ([0], shop.n_entities)):
        with pytest.raises(kg.UnknownEntityError, match="item_entities"):
            shop.paths(sources, target)
    with pytest.raises(kg.PathRequestError, match="max_length is 0"):
        shop.paths([0], 1, max_length=0)
    with pytest.raises(kg.PathRequestError, match="k is -1"):
        shop.paths([0], 1, k=-1)
    with pytest.raises(kg.PathRequestError, match="2 histories and 1 targets"):
        best_paths_of_pairs(shop, [[0], [1]], [2], max_length=4, k=3)
    with pytest.raises(kg.UnknownEntityError, match="item_entities"):
        best_paths_of_pairs(shop, [[0], [brand]], [2, 2], max_length=4, k=3)
