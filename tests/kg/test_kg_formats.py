"""Every format gives a graph back as it was, or says in which file and line it cannot."""

import logging
import random
import re
from pathlib import Path

import networkx
import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg import GraphFileError, KnowledgeGraph, Relation
from kg.formats import FORMATS, read_graph, write_graph

FILES = [
    "shop.tsv",
    "shop.csv",
    "shop.parquet",
    "shop.kg",
    "kg_final.txt",
    "shop.nt",
    "shop.ttl",
    "shop.graphml",
    "shop",
]
TEXT_FILES = [name for name in FILES if name not in ("shop", "shop.parquet")]
WITH_NUMBERS = ("shop.tsv", "shop.csv", "shop.parquet", "shop.graphml", "shop")
DATA = Path(__file__).parents[3] / "shared" / "data"


def read(path, **hints) -> KnowledgeGraph:
    return KnowledgeGraph(*read_graph(path, **hints))


def write(graph, path) -> None:
    write_graph(graph._parts, path)


def assert_same(again, graph, file="shop.tsv") -> None:
    """All but how the catalogue was read, and the numbers of edges where a format has no room."""
    assert again.entities.equals(graph.entities)
    assert again.relations == graph.relations
    assert all(map(np.array_equal, again.triples, graph.triples))
    if file in WITH_NUMBERS:
        assert again.attributes.equals(graph.attributes)


# Letters that some format gives a meaning, and some that none of them does.
TEXT = st.text(
    st.sampled_from("ab7 \t\n\r\"'\\|>&<,;:/#%@^._-{}可口コラéß\u2028\u00a0\U0001f600")
    | st.characters(exclude_categories=["C"]),
    min_size=1,
    max_size=5,
)
NAMED = TEXT.filter(lambda text: text.strip())
TYPES = ["item", "brand", "a type/of#its: own", "類型"]


@st.composite
def graphs(draw) -> KnowledgeGraph:
    """Small graphs of anything there may be, in no order."""
    keys = draw(st.lists(NAMED, min_size=1, max_size=4, unique_by=str.strip))
    entity = st.tuples(st.sampled_from(TYPES), st.sampled_from(keys))
    entities = draw(st.lists(entity, min_size=1, max_size=8, unique=True))
    named = [(*entity, draw(st.none() | TEXT | st.just(""))) for entity in entities]
    end = st.sampled_from(
        [entity for entity in entities if entity[1] == entity[1].strip()] or [None]
    )
    edge = st.tuples(end, st.sampled_from(["brand", *keys]).map(str.strip), end)
    edges = draw(st.lists(edge.filter(lambda edge: edge[0] != edge[2]), max_size=10))
    rows = [(*head, relation, *tail) for head, relation, tail in edges]
    columns = ["head_type", "head", "relation", "tail_type", "tail"]
    triples = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
    number = st.none() | st.floats(width=32)
    triples = triples.with_columns(
        pl.Series(name, [draw(number) for _ in rows], dtype=pl.Float32)
        for name in draw(st.sets(st.sampled_from(["lift", 'a "b",\tc\r'])))
    )
    relations = [
        Relation(
            *signature,
            phrase=draw(st.just("") | TEXT),
            inverse=draw(st.just("") | TEXT),
            functional=draw(st.booleans()),
            inverse_functional=draw(st.booleans()),
            symmetric=draw(st.booleans()),
        )
        for signature in {(row[2], row[0], row[3]) for row in rows}
    ]
    schema = dict.fromkeys(["type", "key", "name"], pl.String)
    listed = pl.DataFrame(named, schema=schema, orient="row")
    return KnowledgeGraph.from_triples(triples, entities=listed, relations=relations)


@pytest.mark.parametrize("file", FILES)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graph=graphs())
def test_a_graph_comes_back(graph, file, tmp_path):
    if file == "kg_final.txt" and not graph.n_triples:
        with pytest.raises(GraphFileError, match="without triples"):
            write(graph, tmp_path / file)
        return
    write(graph, tmp_path / file)
    assert_same(read(tmp_path / file), graph, file)


