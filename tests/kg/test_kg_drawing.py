"""Graphs drawn for people."""

from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from kg import KnowledgeGraph, UnknownEntityError, UnknownRelationError
from kg.drawing import draw
from kg.drawing.layering import layered
from kg.errors import DrawingSizeError

SVG = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert('x')</script> & \"兰蔻\" \u0007"


def groups(svg: str, name: str) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(svg)
    return [group for group in root.iter(f"{SVG}g") if name in group.get("class", "").split()]


def texts(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_everything_is_drawn_and_explained(shop):
    svg = draw(shop).to_svg()
    cards = [group.findtext(f"{SVG}title") for group in groups(svg, "entity")]
    names = zip(shop.entities["type"], shop.entities["name"], strict=True)
    types = {kind: kind.removesuffix("_id").replace("_", " ") for kind in shop.entities["type"]}
    assert cards == [f"{types[kind]}: {name}" for kind, name in names]
    edges = sorted(group.findtext(f"{SVG}title") for group in groups(svg, "edge"))
    called = shop.entities["name"]
    assert edges == sorted(
        f"{called[int(head)]} —{shop.relations[relation].phrase}→ {called[int(tail)]}"
        for head, relation, tail in zip(*shop.triples, strict=True)
    )
    (legend,) = groups(svg, "legend")
    signs = [texts(sign) for sign in legend.findall(f"{SVG}g")]
    assert f"item {shop.n_items}" in signs
    for relation in shop.relations:
        ends = f"{types[relation.head_type]} → {types[relation.tail_type]}"
        assert f"{relation.phrase} {ends}" in signs


def test_types_differ_in_colour_and_shape(shop):
    kinds = {}
    for group in groups(draw(shop).svg, "entity"):
        sign = group.find(f"{SVG}path")
        kinds.setdefault(group.findtext(f"{SVG}text"), set()).add((sign.get("fill"), sign.get("d")))
    assert all(len(looks) == 1 for looks in kinds.values())
    assert len(set.union(*kinds.values())) == len(kinds)


def test_paths_stand_out(shop):
    (path,) = shop.paths([0], 1, k=1)
    svg = draw(shop, highlight=[path, 2]).svg
    bold = [part.findtext(f"{SVG}title") for part in groups(svg, "told")]
    names = shop.entities["name"]
    source, via, target = (names[node] for node in path.nodes)
    phrase = path.relations[0].replace("_", " ").removesuffix(" id")
    edges = {f"{source} —{phrase}→ {via}", f"{target} —{phrase}→ {via}"}
    assert {title for title in bold if title and "→" in title} == edges
    cards = {title.partition(": ")[2] for title in bold if title and "→" not in title}
    assert cards == {source, via, target, names[2]}
    assert "highlighted path" in texts(groups(svg, "legend")[0])


def test_names_are_escaped_in_picture_and_page():
    catalogue = pl.DataFrame({"item_id": [1], "title": [EVIL], "brand": ["</svg>" + EVIL]})
    drawing = draw(KnowledgeGraph.from_catalogue(catalogue), title=EVIL)
    assert "<script" not in drawing.svg + drawing.to_html()
    (item, _) = groups(drawing.svg, "entity")
    assert item.findtext(f"{SVG}title") == "item: " + EVIL.replace("\u0007", "�")
    assert "兰蔻" in drawing.to_html()


def test_the_same_graph_looks_the_same(shop, catalogue, tmp_path):
    drawing = draw(shop)
    assert draw(shop) == drawing
    assert drawing.to_svg(tmp_path / "shop.svg") == (tmp_path / "shop.svg").read_text("utf-8")
    assert drawing.to_html(tmp_path / "shop.html") == (tmp_path / "shop.html").read_text("utf-8")
    assert drawing.svg in drawing.to_html()
    assert drawing._repr_svg_() == drawing._repr_html_() == drawing.svg


def test_cards_do_not_overlap(shop):
    boxes = []
    for group in groups(draw(shop).svg, "entity"):
        card = group.find(f"{SVG}rect")
        boxes.append([float(card.get(side)) for side in ("x", "y", "width", "height")])
    x, y, width, height = np.array(boxes).T
    apart = np.abs(x[:, None] - x) >= width
    apart |= np.abs((y + height / 2)[:, None] - (y + height / 2)) >= (height[:, None] + height) / 2
    assert (apart | np.eye(len(x), dtype=bool)).all()


def test_a_part_of_a_large_graph(shop):
    with pytest.raises(DrawingSizeError, match=r"max_entities is 5.*entities=\[…\]"):
        draw(shop, max_entities=5)
    drawing = draw(shop, entities=[0, shop.entity_index("brand", "Acme")], max_entities=5)
    assert drawing.facts == (("Cola", "brand", "Acme"),)
    nothing = draw(shop, entities=[])
    assert nothing.facts == ()
    assert nothing.title == "0 entities, 0 edges"
    assert groups(nothing.svg, "entity") == []


def test_what_is_not_in_the_graph_is_not_drawn(shop):
    with pytest.raises(UnknownEntityError, match="no entities 99"):
        draw(shop, highlight=[99])
    other = KnowledgeGraph.from_catalogue(
        pl.DataFrame({"item_id": [1, 2], "vendor": ["a", "a"]}), name=None, attributes=["vendor"]
    )
    with pytest.raises(UnknownRelationError, match="draw paths with the graph that found them"):
        draw(shop, highlight=other.paths([0], 1))


def test_lines_that_need_not_cross_do_not():
    edges = [(0, 5), (1, 4), (2, 3)]
    layers = layered([0, 0, 0, 1, 1, 1], [10.0] * 6, edges, [1.0] * 3, gap=2, lane=4)
    order = [np.argsort(layers.y[:3]), np.argsort(layers.y[3:])]
    assert [edges[place][1] - 3 for place in order[0]] == order[1].tolist()
    passing = layered([0, 1, 2], [10.0] * 3, [(0, 1), (1, 2), (0, 2)], [1.0] * 3, gap=2, lane=4)
    (bend,) = passing.bends[2]
    assert abs(bend - passing.y[1]) >= 6
