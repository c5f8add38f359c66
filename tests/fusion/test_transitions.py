"""What people meet next."""

import numpy as np

from hybridrec.config import TransitionsConfig
from hybridrec.data.histories import Histories
from hybridrec.fusion.transitions import transitions

HISTORIES = Histories(
    np.array([0, 3, 5]),
    np.array([0, 1, 2, 0, 1]),
    np.array([2.0, 1.0, 0.0, 1.0, 0.0]),
    np.ones(5, dtype=np.float32),
    4,
    timed=False,
)
"""Item 0, then 1, then 2; item 0, then 1."""


def follows(steps: int, histories: Histories = HISTORIES) -> np.ndarray:
    return transitions(histories, TransitionsConfig(steps=steps)).weights.toarray()


def usual(*counts: int) -> float:
    return float(np.prod([1 / (1 + np.sqrt(count)) for count in counts]))


def test_what_follows_at_once() -> None:
    weights = follows(1)

    assert np.isclose(weights[0, 1], 2 * usual(2, 2))
    assert np.isclose(weights[1, 2], usual(2, 1))
    assert np.count_nonzero(weights) == 2  # nothing backwards, nothing from one user to the next


def test_what_follows_later_counts_less() -> None:
    weights = follows(2)

    assert np.isclose(weights[0, 2], usual(2, 1) / 2)


def test_an_item_does_not_follow_itself() -> None:
    again = Histories(
        np.array([0, 3]), np.array([1, 1, 1]), np.zeros(3), np.ones(3, np.float32), 4, timed=False
    )

    assert not follows(3, again).any()


def test_more_steps_than_events() -> None:
    np.testing.assert_array_equal(follows(50), follows(2))


def test_few_followers_are_kept() -> None:
    one = transitions(HISTORIES, TransitionsConfig(steps=2, followers=1)).weights.toarray()

    assert one[0, 1] == follows(2)[0, 1] > follows(2)[0, 2]
    assert one[0, 2] == 0
