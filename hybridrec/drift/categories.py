"""What serves as the category of an item: the level of a path, an attribute, or a cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, FloatArray, IntArray
from hybridrec.drift.clustering import k_means
from hybridrec.drift.config import CategoriesConfig
from hybridrec.errors import RequestError
from hybridrec.shop import Shop
from kg import KnowledgeGraph
from kg.schema import ITEM, PARENT

CLUSTERS = "embeddings"
"""The source of categories that no column gives."""


@dataclass(frozen=True)
class Categories:
    """Items and their categories.

    Args:
        source: the relation of the knowledge graph, or ``embeddings``.
        level: of a path, how many names from the top; ``None`` for other sources.
        names: of the categories, for people; no name stands twice.
        links: ``(n_items, n_categories)``, rows sum to 1 or, for items without any, to 0.
    """

    source: str
    level: int | None
    names: tuple[str, ...]
    links: csr_array

    @property
    def described(self) -> str:
        """The source and level in words."""
        return self.source if self.level is None else f"{self.source}, level {self.level}"


def chosen_categories(
    shop: Shop, settings: CategoriesConfig, embeddings: FloatArray | None = None, seed: int = 0
) -> Categories:
    """The categories that drift is measured over.

    Columns of paths come first, then the other relations of the catalogue by how many events they
    cover; of a path, the deepest level that is no finer than the settings ask for. A shop whose
    items have nothing in common gets clusters of embeddings.

    Args:
        shop: its graph and histories.
        settings: which relation, which level, how fine.
        embeddings: ``(n_items, dim)``, for want of relations.
        seed: of the clusters.

    Raises:
        RequestError: a relation or level that the shop lacks; or neither relations nor embeddings.
        ConfigError: clusters are needed and scikit-learn is not installed.
    """
    met = np.bincount(shop.histories.items, minlength=shop.histories.n_items).astype(np.float64)
    graph = shop.graph
    names = [] if graph is None else item_relations(graph)
    asked = settings.relation
    if asked is not None and asked not in (*names, CLUSTERS):
        raise RequestError(
            f"relation={asked!r}: the shop has no such relation of items; "
            f"accepted: {', '.join([*names, CLUSTERS])}"
        )
    if graph is not None and asked != CLUSTERS:
        for name in [asked] if asked else _in_order(graph, names, met):
            levels = _levels(graph, name)
            found = _suitable_level(levels, met, settings)
            chosen = asked is not None or settings.level is not None
            if chosen and not _coverage(found.links, met):
                raise RequestError(
                    f"relation={name!r}: no event is on an item that has one; leave relation and "
                    "level out for one that covers the events"
                )
            if not chosen and _too_little(found, met, settings):
                continue
            return found
    if settings.level is not None:
        raise RequestError(f"level={settings.level}: clusters of embeddings have no levels")
    if embeddings is None:
        raise RequestError(
            "the catalogue gives items no category that covers the events, and there are no "
            "embeddings to cluster; give the catalogue a column of categories"
        )
    return _clustered(shop, embeddings, met, settings, seed)


def item_relations(graph: KnowledgeGraph) -> list[str]:
    """The relations that lead from items to other entities."""
    found = (r.name for r in graph.relations if r.head_type == ITEM and r.tail_type != ITEM)
    return list(dict.fromkeys(found))


def effective_number(shares: DoubleArray) -> float:
    """How many equally frequent categories have the same entropy, 1 or more.

    >>> round(effective_number(np.array([0.5, 0.5, 0.0])), 9)
    2.0
    """
    held = shares[shares > 0]
    return float(np.exp(-(held * np.log(held)).sum()))


def _in_order(graph: KnowledgeGraph, names: list[str], met: DoubleArray) -> list[str]:
    """The relations, those that are read from paths first, then by the events they cover."""
    paths = {column.relation for column in graph.schema.read if column.kind == "path"}
    covered = {name: _coverage(_levels(graph, name)[-1].links, met) for name in names}
    return sorted(names, key=lambda name: (name not in paths, -covered[name], name))


def _coverage(links: csr_array, met: DoubleArray) -> float:
    """The share of the events on items that have a category, 0 to 1."""
    return float(met[np.diff(links.indptr) > 0].sum() / max(met.sum(), 1.0))


def _shares(links: csr_array, met: DoubleArray) -> DoubleArray:
    """The share of the events in each category, ``(n_categories,)``."""
    counts = np.asarray(met @ links, dtype=np.float64).ravel()
    return np.asarray(counts / max(counts.sum(), 1e-12))


def _too_little(found: Categories, met: DoubleArray, settings: CategoriesConfig) -> bool:
    several = effective_number(_shares(found.links, met)) > settings.least_categories
    return not several or _coverage(found.links, met) < settings.least_coverage


def _suitable_level(
    levels: list[Categories], met: DoubleArray, settings: CategoriesConfig
) -> Categories:
    """Of a relation's levels, general ones first, the one asked for or the deepest not too fine."""
    if settings.level is not None:
        if settings.level > len(levels):
            raise RequestError(
                f"level={settings.level}: {levels[0].source!r} has levels 1 to {len(levels)}"
            )
        return levels[settings.level - 1]
    numbers = [effective_number(_shares(level.links, met)) for level in levels]
    fitting = [i for i, number in enumerate(numbers) if number <= settings.most_categories]
    several = [i for i in fitting if numbers[i] > settings.least_categories]
    # where no level is both fine and coarse enough, the first that tells items apart
    beyond = [i for i, number in enumerate(numbers) if number > settings.least_categories]
    return levels[several[-1] if several else (beyond or [0])[0]]


