"""Whatever is in the test part, training stays exactly what it was."""

from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hybridrec.data import Dataset
from hybridrec.errors import DataError

START = datetime(2024, 1, 1, tzinfo=UTC)
LAST_HOUR = 240
CUT_HOUR = 144
CUT = START + timedelta(hours=CUT_HOUR)
N_USERS, N_ITEMS = 12, 24
CATALOGUE = pl.DataFrame({"item_id": range(N_ITEMS)})
USERS = pl.DataFrame({"user_id": range(N_USERS), "town": ["Ulm", "Bonn", None, "Kiel"] * 3})
ANY_HOUR = st.integers(0, LAST_HOUR)
EARLY, LATE = st.integers(0, CUT_HOUR), st.integers(CUT_HOUR + 1, LAST_HOUR)


class Event(NamedTuple):
    user: int
    item: int
    hour: int
    price: float
    part: str | None


class Fact(NamedTuple):
    item: int
    maker: int
    hour: int | None


def events(
    hours: st.SearchStrategy[int] = ANY_HOUR, min_size: int = 0
) -> st.SearchStrategy[list[Event]]:
    event = st.builds(
        Event,
        st.integers(0, N_USERS - 1),
        st.integers(0, N_ITEMS - 1),
        hours,
        st.sampled_from([1.0, 2.5, 9.0]),
        st.sampled_from(["fit", "tune", "test", None]),
    )
    return st.lists(event, min_size=min_size, max_size=20)


def facts(hours: st.SearchStrategy[int | None]) -> st.SearchStrategy[list[Fact]]:
    fact = st.builds(Fact, st.integers(0, N_ITEMS - 1), st.integers(0, 3), hours)
    return st.lists(fact, max_size=6)


def dataset(rows: list[Event], known: list[Fact] | None = None, timed: bool = True) -> Dataset:
    events = pl.DataFrame(
        rows,
        schema={
            "user_id": pl.Int64,
            "item_id": pl.Int64,
            "hour": pl.Int64,
            "price": pl.Float64,
            "part": pl.String,
        },
        orient="row",
    )
    triples = pl.DataFrame(
        known or [], schema={"head": pl.Int64, "tail": pl.Int64, "hour": pl.Int64}, orient="row"
    ).with_columns(relation=pl.lit("made by"))
    return Dataset.from_frames(
        _stamped(events) if timed else events.drop("hour"),
        CATALOGUE,
        triples=_stamped(triples) if known else None,
        users=USERS,
        roles={"part": "ignored"},
    )


def _stamped(table: pl.DataFrame) -> pl.DataFrame:
    moment = pl.lit(START) + pl.duration(hours=pl.col("hour"))
    return table.with_columns(moment.alias("timestamp")).drop("hour")


def assert_same(one: Dataset, other: Dataset) -> None:
    """Nothing a model or a feature could read differs."""
    assert one.events.equals(other.events)
    assert one.as_of == other.as_of
    assert one.catalogue.equals(other.catalogue)
    assert (one.triples is None) == (other.triples is None)
    if one.triples is not None and other.triples is not None:
        assert one.triples.equals(other.triples)
    for half_life in (None, 3.0):
        weights = [data.histories().weights(half_life) for data in (one, other)]
        assert (weights[0] != weights[1]).nnz == 0
    assert one.popularity(half_life_days=2).equals(other.popularity(half_life_days=2))
    assert one.prices_seen().equals(other.prices_seen())
    assert one.co_purchases(min_count=1).equals(other.co_purchases(min_count=1))


def counted(*parts: Dataset) -> Counter[Any]:
    return Counter(row for part in parts for row in part.events.rows())


AT_A_MOMENT: dict[str, Callable[[Dataset], tuple[Dataset, Dataset]]] = {
    "by time": lambda data: data.split_by_time(at=CUT),
    "new users": lambda data: data.split_new_users(at=CUT),
    "cold items": lambda data: data.split_cold_items(at=CUT),
}
IN_PARTS: dict[str, Callable[[Dataset], tuple[Dataset, Dataset]]] = {
    "share of users": lambda data: data.split_new_users(share=0.4, seed=3),
    "share of items": lambda data: data.split_cold_items(share=0.4, seed=3),
    "group of events": lambda data: data.split_by_group("part", test=["test"]),
    "group of users": lambda data: data.split_by_group("town", test=["Ulm", "Kiel"]),
}
LAST_OUT: dict[str, Callable[[Dataset], tuple[Dataset, Dataset]]] = {
    "leave last out": lambda data: data.split_leave_last_out(1),
    "rolling origin": lambda data: next(data.rolling_origins(test_days=1, n=2)),
}
SPLITS = AT_A_MOMENT | IN_PARTS | LAST_OUT


