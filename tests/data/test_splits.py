"""Splits part the events and never let the test period leak into training."""

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hybridrec.data import Dataset
from hybridrec.errors import DataError

START = datetime(2024, 1, 1, tzinfo=UTC)
EVENT = st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 500))
EVENTS = st.lists(EVENT, min_size=2, max_size=40)
UNIQUE_TIMES = st.lists(EVENT, min_size=2, max_size=40, unique_by=lambda event: event[2])


def dataset(events: list[tuple[int, int, int]], timed: bool = True) -> Dataset:
    frame = pl.DataFrame(events, schema=["user_id", "item_id", "hour"], orient="row")
    moment = pl.lit(START) + pl.duration(hours=pl.col("hour"))
    return Dataset.from_frames(
        frame.with_columns(moment.alias("timestamp")).drop("hour") if timed else frame
    )


def counted(*parts: Dataset) -> Counter[Any]:
    return Counter(row for part in parts for row in part.events.rows())


@given(events=EVENTS, hour=st.integers(0, 499))
def test_a_split_by_time_parts_the_events_at_the_moment(
    events: list[tuple[int, int, int]], hour: int
) -> None:
    hours = [event[2] for event in events]
    assume(min(hours) <= hour < max(hours))
    data, moment = dataset(events), START + timedelta(hours=hour)

    train, test = data.split_by_time(at=moment)

    assert counted(train, test) == counted(data)
    assert train.events["timestamp"].max() <= moment < test.events["timestamp"].min()  # type: ignore[operator]
    assert train.as_of == moment
    assert train.items.values == test.items.values == data.items.values
    assert (train.histories().ages >= 0).all()


@given(events=EVENTS, hour=st.integers(0, 499))
def test_a_moment_that_leaves_one_side_empty_is_refused(
    events: list[tuple[int, int, int]], hour: int
) -> None:
    hours = [event[2] for event in events]
    assume(not min(hours) <= hour < max(hours))

    with pytest.raises(DataError, match="leaves one side empty; the events run from"):
        dataset(events).split_by_time(at=START + timedelta(hours=hour))


@given(events=EVENTS, n=st.integers(1, 4), timed=st.booleans())
def test_leave_last_out_takes_the_last_events_of_each_user(
    events: list[tuple[int, int, int]], n: int, timed: bool
) -> None:
    data = dataset(events, timed)
    of_user = {user: rows.rows() for (user,), rows in data.events.group_by("user_id")}
    assume(any(len(rows) > n for rows in of_user.values()))

    train, test = data.split_leave_last_out(n)

    for user, rows in of_user.items():
        kept = train.events.filter(pl.col("user_id") == user).rows()
        out = test.events.filter(pl.col("user_id") == user).rows()
        assert kept + out == rows  # in order of time: what is left out comes last
        assert len(out) == (n if len(rows) > n else 0)


@given(events=UNIQUE_TIMES, random=st.randoms(use_true_random=False))
def test_splits_do_not_depend_on_the_order_of_rows(
    events: list[tuple[int, int, int]], random: Any
) -> None:
    shuffled = random.sample(events, len(events))
    of_user = Counter(event[0] for event in events)
    middle = START + timedelta(hours=sorted(event[2] for event in events)[0])

    for one, other in zip(
        dataset(events).split_by_time(at=middle),
        dataset(shuffled).split_by_time(at=middle),
        strict=True,
    ):
        assert one.events.equals(other.events)
    if max(of_user.values()) > 1:
        for one, other in zip(
            dataset(events).split_leave_last_out(),
            dataset(shuffled).split_leave_last_out(),
            strict=True,
        ):
            assert one.events.equals(other.events)


def test_test_days_count_back_from_the_last_event() -> None:
    train, test = dataset([(0, 0, 0), (0, 1, 24), (0, 2, 48), (0, 3, 72)]).split_by_time(2)

    assert train.as_of == START + timedelta(hours=24)
    assert train.events["item_id"].to_list() == [0, 1]
    assert test.events["item_id"].to_list() == [2, 3]


