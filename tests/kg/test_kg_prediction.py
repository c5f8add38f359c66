"""Hold-one-out link prediction: ranks with known answers, and nothing of the answer leaks."""

from dataclasses import replace

import networkx
import numpy as np
import polars as pl
import pytest

import kg
from kg import KnowledgeGraph, Relation, Triples
from kg.analysis.prediction import (
    METHODS,
    TailScores,
    adamic_adar,
    candidate_tails,
    hold_one_out,
    resource_allocation,
)
from kg.walking.adjacency import Int32Array
from kg.walking.path_search import FloatArray


@pytest.fixture(scope="module")
def halves() -> KnowledgeGraph:
    """Sixty items: brand and shade say which half of the shop they are of, the size does not."""
    number = np.arange(60)
    catalogue = pl.DataFrame(
        {
            "item_id": number,
            "brand": [f"brand {n % 2}" for n in number],
            "shade": [f"shade {n % 4}" for n in number],
            "made": [f"{n // 10}" for n in number],
        }
    )
    return KnowledgeGraph.from_catalogue(
        catalogue, name=None, attributes=["brand", "shade", "made"]
    )


def random_graph(seed: int) -> KnowledgeGraph:
    random = np.random.default_rng(seed)
    tags = [random.choice(12, random.integers(0, 4), replace=False).tolist() for _ in range(30)]
    catalogue = pl.DataFrame(
        {
            "item_id": range(30),
            "brand": random.integers(0, 6, 30).astype(str),
            "tags": [[str(tag) for tag in chosen] for chosen in tags],
        }
    )
    triples = pl.DataFrame(
        {
            "head": [str(item) for item in range(0, 28)],
            "relation": "with",
            "tail": [str(item + 1 + item % 2) for item in range(0, 28)],
            "tail_type": "item",
        }
    )
    graph = KnowledgeGraph.from_catalogue(
        catalogue, name=None, attributes=["brand", "tags"], triples=triples
    )
    symmetric = [replace(r, symmetric=r.name == "with") for r in graph.relations]
    return replace(graph, relations=tuple(symmetric))


def figures(table: pl.DataFrame, method: str) -> dict[str, float]:
    (row,) = table.filter(pl.col("method") == method).to_dicts()
    return row


def test_neighbours_tell_what_popularity_cannot(halves):
    table = hold_one_out(halves, "brand", share=0.2)
    assert table["held_out"].unique().to_list() == [12]
    assert table["candidates"].unique().to_list() == [2]
    assert figures(table, "resource-allocation")["mrr"] == 1.0
    assert figures(table, "adamic-adar")["hits@1"] == 1.0
    assert figures(table, "popularity")["hits@1"] < 1.0
    assert figures(table, "popularity")["hits@3"] == 1.0


def test_every_relation_has_a_row_for_every_method(halves):
    table = hold_one_out(halves)
    pairs = [(name, method) for name in ("brand", "shade", "made") for method in METHODS]
    assert table.select("relation", "method").rows() == pairs
    assert table.equals(hold_one_out(halves))
    assert not table.equals(hold_one_out(halves, seed=1))


