"""Policies on a fitted recommender: what is shown, what is not, and what is said of it."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridrec import Recommender
from hybridrec.data import Dataset
from hybridrec.errors import RequestError, UnknownItemError
from hybridrec.fusion.policy import Boost, Pin, Policy
from hybridrec.recommendations import Recommendations

USERS = [f"u{number:02}" for number in range(0, 12)]
ITEMS = [f"i{number:02}" for number in range(64)]


def columns(recommender: Recommender) -> dict[str, dict[str, Any]]:
    return {row["item_id"]: row for row in recommender.shop.catalogue.to_dicts()}


def items_of(recs: Recommendations) -> list[Any]:
    return [rec.item_id for rec in recs]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Policies that never contradict themselves, on the small shop."""
    ids = st.lists(st.sampled_from(ITEMS), max_size=6, unique=True)
    allow = draw(st.none() | st.lists(st.sampled_from(ITEMS), min_size=30, unique=True))
    deny = draw(ids)
    boosts = st.builds(
        Boost, by=st.floats(-5, 5), items=st.lists(st.sampled_from(ITEMS), min_size=1, max_size=5)
    ) | st.builds(
        Boost, by=st.floats(-5, 5), where=st.sampled_from(["price < 3", "brand = 'Brand 1'"])
    )
    pinned = [item for item in draw(ids) if item not in deny and item in (allow or ITEMS)][:2]
    return Policy(
        allow=allow,
        deny=deny,
        boosts=draw(st.lists(boosts, max_size=2)),
        diversity=draw(st.sampled_from([0, 0, 0.3, 1])),
        diversity_method=draw(st.sampled_from(["mmr", "dpp"])),
        caps=draw(st.dictionaries(st.sampled_from(["brand", "category"]), st.integers(2, 4))),
        exploration=draw(st.sampled_from([0, 0, 0.3])),
        pins=[Pin(item=item, rank=rank) for rank, item in enumerate(pinned, start=2)],
        seed=draw(st.integers(0, 5)),
    )


def _some_left(policy: Policy, where: str, known: dict[str, dict[str, Any]]) -> bool:
    left = set(policy.allow or ITEMS) - set(policy.deny)
    if where == "price < 7":
        return any(known[item]["price"] < 7 for item in left)
    return any(not known[item]["category"].startswith("Hall 0") for item in left)


@given(
    policies(),
    st.sampled_from(["seen", "none"]),
    st.sampled_from([None, "price < 7", "not category under 'Hall 0'"]),
    st.integers(4, 20),
)
@settings(max_examples=120)
def test_never_shows_what_a_policy_forbids(
    recommender: Recommender, policy: Policy, exclude: Any, where: str | None, k: int
) -> None:
    known = columns(recommender)
    ask = {"k": k, "exclude": exclude, "policy": policy, "where": where}
    forbidden = [
        pin
        for pin in policy.pins
        if (where == "price < 7" and not known[pin.item]["price"] < 7)
        or (where is not None and "under" in where and known[pin.item]["category"][:6] == "Hall 0")
    ]
    if forbidden:
        with pytest.raises(RequestError, match=r"pins\[\d\]: item .* and where forbids it"):
            recommender.recommend(USERS[:4], **ask)
        return
    if policy.allow is not None and where is not None and not _some_left(policy, where, known):
        return
    recs = recommender.recommend(USERS[:4], explain=True, **ask)
    assert items_of(recs) == items_of(recommender.recommend(USERS[:4], **ask))
    histories = recommender.shop.histories_of(recommender.shop.users.rows_of(USERS[:4]))
    for user, user_id in enumerate(USERS[:4]):
        rows = [rec for rec in recs if rec.user_id == user_id]
        shown = items_of(rows)  # type: ignore[arg-type]
        met = set(recommender.shop.items.ids_of(np.unique(histories.of([user]).items)))
        assert [rec.rank for rec in rows] == list(range(1, len(rows) + 1))
        assert len(set(shown)) == len(shown) <= k
        assert not set(shown) & set(policy.deny)
        if policy.allow is not None:
            assert set(shown) <= set(policy.allow)
        if exclude == "seen":
            assert not set(shown) & met
        for item in shown:
            if where == "price < 7":
                assert known[item]["price"] < 7
            if where == "not category under 'Hall 0'":
                assert not known[item]["category"].startswith("Hall 0")
        for column, cap in policy.caps.items():
            assert max(Counter(known[item][column] for item in shown).values(), default=0) <= cap
        for pin in policy.pins:
            if exclude == "none" or pin.item not in met:
                place = min(pin.rank, len(shown)) - 1
                assert pin.item in shown
                if len(shown) == k:
                    assert shown[place] == pin.item
        for rec in rows:
            why = rec.explanation
            assert why is not None
            assert why.score == rec.score
            parts = sum(part.value for part in why.contributions)
            tolerance = 1e-4 * sum(abs(part.value) for part in why.contributions) + 1e-5
            assert abs(why.base + parts - why.score) <= tolerance
            groups = [part.group for part in why.contributions]
            assert len(set(groups)) == len(groups)
            if why.policy:
                assert why.policy[-1].rank_after == rec.rank
            assert why.narrative("en") != why.narrative("zh")