def split(name: str, data: Dataset) -> tuple[Dataset, Dataset]:
    """The split, where the data allow it."""
    try:
        return SPLITS[name](data)
    except DataError:
        assume(False)
        raise


@pytest.mark.parametrize("name", AT_A_MOMENT)
@settings(max_examples=25)
@given(
    before=events(hours=EARLY, min_size=1),
    after=st.tuples(events(hours=LATE), events(hours=LATE)),
    known=facts(st.one_of(st.none(), EARLY)),
    learnt=st.tuples(facts(LATE), facts(LATE)),
)
def test_what_comes_after_the_moment_changes_nothing_before_it(
    name: str,
    before: list[Event],
    after: tuple[list[Event], list[Event]],
    known: list[Fact],
    learnt: tuple[list[Fact], list[Fact]],
) -> None:
    # an item and a user of their own, so that no split lacks a test part
    stranger = Event(N_USERS - 1, N_ITEMS - 1, LAST_HOUR, 1.0, None)
    before = [event for event in before if event.user < stranger.user]
    before = [event for event in before if event.item < stranger.item]
    assume(before)
    always = [*known, Fact(0, 0, None)]

    one, _ = SPLITS[name](dataset([*before, *after[0], stranger], [*always, *learnt[0]]))
    other, _ = SPLITS[name](dataset([*after[1], stranger, *before], [*learnt[1], *always]))

    assert_same(one, other)
    assert one.as_of == CUT
    assert counted(one) == counted(dataset(before))