@pytest.fixture(scope="module")
def graph(shop) -> KnowledgeGraph:
    """The shop, with numbers at its edges, and entities and relations in no order of their own."""
    triples = pl.DataFrame(
        {"head": ["z", "101"], "relation": ["likes", "also"], "tail": ["y", "102"]}
        | {"head_type": ["user", "item"], "tail_type": ["user", "item"], "lift": [0.1, None]}
    )
    later = KnowledgeGraph.from_triples(triples[:1])
    return later.merge(shop).with_triples(triples)


@pytest.mark.parametrize("file", FILES)
def test_order_is_kept(graph, file, tmp_path):
    write(graph, tmp_path / "deep" / file)
    again = read(tmp_path / "deep" / file)
    assert_same(again, graph, file)
    if file == "shop":
        assert again == graph


@pytest.mark.parametrize("file", ["shop.tsv.gz", "shop.csv.gz", "shop.nt.gz", "shop.graphml.gz"])
def test_packed_files(graph, file, tmp_path):
    write(graph, tmp_path / file)
    assert (tmp_path / file).read_bytes()[:2] == b"\x1f\x8b"
    assert_same(read(tmp_path / file), graph, file.removesuffix(".gz"))


@pytest.mark.parametrize("file", FILES)
def test_the_second_writing_replaces_the_first(graph, file, tmp_path):
    write(graph, tmp_path / file)
    smaller = graph.subgraph(range(graph.n_entities - 2))
    write(smaller, tmp_path / file)
    assert_same(read(tmp_path / file), smaller, file)
    assert not list(tmp_path.glob(".kg-*"))


@pytest.mark.parametrize("file", ["shop.tsv", "shop.nt", "shop.graphml"])
def test_a_writing_that_fails_leaves_what_was_there(graph, file, tmp_path, monkeypatch):
    write(graph, tmp_path / file)

    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(pl.DataFrame, "write_csv", fail)
    with pytest.raises(OSError, match="full"):
        write(graph.subgraph([0]), tmp_path / file)
    monkeypatch.undo()
    assert_same(read(tmp_path / file), graph, file)
    assert not list(tmp_path.glob(".kg-*"))


@pytest.mark.parametrize("file", FILES)
def test_control_characters(file, tmp_path):
    names = pl.DataFrame(
        {"type": ["item"] * 2, "key": ["\x00a\x1b", "b\x0b"], "name": ["\x7f", ""]}
    )
    edge = pl.DataFrame({"head": names["key"][:1], "relation": ["r"], "tail": ["t\x01u"]})
    graph = KnowledgeGraph.from_triples(edge, entities=names)
    if file == "shop.graphml":
        with pytest.raises(GraphFileError, match="x00a"):
            write(graph, tmp_path / file)
        return
    write(graph, tmp_path / file)
    assert_same(read(tmp_path / file), graph)


# What others read of our files.


def test_recbole_reads_what_we_write(graph, tmp_path):
    write(graph, tmp_path / "shop.kg")
    triples = (tmp_path / "shop.kg").read_text().splitlines()
    assert triples[0] == "head_id:token\trelation_id:token\ttail_id:token"
    assert len(triples) == graph.n_triples + 1
    links = (tmp_path / "shop.link").read_text().splitlines()
    assert links[0] == "item_id:token\tentity_id:token"
    items = graph.item_entities.tolist()
    keys = graph.entities["key"]
    assert links[1:] == [f"{keys[entity]}\t{entity}" for entity in items]


def test_kgat_reads_what_we_write(graph, tmp_path):
    write(graph, tmp_path / "kg_final.txt")
    triples = np.loadtxt(tmp_path / "kg_final.txt", dtype=np.int64)
    assert triples.shape == (graph.n_triples, 3)
    assert triples[:, [0, 2]].max() < graph.n_entities
    listed = (tmp_path / "entity_list.txt").read_text().splitlines()[1:]
    names = dict(line.rsplit(" ", 1)[::-1] for line in listed)
    relations = (tmp_path / "relation_list.txt").read_text().splitlines()[1:]
    said = {(names[str(h)], relations[r].split()[0], names[str(t)]) for h, r, t in triples.tolist()}
    assert ("z", "likes", "y") not in said
    assert ("user::z", "likes", "user::y") in said
    assert ("101", "brand", "brand::Acme") in said
    items = [line.split() for line in (tmp_path / "item_list.txt").read_text().splitlines()[1:]]
    assert [int(item[1]) for item in items] == list(range(graph.n_items))


