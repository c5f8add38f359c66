"""Any dataframe in, the same dataset out; what cannot be read is refused by name."""

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from hybridrec.data import Dataset
from hybridrec.errors import DataError

EVENTS = {
    "user_id": ["ana", "bo", "ana", "çelik"],
    "item_id": ["x", "y", "y", "ж"],
    "timestamp": [
        datetime(2024, 1, 3, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 2, tzinfo=UTC),
        datetime(2024, 1, 4, tzinfo=UTC),
    ],
    "event": ["purchase", "view", "view", "purchase"],
    "value": [1.0, 2.0, 3.0, 4.0],
}
CATALOGUE = {"item_id": ["y", "ж", "x"], "title": ["Tea", "Ёлка", None], "price": [1.5, 2.0, 3.0]}

LIBRARIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "polars": pl.DataFrame,
    "lazy polars": pl.LazyFrame,
    "pandas": pd.DataFrame,
    "pandas objects": lambda table: pd.DataFrame(table).astype({"item_id": object}),
    "pandas categories": lambda table: pd.DataFrame(table).astype({"item_id": "category"}),
    "pyarrow": pa.table,
}


READERS: dict[str, Callable[[Dataset], Any]] = {
    "sound": lambda data: data.sound(),
    "users": lambda data: data.users,
    "items": lambda data: data.items,
    "histories": lambda data: data.histories(),
    "split": lambda data: data.split_leave_last_out(),
}


def stamped(times: list[Any]) -> pl.DataFrame:
    n = len(times)
    return pl.DataFrame(
        {"user_id": ["u"] * n, "item_id": ["i"] * n, "timestamp": times}, strict=False
    )


@pytest.fixture
def expected() -> Dataset:
    return Dataset.from_frames(pl.DataFrame(EVENTS), pl.DataFrame(CATALOGUE))


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_dataframe_library_gives_the_same_dataset(library: str, expected: Dataset) -> None:
    made = LIBRARIES[library]
    data = Dataset.from_frames(made(EVENTS), made(CATALOGUE))

    assert data.events.to_dicts() == expected.events.to_dicts()
    assert data.catalogue["price"].to_list() == expected.catalogue["price"].to_list()
    assert data.users.values == expected.users.values == ["ana", "bo", "çelik"]
    assert data.items.values == expected.items.values == ["y", "ж", "x"]
    assert data.titles == ["Tea", "Ёлка", "x"]
    assert data.as_of == datetime(2024, 1, 4, tzinfo=UTC)


def test_events_are_in_order_of_time_and_keep_their_columns(expected: Dataset) -> None:
    assert expected.events["value"].to_list() == [2.0, 3.0, 1.0, 4.0]
    assert expected.events["event"].to_list() == ["view", "view", "purchase", "purchase"]


def test_columns_give_the_shop_its_own_names(expected: Dataset) -> None:
    names = {"customer": "user_id", "sku": "item_id", "bought": "timestamp"}
    back = {new: old for old, new in names.items()}
    data = Dataset.from_frames(
        pl.DataFrame(EVENTS).rename(back),
        pl.DataFrame(CATALOGUE).rename({"item_id": "sku"}),
        columns=names,
    )

    assert data.events.equals(expected.events)
    assert data.catalogue.equals(expected.catalogue)


def test_a_name_that_is_taken_is_refused() -> None:
    events = pl.DataFrame({"user_id": [1], "item_id": [2], "sku": [3]})

    with pytest.raises(DataError, match="sku"):
        Dataset.from_frames(events, columns={"sku": "item_id"})


def test_repeats_are_kept() -> None:
    events = pl.DataFrame({"user_id": ["a"] * 3, "item_id": ["x"] * 3, "timestamp": [5, 5, 5]})
    data = Dataset.from_frames(events)

    assert data.events.height == 3
    assert data.histories().weights().toarray().tolist() == [[3.0]]


def test_events_of_one_moment_keep_their_order() -> None:
    events = pl.DataFrame(
        {"user_id": ["a"] * 4, "item_id": ["d", "b", "c", "a"], "timestamp": [9, 1, 1, 1]}
    )

    assert Dataset.from_frames(events).events["item_id"].to_list() == ["b", "c", "a", "d"]


def test_without_a_catalogue_the_items_are_those_of_the_events() -> None:
    data = Dataset.from_frames(pl.DataFrame({"user_id": [1, 1, 2], "item_id": ["b", "a", "b"]}))

    assert data.items.values == ["b", "a"]
    assert data.as_of is None
    assert repr(data) == "Dataset(3 events, 2 users, 2 items, no times)"


