"""Users without events and items without buyers: what they get, and what is refused."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hybridrec import Dataset, Recommender
from hybridrec.data import IdMap
from hybridrec.data.identifiers import IdCodec
from hybridrec.errors import DataError, RequestError, UnknownItemError, UnknownUserError
from hybridrec.fusion.attributes import FEWEST_USERS, PRIOR_USERS, AttributePopularity

ROW = {
    "item_id": ["new"],
    "title": ["roast coffee 99"],
    "description": ["a bean for everyone"],
    "category": ["Hall 0 > Shelf 1"],
    "brand": ["Brand 1"],
    "price": [2.5],
}


@pytest.fixture(scope="module")
def large_shop(make_shop: Callable[..., Any]) -> Any:
    """Enough users in each town for its choices to tell."""
    return make_shop(users=600)


@pytest.fixture(scope="module")
def users(large_shop: Any) -> pl.DataFrame:
    """Town tells the taste, age tells nothing; three users have no events, one stands alone."""
    n = large_shop.cluster_of_user.size
    known = pl.DataFrame(
        {
            "user_id": [f"u{user:02}" for user in range(n)],
            "town": [f"Town {cluster}" for cluster in large_shop.cluster_of_user],
            "age": ["young", "old", "old"] * (n // 3),
            "nickname": [f"nick {user}" for user in range(n)],
            "phone": ["555"] * n,
        }
    )
    new = pl.DataFrame(
        {
            "user_id": ["new1", "new2", "new3"],
            "town": ["Town 1", "Town 2", None],
            "age": ["old", None, None],
            "nickname": ["nick 5", None, ""],
            "phone": ["555", None, None],
        }
    )
    return pl.concat([known, new])


@pytest.fixture(scope="module")
def fitted(large_shop: Any, users: pl.DataFrame) -> Recommender:
    data = Dataset.from_frames(
        large_shop.events, large_shop.catalogue, users=users, roles={"phone": "personal"}
    )
    settings = {"towers": {"text": None, "graph": None}, "ranker": {"epochs": 2}}
    return Recommender.from_config(settings).fit(data)


@pytest.fixture
def own(fitted: Recommender, tmp_path: Path) -> Recommender:
    fitted.save(tmp_path / "model")
    return Recommender.load(tmp_path / "model")


def tastes(items: list[Any]) -> list[int]:
    return [int(str(item)[1:]) % 4 for item in items]


class TestAttributes:
    def test_a_visitor_gets_what_is_popular_among_users_alike(self, fitted: Recommender) -> None:
        for town in range(4):
            recs = fitted.recommend(attributes={"town": f"Town {town}"}, k=5)
            assert [rec.rank for rec in recs] == [1, 2, 3, 4, 5]
            assert tastes([rec.item_id for rec in recs]).count(town) >= 4
            assert {rec.user_id for rec in recs} == {None}

    def test_a_user_of_the_table_without_events_is_like_such_a_visitor(
        self, fitted: Recommender
    ) -> None:
        user = fitted.recommend("new1", k=5)
        visitor = fitted.recommend(attributes={"town": "Town 1", "age": "old"}, k=5)
        assert [rec.item_id for rec in user] == [rec.item_id for rec in visitor]
        assert {rec.user_id for rec in user} == {"new1"}

    def test_one_of_whom_nothing_is_known_gets_what_is_popular(self, fitted: Recommender) -> None:
        popularity = fitted.shop.attributes
        assert popularity is not None
        best = float(popularity.overall.max())
        for recs in (fitted.recommend("new3", k=5), fitted.recommend(attributes={}, k=5)):
            rows = fitted.shop.items.rows_of([rec.item_id for rec in recs])
            assert popularity.overall[rows[0]] == best
            assert (np.diff(popularity.overall[rows]) <= 0).all()

    def test_users_keep_the_order_asked_and_their_own_lists(self, fitted: Recommender) -> None:
        asked = ["u05", "new2", "new1", "u01", "new3", "u02"]
        among = fitted.recommend(asked, k=3).to_dicts()
        assert [row["user_id"] for row in among] == [user for user in asked for _ in range(3)]
        alone = [row for user in asked for row in fitted.recommend(user, k=3).to_dicts()]
        assert [row["item_id"] for row in among] == [row["item_id"] for row in alone]

    def test_filters_and_caps_hold(self, fitted: Recommender) -> None:
        catalogue = fitted.shop.catalogue
        brand = set(catalogue.filter(pl.col("brand") == "Brand 1")["item_id"])
        recs = fitted.recommend("new1", k=64, where="brand = 'Brand 1'")
        assert {rec.item_id for rec in recs} == brand
        capped = fitted.recommend("new1", k=8, caps={"brand": 1})
        brands = dict(catalogue.select("item_id", "brand").rows())
        assert len({brands[rec.item_id] for rec in capped}) == len(capped) > 1

    def test_the_explanation_says_among_whom_and_adds_up(self, fitted: Recommender) -> None:
        for rec in fitted.recommend("new1", k=5, explain=True):
            why = rec.explanation
            assert why is not None
            assert [part.group for part in why.contributions] == ["popularity"]
            assert why.base + why.contributions[0].value == pytest.approx(why.score)
            assert why.score == pytest.approx(rec.score)
            assert why.evidence == ()
            assert why.counterfactual() is None
        top = fitted.recommend("new1", k=1, explain=True)[0].explanation
        assert top is not None
        group = top.facts.among[0]
        histories = fitted.shop.histories
        lately = set(fitted.shop.users.ids_of(np.unique(histories.users[histories.ages <= 28])))
        of = len([user for user in lately if int(str(user)[1:]) % 4 == 1])
        assert (group.attribute, group.value, group.of) == ("town", "Town 1", of)
        assert FEWEST_USERS <= group.users <= group.of
        assert (
            f"popular among customers with town “Town 1”: {group.users} of {of}" in top.narrative()
        )
        assert (
            f"在town为“Town 1”的顾客中受欢迎，近28天{of}人中有{group.users}人选购"
            in top.narrative("zh")
        )
        assert top.title in top._repr_html_()

    def test_the_counts_told_are_those_of_the_events(
        self, fitted: Recommender, large_shop: Any
    ) -> None:
        why = fitted.recommend("new1", k=1, explain=True)[0].explanation
        assert why is not None
        last = large_shop.events["timestamp"].max()
        mine = large_shop.events.filter(
            (pl.col("user_id").str.slice(1).cast(pl.Int64) % 4 == 1)
            & (pl.col("item_id") == why.item_id)
            & (pl.lit(last) - pl.col("timestamp") <= pl.duration(days=28))
        )
        assert why.facts.among[0].users == mine["user_id"].n_unique()

    def test_the_counts_are_of_the_last_28_days_until_the_shop_moves_on(
        self, own: Recommender
    ) -> None:
        before = own.explain(user="new1", item="i01")
        later = datetime(2024, 6, 1, tzinfo=UTC)
        own.update(pl.DataFrame({"user_id": ["u05"], "item_id": ["i05"], "timestamp": [later]}))
        after = own.explain(user="new1", item="i01")
        for language, lately in (("en", "in the last 28 days"), ("zh", "近28天")):
            assert lately in before.narrative(language)  # type: ignore[arg-type]
            assert lately not in after.narrative(language)  # type: ignore[arg-type]
        group = after.facts.among[0]
        assert group == before.facts.among[0]
        assert f"{group.users} of {group.of} have chosen it" in after.narrative()

    def test_any_item_can_be_explained(self, fitted: Recommender) -> None:
        why = fitted.explain(user="new1", item="i62")
        assert why.base + why.contributions[0].value == pytest.approx(why.score)

    def test_a_user_who_acts_is_a_newcomer_no_more(self, own: Recommender) -> None:
        moment = datetime(2024, 6, 1, tzinfo=UTC)
        event = pl.DataFrame({"user_id": ["new1"], "item_id": ["i02"], "timestamp": [moment]})
        own.update(event)
        groups = {
            part.group
            for rec in own.recommend("new1", k=3, explain=True)
            if rec.explanation is not None
            for part in rec.explanation.contributions
        }
        assert "collaborative" in groups
        assert "new1" in own.users

    def test_saved_and_loaded_it_gives_the_same(
        self, fitted: Recommender, own: Recommender
    ) -> None:
        asked = ["new1", "u01", "new2"]
        assert own.recommend(asked).to_dicts() == fitted.recommend(asked).to_dicts()
        known = {"town": "Town 3"}
        one, other = (r.recommend(attributes=known, explain=True) for r in (own, fitted))
        assert one.to_dicts() == other.to_dicts()

    def test_a_model_without_users_says_so(self, recommender: Recommender) -> None:
        with pytest.raises(RequestError, match=r"without a table of users.*users="):
            recommender.recommend(attributes={"town": "Town 1"})

    @pytest.mark.parametrize(
        ("attributes", "said"),
        [
            ({"twon": "Town 1"}, r"unknown 'twon'; known are .*'town'"),
            ({"phone": "555"}, r"unknown 'phone'"),
            ({"town": "Town 9"}, r"no town 'Town 9'.*'Town 0'"),
            ({"nickname": "nick 5"}, r"at least 5 users"),
        ],
    )
    def test_unknown_attributes_and_values_are_refused(
        self, fitted: Recommender, attributes: dict[str, str], said: str
    ) -> None:
        with pytest.raises(RequestError, match=said):
            fitted.recommend(attributes=attributes)

    def test_one_way_of_asking_at_a_time(self, fitted: Recommender) -> None:
        with pytest.raises(RequestError, match="one of them"):
            fitted.recommend("u01", attributes={"town": "Town 1"})


class TestPrivacy:
    def test_small_groups_and_small_counts_are_not_kept(self, fitted: Recommender) -> None:
        popularity = fitted.shop.attributes
        assert popularity is not None
        assert "phone" not in popularity.attributes
        assert set(popularity.groups["attribute"]) == {"town", "age"}
        assert (popularity.groups["users"] >= FEWEST_USERS).all()
        assert (popularity.counts.data >= FEWEST_USERS).all()

    def test_no_attribute_of_users_with_events_is_saved(
        self, fitted: Recommender, tmp_path: Path
    ) -> None:
        fitted.save(tmp_path / "model")
        kept = pl.read_parquet(tmp_path / "model" / "attributes" / "newcomers.parquet")
        assert kept["user_id"].to_list() == ["new1", "new2", "new3"]
        assert "phone" not in kept.columns

    def test_one_person_s_choice_moves_no_list(self, make_shop: Callable[..., Any]) -> None:
        """Four of a group, or one, choosing what nobody else does leave the group's list alone."""

        def scores(choosing: int) -> np.ndarray[Any, Any]:
            shop = make_shop(events_per_user=4)
            secret = pl.DataFrame(
                {
                    "user_id": [f"u{4 * n:02}" for n in range(choosing)],
                    "item_id": "secret",
                    "timestamp": shop.events["timestamp"].max(),
                },
                schema_overrides={"item_id": pl.String},
            )
            events = pl.concat([shop.events, secret.cast(dict(shop.events.schema))])
            catalogue = pl.concat(
                [shop.catalogue.select("item_id"), pl.DataFrame({"item_id": ["secret"]})]
            )
            table = pl.DataFrame(
                {
                    "user_id": [f"u{n:02}" for n in range(60)],
                    "town": [f"{n % 4}" for n in range(60)],
                }
            )
            data = Dataset.from_frames(events, catalogue, users=table)
            popularity = AttributePopularity.of(table, {}, data.users, data.histories())
            groups = popularity.groups_of(pl.DataFrame({"town": ["0", "1"]}))
            found = popularity.scores(groups)
            return found[0] - found[1]

        # the lift of the group over another at the last item, the secret one
        assert scores(1)[-1] == scores(4)[-1] == pytest.approx(0)
        assert scores(5)[-1] > 0