def test_networkx_reads_what_we_write(graph, tmp_path):
    write(graph, tmp_path / "shop.graphml")
    theirs = networkx.read_graphml(tmp_path / "shop.graphml")
    ours = graph.to_networkx()
    assert theirs.is_directed()
    for node, data in ours.nodes(data=True):
        there = theirs.nodes[str(node)]
        assert (there["type"], there["key"]) == (data["type"], data["key"])
        assert there["label"] == data["name"]
    edges = {(int(h), int(t), d["relation"]) for h, t, d in theirs.edges(data=True)}
    assert edges == {(h, t, d["relation"]) for h, t, d in ours.edges(data=True)}
    assert [d["lift"] for *_, d in theirs.edges(data=True) if "lift" in d] == [0.1]


def test_we_read_what_networkx_writes(graph, tmp_path):
    networkx.write_graphml(graph.to_networkx(), tmp_path / "shop.graphml")
    again = read(tmp_path / "shop.graphml")
    assert again.entities.equals(graph.entities)
    assert {r.signature for r in again.relations} == {r.signature for r in graph.relations}
    assert again.n_triples == graph.n_triples


@pytest.mark.parametrize("file", ["shop.nt", "shop.ttl"])
def test_rdflib_reads_what_we_write(graph, file, tmp_path):
    rdflib = pytest.importorskip("rdflib")
    write(graph, tmp_path / file)
    theirs = rdflib.Graph().parse(tmp_path / file)
    acme = rdflib.URIRef("urn:kg:brand/Acme")
    edges = set(theirs.subjects(rdflib.URIRef("urn:kg:item/brand/brand"), acme))
    assert edges == {rdflib.URIRef(f"urn:kg:item/{item}") for item in (101, 102)}
    assert str(theirs.value(rdflib.URIRef("urn:kg:item/101"), rdflib.RDFS.label)) == "Cola"


# What others write.


@pytest.mark.skipif(not DATA.exists(), reason="the public data are not here")
class TestPublicData:
    def test_book_crossing(self, tmp_path):
        graph = read(
            DATA / "book-crossing" / "triples.parquet",
            links=DATA / "book-crossing" / "links.parquet",
        )
        links = pl.read_parquet(DATA / "book-crossing" / "links.parquet")
        assert (graph.n_items, graph.n_triples) == (links.height, 151500)
        self.comes_back(graph, tmp_path)

    def test_movielens(self, tmp_path):
        graph = read(DATA / "ml-100k" / "triples.parquet")
        assert graph.n_triples == 36805
        self.comes_back(graph, tmp_path)

    def test_atomic_files(self, tmp_path):
        triples = pl.read_parquet(DATA / "book-crossing" / "triples.parquet")
        links = pl.read_parquet(DATA / "book-crossing" / "links.parquet")
        triples.rename(lambda name: f"{name}_id:token").write_csv(
            tmp_path / "book-crossing.kg", separator="\t"
        )
        links.rename(lambda name: f"{name}:token").write_csv(
            tmp_path / "book-crossing.link", separator="\t"
        )
        graph = read(tmp_path / "book-crossing.kg")
        assert graph == read(
            DATA / "book-crossing" / "triples.parquet",
            links=DATA / "book-crossing" / "links.parquet",
        )

    @staticmethod
    def comes_back(graph, folder):
        for file in ("x.kg", "kg_final.txt"):
            write(graph, folder / file)
            assert read(folder / file) == graph
        # Without our own lists, by the files that RecBole and KGAT have.
        for listed in folder.glob("*.*.tsv"):
            listed.unlink()
        items = set(graph.entities.filter(pl.col("type") == "item")["key"])
        for file in ("x.kg", "kg_final.txt"):
            again = read(folder / file)
            assert (again.n_items, again.n_triples) == (graph.n_items, graph.n_triples)
            assert set(again.entities.filter(pl.col("type") == "item")["key"]) == items


