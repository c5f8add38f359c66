"""What a shop says of its columns, and what is inferred of the others."""

from pathlib import Path

import polars as pl
import pytest

import kg
from kg import KnowledgeGraph, Relation
from kg.reading.measures import measures_in
from tests.kg.test_kg_catalogue import facts_of, tails_of

CATALOGUE = pl.DataFrame(
    {
        "sku": [1, 2, 3, 4],
        "label": ["Cola 50 OZ", "Soda 12 PK", "Cream", "Soap"],
        "brand": ["Acme", "Acme", "Bloom", "Bloom"],
        "maker": ["Acme", "Zest", "Bloom", "Zest"],
        "notes": ["a", "b", "a", "b"],
        "stock": [1, 2, 3, 4],
    }
)
YAML = """
item_id: sku
name: label
columns:
  brand: {phrase: made by, inverse: makes, functional: true}
  maker: {relation: produced_by, entity_type: brand}
  notes: ignored
  stock: {kind: bands, n_bands: 2, within: null}
"""


@pytest.fixture
def told(tmp_path: Path) -> KnowledgeGraph:
    file = tmp_path / "schema.yaml"
    file.write_text(YAML)
    return KnowledgeGraph.from_catalogue(CATALOGUE, schema=file)


def test_yaml_names_columns_relations_and_types(told):
    assert told.relations[:2] == (
        Relation("brand", "item", "brand", "made by", "makes", functional=True),
        Relation("produced_by", "item", "brand", functional=True),
    )
    assert tails_of(told, "produced_by") >= {("1", "Acme"), ("2", "Zest")}
    # Acme is one entity, whichever column names it
    assert told.entities.filter(type="brand")["key"].to_list() == ["Acme", "Bloom", "Zest"]
    assert tails_of(told, "stock") == {
        ("1", "1.0–2.0"),
        ("2", "2.0–4.0"),
        ("3", "2.0–4.0"),
        ("4", "2.0–4.0"),
    }
    assert "notes" not in {relation.name for relation in told.relations}
    assert tails_of(told, "size") == {("1", "32–64 OZ")}
    assert tails_of(told, "pack") == {("2", "8–15 PK")}


def test_a_mapping_says_the_same_as_the_file(told):
    columns = {
        "brand": {"phrase": "made by", "inverse": "makes", "functional": True},
        "maker": {"relation": "produced_by", "entity_type": "brand"},
        "notes": "ignored",
        "stock": {"kind": "bands", "n_bands": 2, "within": None},
    }
    said = {"item_id": "sku", "name": "label", "columns": columns}
    assert KnowledgeGraph.from_catalogue(CATALOGUE, schema=said) == told


def test_the_schema_of_another_graph_reads_later_rows_alike(told):
    again = KnowledgeGraph.from_catalogue(CATALOGUE[:2], schema=told.schema)
    assert again.schema == told.schema
    assert facts_of(again) <= facts_of(told)


def test_other_columns_may_be_ignored():
    said = {"item_id": "sku", "name": "label", "others": "ignore", "columns": {"brand": "values"}}
    graph = KnowledgeGraph.from_catalogue(CATALOGUE, schema=said)
    assert [relation.name for relation in graph.relations] == ["brand"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"colums": {}}, "has 'colums'; accepted are item_id, name, columns, others"),
        ({"columns": {"brand": "valeus"}}, r"columns.brand.kind is 'valeus'; accepted are values"),
        ({"columns": {"brand": {"kid": 1}}}, r"columns.brand has 'kid'"),
        ({"columns": {"brand": {"functional": "yes"}}}, "functional is 'yes'; it must be of type"),
        ({"columns": {"stock": {"kind": "bands", "n_bands": 1}}}, "n_bands is 1"),
        ({"columns": ["brand"]}, "it must be a mapping"),
        ({"others": "maybe"}, "others is 'maybe'; accepted are infer, ignore"),
        ({"name": 3}, "name is 3; it must name a column"),
    ],
)
def test_what_is_not_known_is_refused(said, message):
    with pytest.raises(kg.SchemaError, match=message):
        KnowledgeGraph.from_catalogue(CATALOGUE, item_id="sku", name="label", schema=said)


