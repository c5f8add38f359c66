"""Planted changes are found where they are, steady users are left alone."""

from collections.abc import Callable
from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

import numpy as np
import polars as pl
import pytest

from hybridrec import Dataset, RecommenderConfig
from hybridrec.data.identifiers import IdMap, normalise_ids
from hybridrec.drift.config import CategoriesConfig, ChangeConfig, DriftConfig
from hybridrec.drift.report import DriftReport, drift_report
from hybridrec.drift.segments import user_segments
from hybridrec.errors import RequestError, UnknownUserError
from hybridrec.shop import Shop
from hybridrec.training import build_graph

CONFIG = RecommenderConfig()
NEAR_DAYS = 3


@pytest.fixture(scope="module")
def report(planted) -> DriftReport:
    return drift_report(planted.shop, CONFIG)


def rows_of(report: DriftReport) -> dict[object, dict[str, object]]:
    return {row["user_id"]: row for row in report.to_frame().iter_rows(named=True)}


def test_changes_are_found_at_the_right_day(planted, report: DriftReport) -> None:
    assert report.categories.described == "category, level 2"
    assert set(report.categories.names) == {"Shoes", "Tents", "Tea", "Books", "Toys", "Lamps"}
    first = planted.events["timestamp"].min()
    found = rows_of(report)
    movers = [user for user, day in planted.changed.items() if day >= 0]
    right = 0
    for user in movers:
        row = found[user]
        assert row["verdict"] == "moved", user
        right += abs((row["since"] - first).days - planted.changed[user]) <= NEAR_DAYS
        own = planted.events.filter(user_id=user).with_columns(
            pl.col("item_id").str.split("-").list.first().alias("shelf"),
            ((pl.col("timestamp") - first).dt.total_days() >= planted.changed[user]).alias("late"),
        )
        usual = {late: own.filter(late=late)["shelf"].mode().sort()[0] for late in (False, True)}
        assert (row["from"], row["to"]) == (usual[False], usual[True])
        assert row["from_before"] > row["from_after"]
        assert row["to_before"] < row["to_after"]
    assert right >= 0.9 * len(movers)


def test_steady_users_are_seldom_called_moved(make_planted: Callable) -> None:
    steady = make_planted(movers=0, steady=200, seed=3)
    report = drift_report(steady.shop, CONFIG)
    assert report.users.moved_share <= 0.05
    assert report.users.false_alarms is not None
    assert report.users.false_alarms <= 0.05


def test_only_the_order_tells_movers_from_steady_users(planted) -> None:
    random = np.random.default_rng(0)
    shop = planted.shop
    histories = shop.histories
    order = np.lexsort((random.random(histories.items.size), histories.users))
    dealt = Dataset.from_frames(
        planted.events.sort("user_id", maintain_order=True).with_columns(
            pl.Series("item_id", shop.items.ids_of(histories.items[order]))
        ),
        planted.catalogue,
    )
    report = drift_report(Shop.of(dealt, dealt.histories(), build_graph(dealt)), CONFIG)
    assert report.users.moved_share <= 0.05


def test_other_ids_and_row_orders_give_the_same(planted, report: DriftReport) -> None:
    random = np.random.default_rng(5)
    users = sorted(planted.changed)
    items = planted.catalogue["item_id"].to_list()
    user_name = dict(zip(users, random.permutation(len(users)).tolist(), strict=True))
    item_name = dict(zip(items, random.permutation(len(items)).tolist(), strict=True))
    events = planted.events.with_columns(
        pl.col("user_id").replace_strict(user_name), pl.col("item_id").replace_strict(item_name)
    )
    catalogue = planted.catalogue.with_columns(pl.col("item_id").replace_strict(item_name))
    data = Dataset.from_frames(
        events.sample(fraction=1.0, shuffle=True, seed=1),
        catalogue.sample(fraction=1.0, shuffle=True, seed=1),
    )
    other = rows_of(drift_report(Shop.of(data, data.histories(), build_graph(data)), CONFIG))
    for user, row in rows_of(report).items():
        same = other[user_name[str(user)]]
        assert same["verdict"] == row["verdict"]
        assert same["since"] == row["since"]
        assert same["probability"] == pytest.approx(row["probability"], abs=1e-6)
        if row["verdict"] == "moved":
            assert (same["from"], same["to"]) == (row["from"], row["to"])


def test_without_times_the_change_is_told_in_events(make_planted: Callable) -> None:
    untimed = make_planted(movers=10, steady=10, timed=False)
    report = drift_report(untimed.shop, CONFIG)
    assert report.mix is None
    assert not report.refit.due
    assert "without times" in report.refit_sentence()
    found = rows_of(report)
    for user, day in untimed.changed.items():
        if day < 0:
            continue
        row = found[user]
        assert row["since"] is None
        assert row["verdict"] == "moved"
        assert abs(row["events_ago"] - 2 * (40 - day)) <= 2 * NEAR_DAYS
        assert f"since {row['events_ago']} events ago" in report.sentence(user)
        assert f"始于{row['events_ago']}次行为之前" in report.sentence(user, "zh")