def named_edges(graph) -> set[tuple[str, str, str, str, str]]:
    rows = graph.entities.select("type", "key").rows()
    return {
        (*rows[h], graph.relations[r].name, *rows[t])
        for h, r, t in zip(*(a.tolist() for a in graph.triples), strict=True)
    }


def test_recbole_files_of_others(tmp_path):
    (tmp_path / "m.kg").write_text(
        "head_id:token\trelation_id:token\ttail_id:token\nm.1\tfilm.genre\tm.g\nm.1\tself\tm.1\n"
    )
    plain = read(tmp_path / "m.kg")
    assert named_edges(plain) == {("entity", "m.1", "film.genre", "entity", "m.g")}
    (tmp_path / "m.link").write_text("tracks_id:token\tentity_id:token\n7\tm.1\n8\tm.8\n")
    linked = read(tmp_path / "m.kg", entity_type="thing")
    assert named_edges(linked) == {("item", "7", "film.genre", "thing", "m.g")}
    assert linked.entities["key"].to_list() == ["7", "8", "m.g"]
    links = pl.DataFrame({"item_id": [9], "entity_id": ["m.1"]})
    assert read(tmp_path / "m.kg", links=links).entities["key"].to_list() == ["9", "m.g"]


def test_kgat_files_of_others(tmp_path):
    (tmp_path / "kg_final.txt").write_text("0 1 2\n1 0 3\n0 0 0\n3\t1  02 \n")
    assert named_edges(read(tmp_path / "kg_final.txt")) == {
        ("entity", "0", "1", "entity", "2"),
        ("entity", "1", "0", "entity", "3"),
        ("entity", "3", "1", "entity", "2"),
    }
    # As in Yelp2018: names with spaces and braces, columns run together.
    (tmp_path / "entity_list.txt").write_text(
        "org_id remap_id\n38x 0\nyd 1\ncategories::Machine Shops 2\nMeal::{'dessert': True_} 3\n"
    )
    (tmp_path / "relation_list.txt").write_text("org_id remap_id\ncity 0\nattributes::Bike 1\n")
    (tmp_path / "item_list.txt").write_text("org_id remap_id freebase_id\n38x 038x\nyd 1yd\n")
    assert named_edges(read(tmp_path / "kg_final.txt")) == {
        ("item", "38x", "attributes::Bike", "entity", "categories::Machine Shops"),
        ("item", "yd", "city", "entity", "Meal::{'dessert': True_}"),
        (
            "entity",
            "Meal::{'dessert': True_}",
            "attributes::Bike",
            "entity",
            "categories::Machine Shops",
        ),
    }
    # As in Last-FM: the item's id is another than its entity's.
    (tmp_path / "item_list.txt").write_text("org_id remap_id freebase_id\n1 0 38x\n15 1 yd\n")
    items = read(tmp_path / "kg_final.txt").entities.filter(pl.col("type") == "item")
    assert items["key"].to_list() == ["1", "15"]


def test_tables_of_others(tmp_path):
    (tmp_path / "a.tsv").write_text('\ufeffalice\tknows\tbob\r\nbob\thas\t5" disk\r\n')
    assert named_edges(read(tmp_path / "a.tsv")) == {
        ("item", "alice", "knows", "knows", "bob"),
        ("item", "bob", "has", "has", '5" disk'),
    }
    (tmp_path / "b.csv").write_text(
        "relation,head,tail,tail_type,tail_name,lift,note\n"
        'made by,7,x,brand,"Smith, ""Jones""\n& Co",1.5,hello\n'
        "made by,8,x,,,,\n"
    )
    graph = read(tmp_path / "b.csv")
    assert graph.entities["name"].to_list() == ["7", "8", 'Smith, "Jones"\n& Co', "x"]
    assert graph.attributes.to_dict(as_series=False) == {"lift": [1.5, None]}