@pytest.mark.parametrize(
    "zone", [None, timezone(timedelta(hours=5)), ZoneInfo("Asia/Tokyo"), ZoneInfo("UTC")], ids=str
)
def test_a_moment_of_any_zone_is_that_moment(zone: Any) -> None:
    moment = START + timedelta(hours=36)
    given_moment = moment.replace(tzinfo=None) if zone is None else moment.astimezone(zone)
    data = dataset([(0, 0, 0), (0, 1, 24), (0, 2, 48)])

    train, test = data.split_by_time(at=given_moment)

    assert train.events["item_id"].to_list() == [0, 1]
    assert test.events["item_id"].to_list() == [2]
    assert train.as_of == moment
    np.testing.assert_allclose(train.histories().ages, [1.5, 0.5])


def test_triples_known_later_stay_out_of_training() -> None:
    triples = pl.DataFrame(
        {
            "head": ["0", "1", "0", "1"],
            "relation": ["coupon"] * 4,
            "tail": ["before", "at", "after", "always"],
            "timestamp": [*(START + timedelta(hours=hours) for hours in (1, 24, 25)), None],
        }
    )
    events = pl.DataFrame(
        {
            "user_id": ["u"] * 3,
            "item_id": ["0", "1", "0"],
            "timestamp": [START + timedelta(hours=hours) for hours in (0, 24, 48)],
        }
    )
    train, test = Dataset.from_frames(events, triples=triples).split_by_time(
        at=START + timedelta(hours=24)
    )

    assert train.triples is not None
    assert test.triples is not None
    assert train.triples["tail"].to_list() == ["before", "at", "always"]
    assert test.triples.height == 4


@pytest.mark.parametrize("arguments", [{}, {"test_days": 1, "at": START}], ids=["neither", "both"])
def test_a_split_by_time_needs_one_moment(arguments: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="either test_days or at"):
        dataset([(0, 0, 0), (0, 0, 48)]).split_by_time(**arguments)


def test_a_split_by_time_needs_times() -> None:
    with pytest.raises(DataError, match="split_leave_last_out"):
        dataset([(0, 0, 0), (0, 0, 48)], timed=False).split_by_time(1)


@pytest.mark.parametrize("n", [0, -1, 2])
def test_leave_last_out_refuses_what_leaves_nothing(n: int) -> None:
    with pytest.raises(DataError, match=f"n={n}:"):
        dataset([(0, 0, 0), (0, 1, 1), (1, 0, 2)]).split_leave_last_out(n)


DAILY = [(0, 0, 0), (0, 1, 24), (1, 0, 48), (1, 2, 72), (2, 0, 96), (2, 3, 120)]


class TestCrossValidation:
    ROWS = [(user, item, 0) for user in range(5) for item in range(7)] + [(5, 0, 0)]

    @pytest.mark.parametrize("folds", [2, 3, 7, 9])
    def test_every_event_is_left_out_once_but_those_of_users_with_one(self, folds: int) -> None:
        parts = list(dataset(self.ROWS).cross_validation(folds, seed=1))

        left_out = pl.concat([test.events for _, test in parts])
        assert len(parts) == folds
        assert sorted(left_out.select("user_id", "item_id").rows()) == [
            r[:2] for r in self.ROWS[:-1]
        ]
        for train, test in parts:
            assert train.events.height + test.events.height == len(self.ROWS)
            assert set(train.users.values) == set(range(6))
            counts = test.events["user_id"].value_counts()["count"]
            assert counts.is_empty() or counts.max() - counts.min() <= 1

    def test_folds_are_drawn_from_the_seed(self) -> None:
        one, same, other = (
            [test.events.rows() for _, test in dataset(self.ROWS).cross_validation(3, seed=seed)]
            for seed in (1, 1, 2)
        )

        assert one == same != other

    @pytest.mark.parametrize(
        ("rows", "folds", "named"),
        [(ROWS, 1, "folds=1: at least 2"), ([(0, 0, 0), (1, 0, 0)], 2, "folds=2: no user has")],
    )
    def test_what_cannot_be_dealt_is_refused_at_once(
        self, rows: list[tuple[int, int, int]], folds: int, named: str
    ) -> None:
        with pytest.raises(DataError, match=named):
            dataset(rows).cross_validation(folds)


