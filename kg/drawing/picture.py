"""A few entities and what joins them, drawn for people.

Items stand on the left, what they have in common on the right of them, the general beyond the
specific. With paths to tell, the items where these end stand on the right, and between the two
what leads from one to the other. Every entity is a card with the sign and the word of its type;
arrows run from head to tail in the colour of the type at their end.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path as DiskPath
from typing import TYPE_CHECKING

import numpy as np

from kg.drawing.layering import Layers, layered, spread
from kg.drawing.lettering import FONT, legible, length, wrapped
from kg.errors import DrawingSizeError, UnknownEntityError, UnknownRelationError, examples
from kg.schema import ITEM, Relation
from kg.walking.paths import Path

if TYPE_CHECKING:
    import jinja2

    from kg.graph import KnowledgeGraph

COLOURS = (
    ("#0069a8", "#62b8ec"),
    ("#c04a00", "#f5935a"),
    ("#00795a", "#43c79f"),
    ("#9c3f7a", "#e79ac6"),
    ("#7d5f00", "#dcb845"),
    ("#5f636b", "#b2b6bd"),
)
"""On light and on dark ground, after Okabe and Ito, so that colour-blind people tell them apart."""
SHAPES = (
    "M-8 0a8 8 0 1 0 16 0a8 8 0 1 0-16 0z",
    "M-7-7h14v14h-14z",
    "M0-9L9 0 0 9-9 0z",
    "M0-8L9 7h-18z",
    "M-9 0L-4.5-8h9L9 0 4.5 8h-9z",
    "M0 8L-9-7h18z",
    "M-3-9h6v6h6v6h-6v6h-6v-6h-6v-6h6z",
)
"""Circle, square, diamond, triangle, hexagon, hanging triangle, cross; as many as are no multiple
of the colours, so that types differ in one or the other."""
DASHES = ("", "7 4", "2 4", "10 3 2 3")
"""Of the relations whose tails are of one type."""

_MARGIN, _CARD, _AISLE, _GAP, _LANE, _BULGE = 28.0, 222.0, 108.0, 12.0, 16.0, 80.0
_LINE, _TEXT, _LEGEND_LINE, _ARROW = 16.0, 178.0, 26.0, 9.0
_LEAST_SCALE, _LEAST_WIDTH, _QUIET_FONT, _HEADING_FONT = 0.65, 760.0, 11.0, 22.0
_TOLD_WEIGHT, _BOLD = 4.0, 0.9
_LABEL_HEIGHT = 16.0


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing; notebooks show it as it is.

    Attributes:
        title: What it shows.
        svg: The picture, with a legend.
        facts: What it says: head, relation and tail of each arrow.
    """

    title: str
    svg: str
    facts: tuple[tuple[str, str, str], ...]

    def to_svg(self, path: str | DiskPath | None = None) -> str:
        """The picture; written to a file, too, when a path is given."""
        return _written(self.svg, path)

    def to_html(self, path: str | DiskPath | None = None) -> str:
        """A page with the picture and its facts in a table, which needs nothing beside it.

        Args:
            path: Where to write it as well.
        """
        return _written(_template("drawing.html.j2").render(drawing=self), path)

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return self.svg


def draw(
    graph: "KnowledgeGraph",
    *,
    entities: Iterable[int] | None = None,
    highlight: Iterable[Path | int] = (),
    title: str | None = None,
    max_entities: int = 60,
) -> Drawing:
    """Draws a graph, or some of its entities and all that joins them; the same graph, the same way.

    Args:
        graph: A small one, or one of which a part is drawn.
        entities: Indexes of the entities to draw; all when None.
        highlight: Paths of the graph, drawn bold with the names of their relations, and indexes of
            entities, drawn bold. Those not drawn otherwise are added to ``entities``.
        title: The heading; how much is drawn when None.
        max_entities: How many may be drawn.

    Returns:
        The drawing; of no entities it has a heading and nothing below.

    Raises:
        DrawingSizeError: When more than ``max_entities`` would be drawn.
        UnknownEntityError: When an index is none of the graph.
        UnknownRelationError: When a path runs along an edge that the graph does not have.

    >>> import polars as pl
    >>> import kg
    >>> catalogue = pl.DataFrame({"item_id": [1, 2], "title": ["Cola", "Soda"], "brand": "Acme"})
    >>> graph = kg.KnowledgeGraph.from_catalogue(catalogue)
    >>> drawing = draw(graph, highlight=graph.paths([0], 1))
    >>> drawing.facts
    (('Cola', 'brand', 'Acme'), ('Soda', 'brand', 'Acme'))
    """
    parts = list(highlight)
    paths = [part for part in parts if isinstance(part, Path)]
    told = {part for part in parts if not isinstance(part, Path)}
    told |= {node for path in paths for node in path.nodes}
    shown = set(range(graph.n_entities) if entities is None else entities) | told
    unknown = sorted(entity for entity in shown if not 0 <= entity < graph.n_entities)
    if unknown:
        raise UnknownEntityError(
            f"the graph has no entities {examples(unknown)}; indexes run from 0 to "
            f"{graph.n_entities - 1}"
        )
    if len(shown) > max_entities:
        raise DrawingSizeError(
            f"the drawing would have {len(shown):,} entities, and max_entities is {max_entities}: "
            "name those to draw, as in entities=[…], or draw graph.neighbourhood(…)"
        )
    nodes = _nodes(graph, sorted(shown), told)
    edges = _edges(graph, nodes, _steps(graph, paths))
    return _drawn(nodes, edges, paths, title)


