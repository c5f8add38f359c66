"""Cancellations against a plain loop over stacks of purchases."""

from collections import defaultdict
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec import Dataset
from hybridrec.data.quality import Inspection, QualityConfig
from hybridrec.data.quality.netting import netted

CANCELS = pl.col("event") == "cancel"

Event = tuple[int, int, str, str | None]
"""User, item, kind and quantity, a decimal number as it is written."""


def netted_by_loop(events: list[Event]) -> tuple[list[Fraction], int]:
    """What is left of every event, and the cancellations that find too little to cancel."""
    left = [Fraction(0)] * len(events)
    stacks: dict[tuple[int, int], list[int]] = defaultdict(list)
    unmatched = 0
    for row, (user, item, kind, written) in enumerate(events):
        quantity = Fraction("1" if written is None else written)
        stack = stacks[user, item]
        if kind == "purchase" and quantity > 0:
            left[row] = quantity
            stack.append(row)
        elif kind == "cancel":
            owed = abs(quantity)
            while owed and stack:
                taken = min(owed, left[stack[-1]])
                left[stack[-1]] -= taken
                owed -= taken
                if not left[stack[-1]]:
                    stack.pop()
            unmatched += owed > 0
    return left, unmatched


def frame_of(events: list[Event]) -> pl.DataFrame:
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "event": pl.String, "quantity": pl.String}
    return pl.DataFrame(events, schema=schema, orient="row").with_columns(
        pl.col("quantity").cast(pl.Float64)
    )


def assert_as_by_loop(events: list[Event], frame: pl.DataFrame) -> None:
    coded = frame.select("user_id", "item_id")
    found = netted(frame, coded, CANCELS, pl.col("event") == "purchase")
    left, unmatched = netted_by_loop(events)
    for row, (_, _, kind, written) in enumerate(events):
        whole = Fraction("1" if written is None else written)
        bought = kind == "purchase" and whole > 0
        assert found.reduced[row] == (bought and left[row] < whole)
        assert found.undone[row] == (bought and left[row] == 0)
        if bought:
            assert found.quantity[row] == pytest.approx(float(left[row]), abs=1e-9)
    assert found.unmatched == unmatched


quantities = st.sampled_from(["0.1", "0.2", "0.3", "1", "2", "3", "7", "0", "-1", "-0.3", None])
kinds = st.sampled_from(["purchase", "purchase", "cancel", "view"])
events = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), kinds, quantities), max_size=40)


@given(events)
def test_netting_is_what_stacks_give(events: list[Event]) -> None:
    assert_as_by_loop(events, frame_of(events))


@given(events)
def test_events_without_quantities_count_one(events: list[Event]) -> None:
    plain = [(user, item, kind, None) for user, item, kind, _ in events]
    assert_as_by_loop(plain, frame_of(plain).drop("quantity"))


def test_events_of_unknown_users_cancel_nothing() -> None:
    frame = pl.DataFrame(
        {
            "user_id": [None, None, 1, 1],
            "item_id": [1, 1, None, 2],
            "event": ["purchase", "cancel", "cancel", "purchase"],
        }
    )
    found = netted(frame, frame.select("user_id", "item_id"), CANCELS)
    assert found.quantity.to_list() == [1, 1, 1, 1]
    assert not found.undone.any()
    assert found.unmatched == 2


def test_sums_of_decimal_fractions_leave_nothing() -> None:
    events: list[Event] = [(1, 1, "purchase", "0.1"), (1, 1, "purchase", "0.2")]
    frame = frame_of([*events, (1, 1, "cancel", "0.3")])
    found = netted(frame, frame.select("user_id", "item_id"), CANCELS)
    assert found.undone.to_list() == [True, True, False]
    assert found.unmatched == 0


def dataset(**columns: list[object]) -> Dataset:
    n = len(next(iter(columns.values())))
    return Dataset.from_frames(
        pl.DataFrame({"user_id": ["u"] * n, "item_id": ["i"] * n, **columns})
    )


def test_cancelled_invoices_are_set_off_latest_first() -> None:
    data = dataset(session_id=["1", "2", "C3", "4", "C5"], quantity=[5, 3, -4, 1, -9])
    [finding] = data.check()["cancellations"]
    assert finding.rows is not None
    assert (finding.severity, finding.rows.to_list()) == ("warning", [2, 4])
    assert "undo 3 purchases whole and 0 in part; 1 find no purchase" in finding.detail
    partly = dataset(session_id=["1", "2", "C3", "4"], quantity=[5, 3, -4, 1])
    clean = partly.clean(["cancellations"])
    assert clean.events.select("session_id", "quantity").rows() == [("1", 4), ("4", 1)]
    [entry] = clean.ledger
    assert (entry.rows_in, entry.rows_out, entry.rows_changed) == (4, 2, 1)
    assert clean.clean(["cancellations"]) is clean


def test_negative_quantities_cancel_only_where_nothing_is_marked() -> None:
    unmarked = dataset(quantity=[5, -2, 3])
    assert unmarked.clean(["cancellations"]).events["quantity"].to_list() == [3, 3]
    marked = dataset(session_id=["1", "C2", "3", "4"], quantity=[5, -2, 3, -1])
    assert marked.check()["non-positive-quantity"][0].count == 1
    assert marked.check()["cancellations"][0].count == 1


def test_corrections_of_the_stock_are_none_once_cancellations_are_gone() -> None:
    data = dataset(session_id=["1", "C2", "3"], quantity=[5, -2, -1])
    clean = data.clean(["cancellations"])
    report = clean.check()
    assert not report["cancellations"]
    assert report["non-positive-quantity"][0].count == 1
    assert data.clean().events["quantity"].to_list() == [3]


def test_a_refund_undoes_the_purchase_and_not_the_view_after_it() -> None:
    data = dataset(event=["purchase", "view", "Refund", "view"])
    clean = data.clean(["cancellations"])
    assert clean.events["event"].to_list() == ["view", "view"]


def test_views_have_no_quantity_to_be_wrong() -> None:
    data = dataset(event=["view", "view", "purchase", "purchase"], quantity=[0, None, 0, 2])
    [finding] = data.check()["non-positive-quantity"]
    assert finding.rows is not None
    assert finding.rows.to_list() == [2]


def test_kinds_of_cancellation_are_settings() -> None:
    data = dataset(event=["purchase", "storno"])
    assert not data.check()["cancellations"]
    config = QualityConfig(cancellation_events=("storno",))
    assert data.check(config=config)["cancellations"][0].count == 1


@pytest.mark.parametrize(
    "sessions", [[1, 2], [1.5, 2.5], [["C1"], ["C2"]], pl.Series(["1", "C2"], dtype=pl.Categorical)]
)
def test_sessions_of_any_type(sessions: list[object]) -> None:
    data = dataset(session_id=sessions)
    assert data.events.select(Inspection(data, QualityConfig()).cancels.any()).item() == (
        not isinstance(sessions, list) or isinstance(sessions[0], list)
    )