def _levels(graph: KnowledgeGraph, name: str) -> list[Categories]:
    """A relation's categories at every level, the most general first; one where it has none."""
    edges, kinds = graph.edge_index()
    parts = [
        edges[:, kinds == kind]
        for kind, relation in enumerate(graph.relations)
        if relation.name == name and relation.head_type == ITEM and relation.tail_type != ITEM
    ]
    heads, tails = np.concatenate(parts, axis=1)
    row_of = np.full(graph.n_entities, -1, dtype=np.int64)
    row_of[graph.item_entities] = np.arange(graph.n_items)
    items = row_of[heads]
    parent = np.full(graph.n_entities, -1, dtype=np.int64)
    for kind, relation in enumerate(graph.relations):
        if relation.name == f"{name}{PARENT}" and relation.head_type == relation.tail_type:
            below, above = edges[:, kinds == kind]
            parent[below] = above
    lines = _ancestors(parent, tails)
    depth = lines.shape[0]
    return [
        _categories(graph, name, level + 1 if depth > 1 else None, items, lines[level])
        for level in range(depth)
    ]


def _ancestors(parent: IntArray, entities: IntArray) -> IntArray:
    """For every entity its ancestor at each level, ``(depth, n)``; itself below its own level."""
    lines = [entities]
    # a circle of parents ends after as many steps as there are entities
    for _ in range(parent.size):
        above = np.where(lines[-1] >= 0, parent[lines[-1]], -1)
        if (above < 0).all():
            break
        lines.append(above)
    upward = np.stack(lines)
    height = (upward >= 0).sum(axis=0)
    levels = np.arange(len(lines))[:, None]
    steps = np.maximum(height - 1 - levels, 0)
    return np.take_along_axis(upward, steps, axis=0)


def _categories(
    graph: KnowledgeGraph, source: str, level: int | None, items: IntArray, entities: IntArray
) -> Categories:
    used, columns = np.unique(entities, return_inverse=True)
    shape = (graph.n_items, used.size)
    links = csr_array((np.ones(items.size), (items, columns)), shape=shape)
    links.sum_duplicates()
    held: DoubleArray = np.asarray(links.sum(axis=1)).ravel()
    links.data = links.data / np.repeat(held, np.diff(links.indptr))
    names = graph.entities["name"].gather(used).to_list()
    keys = graph.entities["key"].gather(used).to_list()
    return Categories(source, level, _told_apart(names, keys), links)


def _told_apart(names: list[str], keys: list[str]) -> tuple[str, ...]:
    """The names; one that stands more than once with the name above it, or else the whole path.

    >>> _told_apart(["Face", "Face", "Nails"], ["A > Care > Face", "A > Make > Face", "A > Nails"])
    ('Care > Face', 'Make > Face', 'Nails')
    """
    for length in (2, 3, None):
        count = Counter(names)
        if len(count) == len(names):
            break
        names = [
            name if count[name] == 1 else " > ".join(key.split(" > ")[-length if length else 0 :])
            for name, key in zip(names, keys, strict=True)
        ]
    return tuple(names)


def _clustered(
    shop: Shop, embeddings: FloatArray, met: DoubleArray, settings: CategoriesConfig, seed: int
) -> Categories:
    """Clusters of embeddings, each named by the item of it that is met most."""
    clusters = min(settings.clusters, embeddings.shape[0])
    labels, _ = k_means(embeddings, clusters, seed)
    used, columns = np.unique(labels, return_inverse=True)
    links = csr_array(
        (np.ones(columns.size), (np.arange(columns.size), columns)),
        shape=(columns.size, used.size),
    )
    by_events = np.lexsort((-met, columns))
    first = by_events[np.searchsorted(columns[by_events], np.arange(used.size))]
    titles = [f"“{shop.titles[item]}”" for item in first]
    ids = [
        f"{title} ({shop.items.ids_of([item])[0]})"
        for title, item in zip(titles, first, strict=True)
    ]
    count = Counter(titles)
    names = (title if count[title] == 1 else one for title, one in zip(titles, ids, strict=True))
    return Categories(CLUSTERS, None, tuple(names), links)
