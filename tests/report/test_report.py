import json
import re
from collections import Counter
from zipfile import ZipFile

import numpy as np
import polars as pl
import pytest
from jsonschema import Draft202012Validator

from hybridrec import Dataset, Recommender
from hybridrec.errors import ConfigError, RequestError, UnknownItemError, UnknownUserError
from hybridrec.fusion.policy import Boost, Pin, Policy, rules_of
from hybridrec.report import Report, ReportConfig
from hybridrec.report.catalogue import _gini, new_items
from hybridrec.report.reach import _boosts, reach_of

K = 5


@pytest.fixture(scope="module")
def lists(recommender: Recommender):
    """Everyone's lists by the face."""
    return recommender.recommend(recommender.users, k=K, exclude="seen", explain=True)


@pytest.fixture(scope="module")
def items(lists) -> list[str]:
    """An item in many lists, one in fewer, one in none."""
    counts = Counter(row.item_id for row in lists)
    ordered = [item for item, _ in counts.most_common()]
    return [ordered[0], ordered[len(ordered) // 2], ordered[-1]]


@pytest.fixture(scope="module")
def report(recommender: Recommender, items) -> Report:
    return recommender.report(
        users={"u01": "a regular"},
        items=items,
        segments=True,
        catalogue=True,
        k=K,
        exclude="seen",
        shop_name="Corner Shop",
    )


class TestItems:
    def test_are_in_as_many_lists_as_recommend_says(self, report, lists, items):
        counts = Counter(row.item_id for row in lists)
        assert [told.listed for told in report.items] == [counts[item] for item in items]
        assert {told.users for told in report.items} == {60}

    def test_parts_are_the_mean_of_the_explanations(self, report, lists, items):
        reasons = [row.explanation for row in lists if row.item_id == items[0]]
        told = report.items[0]
        assert len(reasons) >= 5
        for group, value in told.parts.items():
            given = [
                part.value for why in reasons for part in why.contributions if part.group == group
            ]
            assert value == pytest.approx(np.mean(given), abs=1e-5)
        assert told.popularity_share == pytest.approx(
            np.mean([why.popularity_share for why in reasons]), abs=1e-5
        )

    def test_reasons_are_the_past_items_that_weigh_most(self, recommender, lists, items):
        told = recommender.report(items=items[:1], k=K, exclude="seen").items[0]
        greatest = Counter()
        for row in lists:
            if row.item_id == items[0]:
                past = next(e for e in row.explanation.evidence if hasattr(e, "item_id"))
                greatest[past.item_id] += past.weight > 0
        expected = {item: n for item, n in greatest.items() if n >= 5}
        assert {reason.item_id: reason.users for reason in told.reasons} == expected

    def test_segments_share_out_the_lists(self, report):
        for told in report.items:
            known = [segment.listed for segment in told.segments]
            assert sum(segment.users for segment in told.segments) == told.users
            assert sum(n or 0 for n in known) <= told.listed
            if None not in known:
                assert sum(known) == told.listed

    def test_a_boost_brings_it_into_as_many_lists_as_it_says(self, recommender, report, items):
        reach = report.items[-1].reach
        assert len(reach.boosts) >= 2
        for step in reach.boosts:
            policy = Policy(boosts=[Boost(by=step.by, items=[items[-1]])])
            recs = recommender.recommend(recommender.users, k=K, exclude="seen", policy=policy)
            assert sum(row.item_id == items[-1] for row in recs) == step.users

    def test_lacks_say_what_separates_it_from_the_last_of_the_list(
        self, recommender, report, lists, items
    ):
        told = report.items[-1]
        last_of = {row.user_id: row.item_id for row in lists if row.rank == K}
        missed = [
            user
            for user in recommender.users
            if items[-1] not in {row.item_id for row in lists if row.user_id == user}
            and items[-1] not in set(_met(recommender, user))
        ]
        pairs = [(u, i) for u in missed for i in (items[-1], last_of[u])]
        whys = recommender.explain_pairs(pairs, exclude="seen", k=K)
        gaps = [own.against(other) for own, other in zip(whys[::2], whys[1::2], strict=True)]
        assert told.reach.nearest == len(missed)
        for group, value in told.reach.lacks.items():
            given = [
                part.value for gap in gaps for part in gap.contributions if part.group == group
            ]
            assert value == pytest.approx(np.mean(given), abs=2e-2)

    def test_what_it_lacks_is_told_of_five_users_at_least(self, recommender, report, items):
        reach = report.items[-1].reach
        asked = {"item": recommender.shop.items.row(items[-1]), "question": "seen", "k": K}
        fusion, shop = recommender.fusion, recommender.shop
        rules = rules_of(None, shop.catalogue, shop.items, k=K)
        for number, told in ((4, 0), (5, 5)):
            found = reach_of(fusion, shop, np.arange(60), **asked, rules=rules, nearest=number)
            assert found.boosts == reach.boosts
            assert found.nearest == told
            assert bool(found.lacks) == bool(told)

    def test_that_the_policy_hides_have_no_reach(self, recommender, items):
        policy = Policy(deny=items[:1])
        told = recommender.report(items=items[:1], k=K, exclude="seen", policy=policy).items[0]
        assert told.reach is None
        assert told.listed == 0

    def test_empty_columns_that_others_have_are_named(self, recommender):
        shop = recommender.shop
        item = shop.items.values[3]
        bare = pl.when(pl.col("item_id") == item).then(None).otherwise(pl.col("brand"))
        object.__setattr__(shop, "catalogue", shop.catalogue.with_columns(bare.alias("brand")))
        try:
            told = recommender.report(items=[item], k=K)
            assert told.items[0].missing == ("brand",)
        finally:
            object.__setattr__(shop, "catalogue", recommender.fusion.moment.catalogue)


def _met(recommender: Recommender, user: str) -> list[object]:
    shop = recommender.shop
    return shop.items.ids_of(shop.histories_of([shop.users.row(user)]).items)


class TestCatalogue:
    def test_counts_every_place_of_every_list(self, report, lists):
        told = report.catalogue
        counts = Counter(row.item_id for row in lists)
        assert told.places == len(lists)
        assert told.shown == len(counts)
        exposure = dict(told.exposure.select("item_id", "lists").iter_rows())
        assert {item: n for item, n in exposure.items() if n} == dict(counts)
        greatest = [n for _, n in counts.most_common()]
        assert sum(greatest[: told.half]) >= told.places / 2 > sum(greatest[: told.half - 1])

    def test_shares_of_what_raises_sum_to_one(self, report):
        for shares in (report.catalogue.raising, *(s.raising for s in report.segments)):
            assert sum(shares.values()) == pytest.approx(1)

    def test_new_items_are_those_first_met_of_late_or_never(self, recommender, make_shop):
        shop = recommender.shop
        first = {}
        for event in make_shop().events.iter_rows(named=True):
            item, moment = event["item_id"], event["timestamp"]
            first[item] = min(first.get(item, moment), moment)
        days = 110.0
        ages = {
            item: (shop.as_of - moment).total_seconds() / 86_400 for item, moment in first.items()
        }
        expected = {item for item in shop.items.values if ages.get(item, 0.0) <= days}
        assert 0 < len(expected) < 64
        assert set(shop.items.ids_of(np.flatnonzero(new_items(shop, days)))) == expected

    def test_gini(self):
        assert _gini(np.array([3, 3, 3])) == pytest.approx(0)
        assert _gini(np.array([9, 0, 0])) == pytest.approx(2 / 3)
        assert _gini(np.zeros(3, dtype=np.int64)) == 0

    def test_what_lives_on_popularity_is_told_by_the_threshold(self, recommender):
        few = recommender.report(k=K, settings=ReportConfig(popularity_alone=0.99)).catalogue
        many = recommender.report(k=K, settings=ReportConfig(popularity_alone=0.01)).catalogue
        assert few.popular == few.on_popularity.height < many.popular
        assert (many.on_popularity["popularity_share"] >= 0.01).all()

    def test_users_are_drawn_where_there_are_many(self, recommender):
        one, same = (
            recommender.report(k=K, settings=ReportConfig(users=20)).catalogue for _ in range(2)
        )
        assert one.users == 20
        assert one.exposure.equals(same.exposure)


class TestSegments:
    def test_show_what_their_users_get_more_than_others(self, recommender, report, lists):
        of_user = dict(recommender.segments().users.iter_rows())
        counts = Counter((of_user[row.user_id], row.item_id) for row in lists)
        overall = Counter(row.item_id for row in lists)
        for number, segment in enumerate(report.segments):
            assert segment.items
            for item in segment.items:
                assert item.listed == counts[number, item.item_id] >= 5
                assert item.share == pytest.approx(item.listed / segment.users)
                assert item.lift == pytest.approx(item.share / (overall[item.item_id] / 60))
                assert item.lift > 1


class TestUsers:
    def test_are_shown_with_what_recommend_gives(self, report, lists):
        [user] = report.users
        assert user.kind == "a regular"
        own = [row.item_id for row in lists if row.user_id == "u01"]
        assert [row.item_id for row in user.recommendations] == own
        assert user.discoveries is None

    def test_get_discoveries_beside_repeats(self, recommender):
        [user] = recommender.report(users=["u01"], k=K, exclude="none").users
        assert not {row.item_id for row in user.discoveries} & set(_met(recommender, "u01"))
        assert user.segment == {}

    def test_removals_drop_the_item_out_of_the_list(self, recommender, report):
        [user] = report.users
        [removals] = user.removals.values()
        assert len(removals) == 3
        for item, titles in removals.items():
            if titles is None:
                continue
            shop = recommender.shop
            gone = {shop.items.values[shop.titles.index(title)] for title in titles}
            left = [past for past in _met(recommender, "u01") if past not in gone]
            assert len(left) < len(_met(recommender, "u01"))
            assert item in {row.item_id for row in user.recommendations}

    def test_removals_are_not_sought_where_the_policy_gave_the_place(self, recommender, report):
        [user] = report.users
        second = user.recommendations[1].item_id
        policy = Policy(pins=[Pin(item=second, rank=1)])
        [told] = recommender.report(users=["u01"], k=K, exclude="seen", policy=policy).users
        moved = {row.item_id for row in told.recommendations if row.explanation.policy}
        assert second in moved
        best = {row.item_id for row in told.recommendations[:3]}
        assert set(told.removals["recommended"]) == best - moved

    def test_removals_are_not_sought_without_a_history(self, make_shop):
        shop = make_shop()
        users = pl.DataFrame({"user_id": ["u01", "new"], "town": ["a", "a"]})
        data = Dataset.from_frames(shop.events, shop.catalogue, users=users)
        settings = {"towers": {"text": None, "graph": None}, "ranker": {"epochs": 1}}
        fitted = Recommender.from_config(settings).fit(data)
        [told] = fitted.report(users=["new"], k=K).users
        assert len(told.recommendations) == K
        assert told.removals == {"recommended": {}, "discoveries": {}}


class TestBoosts:
    def test_are_the_least_that_do(self):
        gaps = np.array([-1.0, -0.5, *np.arange(1, 99) / 8])
        found = _boosts(gaps)
        assert [step.users for step in found] == [5, 10, 25, 50, 100]
        for step in found:
            assert (gaps <= step.by).sum() == step.users
            assert (gaps <= 0.9 * step.by).sum() < step.users

    def test_there_are_some_while_any_list_lacks_it(self):
        gaps = np.array([*np.full(60, -1.0), *np.linspace(0.1, 2, 40)])
        assert [(step.by, step.users, step.share) for step in _boosts(gaps)] == [(2.0, 100, 1.0)]
        assert _boosts(np.full(100, -1.0)) == ()

    def test_nobody_left_is_nothing_to_gain(self):
        assert _boosts(np.array([-1.0, np.nan])) == ()
        assert _boosts(np.array([np.nan])) == ()


class TestOutput:
    def test_json_obeys_the_schema_and_names_nobody_but_who_was_asked_for(self, report):
        values = json.loads(report.to_json())
        Draft202012Validator.check_schema(Report.json_schema())
        Draft202012Validator(Report.json_schema()).validate(values)
        assert set(re.findall(r'"(u\d\d)"', report.to_json())) == {"u01"}

    def test_no_group_of_fewer_than_five_is_told_of(self, report):
        told = json.loads(report.to_json())
        for item in told["items"]:
            for segment in item["segments"]:
                assert segment["users"] >= 5
                assert segment["listed"] in (None, 0) or segment["listed"] >= 5
            assert item["met_by"] in (None, 0) or item["met_by"] >= 5
            if item["listed"] < 5:
                assert item["parts"] == {}
                assert item["reasons"] == []
                assert item["mean_rank"] is None
        for row in told["catalogue"]["exposure"]:
            if row["lists"] < 5:
                assert (row["mean_rank"], row["popularity_share"], row["carried_by"]) == (None,) * 3

    def test_tables_hold_the_same(self, report, items):
        tables = report.to_frames("zh")
        assert tables["exposure"].height == 64
        assert tables["items"]["item_id"].to_list() == items
        assert tables["items"]["listed"].to_list() == [told.listed for told in report.items]
        assert set(tables["segments"]["segment"]) == {s.names["zh"] for s in report.segments}
        assert tables["recommendations"].height == K
        boosts = [step.by for told in report.items for step in told.reach.boosts]
        assert tables["item_boosts"]["by"].to_list() == boosts

    def test_csv_and_workbook_hold_every_table(self, report, tmp_path):
        report.write_csv(tmp_path / "csv")
        names = set(report.to_frames())
        assert {path.stem for path in (tmp_path / "csv").iterdir()} == names
        back = pl.read_csv(tmp_path / "csv" / "exposure.csv")
        assert back["lists"].to_list() == report.catalogue.exposure["lists"].to_list()

        report.write_excel(tmp_path / "report.xlsx")
        with ZipFile(tmp_path / "report.xlsx") as book:
            sheets = book.read("xl/workbook.xml").decode()
        assert set(re.findall(r'<sheet name="(\w+)"', sheets)) == names
        assert sorted(path.name for path in tmp_path.iterdir()) == ["csv", "report.xlsx"]

    def test_tables_in_another_language_are_refused(self, report, tmp_path):
        with pytest.raises(RequestError, match="'fr' is not there; use en or zh"):
            report.to_frames("fr")
        with pytest.raises(RequestError, match="'fr'"):
            report.write_csv(tmp_path / "csv", "fr")
        assert not list(tmp_path.iterdir())

    def test_less_than_a_day_is_not_rounded(self, recommender, tmp_path):
        told = recommender.report(catalogue=True, k=K, settings=ReportConfig(new_days=0.5))
        told.to_html(tmp_path / "report.html")
        assert "in the last 0.5 days" in (tmp_path / "report.html").read_text(encoding="utf-8")

    def test_without_xlsxwriter_a_workbook_says_what_to_install(
        self, report, tmp_path, monkeypatch
    ):
        monkeypatch.setitem(__import__("sys").modules, "xlsxwriter", None)
        with pytest.raises(ConfigError, match=r"hybridrec\[excel\]"):
            report.write_excel(tmp_path / "report.xlsx")

    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_page_has_every_part(self, report, tmp_path, language):
        report.to_html(tmp_path / "report.html", language)
        page = (tmp_path / "report.html").read_text(encoding="utf-8")
        for anchor in ("catalogue", "segments", "item-1", "item-3", "user-1"):
            assert f'id="{anchor}"' in page
            assert f'href="#{anchor}"' in page
        for told in report.items:
            assert told.title in page
        assert "u01" not in page


class TestRequests:
    def test_ids_that_are_not_known(self, recommender):
        with pytest.raises(UnknownItemError, match="'nothing'"):
            recommender.report(items=["nothing"])
        with pytest.raises(UnknownUserError, match="'nobody'"):
            recommender.report(users=["nobody"])

    def test_users_for_whom_nothing_is_left_have_no_list(self, recommender):
        met = {user for user in recommender.users if "i01" in _met(recommender, user)}
        policy = Policy(allow=["i01"])
        told = recommender.report(k=K, exclude="seen", policy=policy, segments=False).catalogue
        assert 0 < len(met) < 60
        assert told.places == 60 - len(met)
        assert told.shown == 1

    def test_a_question_that_is_not_asked(self, recommender):
        with pytest.raises(RequestError, match="exclude='bought'"):
            recommender.report(exclude="bought")

    def test_more_places_than_items(self, recommender):
        with pytest.raises(RequestError, match="k=65"):
            recommender.report(k=65)

    def test_only_users_need_no_one_elses_lists(self, recommender, monkeypatch):
        monkeypatch.setattr("hybridrec.report.making.Lists.of", None)
        settings = ReportConfig(counterfactuals=0)
        told = recommender.report(users=["u01"], k=K, settings=settings)
        assert told.catalogue is None
        assert told.users[0].removals == {"recommended": {}, "discoveries": {}}