MOMENT = datetime(2024, 3, 1, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "moments"),
    [
        ([datetime(2024, 3, 1, 10, 30)], [MOMENT]),
        ([MOMENT.astimezone(ZoneInfo("Asia/Tokyo"))], [MOMENT]),
        ([MOMENT.astimezone(timezone(timedelta(hours=-5)))], [MOMENT]),
        ([date(2024, 3, 1)], [datetime(2024, 3, 1, tzinfo=UTC)]),
        (["2024-03-01T10:30:00Z"], [MOMENT]),
        (["2024-03-01T12:30:00+02:00"], [MOMENT]),
        (["2024-03-01 10:30:00"], [MOMENT]),
        (["2024-03-01"], [datetime(2024, 3, 1, tzinfo=UTC)]),
        ([int(MOMENT.timestamp())], [MOMENT]),
        ([MOMENT.timestamp() + 0.5], [MOMENT + timedelta(seconds=0.5)]),
        ([-86_400], [datetime(1969, 12, 31, tzinfo=UTC)]),
    ],
    ids=str,
)
def test_times_are_read_as_utc(times: list[Any], moments: list[datetime]) -> None:
    assert Dataset.from_frames(stamped(times)).events["timestamp"].to_list() == moments


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_of_every_precision_are_read(unit: Any) -> None:
    events = stamped([MOMENT]).with_columns(pl.col("timestamp").dt.cast_time_unit(unit))

    assert Dataset.from_frames(events).as_of == MOMENT


@pytest.mark.parametrize(
    ("times", "named"),
    [
        (["2024-03-01", "yesterday", "soon"], "2 of 3 times .* 'yesterday' in row 1"),
        (["soon", "later"], "'soon' in row 0"),
        ([float("inf"), float("inf"), 1.7e9], "inf in row 0"),
        ([1_700_000_000_000], "1700000000000 .* milliseconds"),
        ([True], "Boolean"),
        ([timedelta(days=1)], "Duration"),
    ],
)
def test_columns_that_hold_no_times_are_refused_by_value(times: list[Any], named: str) -> None:
    with pytest.raises(DataError, match=named):
        Dataset.from_frames(stamped(times))


@pytest.mark.parametrize(
    ("times", "as_given"),
    [
        (["2024-03-01", "yesterday"], ["2024-03-01", "yesterday"]),
        ([1.7e9, float("inf")], ["1700000000.0", "inf"]),
        ([5, 1_700_000_000_000], ["5", "1700000000000"]),
    ],
)
def test_a_single_time_that_is_none_is_kept_as_given(times: list[Any], as_given: list[str]) -> None:
    data = Dataset.from_frames(stamped(times))

    assert data.events["timestamp"].null_count() == 1
    assert sorted(data.events["timestamp_as_given"]) == sorted(as_given)
    with pytest.raises(DataError, match="1 rows lack a user, an item or a time"):
        data.sound()


def test_missing_times_are_null_and_nothing_is_kept_beside_them() -> None:
    data = Dataset.from_frames(stamped([1.7e9, float("nan")]))

    assert data.events["timestamp"].null_count() == 1
    assert "timestamp_as_given" not in data.events.columns
    assert data.as_of == datetime.fromtimestamp(1.7e9, UTC)


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_a_missing_column_is_named_with_those_there(column: str) -> None:
    events = pl.DataFrame(EVENTS).rename({column: "kolumne"})

    with pytest.raises(DataError, match=rf"(?s)'{column}'.*'kolumne'"):
        Dataset.from_frames(events)


def test_a_catalogue_without_ids_is_refused() -> None:
    with pytest.raises(DataError, match="catalogue: no column 'item_id'"):
        Dataset.from_frames(pl.DataFrame(EVENTS), pl.DataFrame({"sku": ["x"]}))


@pytest.mark.parametrize("table", ["events", "catalogue", "triples"])
def test_empty_tables_are_refused_by_name(table: str) -> None:
    triples = {"head": ["x"], "relation": ["r"], "tail": ["t"]}
    tables = {"events": EVENTS, "catalogue": CATALOGUE, "triples": triples}
    frames = {name: pl.DataFrame(columns) for name, columns in tables.items()}
    frames[table] = frames[table].clear()

    with pytest.raises(DataError, match=f"{table}: the table has no rows"):
        Dataset.from_frames(frames["events"], frames["catalogue"], triples=frames["triples"])


def test_triples_need_their_columns() -> None:
    with pytest.raises(DataError, match="triples: no column 'tail'"):
        Dataset.from_frames(
            pl.DataFrame(EVENTS), triples=pl.DataFrame({"head": ["x"], "relation": ["r"]})
        )


@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_ids_that_are_all_null_are_refused(column: str) -> None:
    with pytest.raises(DataError, match=f"'{column}' holds no id"):
        Dataset.from_frames(pl.DataFrame(EVENTS).with_columns(pl.lit(None).alias(column)))