def test_the_lift_by_hand() -> None:
    """Of 6 users of a town all chose a, of 10 users 6 chose a and 4 chose b."""
    users = [f"u{n}" for n in range(10)]
    events = pl.DataFrame({"user_id": users, "item_id": ["a"] * 6 + ["b"] * 4})
    data = Dataset.from_frames(events, pl.DataFrame({"item_id": ["a", "b"]}))
    table = pl.DataFrame({"user_id": users, "town": ["T"] * 6 + ["S"] * 4})

    popularity = AttributePopularity.of(table, {}, data.users, data.histories())

    assert popularity.groups.rows() == [("town", "T", 6, 6.0)]
    assert popularity.overall.tolist() == [6, 4]
    shares = np.array([6.5, 4.5]) / 11
    np.testing.assert_allclose(popularity.shares, shares)
    expected = 6 * shares
    lift = np.log((np.array([6, expected[1]]) + PRIOR_USERS) / (expected + PRIOR_USERS))
    groups = popularity.groups_of(pl.DataFrame({"town": ["T", "S"]}))
    assert groups.tolist() == [[0], [-1]]
    np.testing.assert_allclose(
        popularity.scores(groups), [np.log(shares) + lift, np.log(shares)], rtol=1e-6
    )


def test_attributes_are_read_by_type_and_role() -> None:
    table = pl.DataFrame(
        {
            "user_id": ["u"],
            "age": [30],
            "income": [1.5],
            "vip": [True],
            "born": [datetime(1990, 1, 1)],
        }
    )
    users = IdMap(pl.Series(["u"]), IdCodec("str"))
    data = Dataset.from_frames(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}))
    found = AttributePopularity.of(table, {"vip": "ignored"}, users, data.histories())
    assert found.attributes == ("age",)


