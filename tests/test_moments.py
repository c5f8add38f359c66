"""The moments that the ranker learns from."""

import itertools
from datetime import datetime, timedelta

import polars as pl
import pytest

from hybridrec import Dataset, RecommenderConfig
from hybridrec.training import moments

START = datetime(2024, 1, 1)


def shop(days: int, *, timed: bool = True) -> Dataset:
    """A user who comes every day, and one who comes every tenth."""
    rows = [("often", day) for day in range(days)] + [("seldom", d) for d in range(0, days, 10)]
    events = pl.DataFrame(
        {
            "user_id": [user for user, _ in rows],
            "item_id": [f"i{day % 7}" for _, day in rows],
            "timestamp": [START + timedelta(days=day) for _, day in rows],
        }
    )
    return Dataset.from_frames(events if timed else events.drop("timestamp"))


def config(**ranker: object) -> RecommenderConfig:
    return RecommenderConfig.from_mapping({"ranker": ranker})


def test_lie_a_horizon_apart_the_earliest_first() -> None:
    steps = moments(shop(200), config(moments=3, horizon_days=20))

    ends = [before.as_of for before, _ in steps]
    assert len(steps) == 3
    assert ends == sorted(ends)
    assert [later - earlier for earlier, later in itertools.pairwise(ends)] == [
        timedelta(days=20)
    ] * 2


def test_what_comes_after_one_is_what_comes_before_the_next() -> None:
    steps = moments(shop(200), config(moments=3, horizon_days=20))

    for (before, after), (later, _) in itertools.pairwise(steps):
        assert before.events.height + after.events.height == later.events.height
        assert after.events["timestamp"].min() > before.events["timestamp"].max()


def test_towers_keep_half_of_the_time_to_learn_from() -> None:
    steps = moments(shop(100), config(moments=10, horizon_days=14))

    first = steps[0][0]
    assert len(steps) == 3
    assert first.as_of - first.since >= timedelta(days=49)


def test_without_times_each_takes_one_more_event_off_every_user() -> None:
    data = shop(50, timed=False)

    steps = moments(data, config(moments=3))

    assert [before.events.height for before, _ in steps] == [
        data.events.height - 2 * n for n in (3, 2, 1)
    ]


@pytest.mark.parametrize("wanted", [1, 2])
def test_as_many_as_are_wanted(wanted: int) -> None:
    assert len(moments(shop(300), config(moments=wanted))) == wanted


@pytest.mark.parametrize("timed", [True, False])
def test_folds_leave_every_event_of_those_with_several_out_once(timed: bool) -> None:
    data = shop(50, timed=timed)

    steps = moments(data, config(moments=3, folds=True, horizon_days=None))

    assert len(steps) == 3
    assert sum(after.events.height for _, after in steps) == data.events.height
    for before, after in steps:
        assert before.events.height + after.events.height == data.events.height
        often = after.events.filter(pl.col("user_id") == "often").height
        assert often in (16, 17)
