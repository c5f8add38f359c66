"""Checking and cleaning as a whole: never an accident, nothing silent, nothing twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from hybridrec import Dataset
from hybridrec.data.quality import (
    CHECKS,
    Check,
    Fix,
    Flagged,
    Inspection,
    QualityConfig,
    QualityReport,
    drop_rows,
    quality_check,
)
from hybridrec.data.quality.fixes import with_table
from hybridrec.errors import DataError

FIRST = datetime(2024, 3, 1, tzinfo=UTC)
NOW = datetime(2024, 6, 1, tzinfo=UTC)
CONFIG = QualityConfig(now=NOW)
TABLES = ("events", "catalogue", "triples", "user_attributes")
ORDER_DECIDES = {"exact-duplicates", "duplicated-sessions", "duplicate-catalogue-rows"}


def tables_of(data: Dataset) -> dict[str, pl.DataFrame]:
    return {name: table for name in TABLES if (table := getattr(data, name)) is not None}


def assert_equal_tables(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    assert one.keys() == other.keys()
    for name, table in one.items():
        plain = [column for column, dtype in table.schema.items() if dtype != pl.Object]
        assert_frame_equal(table.select(plain), other[name].select(plain))


def assert_same(one: Dataset, other: Dataset) -> None:
    assert_equal_tables(tables_of(one), tables_of(other))
    assert one.as_of == other.as_of


def dirty(values: list[str]) -> st.SearchStrategy[str | None]:
    return st.sampled_from([*values, *values, *(f" {value}" for value in values), None, "", "null"])


USERS = [f"u{n}" for n in range(5)]
ITEMS = [f"{n}" for n in range(10, 16)]
TITLES = [
    "Tea pot",
    "tea  POT",
    "CafÃ© crÃ¨me",
    "POSTAGE",
    "<b>Mug</b> &amp; cup",
    "",
    "x",
    None,
    "Été",
]
TIMES: list[datetime | None] = [
    None,
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2999, 1, 1, tzinfo=UTC),
    *(FIRST + timedelta(hours=7 * n) for n in range(12)),
]
AMOUNTS: list[float | None] = [None, -1.0, 0.0, 0.3, 1.0, 2.0, 1e6]
EXTRAS: list[st.SearchStrategy[pl.DataType]] = []


def extra_columns(height: int) -> st.SearchStrategy[dict[str, pl.Series]]:
    def of(values: list[object], dtype: pl.DataType) -> st.SearchStrategy[pl.Series]:
        drawn = st.lists(st.sampled_from([None, *values]), min_size=height, max_size=height)
        return drawn.map(lambda rows: pl.Series(rows, dtype=dtype, strict=False))

    column = st.one_of(
        of(["a", "A", "b > c", "c > b", "Ã©"], pl.String()),
        of(["a", "b"], pl.Categorical()),
        of(["a", "b"], pl.Enum(["a", "b"])),
        of([1, 2], pl.Int64()),
        of([1.5, float("nan"), float("inf")], pl.Float64()),
        of([True, False], pl.Boolean()),
        of([date(2024, 1, 1)], pl.Date()),
        of([timedelta(1)], pl.Duration()),
        of([b"a"], pl.Binary()),
        of([["a"], ["a", "b"], []], pl.List(pl.String())),
        of([[1, 2]], pl.Array(pl.Int64(), 2)),
        of([{"x": 1}, {"x": None}], pl.Struct({"x": pl.Int64()})),
        of([UUID(int=1), UUID(int=2)], pl.Object()),
        of([], pl.Null()),
    )
    names = st.sampled_from(
        ["to", "_row", "_n", "title_first", "period", "items", "row", "tags", "text", "brand",
         "category", "description", "session_id", "event", "usual", "key", "volume"]
    )  # fmt: skip
    return st.dictionaries(names, column, max_size=3)


@st.composite
def dirty_datasets(draw: st.DrawFn) -> Dataset:
    """Datasets with every kind of dirt that ``from_frames`` lets in."""

    def column(values: st.SearchStrategy[object], height: int) -> list[object]:
        return draw(st.lists(values, min_size=height, max_size=height))

    def table(height: int, **columns: st.SearchStrategy[object]) -> pl.DataFrame:
        chosen = {name: column(values, height) for name, values in columns.items()}
        frame = pl.DataFrame(chosen, strict=False)
        return frame.with_columns(
            series.alias(name) for name, series in draw(extra_columns(height)).items()
        )

    optional = {
        "timestamp": st.sampled_from(TIMES),
        "quantity": st.sampled_from(AMOUNTS),
        "price": st.sampled_from(AMOUNTS),
        "session_id": st.sampled_from(["s1", "s2", "C3", None]),
        "event": st.sampled_from(["purchase", "view", "refund", None]),
        "value": st.sampled_from([1, 5, None]),
        "title": st.sampled_from(TITLES),
    }
    kept = draw(st.sets(st.sampled_from(sorted(optional))))
    n_events = draw(st.integers(1, 14))
    events = table(
        n_events, user_id=dirty(USERS), item_id=dirty(ITEMS), **{c: optional[c] for c in kept}
    )
    given_tables: dict[str, pl.DataFrame] = {}
    if draw(st.booleans()):
        described = draw(st.sets(st.sampled_from(["title", "price", "available_from"])))
        columns = {
            "title": st.sampled_from(TITLES),
            "price": st.sampled_from(AMOUNTS),
            "available_from": st.sampled_from(TIMES),
        }
        given_tables["catalogue"] = table(
            draw(st.integers(1, 10)),
            item_id=dirty([*ITEMS, "GIFT"]),
            **{c: columns[c] for c in described},
        )
    if draw(st.booleans()):
        end = st.sampled_from([*ITEMS, "99", " 10", "x", None, ""])
        relation = st.sampled_from(["made_by", "parent", "item", None, " "])
        columns = {"head_type": st.sampled_from(["item", "class", None, ""])}
        columns["tail_type"] = columns["head_type"]
        typed = draw(st.sets(st.sampled_from(sorted(columns))))
        given_tables["triples"] = table(
            draw(st.integers(1, 8)),
            head=end,
            relation=relation,
            tail=end,
            **{c: columns[c] for c in typed},
        )
    if draw(st.booleans()):
        given_tables["users"] = table(
            draw(st.integers(1, 8)), user_id=dirty(USERS), age=st.sampled_from([20, 30, None])
        )
    try:
        return Dataset.from_frames(events, **given_tables)
    except DataError:
        assume(False)
        raise


def cleaned(data: Dataset, *codes: str, without: tuple[str, ...] = ()) -> Dataset | None:
    """The cleaned dataset; nothing where cleaning says that nothing would be left."""
    try:
        return data.clean(list(codes) or None, without=without, config=CONFIG)
    except DataError as error:
        assert "would leave nothing" in str(error)
        return None


@given(dirty_datasets())
def test_findings_name_rows_in_order(data: Dataset) -> None:
    before = {name: table.clone() for name, table in tables_of(data).items()}
    report = data.check(config=CONFIG)
    for finding in report.findings:
        assert 0 <= finding.share <= 1
        assert finding.detail
        if finding.rows is not None:
            assert finding.rows.dtype == pl.UInt32
            assert finding.count == finding.rows.len() > 0
            assert (finding.rows.diff().drop_nulls().cast(pl.Int64) > 0).all()
            assert finding.rows[-1] < report.rows[finding.table]
    assert_equal_tables(tables_of(data), before)


@given(dirty_datasets())
def test_cleaning_leaves_what_models_can_read_and_says_what_it_dropped(data: Dataset) -> None:
    before = {name: table.clone() for name, table in tables_of(data).items()}
    clean = cleaned(data)
    assert_equal_tables(tables_of(data), before)
    if clean is None:
        return
    clean.sound()
    for name, table in tables_of(clean).items():
        entries = [e for e in clean.ledger if e.table == name.replace("user_attributes", "users")]
        assert sum(e.rows_in - e.rows_out for e in entries) == before[name].height - table.height
        assert all(e.rows_changed <= min(e.rows_in, e.rows_out) for e in entries)
        assert all(e.rows_changed or e.rows_in != e.rows_out for e in entries)
    again = clean.clean(config=CONFIG)
    assert_same(again, clean)
    assert again.ledger == clean.ledger
    left = {f.code for f in clean.check(config=CONFIG).findings if f.fix and f.by_default}
    assert not left


@given(dirty_datasets(), st.sampled_from([one.code for one in CHECKS if one.fix]))
def test_one_fix_leaves_nothing_of_its_finding(data: Dataset, code: str) -> None:
    found = data.check(config=CONFIG)[code]
    clean = cleaned(data, code)
    if clean is None:
        return
    assert not clean.check(config=CONFIG)[code]
    assert_same(clean.clean([code], config=CONFIG), clean)
    assert {entry.code for entry in clean.ledger} <= {code}
    if not found:
        assert clean is data


@given(dirty_datasets(), st.randoms(use_true_random=False))
def test_findings_do_not_hang_on_the_order_of_rows(data: Dataset, random: Random) -> None:
    moments = [FIRST + timedelta(minutes=n) for n in range(data.events.height)]
    events = data.events.with_columns(pl.Series("timestamp", moments)).drop(
        "timestamp_as_given", strict=False
    )

    given_order = tables_of(data) | {"events": events}
    for name, table in given_order.items():
        given_order[name] = table.select(c for c, d in table.schema.items() if d != pl.Object)
    random_order = {}
    for name, table in given_order.items():
        rows = list(range(table.height))
        random.shuffle(rows)
        random_order[name] = table[rows]
    random_order["events"] = random_order["events"].sort("timestamp")
    if data.catalogue["item_id"].is_duplicated().any():
        random_order["catalogue"] = given_order["catalogue"]  # the first of an item's rows counts

    def counts(tables: dict[str, pl.DataFrame]) -> dict[tuple[str, str, str | None], int]:
        report = replace(data, **tables, as_of=moments[-1]).check(config=CONFIG)
        return {(f.code, f.table, f.column): f.count for f in report.findings}

    assert counts(random_order) == counts(given_order)