@pytest.mark.parametrize("content", ["- brand", "a: [", b"\xff"])
def test_a_file_that_is_no_schema_is_named(tmp_path, content):
    file = tmp_path / "schema.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(kg.SchemaError, match=r"schema\.yaml"):
        KnowledgeGraph.from_catalogue(CATALOGUE, item_id="sku", name="label", schema=file)
    with pytest.raises(kg.SchemaError, match="nowhere"):
        KnowledgeGraph.from_catalogue(CATALOGUE, item_id="sku", schema=tmp_path / "nowhere")


def test_a_column_told_of_must_be_there():
    with pytest.raises(kg.MissingColumnError, match="no column 'brnd'"):
        KnowledgeGraph.from_catalogue(
            CATALOGUE, item_id="sku", name="label", schema={"columns": {"brnd": "values"}}
        )
    with pytest.raises(kg.AttributeColumnError, match="has no bands"):
        KnowledgeGraph.from_catalogue(
            CATALOGUE, item_id="sku", name="label", schema={"columns": {"brand": "bands"}}
        )


def test_prices_are_cut_inside_their_category():
    n = 30
    tea, sofas = [float(row) for row in range(1, n + 1)], [1000.0 + row for row in range(n)]
    catalogue = pl.DataFrame(
        {
            "item_id": range(2 * n + 2),
            "title": "x",
            "category": ["Food > Tea"] * n + ["Home > Sofas"] * n + ["Food > Rare", None],
            "price": [*tea, *sofas, 7.0, 7.0],
        }
    )
    graph = KnowledgeGraph.from_catalogue(catalogue)
    bands = graph.entities.filter(type="price")["name"].to_list()
    assert "Tea: price 1–6" in bands
    assert "Sofas: price 1000–1005" in bands
    of_item = dict(tails_of(graph, "price"))
    assert of_item["0"] == "Food > Tea | 1.0–6.0"
    # too few of their kind: the category above, and at last all items
    assert of_item[str(2 * n)].startswith("Food | ")
    assert " | " not in of_item[str(2 * n + 1)]
    later = catalogue[[0]].with_columns(pl.Series("item_id", [999]), pl.Series("price", [5.5]))
    assert dict(tails_of(graph.add_items(later), "price"))["999"] == "Food > Tea | 1.0–6.0"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Cola 50 OZ", {"size": "50 OZ"}),
        ("Cola 6 x 12 fl. oz", {"size": "12 FL OZ", "pack": "6 PK"}),
        ("12-Pack soda 355ml", {"size": "355 ML", "pack": "12 PK"}),
        ("Pack of 12 pens", {"pack": "12 PK"}),
        ("Perfume, 3.4 oz / 100 ml", {"size": "3.4 OZ"}),
        ("Water 1,000 ML", {"size": "1000 ML"}),
        ("牛奶 250毫升", {"size": "250 ML"}),
        ("Wipes 80 ct", {"pack": "80 CT"}),
        ("Shampoo 3 in 1", {}),
        ("5G phone", {}),
        ("Beer 10-12 oz", {}),
        ("Set of 8 OZ and 12 OZ cups", {}),
        ("Size 4 x 6 IN frame", {}),
        ("Catalog 12", {}),
        (None, {}),
    ],
)
def test_sizes_in_names_are_read_where_they_are_certain(name, told):
    found = measures_in(pl.Series([name], dtype=pl.String))
    assert dict(found.select("measure", "text").rows()) == told


def test_a_relation_tells_its_cardinality():
    assert Relation("brand", "item", "brand", functional=True).cardinality == "many-to-one"
    assert Relation("tags", "item", "tags").cardinality == "many-to-many"
    both = Relation("ean", "item", "ean", functional=True, inverse_functional=True)
    assert both.cardinality == "one-to-one"
    assert Relation("has", "box", "item", inverse_functional=True).cardinality == "one-to-many"