def test_methods_see_nothing_of_what_is_held_out(halves):
    """Other answers to the same questions leave the graph that methods are given as it is."""
    seen: list[KnowledgeGraph] = []

    def spy(graph: KnowledgeGraph, position: int) -> TailScores:
        seen.append(graph)
        return METHODS["popularity"](graph, position)

    hold_one_out(halves, "shade", share=0.3, methods={"spy": spy})
    (rest,) = seen
    rows = list(zip(*(array.tolist() for array in halves.triples), strict=True))
    kept = set(zip(*(array.tolist() for array in rest.triples), strict=True))
    held = np.array([row not in kept for row in rows])
    assert kept < set(rows)
    assert held.sum() == 18
    shades, tails = candidate_tails(halves, 1), halves.triples.tails
    answers = np.where(held, shades[(tails + 1) % len(shades)], tails)
    other = replace(halves, triples=halves.triples._replace(tails=answers))
    assert other != halves
    hold_one_out(other, "shade", share=0.3, methods={"spy": spy})
    assert seen[1] == rest
    items = halves.item_entities
    for method in METHODS.values():
        first, second = (method(graph, 1)(items) for graph in seen)
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("relation", ["brand", "tags", "with"])
def test_ranks_are_filtered_and_ties_take_the_middle(relation):
    graph = random_graph(0)

    def all_true(rest: KnowledgeGraph, position: int) -> TailScores:
        """Scores every true tail 1, also those of a symmetric edge's other end."""
        heads, relations, tails = graph.triples
        own = relations == position
        true = np.zeros((graph.n_entities, graph.n_entities))
        true[heads[own], tails[own]] = 1
        if graph.relations[position].symmetric:
            true[tails[own], heads[own]] = 1
        return lambda asked: true[np.ix_(asked, candidate_tails(rest, position))]

    def all_alike(rest: KnowledgeGraph, position: int) -> TailScores:
        def scores(heads: Int32Array) -> FloatArray:
            return np.zeros((len(heads), len(candidate_tails(rest, position))))

        return scores

    methods = {"all true": all_true, "all alike": all_alike}
    table = hold_one_out(graph, relation, share=0.4, methods=methods)
    assert figures(table, "all true")["mrr"] == 1.0
    if relation == "brand":
        assert figures(table, "all alike")["mrr"] == pytest.approx(2 / (6 + 1))


@pytest.mark.parametrize("seed", range(4))
def test_votes_equal_those_of_networkx(seed):
    graph = random_graph(seed)
    walk = networkx.Graph(graph.edge_index()[0].T.tolist())
    position = [relation.name for relation in graph.relations].index("tags")
    _, relations, _ = graph.triples
    tags_of: dict[int, set[int]] = {}
    for head, relation, tail in zip(*(array.tolist() for array in graph.triples), strict=True):
        if relation == position:
            tags_of.setdefault(head, set()).add(tail)
    head = int(graph.triples.heads[np.flatnonzero(relations == position)[0]])
    candidates = candidate_tails(graph, position).tolist()
    for method, index in (
        (adamic_adar, networkx.adamic_adar_index),
        (resource_allocation, networkx.resource_allocation_index),
    ):
        others = [(head, voter) for voter in tags_of if voter != head]
        votes = {voter: weight for _, voter, weight in index(walk, others)}
        (scores,) = method(graph, position)(np.array([head], dtype=np.int32))
        for tag, score in zip(candidates, scores, strict=True):
            if tag not in tags_of[head]:
                wanted = sum(weight for voter, weight in votes.items() if tag in tags_of[voter])
                assert score == pytest.approx(wanted, abs=1e-5)


def test_a_relation_of_one_triple_has_figures():
    triples = Triples(*(np.array([number], dtype=np.int32) for number in (0, 0, 1)))
    entities = pl.DataFrame(
        {"entity": [0, 1], "type": ["item", "brand"], "key": ["1", "Acme"], "name": ["1", "Acme"]},
        schema_overrides={"entity": pl.Int32},
    )
    single = KnowledgeGraph.from_catalogue(pl.DataFrame({"item_id": [1]}), name=None)
    graph = replace(
        single,
        entities=entities,
        relations=(Relation("brand", "item", "brand"),),
        triples=triples,
    )
    assert hold_one_out(graph)["mrr"].to_list() == [1.0] * len(METHODS)
    assert hold_one_out(single).height == 0


def test_bad_requests_are_refused(halves):
    with pytest.raises(kg.UnknownRelationError, match="no relation 'colour'; it has brand"):
        hold_one_out(halves, "colour")
    for share in (0.0, 1.0, -0.1):
        with pytest.raises(kg.KnowledgeGraphError, match="between 0 and 1"):
            hold_one_out(halves, share=share)
