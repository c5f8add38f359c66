"""A saved graph comes back as it was, or is refused."""

import json

import polars as pl
import pytest

import kg
from kg import KnowledgeGraph


def test_a_graph_comes_back_equal(shop, tmp_path):
    shop.save(tmp_path / "deep" / "graph")
    again = KnowledgeGraph.load(tmp_path / "deep" / "graph")
    assert again == shop
    assert again.schema == shop.schema
    assert again.paths([0], 1) == shop.paths([0], 1)


def test_a_loaded_graph_reads_new_rows_as_before(shop, catalogue, tmp_path):
    new = catalogue[:2].with_columns(item_id=pl.col("item_id") + 100)
    shop.save(tmp_path)
    assert KnowledgeGraph.load(tmp_path).add_items(new) == shop.add_items(new)


def test_a_second_save_replaces_the_first(shop, catalogue, tmp_path):
    shop.save(tmp_path)
    other = KnowledgeGraph.from_catalogue(catalogue, attributes=["brand"])
    other.save(tmp_path)
    assert KnowledgeGraph.load(tmp_path) == other
    assert other != shop


def test_a_graph_without_triples_comes_back(tmp_path):
    graph = KnowledgeGraph.from_catalogue(pl.DataFrame({"item_id": [1]}), name=None)
    graph.save(tmp_path)
    assert KnowledgeGraph.load(tmp_path) == graph


@pytest.mark.parametrize("name", ["graph.json", "entities.parquet", "triples.parquet"])
def test_missing_and_damaged_files_are_named(shop, tmp_path, name):
    shop.save(tmp_path)
    (tmp_path / name).write_bytes(b"{ no such thing")
    with pytest.raises(kg.GraphFileError, match=name):
        KnowledgeGraph.load(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(kg.GraphFileError, match=name):
        KnowledgeGraph.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "other"}, "does not describe"),
        ({"format_version": 99}, "99"),
        ({"n_triples": 1}, "not of one save"),
        ({"relations": []}, "relation"),
        ({"relations": [{"title": "x"}]}, "malformed"),
        ({"schema": {"item_id": "x"}}, "malformed"),
    ],
)
def test_a_foreign_description_is_refused(shop, tmp_path, change, says):
    shop.save(tmp_path)
    file = tmp_path / "graph.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(kg.GraphFileError, match=says):
        KnowledgeGraph.load(tmp_path)


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        ("triples.parquet", pl.lit(10_000, pl.Int32).alias("tail"), "tail"),
        ("triples.parquet", pl.lit(0, pl.Int32).alias("tail"), "another type"),
        ("triples.parquet", pl.lit(1, pl.Int64).alias("tail"), "Int64"),
        ("triples.parquet", pl.all().reverse(), "sorted"),
        ("entities.parquet", pl.lit(0, pl.Int32).alias("entity"), "index"),
        ("entities.parquet", pl.lit(None, pl.String).alias("name"), "nulls"),
        ("entities.parquet", pl.col("type").replace("item", "thing"), "another type"),
    ],
)
def test_contradicting_tables_are_refused(shop, tmp_path, file, change, says):
    shop.save(tmp_path)
    pl.read_parquet(tmp_path / file).with_columns(change).write_parquet(tmp_path / file)
    with pytest.raises(kg.GraphFileError, match=says):
        KnowledgeGraph.load(tmp_path)
