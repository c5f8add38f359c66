"""When items were met, counted around any moment."""

from dataclasses import replace

import numpy as np

from hybridrec.data import Histories
from hybridrec.fusion.meetings import Meetings

ITEMS = np.array([0, 0, 2, 0, 2])
AGES = np.array([40.0, 20.0, 7.0, 3.5, 0.0])
HISTORIES = Histories(
    indptr=np.array([0, 3, 5]),
    items=ITEMS,
    ages=AGES,
    strengths=np.ones(5, dtype=np.float32),
    n_items=3,
    timed=True,
)
MEETINGS = Meetings.of(HISTORIES)


def test_counts_are_those_of_a_loop() -> None:
    random = np.random.default_rng(0)
    items = random.integers(0, 3, 200)
    youngest = random.uniform(-10, 45, 200)
    oldest = youngest + random.uniform(-5, 30, 200)

    counted = MEETINGS.count(items, youngest, oldest)

    assert counted.tolist() == [
        int(((item == ITEMS) & (low <= AGES) & (high >= AGES)).sum())
        for item, low, high in zip(items, youngest, oldest, strict=True)
    ]


def test_both_ends_are_included() -> None:
    counted = MEETINGS.count(np.array([0, 0]), np.array([3.5, 20.1]), np.array([20.0, 39.9]))

    assert counted.tolist() == [2, 0]


def test_first_and_latest_event_of_each_item() -> None:
    np.testing.assert_array_equal(MEETINGS.oldest, [40.0, np.nan, 7.0])
    np.testing.assert_array_equal(MEETINGS.youngest, [3.5, np.nan, 0.0])


def test_days_that_pass_make_every_event_older() -> None:
    later = replace(MEETINGS, elapsed=0.25)

    counted = later.count(np.array([0, 0]), np.array([3.5, 3.75]), np.array([20.0, 20.25]))

    assert counted.tolist() == [1, 2]
    np.testing.assert_array_equal(later.youngest, [3.75, np.nan, 0.25])
    np.testing.assert_array_equal(later.oldest, [40.25, np.nan, 7.25])


def test_as_they_stood_some_days_ago_what_came_since_is_missing() -> None:
    then = Meetings.of(HISTORIES, elapsed=3.0)

    assert then.elapsed == 3.0
    np.testing.assert_allclose(then.oldest, [40.0, np.nan, 7.0])
    np.testing.assert_allclose(then.youngest, [3.5, np.nan, 7.0])
