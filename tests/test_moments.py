"""The moments that the ranker learns from."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from hybridrec import Dataset, RecommenderConfig
from hybridrec.training import asks, moments

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


def day(n: int) -> datetime:
    return (START + timedelta(days=n)).replace(tzinfo=UTC)


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


def test_a_closed_month_ends_them() -> None:
    data = shop(200)
    closed = pl.col("timestamp").is_between(day(144), day(172), closed="both")
    data = replace(data, events=data.events.filter(~closed))

    assert len(moments(data, config(moments=3, horizon_days=27))) == 1


def test_short_histories_give_as_many_as_they_can() -> None:
    events = pl.DataFrame({"user_id": ["u"] * 3 + ["v"] * 2, "item_id": list("abcab")})

    assert len(moments(Dataset.from_frames(events), config(moments=3))) == 2


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

    steps = moments(data, config(moments=3, folds=3, horizon_days=None))

    assert len(steps) == 3
    assert sum(after.events.height for _, after in steps) == data.events.height
    for before, after in steps:
        assert before.events.height + after.events.height == data.events.height
        often = after.events.filter(pl.col("user_id") == "often").height
        assert often in (16, 17)


class TestAsks:
    def asked(
        self, data: Dataset, **ranker: object
    ) -> list[list[tuple[datetime | None, pl.DataFrame]]]:
        settings = config(moments=2, horizon_days=20, **ranker)
        return [
            [(past.as_of, rest.events) for past, rest in asks(data, before, after, settings)]
            for before, after in moments(data, settings)
        ]

    def test_follow_a_moment_up_to_the_next(self) -> None:
        first, last = self.asked(shop(200), stride_days=6)

        assert [as_of for as_of, _ in first] == [day(n) for n in (159, 165, 171, 177)]
        # with the last moment's towers there is no later span of the same length
        assert [as_of for as_of, _ in last] == [day(179)]

    def test_each_is_of_what_came_within_the_horizon(self) -> None:
        first, _ = self.asked(shop(200), stride_days=6)

        for as_of, rest in first:
            assert rest["timestamp"].min() == as_of + timedelta(days=1)
            assert rest["timestamp"].max() == as_of + timedelta(days=20)

    def test_days_on_which_nobody_came_are_left_out(self) -> None:
        data = shop(200)
        gap = pl.col("timestamp").is_between(day(165), day(186), closed="none")
        closed = replace(data, events=data.events.filter(~gap))

        first, _ = self.asked(closed, stride_days=6)

        assert [as_of for as_of, _ in first] == [day(n) for n in (159, 171, 177)]

    @pytest.mark.parametrize("ranker", [{"stride_days": None}, {"horizon_days": None}])
    def test_moments_alone_where_no_stride_or_no_horizon_is_set(self, ranker: dict) -> None:
        settings = config(moments=2, **{"horizon_days": 20, **ranker})
        data = shop(200)
        for before, after in moments(data, settings):
            assert asks(data, before, after, settings) == [(before, after)]

    def test_moments_alone_without_times(self) -> None:
        data, settings = shop(50, timed=False), config(moments=2)
        for before, after in moments(data, settings):
            assert asks(data, before, after, settings) == [(before, after)]
