"""Ids, times, numbers that cannot be read, and rows that stand there twice."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hybridrec import Dataset
from hybridrec.data.quality import Finding, QualityConfig

FIRST = datetime(2024, 3, 1, 12, tzinfo=UTC)
CONFIG = QualityConfig(now=datetime(2024, 6, 1, tzinfo=UTC))


def events(n: int = 8, **columns: Any) -> pl.DataFrame:
    """``n`` sound events an hour apart, two users and two items in turn, some columns replaced."""
    sound = {
        "user_id": ["u1", "u2"] * (n // 2),
        "item_id": ["i1", "i1", "i2", "i2"] * (n // 4),
        "timestamp": [FIRST + timedelta(hours=hour) for hour in range(n)],
    }
    return pl.DataFrame(sound | columns, strict=False)


def the_finding(data: Dataset, code: str) -> Finding:
    [finding] = data.check(config=CONFIG)[code]
    return finding


def assert_mended(data: Dataset, code: str, table: str, expected: pl.DataFrame, changed: int = 0):  # type: ignore[no-untyped-def]
    """The fix gives the expected table, is entered in the ledger, and leaves nothing to find."""
    name = {"users": "user_attributes"}.get(table, table)
    before = getattr(data, name)
    copy = before.clone()
    clean = data.clean([code], config=CONFIG)
    assert_frame_equal(getattr(clean, name), expected)
    assert_frame_equal(before, copy)
    [entry] = [one for one in clean.ledger if one.table == table]
    assert (entry.code, entry.rows_in, entry.rows_out) == (code, before.height, expected.height)
    assert entry.rows_changed == changed
    assert not clean.check(config=CONFIG)[code]
    assert clean.clean([code], config=CONFIG) is clean


def test_clean_rows_raise_nothing() -> None:
    report = Dataset.from_frames(events()).check(config=CONFIG)
    assert report.findings == ()


@pytest.mark.parametrize("ids", [["u1", None, " ", "u2"] * 2, [1, None, None, 2] * 2])
def test_missing_user(ids: list[Any]) -> None:
    data = Dataset.from_frames(events(user_id=ids))
    finding = the_finding(data, "missing-user")
    assert (finding.severity, finding.table, finding.column) == ("error", "events", "user_id")
    assert finding.rows is not None
    assert finding.rows.to_list() == [1, 2, 5, 6]
    assert (finding.count, finding.of) == (4, 8)
    assert_mended(data, "missing-user", "events", data.events[[0, 3, 4, 7]])


def test_missing_item() -> None:
    data = Dataset.from_frames(events(item_id=["i1", "", None, "i2"] * 2))
    finding = the_finding(data, "missing-item")
    assert (finding.severity, finding.column) == ("error", "item_id")
    assert finding.rows is not None
    assert finding.rows.to_list() == [1, 2, 5, 6]
    assert_mended(data, "missing-item", "events", data.events[[0, 3, 4, 7]])


def test_placeholder_ids_of_users_and_of_items() -> None:
    ids = ["u1", "NULL", "u3", "n/a", "u1", "nullify", "u1", "-"]
    data = Dataset.from_frames(events(user_id=ids, item_id=["undefined", *["i1"] * 7]))
    by_column = {f.column: f for f in data.check(config=CONFIG)["placeholder-ids"]}
    assert {f.severity for f in by_column.values()} == {"warning"}
    users, items = by_column["user_id"].rows, by_column["item_id"].rows
    assert users is not None
    assert items is not None
    assert users.to_list() == [1, 3, 7]
    assert items.to_list() == [0]
    assert_mended(data, "placeholder-ids", "events", data.events[[2, 4, 5, 6]])


def test_numbers_are_no_placeholders() -> None:
    data = Dataset.from_frames(events(user_id=[0, -1] * 4))
    assert not data.check(config=CONFIG)["placeholder-ids"]


def test_padded_ids_in_every_table() -> None:
    data = Dataset.from_frames(
        events(user_id=["u1", " u1", "u 2", "u2\t"] * 2),
        pl.DataFrame({"item_id": ["i1 ", "i2"]}),
        users=pl.DataFrame({"user_id": ["u1", "\u00a0u3"], "town": ["a", "b"]}),
        triples=pl.DataFrame({"head": ["i1", " i2"], "relation": "maker", "tail": ["x ", "y"]}),
    )
    found = {(f.table, f.column): f for f in data.check(config=CONFIG)["padded-ids"]}
    rows = {place: f.rows.to_list() for place, f in found.items() if f.rows is not None}
    assert rows == {
        ("events", "user_id"): [1, 3, 5, 7],
        ("catalogue", "item_id"): [0],
        ("users", "user_id"): [1],
        ("triples", "head"): [1],
        ("triples", "tail"): [0],
    }
    clean = data.clean(["padded-ids"], config=CONFIG)
    assert clean.events["user_id"].to_list() == ["u1", "u1", "u 2", "u2"] * 2
    assert clean.catalogue["item_id"].to_list() == ["i1", "i2"]
    assert clean.user_attributes is not None
    assert clean.user_attributes["user_id"].to_list() == ["u1", "u3"]
    assert clean.triples is not None
    assert clean.triples.rows() == [("i1", "maker", "x"), ("i2", "maker", "y")]
    assert {(e.table, e.rows_in - e.rows_out, e.rows_changed) for e in clean.ledger} == {
        ("events", 0, 4),
        ("catalogue", 0, 1),
        ("users", 0, 1),
        ("triples", 0, 2),
    }


def times(*rows: Any) -> list[Any]:
    sound = [f"2024-03-0{n + 1} 10:00" for n in range(8)]
    return [rows[n] if n < len(rows) else sound[n] for n in range(8)]


def test_missing_and_unreadable_times_are_told_apart() -> None:
    data = Dataset.from_frames(events(timestamp=times(None, "soon", None)))
    missing, unreadable = the_finding(data, "missing-time"), the_finding(data, "unreadable-time")
    assert (missing.severity, unreadable.severity) == ("error", "error")
    assert (missing.count, unreadable.count) == (2, 1)
    assert "'soon'" in unreadable.detail
    assert unreadable.rows is not None
    assert data.events["timestamp_as_given"].gather(unreadable.rows).to_list() == ["soon"]
    assert missing.rows is not None
    assert data.events["timestamp_as_given"].gather(missing.rows).to_list() == [None, None]
    kept = data.events.filter(pl.col("timestamp").is_not_null())
    clean = data.clean(["missing-time", "unreadable-time"], config=CONFIG)
    assert_frame_equal(clean.events, kept)
    assert [(e.code, e.rows_in, e.rows_out) for e in clean.ledger] == [
        ("missing-time", 8, 6),
        ("unreadable-time", 6, 5),
    ]


def test_zero_times() -> None:
    zero = [datetime(1970, 1, 1, 0, 5), datetime(1900, 1, 1), datetime(1971, 1, 1)]
    sound = [FIRST.replace(tzinfo=None) + timedelta(hours=hour) for hour in range(5)]
    data = Dataset.from_frames(events(timestamp=[*zero, *sound]))
    finding = the_finding(data, "zero-time")
    assert finding.severity == "error"
    assert finding.rows is not None
    assert finding.rows.to_list() == [0, 1]
    assert_mended(data, "zero-time", "events", data.events[2:])


def test_times_that_count_from_a_start_of_their_own_are_no_zero_times() -> None:
    start = datetime(1970, 1, 1)
    data = Dataset.from_frames(events(timestamp=[start + timedelta(hours=h) for h in range(8)]))
    assert not data.check(config=CONFIG)["zero-time"]


def test_future_times_and_the_moment_the_data_speak_for() -> None:
    late = [CONFIG.moment, CONFIG.moment + timedelta(seconds=1), datetime(2999, 1, 1, tzinfo=UTC)]
    data = Dataset.from_frames(
        events(timestamp=[*late, *(FIRST + timedelta(hours=h) for h in range(5))])
    )
    finding = the_finding(data, "future-time")
    assert finding.rows is not None
    assert (finding.severity, finding.rows.to_list()) == ("error", [6, 7])
    assert_mended(data, "future-time", "events", data.events[:6])
    assert data.clean(["future-time"], config=CONFIG).as_of == CONFIG.moment


def test_mixed_time_zones() -> None:
    written = [f"2024-03-01T{hour:02}:00:00Z" for hour in range(5)]
    others = ["2024-03-01T10:00:00+02:00", "2024-03-01 11:00:00", "2024-03-01T12:00:00+00:00"]
    data = Dataset.from_frames(events(timestamp=[*written, *others]))
    finding = the_finding(data, "mixed-time-zones")
    assert finding.severity == "warning"
    assert finding.fix is None
    assert finding.rows is not None
    assert sorted(data.events["timestamp_as_given"].gather(finding.rows)) == sorted(others[:2])
    one_zone = Dataset.from_frames(events(timestamp=[*written, *["2024-03-01T10:00:00Z"] * 3]))
    assert not one_zone.check(config=CONFIG)["mixed-time-zones"]


def test_unreadable_numbers() -> None:
    given = ["1", "2 pieces", "3", None, "4", "5", "∞", "7"]
    data = Dataset.from_frames(
        events(quantity=given), pl.DataFrame({"item_id": ["i1", "i2"], "price": ["free", "1"]})
    )
    by_table = {f.table: f for f in data.check(config=CONFIG)["unreadable-number"]}
    rows = by_table["events"].rows
    assert rows is not None
    assert rows.to_list() == [1, 6]
    assert by_table["events"].column == "quantity"
    assert "'2 pieces'" in by_table["events"].detail
    assert by_table["catalogue"].count == 1
    clean = data.clean(["unreadable-number"], config=CONFIG)
    assert clean.events["quantity"].to_list() == [1, None, 3, None, 4, 5, None, 7]
    assert clean.events["quantity_as_given"].to_list() == ["1", None, "3", None, *"45", None, "7"]
    assert [(e.table, e.rows_changed) for e in clean.ledger] == [("events", 2), ("catalogue", 1)]
    assert not clean.check(config=CONFIG)["unreadable-number"]


def test_exact_duplicates_keep_the_first() -> None:
    once = events()
    data = Dataset.from_frames(pl.concat([once, once[[2, 2, 5]]]))
    finding = the_finding(data, "exact-duplicates")
    assert finding.rows is not None
    assert (finding.severity, finding.rows.to_list()) == ("warning", [3, 4, 8])
    assert_mended(data, "exact-duplicates", "events", Dataset.from_frames(once).events)


def test_buying_again_is_no_duplicate() -> None:
    untimed = events().drop("timestamp")
    assert not Dataset.from_frames(untimed).check()["exact-duplicates"]
    differ = events(tags=[["a"], ["b"]] * 4, timestamp=[FIRST] * 8, user_id="u", item_id="i")
    assert Dataset.from_frames(differ).check(config=CONFIG)["exact-duplicates"][0].count == 6


def test_duplicates_with_nested_and_null_values() -> None:
    same = events(4, user_id="u", item_id="i", timestamp=[FIRST] * 4)
    frame = same.with_columns(
        pl.Series("tags", [["a"], ["a"], None, None]),
        pl.Series("more", [{"x": 1}, {"x": 1}, {"x": None}, {"x": None}]),
    )
    finding = the_finding(Dataset.from_frames(frame), "exact-duplicates")
    assert finding.rows is not None
    assert finding.rows.to_list() == [1, 3]
