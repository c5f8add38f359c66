"""What a catalogue says, and that the graph says the same."""

import datetime

import polars as pl
import pytest

import kg
from kg import Column, KnowledgeGraph

Fact = tuple[str, str, str, str, str]


def facts_of(graph: KnowledgeGraph) -> set[Fact]:
    """Triples by type and key, free of indexes."""
    keys = graph.entities.select("type", "key").rows()
    return {
        (*keys[head], graph.relations[relation].name, *keys[tail])
        for head, relation, tail in zip(*graph.triples, strict=True)
    }


def tails_of(graph: KnowledgeGraph, relation: str) -> set[tuple[str, str]]:
    return {(head, tail) for _, head, name, _, tail in facts_of(graph) if name == relation}


def test_items_come_first_in_the_order_of_the_rows(shop):
    assert shop.item_entities.tolist() == [0, 1, 2, 3]
    assert shop.entities["key"].to_list()[:4] == ["101", "102", "103", "104"]
    assert shop.entities["name"].to_list()[:4] == ["Cola", "Water", "Face cream", "104"]
    assert shop.entity_index("item", 103) == 2


def test_values_are_stripped_and_blanks_give_no_edge(shop):
    assert tails_of(shop, "brand") == {("101", "Acme"), ("102", "Acme"), ("103", "Bloom")}
    assert shop.degree[3] == 0


def test_lists_give_an_edge_for_each_value(shop):
    assert tails_of(shop, "tags") == {("101", "sweet"), ("101", "cold"), ("102", "cold")}


def test_text_joined_by_bars_is_several_values():
    catalogue = pl.DataFrame({"item_id": [1, 2, 3], "tags": ["new || hot", "hot||", "||"]})
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None)
    assert tails_of(graph, "tags") == {("1", "new"), ("1", "hot"), ("2", "hot")}


def test_how_a_column_is_read_can_be_told():
    catalogue = pl.DataFrame(
        {
            "item_id": [1, 2, 3],
            "shelf": ["A > B", "A", "C"],
            "pack": ["12 OZ", "13 OZ", "1 LB"],
            "stock": [1, 5, 9],
            "slogan": ["a > b", "c > d", "e > f"],
        }
    )
    kinds = {"shelf": "path", "pack": "size", "stock": "bands", "slogan": "values"}
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None, attributes=kinds)
    assert [(column.name, column.kind) for column in graph.schema.columns] == list(kinds.items())
    assert tails_of(graph, "shelf_parent") == {("A > B", "A")}
    assert tails_of(graph, "pack") == {("1", "8–16 OZ"), ("2", "8–16 OZ"), ("3", "16–32 OZ")}
    assert tails_of(graph, "stock") == {("1", "1.0–5.0"), ("2", "5.0–9.0"), ("3", "9.0–9.0")}
    assert tails_of(graph, "slogan") == {("1", "a > b"), ("2", "c > d"), ("3", "e > f")}
    with pytest.raises(kg.AttributeColumnError, match=r"'shelf' is of type String.*no bands"):
        KnowledgeGraph.from_catalogue(catalogue, name=None, attributes={"shelf": "bands"})


def test_integers_are_identifiers(shop):
    assert tails_of(shop, "supplier_id") == {("101", "7"), ("102", "7"), ("103", "8")}
    assert (
        shop.relations[[r.name for r in shop.relations].index("supplier_id")].phrase == "supplier"
    )


def test_paths_join_the_leaf_and_climb_by_prefixes(shop):
    assert tails_of(shop, "category") == {
        ("101", "Food > Drinks"),
        ("102", "Food > Drinks"),
        ("102", "Health > Drinks"),
        ("103", "Beauty > Face"),
    }
    assert tails_of(shop, "category_parent") == {
        ("Food > Drinks", "Food"),
        ("Health > Drinks", "Health"),
        ("Beauty > Face", "Beauty"),
    }
    drinks = shop.entities.row(shop.entity_index("category", "Food > Drinks"), named=True)
    assert drinks["name"] == "Drinks"


