"""Histories open to more: any way of delivering events leads to the same state."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.data import Dataset, Histories, live
from hybridrec.shop import Shop

START = datetime(2024, 1, 1, tzinfo=UTC)
ITEMS = ["x", "y", "z"]
CATALOGUE = pl.DataFrame({"item_id": ITEMS})
STRENGTHS = {"v": 0.5}
SCHEMA = ["user_id", "item_id", "hour", "event", "value"]
EVENT = st.tuples(
    st.sampled_from("abcd"),
    st.sampled_from(ITEMS),
    st.integers(0, 30),
    st.sampled_from(["v", "p", None]),
    st.sampled_from([1.0, 2.0, None]),
)
STREAM = st.lists(EVENT, min_size=2, max_size=40)
CUTS = st.lists(st.integers(0, 40), max_size=5)
Row = tuple[str, str, int, str | None, float | None]
Seen = list[tuple[float, ...]]


def table(events: list[Row], timed: bool = True) -> pl.DataFrame:
    kinds = [pl.String, pl.String, pl.Int64, pl.String, pl.Float64]
    frame = pl.DataFrame(events, schema=dict(zip(SCHEMA, kinds, strict=True)), orient="row")
    if not timed:
        return frame.drop("hour")
    moment = pl.lit(START) + pl.duration(hours=pl.col("hour"))
    return frame.with_columns(moment.alias("timestamp")).drop("hour")


def shop_of(events: pl.DataFrame) -> Shop:
    data = Dataset.from_frames(events, CATALOGUE)
    return Shop.of(data, data.histories(STRENGTHS), None)


def pieces(events: list[Row], cuts: list[int]) -> list[list[Row]]:
    edges = sorted({0, len(events), *(min(cut, len(events)) for cut in cuts)})
    return [events[a:b] for a, b in pairwise(edges)]


def by_user(shop: Shop, histories: Histories | None = None) -> dict[object, Seen]:
    """Everyone's events in order: item, age, strength."""
    histories = shop.histories if histories is None else histories
    found = {}
    for row, user in enumerate(shop.users.values):
        own = slice(histories.indptr[row], histories.indptr[row + 1])
        found[user] = list(
            zip(
                histories.items[own].tolist(),
                histories.ages[own].round(9).tolist(),
                histories.strengths[own].tolist(),
                strict=True,
            )
        )
    return found


@given(stream=STREAM, cuts=CUTS, most_later=st.sampled_from([0, 3, 16_384]))
def test_any_chopping_of_a_stream_is_like_all_at_once_and_like_from_scratch(
    stream: list[Row], cuts: list[int], most_later: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "MOST_LATER", most_later)
        shop = once = shop_of(table(stream[:1]))
        for piece in pieces(stream[1:], cuts):
            shop = shop.with_events(table(piece), STRENGTHS)
        once = once.with_events(table(stream[1:]), STRENGTHS)
    scratch = shop_of(table(list(dict.fromkeys(stream))))

    assert shop.as_of == once.as_of == scratch.as_of
    assert by_user(shop) == by_user(once) == by_user(scratch)
    # a few users are put together from both parts, everyone from one
    few = shop.live.of(np.arange(len(shop.users)))
    assert by_user(shop, few) == by_user(shop)


@given(stream=STREAM, again=STREAM)
def test_what_is_known_changes_nothing(stream: list[Row], again: list[Row]) -> None:
    shop = shop_of(table(stream[:1])).with_events(table(stream), STRENGTHS)
    before = by_user(shop)

    known = [row for row in again if row in stream] + stream[::-1]
    after = shop.with_events(table(known), STRENGTHS)

    assert by_user(after) == before
    assert after.as_of == shop.as_of


@given(stream=STREAM, cuts=CUTS)
def test_without_times_events_go_behind_in_the_order_they_come(
    stream: list[Row], cuts: list[int]
) -> None:
    shop = shop_of(table(stream[:1], timed=False))
    for piece in pieces(stream[1:], cuts):
        shop = shop.with_events(table(piece, timed=False), STRENGTHS)

    assert by_user(shop) == by_user(shop_of(table(stream, timed=False)))


def test_a_row_below_zero_has_no_events() -> None:
    shop = shop_of(table([("a", "x", 0, "p", 1.0)]))

    asked = shop.histories_of([-1, 0, -1])

    assert np.diff(asked.indptr).tolist() == [0, 1, 0]


def test_times_survive_the_way_through_ages_to_the_microsecond() -> None:
    """Ages of decades, read back from doubles, order events that lie a microsecond apart."""
    moments = [START + timedelta(days=40 * 365), START, START + timedelta(microseconds=1)]
    events = pl.DataFrame({"user_id": "a", "item_id": ITEMS, "timestamp": moments})
    shop = shop_of(events)

    between = events[:1].with_columns(timestamp=pl.lit(START))
    moved = shop.with_events(between.with_columns(item_id=pl.lit("z")), {})

    assert moved.histories.items.tolist() == [1, 2, 2, 0]
    assert moved.live.all_settled().settled.times.tolist() == sorted(
        live.microseconds(moment) for moment in [*moments, START]
    )
