"""Histories as the profiles weigh them."""

import numpy as np
import pytest

from hybridrec.config import ProfileConfig, RecommenderConfig
from hybridrec.data.histories import Histories
from hybridrec.fusion.profiles import LEAST, Scores, profile_weights, profiles

AGES = np.array([40.0, 20.0, 0.0, 100.0, 95.0])
HISTORIES = Histories(
    np.array([0, 3, 3, 5]),
    np.array([0, 1, 2, 3, 1]),
    AGES,
    np.ones(5, dtype=np.float32),
    4,
    timed=True,
)
"""Three events of one user, none of the next, two long past of the last."""


def test_every_profile_weighs_by_its_own_half_life() -> None:
    weights = profile_weights(HISTORIES, RecommenderConfig())

    expected = [2 ** (-40 / 120), 2 ** (-20 / 120), 1.0, 0.0]
    np.testing.assert_allclose(weights["long"].toarray()[0], expected, rtol=1e-6)
    expected = [2 ** (-40 / 14), 2 ** (-20 / 14), 1.0, 0.0]
    np.testing.assert_allclose(weights["short"].toarray()[0], expected, rtol=1e-6)


def test_what_counts_next_to_nothing_is_left_out() -> None:
    last = profile_weights(HISTORIES, RecommenderConfig())["last"]

    # half-life 2 days: after 20 days 2^-10, just below a thousandth in logarithms of 1 + weight
    assert np.log1p(2.0**-10) / np.log(2) > LEAST > np.log1p(2.0**-20)
    assert last[[0]].indices.tolist() == [1, 2]


def test_least_is_told_beside_the_users_own_weightiest() -> None:
    """Whose last event lies months back has a last profile all the same."""
    last = profile_weights(HISTORIES, RecommenderConfig())["last"]

    assert last[[1]].nnz == 0
    assert last[[2]].indices.tolist() == [1, 3]


def test_events_may_all_count_alike() -> None:
    alike = ProfileConfig(half_life_days=None, half_life_events=None)
    config = RecommenderConfig(long_profile=alike)

    assert profile_weights(HISTORIES, config)["long"].data.tolist() == [1.0] * 5


def test_profiles_are_stacked_in_order() -> None:
    weights = profile_weights(HISTORIES, RecommenderConfig())

    stacked = Scores({}, weights).stacked.toarray()

    np.testing.assert_array_equal(
        stacked, np.concatenate([weights[name].toarray() for name in profiles(RecommenderConfig())])
    )


@pytest.mark.parametrize("users", [[], [1]])
def test_nobody_and_nothing(users: list[int]) -> None:
    weights = profile_weights(HISTORIES.of(users), RecommenderConfig())

    assert all(each.shape == (len(users), 4) and each.nnz == 0 for each in weights.values())