class TestPolicies:
    def test_may_come_as_a_file_and_go_together_with_arguments(
        self, recommender: Recommender, tmp_path: Path
    ) -> None:
        path = tmp_path / "policy.yaml"
        path.write_text("where: price < 5\ncaps: {category: 4}\ndeny: [i01]\n", encoding="utf-8")
        known = columns(recommender)
        ask = {"k": 8, "where": "brand != 'Brand 1'", "caps": {"category": 2}, "deny": ["i05"]}
        for policy in (path, str(path), Policy.from_yaml(path)):
            shown = items_of(recommender.recommend("u05", policy=policy, **ask))
            assert shown
            assert not {"i01", "i05"} & set(shown)
            assert all(known[item]["price"] < 5 for item in shown)
            assert all(known[item]["brand"] != "Brand 1" for item in shown)
            assert max(Counter(known[item]["category"] for item in shown).values()) == 2

    def test_without_rules_change_nothing(self, recommender: Recommender) -> None:
        plain = recommender.recommend(USERS, k=10, explain=True)
        for policy in (
            Policy(),
            Policy(pins=[Pin(item="i00", rank=1, valid_until=date(2000, 1, 1))]),
        ):
            under = recommender.recommend(USERS, k=10, explain=True, policy=policy)
            assert under.to_dicts() == plain.to_dicts()

    def test_dates_are_compared_with_the_moment_given(self, recommender: Recommender) -> None:
        pin = Pin(item="i63", rank=1, valid_from=date(2030, 1, 1), valid_until=date(2030, 1, 2))
        policy = Policy(pins=[pin])
        firsts = [
            items_of(recommender.recommend("u05", k=3, policy=policy, at=at))[0] == "i63"
            for at in (None, date(2030, 1, 1), date(2030, 1, 2), date(2030, 1, 3))
        ]
        assert firsts == [False, True, True, False]

    def test_one_user_is_like_one_of_many(self, recommender: Recommender) -> None:
        policy = Policy(exploration=0.5, diversity=0.3, seed=3)
        alone = items_of(recommender.recommend("u05", k=6, policy=policy))
        among = recommender.recommend(["u01", "u05", "u02"], k=6, policy=policy)
        assert alone == [rec.item_id for rec in among if rec.user_id == "u05"]

    def test_visitors_get_them_too(self, recommender: Recommender) -> None:
        policy = Policy(pins=[Pin(item="i63", rank=2)], deny=["i13"])
        recs = recommender.recommend(history=["i01", "i05"], k=5, policy=policy)
        assert recs[1].item_id == "i63"
        assert "i13" not in items_of(recs)

    def test_k_above_what_is_left_gives_a_shorter_list(self, recommender: Recommender) -> None:
        recs = recommender.recommend("u05", k=10, allow=["i01", "i02", "i03"], exclude="none")
        assert sorted(items_of(recs)) == ["i01", "i02", "i03"]

    def test_what_contradicts_is_refused(self, recommender: Recommender) -> None:
        pinned = Policy(pins=[Pin(item="i07", rank=1)])
        with pytest.raises(RequestError, match=r"'i07' is pinned at rank 1, and deny forbids"):
            recommender.recommend("u05", policy=pinned, deny=["i07"])
        with pytest.raises(RequestError, match=r"'i07' at rank 11, and k=10"):
            recommender.recommend("u05", policy=Policy(pins=[Pin(item="i07", rank=11)]))
        with pytest.raises(UnknownItemError, match=r"policy\.deny: unknown items 'nothing'"):
            recommender.recommend("u05", policy=Policy(deny=["nothing"]))


