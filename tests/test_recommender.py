"""The face, on a small shop: what the design promises of it."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from hybridrec import Dataset, Recommender
from hybridrec.config import RecommenderConfig
from hybridrec.errors import (
    ConfigError,
    DataError,
    NotFittedError,
    RequestError,
    UnknownItemError,
    UnknownUserError,
)


class TestRecommend:
    def test_gives_each_user_k_items_in_order_of_score(self, recommender: Recommender) -> None:
        recs = recommender.recommend(["u05", "u01"], k=5)
        frame = recs.to_polars()
        assert frame["user_id"].to_list() == ["u05"] * 5 + ["u01"] * 5
        assert frame["rank"].to_list() == [1, 2, 3, 4, 5] * 2
        for _, scores in frame.group_by("user_id", maintain_order=True):
            assert scores["score"].is_sorted(descending=True)
            assert scores["item_id"].n_unique() == 5

    def test_one_user_is_like_one_of_many(self, recommender: Recommender) -> None:
        alone = recommender.recommend("u05", k=5).to_dicts()
        among = recommender.recommend(["u01", "u05", "u02"], k=5).to_dicts()
        assert [row["item_id"] for row in alone] == [
            row["item_id"] for row in among if row["user_id"] == "u05"
        ]

    def test_seen_items_are_left_out_when_asked(
        self, recommender: Recommender, dataset: Dataset
    ) -> None:
        everyone = recommender.recommend(recommender.users, k=64, exclude="seen").to_polars()
        seen = dataset.events.select("user_id", "item_id")
        assert everyone.join(seen, on=["user_id", "item_id"], how="semi").is_empty()
        repeats = recommender.recommend(recommender.users, k=5, exclude="none").to_polars()
        assert not repeats.join(seen, on=["user_id", "item_id"], how="semi").is_empty()

    def test_a_list_is_short_rather_than_padded(self, recommender: Recommender) -> None:
        recs = recommender.recommend("u05", k=64, where="brand = 'Brand 1'")
        brand = recommender.shop.catalogue.filter(pl.col("brand") == "Brand 1")
        assert 0 < len(recs) == brand.height < 64
        assert {rec.item_id for rec in recs} == set(brand["item_id"])

    def test_taste_is_met_better_than_by_chance(
        self, recommender: Recommender, dataset: Dataset
    ) -> None:
        recs = recommender.recommend(recommender.users, k=5, exclude="seen").to_polars()
        number = pl.col("user_id").str.slice(1).cast(pl.Int64)
        item = pl.col("item_id").str.slice(1).cast(pl.Int64)
        assert recs.select((number % 4 == item % 4).mean()).item() > 0.6

    def test_a_visitor_gets_items_of_the_taste_just_shown(self, recommender: Recommender) -> None:
        recs = recommender.recommend(history=["i01", "i05", "i09"], k=5, exclude="seen")
        assert all(rec.user_id is None for rec in recs)
        assert not {rec.item_id for rec in recs} & {"i01", "i05", "i09"}
        own_taste = [int(str(rec.item_id)[1:]) % 4 == 1 for rec in recs]
        assert sum(own_taste) >= 3

    def test_a_visitor_without_history_gets_what_is_popular(self, recommender: Recommender) -> None:
        assert len(recommender.recommend(history=[], k=5)) == 5

    def test_caps_hold(self, recommender: Recommender) -> None:
        recs = recommender.recommend("u05", k=6, caps={"category": 2})
        category = dict(recommender.shop.catalogue.select("item_id", "category").rows())
        counts = pl.Series([category[rec.item_id] for rec in recs]).value_counts()
        assert len(recs) == 6
        assert counts["count"].max() == 2

    def test_diversity_changes_the_list_and_keeps_the_best_first(
        self, recommender: Recommender
    ) -> None:
        plain = [rec.item_id for rec in recommender.recommend("u05", k=8)]
        mixed = [rec.item_id for rec in recommender.recommend("u05", k=8, diversity=0.7)]
        assert mixed[0] == plain[0]
        assert mixed != plain

    @pytest.mark.parametrize("k", [0, -1, 65, "ten"])
    def test_k_out_of_range_is_refused(self, recommender: Recommender, k: object) -> None:
        with pytest.raises(RequestError, match=r"k=.*1 to 64"):
            recommender.recommend("u05", k=k)  # type: ignore[arg-type]

    def test_unknown_ids_are_named(self, recommender: Recommender) -> None:
        with pytest.raises(UnknownUserError, match=r"'nobody'.*history="):
            recommender.recommend(["u05", "nobody"])
        with pytest.raises(UnknownItemError, match=r"'nothing'.*add_items"):
            recommender.recommend(history=["i01", "nothing"])
        with pytest.raises(UnknownItemError, match="'nothing'"):
            recommender.explain(user="u05", item="nothing")

    def test_contradicting_requests_are_refused(self, recommender: Recommender) -> None:
        with pytest.raises(RequestError, match="either users or history"):
            recommender.recommend("u05", history=["i01"])
        with pytest.raises(RequestError, match="either users or history"):
            recommender.recommend()
        with pytest.raises(RequestError, match="'all'"):
            recommender.recommend("u05", exclude="all")  # type: ignore[arg-type]
        with pytest.raises(RequestError, match=r"colour.*brand"):
            recommender.recommend("u05", where="colour = 'red'")

    def test_nothing_is_given_before_the_fit(self) -> None:
        with pytest.raises(NotFittedError, match="fit"):
            Recommender().recommend("u05")


class TestExplain:
    def test_base_and_parts_sum_to_the_score(self, recommender: Recommender) -> None:
        for exclude in ("none", "seen"):
            users = recommender.users[:20]
            recs = recommender.recommend(users, k=10, exclude=exclude, explain=True)
            assert len(recs) == 200
            for rec in recs:
                why = rec.explanation
                assert why is not None
                assert why.score == rec.score
                tolerance = 1e-4 * abs(why.score) + 1e-6
                parts = sum(part.value for part in why.contributions)
                assert abs(why.base + parts - why.score) <= tolerance
                for part in why.contributions:
                    if part.evidence:
                        split = sum(past.weight for past in part.evidence)
                        assert abs(split - part.value) <= tolerance

    def test_towers_always_rest_on_past_items(
        self, recommender: Recommender, dataset: Dataset
    ) -> None:
        seen = set(dataset.events.filter(pl.col("user_id") == "u05")["item_id"])
        why = recommender.explain(user="u05", item="i01")
        by_group = {part.group: part for part in why.contributions}
        for tower in recommender.towers:
            assert {past.item_id for past in by_group[tower].evidence} <= seen
            assert by_group[tower].evidence

    def test_explain_agrees_with_recommend(self, recommender: Recommender) -> None:
        rec = recommender.recommend("u05", k=3, explain=True)[2]
        why = recommender.explain(user="u05", item=rec.item_id)
        assert rec.explanation is not None
        assert why.score == pytest.approx(rec.score, abs=1e-5)
        assert why.paths == rec.explanation.paths
        assert why.facts == rec.explanation.facts
        for one, other in zip(why.contributions, rec.explanation.contributions, strict=True):
            assert one.group == other.group
            assert one.value == pytest.approx(other.value, abs=1e-5)

    def test_paths_lead_from_a_past_item_to_the_item(
        self, recommender: Recommender, dataset: Dataset
    ) -> None:
        titles = dict(dataset.catalogue.select("item_id", "title").rows())
        seen = dataset.events.filter(pl.col("user_id") == "u05")["item_id"]
        own = {titles[item] for item in seen}
        graph = recommender.shop.graph
        assert graph is not None
        (heads, tails), kinds = graph.edge_index()
        keys = graph.entities["key"].to_list()
        facts = {
            (keys[head], graph.relations[kind].name, keys[tail])
            for head, tail, kind in zip(heads, tails, kinds, strict=True)
        }
        for rec in recommender.recommend("u05", k=10, exclude="seen", explain=True):
            assert rec.explanation is not None
            for path in rec.explanation.paths:
                assert path.source_title in own
                assert path.text.startswith(path.source_title)
                assert path.text.endswith(titles[rec.item_id])
                assert set(path.edges) <= facts
                assert {rec.item_id, path.edges[0][0]} <= {rec.item_id, *seen}

    def test_sentences_name_the_item_in_both_languages(self, recommender: Recommender) -> None:
        rec = recommender.recommend("u05", k=1, explain=True)[0]
        assert rec.explanation is not None
        english, chinese = rec.explanation.narrative("en"), rec.explanation.narrative("zh")
        assert rec.explanation.title in english
        assert rec.explanation.title in chinese
        assert "推荐理由" in chinese
        with pytest.raises(RequestError, match="'fr'"):
            rec.explanation.narrative("fr")  # type: ignore[arg-type]

    def test_removing_the_counterfactual_removes_the_item(
        self, recommender: Recommender, dataset: Dataset
    ) -> None:
        found = 0
        for user in recommender.users[:6]:
            rec = recommender.recommend(user, k=3, explain=True)[2]
            assert rec.explanation is not None
            removed = recommender.explain(user, rec.item_id, k=3).counterfactual()
            if removed is None:
                continue
            found += 1
            own = dataset.events.filter(
                (pl.col("user_id") == user) & ~pl.col("item_id").is_in(list(removed))
            )
            ages = (dataset.as_of - own["timestamp"]).dt.total_seconds(fractional=True) / 86_400
            shop = recommender.shop
            rows = shop.items.rows_of(own["item_id"])
            history = shop.visitor(rows.tolist())
            object.__setattr__(history, "ages", ages.to_numpy())
            candidates = recommender.fusion.candidates(history, "none")
            top = candidates.pairs.top(candidates.scores, 3)
            assert rec.item_id not in shop.items.ids_of(candidates.pairs.items[top])
        assert found

    def test_says_how_sure_it_is_and_how_much_is_popularity(self, recommender: Recommender) -> None:
        rec = recommender.recommend("u05", k=1, explain=True)[0]
        why = rec.explanation
        assert why is not None
        assert 0 < why.spread < abs(why.score - why.base)
        raising = [part.value for part in why.contributions if part.value > 0]
        popularity = sum(p.value for p in why.contributions if p.group == "popularity")
        assert why.popularity_share == pytest.approx(max(popularity, 0) / sum(raising))

    def test_a_sheet_of_reasons_adds_up(self, recommender: Recommender) -> None:
        recs = recommender.recommend(["u05", "u06"], k=4, diversity=0.5, explain=True)

        sheet = recs.to_reasons("zh")

        assert sheet["item_id"].to_list() == [rec.item_id for rec in recs]
        assert all("推荐理由" in text for text in sheet["reasons"])
        groups = sheet.columns[sheet.columns.index("base") + 1 :]
        assert {"collaborative", "diversity"} <= set(groups)
        total = sheet.select(pl.sum_horizontal("base", *groups)).to_series()
        np.testing.assert_allclose(total, sheet["score"], atol=1e-4)
        with pytest.raises(RequestError, match="explain=True"):
            recommender.recommend("u05", k=2).to_reasons()

    def test_an_explanation_prints_as_json_and_html(self, recommender: Recommender) -> None:
        why = recommender.explain(user="u05", item="i01")
        assert set(why.to_dict()) >= {"base", "score", "contributions", "paths", "narrative"}
        assert why.title in why._repr_html_()


class TestGrowth:
    @pytest.fixture
    def own_copy(self, recommender: Recommender, tmp_path_factory: pytest.TempPathFactory):
        place = tmp_path_factory.mktemp("copy") / "model"
        recommender.save(place)
        return Recommender.load(place)

    def test_a_new_item_is_found_at_once(self, own_copy: Recommender) -> None:
        row = {
            "item_id": ["new"],
            "title": ["roast coffee 99"],
            "description": ["a bean for everyone"],
            "category": ["Hall 0 > Shelf 1"],
            "brand": ["Brand 1"],
            "price": [2.5],
        }
        own_copy.add_items(pl.DataFrame(row))
        assert "new" in own_copy.items
        nearest = own_copy.similar_items("new", k=8)["item_id"].to_list()
        assert sum(int(item[1:]) % 4 == 1 for item in nearest) >= 6
        why = own_copy.explain(user="u05", item="new")
        assert abs(why.base + sum(p.value for p in why.contributions) - why.score) < 1e-4
        with pytest.raises(DataError, match="'new'"):
            own_copy.add_items(pl.DataFrame(row))

    def test_new_events_move_a_user_at_once(self, own_copy: Recommender) -> None:
        before = own_copy.recommend("u00", k=5, exclude="seen").to_polars()
        events = pl.DataFrame(
            {
                "user_id": ["u00"] * 6 + ["fresh"] * 2,
                "item_id": ["i01", "i05", "i09", "i13", "i17", "i21", "i02", "i06"],
                "timestamp": ["2024-05-02"] * 8,
            }
        )
        own_copy.update(events)
        after = own_copy.recommend("u00", k=5, exclude="seen").to_polars()
        assert before["item_id"].to_list() != after["item_id"].to_list()
        assert not set(after["item_id"]) & set(events["item_id"][:6])
        assert "fresh" in own_copy.users
        assert len(own_copy.recommend("fresh", k=5)) == 5

    def test_similar_items_share_the_taste_and_leave_out_the_item(
        self, recommender: Recommender
    ) -> None:
        nearest = recommender.similar_items("i01", k=8)
        assert "i01" not in nearest["item_id"]
        assert nearest["similarity"].is_sorted(descending=True)
        assert sum(int(item[1:]) % 4 == 1 for item in nearest["item_id"]) >= 6


class TestFit:
    def test_ten_lines_on_a_pandas_frame(self, made_shop: object) -> None:
        events = pd.DataFrame(made_shop.events.to_dict(as_series=False))  # type: ignore[attr-defined]
        data = Dataset.from_frames(events)
        recommender = Recommender.from_config({"ranker": {"epochs": 2}}).fit(data)
        assert recommender.towers == ("collaborative",)
        recs = recommender.recommend("u05", k=3)
        assert recs.to_pandas().shape == (3, 4)
        assert isinstance(recs[0].item_id, str)

    def test_the_same_seed_gives_the_same_recommendations(self, dataset: Dataset) -> None:
        config = {"seed": 3, "device": "cpu", "towers": {"text": None}}
        lists = [
            Recommender.from_config(config).fit(dataset).recommend("u05", k=5).to_dicts()
            for _ in range(2)
        ]
        assert lists[0] == lists[1]

    def test_data_without_times_are_legal(self, dataset: Dataset) -> None:
        events = dataset.events.drop("timestamp")
        data = Dataset.from_frames(events, dataset.catalogue)
        config = {"towers": {"text": None}}
        recommender = Recommender.from_config(config).fit(data)
        recs = recommender.recommend("u05", k=5, explain=True)
        assert len(recs) == 5
        names = {signal.name for signal in recommender.fusion.rankers["none"].signals}
        assert "popularity" in names
        assert not names & {"recent", "trend", "own_due"}

    def test_too_little_data_says_so(self) -> None:
        data = Dataset.from_frames(pl.DataFrame({"user_id": ["a", "b"], "item_id": [1, 2]}))
        with pytest.raises(DataError, match="no user has more than 1"):
            Recommender().fit(data)

    def test_evaluate_reports_every_slice(self, recommender: Recommender, dataset: Dataset) -> None:
        by = ["history_length", "item_age"]
        frame = recommender.evaluate(dataset, ["recall@5", "mrr@5"], by=by)
        assert set(frame["metric"]) == {"recall@5", "mrr@5"}
        assert frame["value"].is_between(0, 1).all()
        by_length = frame.filter(
            pl.col("slice").str.starts_with("history") & (pl.col("metric") == "recall@5")
        )
        assert by_length["users"].sum() == 60
        ages = frame.filter(pl.col("slice").str.starts_with("item_age"))["slice"].unique()
        assert {"item_age 90–179", "item_age 28–89"} <= set(ages)
        assert frame.filter(pl.col("slice") == "all")["users"].to_list() == [60, 60]
        with pytest.raises(RequestError, match=r"by='weather'.*history_length, item_age"):
            recommender.evaluate(dataset, by=["weather"])
        with pytest.raises(RequestError, match="map@5"):
            recommender.evaluate(dataset, ["map@5"])

    def test_unknown_settings_are_named(self) -> None:
        with pytest.raises(ConfigError, match=r"towers\.graph\.depth.*layers"):
            Recommender.from_config({"towers": {"graph": {"depth": 3}}})

    def test_a_config_object_is_kept(self) -> None:
        config = RecommenderConfig(seed=11)
        assert Recommender(config).config.seed == 11


def test_a_question_that_no_ranker_was_learnt_for_is_refused(dataset: Dataset) -> None:
    config = {
        "exclude": "seen",
        "questions": ["seen"],
        "towers": {"collaborative": {"embedding_dim": 8}, "graph": None, "text": None},
        "ranker": {"epochs": 1, "moments": 1},
    }
    recommender = Recommender.from_config(config).fit(dataset)

    assert len(recommender.recommend("u05", k=3)) == 3
    with pytest.raises(RequestError, match="exclude='none'; use 'seen', as the settings'"):
        recommender.recommend("u05", exclude="none")


class TestLengthsAndIds:
    def test_whole_numbers_of_any_kind_are_lengths(self, recommender: Recommender) -> None:
        k = np.int64(3)
        assert len(recommender.recommend("u05", k=k)) == 3  # type: ignore[arg-type]
        assert recommender.similar_items("i01", k=k).height == 3  # type: ignore[arg-type]

    @pytest.mark.parametrize("k", [0, -3, 65, 2.5, True, "3"])
    def test_no_other_length_is_taken(self, recommender: Recommender, k: Any) -> None:
        for ask in (
            lambda: recommender.recommend("u05", k=k),
            lambda: recommender.similar_items("i01", k=k),
            lambda: recommender.explain(user="u05", item="i01", k=k),
            lambda: recommender.explain_pairs([("u05", "i01")], k=k),
        ):
            with pytest.raises(RequestError, match=r"k=.* from 1 to 6[34]"):
                ask()

    def test_one_item_is_no_history(self, recommender: Recommender) -> None:
        with pytest.raises(RequestError, match=r"history='i01'.*\['i01'\]"):
            recommender.recommend(history="i01")

    def test_ids_come_back_as_the_shop_has_them(self) -> None:
        config = {
            "towers": {"collaborative": {"embedding_dim": 4}, "graph": None, "text": None},
            "neighbours": None,
            "ranker": {"epochs": 1, "moments": 1},
        }
        random = np.random.default_rng(0)
        events = pl.DataFrame(
            {
                "user_id": random.integers(30, size=600),
                "item_id": random.integers(20, size=600),
                "timestamp": [datetime(2024, 1, 1) + timedelta(hours=n) for n in range(600)],
            }
        )
        fitted = Recommender.from_config(config).fit(Dataset.from_frames(events))
        asked = list(events["user_id"][:2].to_numpy())

        recs = fitted.recommend(asked, k=2)

        assert {type(row["user_id"]) for row in recs.to_dicts()} == {int}
        assert recs.to_polars().schema["user_id"] == pl.Int64