def test_empty_levels_of_a_path_are_passed_over():
    written = ["A >  B", "A >  > B >", "> A > B || ", "A > B || A > B", "A > A"]
    catalogue = pl.DataFrame({"item_id": range(5), "category": written})
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None, attributes=["category"])
    assert tails_of(graph, "category") == {
        *((str(item), "A > B") for item in range(4)),
        ("4", "A > A"),
    }
    assert tails_of(graph, "category_parent") == {("A > B", "A"), ("A > A", "A")}


def test_sizes_share_bands_across_units(shop):
    assert tails_of(shop, "package_size") == {
        ("101", "8–16 OZ"),
        ("102", "16–32 OZ"),
        ("103", "31.25–62.5 ML"),
    }


def test_floats_become_bands_of_quantiles():
    catalogue = pl.DataFrame({"item_id": range(10), "price": [float(n) for n in range(1, 11)]})
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None, attributes=["price"])
    assert graph.entities.filter(type="price")["name"].to_list() == [
        "price 1–2",
        "price 2–4",
        "price 4–6",
        "price 6–8",
        "price 8–10",
    ]
    assert graph.degree[10:].tolist() == [1, 2, 2, 2, 3]
    edges = {"": (1.0, 2.0, 4.0, 6.0, 8.0, 10.0)}
    assert graph.schema.columns == (Column("price", "bands", edges=edges),)


def test_triples_join_and_bring_their_names(shop):
    assert tails_of(shop, "coupon") == {("101", "c1"), ("103", "c1")}
    assert tails_of(shop, "campaign") == {("c1", "spring")}
    coupon = shop.entities.row(shop.entity_index("coupon", "c1"), named=True)
    assert (coupon["type"], coupon["name"]) == ("coupon", "Two for one")


def test_two_columns_may_share_a_value():
    catalogue = pl.DataFrame({"item_id": ["a"], "brand": ["Acme"], "maker": ["Acme"]})
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None)
    assert graph.entity_index("brand", "Acme") != graph.entity_index("maker", "Acme")


def test_triples_of_a_columns_relation_join_its_entities(catalogue):
    more = pl.DataFrame({"head": [104, 104], "relation": ["brand"] * 2, "tail": ["Acme"] * 2})
    graph = KnowledgeGraph.from_catalogue(catalogue, attributes=["brand"], triples=more)
    assert tails_of(graph, "brand") >= {("104", "Acme")}
    assert graph.n_triples == 4
    assert len(graph.relations) == 1


def test_describe_counts_each_relation(shop):
    rows = {row["relation"]: row for row in shop.describe().iter_rows(named=True)}
    assert rows["brand"] == {
        "relation": "brand",
        "head_type": "item",
        "tail_type": "brand",
        "cardinality": "many-to-one",
        "triples": 3,
        "heads": 3,
        "tails": 2,
    }
    assert sum(row["triples"] for row in rows.values()) == shop.n_triples


def test_the_order_of_rows_only_renumbers_items(catalogue, triples, shop):
    shuffled = KnowledgeGraph.from_catalogue(
        catalogue[[2, 0, 3, 1]],
        attributes=[column.name for column in shop.schema.columns],
        triples=triples.reverse(),
    )
    assert facts_of(shuffled) == facts_of(shop)
    assert shuffled.entities[4:].equals(shop.entities[4:])
    assert shuffled.describe().equals(shop.describe())