class TestPins:
    def test_of_items_that_no_source_brings_up_are_placed_and_explained(
        self, dataset: Dataset, recommender: Recommender
    ) -> None:
        # few candidates a source, so that not everything is a candidate
        config = recommender.config.candidates.model_copy(update={"per_source": 3, "own": 3})
        fusion = recommender.fusion
        kept, fusion.config = fusion.config, fusion.config.model_copy(update={"candidates": config})
        try:
            plain = recommender.recommend("u05", k=64)
            absent = sorted(set(ITEMS) - set(items_of(plain)))[0]
            policy = Policy(pins=[Pin(item=absent, rank=2, note="launch [week]")])
            recs = recommender.recommend("u05", k=4, policy=policy, explain=True)
        finally:
            fusion.config = kept
        assert recs[1].item_id == absent
        assert recs[1].placed_by == "pin"
        why = recs[1].explanation
        assert why is not None
        assert [step.what for step in why.policy] == ["pin"]
        assert why.policy[0].note == "launch [week]"
        assert why.narrative("en").endswith("the shop puts it at rank 2 (“launch [week]”).")
        assert why.narrative("zh").endswith("店铺将其置于第2位（“launch [week]”）。")
        assert [rec.placed_by for rec in recs] == [None, "pin", None, None]

    def test_pass_over_users_who_have_met_the_item(
        self, recommender: Recommender, dataset: Dataset
    ) -> None:
        met = dataset.events.filter(item_id="i01")["user_id"].unique()
        others = sorted(set(recommender.users) - set(met))
        policy = Policy(pins=[Pin(item="i01", rank=1)])
        users = [met[0], others[0]]
        recs = recommender.recommend(users, k=3, policy=policy, exclude="seen")
        assert "i01" not in items_of(recs)[:3]
        assert items_of(recs)[3] == "i01"
        again = recommender.recommend(users, k=3, policy=policy, exclude="none")
        assert [items_of(again)[0], items_of(again)[3]] == ["i01", "i01"]


class TestExplanations:
    def test_boosts_are_a_part_of_the_score(self, recommender: Recommender) -> None:
        plain = {rec.item_id: rec for rec in recommender.recommend("u05", k=64, explain=True)}
        last = list(plain)[10]
        policy = Policy(
            boosts=[Boost(by=50, items=[last], note="sale"), Boost(by=-1, items=[last])]
        )
        rec = recommender.recommend("u05", k=3, explain=True, policy=policy)[0]
        assert rec.item_id == last
        assert rec.score == pytest.approx(plain[last].score + 49, abs=1e-4)
        why = rec.explanation
        assert why is not None
        assert {part.group: part.value for part in why.contributions}["boost"] == 49
        assert [(s.what, s.by, s.rank_before, s.rank_after) for s in why.policy] == [
            ("boost", 50, 11, 1),
            ("boost", -1, 1, 1),
        ]
        assert "the shop raises it (“sale”) from rank 11 to 1" in why.narrative("en")
        assert "店铺提升其排序（“sale”），由第11位至第1位" in why.narrative("zh")
        assert why.to_dict()["policy"][0]["note"] == "sale"
        was = plain[last].explanation
        assert was is not None
        before = {part.group: part.value for part in was.contributions}
        for part in why.contributions:
            if part.group != "boost":
                assert part.value == pytest.approx(before[part.group], abs=1e-4)

    @pytest.mark.parametrize("method", ["mmr", "dpp"])
    def test_diversity_is_a_part_of_the_score(self, recommender: Recommender, method: Any) -> None:
        policy = Policy(diversity=0.5, diversity_method=method)
        plain = {rec.item_id: rec.score for rec in recommender.recommend("u05", k=64)}
        recs = recommender.recommend("u05", k=8, explain=True, policy=policy)
        assert items_of(recs) != list(plain)[:8]
        assert recs[0].score == plain[recs[0].item_id]
        for rec in recs[1:]:
            assert rec.explanation is not None
            parts = {part.group: part.value for part in rec.explanation.contributions}
            assert parts["diversity"] == pytest.approx(rec.score - plain[rec.item_id], abs=1e-4)
        moved = [r.explanation for r in recs if r.explanation and r.explanation.policy]
        assert any("its place allows for likeness" in why.narrative("en") for why in moved)
        assert any("多样性" in why.narrative("zh") for why in moved)

    def test_caps_and_exploration_are_told(self, recommender: Recommender) -> None:
        policy = Policy(caps={"category": 1}, exploration=0.5)
        recs = recommender.recommend(USERS, k=4, explain=True, policy=policy)
        capped, explored = [], []
        for rec in recs:
            assert rec.explanation is not None
            told = rec.explanation.narrative("en"), rec.explanation.narrative("zh")
            for step in rec.explanation.policy:
                if step.what == "cap" and step.rank_after is not None:
                    capped.append(step.rule)
                    assert "the cap “category ≤ 1” moves it" in told[0]
                    assert "按数量上限“category ≤ 1”调整位置" in told[1]
            if rec.placed_by == "exploration":
                explored.append(rec)
                assert "it is shown to learn who likes it" in told[0]
                assert "用于探索展示" in told[1]
                assert rec.explanation.policy[-1].own
        assert capped
        assert explored

    def test_rows_say_what_placed_them(self, recommender: Recommender) -> None:
        policy = Policy(pins=[Pin(item="i63", rank=2)])
        rows = recommender.recommend("u05", k=3, policy=policy).to_dicts()
        assert [row.get("placed_by") for row in rows] == [None, "pin", None]
        frame = recommender.recommend("u05", k=3, policy=policy).to_polars()
        assert frame.columns == ["user_id", "item_id", "rank", "score"]
        assert frame.schema["score"] == pl.Float64
