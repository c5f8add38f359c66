"""Histories: order, ages and weights against hand computations; slicing and merging."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.data import Dataset, Histories

START = datetime(2024, 1, 1, tzinfo=UTC)
ITEMS = ["x", "y", "z"]
CATALOGUE = pl.DataFrame({"item_id": ITEMS})
EVENT = st.tuples(
    st.sampled_from("abcd"), st.sampled_from(ITEMS), st.integers(0, 400), st.sampled_from("vp")
)
EVENTS = st.lists(EVENT, min_size=1, max_size=30)


def dataset(events: list[tuple[str, str, int, str]], timed: bool = True) -> Dataset:
    schema = ["user_id", "item_id", "hour", "event"]
    frame = pl.DataFrame(events, schema=schema, orient="row")
    moment = pl.lit(START) + pl.duration(hours=pl.col("hour"))
    return Dataset.from_frames(
        frame.with_columns(moment.alias("timestamp")).drop("hour") if timed else frame, CATALOGUE
    )


def assert_same(one: Histories, other: Histories) -> None:
    for field in ("indptr", "items", "ages", "strengths"):
        np.testing.assert_allclose(
            getattr(one, field), getattr(other, field), rtol=1e-6, atol=1e-6, err_msg=field
        )
    assert (one.n_items, one.timed) == (other.n_items, other.timed)


#        user, item, hour, kind
BY_HAND = [("b", "x", 0, "p"), ("a", "z", 96, "p"), ("a", "x", 48, "v"), ("a", "z", 72, "p")]


def test_events_are_oldest_first_within_each_user() -> None:
    histories = dataset(BY_HAND).histories()

    assert histories.indptr.tolist() == [0, 3, 4]
    assert histories.items.tolist() == [0, 2, 2, 0]
    assert histories.users.tolist() == [0, 0, 0, 1]
    assert (histories.n_users, histories.n_items) == (2, 3)


def test_ages_are_days_before_the_last_event() -> None:
    np.testing.assert_allclose(dataset(BY_HAND).histories().ages, [2, 1, 0, 4])


def test_ages_without_times_are_the_later_events_of_the_user() -> None:
    histories = dataset(BY_HAND, timed=False).histories()

    assert histories.ages.tolist() == [2, 1, 0, 0]
    assert histories.items.tolist() == [2, 0, 2, 0]
    assert not histories.timed


def test_weights_add_repeats_and_decay_by_half_lives() -> None:
    histories = dataset(BY_HAND).histories()

    np.testing.assert_allclose(histories.weights().toarray(), [[1, 0, 2], [1, 0, 0]])
    np.testing.assert_allclose(
        histories.weights(half_life=2.0).toarray(),
        [[0.5, 0, 1 + 2**-0.5], [0.25, 0, 0]],
        rtol=1e-6,
    )


def test_weights_decay_by_the_later_events_of_the_user_too() -> None:
    """The first user met x 2 days ago, two events back, and z yesterday and just now."""
    histories = dataset(BY_HAND).histories()

    np.testing.assert_allclose(
        histories.weights(half_life_events=1.0).toarray(), [[0.25, 0, 1.5], [1, 0, 0]]
    )
    np.testing.assert_allclose(
        histories.weights(half_life=1.0, half_life_events=1.0).toarray(),
        [[2**-4, 0, 1.25], [2**-4, 0, 0]],
    )
    untimed = dataset(BY_HAND, timed=False).histories()
    np.testing.assert_allclose(
        untimed.weights(half_life_events=3.0).toarray(), untimed.weights(3.0).toarray()
    )


def test_weights_are_finite_however_strong_the_events() -> None:
    histories = dataset(BY_HAND).histories({"p": 3e38})

    assert np.isfinite(histories.weights().data).all()
    assert histories.weights().data.max() > 3e38


def test_weights_leave_out_what_is_older_than_asked() -> None:
    histories = dataset(BY_HAND).histories()

    np.testing.assert_allclose(histories.weights(since=1.0).toarray(), [[0, 0, 2], [0, 0, 0]])


def test_strengths_multiply_the_weights_and_zero_leaves_out() -> None:
    data = dataset(BY_HAND)

    strong = data.histories({"v": 0.25}).weights()
    np.testing.assert_allclose(strong.toarray(), [[0.25, 0, 2], [1, 0, 0]])
    assert data.histories({"v": 0.0}).weights().nnz == 2


def test_values_count_by_the_mean_of_their_kind() -> None:
    values = {"r": [1.0, 3.0, 0.0, -4.0], "p": [10.0, 30.0, None, float("nan")]}
    rows = [("u", f"{kind}{n}", kind, v) for kind in values for n, v in enumerate(values[kind])]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "event", "value"], orient="row")
    data = Dataset.from_frames(events)

    plain = data.histories({"p": 2.0})
    whole = data.histories({"p": 2.0}, value_exponent=1.0)
    root = data.histories({"p": 2.0}, value_exponent=0.5)

    assert plain.strengths.tolist() == [1, 1, 1, 1, 2, 2, 2, 2]
    assert whole.strengths.tolist() == [0.5, 1.5, 0, 0, 1, 3, 2, 2]
    np.testing.assert_allclose(root.strengths[:2], np.sqrt([0.5, 1.5]), rtol=1e-6)


def test_values_without_kinds_and_kinds_without_values_can_count() -> None:
    events = pl.DataFrame({"user_id": ["a"] * 2, "item_id": ["x", "y"], "value": [1e308, 1e308]})
    assert Dataset.from_frames(events).histories(value_exponent=1.0).strengths.tolist() == [1, 1]

    events = events.drop("value")
    assert Dataset.from_frames(events).histories(value_exponent=1.0).strengths.tolist() == [1, 1]


def test_kinds_that_are_not_named_or_missing_count_one() -> None:
    events = pl.DataFrame({"user_id": ["a"] * 3, "item_id": ITEMS, "event": ["view", None, "gift"]})
    histories = Dataset.from_frames(events, CATALOGUE).histories({"view": 0.5})

    assert histories.strengths.tolist() == [0.5, 1.0, 1.0]


@given(EVENTS)
def test_weights_are_sorted_positive_and_without_repeats(
    events: list[tuple[str, str, int, str]],
) -> None:
    histories = dataset(events).histories()
    weights = histories.weights(half_life=0.05)  # old events fall below the smallest float

    expected = np.zeros(weights.shape)
    np.add.at(expected, (histories.users, histories.items), np.exp2(-histories.ages / 0.05))
    np.testing.assert_allclose(weights.toarray(), expected, rtol=1e-5, atol=1e-38)
    assert (weights.data > 0).all()
    assert weights.dtype == np.float32
    assert weights.has_canonical_format


@given(EVENTS, st.lists(st.integers(0, 3), max_size=6))
def test_of_gives_the_rows_asked_for_in_order(
    events: list[tuple[str, str, int, str]], rows: list[int]
) -> None:
    histories = dataset(events).histories()
    wanted = np.array([row % histories.n_users for row in rows], dtype=np.int64)

    chosen = histories.of(wanted)

    assert chosen.n_users == wanted.size
    for place, user in enumerate(wanted):
        there = slice(histories.indptr[user], histories.indptr[user + 1])
        here = slice(chosen.indptr[place], chosen.indptr[place + 1])
        for field in ("items", "ages", "strengths"):
            np.testing.assert_array_equal(
                getattr(chosen, field)[here], getattr(histories, field)[there]
            )
    for life in (None, 3.0):
        np.testing.assert_allclose(
            chosen.weights(life).toarray(), histories.weights(life).toarray()[wanted], rtol=1e-6
        )


def test_a_duplicated_user_has_the_same_history() -> None:
    twin = [("twin", item, hour, kind) for user, item, hour, kind in BY_HAND if user == "a"]
    weights = dataset(BY_HAND + twin).histories().weights(half_life=7.0).toarray()

    np.testing.assert_array_equal(weights[0], weights[2])


@pytest.mark.parametrize("shift", [1, 10])
def test_ages_do_not_depend_on_the_calendar(shift: int) -> None:
    later = [(user, item, hour + 24 * shift, kind) for user, item, hour, kind in BY_HAND]

    assert_same(dataset(later).histories(), dataset(BY_HAND).histories())
