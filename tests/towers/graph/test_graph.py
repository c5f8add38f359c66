"""The graph tower: items without events live by their catalogue edges."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.towers.base import Tower, TrainingData, mean_weights
from hybridrec.towers.graph.tower import GraphTower
from kg import KnowledgeGraph

ATTRIBUTES = ["category", "brand"]


@pytest.fixture(scope="module")
def cold(make_shop: Callable[..., Any]) -> TrainingData:
    """The small shop with eight more items, two a category, that nobody has met."""
    shop = make_shop()
    rows = pl.DataFrame(
        {
            "item_id": [f"cold{n}" for n in range(8)],
            "title": [f"cold {n}" for n in range(8)],
            "category": [f"Hall {n % 4 // 2} > Shelf {n % 4}" for n in range(8)],
            "brand": [f"Brand {n % 3}" for n in range(8)],
        }
    )
    catalogue = pl.concat([shop.catalogue, rows], how="diagonal")
    data = Dataset.from_frames(shop.events, catalogue)
    graph = KnowledgeGraph.from_catalogue(catalogue, attributes=ATTRIBUTES)
    return TrainingData(data.histories(), catalogue, graph)


@pytest.fixture(scope="module")
def tower(cold: TrainingData, new_tower: Callable[[str], Tower]) -> GraphTower:
    fitted = new_tower("graph").fit(cold)
    assert isinstance(fitted, GraphTower)
    return fitted


def test_items_without_events_lie_near_their_category(
    tower: GraphTower, make_shop: Callable[..., Any]
) -> None:
    embeddings = tower.item_embeddings[:, :-1]
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosine = unit[64:] @ unit[:64].T
    own = make_shop().cluster_of_item[None, :] == (np.arange(8) % 4)[:, None]

    for item in range(8):
        assert cosine[item, own[item]].mean() > cosine[item, ~own[item]].mean() + 0.2


def test_embed_items_gives_what_the_fit_gives_an_item_without_events(
    tower: GraphTower, cold: TrainingData
) -> None:
    entities = np.arange(64, 72)

    embedded = tower.embed_items(cold.catalogue[64:], cold.graph, entities)

    np.testing.assert_allclose(embedded, tower.item_embeddings[64:], rtol=1e-3, atol=1e-4)


def test_what_is_to_the_taste_of_all_does_not_count_for_items_without_events(
    tower: GraphTower, cold: TrainingData
) -> None:
    """Nothing was ever new here, so that edges tell of likeness alone."""
    weights = cold.histories.weights()
    likeness = mean_weights(weights) @ tower.item_embeddings[:, :-1]
    scores = tower.fold_in(weights) @ tower.item_embeddings.T
    expected = likeness @ tower.item_embeddings[:, :-1].T

    np.testing.assert_allclose(scores[:, 64:], expected[:, 64:], rtol=1e-3, atol=1e-4)
    assert np.abs(scores[:, :64] - expected[:, :64]).max() > 0.1


def test_items_without_events_count_in_a_history_as_any_other(tower: GraphTower) -> None:
    taste = tower.state()["learned.taste"]
    lengths = np.linalg.norm(tower.history_embeddings[:, :-1] - taste, axis=1)

    assert lengths[64:].max() <= np.median(lengths[:64]) * 1.001


def test_a_new_item_is_embedded_as_its_twin_that_was_there(
    tower: GraphTower, cold: TrainingData
) -> None:
    assert cold.graph is not None
    twins = cold.catalogue[64:67].with_columns(pl.format("new {}", "item_id").alias("item_id"))
    graph = cold.graph.add_items(twins)
    entities = graph.item_entities[-3:].astype(np.int64)

    embedded = tower.embed_items(twins, graph, entities)

    np.testing.assert_allclose(
        embedded[:, :-1], tower.item_embeddings[64:67, :-1], rtol=1e-3, atol=1e-4
    )


def test_a_new_item_with_unheard_of_attributes_scores_the_same_for_all(
    tower: GraphTower, cold: TrainingData
) -> None:
    assert cold.graph is not None
    rows = cold.catalogue[:1].with_columns(
        pl.lit("new").alias("item_id"), pl.lit("Moon").alias("category"), pl.lit("X").alias("brand")
    )
    graph = cold.graph.add_items(rows)

    embedded = tower.embed_items(rows, graph, graph.item_entities[-1:].astype(np.int64))

    # as much as any new item before its edges are looked at
    assert not embedded[:, :-1].any()
    np.testing.assert_allclose(embedded[0, -1], tower.state()["learned.unmet.level"], rtol=1e-6)


def test_relation_weights_are_shares(tower: GraphTower) -> None:
    assert list(tower.relation_weights) == ["met by", "category", "category_parent", "brand"]
    assert all(weight > 0 for weight in tower.relation_weights.values())
    assert sum(tower.relation_weights.values()) == pytest.approx(1.0, abs=1e-5)


class TestRelationsOfOneName:
    """Two relations may share a name where they join different types."""

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls, cold: TrainingData) -> TrainingData:
        triples = pl.DataFrame(
            {
                "head": ["i00", "i04", "Brand 1", "Brand 2", "cold0", "i01"],
                "relation": ["promoted"] * 6,
                "tail": ["spring", "spring", "spring", "autumn", "autumn", "autumn"],
                "head_type": ["item", "item", "brand", "brand", "item", "item"],
                "tail_type": ["campaign"] * 6,
            }
        )
        graph = KnowledgeGraph.from_catalogue(
            cold.catalogue, attributes=ATTRIBUTES, triples=triples
        )
        assert len(graph.relations) == 5
        return replace(cold, graph=graph)

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, data: TrainingData, new_tower: Callable[[str], Tower]) -> GraphTower:
        template = new_tower("graph")
        assert isinstance(template, GraphTower)
        # one step leaves every relation about the same share, so that all of them matter
        hardly = template.config.model_copy(update={"steps": 1})
        return GraphTower(hardly, seed=3, device="cpu").fit(data)

    def test_both_have_their_share(self, fitted: GraphTower) -> None:
        assert sum(fitted.relation_weights.values()) == pytest.approx(1.0, abs=1e-5)

    def test_both_reach_new_items_in_their_own_way(
        self, fitted: GraphTower, data: TrainingData
    ) -> None:
        embedded = fitted.embed_items(data.catalogue[64:], data.graph, np.arange(64, 72))

        np.testing.assert_allclose(
            embedded[:, :-1], fitted.item_embeddings[64:, :-1], rtol=1e-3, atol=1e-4
        )


def test_without_a_graph_it_learns_from_interactions_alone(
    training_data: TrainingData, new_tower: Callable[[str], Tower], make_shop: Callable[..., Any]
) -> None:
    tower = new_tower("graph").fit(replace(training_data, graph=None))
    assert isinstance(tower, GraphTower)
    assert tower.relation_weights == {"met by": pytest.approx(1.0)}

    scores = tower.fold_in(training_data.histories.weights()) @ tower.item_embeddings.T
    shop = make_shop()
    own = shop.cluster_of_user[:, None] == shop.cluster_of_item[None, :]
    assert scores[own].mean() > scores[~own].mean()


def test_a_history_asks_once_for_the_bias_and_for_what_is_to_the_taste_of_all(
    tower: GraphTower,
) -> None:
    history = tower.history_embeddings
    taste = history[:, :-1] - tower.item_embeddings[:, :-1]

    np.testing.assert_array_equal(history[:, -1], 1.0)
    np.testing.assert_allclose(taste, np.tile(taste[0], (taste.shape[0], 1)), atol=1e-6)
    assert np.abs(taste[0]).max() > 0


def test_a_popular_item_has_a_greater_bias(tower: GraphTower, cold: TrainingData) -> None:
    counts = np.bincount(cold.histories.items, minlength=cold.histories.n_items)
    bias = tower.item_embeddings[:, -1]

    assert np.corrcoef(np.log1p(counts), bias)[0, 1] > 0.5