@dataclass(frozen=True, slots=True)
class _Node:
    """An entity to draw; ``kind`` is the number of its type."""

    entity: int
    type: str
    name: str
    kind: int
    told: bool

    @property
    def type_name(self) -> str:
        return self.type.removesuffix("_id").replace("_", " ")

    @property
    def words(self) -> list[str]:
        return wrapped(self.name, _TEXT * (_BOLD if self.told else 1.0), lines=2)

    @property
    def height(self) -> float:
        return 26.0 + _LINE * len(self.words)


@dataclass(frozen=True, slots=True)
class _Edge:
    """A triple to draw, between positions of nodes; ``style`` is a colour and a dash."""

    head: int
    relation: Relation
    tail: int
    style: tuple[int, str]
    told: bool


@dataclass(frozen=True, slots=True)
class _Card:
    """A node on the page."""

    x: float
    y: float
    height: float
    node: _Node


@dataclass(frozen=True, slots=True)
class _Arrow:
    """An edge on the page."""

    edge: _Edge
    text: str
    path: str
    tip: str


@dataclass(frozen=True, slots=True)
class _Label:
    """A word in the middle of an arrow."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """An entry of the legend: a shape or, without one, a line."""

    x: float
    y: float
    text: str
    gloss: str
    colour: int
    shape: str = ""
    dash: str = ""
    told: bool = False


def _nodes(graph: "KnowledgeGraph", shown: list[int], told: set[int]) -> list[_Node]:
    """The entities; types are numbered items first, then in the order of the entities."""
    rows = graph.entities[shown].select("type", "name").rows()
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys([ITEM, *dict(rows)]))}
    return [
        _Node(entity, kind, legible(name), kinds[kind], entity in told)
        for entity, (kind, name) in zip(shown, rows, strict=True)
    ]


def _steps(graph: "KnowledgeGraph", paths: list[Path]) -> set[tuple[int, str, int]]:
    """Head, relation and tail of every step of the paths."""
    steps = set()
    for path in paths:
        ends = pairwise(path.nodes)
        for (here, there), name, direction in zip(
            ends, path.relations, path.directions, strict=True
        ):
            steps.add((here, name, there) if direction > 0 else (there, name, here))
    return steps


def _edges(
    graph: "KnowledgeGraph", nodes: list[_Node], told: set[tuple[int, str, int]]
) -> list[_Edge]:
    """All triples between the entities; an error when one told of is not among them."""
    places = {node.entity: place for place, node in enumerate(nodes)}
    drawn = np.zeros(graph.n_entities, dtype=bool)
    drawn[list(places)] = True
    heads, _, tails = graph.triples
    within = drawn[heads] & drawn[tails]
    triples = list(zip(*(array[within].tolist() for array in graph.triples), strict=True))
    absent = told - {(head, graph.relations[number].name, tail) for head, number, tail in triples}
    if absent:
        raise UnknownRelationError(
            f"the graph has no triples {examples(sorted(absent))} (head, relation, tail), along "
            "which paths run; draw paths with the graph that found them"
        )
    kinds = {node.type: node.kind for node in nodes}
    dashes: Counter[str] = Counter()
    styles: dict[int, tuple[int, str]] = {}
    for number in sorted({number for _, number, _ in triples}):
        kind = graph.relations[number].tail_type
        styles[number] = (kinds[kind] % len(COLOURS), DASHES[dashes[kind] % len(DASHES)])
        dashes[kind] += 1
    return [
        _Edge(
            places[head],
            graph.relations[number],
            places[tail],
            styles[number],
            (head, graph.relations[number].name, tail) in told,
        )
        for head, number, tail in triples
    ]


def _columns(nodes: list[_Node], edges: list[_Edge], paths: list[Path]) -> list[int]:
    """The column of each entity: items, what they are joined to, and what that is part of.

    With paths, where these end comes between: items, inner entities by how far they are from
    either end, ends, and then all that is more general.
    """
    import networkx

    targets = {path.nodes[-1] for path in paths}
    items = {place for place, node in enumerate(nodes) if node.type == ITEM}
    ends = {place for place in items if nodes[place].entity in targets}
    facts: networkx.DiGraph[int] = networkx.DiGraph()
    facts.add_nodes_from(range(len(nodes)))
    facts.add_edges_from((edge.head, edge.tail) for edge in edges)
    joined = facts.to_undirected()
    steps, before, after = (
        networkx.multi_source_dijkstra_path_length(joined, starts, weight=None) if starts else {}
        for starts in (items, items - ends, ends)
    )
    depth = {place: steps.get(place, 1) for place in range(len(nodes))}
    facts.remove_nodes_from(items)
    if networkx.is_directed_acyclic_graph(facts):
        for place in networkx.topological_sort(facts):
            for general in facts.successors(place):
                depth[general] = max(depth[general], depth[place] + 1)
    last = max((2, *(len(path) for path in paths)))
    columns = dict(depth)
    if ends:
        for place in set(depth) - items:
            left, right = before.get(place, last), after.get(place, last)
            inner = left if left < right else last - right if right < left else last // 2
            near = nodes[place].told or depth[place] == 1
            columns[place] = min(max(inner, 1), last - 1) if near else last + depth[place] - 1
        columns |= dict.fromkeys(ends, last)
    used = {column: place for place, column in enumerate(sorted(set(columns.values())))}
    return [used[columns[place]] for place in range(len(nodes))]


def _drawn(nodes: list[_Node], edges: list[_Edge], paths: list[Path], title: str | None) -> Drawing:
    columns = _columns(nodes, edges, paths)
    layers = layered(
        columns,
        [node.height for node in nodes],
        [(edge.head, edge.tail) for edge in edges],
        [_TOLD_WEIGHT if edge.told else 1.0 for edge in edges],
        gap=_GAP,
        lane=_LANE,
    )
    counts = (_counted(len(nodes), "entity", "entities"), _counted(len(edges), "edge", "edges"))
    about = ", ".join(counts)
    heading = legible(title) if title is not None else about
    n_columns = max(columns, default=0) + 1
    span = n_columns * (_CARD + _AISLE) - _AISLE
    ends = {(columns[edge.head], columns[edge.tail]) for edge in edges}
    before, after = (_BULGE if (column, column) in ends else 0.0 for column in (0, n_columns - 1))
    width = max(_LEAST_WIDTH, 2 * _MARGIN + before + span + after)
    left = (width + before - span - after) / 2
    legend, top = _legend(nodes, edges, width)
    xs = [left + column * (_CARD + _AISLE) for column in columns]
    cards = [
        _Card(x, round(top + y - node.height / 2, 1), node.height, node)
        for node, x, y in zip(nodes, xs, layers.y.tolist(), strict=True)
    ]
    arrows, labels = _arrows(nodes, edges, columns, left, top, layers)
    facts = tuple(
        (nodes[edge.head].name, edge.relation.phrase, nodes[edge.tail].name) for edge in edges
    )
    picture = {
        "title": heading,
        "heading": wrapped(heading, (width - 2 * _MARGIN) * FONT / _HEADING_FONT, lines=1)[0],
        "about": about,
        "width": round(width),
        "least_width": round(_LEAST_SCALE * width),
        "height": round(top + layers.height + _MARGIN),
        "margin": _MARGIN,
        "card_width": _CARD,
        "line_height": _LINE,
        "colours": COLOURS,
        "shapes": SHAPES,
        "legend": legend,
        "arrows": sorted(arrows, key=lambda arrow: arrow.edge.told),
        "cards": cards,
        "labels": labels,
        "faint": any(node.told for node in nodes),
    }
    # Pages with several drawings need ids that differ.
    name = hashlib.blake2s(repr(picture).encode(), digest_size=5).hexdigest()
    return Drawing(heading, _template("drawing.svg.j2").render(id=f"kg-{name}", **picture), facts)


def _legend(nodes: list[_Node], edges: list[_Edge], width: float) -> tuple[list[_Sign], float]:
    """Types and relations in lines from left to right, and where the drawing below begins."""
    counts = Counter((node.kind, node.type_name) for node in nodes)
    signs = [
        _Sign(0, 0, kind, str(n), number % len(COLOURS), shape=SHAPES[number % len(SHAPES)])
        for (number, kind), n in sorted(counts.items())
    ]
    types = {node.type: node.type_name for node in nodes}
    for edge in {edge.relation.signature: edge for edge in edges}.values():
        relation = edge.relation
        gloss = f"{types[relation.head_type]} → {types[relation.tail_type]}"
        signs.append(_Sign(0, 0, relation.phrase, gloss, edge.style[0], dash=edge.style[1]))
    if any(edge.told for edge in edges):
        signs.append(_Sign(0, 0, "highlighted path", "", len(COLOURS) - 1, told=True))
    placed: list[_Sign] = []
    x, y = _MARGIN, _MARGIN + 44
    for sign in signs:
        room = 27 + length(sign.text) + length(f" {sign.gloss}") * _QUIET_FONT / FONT + 22
        starts_lines = not sign.shape and bool(placed) and bool(placed[-1].shape)
        if x > _MARGIN and (starts_lines or x + room > width - _MARGIN):
            x, y = _MARGIN, y + _LEGEND_LINE
        placed.append(replace(sign, x=round(x, 1), y=y))
        x += room
    return placed, y + 34


def _arrows(
    nodes: list[_Node],
    edges: list[_Edge],
    columns: list[int],
    left: float,
    top: float,
    layers: Layers,
) -> tuple[list[_Arrow], list[_Label]]:
    """The edges as curves from card to card, and the names of those that want one."""
    several = Counter(frozenset((edge.head, edge.tail)) for edge in edges)
    seen: Counter[frozenset[int]] = Counter()
    arrows, labels = [], []
    for edge, bends in zip(edges, layers.bends, strict=True):
        pair = frozenset((edge.head, edge.tail))
        beside = 16.0 * (seen[pair] - (several[pair] - 1) / 2)
        seen[pair] += 1
        start, end = columns[edge.head], columns[edge.tail]
        step = (end > start) - (end < start)
        # Within a column arrows run beside it, where fewer others do.
        leaves = step or (-1 if start == 0 else 1)
        arrives = step or -leaves
        x = left + start * (_CARD + _AISLE) + (_CARD if leaves > 0 else 0)
        into = left + end * (_CARD + _AISLE) + (0 if arrives > 0 else _CARD)
        y, y_into = (top + float(layers.y[place]) + beside for place in (edge.head, edge.tail))
        tip = into - arrives * _ARROW
        path = f"M{x:.1f} {y:.1f}"
        stops = [
            (left + column * (_CARD + _AISLE) + (0 if step > 0 else _CARD), top + float(bend))
            for column, bend in zip(range(start + step, end, step or 1), bends, strict=True)
        ]
        for number, (to_x, to_y) in enumerate([*stops, (tip, y_into)]):
            reach = abs(to_x - x) / 2 if step else 46.0
            path += (
                f"C{x + leaves * reach:.1f} {y:.1f} {to_x - arrives * reach:.1f} "
                f"{to_y:.1f} {to_x:.1f} {to_y:.1f}"
            )
            if number == 0 and _labelled(edge, nodes):
                across = (x + to_x) / 2 if step else x + leaves * 40.0
                labels.append(_Label(across, (y + to_y) / 2, edge.relation.phrase))
            x, y = to_x, to_y
            if number < len(stops):
                x += step * _CARD
                path += f"H{x:.1f}"
        head, tail = nodes[edge.head].name, nodes[edge.tail].name
        arrows.append(
            _Arrow(
                edge,
                f"{head} —{edge.relation.phrase}→ {tail}",
                path,
                f"M{into:.1f} {y_into:.1f}l{-arrives * 12} -6v12z",
            )
        )
    return arrows, _apart(labels)


def _labelled(edge: _Edge, nodes: list[_Node]) -> bool:
    """Whether an arrow says what it is: it is told of, or the card it leads to does not say it."""
    return edge.told or edge.relation.phrase != nodes[edge.tail].type_name


def _apart(labels: list[_Label]) -> list[_Label]:
    """Labels moved up or down so that none lies on another."""
    moved = []
    for x, group in groupby(
        sorted(labels, key=lambda label: (label.x, label.y)), lambda label: label.x
    ):
        column = list(group)
        wanted = np.array([label.y for label in column])
        heights = spread(wanted, np.full(len(column), _LABEL_HEIGHT))
        moved += [
            _Label(round(x, 1), round(y + 4, 1), label.text)
            for label, y in zip(column, heights.tolist(), strict=True)
        ]
    return moved


def _counted(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _template(name: str) -> "jinja2.Template":
    """A template beside this module; whatever it is given is escaped, and must be given."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("kg.drawing", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template(name)


def _written(text: str, path: str | DiskPath | None) -> str:
    if path is not None:
        DiskPath(path).write_text(text, encoding="utf-8")
    return text
