"""Checking and cleaning as a whole: never an accident, nothing silent, nothing twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from hybridrec import Dataset
from hybridrec.data.quality import (
    CHECKS,
    Fix,
    Flagged,
    Inspection,
    QualityConfig,
    drop_rows,
    quality_check,
)
from hybridrec.data.quality.fixes import with_table
from hybridrec.errors import DataError

FIRST = datetime(2024, 3, 1, tzinfo=UTC)
NOW = datetime(2024, 6, 1, tzinfo=UTC)
CONFIG = QualityConfig(now=NOW)
TABLES = ("events", "catalogue", "triples", "user_attributes")


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
    numbers = draw(st.booleans())
    users, items = (dirty(ids) for ids in (USERS, [*ITEMS, "GIFT"]))
    if numbers:
        users, items = (st.sampled_from([*range(5), None]) for _ in range(2))
    n_events = draw(st.integers(1, 14))
    events = table(n_events, user_id=users, item_id=items, **{c: optional[c] for c in kept})
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
            item_id=items,
            **{c: columns[c] for c in described},
        )
    if draw(st.booleans()):
        end = st.sampled_from([0, 1, 9] if numbers else [*ITEMS, "99", " 10", "x", None, ""])
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
            draw(st.integers(1, 8)), user_id=users, age=st.sampled_from([20, 30, None])
        )
    try:
        return Dataset.from_frames(events, **given_tables)
    except DataError:
        assume(False)
        raise


def cleaned(data: Dataset, *codes: str) -> Dataset | None:
    """The cleaned dataset; nothing where cleaning says that nothing would be left."""
    try:
        return data.clean(list(codes) or None, config=CONFIG)
    except DataError as error:
        if "would leave nothing" not in str(error):
            raise
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


EVENTS = pl.DataFrame(
    {
        "user_id": ["ann", "bob", "ann", None, "eve"],
        "item_id": ["a1", "a2", "a1", "a1", "a2"],
        "price": [1.0, 2.0, 3.0, 4.0, 5.0],
    }
)


def dear(**settings: Any) -> Any:
    defaults = {"table": "events", "severity": "warning", "why": "it is too dear"}
    return quality_check("too-dear", **(defaults | settings))


def found_by(check: Any) -> list[Any]:
    return Dataset.from_frames(EVENTS).check([check])["too-dear"]


@pytest.mark.parametrize(
    "find",
    [
        lambda _: pl.col("price") > 3,
        lambda inspection: inspection.events["price"] > 3,
        lambda _: Flagged(pl.Series([3, 4], dtype=pl.UInt32)),
        lambda _: Flagged(pl.Series([4, 3, 4])),
        lambda _: (Flagged(pl.Series(rows, dtype=pl.Int64)) for rows in ([], [3, 4])),
    ],
    ids=["expression", "series", "flagged", "unordered", "generator"],
)
def test_what_a_shops_own_check_may_return(find: Any) -> None:
    [finding] = found_by(dear()(find))
    assert finding.rows.to_list() == [3, 4]
    assert (finding.count, finding.of, finding.severity) == (2, 5, "warning")


def test_a_check_may_flag_several_things_or_nothing_in_particular() -> None:
    @dear(fix=drop_rows("events"))
    def find(inspection: Inspection) -> Iterator[Flagged]:
        yield Flagged(pl.Series([0]), "one", "price")
        yield Flagged(None, "as a whole", count=7, of=10)
        yield Flagged(pl.Series([0, 2]), "two", "item_id")

    data = Dataset.from_frames(EVENTS)
    found = data.check([find])["too-dear"]
    assert {(f.detail, f.count, f.of) for f in found} == {
        ("one", 1, 5),
        ("as a whole", 7, 10),
        ("two", 2, 5),
    }


def test_conditions_that_hold_for_all_rows_or_for_none() -> None:
    assert found_by(dear()(lambda _: pl.lit(True)))[0].count == 5
    assert found_by(dear()(lambda _: pl.lit(None))) == []
    assert found_by(dear()(lambda _: None)) == []
    assert found_by(dear(needs=("cost",))(lambda _: pl.lit(True))) == []
    assert found_by(dear(table="users")(lambda _: pl.lit(True))) == []


@pytest.mark.parametrize(
    ("find", "complaint"),
    [
        (lambda _: pl.col("price"), "gave 5 values of Float64"),
        (lambda _: pl.col("cost") > 1, "cost"),
        (lambda _: pl.Series([True, False]), "gave 2 values of Boolean"),
        (lambda _: Flagged(pl.Series([1, 5])), "flagged row 5 of a table of 5 rows"),
        (lambda _: Flagged(pl.Series([-1, 2])), "flagged row -1"),
        (lambda _: Flagged(pl.Series(["a"])), "no row numbers"),
        (lambda _: Flagged(pl.Series([1, None])), "no row numbers"),
    ],
)
def test_checks_that_are_wrong_themselves(find: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=f"too-dear.*{complaint}"):
        found_by(dear()(find))


def test_a_shops_own_fix() -> None:
    def halved(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
        price = pl.when(pl.col("price") > 3).then(pl.col("price") / 2).otherwise("price")
        events = inspection.events.with_columns(price.alias("price"))
        return with_table(inspection.data, "events", events)

    check = dear(fix=Fix("halves the price", halved))(lambda _: pl.col("price") > 3)
    data = Dataset.from_frames(EVENTS)
    clean = data.clean(["too-dear"], checks=[check])
    assert clean.events["price"].to_list() == [1.0, 2.0, 3.0, 2.0, 2.5]
    [entry] = clean.ledger
    assert (entry.code, entry.fix, entry.rows_changed) == ("too-dear", "halves the price", 2)
    assert data.events["price"].to_list() == [1.0, 2.0, 3.0, 4.0, 5.0]
    with pytest.raises(DataError, match="no fix for 'too-dear'"):
        data.clean(["too-dear"])


def test_a_fix_of_something_that_no_rows_are_to_blame_for() -> None:
    def sorted_out(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
        return with_table(inspection.data, "events", inspection.events.drop_nulls("user_id"))

    check = dear(fix=Fix("drops", sorted_out))(
        lambda inspection: Flagged(None, count=inspection.events["user_id"].null_count() or None)
    )
    assert Dataset.from_frames(EVENTS).clean(["too-dear"], checks=[check]).events.height == 4


def test_a_fix_that_never_ends_is_given_up() -> None:
    def dearer(inspection: Inspection, _: list[Flagged]) -> Dataset:
        return with_table(
            inspection.data, "events", inspection.events.with_columns(pl.col("price") + 1)
        )

    check = dear(fix=Fix("raises the price", dearer))(lambda _: pl.col("price") > 3)
    with pytest.raises(DataError, match="too-dear: the fixes never come to an end"):
        Dataset.from_frames(EVENTS).clean(["too-dear"], checks=[check])


def test_a_fix_that_changes_nothing_is_no_entry() -> None:
    check = dear(fix=Fix("looks away", lambda inspection, _: replace(inspection.data)))(
        lambda _: pl.col("price") > 3
    )
    data = Dataset.from_frames(EVENTS)
    assert data.clean(["too-dear"], checks=[check]) is data


def test_codes_without_a_fix_name_near_ones() -> None:
    data = Dataset.from_frames(EVENTS)
    with pytest.raises(DataError, match=r"no fix for 'missing-usr'.*'missing-user'"):
        data.clean(["missing-usr"])
    with pytest.raises(DataError, match="no fix for 'bot'"):
        data.clean(without=["bot"])
    with pytest.raises(DataError, match="no fix for 'mixed-time-zones'"):
        data.clean(["mixed-time-zones"])


def test_fixes_may_be_left_out() -> None:
    data = Dataset.from_frames(EVENTS)
    assert data.clean(without=["missing-user"]) is data
    assert data.clean().events.height == 4


def test_what_one_fix_brings_about_another_mends() -> None:
    moments = [FIRST, FIRST, FIRST + timedelta(days=1)]
    events = pl.DataFrame(
        {"user_id": "u", "item_id": ["a1", "A1", "a1"], "title": "Tea", "timestamp": moments}
    )
    clean = Dataset.from_frames(events).clean(config=CONFIG)
    assert [entry.code for entry in clean.ledger] == ["id-spelling"] * 2 + ["exact-duplicates"]
    assert clean.events.height == 2


def test_cleaning_that_would_leave_nothing_is_refused() -> None:
    data = Dataset.from_frames(EVENTS.with_columns(item_id=pl.lit("null")))
    with pytest.raises(DataError, match=r"placeholder-ids.*would leave nothing"):
        data.clean()


def test_rows_changed_are_counted_even_if_they_come_to_equal_others() -> None:
    events = pl.DataFrame({"user_id": "u", "item_id": "i", "price": [0.0, None, -1.0]})
    [entry] = Dataset.from_frames(events).clean(["non-positive-price"]).ledger
    assert (entry.rows_in, entry.rows_out, entry.rows_changed) == (3, 3, 2)


def test_a_single_event() -> None:
    data = Dataset.from_frames(pl.DataFrame({"user_id": [1], "item_id": [2]}))
    assert {finding.code for finding in data.check().findings} == {"one-event-users"}
    assert data.clean() is data
    with pytest.raises(DataError, match="would leave nothing"):
        data.clean(["one-event-users"])


def test_python_objects_are_compared_by_their_text() -> None:
    ids = pl.Series([UUID(int=1), UUID(int=1), None], dtype=pl.Object)
    moments = pl.Series([FIRST] * 3)
    events = pl.DataFrame({"user_id": "u", "item_id": "i", "timestamp": moments, "order": ids})
    data = Dataset.from_frames(events)
    assert data.check(config=CONFIG)["exact-duplicates"][0].count == 1
    assert data.clean(["exact-duplicates"], config=CONFIG).events.height == 2


def personal_data() -> Dataset:
    users = ["ann@example.org", "bob@example.org", " ann@example.org"]
    events = pl.DataFrame(
        {
            "user_id": users * 3,
            "item_id": ["a1"] * 9,
            "timestamp": [FIRST] * 9,
            "price": ["1", "secret 7", "2"] * 3,
            "phone": ["555-1", "555-2", "555-3"] * 3,
        }
    )
    attributes = pl.DataFrame({"user_id": users, "town": ["X", "Y", "Z"], "phone": ["555-9"] * 3})
    roles = {"phone": "personal", "price": "personal"}
    return Dataset.from_frames(events, users=attributes, roles=roles)


def test_reports_show_no_user_and_nothing_personal() -> None:
    report = personal_data().check(config=CONFIG, n_examples=100)
    assert {f.code for f in report.findings} >= {"padded-ids", "exact-duplicates"}
    shown = report.to_json()
    assert "example.org" not in shown
    assert "555" not in shown
    assert "secret" not in shown
    for finding in report.findings:
        assert not {"phone", "price", "price_as_given"} & set(finding.examples.columns)
        if "user_id" in finding.examples.columns:
            assert finding.examples["user_id"].str.contains("^ ?user [0-9a-f]{6}$").all()


def test_reports_show_users_when_asked_but_nothing_personal() -> None:
    shown = personal_data().check(config=CONFIG, show_users=True).to_json()
    assert "ann@example.org" in shown
    assert "555" not in shown
    assert "secret" not in shown


def test_masks_tell_users_apart_and_change_with_every_report() -> None:
    def masks() -> list[str]:
        [finding] = personal_data().check(config=CONFIG, n_examples=100)["exact-duplicates"]
        return finding.examples["user_id"].to_list()

    one, other = masks(), masks()
    assert len(set(one)) == len(set(other)) == 3
    assert not set(one) & set(other)
    assert [one.index(mask) for mask in one] == [other.index(mask) for mask in other]