TURTLE = """
@prefix ex: <http://example.org/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
ex:cola a ex:Drink, ex:Product ; rdfs:label "Cola"@en, "可乐"@zh, "Kola" ;
    ex:made <http://a/Caf%C3%A9> ; ex:size 12, " " ;
    <http://other/made> <http://b/x>, <http://c/x> ; ex:of [ ex:made ex:cola ] .
<http://shop/7> a <urn:kg:item> ; ex:brand "Acme" .
"""


def test_rdf_of_others(tmp_path):
    pytest.importorskip("rdflib")
    (tmp_path / "a.ttl").write_text(TURTLE)
    graph = read(tmp_path / "a.ttl", entity_type="thing")
    made = "http://example.org/made"
    blank = next(key for key in graph.entities["key"] if key.startswith("_:"))
    assert named_edges(graph) == {
        ("Drink", "cola", made, "thing", "Café"),
        ("Drink", "cola", "size", "size", "12"),
        ("Drink", "cola", "http://other/made", "thing", "http://b/x"),
        ("Drink", "cola", "http://other/made", "thing", "http://c/x"),
        ("Drink", "cola", "of", "thing", blank),
        ("thing", blank, made, "Drink", "cola"),
        ("item", "7", "brand", "brand", "Acme"),
    }
    cola = graph.entity_index("Drink", "cola")
    for language, name in ((None, "Kola"), ("zh", "可乐"), ("EN", "Cola"), ("fr", "Kola")):
        assert read(tmp_path / "a.ttl", language=language).entities["name"][cola] == name


def test_graphml_of_others(tmp_path):
    (tmp_path / "a.graphml").write_text(
        '<g:graphml xmlns:g="http://graphml.graphdrawing.org/xmlns">'
        '<g:key id="d0" for="node" attr.name="type"><g:default>thing</g:default></g:key>'
        '<g:key id="d1" for="edge" attr.name="label" attr.type="string"/>'
        '<g:key id="d2" for="edge" attr.name="weight" attr.type="double"/>'
        '<g:graph><g:edge source="a" target="b"><g:data key="d1">is &amp; was</g:data>'
        '<g:data key="d2">2.5</g:data></g:edge><g:node id="a"/>'
        '<g:node id="b"><g:data key="d0">item</g:data></g:node></g:graph></g:graphml>'.replace(
            " 2.5", "2.5"
        )
    )
    graph = read(tmp_path / "a.graphml")
    assert named_edges(graph) == {("thing", "a", "is & was", "item", "b")}
    assert graph.attributes["weight"].to_list() == [2.5]


# What cannot be read.

