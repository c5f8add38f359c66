"""Planted groups come out as segments, named by what they choose."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse import csr_array

from hybridrec import RecommenderConfig
from hybridrec.drift.config import SegmentsConfig
from hybridrec.drift.segments import user_habits, user_segments
from hybridrec.errors import RequestError

pytest.importorskip("sklearn")
CONFIG = RecommenderConfig()


@pytest.fixture(scope="module")
def steady(make_planted: Callable):
    return make_planted(movers=0, steady=90, days=12, seed=1)


def favourite(planted, user: str) -> str:
    own = planted.events.filter(user_id=user)["item_id"].str.split("-").list.first()
    return str(own.mode().sort()[0])


def test_planted_groups_are_found_and_named(steady) -> None:
    settings = SegmentsConfig(names=1, habits_weight=0.0)
    segments = user_segments(steady.shop, CONFIG, settings)
    shelves = {user: favourite(steady, user) for user in steady.changed}
    assert segments.table.height == len(set(shelves.values()))
    name = dict(segments.table.select("segment", "name_en").iter_rows())
    for user, segment in segments.users.iter_rows():
        assert name[segment] == shelves[user]
    assert segments.stability == pytest.approx(1.0, abs=0.1)
    assert segments.table["users"].sum() == segments.users.height
    assert segments.table["share"].sum() == pytest.approx(1.0)
    assert (segments.table["lifts"].list.first() > 2).all()
    assert max(segments.criterion, key=segments.criterion.get) == segments.table.height


def test_number_can_be_set(steady) -> None:
    assert user_segments(steady.shop, CONFIG, number=3).table.height == 3
    with pytest.raises(RequestError, match="number=1"):
        user_segments(steady.shop, CONFIG, number=1)
    with pytest.raises(RequestError, match="segments=500: only 90 users"):
        user_segments(steady.shop, CONFIG, number=500)


def test_same_seed_same_segments(steady) -> None:
    first = user_segments(steady.shop, CONFIG)
    second = user_segments(steady.shop, CONFIG)
    assert first.users.equals(second.users)
    assert first.stability == second.stability


def test_habits(steady) -> None:
    shop = steady.shop
    known = np.zeros(len(shop.users), dtype=bool)
    known[3] = True
    habits = user_habits(shop, csr_array([[0.5, 0.5, 0.0]]), known)
    own = steady.events.filter(user_id="u003")
    assert habits["events"].tolist() == [own.height]
    assert habits["breadth"].tolist() == pytest.approx([2.0])
    repeat = 1 - own["item_id"].n_unique() / own.height
    assert habits["repeat_share"].tolist() == pytest.approx([repeat])
    assert habits["days_between"].tolist() == pytest.approx([1.0])
    assert habits["days_since_last"].tolist() == pytest.approx([0.0])
    assert "price" not in habits


def test_of_a_recommender_with_prices(recommender) -> None:
    segments = recommender.segments(2)
    assert segments.table.height == 2
    assert segments.table["price"].is_between(1, 9).all()
    assert set(segments.users["user_id"]) == set(recommender.users)
    assert segments.to_dict()["table"][0]["segment"] == 0
