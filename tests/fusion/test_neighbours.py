"""Items that foretell each other."""

import numpy as np
import polars as pl

from hybridrec.config import NeighboursConfig
from hybridrec.data.histories import Histories
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.item_to_item import ItemToItem
from hybridrec.fusion.neighbours import neighbours
from kg import KnowledgeGraph

CATALOGUE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d", "e", "f"],
        "title": ["Green Tea", "Black Tea", "Milk", "Green Tea Leaves", "Dice", None],
        "brand": ["x", "y", "x", "z", "y", "w"],
    }
)
HISTORIES = Histories(
    np.array([0, 2, 4, 7, 8]),
    np.array([0, 2, 0, 2, 0, 1, 0, 4]),
    np.array([3.0, 1.0, 2.0, 0.0, 5.0, 4.0, 3.0, 0.0]),
    np.ones(8, dtype=np.float32),
    6,
    timed=True,
)
"""Two users met a and c, one a (twice) and b, one e."""


def learnt(catalogue: pl.DataFrame = CATALOGUE, **settings: float | str) -> ItemToItem:
    brands = [name for name in catalogue.columns if name == "brand"]
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None, attributes=brands)
    config = NeighboursConfig.model_validate({"regularization": 1.0, **settings})
    return neighbours(HISTORIES, Affinity.of(graph), catalogue, ["title"], config)


def test_who_met_them_alone() -> None:
    weights = learnt(shared_weight=0.0).weights.toarray()

    np.testing.assert_allclose(weights[0, 2], 2 / (3 + 1), atol=1e-6)  # 2 of a's 3 users met c
    np.testing.assert_allclose(weights[0, 1], 1 / (3 + 1), atol=1e-6)
    assert weights[2, 0] > weights[1, 0] > 0
    assert not weights[3:].any()
    assert not weights[:, 3:].any()


def test_plain_rows_count_like_users() -> None:
    weights = learnt(shared_weight=1.0, shared_rows="plain").weights.toarray()

    # two users and a brand join a and c; three users, a brand and three terms speak of a
    np.testing.assert_allclose(weights[0, 2], (2 + 1) / (3 + 1 + 3 + 1), atol=1e-6)


def test_items_nobody_met_are_foretold_by_what_they_share() -> None:
    weights = learnt(shared_weight=1.0).weights.toarray()

    assert weights[0, 3] > weights[1, 3] > 0  # green tea, then tea alone
    assert weights[1, 4] > 0  # of one brand
    assert not weights[:, 5].any()  # says nothing, and shares its brand with none


def test_a_catalogue_that_says_nothing() -> None:
    bare = CATALOGUE.select("item_id")

    weights = learnt(bare).weights.toarray()

    np.testing.assert_allclose(weights, learnt(shared_weight=0.0).weights.toarray(), atol=1e-6)


def test_words_of_scripts_without_spaces_count_too() -> None:
    titles = ["绿茶", "红茶", "牛奶", "绿茶叶", "骰子", None]

    weights = learnt(CATALOGUE.select("item_id", title=pl.Series(titles))).weights.toarray()

    assert weights[0, 3] > 0
