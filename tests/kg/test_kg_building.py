"""Graphs from triples alone, and graphs made of graphs."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kg
from kg import EntityLinker, KnowledgeGraph, Relation
from tests.kg.test_kg_catalogue import facts_of

BOUGHT_WITH = pl.DataFrame(
    {
        "head": [101, 102],
        "relation": "bought_with",
        "tail": [102, 104],
        "tail_type": "item",
        "lift": [2.5, None],
        "since": [None, "Monday"],
    }
)


def edge_numbers(graph: KnowledgeGraph) -> dict[tuple[str, str, str], dict[str, float | None]]:
    keys = graph.entities["key"].to_list()
    names = [relation.name for relation in graph.relations]
    edges = zip(*(array.tolist() for array in graph.triples), strict=True)
    return {
        (keys[head], names[relation], keys[tail]): numbers
        for (head, relation, tail), numbers in zip(
            edges, graph.attributes.iter_rows(named=True), strict=True
        )
    }


def test_triples_alone_make_a_graph():
    triples = pl.DataFrame(
        {
            "head": [1, 1, 2],
            "relation": ["actor", "genre", "actor"],
            "tail": ["http://x/Ann", "Drama", "http://x/Ann"],
            "head_name": ["Toy Story", None, None],
            "tail_name": ["Ann", None, None],
        }
    )
    graph = KnowledgeGraph.from_triples(triples)
    assert (graph.n_items, graph.n_entities, graph.n_triples) == (2, 4, 3)
    assert graph.entities.row(graph.entity_index("actor", "http://x/Ann"))[3] == "Ann"
    assert graph.entities.row(graph.entity_index("item", 1))[3] == "Toy Story"
    assert [len(path) for path in graph.paths([graph.entity_index("item", 1)], 1)] == [2]
    assert {r.name: r.cardinality for r in graph.relations} == {
        "actor": "many-to-one",
        "genre": "one-to-one",
    }
    one_type = KnowledgeGraph.from_triples(triples, entity_type="thing")
    assert set(one_type.entities["type"]) == {"item", "thing"}


def test_entities_without_an_edge_come_along_in_their_order():
    entities = pl.DataFrame({"type": ["brand", "item"], "key": ["b", "1"], "name": ["Bee", None]})
    none = pl.DataFrame(schema={"head": pl.String, "relation": pl.String, "tail": pl.String})
    graph = KnowledgeGraph.from_triples(none, entities=entities)
    assert graph.entities.rows() == [(0, "brand", "b", "Bee"), (1, "item", "1", "1")]
    assert graph.paths([1], 1) == []


def test_links_say_which_entities_are_items():
    triples = pl.DataFrame({"head": ["7", "7"], "relation": ["0", "1"], "tail": ["8", "9"]})
    links = pl.DataFrame({"item_id": ["isbn", "alone"], "entity_id": ["7", "5"]})
    graph = KnowledgeGraph.from_triples(triples, links=links)
    assert facts_of(graph) == {
        ("item", "isbn", "0", "entity", "8"),
        ("item", "isbn", "1", "entity", "9"),
    }
    assert graph.entities.filter(type="item")["key"].to_list() == ["isbn", "alone"]


@pytest.mark.parametrize(
    ("error", "tables"),
    [
        (kg.MissingColumnError, {"triples": pl.DataFrame({"head": ["a"]})}),
        (kg.MissingColumnError, {"entities": pl.DataFrame({"type": ["item"]})}),
        (kg.MissingColumnError, {"links": pl.DataFrame({"item_id": ["1"]})}),
        (
            kg.DuplicateItemError,
            {"links": pl.DataFrame({"item_id": ["1", "2"], "entity_id": ["a", "a"]})},
        ),
        (
            kg.DuplicateItemError,
            {"entities": pl.DataFrame({"type": ["item"] * 2, "key": ["a", "a"]})},
        ),
        (kg.MalformedTripleError, {"entities": pl.DataFrame({"type": ["item"], "key": [" "]})}),
        (
            kg.SelfLoopError,
            {
                "triples": pl.DataFrame({"head": "a", "relation": "r", "tail": "a"}).with_columns(
                    tail_type=pl.lit("item")
                )
            },
        ),
    ],
)
def test_tables_that_make_no_graph_are_refused(error, tables):
    triples = pl.DataFrame({"head": ["a"], "relation": ["r"], "tail": ["b"]})
    with pytest.raises(error):
        KnowledgeGraph.from_triples(**({"triples": triples} | tables))


def test_more_triples_carry_their_numbers(shop, tmp_path):
    relation = Relation("bought_with", "item", "item", "bought with", symmetric=True)
    graph = shop.with_triples(BOUGHT_WITH, relations=[relation])
    assert graph.relations[-1] == relation
    numbers = edge_numbers(graph)
    assert numbers["101", "bought_with", "102"] == {"lift": 2.5}
    assert numbers["101", "brand", "Acme"] == {"lift": None}
    assert facts_of(shop) < facts_of(graph)
    assert graph.entities.equals(shop.entities)
    graph.save(tmp_path)
    assert KnowledgeGraph.load(tmp_path) == graph
    with pytest.raises(kg.DanglingItemError, match="'999'"):
        shop.with_triples(BOUGHT_WITH.with_columns(tail=pl.lit(999)))


def test_frames_of_other_libraries_are_read(catalogue, triples, shop):
    attributes = [column.name for column in shop.schema.columns]
    for read in (pl.DataFrame.to_pandas, pl.DataFrame.to_arrow, pl.DataFrame.lazy):
        graph = KnowledgeGraph.from_catalogue(
            read(catalogue), attributes=attributes, triples=read(triples)
        )
        assert facts_of(graph) == facts_of(shop)
    with pytest.raises(kg.TableError, match=r"the catalogue cannot be read .* of type list"):
        KnowledgeGraph.from_catalogue([1, 2])


def test_networkx_edges_carry_their_numbers(shop):
    view = shop.with_triples(BOUGHT_WITH).to_networkx()
    assert view.edges[0, 1, "bought_with"] == {
        "relation": "bought_with",
        "lift": pytest.approx(2.5),
    }
    assert view.edges[1, 3, "bought_with"] == {"relation": "bought_with"}


def test_hetero_data_carries_the_numbers_of_edges(shop):
    data = shop.with_triples(BOUGHT_WITH).to_hetero_data()
    lift = data["item", "bought_with", "item"].lift
    assert lift.tolist() == pytest.approx([2.5, float("nan")], nan_ok=True)
    assert "lift" not in data["item", "brand", "brand"]


def test_one_key_under_two_types_is_two_entities():
    catalogue = pl.DataFrame(
        {"item_id": ["a", "b"], "brand": ["Rose", None], "colour": [None, "Rose"]}
    )
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None)
    assert graph.entity_index("brand", "Rose") != graph.entity_index("colour", "Rose")
    assert graph.paths([0], 1) == []


def test_added_values_in_other_spellings_join_those_that_are_known(shop, catalogue):
    rows = catalogue[[0, 1]].with_columns(
        pl.Series("item_id", [201, 202]), pl.Series("brand", ["ACME", "Zest"])
    )
    apart = {fact[4] for fact in facts_of(shop.add_items(rows)) if fact[2] == "brand"}
    assert apart == {"Acme", "Bloom", "ACME", "Zest"}
    graph = shop.add_items(rows, linker=EntityLinker(shop))
    brands = {fact[1]: fact[4] for fact in facts_of(graph) if fact[2] == "brand"}
    assert (brands["201"], brands["202"]) == ("Acme", "Zest")


def test_edges_that_are_there_keep_their_numbers(shop):
    graph = shop.with_triples(BOUGHT_WITH)
    again = graph.with_triples(BOUGHT_WITH.with_columns(lift=pl.lit(9.0)))
    assert again == graph


def test_merging_joins_what_both_know(catalogue, triples):
    attributes = ["brand", "category", "tags"]
    whole = KnowledgeGraph.from_catalogue(catalogue, attributes=attributes)
    first = KnowledgeGraph.from_catalogue(catalogue[:2], attributes=attributes)
    second = KnowledgeGraph.from_catalogue(catalogue[1:], attributes=attributes)
    both = first.merge(second)
    assert facts_of(both) == facts_of(whole)
    assert both.entities.height == whole.entities.height
    assert both.entities[: first.n_entities].equals(first.entities)
    assert first.merge(first) == first


def test_merging_keeps_numbers_and_first_names():
    one = pl.DataFrame({"head": ["1"], "relation": ["r"], "tail": ["a"], "lift": [1.0]})
    one = one.with_columns(tail_name=pl.lit("A"))
    two = one.with_columns(tail_name=pl.lit("B"), lift=pl.lit(2.0), support=pl.lit(0.5))
    two = pl.concat([two, two.with_columns(head=pl.lit("2"))])
    graph = KnowledgeGraph.from_triples(one).merge(KnowledgeGraph.from_triples(two))
    assert graph.entities.row(graph.entity_index("r", "a"))[3] == "A"
    assert edge_numbers(graph) == {
        ("1", "r", "a"): {"lift": 1.0, "support": None},
        ("2", "r", "a"): {"lift": 2.0, "support": 0.5},
    }


def test_merging_refuses_columns_read_differently(catalogue):
    words = KnowledgeGraph.from_catalogue(catalogue, attributes={"category": "values"})
    paths = KnowledgeGraph.from_catalogue(catalogue, attributes={"category": "path"})
    with pytest.raises(
        kg.SchemaError, match=r"'category' differently \(kind\): as values and as path"
    ):
        words.merge(paths)


def test_a_subgraph_keeps_the_edges_between_its_entities(shop):
    graph = shop.with_triples(BOUGHT_WITH)
    keys = [("item", "101"), ("item", "102"), ("brand", "Acme")]
    part = graph.subgraph(graph.entity_index(*key) for key in keys)
    assert facts_of(part) == {
        ("item", "101", "brand", "brand", "Acme"),
        ("item", "102", "brand", "brand", "Acme"),
        ("item", "101", "bought_with", "item", "102"),
    }
    assert edge_numbers(part)["101", "bought_with", "102"] == {"lift": 2.5}
    assert graph.subgraph(range(graph.n_entities)) == graph
    assert graph.subgraph([]).n_entities == 0
    with pytest.raises(kg.UnknownEntityError, match="no entity -1"):
        graph.subgraph([-1])


@given(st.sets(st.integers(0, 12)))
def test_a_subgraph_has_exactly_the_facts_among_its_entities(shop, chosen):
    chosen = {entity for entity in chosen if entity < shop.n_entities}
    part = shop.subgraph(chosen)
    inside = {(row[1], row[2]) for row in shop.entities.rows() if row[0] in chosen}
    assert {(row[1], row[2]) for row in part.entities.rows()} == inside
    assert facts_of(part) == {
        fact for fact in facts_of(shop) if fact[:2] in inside and fact[3:] in inside
    }


def test_the_neighbourhood_prefers_what_few_share():
    n = 40
    catalogue = pl.DataFrame(
        {
            "item_id": range(n),
            "brand": ["Rare"] * 2 + ["Common"] * (n - 2),
            "shop": ["Everywhere"] * n,
        }
    )
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None)
    near = graph.neighbourhood([0], max_entities=4)
    assert set(near.entities["key"]) == {"0", "1", "Rare", "Everywhere"}
    assert graph.neighbourhood([0], hops=1).n_entities == 3
    assert graph.neighbourhood([0], max_entities=4) == near
    whole = graph.neighbourhood(range(n), max_entities=1_000)
    assert whole == graph
    with pytest.raises(kg.PathRequestError, match="hops is 0"):
        graph.neighbourhood([0], hops=0)


def test_what_weakens_a_graph_is_found():
    catalogue = pl.DataFrame(
        {
            "item_id": range(30),
            "brand": ["Tigi", "TIGI", *[f"brand {row}" for row in range(27)], None],
            "shop": ["Everywhere"] * 29 + [None],
        }
    )
    rounds = pl.DataFrame(
        {
            "head": ["a", "b", "0", "1", "1"],
            "relation": ["above", "above", "maker", "maker", "maker"],
            "tail": ["b", "a", "m", "m", "n"],
            "head_type": ["shelf", "shelf", None, None, None],
            "tail_type": ["shelf", "shelf", None, None, None],
        }
    )
    graph = KnowledgeGraph.from_catalogue(catalogue, name=None, triples=rounds)
    maker = Relation("maker", "item", "maker", functional=True)
    declared = KnowledgeGraph.from_catalogue(catalogue, name=None).with_triples(
        rounds, relations=[maker]
    )
    found = {row[0]: (row[1], row[2]) for row in graph.check().rows()}
    assert found == {
        "orphan-items": ("item", 1),
        "cycles": ("above", 2),
        "same-names": ("brand", 2),
        "hubs": ("shop", 1),
    }
    contradiction = declared.check().filter(finding="contradicting-facts")
    assert contradiction.select("where", "count", "examples").rows() == [("maker", 1, ["1"])]
    assert (graph.check()["why"].str.len_chars() > 20).all()


def test_nothing_is_found_in_a_sound_graph():
    catalogue = pl.DataFrame({"item_id": range(6), "brand": ["Acme", "Bloom", "Zest"] * 2})
    assert KnowledgeGraph.from_catalogue(catalogue, name=None).check().is_empty()