@pytest.mark.parametrize("column", ["user_id", "item_id", "timestamp"])
def test_a_null_key_is_kept_until_a_model_would_read_it(column: str) -> None:
    row = pl.int_range(pl.len())
    events = pl.DataFrame(EVENTS).with_columns(pl.when(row != 2).then(pl.col(column)).alias(column))

    data = Dataset.from_frames(events)

    assert data.events[column].null_count() == 1
    assert data.events.height == 4
    for read in READERS:
        with pytest.raises(DataError, match=r"(?s)1 rows lack .*data\.clean\(\)"):
            READERS[read](data)


@pytest.mark.parametrize("blank", ["", "  ", "\t"])
@pytest.mark.parametrize("column", ["user_id", "item_id"])
def test_a_blank_id_is_no_id(column: str, blank: str) -> None:
    events = pl.DataFrame(EVENTS).with_columns(
        pl.col(column).replace("ana", blank).replace("ж", blank)
    )
    data = Dataset.from_frames(events)

    assert data.events[column].null_count() > 0
    assert blank not in data.events[column]


def test_objects_of_pandas_are_what_they_hold() -> None:
    made = uuid.uuid4()
    items = pd.DataFrame(
        {
            "item_id": ["x", "y"],
            "tags": [["red", "new"], ["red"]],
            "vegan": [True, np.nan],
            "since": [date(2024, 1, 1), None],
            "price": [Decimal("2.5"), None],
            "key": [made, np.nan],
        }
    )
    events = pd.DataFrame({"user_id": [made, np.nan], "item_id": ["x", "y"]})
    events["timestamp"] = pd.to_datetime(["2024-01-02", "2024-01-03"]).date

    data = Dataset.from_frames(events, items)

    assert data.catalogue.drop("item_id").to_dicts() == [
        {
            "tags": ["red", "new"],
            "vegan": True,
            "since": date(2024, 1, 1),
            "price": 2.5,
            "key": str(made),
        },
        {"tags": ["red"], "vegan": None, "since": None, "price": None, "key": None},
    ]
    assert data.as_of == datetime(2024, 1, 3, tzinfo=UTC)
    assert data.events["user_id"].to_list() == [str(made), None]


def test_integers_that_pandas_made_floats_stay_integers() -> None:
    events = pd.DataFrame({"user_id": [1, 2, 3], "item_id": pd.Series([7, None, 9])})
    data = Dataset.from_frames(events)
    assert data.events["item_id"].to_list() == [7, None, 9]
    with pytest.raises(DataError, match=r"1 rows lack .* row 1"):
        data.sound()

    assert Dataset.from_frames(events.dropna()).items.values == [7, 9]


class TestItemsTheCatalogueLacks:
    events = pl.DataFrame(EVENTS)
    catalogue = pl.DataFrame(CATALOGUE).filter(pl.col("item_id") != "y")

    def test_are_named_where_a_model_would_read_them(self) -> None:
        data = Dataset.from_frames(self.events, self.catalogue)

        assert data.events.height == 4
        assert data.catalogue["item_id"].to_list() == ["ж", "x"]
        for read in READERS:
            with pytest.raises(DataError, match=r"(?s)1 items .* in 2 events: 'y'"):
                READERS[read](data)

    def test_do_not_count_where_the_item_is_missing(self) -> None:
        events = self.events.with_columns(pl.col("item_id").replace("y", None))

        with pytest.raises(DataError) as refused:
            Dataset.from_frames(events, self.catalogue).sound()
        assert "not in the catalogue" not in str(refused.value)


def test_an_item_twice_in_the_catalogue_is_refused_by_id() -> None:
    catalogue = pl.concat([pl.DataFrame(CATALOGUE), pl.DataFrame(CATALOGUE).head(1)])
    data = Dataset.from_frames(pl.DataFrame(EVENTS), catalogue)

    assert data.catalogue.height == 4
    with pytest.raises(DataError, match="1 items have more than one row: 'y'"):
        data.sound()


def test_a_catalogue_row_without_an_id_is_refused() -> None:
    catalogue = pl.concat(
        [pl.DataFrame(CATALOGUE), pl.DataFrame({"item_id": [None]})], how="diagonal_relaxed"
    )
    data = Dataset.from_frames(pl.DataFrame(EVENTS), catalogue)

    with pytest.raises(DataError, match="catalogue: 1 rows have no item_id"):
        data.sound()


def test_all_that_is_unsound_is_named_at_once() -> None:
    events = pl.DataFrame({"user_id": ["u", None], "item_id": ["x", "z"]})
    catalogue = pl.DataFrame({"item_id": ["x", "x", None]})

    with pytest.raises(DataError) as refused:
        Dataset.from_frames(events, catalogue).sound()
    message = str(refused.value)
    for named in ("1 rows lack", "1 rows have no item_id", "more than one row: 'x'", "1 items are"):
        assert named in message