def test_sentences(planted, report: DriftReport) -> None:
    row = next(row for row in report.users.moved.iter_rows(named=True))
    day = row["since"]
    english = report.sentence(row["user_id"])
    assert english == f"From {row['from']} to {row['to']}, since {day.day} {day:%B %Y}."
    chinese = report.sentence(row["user_id"], "zh")
    assert chinese == (
        f"兴趣从“{row['from']}”转向“{row['to']}”，始于{day.year}年{day.month}月{day.day}日。"
    )
    steady = report.to_frame().filter(verdict="steady")["user_id"][0]
    assert "Steady" in report.sentence(steady)
    with pytest.raises(RequestError, match="language 'fr'"):
        report.sentence(steady, "fr")
    with pytest.raises(UnknownUserError, match="'nobody'"):
        report.sentence("nobody")


def test_one_event_is_too_little(planted) -> None:
    events = pl.concat([
        planted.events,
        pl.DataFrame({
            "user_id": ["once"], "item_id": ["Tea-1"],
            "timestamp": [planted.events["timestamp"][0]],
        }),
    ])  # fmt: skip
    data = Dataset.from_frames(events, planted.catalogue)
    shop = Shop.of(data, data.histories(), build_graph(data))
    report = drift_report(shop, CONFIG, users=["once"])
    row = report.to_frame().row(0, named=True)
    assert report.to_frame().height == 1
    assert row["verdict"] == "unknown"
    assert row["probability"] is row["since"] is row["from"] is row["to"] is None
    assert row["distance"] == 0
    assert row["concentration"] == 1
    assert "Too little" in report.sentence("once")
    with pytest.raises(UnknownUserError, match="'nobody'"):
        drift_report(shop, CONFIG, users=["nobody"])


def test_relation_and_level_can_be_set(planted) -> None:
    chosen = DriftConfig(categories=CategoriesConfig(level=1), change=ChangeConfig(shuffles=0))
    report = drift_report(planted.shop, CONFIG, chosen)
    assert report.categories.described == "category, level 1"
    assert report.categories.names == ("Shop",)
    assert report.users.moved_share == 0
    assert report.users.false_alarms is None
    for wrong, message in (
        ({"level": 9}, "levels 1 to 2"), ({"relation": "colour"}, "accepted: category")
    ):  # fmt: skip
        with pytest.raises(RequestError, match=message):
            drift_report(
                planted.shop, CONFIG, DriftConfig(categories=CategoriesConfig.model_validate(wrong))
            )


def test_without_categories_clusters_stand_in(planted) -> None:
    pytest.importorskip("sklearn")
    data = Dataset.from_frames(planted.events)
    shop = Shop.of(data, data.histories(), build_graph(data))
    with pytest.raises(RequestError, match="column of categories"):
        drift_report(shop, CONFIG)
    shelves = sorted({item.split("-")[0] for item in shop.items.values})
    rows = [shelves.index(item.split("-")[0]) for item in shop.items.values]
    from hybridrec.drift.categories import chosen_categories

    embeddings = np.eye(len(shelves), dtype=np.float32)[rows]
    found = chosen_categories(shop, CategoriesConfig(clusters=len(shelves)), embeddings)
    assert found.source == "embeddings"
    assert len(set(found.names)) == len(shelves)
    labels = found.links.indices
    for shelf in range(len(shelves)):
        assert len({labels[i] for i, row in enumerate(rows) if row == shelf}) == 1


def test_a_fitted_recommender_tells_distances_of_embeddings(recommender) -> None:
    report = recommender.drift("u05")
    row = report.to_frame().row(0, named=True)
    assert row["user_id"] == "u05"
    assert 0 <= row["embedding_distance"] <= 2
    assert recommender.drift(["u05", "u01"]).to_frame()["user_id"].to_list() == ["u05", "u01"]
    without = replace(recommender.shop, graph=None)
    pytest.importorskip("sklearn")
    clustered = drift_report(without, recommender.config, fusion=recommender.fusion)
    assert clustered.categories.source == "embeddings"


@pytest.mark.parametrize("kind", ["tuple", "uuid"])
def test_ids_of_any_type(make_planted: Callable, kind: str) -> None:
    shop = make_planted(movers=2, steady=3).shop
    names = shop.users.values
    ids = [("web", name) if kind == "tuple" else uuid5(NAMESPACE_URL, name) for name in names]
    stored, codec = normalise_ids(pl.Series(ids, dtype=pl.Object))
    shop = replace(shop, users=IdMap(stored, codec))

    report = drift_report(shop, CONFIG, users=[ids[2], ids[0]])

    assert report.to_frame()["user_id"].to_list() == [ids[2], ids[0]]
    assert report.sentence(ids[0])
    assert user_segments(shop, CONFIG, number=2).users["user_id"].to_list() == ids


def test_a_relation_of_items_that_nobody_met_is_refused(planted) -> None:
    unmet = pl.DataFrame({"item_id": ["new"], "category": ["Shop > Tea"], "brand": ["A"]})
    catalogue = pl.concat([planted.catalogue, unmet], how="diagonal")
    data = Dataset.from_frames(planted.events, catalogue)
    shop = Shop.of(data, data.histories(), build_graph(data))
    brand = DriftConfig(categories=CategoriesConfig(relation="brand"))

    with pytest.raises(RequestError, match="relation='brand': no event"):
        drift_report(shop, CONFIG, brand)
