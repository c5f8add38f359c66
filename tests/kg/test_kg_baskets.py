"""What is met together: known answers, plain counting beside it, and nothing from tomorrow."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.derived import pairs as kg_pairs
from kg.derived.baskets import BasketSettings, frequent_pairs
from kg.derived.behaviour import bought_with, complement, substitute, viewed_with
from kg.derived.rules import association_rules
from kg.errors import EventsError, MissingColumnError, NullItemError

START = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = ["user_id", "item_id", "timestamp", "session_id", "event"]
TRIPLE = ["head", "relation", "tail", "head_type", "tail_type", "count", "support", "lift"]


def events(*trips: tuple[str, str], kind: str = "purchase", user: str = "u") -> pl.DataFrame:
    """A row for each letter of each trip; trips are by whom and what."""
    rows = [
        (user + who, item, START + timedelta(days=number), f"{user}{number}", kind)
        for number, (who, items) in enumerate(trips)
        for item in items
    ]
    return pl.DataFrame(rows, schema=COLUMNS, orient="row")


def pairs(triples: pl.DataFrame) -> list[tuple[str, str]]:
    return triples.select("head", "tail").rows()


def any_rules(events: pl.DataFrame, **more: Any) -> pl.DataFrame:
    """Every rule there is, be it chance."""
    loose = {"min_count": 1, "min_confidence": 0, "min_lift": 0, "min_log_likelihood": 0}
    return association_rules(events, **loose, **more)


class TestRules:
    #             a: 3 of 5 baskets, b: 3 of 5, both: 2
    shop = events(("1", "ab"), ("1", "abc"), ("2", "a"), ("2", "b"), ("3", "d"))

    def test_say_how_often_and_how_much_more_than_by_chance(self) -> None:
        rules = any_rules(self.shop)
        rule = rules.row(
            by_predicate=(pl.col("item_id") == "c") & (pl.col("other_item_id") == "a"), named=True
        )

        # the table c&a, c only, a only, neither = 1, 0, 2, 2 where .6, .4, 2.4, 1.6 are expected
        likelihood = 2 * (math.log(1 / 0.6) + 2 * math.log(2 / 2.4) + 2 * math.log(2 / 1.6))
        assert rule == {
            "item_id": "c",
            "other_item_id": "a",
            "count": 1,
            "support": 0.2,
            "confidence": 1.0,
            "lift": pytest.approx(5 / 3),
            "log_likelihood": pytest.approx(likelihood),
        }
        back = rules.filter(item_id="a", other_item_id="c")
        assert back["confidence"].to_list() == pytest.approx([1 / 3])
        assert rules.height == 2 * frequent_pairs(self.shop, min_count=1).height

    def test_of_coincidence_come_after_those_of_evidence(self) -> None:
        often = [("1", "ab")] * 20 + [("1", "a")] * 5 + [("1", "cd")] + [("1", "e")] * 40
        rules = any_rules(events(*often))

        assert rules["other_item_id"].to_list() == ["a", "b", "d", "c"]
        assert rules["lift"].arg_max() in (2, 3)
        surer = association_rules(events(*often))
        assert surer["item_id"].to_list() == ["b", "a"]

    def test_read_as_sentences(self) -> None:
        names = pl.DataFrame({"key": ["a"], "name": ["Pasta"]})
        rules = association_rules(events(*[("1", "ab")] * 10, *[("2", "c")] * 30), names=names)

        assert rules["rule"].to_list() == [
            "Pasta → b: 100 % of its baskets hold it too, 4.0 times as many as by chance",
            "b → Pasta: 100 % of its baskets hold it too, 4.0 times as many as by chance",
        ]

    def test_refuse_names_of_two_meanings(self) -> None:
        with pytest.raises(EventsError, match="names has 'a' more than once"):
            association_rules(self.shop, names=pl.DataFrame({"i": ["a", "a"], "n": ["x", "y"]}))
        with pytest.raises(EventsError, match="columns i; needed are two"):
            association_rules(self.shop, names=pl.DataFrame({"i": ["a"]}))


class TestBaskets:
    def test_of_one_session_name_and_two_users_are_two(self) -> None:
        shop = events(("1", "a"), ("2", "b")).with_columns(session_id=pl.lit("same"))

        assert frequent_pairs(shop, min_count=1).is_empty()

    def test_of_unknown_users_are_their_sessions(self) -> None:
        shop = events(("1", "ab"), ("2", "ab")).with_columns(user_id=pl.lit(None, pl.String))

        assert frequent_pairs(shop)["count"].to_list() == [2]

    def test_without_sessions_are_cut_at_pauses(self) -> None:
        shop = events(("1", "a"), ("1", "b"), ("1", ""), ("1", "c"), ("2", "ab"))
        shop = shop.drop("session_id").sample(fraction=1, shuffle=True, seed=1)
        day = BasketSettings(pause=timedelta(days=1))
        found = frequent_pairs(shop, min_count=1, baskets=day)

        assert found.select("item_id", "other_item_id", "count").rows() == [("a", "b", 2)]
        assert frequent_pairs(shop, min_count=1).height == 3

    def test_have_columns_of_any_name(self) -> None:
        shop = events(("1", "ab"), ("1", "ab"))
        other = shop.rename({name: name.upper() for name in COLUMNS})
        settings = BasketSettings("USER_ID", "ITEM_ID", "TIMESTAMP", "SESSION_ID", "EVENT")

        assert bought_with(other, baskets=settings).equals(bought_with(shop))
        assert frequent_pairs(other, as_of=START, min_count=1, baskets=settings).height == 1

    def test_of_every_moment_are_those_up_to_it(self) -> None:
        shop = events(("1", "ab"), ("1", "ab"), ("1", "ab"))
        times = pl.col("timestamp")
        for column in (
            times,
            times.dt.replace_time_zone(None),
            times.dt.date(),
            times.dt.cast_time_unit("ns"),
        ):
            for moment in (
                START + timedelta(days=1),
                datetime(2024, 1, 2),
                (START + timedelta(days=1)).astimezone(timezone(timedelta(hours=9))),
            ):
                known = shop.with_columns(timestamp=column)
                assert frequent_pairs(known, as_of=moment)["count"].to_list() == [2]

    def test_of_no_event_are_none(self) -> None:
        early = {"as_of": START - timedelta(days=1)}
        shop = events(("1", "ab"))

        for derived in DERIVED.values():
            assert derived(shop, **early).is_empty()
        assert bought_with(shop.clear()).columns == TRIPLE
        assert complement(shop.clear()).columns == [*TRIPLE, "basket_lift"]

    def test_are_refused_where_events_are_not_sound(self) -> None:
        shop = events(("1", "ab"))

        with pytest.raises(MissingColumnError, match="no column 'item_id'; needed are user_id"):
            frequent_pairs(shop.drop("item_id"))
        with pytest.raises(MissingColumnError, match="no column 'timestamp'"):
            frequent_pairs(shop.drop("timestamp"), as_of=START)
        with pytest.raises(
            MissingColumnError, match="no column 'event', which says what was viewed"
        ):
            viewed_with(shop.drop("event"))
        with pytest.raises(NullItemError, match="2 events have no item"):
            frequent_pairs(shop.with_columns(item_id=None))
        with pytest.raises(EventsError, match="no 'user_id' and no 'session_id'"):
            frequent_pairs(shop.with_columns(user_id=None, session_id=None))
        with pytest.raises(EventsError, match="of type Int32; accepted are dates"):
            frequent_pairs(shop.with_columns(timestamp=7), as_of=START)
        with pytest.raises(EventsError, match="no event is 'view'; kinds there are 'purchase'"):
            viewed_with(shop)

    @pytest.mark.parametrize(
        ("setting", "call"),
        [
            ("min_count=0", lambda: frequent_pairs(events(("1", "ab")), min_count=0)),
            ("max_items=1", lambda: BasketSettings(max_items=1)),
            ("pause=-1 day", lambda: BasketSettings(pause=timedelta(days=-1))),
            ("max_per_item=0", lambda: bought_with(events(("1", "ab")), max_per_item=0)),
        ],
    )
    def test_refuse_settings_out_of_range(self, setting: str, call: Callable[[], Any]) -> None:
        with pytest.raises(EventsError, match=setting):
            call()


class TestBoughtWith:
    shop = events(*[("1", "ab")] * 9, *[("1", "ac")] * 8, *[("1", "bc")] * 7, *[("2", "x")] * 96)

    def test_are_triples_with_numbers(self) -> None:
        triples = bought_with(self.shop)

        assert triples.columns == TRIPLE
        # 120 baskets; a is in 17, b in 16
        assert triples.row(0) == (
            *("a", "bought_with", "b", "item", "item", 9),
            pytest.approx(9 / 120),
            pytest.approx(9 * 120 / (17 * 16)),
        )

    def test_of_an_item_are_no_more_than_asked_for(self) -> None:
        assert pairs(bought_with(self.shop, max_per_item=1)) == [("a", "b")]
        assert pairs(bought_with(self.shop, max_per_item=2)) == [("a", "b"), ("a", "c"), ("b", "c")]

    def test_are_surely_no_chance(self) -> None:
        shop = events(*[("1", "ab")] * 9, *[("1", "a")] * 40, *[("1", "b")] * 40, ("2", "x"))

        assert bought_with(shop, min_lift=0).is_empty()

    def test_are_not_what_was_viewed_together(self) -> None:
        views = events(*[("1", "yz")] * 9, *[("1", "x")] * 60, kind="view", user="v")
        both = pl.concat([self.shop, views])

        assert bought_with(both).equals(bought_with(self.shop))
        assert pairs(viewed_with(both)) == [("y", "z")]
        assert viewed_with(both)["relation"].to_list() == ["viewed_with"]


class TestComplementsAndSubstitutes:
    # pasta and sauce go together, as do g and h, and of two milks each trip takes one
    shop = events(
        *[(who, trip) for who in "123456" for trip in ("psm", "ghn", "psn", "ghm") * 6],
        *[(str(who), "z") for who in range(10, 90)],
    )
    kinds = pl.DataFrame(
        {"item_id": list("mnpsz"), "kind": ["milk", "milk", "pasta", "sauce", None]}
    )

    def test_purchases_tell_them_apart(self) -> None:
        assert pairs(complement(self.shop)) == [("g", "h"), ("p", "s")]
        assert pairs(complement(self.shop, categories=self.kinds)) == [("p", "s")]
        alternatives = substitute(self.shop)
        assert ("m", "n") in pairs(alternatives)
        assert ("p", "s") not in pairs(alternatives)
        assert alternatives["basket_lift"].to_list() == [0] * alternatives.height
        assert pairs(substitute(self.shop, categories=self.kinds)) == [("m", "n")]

    def test_basket_lift_is_by_the_habits_of_each_shopper(self) -> None:
        # of each shopper's 24 baskets of three, 12 hold the one and 12 the other
        expected = 12 * 12 * 24 * (3 * 2) / (24 * 3) ** 2
        assert complement(self.shop)["basket_lift"].to_list() == pytest.approx([12 / expected] * 2)

    def test_shoppers_without_habits_are_compared_with_each_other(self) -> None:
        # everybody buys once: nothing is known of anyone's habits, yet p and s go together
        shop = events(
            *[(str(n), "ps") for n in range(20)],
            *[(str(n), "xy"[n % 2] + "z") for n in range(20, 60)],
        )
        found = complement(shop)

        # 120 lines in 60 baskets of two
        assert found.filter(head="p", tail="s")["basket_lift"].to_list() == pytest.approx(
            [20 / min(20 * 20 * 60 * 2 / 120**2, 20)]
        )
        assert substitute(shop).is_empty()

    def test_what_a_household_buys_anyway_is_no_complement(self) -> None:
        # household 1 buys a and b on every trip but apart, or together as its habits have it
        trips = [("1", "a"), ("1", "b"), ("1", "ab"), ("1", "c")] * 10
        shop = events(*trips, *[("2", "z")] * 200)

        assert pairs(bought_with(shop)) == [("a", "b")]
        assert complement(shop).is_empty()

    def test_views_tell_substitutes(self) -> None:
        views = events(
            *[("1", "mn")] * 9, *[("1", "ps")] * 9, *[("1", "x")] * 60, kind="view", user="v"
        )
        found = substitute(pl.concat([self.shop, views]))

        # m and n are never bought together, p and s are
        assert pairs(found) == [("m", "n")]
        assert found.select("count", "lift", "basket_lift").row(0) == (9, pytest.approx(78 / 9), 0)

    def test_of_the_same_category_or_of_different_ones(self) -> None:
        one = pl.DataFrame({"item_id": list("mnpsgh"), "kind": "food"})
        several = pl.DataFrame({"item_id": list("mnpsgh"), "kind": list("abcdef")})

        assert complement(self.shop, categories=one).is_empty()
        assert substitute(self.shop, categories=several).is_empty()


DERIVED: dict[str, Callable[..., pl.DataFrame]] = {
    "pairs": frequent_pairs,
    "rules": association_rules,
    "bought_with": bought_with,
    "complement": complement,
    "substitute": substitute,
}
LOOSE: dict[str, Callable[..., pl.DataFrame]] = {
    "pairs": lambda events, **more: frequent_pairs(events, min_count=1, **more),
    "rules": any_rules,
    "bought_with": lambda events, **more: bought_with(events, min_count=1, min_lift=0, **more),
    "complement": lambda events, **more: complement(events, min_count=1, min_basket_lift=0, **more),
    "substitute": lambda events, **more: substitute(events, min_count=1, max_basket_lift=9, **more),
}
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["u", "v", "w", None]),
        st.sampled_from("abcde"),
        st.integers(0, 9).map(lambda day: START + timedelta(days=day)),
        st.sampled_from(["s1", "s2", "s3"]),
        st.sampled_from(["purchase", "view"]),
    ),
    max_size=40,
)


def frame(rows: list[Any]) -> pl.DataFrame:
    schema = dict(
        zip(
            COLUMNS,
            [pl.String, pl.String, pl.Datetime("us", "UTC"), pl.String, pl.String],
            strict=True,
        )
    )
    return pl.DataFrame(rows, schema=schema, orient="row")


ALL = BasketSettings(purchases=None)


@pytest.mark.parametrize("name", LOOSE)
@given(rows=ROWS, later=ROWS, day=st.integers(0, 9))
def test_later_events_change_nothing(
    name: str, rows: list[Any], later: list[Any], day: int
) -> None:
    moment = START + timedelta(days=day)
    early = [row for row in rows if row[2] <= moment]
    late = [row for row in later if row[2] > moment]

    of_past = LOOSE[name](frame(early), baskets=ALL)
    assert LOOSE[name](frame([*late, *early]), as_of=moment, baskets=ALL).equals(of_past)


@pytest.mark.parametrize("name", LOOSE)
@given(rows=ROWS, data=st.data())
def test_order_and_type_of_ids_change_nothing(
    name: str, rows: list[Any], data: st.DataObject
) -> None:
    shop = frame(rows)
    shuffled = frame(data.draw(st.permutations(rows)))
    found = LOOSE[name](shop, baskets=ALL)

    assert LOOSE[name](shuffled, baskets=ALL).equals(found)
    numbers = pl.col("item_id").replace_strict(
        dict(zip("abcde", range(1, 6), strict=True)), return_dtype=pl.Int64
    )
    numbered = LOOSE[name](shop.with_columns(numbers), baskets=ALL)
    assert numbered.select("count", "lift").equals(found.select("count", "lift"))


@pytest.mark.parametrize("pairs_at_once", [1, 5, 2**22])
@given(rows=ROWS, min_count=st.integers(1, 3))
def test_counts_are_those_of_counting_by_hand(
    pairs_at_once: int, rows: list[Any], min_count: int
) -> None:
    baskets = defaultdict(set)
    for user, item, _, session, _ in rows:
        baskets[user, session].add(item)
    alone = Counter(item for items in baskets.values() for item in items)
    both = Counter(pair for items in baskets.values() for pair in combinations(sorted(items), 2))
    expected = {
        pair: (
            count,
            pytest.approx(count / len(baskets)),
            pytest.approx(count * len(baskets) / (alone[pair[0]] * alone[pair[1]])),
        )
        for pair, count in both.items()
        if count >= min_count
    }

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kg_pairs, "_PAIRS_AT_ONCE", pairs_at_once)
        found = frequent_pairs(frame(rows), min_count=min_count, baskets=ALL)

    assert {row[:2]: row[2:] for row in found.rows()} == expected


@given(rows=ROWS)
def test_basket_lift_is_that_of_counting_by_hand(rows: list[Any]) -> None:
    baskets = defaultdict(set)
    for user, item, _, session, _ in rows:
        baskets[user, session].add(item)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kg.derived.behaviour._HABIT", 2)
        patch.setattr("kg.derived.behaviour.SURELY_NOT_CHANCE", 0.0)
        found = complement(frame(rows), min_count=1, min_basket_lift=0, baskets=ALL)

    trips = defaultdict(list)
    for (user, _), items in baskets.items():
        trips[user].append(items)
    shoppers = [own for user, own in trips.items() if user is not None and len(own) >= 2]
    rest = [items for user, own in trips.items() if user is None or len(own) < 2 for items in own]
    for head, tail, count, lift in found.select("head", "tail", "count", "basket_lift").rows():
        expected = 0.0
        for own in [*shoppers, rest]:
            sizes = [len(items) for items in own]
            chance = sum(s * (s - 1) for s in sizes) / max(sum(sizes), 1) ** 2
            one, other = (sum(item in items for items in own) for item in (head, tail))
            expected += min(one * other * chance, one, other)
        assert lift == pytest.approx(count / expected)