def test_columns_are_inferred_by_what_items_can_share():
    n = 60
    catalogue = pl.DataFrame(
        {
            "item_id": range(n),
            "title": [f"Product {row}" for row in range(n)],
            "brand": ["Acme", "Bloom"] * (n // 2),
            "slogan": [f"The {row}th wonder" for row in range(n)],
            "blurb": ["It goes on and on, " * 5] * n,
            "description": ["short"] * n,
            "category": [f"A > B{row}" for row in range(n)],
            "tags": [["new"]] * n,
            "size": [f"{row + 1} OZ" for row in range(n)],
            "price": [1.5] * n,
            "stock": [3] * n,
            "supplier_id": [1, 2, 3] * (n // 3),
            "empty": [""] * n,
            "added": [datetime.date(2024, 1, 1)] * n,
        }
    )
    graph = KnowledgeGraph.from_catalogue(catalogue)
    told = {column.name: (column.kind, column.why) for column in graph.schema.columns}
    assert told == {
        "brand": ("values", "60 values, 2 different, such as 'Acme'"),
        "slogan": ("ignored", "free text: 100% of the values are different"),
        "blurb": ("ignored", "free text: 94 characters on average"),
        "description": ("ignored", "its name says text, link or image"),
        "category": ("path", "100% of the values are paths such as 'A > B0'"),
        "tags": ("values", "60 values, 1 different, such as 'new'"),
        "size": ("size", "its name says size and 100% of the values are sizes such as '1 OZ'"),
        "price": ("bands", "its name says price; bands inside each category"),
        "stock": ("ignored", "a number; to use it, declare it as bands"),
        "supplier_id": ("values", "60 values, 3 different, such as '1'"),
        "empty": ("ignored", "it holds no value"),
        "added": ("ignored", "type Date cannot be an attribute"),
        "title": ("ignored", "names; size tells the sizes"),
    }
    assert [c.name for c in graph.schema.read] == [
        "brand", "category", "tags", "size", "price", "supplier_id",
    ]  # fmt: skip
    assert str(graph.schema).splitlines()[4] == (
        "category     path     100% of the values are paths such as 'A > B0'"
    )
    assert graph.schema.to_frame().filter(column="price").rows() == [
        ("price", "bands", "price", "price", "its name says price; bands inside each category")
    ]


def test_items_choose_rows_and_their_triples(catalogue, triples):
    graph = KnowledgeGraph.from_catalogue(
        catalogue, attributes=["brand"], triples=triples, items=[103, "102"]
    )
    assert graph.entities["key"].to_list()[:2] == ["103", "102"]
    assert tails_of(graph, "coupon") == {("103", "c1")}
    assert tails_of(graph, "brand") == {("103", "Bloom"), ("102", "Acme")}


def test_added_items_come_last_and_are_read_the_same_way(shop, catalogue):
    new = catalogue[[0, 1]].with_columns(
        pl.Series("item_id", [201, 202]),
        pl.Series("brand", ["Acme", "Zest"]),
        pl.Series("price", [99.0, 1.5]),
        pl.Series("category", ["Food", "Garden"]),
        pl.Series("package_size", ["200 OZ", "0.05 L"]),
    )
    grown = shop.add_items(new)
    before = shop.n_entities
    assert grown.entities[:before].equals(shop.entities)
    assert grown.item_entities.tolist() == [0, 1, 2, 3, before, before + 1]
    assert facts_of(grown) > facts_of(shop)
    assert tails_of(grown, "brand") >= {("201", "Acme"), ("202", "Zest")}
    assert tails_of(grown, "category") >= {("201", "Food"), ("202", "Garden")}
    assert tails_of(grown, "package_size") >= {("201", "128–256 OZ"), ("202", "31.25–62.5 ML")}
    prices = dict(tails_of(grown, "price"))
    assert (prices["201"], prices["202"]) == (prices["103"], prices["101"])
    assert grown.entity_index("brand", "Zest") > before + 1
    assert shop.n_items == 4


def test_new_rows_may_leave_attributes_empty(shop, catalogue):
    empty = [pl.lit(None).alias(column.name) for column in shop.schema.columns]
    grown = shop.add_items(catalogue[:1].with_columns(*empty, item_id=pl.lit(500)))
    assert grown.n_entities == shop.n_entities + 1
    assert grown.n_triples == shop.n_triples


def test_adding_in_two_steps_states_the_same_facts(catalogue):
    whole = KnowledgeGraph.from_catalogue(catalogue, attributes=["brand", "category", "tags"])
    first = KnowledgeGraph.from_catalogue(catalogue[:2], attributes=["brand", "category", "tags"])
    assert facts_of(first.add_items(catalogue[2:])) == facts_of(whole)


def test_a_catalogue_without_attributes_is_a_graph_of_items():
    graph = KnowledgeGraph.from_catalogue(pl.DataFrame({"item_id": ["x", "y"]}), name=None)
    assert (graph.n_items, graph.n_entities, graph.n_triples) == (2, 2, 0)
    assert graph.paths([0], 1) == []
    assert graph.describe().height == 0
    assert graph.item_share(0) == 0.0


@pytest.mark.parametrize(
    ("change", "options", "error", "says"),
    [
        (pl.col("title"), {"item_id": "sku"}, kg.MissingColumnError, "'sku'"),
        (pl.col("title"), {"name": "label"}, kg.MissingColumnError, "name=None"),
        (pl.col("title"), {"attributes": ["colour"]}, kg.MissingColumnError, "'colour'"),
        (pl.col("title"), {"attributes": ["item_id"]}, kg.AttributeColumnError, "'item_id'"),
        (pl.lit(None).alias("item_id"), {}, kg.NullItemError, "4 rows"),
        (pl.lit("x").alias("item_id"), {}, kg.DuplicateItemError, "'x'"),
        (pl.lit("x").alias("item"), {"attributes": ["item"]}, kg.AttributeColumnError, "rename"),
        (
            pl.lit(datetime.date(2024, 1, 1)).alias("added"),
            {"attributes": ["added"]},
            kg.AttributeColumnError,
            "Date",
        ),
        (pl.struct("brand").alias("item_id"), {}, kg.AttributeColumnError, "Struct"),
        (pl.col("title"), {"items": [101, 999]}, kg.UnknownEntityError, "'999'"),
        (pl.col("title"), {"items": [101, "101"]}, kg.DuplicateItemError, "'101'"),
        (pl.col("title"), {"items": []}, kg.EmptyCatalogueError, "no items"),
    ],
)
def test_bad_catalogues_are_refused(catalogue, change, options, error, says):
    with pytest.raises(error, match=says):
        KnowledgeGraph.from_catalogue(catalogue.with_columns(change), **options)


def test_an_empty_catalogue_is_refused(catalogue):
    with pytest.raises(kg.EmptyCatalogueError):
        KnowledgeGraph.from_catalogue(catalogue.clear())


@pytest.mark.parametrize(
    ("triple", "error", "says"),
    [
        ({"head": "999"}, kg.DanglingItemError, "1 items .* '999'"),
        ({"tail": "999", "tail_type": "item"}, kg.DanglingItemError, "'tail'"),
        ({"tail": "101", "tail_type": "item"}, kg.SelfLoopError, "'101'"),
        ({"head": "s", "head_type": "tone", "tail": " s"}, kg.SelfLoopError, "'tone'"),
        ({"tail": None}, kg.MalformedTripleError, "no tail"),
        ({"relation": " "}, kg.MalformedTripleError, "row 0"),
    ],
)
def test_bad_triples_are_refused(catalogue, triple, error, says):
    given = {"head": "101", "relation": "tone", "tail": "s"} | triple
    frame = pl.DataFrame(
        {name: [value] for name, value in given.items()}, schema_overrides={"tail": pl.String}
    )
    with pytest.raises(error, match=says):
        KnowledgeGraph.from_catalogue(catalogue, triples=frame)


def test_triples_without_a_column_are_refused(catalogue):
    with pytest.raises(kg.MissingColumnError, match="'tail'"):
        KnowledgeGraph.from_catalogue(
            catalogue, triples=pl.DataFrame({"head": ["101"], "relation": ["x"]})
        )


def test_bad_new_items_are_refused(shop, catalogue):
    new = catalogue[:1].with_columns(item_id=pl.lit(500))
    with pytest.raises(kg.DuplicateItemError, match="'101'"):
        shop.add_items(catalogue[:1])
    with pytest.raises(kg.MissingColumnError, match="'tags'"):
        shop.add_items(new.drop("tags"))
    with pytest.raises(kg.AttributeColumnError, match="Float64"):
        shop.add_items(new.with_columns(supplier_id=pl.lit(7.0)))
    with pytest.raises(kg.AttributeColumnError, match="bands"):
        shop.add_items(new.with_columns(price=pl.lit("cheap")))


def test_unknown_entities_are_named(shop):
    with pytest.raises(kg.UnknownEntityError, match=r"'colour'.*brand"):
        shop.entity_index("colour", "red")
    with pytest.raises(kg.UnknownEntityError, match=r"'Zest'.*'Acme'"):
        shop.entity_index("brand", "Zest")
    with pytest.raises(kg.UnknownEntityError, match="entity -1"):
        shop.item_share(-1)
