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
