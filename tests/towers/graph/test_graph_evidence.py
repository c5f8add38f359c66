"""How telling relations are before anything is learned, and what is left out of the graph."""

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from hybridrec.towers.base import TrainingData
from hybridrec.towers.graph.collaborative_graph import CollaborativeGraph
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.evidence import log_lifts
from hybridrec.towers.graph.tower import GraphTower
from kg import KnowledgeGraph

N_ITEMS = 40


def graph_of(facts: list[tuple[str, str, str]], items: list[str]) -> KnowledgeGraph:
    triples = pl.DataFrame(facts, schema=["head", "relation", "tail"], orient="row")
    catalogue = pl.DataFrame({"item_id": items})
    return KnowledgeGraph.from_catalogue(
        catalogue, name=None, attributes=[], triples=triples.with_columns(tail_type=pl.lit("fact"))
    )


def test_a_relation_that_users_come_back_to_counts_more() -> None:
    """Ten authors of four books, one language; users read one author."""
    items = [f"b{n:02}" for n in range(N_ITEMS)]
    facts = [(item, "written by", f"author {n // 4}") for n, item in enumerate(items)]
    facts += [(item, "in", "English") for item in items]
    facts += [("b00", "printed by", "a press")]
    users = np.repeat(np.arange(30), 2)
    read = 4 * (users % 10) + np.tile([0, 1], 30)
    weights = csr_array((np.ones(60), (users, read)), shape=(30, N_ITEMS))
    catalogue = pl.DataFrame({"item_id": items})
    graph = CollaborativeGraph.of(weights, catalogue, graph_of(facts, items))

    logs = dict(zip(graph.relations, log_lifts(graph, weights), strict=True))

    # of 60 ordered pairs all share the author, and a tenth would by chance
    assert logs["written by"] == pytest.approx(np.log(61 / 7), rel=1e-6)
    assert logs["in"] == pytest.approx(0.0, abs=1e-9)
    mean = (logs["written by"] + logs["in"]) / 2
    assert logs["met by"] == logs["printed by"] == pytest.approx(mean)


def test_entities_beyond_the_hops_are_left_out() -> None:
    facts = [("i0", "r", "near"), ("i1", "r", "near")]
    far = [("near", "s", "far"), ("near", "s", "farther"), ("far", "s", "farther")]
    catalogue = pl.DataFrame({"item_id": ["i0", "i1"]})
    triples = pl.DataFrame(facts + far, schema=["head", "relation", "tail"], orient="row")
    typed = triples.with_columns(
        pl.when(pl.col("head") == "near")
        .then(pl.lit("fact"))
        .otherwise(pl.when(pl.col("head") == "far").then(pl.lit("fact")).otherwise(pl.lit("item")))
        .alias("head_type"),
        pl.lit("fact").alias("tail_type"),
    )
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None, attributes=[], triples=typed)
    nothing = csr_array((1, 2))

    kept = [CollaborativeGraph.of(nothing, catalogue, graph, hops) for hops in (1, 2, None)]

    assert [each.n_entities for each in kept] == [1, 3, 3]
    assert kept[0].heads.size == 2


def test_signatures_that_are_not_learned_tell_what_is_shared_and_nothing_else(
    training_data: TrainingData,
) -> None:
    """Two items of one author are alike, the more the less else they have; others are not."""
    items = training_data.catalogue["item_id"].to_list()
    facts = [(items[0], "by", "a"), (items[1], "by", "a"), (items[2], "by", "b")]
    facts += [(items[1], "by", "c"), (items[3], "by", "d"), (items[4], "by", "d")]
    config = GraphConfig(
        embedding_dim=8, layers=1, free_items=False, normalise=True, learn_embeddings=False, steps=1
    )
    data = TrainingData(
        training_data.histories.of([]), training_data.catalogue, graph_of(facts, items)
    )

    content = GraphTower(config, seed=1, device="cpu").fit(data).item_embeddings[:, :-1]
    likeness = content @ content.T / 10.0  # the first scale

    # item 1 has a second author whom nobody shares: he takes his part of its length, and more of
    # it than the first, whose degree is 2
    share = (1 / np.sqrt(2)) / np.sqrt(1 / 2 + 1)
    np.testing.assert_allclose(likeness[0, 1], share, rtol=1e-4)
    np.testing.assert_allclose(likeness[3, 4], 1.0, rtol=1e-4)
    np.testing.assert_allclose(likeness[0, 2:5], 0.0, atol=1e-5)
    np.testing.assert_allclose(likeness[2], 0.0, atol=1e-5)
