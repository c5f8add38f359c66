"""Features of items as of a moment: known answers, and nothing from tomorrow."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations
from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hybridrec.data import Dataset
from hybridrec.errors import DataError

START = datetime(2024, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


#         user, item, day, price, session
BY_HAND = [
    ("u", "b", 1, 4.0, "s1"),
    ("u", "a", 1, 2.0, "s1"),
    ("v", "a", 2, None, "s2"),
    ("u", "a", 3, 6.0, "s3"),
    ("v", "b", 3, 5.0, "s2"),
    ("w", "c", 5, 1.0, "s4"),
]


def dataset(rows: list[Any] = BY_HAND, timed: bool = True, **columns: Any) -> Dataset:
    frame = pl.DataFrame(
        rows, schema=["user_id", "item_id", "day", "price", "session_id"], orient="row"
    ).with_columns(**columns)
    moment = pl.lit(START) + pl.duration(days=pl.col("day"))
    return Dataset.from_frames(
        frame.with_columns(timestamp=moment).drop("day") if timed else frame.drop("day"),
        pl.DataFrame({"item_id": list("abcdef")}),
    )


class TestPopularity:
    def test_counts_events_and_different_users(self) -> None:
        assert dataset().popularity().rows() == [
            ("a", 3, 2, 3.0),
            ("b", 2, 2, 2.0),
            ("c", 1, 1, 1.0),
        ]

    def test_of_an_earlier_moment(self) -> None:
        assert dataset().popularity(as_of=day(2)).rows() == [("a", 2, 2, 2.0), ("b", 1, 1, 1.0)]

    def test_of_a_window_leaves_its_first_moment_out(self) -> None:
        met = dataset().popularity(as_of=day(3), window_days=2)

        assert met.rows() == [("a", 2, 2, 2.0), ("b", 1, 1, 1.0)]

    def test_older_events_weigh_less(self) -> None:
        met = dataset().popularity(as_of=day(3), half_life_days=1)

        assert met.columns == ["item_id", "events", "users", "weight"]
        assert met.rows() == [("a", 3, 2, 1.75), ("b", 2, 2, 1.25)]

    def test_weights_put_the_items_in_order(self) -> None:
        assert dataset().popularity(half_life_days=0.5)["item_id"].to_list() == ["c", "a", "b"]

    def test_without_times_counts_all(self) -> None:
        assert dataset(timed=False).popularity()["events"].to_list() == [3, 2, 1]


class TestPrices:
    def test_are_those_paid(self) -> None:
        prices = dataset().prices_seen()

        assert prices.columns == ["item_id", "last", "lowest", "median", "highest", "last_seen"]
        assert prices.rows() == [
            ("a", 6.0, 2.0, 4.0, 6.0, day(3)),
            ("b", 5.0, 4.0, 4.5, 5.0, day(3)),
            ("c", 1.0, 1.0, 1.0, 1.0, day(5)),
        ]

    def test_of_an_earlier_moment(self) -> None:
        prices = dataset().prices_seen(as_of=day(2))

        assert prices.rows() == [
            ("a", 2.0, 2.0, 2.0, 2.0, day(1)),  # the later event names no price
            ("b", 4.0, 4.0, 4.0, 4.0, day(1)),
        ]

    def test_without_times_the_last_is_the_last_row(self) -> None:
        prices = dataset(timed=False).prices_seen()

        assert prices["last"].to_list() == [6.0, 5.0, 1.0]
        assert prices["last_seen"].null_count() == 3
        assert prices.schema["last_seen"] == pl.Datetime("us", "UTC")

    def test_need_a_column_of_events(self) -> None:
        events = pl.DataFrame({"user_id": ["u"], "item_id": ["a"]})
        catalogue = pl.DataFrame({"item_id": ["a"], "price": [3.0]})

        with pytest.raises(DataError, match="events have no column 'price', only 'user_id'"):
            Dataset.from_frames(events, catalogue).prices_seen()


class TestCoPurchases:
    def test_are_pairs_of_one_session(self) -> None:
        pairs = dataset().co_purchases(min_count=1)

        assert pairs.columns == ["item_id", "other_item_id", "count", "support", "lift"]
        # a is in 3 of 4 sessions, b in 2, both in 2
        assert pairs.rows() == [("a", "b", 2, 0.5, pytest.approx(2 * 4 / (3 * 2)))]

    def test_of_an_earlier_moment(self) -> None:
        pairs = dataset().co_purchases(as_of=day(2), min_count=1)

        assert pairs.rows() == [("a", "b", 1, 0.5, 1.0)]
        assert dataset().co_purchases(as_of=day(2)).is_empty()

    def test_of_a_window(self) -> None:
        pairs = dataset().co_purchases(as_of=day(3), window_days=1.5, min_count=1)

        assert pairs.rows() == [("a", "b", 1, 0.5, 1.0)]

    def test_without_sessions_are_pairs_of_one_user(self) -> None:
        events = dataset().events.drop("session_id")
        pairs = Dataset.from_frames(events).co_purchases()

        assert pairs.rows() == [("a", "b", 2, pytest.approx(2 / 3), pytest.approx(1.5))]

    def test_rows_without_a_session_are_one_basket_of_their_user(self) -> None:
        rows = [
            ("u", "a", 1, 1.0, None),
            ("u", "b", 2, 1.0, None),
            ("u", "c", 2, 1.0, "s1"),
            ("v", "d", 2, 1.0, None),
        ]
        pairs = dataset(rows).co_purchases(min_count=1)

        assert pairs.select("item_id", "other_item_id").rows() == [("a", "b")]
        assert pairs["support"].to_list() == pytest.approx([1 / 3])

    def test_session_numbers_that_two_users_share_are_two_sessions(self) -> None:
        rows = [("u", "a", 1, 1.0, "1"), ("v", "b", 1, 1.0, "1")]

        assert dataset(rows).co_purchases(min_count=1).is_empty()

    def test_repeats_in_a_session_count_once(self) -> None:
        rows = [("u", item, 1, 1.0, "s1") for item in "aabba"]

        assert dataset(rows).co_purchases(min_count=1)["count"].to_list() == [1]

    def test_sessions_too_long_are_left_out_altogether(self) -> None:
        rows = [("u", item, 1, 1.0, "long") for item in "abcd"]
        rows += [("u", item, 1, 1.0, "short") for item in "ab"]
        pairs = dataset(rows).co_purchases(min_count=1, max_session_items=3)

        assert pairs.rows() == [("a", "b", 1, 1.0, 1.0)]

    def test_views_are_no_purchases(self) -> None:
        kinds = pl.Series("event", ["purchase", "view", "purchase", "view", "purchase", "view"])
        data = dataset(event=kinds)

        assert data.co_purchases(min_count=1)["support"].to_list() == [0.5]
        assert data.co_purchases(min_count=1, kinds=None)["support"].to_list() == [0.5]
        assert data.co_purchases(min_count=1, kinds=["view"]).is_empty()
        with pytest.raises(
            DataError, match="no event is 'buy'; kinds there are 'purchase', 'view'"
        ):
            data.co_purchases(kinds=["buy"])

    @given(
        rows=st.lists(
            st.tuples(
                st.sampled_from("uvw"),
                st.sampled_from("abcdef"),
                st.integers(0, 9),
                st.just(1.0),
                st.sampled_from(["s1", "s2", "s3", None]),
            ),
            min_size=1,
            max_size=40,
        ),
        min_count=st.integers(1, 3),
        longest=st.integers(2, 6),
    )
    def test_are_what_counting_by_hand_gives(
        self, rows: list[Any], min_count: int, longest: int
    ) -> None:
        baskets: dict[Any, set[str]] = {}
        for user, item, _, _, session in rows:
            baskets.setdefault((user, session), set()).add(item)
        kept = [items for items in baskets.values() if len(items) <= longest]
        expected = {}
        for pair in combinations("abcdef", 2):
            count = sum(items.issuperset(pair) for items in kept)
            if count >= min_count:
                alone = [sum(item in items for items in kept) for item in pair]
                lift = count * len(kept) / (alone[0] * alone[1])
                support = pytest.approx(count / len(kept))
                expected[pair] = (count, support, pytest.approx(lift))

        pairs = dataset(rows).co_purchases(min_count=min_count, max_session_items=longest)

        assert {row[:2]: row[2:] for row in pairs.rows()} == expected
        assert pairs["count"].is_sorted(descending=True)

    @pytest.mark.parametrize(
        "arguments", [{"min_count": 0}, {"max_session_items": 1}], ids=lambda value: str(value)
    )
    def test_refuse_settings_that_make_no_pairs(self, arguments: dict[str, int]) -> None:
        name, value = next(iter(arguments.items()))

        with pytest.raises(DataError, match=f"{name}={value}"):
            dataset().co_purchases(**arguments)  # type: ignore[arg-type]


FEATURES: dict[str, Callable[..., pl.DataFrame]] = {
    "popularity": lambda data, as_of=None: data.popularity(as_of),
    "decayed": lambda data, as_of=None: data.popularity(as_of, half_life_days=2),
    "recent": lambda data, as_of=None: data.popularity(as_of, window_days=3),
    "prices": lambda data, as_of=None: data.prices_seen(as_of),
    "pairs": lambda data, as_of=None: data.co_purchases(as_of, window_days=6, min_count=1),
}
ROWS = st.lists(
    st.tuples(
        st.sampled_from("uvw"),
        st.sampled_from("abcdef"),
        st.integers(0, 9),
        st.one_of(st.none(), st.sampled_from([1.0, 2.0, 8.0])),
        st.sampled_from(["s1", "s2", "s3"]),
    ),
    max_size=20,
)


@pytest.mark.parametrize("name", FEATURES)
@given(rows=ROWS, later=st.tuples(ROWS, ROWS), moment=st.integers(0, 9))
def test_later_events_change_nothing(
    name: str, rows: list[Any], later: tuple[list[Any], list[Any]], moment: int
) -> None:
    early = [row for row in rows if row[2] <= moment]
    assume(early)
    end = ("u", "a", 10, 1.0, "s9")
    late = [[row for row in more if row[2] > moment] for more in later]
    feature = FEATURES[name]

    one = feature(dataset([*early, *late[0], end]), day(moment))
    other = feature(dataset([*late[1], end, *early]), day(moment))

    assert one.equals(other)
    train, _ = dataset([*early, *late[0], end]).split_by_time(at=day(moment))
    assert one.equals(feature(train))


@pytest.mark.parametrize("name", FEATURES)
def test_a_moment_of_any_zone_is_that_moment(name: str) -> None:
    feature, data = FEATURES[name], dataset()
    expected = feature(data, day(2))

    assert feature(data, day(2).replace(tzinfo=None)).equals(expected)
    assert feature(data, day(2).astimezone(timezone(timedelta(hours=-9)))).equals(expected)


@pytest.mark.parametrize("name", FEATURES)
def test_a_moment_behind_the_data_is_refused(name: str) -> None:
    train, _ = dataset().split_by_time(at=day(4))

    assert FEATURES[name](train, day(4)).equals(FEATURES[name](train))
    with pytest.raises(DataError, match=r"2024-01-06 00:00 lies behind .* 2024-01-05 00:00"):
        FEATURES[name](train, day(5))


@pytest.mark.parametrize("name", FEATURES)
def test_a_moment_before_the_data_gives_nothing(name: str) -> None:
    assert FEATURES[name](dataset(), day(0)).is_empty()


@pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf")])
def test_days_are_above_zero(days: float) -> None:
    with pytest.raises(DataError, match=f"window_days={days}"):
        dataset().popularity(window_days=days)
    with pytest.raises(DataError, match=f"half_life_days={days}"):
        dataset().popularity(half_life_days=days)


@pytest.mark.parametrize(
    "arguments", [{"as_of": START}, {"window_days": 2}, {"half_life_days": 2}], ids=str
)
def test_settings_of_time_need_times(arguments: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="no timestamp"):
        dataset(timed=False).popularity(**arguments)


def test_dirty_rows_are_refused() -> None:
    events = pl.DataFrame({"user_id": ["u", None], "item_id": ["a", "b"]})

    with pytest.raises(DataError, match="1 rows lack a user"):
        Dataset.from_frames(events).popularity()
