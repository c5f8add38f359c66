"""The order in which people meet things."""

from dataclasses import replace

import numpy as np
import pytest

from hybridrec.data import Histories
from hybridrec.fusion.order import usual_order


def histories(*users: list[int], ages: list[float] | None = None, n_items: int = 6) -> Histories:
    events = np.concatenate([np.asarray(user, dtype=np.int64) for user in users])
    return Histories(
        indptr=np.cumsum([0] + [len(user) for user in users]),
        items=events,
        ages=np.zeros(events.size) if ages is None else np.asarray(ages),
        strengths=np.ones(events.size, dtype=np.float32),
        n_items=n_items,
        timed=ages is not None,
    )


def test_a_chain_is_put_in_order() -> None:
    places = usual_order(histories([4, 2, 0], [2, 0, 5], [0, 5, 1, 3]))

    assert np.argsort(places).tolist() == [4, 2, 0, 5, 1, 3]
    assert places.min() > 0
    assert places.max() < 1


def test_what_was_compared_with_nothing_lies_in_the_middle() -> None:
    places = usual_order(histories([0, 1], [0, 1], n_items=4))

    assert places[0] < places[2] == places[3] < places[1]
    assert places[2] == pytest.approx(0.5)


def test_an_order_of_one_visit_outweighs_one_of_years() -> None:
    # thrice 1 before 0, a year apart; once 0 before 1, on one day
    ages = [400.0, 10.0] * 3 + [20.0, 20.0]

    places = usual_order(histories([1, 0], [1, 0], [1, 0], [0, 1], ages=ages, n_items=2))

    assert places[0] < places[1]


def test_items_may_go_by_other_numbers() -> None:
    random = np.random.default_rng(3)
    events = [random.integers(0, 40, 7).tolist() for _ in range(60)]
    own = histories(*events, n_items=40)
    renamed = random.permutation(40)

    places = usual_order(own)
    others = usual_order(replace(own, items=renamed[own.items]))

    np.testing.assert_allclose(others[renamed], places, atol=1e-6)


def test_nobody_met_anything() -> None:
    np.testing.assert_array_equal(usual_order(histories([], n_items=3)), [0.5, 0.5, 0.5])