class TestRollingOrigins:
    def test_windows_end_with_the_data_and_touch(self) -> None:
        parts = list(dataset(DAILY).rolling_origins(test_days=1, n=3))

        assert [train.events.height for train, _ in parts] == [3, 4, 5]
        assert [test.events["item_id"].to_list() for _, test in parts] == [[2], [0], [3]]
        assert [train.as_of for train, _ in parts] == [
            START + timedelta(hours=hours) for hours in (48, 72, 96)
        ]
        assert [test.as_of for _, test in parts] == [
            START + timedelta(hours=hours) for hours in (72, 96, 120)
        ]

    def test_windows_overlap_where_steps_are_shorter(self) -> None:
        parts = list(dataset(DAILY).rolling_origins(test_days=2, n=2, step_days=1))

        assert [test.events["item_id"].to_list() for _, test in parts] == [[2, 0], [0, 3]]
        assert [train.events.height for train, _ in parts] == [3, 4]

    def test_the_last_is_the_split_by_time(self) -> None:
        *_, (train, test) = dataset(DAILY).rolling_origins(test_days=2, n=2)
        other_train, other_test = dataset(DAILY).split_by_time(test_days=2)

        assert train.events.equals(other_train.events)
        assert test.events.equals(other_test.events)

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ({"test_days": 1, "n": 0}, "n=0"),
            ({"test_days": 0, "n": 1}, "test_days=0"),
            ({"test_days": float("nan"), "n": 1}, "test_days=nan"),
            ({"test_days": 1, "n": 2, "step_days": -1}, "step_days=-1"),
            ({"test_days": 1, "n": 6}, r"2023-12-31 00:00 leaves .* from 2024-01-01 to 2024-01-06"),
            ({"test_days": 1, "n": 2, "step_days": 1e8}, "too far; the events run from 2024-01-01"),
        ],
    )
    def test_refuse_what_leaves_nothing_at_once(
        self, arguments: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(DataError, match=named):
            dataset(DAILY).rolling_origins(**arguments)


def test_new_users_come_first_after_the_moment() -> None:
    train, test = dataset([*DAILY, (0, 3, 121)]).split_new_users(at=START + timedelta(hours=60))

    assert train.events["user_id"].to_list() == [0, 0, 1]
    assert test.users.values == [2]  # user 1 is known, and so is what user 0 does later


def test_cold_items_stay_in_the_catalogue() -> None:
    train, test = dataset(DAILY).split_cold_items(test_days=2.5)

    assert train.events["item_id"].to_list() == [0, 1, 0]
    assert test.events["item_id"].to_list() == [2, 3]
    assert train.items.values == [0, 1, 2, 3]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_share_holds_on_average_and_with_every_seed_differs(share: float) -> None:
    data = dataset([(user, user % 7, user) for user in range(2_000)])
    drawn = [set(data.split_new_users(share=share, seed=seed)[1].users.values) for seed in (0, 1)]

    for users in drawn:
        assert len(users) / 2_000 == pytest.approx(share, abs=0.05)
    assert len(drawn[0] & drawn[1]) / 2_000 == pytest.approx(share**2, abs=0.05)


@pytest.mark.parametrize("split", ["split_new_users", "split_cold_items"])
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({}, "one of test_days, at and share"),
        ({"share": 0.5, "test_days": 1}, "one of test_days, at and share"),
        ({"share": 0}, "share=0"),
        ({"share": 1.0}, r"share=1\.0"),
        ({"share": 1e-9}, "share=1e-09 of 3 .* empty"),
        ({"test_days": 100}, "no events before it; the events run from 2024-01-01"),
        ({"at": START + timedelta(hours=110)}, "no new .* after it"),
    ],
)
def test_new_ones_refuse_what_leaves_nothing(
    split: str, arguments: dict[str, Any], named: str
) -> None:
    rows = [(0, 0, 0), (1, 1, 24), (2, 2, 48), (0, 0, 120)]

    with pytest.raises(DataError, match=named):
        getattr(dataset(rows), split)(**arguments)