GRAPHML = (
    '<graphml><key id="r" for="edge" attr.name="relation"/>\n'
    '<key id="w" for="edge" attr.name="w" attr.type="float"/><graph>\n{}\n</graph></graphml>'
)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("a.tsv", "", "a.tsv is empty"),
        ("a.tsv", "head\trelation\ttail\na\tb\tc\na\tb\n", "a.tsv, line 3: 2 fields"),
        ("a.tsv", "head\trelation\ttail\na\tb\tc\n\na\tb\tc\n", "a.tsv, line 3: 1 fields"),
        ("a.tsv", "head\trelation\ttail\n\ta\tb\n", "line 2: a triple without head"),
        ("a.tsv", "head\trelation\ttail\ttail\na\tb\tc\td\n", "line 1: two columns"),
        ("a.tsv", "h\tr\tt\tx\na\tb\tc\td\n", "line 1: no column 'head'"),
        ("a.csv", 'a,b,c\n"a,b,c\n', "a.csv, line 2: a quote is opened"),
        ("a.csv", 'a,b,c\n"a"x,b,c\n', "a.csv, line 2: a quote inside"),
        ("a.csv", 'a,b,c\n"x\ny",b,c\na,b\n', "a.csv, line 4: 2 fields"),
        ("a.csv", "head,relation,tail,head_type,tail_type\na,r,a,item,item\n", "to itself"),
        ("a.kg", "head\trelation\ttail\n1\t2\t3\n", "a.kg, line 1: no field head_id:token"),
        ("kg_final.txt", "0 1 2\n0 1\n", "kg_final.txt, line 2: a line must be three whole"),
        ("kg_final.txt", f"0 1 2\n0 1 {2**64}\n", "kg_final.txt, line 2: tail"),
        ("a.nt", "<http://a/b> <http://a/c> <http://a/d> .\n<http://a/b> .\n", "a.nt, line 2"),
        ("a.nt", '<http://a/b> <http://a/c> "\\uD800" .\n', "a.nt, line 1"),
        ("a.nt", '<http://a/b> <http://a/c> "\\UFFFFFFFF" .\n', "a.nt, line 1"),
        ("a.ttl", "@prefix a: <http://a/> .\na:b a:c .\n", "a.ttl, line 2"),
        ("a.ttl", '"a" <http://a/b> <http://a/c> .', "a.ttl: not Turtle"),
        ("a.graphml", "<graphml>\n<graph>", "a.graphml, line 2: no element found"),
        ("a.graphml", "<!DOCTYPE a [<!ENTITY b 'c'>]>\n<graphml/>", "a document type"),
        ("a.graphml", GRAPHML.format("<node/>"), "line 3: an element without id"),
        ("a.graphml", GRAPHML.format('<node id="a"/>\n<node id="a"/>'), "line 4: an entity"),
        ("a.graphml", GRAPHML.format('<edge source="a" target="b"/>'), "line 3: an edge without"),
        (
            "a.graphml",
            GRAPHML.format('<edge source="a" target="b"><data key="r">x</data></edge>'),
            "line 3: an edge from or to",
        ),
        (
            "a.graphml",
            GRAPHML.format(
                '<node id="a"/><node id="b"/>\n'
                '<edge source="a" target="b"><data key="r">x</data><data key="w">x</data></edge>'
            ),
            "line 4: w must be a number, found is 'x'",
        ),
        ("a.graphml", GRAPHML.format('<data key="q"/>'), "line 3: data of key 'q'"),
        ("a.graphml", GRAPHML.format("<hyperedge/>"), "line 3: a hyperedge"),
    ],
)
def test_what_is_malformed_is_refused(file, text, says, tmp_path):
    (tmp_path / file).write_text(text)
    with pytest.raises(GraphFileError, match=re.escape(says)):
        read(tmp_path / file)


@pytest.mark.parametrize("file", [*TEXT_FILES, "shop.parquet"])
def test_what_is_not_there_or_not_text_is_refused(graph, file, tmp_path):
    with pytest.raises(GraphFileError, match=file):
        read(tmp_path / file)
    (tmp_path / file).write_bytes(b"")
    with pytest.raises(GraphFileError, match=file):
        read(tmp_path / file)
    (tmp_path / file).write_bytes(b"a\n\xff\xfe")
    with pytest.raises(GraphFileError, match=file):
        read(tmp_path / file)
    (tmp_path / f"{file}.gz").write_bytes(b"no such thing")
    with pytest.raises(GraphFileError, match=file):
        read(tmp_path / f"{file}.gz")


def test_lists_that_do_not_fit_are_refused(graph, tmp_path):
    write(graph, tmp_path / "shop.tsv")
    entities, relations = tmp_path / "shop.entities.tsv", tmp_path / "shop.relations.tsv"
    text = relations.read_text()
    for old, new, says in (
        ("brand\titem\tbrand", "brand\titem\tshape", "has no relation 'brand'"),
        ("\ttrue", "\tyes", "must be true or false, found is 'yes'"),
        ("head_type", "other", "no column 'head_type'"),
    ):
        relations.write_text(text.replace(old, new, 1))
        with pytest.raises(GraphFileError, match=re.escape(f"{says}")) as caught:
            read(tmp_path / "shop.tsv")
        assert "shop.relations.tsv" in str(caught.value)
    relations.unlink()
    with pytest.raises(GraphFileError, match=r"shop\.relations\.tsv"):
        read(tmp_path / "shop.tsv")
    relations.write_text(text)
    entities.write_text(entities.read_text().replace("brand\tAcme", "brand\tAcne"))
    with pytest.raises(GraphFileError, match=r"shop.tsv, line \d+: the tail .* found is 'Acme'"):
        read(tmp_path / "shop.tsv")