@given(
    before=events(hours=EARLY, min_size=1),
    after=st.tuples(events(hours=LATE), events(hours=LATE)),
    ends=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2),
)
def test_what_comes_after_an_origin_changes_nothing_before_it(
    before: list[Event],
    after: tuple[list[Event], list[Event]],
    ends: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    """Four windows of a day; the first moment is the one all else is later than."""
    trains = []
    for later, (user, item) in zip(after, ends, strict=True):
        filled = [Event(user, item, hour, 1.0, None) for hour in (168, 192, 216, LAST_HOUR)]
        origins = dataset([*before, *later, *filled]).rolling_origins(test_days=1, n=4)
        trains.append(next(origins)[0])

    assert_same(*trains)
    assert counted(trains[0]) == counted(dataset(before))


HELD_OUT_USERS, HELD_OUT_ITEMS = (
    set(
        SPLITS[f"share of {what}s"](
            dataset([Event(n % N_USERS, n, n, 1.0, None) for n in range(N_ITEMS)])
        )[1].events[f"{what}_id"]
    )
    for what in ("user", "item")
)


def held_out(name: str, event: Event) -> bool:
    return {
        "share of users": event.user in HELD_OUT_USERS,
        "share of items": event.item in HELD_OUT_ITEMS,
        "group of events": event.part == "test",
        "group of users": USERS["town"][event.user] in ("Ulm", "Kiel"),
    }[name]


@pytest.mark.parametrize("name", IN_PARTS)
@settings(max_examples=25)
@given(
    rows=events(min_size=2),
    others=events(),
    known=st.tuples(facts(ANY_HOUR), facts(ANY_HOUR)),
)
def test_what_is_held_out_changes_nothing_in_the_rest(
    name: str, rows: list[Event], others: list[Event], known: tuple[list[Fact], list[Fact]]
) -> None:
    rest = [event for event in rows if not held_out(name, event)]
    out = [event for event in rows if held_out(name, event)]
    other_out = [event for event in others if held_out(name, event)]
    assume(rest and out and other_out)
    end = max(event.hour for event in rest)
    always = [Fact(0, 0, None), *(fact for fact in known[0] if (fact.hour or 0) <= end)]
    learnt = [fact for fact in known[1] if (fact.hour or 0) > end]

    one, test = SPLITS[name](dataset([*rest, *out], always))
    other, other_test = SPLITS[name](dataset([*other_out, *rest], [*learnt, *always]))

    assert_same(one, other)
    assert counted(one) == counted(dataset(rest))
    assert counted(test) == counted(dataset(out))
    assert counted(other_test) == counted(dataset(other_out))


@given(
    kept=st.dictionaries(st.integers(0, 5), st.lists(EARLY, min_size=1, max_size=4), min_size=1),
    out=st.tuples(*[st.lists(st.tuples(st.integers(0, 9), LATE), min_size=12, max_size=12)] * 2),
    n=st.integers(1, 2),
)
def test_the_last_events_left_out_change_nothing_before_them(
    kept: dict[int, list[int]], out: tuple[list[tuple[int, int]], ...], n: int
) -> None:
    early = [
        Event(user, hour % N_ITEMS, hour, 1.0, None)
        for user, hours in kept.items()
        for hour in hours
    ]
    trains = []
    for drawn in out:
        lasts = iter(drawn)
        late = [Event(user, *next(lasts), 2.0, None) for user in kept for _ in range(n)]
        trains.append(dataset([*early, *late]).split_leave_last_out(n)[0])

    assert_same(*trains)
    assert counted(trains[0]) == counted(dataset(early))


@pytest.mark.parametrize("name", SPLITS)
@settings(max_examples=25)
@given(
    rows=events(min_size=6).map(lambda rows: list({event.hour: event for event in rows}.values())),
    random=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(name: str, rows: list[Event], random: Any) -> None:
    train, test = split(name, dataset(rows))
    shuffled_train, shuffled_test = SPLITS[name](dataset(random.sample(rows, len(rows))))

    assert_same(train, shuffled_train)
    assert test.events.equals(shuffled_test.events)


@pytest.mark.parametrize("name", ["share of users", "share of items"])
@settings(max_examples=25)
@given(rows=events(min_size=2), random=st.randoms(use_true_random=False))
def test_a_share_needs_neither_times_nor_their_order(
    name: str, rows: list[Event], random: Any
) -> None:
    train, test = split(name, dataset(rows, timed=False))
    shuffled = SPLITS[name](dataset(random.sample(rows, len(rows)), timed=False))

    assert (counted(train), counted(test)) == (counted(shuffled[0]), counted(shuffled[1]))
    assert train.as_of is None


@pytest.mark.parametrize("name", SPLITS)
@settings(max_examples=25)
@given(rows=events(min_size=6), known=facts(ANY_HOUR))
def test_both_parts_are_parts_and_training_is_the_past(
    name: str, rows: list[Event], known: list[Fact]
) -> None:
    data = dataset(rows, [*known, Fact(0, 0, None)])
    train, test = split(name, data)

    together = counted(train, test)
    assert together <= counted(data)
    if name in IN_PARTS or name in ("by time", "leave last out"):
        assert together == counted(data)
    assert train.as_of is not None
    assert data.as_of is not None
    assert train.events["timestamp"].max() <= train.as_of <= data.as_of  # type: ignore[operator]
    assert train.triples is not None
    assert (train.triples["timestamp"].fill_null(START) <= train.as_of).all()
    if name not in IN_PARTS and name != "leave last out":
        assert (test.events["timestamp"] > train.as_of).all()
    for part in (train, test):
        changed = {"events", "triples", "as_of"}
        for field in fields(Dataset):
            if field.name not in changed:
                assert getattr(part, field.name) is getattr(data, field.name)


@pytest.mark.parametrize("column", ["user_id", "item_id"])
@given(rows=events(min_size=6))
def test_new_ones_are_all_that_came_first_after_the_moment(column: str, rows: list[Event]) -> None:
    name = {"user_id": "new users", "item_id": "cold items"}[column]
    data = dataset(rows)
    train, test = split(name, data)

    first = pl.col("timestamp").min().over(column) > CUT
    assert counted(test) == Counter(data.events.filter(first).rows())
    assert not set(train.events[column]) & set(test.events[column])


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("share of users", "user_id"),
        ("share of items", "item_id"),
        ("group of users", "user_id"),
    ],
)
@given(rows=events(min_size=6))
def test_what_is_held_out_as_a_whole_is_in_one_part(
    name: str, column: str, rows: list[Event]
) -> None:
    train, test = split(name, dataset(rows))

    assert not set(train.events[column]) & set(test.events[column])
    assert train.items.values == test.items.values == list(range(N_ITEMS))