def test_new_users_by_moment_need_times() -> None:
    with pytest.raises(DataError, match="no timestamp; share= holds users out without times"):
        dataset(DAILY, timed=False).split_new_users(test_days=1)


class TestGroups:
    events = pl.DataFrame(
        {
            "user_id": ["u", "u", "v", "w"],
            "item_id": ["a", "b", "a", "b"],
            "timestamp": [START + timedelta(days=day) for day in (3, 1, 2, 4)],
            "part": ["fit", "tune", "test", None],
        }
    )
    users = pl.DataFrame({"user_id": ["u", "v"], "age": [30, 40], "part": ["x", "y"]})

    @property
    def data(self) -> Dataset:
        return Dataset.from_frames(self.events, users=self.users)

    def test_of_events(self) -> None:
        train, test = self.data.split_by_group("part", test=["tune", "test"])

        assert train.events["part"].to_list() == ["fit", None]
        assert test.events["part"].to_list() == ["tune", "test"]

    def test_training_speaks_for_its_last_event(self) -> None:
        train, _ = self.data.split_by_group("age", test=[30])

        assert train.as_of == START + timedelta(days=4)
        assert self.data.split_by_group("user_id", test=["w"])[0].as_of == START + timedelta(days=3)

    def test_of_users_keep_a_user_together(self) -> None:
        train, test = self.data.split_by_group("age", test=[30])

        assert train.users.values == ["v", "w"]  # who has no attributes is in training
        assert test.users.values == ["u"]

    def test_a_lone_string_is_one_group(self) -> None:
        _, test = self.data.split_by_group("part", test="test")

        assert test.events.height == 1

    @pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["fit", "tune", "test"])])
    def test_may_be_categories(self, dtype: Any) -> None:
        events = self.events.with_columns(pl.col("part").cast(dtype))
        _, test = Dataset.from_frames(events).split_by_group("part", test=["tune"])

        assert test.events["item_id"].to_list() == ["b"]

    @pytest.mark.parametrize(
        ("column", "groups", "named"),
        [
            ("part", ["tset"], "no group 'tset'; there are 'fit', 'test', 'tune'"),
            ("age", ["30"], "no group '30'; there are 30, 40"),
            ("part", [], "no group; there are 'fit'"),
            ("town", ["Ulm"], "no column 'town' .* 'user_id'"),
            ("user_id", ["u", "v", "w"], "all events are in the groups 'u', 'v', 'w'"),
        ],
    )
    def test_that_are_not_there_are_named_with_those_that_are(
        self, column: str, groups: list[Any], named: str
    ) -> None:
        with pytest.raises(DataError, match=named):
            self.data.split_by_group(column, test=groups)

    def test_without_events_are_refused(self) -> None:
        users = pl.DataFrame({"user_id": ["u", "z"], "age": [30, 99]})

        with pytest.raises(DataError, match="no event is in the groups 99 of 'age'"):
            Dataset.from_frames(self.events, users=users).split_by_group("age", test=[99])

    def test_are_single_values(self) -> None:
        users = pl.DataFrame({"user_id": ["u"], "tags": [["a", "b"]]})

        with pytest.raises(DataError, match="'tags' holds List"):
            Dataset.from_frames(self.events, users=users).split_by_group("tags", test=["a"])


def test_leaving_out_with_times_speaks_for_the_last_event_kept() -> None:
    triples = pl.DataFrame(
        {
            "head": [0, 0],
            "relation": ["coupon"] * 2,
            "tail": ["early", "late"],
            "timestamp": [START, START + timedelta(hours=90)],
        }
    )
    events = dataset(DAILY).events
    train, _ = Dataset.from_frames(events, triples=triples).split_leave_last_out()

    assert train.as_of == START + timedelta(hours=96)
    assert train.triples is not None
    assert train.triples["tail"].to_list() == ["early", "late"]
    assert dataset(DAILY[:4]).split_leave_last_out()[0].as_of == START + timedelta(hours=48)