def test_what_is_sound_is_itself(expected: Dataset) -> None:
    assert expected.sound() is expected


def test_a_dirty_dataset_can_still_be_looked_at() -> None:
    events = pl.DataFrame({"user_id": ["u", None, "v"], "item_id": ["x", "x", None]})
    data = Dataset.from_frames(events, pl.DataFrame({"item_id": ["x", "x"]}))

    assert repr(data) == "Dataset(3 events, 2 users, 1 items, no times)"


class TestUsers:
    events = pl.DataFrame({"user_id": [1, 2], "item_id": ["x", "y"]})

    def test_keep_their_attributes(self) -> None:
        users = pl.DataFrame({"customer": [2, 3], "town": ["Ulm", "Bonn"]})
        data = Dataset.from_frames(self.events, users=users, columns={"customer": "user_id"})

        assert data.user_attributes is not None
        assert data.user_attributes.rows() == [(2, "Ulm"), (3, "Bonn")]
        assert data.users.values == [1, 2]  # those with events

    def test_have_ids_of_the_events_type(self) -> None:
        with pytest.raises(DataError, match="user ids are of type int in the events and str"):
            Dataset.from_frames(self.events, users=pl.DataFrame({"user_id": ["1"]}))

    def test_need_ids(self) -> None:
        with pytest.raises(DataError, match="users: no column 'user_id'"):
            Dataset.from_frames(self.events, users=pl.DataFrame({"town": ["Ulm"]}))


class TestTimesOfATable:
    def test_that_name_no_zone_are_of_the_one_given(self) -> None:
        times = {"available_from": [datetime(2024, 7, 1)], "available_to": ["2024-12-01 08:00"]}
        data = Dataset.from_frames(
            stamped([datetime(2024, 7, 1, 12)]),
            pl.DataFrame({"item_id": ["i"], **times}),
            triples=pl.DataFrame(
                {"head": ["i"], "relation": ["r"], "tail": ["t"], "timestamp": ["2024-07-01"]}
            ),
            time_zone="Europe/Berlin",
        )

        assert data.as_of == datetime(2024, 7, 1, 10, tzinfo=UTC)
        assert data.catalogue["available_from"][0] == datetime(2024, 6, 30, 22, tzinfo=UTC)
        assert data.catalogue["available_to"][0] == datetime(2024, 12, 1, 7, tzinfo=UTC)
        assert data.triples is not None
        assert data.triples["timestamp"][0] == datetime(2024, 6, 30, 22, tzinfo=UTC)

    def test_are_read_in_the_form_given(self) -> None:
        events = stamped(["01.02.24", "03.02.24"])

        data = Dataset.from_frames(events, time_format="%d.%m.%y")

        assert data.as_of == datetime(2024, 2, 3, tzinfo=UTC)


def test_item_ids_of_two_types_are_refused_by_type() -> None:
    events = pl.DataFrame({"user_id": [1], "item_id": [2]})

    with pytest.raises(DataError, match="int in the events and str in the catalogue"):
        Dataset.from_frames(events, pl.DataFrame({"item_id": ["2"]}))


@pytest.mark.parametrize("table", [None, 5, "events.csv", [1, 2], np.zeros(3)])
def test_what_is_no_dataframe_is_refused_by_type(table: Any) -> None:
    with pytest.raises(DataError, match=type(table).__name__):
        Dataset.from_frames(table)


class TestKeepItems:
    events = pl.DataFrame(
        {"user_id": ["a", "b", "a", "a", "c"], "item_id": ["x", "x", "y", "y", "z"]}
    )
    triples = pl.DataFrame(
        {
            "head": ["x", "y", "maker", "x"],
            "relation": ["goes with", "made by", "sells", "goes with"],
            "tail": ["z", "maker", "x", "w"],
            "head_type": [None, None, "maker", None],
            "tail_type": ["item", "maker", "item", "thing"],
        }
    )

    def test_counts_users_not_events(self) -> None:
        kept = Dataset.from_frames(self.events).keep_items(min_users=2)

        assert kept.items.values == ["x"]
        assert kept.users.values == ["a", "b"]

    def test_leaves_out_triples_of_items_that_go(self) -> None:
        kept = Dataset.from_frames(self.events, triples=self.triples).keep_items(min_users=2)

        assert kept.triples is not None
        assert kept.triples["head"].to_list() == ["maker", "x"]

    def test_keeps_everything_that_one_user_met(self) -> None:
        data = Dataset.from_frames(self.events)

        assert data.keep_items(min_users=1).events.equals(data.events)

    def test_leaves_at_least_one_item(self) -> None:
        with pytest.raises(DataError, match=r"min_users=3.* the most is 2"):
            Dataset.from_frames(self.events).keep_items(min_users=3)