def test_a_user_whose_items_are_gone_is_unknown_or_known_by_attributes(
    large_shop: Any, users: pl.DataFrame
) -> None:
    """Where an item leaves the catalogue, its events go; who has no others has none."""
    lone = pl.DataFrame(
        {"user_id": ["lone"], "item_id": ["rare"], "timestamp": [datetime(2024, 2, 1, tzinfo=UTC)]}
    )
    events = pl.concat([large_shop.events, lone.cast(dict(large_shop.events.schema))])
    settings = {"towers": {"text": None, "graph": None}, "ranker": {"epochs": 1}}
    table = pl.concat(
        [users, pl.DataFrame({"user_id": ["lone"], "town": ["Town 2"]})], how="diagonal"
    )
    for given, expected in ((None, None), (table, 5)):
        data = Dataset.from_frames(events, users=given).keep_items(min_users=2)
        recommender = Recommender.from_config(settings).fit(data)
        if expected is None:
            with pytest.raises(UnknownUserError, match="'lone'"):
                recommender.recommend("lone")
        else:
            items = [rec.item_id for rec in recommender.recommend("lone", k=5)]
            assert tastes(items).count(2) >= 4


class TestVisitors:
    def test_unknown_items_are_named(self, recommender: Recommender) -> None:
        with pytest.raises(UnknownItemError, match=r"'nothing'.*add_items"):
            recommender.recommend(history=["i01", "nothing"])

    def test_an_item_met_more_often_counts_more(self, recommender: Recommender) -> None:
        once = recommender.explain(history=["i01", "i02"], item="i01", exclude="none")
        often = recommender.explain(
            history=["i01", "i02", "i01", "i01"], item="i01", exclude="none"
        )
        assert often.facts.own_events == 3
        assert once.facts.own_events == 1

    def test_no_item_gives_what_is_popular(self, recommender: Recommender) -> None:
        recs = recommender.recommend(history=[], k=5, explain=True)
        assert len(recs) == 5
        for rec in recs:
            assert rec.explanation is not None
            assert rec.explanation.evidence == ()

    def test_k_above_what_is_left_gives_what_is_left(self, recommender: Recommender) -> None:
        known = recommender.items[:60]
        recs = recommender.recommend(history=known, k=64, exclude="seen")
        assert {rec.item_id for rec in recs} == set(recommender.items) - set(known)


