"""One row an item, one item a product, and events on items that were there."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hybridrec import Dataset
from hybridrec.data.quality import Finding, QualityConfig

FIRST = datetime(2024, 3, 1, 12, tzinfo=UTC)


def shop(catalogue: dict[str, Any], items: list[Any] | None = None, **tables: Any) -> Dataset:
    frame = pl.DataFrame(catalogue, strict=False)
    items = items or frame["item_id"].drop_nulls().unique(maintain_order=True).to_list()
    events = pl.DataFrame(
        {
            "user_id": [f"u{row % 2}" for row in range(len(items))],
            "item_id": items,
            "timestamp": [FIRST + timedelta(hours=row) for row in range(len(items))],
        }
    )
    return Dataset.from_frames(events, frame, **tables)


def the_finding(data: Dataset, code: str) -> Finding:
    [finding] = data.check()[code]
    return finding


def rows_of(data: Dataset, code: str) -> list[int]:
    rows = the_finding(data, code).rows
    assert rows is not None
    return rows.to_list()


def ledger_of(data: Dataset) -> list[tuple[str, int, int, int]]:
    return [(e.table, e.rows_in, e.rows_out, e.rows_changed) for e in data.ledger]


def test_a_sound_catalogue_raises_nothing() -> None:
    sound = {
        "item_id": ["a1", "a2", "b1", "10.5", "105", "1-23", "12-3"],
        "title": ["Tea", "Teapot", "Cup", "Mug", "Saucer", "Plate", "Bowl"],
        "price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    }
    codes = {finding.code for finding in shop(sound).check().findings}
    assert codes <= {"short-text"}


def test_catalogue_rows_without_an_id() -> None:
    data = shop({"item_id": ["a", None, " ", "b"], "title": ["A1", "B1", "C1", "D1"]})
    finding = the_finding(data, "missing-catalogue-id")
    assert (finding.severity, finding.table, finding.count) == ("error", "catalogue", 2)
    assert rows_of(data, "missing-catalogue-id") == [1, 2]
    clean = data.clean(["missing-catalogue-id"])
    assert clean.catalogue["title"].to_list() == ["A1", "D1"]
    assert ledger_of(clean) == [("catalogue", 4, 2, 0)]


@pytest.mark.parametrize("extra", [[1, 1, 2], [["x"], ["x"], []], [{"k": 1}, {"k": 1}, None]])
def test_catalogue_rows_twice(extra: list[Any]) -> None:
    data = shop({"item_id": [1, 1, 2], "extra": extra})
    assert the_finding(data, "duplicate-catalogue-rows").severity == "error"
    assert rows_of(data, "duplicate-catalogue-rows") == [1]
    assert not data.check()["conflicting-catalogue-rows"]
    clean = data.clean(["duplicate-catalogue-rows"])
    assert_frame_equal(clean.catalogue, data.catalogue[[0, 2]])
    assert ledger_of(clean) == [("catalogue", 3, 2, 0)]


def test_conflicting_rows_become_the_first_with_its_gaps_filled() -> None:
    data = shop(
        {
            "item_id": ["b", "a", None, "a", "c", "a", None, "c"],
            "title": [None, "Tea", "x", "Coffee", "Cup", "Tea", "x", "Cup"],
            "title_first": [1, None, 2, 3, 4, None, 2, 4],
            "tags": [["k"], None, None, ["new"], [], ["old"], None, []],
        }
    )
    finding = the_finding(data, "conflicting-catalogue-rows")
    assert rows_of(data, "conflicting-catalogue-rows") == [1, 3, 5]
    assert (finding.severity, finding.column) == ("error", "item_id")
    assert finding.detail == "1 item with 3 different rows, 1 of them under several titles"
    clean = data.clean(["conflicting-catalogue-rows"])
    assert clean.catalogue.rows() == [
        ("b", None, 1, ["k"]),
        ("a", "Tea", 3, ["new"]),
        (None, "x", 2, None),
        ("c", "Cup", 4, []),
        (None, "x", 2, None),
        ("c", "Cup", 4, []),
    ]
    assert ledger_of(clean) == [("catalogue", 8, 6, 1)]
    assert not clean.check()["conflicting-catalogue-rows"]


def test_the_most_frequent_description_in_the_events_wins() -> None:
    titles = ["Tea", "Coffee", "Coffee", None, "Cup"]
    events = pl.DataFrame({"user_id": "u", "item_id": ["a"] * 4 + ["b"], "title": titles})
    data = Dataset.from_frames(events)
    assert the_finding(data, "conflicting-catalogue-rows").count == 2
    clean = data.clean(["conflicting-catalogue-rows"])
    assert clean.catalogue.rows() == [("a", "Coffee"), ("b", "Cup")]


def test_unknown_items_are_added() -> None:
    data = shop({"item_id": ["a", "b"], "title": ["A", "B"]}, ["a", "z", "z", "y"])
    finding = the_finding(data, "unknown-items")
    assert (finding.table, finding.severity) == ("events", "error")
    assert rows_of(data, "unknown-items") == [1, 2, 3]
    clean = data.clean(["unknown-items"])
    assert clean.catalogue.rows() == [("a", "A"), ("b", "B"), ("z", None), ("y", None)]
    assert ledger_of(clean) == [("catalogue", 2, 4, 0)]
    assert_frame_equal(clean.events, data.events)
    assert not clean.check()["unknown-items"]


def test_unknown_items_are_dropped_where_that_is_set() -> None:
    data = shop({"item_id": [1, 2]}, [1, 9, None, 2])
    config = QualityConfig(unknown_items="drop")
    clean = data.clean(["unknown-items"], config=config)
    assert clean.events["item_id"].to_list() == [1, None, 2]
    assert ledger_of(clean) == [("events", 4, 3, 0)]


def test_never_seen_items_are_noted() -> None:
    data = shop({"item_id": ["a", "b", None, "c"]}, ["b", "b"])
    finding = the_finding(data, "never-seen-items")
    assert (finding.severity, finding.by_default) == ("note", False)
    assert rows_of(data, "never-seen-items") == [0, 3]
    clean = data.clean(["never-seen-items"])
    assert clean.catalogue["item_id"].to_list() == ["b", None]


def test_events_before_and_after_an_item_was_there() -> None:
    first, third = FIRST.date(), (FIRST + timedelta(days=2)).date()
    moments = [datetime(2024, 2, 29, 23, 59), *(FIRST + timedelta(days=day) for day in (0, 2, 3))]
    events = pl.DataFrame(
        {"user_id": "u", "timestamp": [m.replace(tzinfo=UTC) for m in moments]}
    ).join(pl.DataFrame({"item_id": ["a", "b", "c", "d"]}), how="cross")
    catalogue = pl.DataFrame(
        {
            "item_id": ["a", "b", "c"],
            "available_from": [first, None, date(2024, 1, 1)],
            "available_to": [third, None, date(2024, 12, 31)],
        }
    )
    data = Dataset.from_frames(events, catalogue)
    assert rows_of(data, "before-available") == [0]
    assert rows_of(data, "after-withdrawn") == [12]
    assert the_finding(data, "after-withdrawn").column == "available_to"
    clean = data.clean(["before-available", "after-withdrawn"])
    assert clean.events.height == 14
    assert [entry.code for entry in clean.ledger] == ["before-available", "after-withdrawn"]


def test_a_limit_with_an_hour_is_no_day() -> None:
    moments = [datetime(2024, 6, 30, 11), datetime(2024, 7, 1, 11)]
    events = pl.DataFrame({"user_id": "u", "item_id": "a", "timestamp": moments})
    noon = pl.DataFrame({"item_id": ["a"], "available_to": [datetime(2024, 6, 30, 12)]})
    assert rows_of(Dataset.from_frames(events, noon), "after-withdrawn") == [1]


def test_dates_that_are_all_missing() -> None:
    data = shop({"item_id": ["a"], "available_from": [None], "available_to": [None]})
    assert not data.check()["before-available"]
    assert not data.check()["after-withdrawn"]


def test_one_id_written_in_several_ways() -> None:
    catalogue = {
        "item_id": ["AB-1", "ab1", "Ab 1", "ab2", "AB2", "a+", "a-", "10.5", "105", None, None],
        "title": ["Tea", "tea", "TEA!", "Cup", "Mug", "Pot", "Lid", "Tin", "Tin", "Jar", "Jar"],
    }
    items = ["ab1", "ab1", "AB-1", "Ab 1", "ab2", "AB2"]
    triples = pl.DataFrame(
        {"head": ["AB-1", "ab2"], "relation": ["made", "item"], "tail": ["AB-1", "Ab 1"]}
    )
    data = shop(catalogue, items, triples=triples)
    assert rows_of(data, "id-spelling") == [0, 1, 2]
    assert the_finding(data, "id-spelling").severity == "warning"
    clean = data.clean(["id-spelling"])
    assert clean.events["item_id"].to_list() == ["ab1", "ab1", "ab1", "ab1", "ab2", "AB2"]
    assert (
        clean.catalogue["item_id"].to_list()
        == data.catalogue["item_id"].to_list()[1:2] + (data.catalogue["item_id"].to_list()[3:])
    )
    assert clean.triples is not None
    # the tail of "made" is no item but of the type "made"
    assert clean.triples.rows() == [("ab1", "made", "AB-1"), ("ab2", "item", "ab1")]
    assert set(ledger_of(clean)) == {
        ("events", 6, 6, 2),
        ("catalogue", 11, 9, 0),
        ("triples", 2, 2, 2),
    }
    assert not clean.check()["id-spelling"]


def test_merging_leaves_columns_of_any_name_alone() -> None:
    events = pl.DataFrame(
        {"user_id": "u", "item_id": ["a1", "A1", "a1"], "to": ["x", "y", "z"], "_n": [1, 2, 3]}
    )
    triples = pl.DataFrame({"head": ["A1"], "relation": ["r"], "tail": ["t"], "to": ["q"]})
    catalogue = pl.DataFrame(
        {"item_id": ["a1", "A1"], "title": "Tea", "_row": [1, 2], "to": ["m", "n"]}
    )
    data = Dataset.from_frames(events, catalogue, triples=triples)
    clean = data.clean(["id-spelling"])
    assert clean.events.rows() == [("u", "a1", "x", 1), ("u", "a1", "y", 2), ("u", "a1", "z", 3)]
    assert clean.catalogue.rows() == [("a1", "Tea", 1, "m")]
    assert clean.triples is not None
    assert clean.triples.rows() == [("a1", "r", "t", "q")]


def test_ids_without_a_title_are_left_alone() -> None:
    catalogue = pl.DataFrame({"item_id": ["a1", "A1", "b1", "B1"], "title": ["", "", "Tea", None]})
    events = pl.DataFrame({"user_id": "u", "item_id": ["a1", "A1", "b1", "B1"]})

    assert not Dataset.from_frames(events).check()["id-spelling"]
    assert not Dataset.from_frames(events, catalogue).check()["id-spelling"]


def test_near_duplicates_may_differ_in_codes_and_images() -> None:
    catalogue = pl.DataFrame(
        {
            "item_id": [1, 2, 3],
            "title": ["Tea pot", "TEA-POT", "Cup"],
            "ean": ["4006381333931", "4006381333948", "4006381333955"],
            "image": ["one.jpg", "two.jpg", "three.jpg"],
        }
    )
    events = pl.DataFrame({"user_id": "u", "item_id": [1, 2, 3]})

    found = Dataset.from_frames(events, catalogue).check()["near-duplicate-items"]

    assert [finding.count for finding in found] == [2]


def test_near_duplicates_are_merged_only_when_told_to() -> None:
    catalogue = {
        "item_id": [1, 2, 3, 4, 5, 6, 7],
        "title": ["Tea pot", "TEA-POT!", "Tea pot", "Tea pot+", "", None, "  "],
        "brand": ["x", "x", "y", "x", "x", "x", "x"],
    }
    triples = pl.DataFrame({"head": [1, 3], "relation": "r", "tail": ["p", "q"]})
    data = shop(catalogue, [2, 2, 1, 3], triples=triples)
    assert rows_of(data, "near-duplicate-items") == [0, 1]
    assert not the_finding(data, "near-duplicate-items").by_default
    assert data.clean().catalogue.height == 7
    clean = data.clean(["near-duplicate-items"])
    assert clean.events["item_id"].to_list() == [2, 2, 2, 3]
    assert clean.catalogue["item_id"].to_list() == [2, 3, 4, 5, 6, 7]
    assert clean.triples is not None
    assert clean.triples.rows() == [(2, "r", "p"), (3, "r", "q")]
    assert not clean.check()["near-duplicate-items"]


def test_a_title_of_many_items_is_a_way_of_naming() -> None:
    data = shop({"item_id": [1, 2, 3, 4], "title": ["Socks"] * 4})
    assert not data.check()["near-duplicate-items"]
    config = QualityConfig(near_duplicates_at_most=4)
    assert data.check(config=config)["near-duplicate-items"][0].count == 4


def test_missing_values() -> None:
    catalogue = {
        "item_id": list(range(10)),
        "brand": ["x"] * 7 + [None, "", " "],
        "color": ["x"] * 8 + [None, None],
        "nothing": [None] * 10,
    }
    found = {f.column: f for f in shop(catalogue).check()["missing-values"]}
    assert found.keys() == {"brand", "nothing"}
    rows = found["brand"].rows
    assert rows is not None
    assert (rows.to_list(), found["brand"].share) == ([7, 8, 9], 0.3)
    assert found["brand"].severity == "note"


def test_ids_alone() -> None:
    for ids in ([1], ["a"], [2**63 + 1]):
        assert Dataset.from_frames(pl.DataFrame({"user_id": ids, "item_id": ids})).check().ok
