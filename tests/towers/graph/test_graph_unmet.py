"""Items that nobody has met: what their edges say is learned from when other items were new."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array
from scipy.special import softmax

from hybridrec.data import Dataset
from hybridrec.learning.session import FitSession
from hybridrec.towers.base import TrainingData
from hybridrec.towers.graph.adjacency import Messages
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.moments import Moment
from hybridrec.towers.graph.tower import GraphTower
from hybridrec.towers.graph.unmet import Touched, UnmetItems
from hybridrec.towers.graph.unmet_training import FirstMeetings, fair_level, learn_unmet
from kg import KnowledgeGraph

CONFIG = GraphConfig(embedding_dim=8, steps=20, learning_rate=0.02, unmet_steps=20)


def messages(*edges: tuple[int, int, int]) -> Messages:
    """Edges as target, source, relation."""
    targets, sources, kinds = np.array(edges, dtype=np.int64).reshape(-1, 3).T
    ones = np.ones(targets.size)
    return Messages(targets, sources, kinds, ones, ones)


def tower(**settings: Any) -> GraphTower:
    return GraphTower(CONFIG.model_copy(update=settings), seed=2, device="cpu")


@pytest.fixture(scope="module")
def shop(make_shop: Callable[..., Any]) -> TrainingData:
    """The small shop, every category once more as an item that nobody has met.

    Some items were bought lately only: they were new once.
    """
    made = make_shop()
    rows = pl.DataFrame(
        {
            "item_id": [f"new {n}" for n in range(4)] + ["without brand and category"],
            "title": [f"new {n}" for n in range(5)],
            "category": [f"Hall {n // 2} > Shelf {n}" for n in range(4)] + [None],
            "brand": [f"Brand {n % 3}" for n in range(4)] + [None],
        }
    )
    catalogue = pl.concat([made.catalogue, rows], how="diagonal")
    latest = made.events["timestamp"].quantile(0.8)
    lately = pl.col("item_id").str.slice(1).cast(pl.Int64) % 5 == 0
    events = made.events.filter(~lately | (pl.col("timestamp") > latest))
    data = Dataset.from_frames(events, catalogue)
    graph = KnowledgeGraph.from_catalogue(catalogue, attributes=["category", "brand"])
    return TrainingData(data.histories(), catalogue, graph)


def test_shares_within_a_relation_sum_to_one_and_users_do_not_count() -> None:
    touched = Touched.of(messages((0, 5, 1), (0, 6, 1), (0, 6, 2), (1, 6, 1), (1, 9, 0)), 3)

    sums = {kind: touched.shares[:, touched.kinds == kind].sum(axis=1) for kind in (1, 2)}
    np.testing.assert_allclose(sums[1], [1, 1, 0])
    np.testing.assert_allclose(sums[2], [1, 0, 0])
    assert set(touched.nodes) == {5, 6}


def test_entities_start_at_the_mean_of_known_items_and_known_items_at_themselves() -> None:
    """Of five zeros and three items one is unknown, and item 0 is itself touched by item 3."""
    touched = Touched.of(messages((0, 4, 1), (1, 4, 1), (2, 4, 1), (3, 0, 2)), 4)
    embeddings = np.array([[3, 0], [0, 6], [9, 9], [1, 1]], dtype=np.float32)
    met = np.array([True, True, False, True])

    model = UnmetItems.starting(touched, embeddings, met, 3)

    assert model.nodes.tolist() == [0, 4]
    np.testing.assert_allclose(model.states.detach()[1], [3 / 7, 6 / 7, 0], rtol=1e-6)
    np.testing.assert_allclose(model.states.detach()[0], [3, 0, 0])


def test_first_meetings_are_of_items_that_nobody_had_met() -> None:
    """Item 2 was met by user 1 before; users 0 and 2 meet 3, and user 0 also meets 4."""
    profiles = csr_array(np.array([[1, 1, 0, 0, 0], [0, 0, 2, 0, 0], [1, 0, 0, 0, 0]], dtype=float))
    targets = csr_array(
        np.array([[0, 0, 0.5, 0.25, 0.25], [1, 0, 0, 0, 0], [0, 0, 0, 1, 0]], dtype=float)
    )

    found = FirstMeetings.at(Moment(np.arange(3), profiles, targets), np.eye(5, dtype=np.float32))

    assert found.items.tolist() == [3, 4]
    np.testing.assert_allclose(found.targets.toarray(), [[0.5, 0.5], [1, 0]])
    np.testing.assert_allclose(found.vectors, [[0.5, 0.5, 0, 0, 0], [1, 0, 0, 0, 0]])


def test_learns_which_maker_finds_its_buyers() -> None:
    """Users of two tastes; each meets new items of a maker whose known items tell nothing."""
    random = np.random.default_rng(0)
    touched = Touched.of(messages(*((n, 40 + n % 2, 1) for n in range(40))), 40)
    tastes = np.repeat([0, 1], 20)
    vectors = (np.eye(2)[tastes] + random.normal(0, 0.1, (40, 2))).astype(np.float32)
    met = np.where(tastes == 0, 2 * random.integers(0, 20, 40), 2 * random.integers(0, 20, 40) + 1)
    targets = csr_array((np.ones(40), (np.arange(40), met)), shape=(40, 40))
    nothing = np.zeros((40, 2), dtype=np.float32)
    model = UnmetItems.starting(touched, nothing, np.zeros(40, dtype=bool), 2)
    config = GraphConfig(unmet_steps=60, learning_rate=0.1)

    learn_unmet(
        model, touched, [FirstMeetings(vectors, np.arange(40), targets)], config, 0, FitSession()
    )

    embedded = model.embedded(touched, np.zeros(2, dtype=np.float32))
    scores = np.eye(2) @ embedded[:, :-1].T + embedded[:, -1]
    assert scores[0, ::2].min() > scores[0, 1::2].max() + 1
    assert scores[1, 1::2].min() > scores[1, ::2].max() + 1


def test_the_level_gives_new_items_the_share_they_had() -> None:
    """A quarter of what was met next was new."""
    random = np.random.default_rng(1)
    profiles = np.zeros((8, 6))
    profiles[np.arange(8), np.arange(8) % 4] = 1.0
    targets = np.zeros((8, 6))
    targets[:2, 4], targets[2:, 0] = 1.0, 1.0
    moment = Moment(np.arange(8), csr_array(profiles), csr_array(targets))
    history, known, new = (random.normal(size=(6, 3)).astype(np.float32) for _ in range(3))
    history[:, -1] = 1.0

    level = fair_level([moment], history, known, new, 0)

    scores = profiles @ history @ np.concatenate([known[:4], new[4:]]).T
    scores[:, 4:] += level
    assert softmax(scores, axis=1)[:, 4:].sum(axis=1).mean() == pytest.approx(0.25, abs=1e-5)


@pytest.mark.parametrize("steps", [0, 20])
def test_new_items_rank_by_the_brands_and_categories_that_a_user_bought(
    steps: int, shop: TrainingData, make_shop: Callable[..., Any]
) -> None:
    fitted = tower(unmet_steps=steps).fit(shop)

    scores = fitted.fold_in(shop.histories.weights()) @ fitted.item_embeddings[64:].T
    own = make_shop().cluster_of_user[:, None] == np.arange(4)[None, :]
    assert np.mean(scores[:, :4].argmax(axis=1) == own.argmax(axis=1)) > 0.9
    assert np.mean(scores[:, :4].max(axis=1) > scores[:, 4]) > 0.9


def test_known_items_stay_as_they_are(shop: TrainingData) -> None:
    with_steps, without = (tower(unmet_steps=steps).fit(shop) for steps in (20, 0))

    np.testing.assert_array_equal(with_steps.item_embeddings[:64], without.item_embeddings[:64])
    assert np.abs(with_steps.item_embeddings[64:] - without.item_embeddings[64:]).max() > 1e-3


def test_restored_it_embeds_new_items_as_before_and_learns_on(shop: TrainingData) -> None:
    fitted = tower().fit(shop)
    arrays = dict(reversed(fitted.state().items()))
    restored = tower().restore(arrays)
    given = (shop.catalogue[64:], shop.graph, np.arange(64, 69))

    np.testing.assert_array_equal(restored.embed_items(*given), fitted.embed_items(*given))
    fewer = replace(shop, histories=shop.histories.of([]))
    assert np.isfinite(restored.fit(fewer).item_embeddings).all()
