"""Facts that a knowledge graph refuses or cannot use."""

from typing import Any

import polars as pl
import pytest

from hybridrec import Dataset
from hybridrec.data.quality import Finding
from kg import KnowledgeGraph

ITEMS = ["a", "b", "c", "d"]


def facts(*rows: tuple[Any, ...], **columns: Any) -> Dataset:
    """A shop with brands and these facts: head, relation, tail, and their types if given."""
    names = ["head", "relation", "tail", "head_type", "tail_type"][: len(rows[0])]
    triples = pl.DataFrame(rows, schema=names, orient="row", strict=False)
    triples = triples.with_columns(pl.Series(name, values) for name, values in columns.items())
    catalogue = pl.DataFrame({"item_id": ITEMS, "brand": ["x", "x", None, " "]})
    events = pl.DataFrame({"user_id": ["u", "v"] * 4, "item_id": ITEMS * 2})
    return Dataset.from_frames(events, catalogue, triples=triples)


def the_finding(data: Dataset, code: str) -> Finding:
    [finding] = data.check()[code]
    return finding


def rows_of(data: Dataset, code: str) -> list[int]:
    rows = the_finding(data, code).rows
    assert rows is not None
    return rows.to_list()


def assert_dropped(data: Dataset, code: str, kept: list[int]) -> None:
    assert data.triples is not None
    clean = data.clean([code])
    assert clean.triples is not None
    assert clean.triples.equals(data.triples[kept])
    [entry] = clean.ledger
    assert (entry.table, entry.code, entry.rows_changed) == ("triples", code, 0)
    assert (entry.rows_in, entry.rows_out) == (data.triples.height, len(kept))
    assert not clean.check()[code]
    assert clean.clean([code]) is clean


SOUND = [("a", "made_by", "m"), ("b", "made_by", "m"), ("a", "goes_with", "b", None, "item")]


def test_sound_facts_raise_nothing() -> None:
    rows = [(*row, None, None)[:5] for row in SOUND] + [("c", "made_by", "n", "item", "maker")]
    report = facts(*rows).check()
    assert {finding.code for finding in report.findings if finding.table == "triples"} == set()


def test_malformed_triples() -> None:
    data = facts(
        ("a", "r", "t", "item", "x"),
        (None, "r", "t", "item", "x"),
        ("a", "", "t", "item", "x"),
        ("a", "r", "  ", "item", "x"),
        ("a", "r", "t", "", "x"),
        ("a", "r", "t", None, " "),
        ("b", "r", "t", None, None),
    )
    assert rows_of(data, "malformed-triples") == [1, 2, 3, 4, 5]
    assert the_finding(data, "malformed-triples").severity == "error"
    assert_dropped(data, "malformed-triples", [0, 6])


def test_self_loops() -> None:
    data = facts(
        ("a", "goes_with", "a", None, "item"),
        ("a", "a", "a", None, None),
        ("x", "part_of", " x", "class", "class"),
        ("a", "goes_with", "b", None, "item"),
    )
    assert rows_of(data, "self-loops") == [0, 2]
    assert the_finding(data, "self-loops").severity == "error"
    assert_dropped(data, "self-loops", [1, 3])


def test_dangling_items() -> None:
    data = facts(
        ("a", "made_by", "m", None, None),
        ("z", "made_by", "m", None, None),
        ("a", "goes_with", "z", None, "item"),
        ("m", "owned_by", "o", "maker", None),
        ("a", "item", "z", None, None),
    )
    assert rows_of(data, "dangling-items") == [1, 2, 4]
    assert the_finding(data, "dangling-items").severity == "error"
    assert_dropped(data, "dangling-items", [0, 3])


def test_duplicate_triples() -> None:
    data = facts(*SOUND[:2], SOUND[0], SOUND[0], weight=[1, 1, 1, 2])
    assert rows_of(data, "duplicate-triples") == [2]
    assert the_finding(data, "duplicate-triples").severity == "note"
    assert_dropped(data, "duplicate-triples", [0, 1, 3])


def many_made_by(n: int) -> list[tuple[str, str, str, str]]:
    return [(f"p{n}", "made_by", f"m{n % 3}", "product") for n in range(n)]


def test_contradicting_facts() -> None:
    tags = [(f"p{n}", "tag", f"t{tag}", "product") for n in range(10) for tag in range(n % 3)]
    data = facts(*many_made_by(40), ("p1", "made_by", "m0", "product"), *tags)
    finding = the_finding(data, "contradicting-facts")
    assert finding.rows is not None
    assert (finding.rows.to_list(), finding.severity, finding.fix) == ([1, 40], "warning", None)
    assert finding.detail.startswith("1 entity with several made_by")
    assert finding.examples["tail"].to_list() == ["m1", "m0"]
    assert not facts(*many_made_by(40)).check()["contradicting-facts"]


def test_relation_cycles() -> None:
    upward = [
        ("A", "part_of", "B"), ("B", "part_of", "C"), ("C", "part_of", "A"), ("D", "part_of", "A"),
        ("A", "likes", "D"), ("D", "likes", "A"), ("A", "part_of", None),
    ]  # fmt: skip
    data = facts(*[(*row, "class", "class") for row in upward])
    assert rows_of(data, "relation-cycles") == [0, 1, 2]
    assert the_finding(data, "relation-cycles").severity == "warning"


def test_orphans() -> None:
    data = facts(("c", "made_by", "m"))
    finding = the_finding(data, "orphan-items")
    assert finding.rows is not None
    assert (finding.table, finding.rows.to_list(), finding.severity) == ("catalogue", [3], "note")


def test_without_attributes_and_facts_all_items_are_alike() -> None:
    data = Dataset.from_frames(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}))
    assert not data.check()["orphan-items"]


@pytest.mark.parametrize("values", [[["a"]], [{"x": 1}], [b"a"], [1.5], [True], [None]])
@pytest.mark.parametrize("column", ["head", "relation", "tail", "head_type", "tail_type"])
def test_columns_of_any_type(column: str, values: list[Any]) -> None:
    data = facts(("a", "r", "t", "item", "x"), **{column: values})
    clean = data.clean()
    assert not [f for f in clean.check().findings if f.table == "triples" and f.fix]


def test_integer_ids() -> None:
    catalogue = pl.DataFrame({"item_id": [1, 2]})
    triples = pl.DataFrame({"head": [1, 2, 3], "relation": "made_by", "tail": [7, 7, 7]})
    data = Dataset.from_frames(
        pl.DataFrame({"user_id": [1, 1], "item_id": [1, 2]}), catalogue, triples=triples
    )
    assert rows_of(data, "dangling-items") == [2]


def test_what_cleaning_leaves_the_graph_reads() -> None:
    data = facts(
        (" a", "made_by", "m ", None, None),
        ("b ", "goes_with", " a", " item ", "item"),
        ("z", "made_by", "m", None, None),
        ("a", "goes_with", "a", None, "item"),
        ("a", " ", "m", None, None),
        ("a", "made_by", "m", "", None),
        ("m", "owned_by", "o", "made_by", None),
    )
    clean = data.clean()
    assert clean.triples is not None
    assert clean.triples.height == 3
    graph = KnowledgeGraph.from_catalogue(clean.catalogue, name=None, triples=clean.triples)
    names = {relation.name for relation in graph.relations}
    assert names == {"brand", "made_by", "goes_with", "owned_by"}