class TestNewItems:
    @pytest.fixture
    def own(self, recommender: Recommender, tmp_path: Path) -> Recommender:
        recommender.save(tmp_path / "model")
        return Recommender.load(tmp_path / "model")

    def test_a_new_item_is_like_any_other(self, own: Recommender, tmp_path: Path) -> None:
        own.add_items(pl.DataFrame(ROW))
        moment = datetime(2024, 6, 1, tzinfo=UTC)
        own.update(pl.DataFrame({"user_id": ["u05"], "item_id": ["new"], "timestamp": [moment]}))
        own.save(tmp_path / "grown")
        loaded = Recommender.load(tmp_path / "grown")
        for grown in (own, loaded):
            recs = grown.recommend("u05", where="item_id = 'new'", exclude="none", explain=True)
            assert [rec.item_id for rec in recs] == ["new"]
            assert recs[0].explanation is not None
            assert recs[0].explanation.facts.own_events == 1
            assert not grown.recommend("u05", where="item_id = 'new'", exclude="seen")
            visitor = grown.recommend(history=["new"], k=5, exclude="seen")
            assert sum(taste == 1 for taste in tastes([r.item_id for r in visitor])) >= 3

    def test_newcomers_may_get_it_where_nothing_else_is_left(
        self, fitted: Recommender, tmp_path: Path
    ) -> None:
        fitted.save(tmp_path / "model")
        grown = Recommender.load(tmp_path / "model").add_items(pl.DataFrame(ROW))
        assert [rec.item_id for rec in grown.recommend("new1", where="item_id = 'new'")] == ["new"]
        assert "new" not in [rec.item_id for rec in grown.recommend("new1", k=10)]

    def test_columns_left_out_are_unknown(self, own: Recommender) -> None:
        own.add_items(pl.DataFrame({"item_id": ["bare"], "title": ["coffee"]}))
        assert own.shop.catalogue.row(-1, named=True)["price"] is None
        assert own.shop.catalogue.schema["price"] == pl.Float64
        assert len(own.recommend("u05", where="item_id = 'bare'")) == 1

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"item_id": ["i01"]}, r"already in the catalogue: 'i01'; nothing"),
            ({"item_id": [None]}, r"no id at all"),
            ({"item_id": [7]}, r"type int, in the recommender of type str"),
            ({"item_id": None}, r"no column 'item_id'"),
            ({"colour": ["red"]}, r"no column 'colour' in the catalogue, which has"),
            ({"price": ["dear"]}, r"'price' that are|'price' are no numbers"),
            ({"title": [3.5]}, r"'title' holds Float64 such as 3.5, in the catalogue String"),
            ({"brand": [["a", "b"]]}, r"'brand' holds List"),
        ],
    )
    def test_what_cannot_join_is_refused_and_leaves_no_trace(
        self, own: Recommender, change: dict[str, list[object] | None], said: str
    ) -> None:
        shop, before = own.shop, own.recommend(own.users[:5]).to_dicts()
        rows = pl.DataFrame({k: v for k, v in {**ROW, **change}.items() if v is not None})
        with pytest.raises(DataError, match=said):
            own.add_items(rows)
        assert own.shop is shop
        assert own.recommend(own.users[:5]).to_dicts() == before

    def test_an_item_twice_among_the_rows_is_refused(self, own: Recommender) -> None:
        rows = pl.concat([pl.DataFrame(ROW), pl.DataFrame({**ROW, "price": [3.0]})])
        with pytest.raises(DataError, match=r"more than once: 'new'; nothing"):
            own.add_items(rows)
        assert "new" not in own.items

    def test_prices_may_be_the_first_that_are_not_whole(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        config = {
            "towers": {"collaborative": {"embedding_dim": 4}, "graph": None, "text": None},
            "neighbours": None,
            "ranker": {"epochs": 1, "moments": 1},
        }
        whole = dataset.catalogue.with_columns(pl.col("price").cast(pl.Int64))
        own = Recommender.from_config(config).fit(Dataset.from_frames(dataset.events, whole))

        own.add_items(pl.DataFrame(ROW))
        own.save(tmp_path / "model")

        prices = Recommender.load(tmp_path / "model").shop.catalogue["price"]
        assert prices[0] == whole["price"][0]
        assert prices[-1] == 2.5

    def test_prices_may_be_whole_or_written(self, own: Recommender) -> None:
        own.add_items(pl.DataFrame({**ROW, "price": [3]}))
        own.add_items(pl.DataFrame({**ROW, "item_id": ["other"], "price": ["2.75"]}))
        assert own.shop.catalogue["price"].tail(2).to_list() == [3.0, 2.75]