def test_links_that_cannot_be_used_are_refused(tmp_path):
    pl.DataFrame({"head": [1], "relation": ["r"], "tail": [2]}).write_parquet(
        tmp_path / "t.parquet"
    )
    with pytest.raises(GraphFileError, match=r"no\.link"):
        read(tmp_path / "t.parquet", links=tmp_path / "no.link")
    with pytest.raises(GraphFileError, match="'entity_id'"):
        read(tmp_path / "t.parquet", links=pl.DataFrame({"item_id": [1]}))
    twice = pl.DataFrame({"item_id": ["a", "b"], "entity_id": ["1", "1"]})
    with pytest.raises(GraphFileError, match="several items"):
        read(tmp_path / "t.parquet", links=twice)
    numbers = pl.DataFrame({"item_id": [7], "entity_id": [1]})
    assert read(tmp_path / "t.parquet", links=numbers).entities["key"].to_list() == ["7", "2"]
    with pytest.raises(GraphFileError, match="takes no links"):
        read(tmp_path / "t.nt", links=twice)
    with pytest.raises(GraphFileError, match=r"known are .*\.link"):
        read(tmp_path / "t.parquet", links=tmp_path / "links.xlsx")


def test_unknown_formats_are_refused(graph, tmp_path):
    for call in (
        lambda: read(tmp_path / "graph.xlsx"),
        lambda: read(tmp_path / "graph.tsv", format="excel"),
        lambda: write(graph, tmp_path / "graph.xlsx"),
    ):
        with pytest.raises(GraphFileError, match=r"known are .*tsv \(\.tsv\)"):
            call()
    write_graph(graph._parts, tmp_path / "triples.txt", format="graphml")
    assert_same(read(tmp_path / "triples.txt", format="graphml"), graph)


def test_parquet_of_another_kind_is_refused(tmp_path):
    pl.DataFrame({"head": [[1]], "relation": ["r"], "tail": [2]}).write_parquet(
        tmp_path / "t.parquet"
    )
    with pytest.raises(GraphFileError, match=r"t\.parquet has List"):
        read(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_bytes((tmp_path / "t.parquet").read_bytes()[:40])
    with pytest.raises(GraphFileError, match=r"t\.parquet cannot be read"):
        read(tmp_path / "t.parquet")


@pytest.mark.parametrize("file", TEXT_FILES)
def test_what_is_damaged_is_read_or_refused(graph, file, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL, "rdflib")  # it quotes half characters, which no report can
    write(graph, tmp_path / file)
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}
    chance = random.Random(0)
    pieces = [b'"', b"\n", b"\t", b",", b"\\u", b"\\uD800", b"\\UFFFFFFFF", b"<", b"\x00", b"\r"]
    pieces += [b"\xff", b" ", b"&x;", b"<!DOCTYPE a>", b"%FF", b"urn:kg:", b"(", b"[", b"."]
    for _ in range(150):
        path, data = chance.choice(sorted(whole.items()))
        at = chance.randrange(len(data))
        rest = chance.choice([b"", data[at + chance.randrange(1, 20) :], data[at:]])
        path.write_bytes(data[:at] + chance.choice(pieces) + rest)
        assert not refused_without_file(tmp_path / file)
        path.write_bytes(data)


def refused_without_file(path) -> bool:
    try:
        read(path)
    except GraphFileError as error:
        return str(path.parent) not in str(error)
    return False


def test_every_format_is_tested():
    assert {kind.ending for kind in FORMATS.values()} == {
        "" if file == "shop" else file if file == "kg_final.txt" else Path(file).suffix
        for file in FILES
    }
