"""A policy against a catalogue: what is combined, and what is refused."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest

from hybridrec import Dataset
from hybridrec.data.identifiers import IdCodec, IdMap
from hybridrec.data.new_items import read_new_items
from hybridrec.errors import ConfigError, RequestError, UnknownItemError
from hybridrec.fusion.policy import Boost, Pin, Policy, Rules, rules_of

CATALOGUE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d", "e"],
        "brand": ["X", "X", "Y", None, "Y"],
        "price": [1.0, 6.0, 3.0, None, 9.0],
        "available_from": pl.Series([None, "2024-03-01", None, None, None]).str.to_datetime(
            time_zone="UTC"
        ),
        "available_to": pl.Series(
            [None, None, "2024-03-01", "2024-03-01T12:00", None]
        ).str.to_datetime(time_zone="UTC"),
    }
)
ITEMS = IdMap(CATALOGUE["item_id"], IdCodec("str"))


def rules(policy: Any = None, catalogue: pl.DataFrame = CATALOGUE, **options: Any) -> Rules:
    return rules_of(policy, catalogue, ITEMS, **{"k": 5, **options})


def shown(policy: Any = None, **options: Any) -> str:
    allowed = rules(policy, **options).allowed
    assert allowed is not None
    return "".join(CATALOGUE["item_id"].filter(pl.Series(allowed)))


def always(**fields: Any) -> Policy:
    return Policy(available_only=False, **fields)


class TestFilters:
    def test_without_any_everything_is_allowed(self) -> None:
        assert rules() == Rules()
        assert rules().plain

    @pytest.mark.parametrize(
        ("policy", "options", "expected"),
        [
            ({}, {"where": "price < 5"}, "ac"),
            ({"where": "brand = 'Y'"}, {"where": "price < 5"}, "c"),
            ({"where": ["price < 7", "brand = 'X'", "price > 2"]}, {}, "b"),
            ({"allow": ["a", "b"]}, {}, "ab"),
            ({"allow": ["a", "b"]}, {"allow": ["b", "c"]}, "b"),
            ({"deny": ["a"]}, {"deny": ["b", "b"]}, "cde"),
            ({"deny": ["a"], "allow": ["a", "c"]}, {"where": "price < 5"}, "c"),
            ({}, {"deny": ["e"], "allow": {"e", "d"}}, "d"),
        ],
    )
    def test_all_hold_together(
        self, policy: dict[str, Any], options: dict[str, Any], expected: str
    ) -> None:
        assert shown(always(**policy), **options) == expected

    @pytest.mark.parametrize(
        ("at", "expected"),
        [
            (date(2024, 2, 1), "acde"),
            (date(2024, 3, 1), "abcde"),
            (datetime(2024, 3, 1, 12), "abcde"),
            (datetime(2024, 3, 1, 12, 0, 1, tzinfo=UTC), "abce"),
            (datetime(2024, 3, 1, 23, 59), "abce"),
            (date(2024, 3, 2), "abe"),
            (None, "abe"),
        ],
    )
    def test_items_are_shown_while_they_are_to_be_had(self, at: Any, expected: str) -> None:
        assert shown(Policy(), at=at) == expected
        if at is not None:
            assert shown(at=at) == expected

    def test_times_of_items_wait_for_a_policy_or_a_moment(self) -> None:
        assert rules().allowed is None
        assert rules(always()).allowed is None

    @pytest.mark.parametrize("dtype", [pl.Date, pl.Datetime("ms"), pl.String, pl.Null])
    def test_times_of_items_may_come_in_any_form(self, dtype: Any) -> None:
        column = pl.Series([None, "2024-03-01", None, None, None]).str.to_date()
        column = pl.Series([None] * 5) if dtype == pl.Null else column.cast(dtype)
        catalogue = CATALOGUE.with_columns(available_to=column)
        allowed = rules(Policy(), catalogue, at=date(2024, 3, 2)).allowed
        assert allowed is not None
        assert allowed.tolist() == [True, dtype == pl.Null, True, True, True]

    @pytest.mark.parametrize(
        ("at", "shown"),
        [
            (datetime(2026, 5, 31, 21, 59, tzinfo=UTC), True),
            (datetime(2026, 5, 31, 22, 0, tzinfo=UTC), False),
        ],
    )
    def test_a_day_is_one_where_it_was_told(self, at: datetime, shown: bool) -> None:
        events = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "timestamp": ["2026-05-01"]})
        items = pl.DataFrame({"item_id": ["a", "b"], "available_to": [date(2026, 5, 31), None]})
        data = Dataset.from_frames(events, items, time_zone="Europe/Berlin")
        ids = IdMap(data.catalogue["item_id"], IdCodec("str"))
        new = read_new_items(items[:1].with_columns(item_id=pl.lit("c")), data.catalogue, ids)
        for catalogue in (data.catalogue, pl.concat([new, data.catalogue[1:]])):
            allowed = rules(Policy(), catalogue, at=at).allowed
            assert allowed is not None
            assert allowed.tolist() == [shown, True]

    def test_times_of_items_that_cannot_be_read_are_refused(self) -> None:
        for column, problem in (["soon", *"    "], "'soon'"), ([1, 2, 3, 4, 5], "Int64"):
            catalogue = CATALOGUE.with_columns(available_to=pl.Series(column))
            with pytest.raises(RequestError, match=rf"available_to.*{problem}.*available_only"):
                rules(Policy(), catalogue)

    def test_that_leave_nothing_are_refused(self) -> None:
        with pytest.raises(RequestError, match=r"^where: no item .* 'price > 10'"):
            rules(where="price > 10")
        with pytest.raises(RequestError, match=r"^policy\.where\[1\]: no item"):
            rules(Policy(where=["price < 10", "price > 10"]))
        with pytest.raises(RequestError, match=r"^where, policy\.deny together leave no item"):
            rules(always(deny=["a", "b"]), where="brand = 'X'")
        with pytest.raises(RequestError, match=r"^allow, policy\.allow together leave no item"):
            rules(always(allow=["a"]), allow=["b"])
        with pytest.raises(RequestError, match=r"^allow leaves no item"):
            rules(allow=[])

    @pytest.mark.parametrize(
        ("options", "error", "problem"),
        [
            ({"where": ""}, RequestError, "where: the condition is empty"),
            ({"where": 5}, RequestError, "where=5"),
            ({"allow": "a"}, RequestError, "allow='a': give a list"),
            ({"deny": 3}, RequestError, "deny=3: give a list"),
            ({"deny": ["a", "z"]}, UnknownItemError, r"deny: unknown items 'z'.*5, such as 'a'"),
            ({"allow": [None]}, UnknownItemError, "allow: unknown items None"),
            ({"policy": Policy(deny=["z"])}, UnknownItemError, r"policy\.deny: unknown items 'z'"),
            ({"caps": {"brand": 0}}, RequestError, "'brand' is capped at 0"),
            ({"caps": {"brand": 1.5}}, RequestError, "'brand' is capped at 1.5"),
            ({"caps": {"brand": True}}, RequestError, "'brand' is capped at True"),
            ({"caps": {"colour": 1}}, RequestError, "no column 'colour'.*'brand'"),
            ({"caps": 3}, RequestError, "caps=3"),
            ({"diversity": 1.5}, RequestError, "diversity=1.5"),
            ({"diversity": float("nan")}, RequestError, "diversity=nan"),
            ({"diversity": "much"}, RequestError, "diversity='much'"),
            ({"at": "2024-01-01"}, RequestError, "at='2024-01-01'"),
            ({"policy": "nowhere.yaml"}, ConfigError, "nowhere.yaml"),
            ({"policy": {"deny": ["a"]}}, RequestError, "policy=.*give a Policy"),
        ],
    )
    def test_what_cannot_be_applied_is_named(
        self, options: dict[str, Any], error: type[Exception], problem: str
    ) -> None:
        with pytest.raises(error, match=problem):
            rules(options.pop("policy", None), **options)


class TestMixing:
    def test_the_tighter_cap_and_the_greater_diversity_hold(self) -> None:
        policy = always(caps={"brand": 2, "price": 1}, diversity=0.3)
        found = rules(policy, caps={"brand": 1, "price": 4, "item_id": 3}, diversity=0.2)
        assert {c.name: c.cap for c in found.caps} == {"brand": 1, "price": 1, "item_id": 3}
        assert found.diversity == 0.3
        assert rules(policy, diversity=0.5).diversity == 0.5

    def test_boosts_add_up_while_they_hold(self) -> None:
        policy = always(
            boosts=[
                Boost(by=1, where="price < 5"),
                Boost(by=-0.5, items=["a", "b"]),
                Boost(by=9, where="price < 5", valid_until=date(2024, 1, 1)),
            ]
        )
        found = rules(policy, at=date(2024, 1, 2))
        assert found.lift is not None
        assert found.lift.tolist() == [0.5, -0.5, 1.0, 0.0, 0.0]
        assert [boost.by for boost in found.boosts] == [1.0, -0.5]
        past = rules(policy, at=date(2023, 1, 2)).lift
        assert past is not None
        assert past.tolist() == [9.5, -0.5, 10.0, 0.0, 0.0]

    def test_raised_and_pinned_items_become_candidates(self) -> None:
        policy = always(
            boosts=[Boost(by=1, items=["a", "e"]), Boost(by=-1, items=["c"])],
            pins=[Pin(item="d", rank=2)],
        )
        included = rules(policy, deny=["e"]).include
        assert included is not None
        assert included.tolist() == [0, 3]
        assert rules(always(boosts=[Boost(by=1, where="price < 5")])).include is None

    def test_a_boost_that_cannot_be_applied_is_named(self) -> None:
        with pytest.raises(RequestError, match=r"(?s)^boosts\[0\]\.where: no column 'prize'.*\^"):
            rules(always(boosts=[Boost(by=1, where="prize < 5")]))
        with pytest.raises(UnknownItemError, match=r"boosts\[0\]\.items: unknown items 'z'"):
            rules(always(boosts=[Boost(by=1, items=["z"])]))


class TestPins:
    def test_come_in_order_of_rank_while_they_hold(self) -> None:
        over = Pin(item="c", rank=1, valid_until=date(2024, 1, 1))
        pins = [over, Pin(item="b", rank=3, note="new"), Pin(item="a", rank=1)]
        found = rules(always(pins=pins), at=date(2024, 2, 1)).pins
        assert [(pin.rank, pin.row, pin.note) for pin in found] == [(1, 0, ""), (3, 1, "new")]

    @pytest.mark.parametrize(
        ("pins", "options", "problem"),
        [
            ([("a", 1), ("b", 1)], {}, r"pins\[0\] and pins\[1\] are both at rank 1"),
            ([("a", 1), ("a", 2)], {}, r"pins\[0\] and pins\[1\] both pin item 'a'"),
            ([("a", 6)], {}, r"pins\[0\] puts 'a' at rank 6, and k=5"),
            ([("a", 1)], {"deny": ["a"]}, r"pins\[0\]: item 'a' is pinned.*and deny forbids it"),
            ([("a", 1)], {"allow": ["b"]}, "and allow forbids it"),
            ([("b", 1)], {"where": "price < 5"}, "and where forbids it"),
            ([("d", 1)], {"where": "price < 5"}, "and where forbids it"),
            ([("b", 1)], {"where": "price < 5", "deny": ["b"]}, "where and deny forbid it"),
            ([("d", 1)], {"at": date(2024, 4, 1)}, None),
            ([("a", 1), ("b", 2)], {"caps": {"brand": 1}},
             r"'brand' is capped at 1, and pins\[0\] and pins\[1\] put 2 items of 'X'.*'a', 'b'"),
        ],
    )  # fmt: skip
    def test_that_contradict_are_refused_with_what_they_contradict(
        self, pins: list[tuple[str, int]], options: dict[str, Any], problem: str | None
    ) -> None:
        policy = always(pins=[Pin(item=item, rank=rank) for item, rank in pins])
        if problem is None:
            # the policy that hides what is no longer to be had does not let it be pinned
            assert rules(policy, **options).pins
            hiding, problem = policy.model_copy(update={"available_only": True}), "available_to"
            with pytest.raises(RequestError, match=problem):
                rules(hiding, **options)
        else:
            with pytest.raises(RequestError, match=problem):
                rules(policy, **options)

    def test_need_an_item_that_is_known(self) -> None:
        with pytest.raises(UnknownItemError, match=r"pins\[0\]\.item: unknown items 'z'"):
            rules(always(pins=[Pin(item="z", rank=1)]))
