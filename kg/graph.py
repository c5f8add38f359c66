"""The knowledge graph of a shop's products."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path as DiskPath
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from kg.analysis.checks import check_graph
from kg.analysis.statistics import GraphStatistics, graph_statistics
from kg.assembly import Parts, Triples, locked, merged, restricted, with_facts
from kg.drawing import Drawing, draw
from kg.formats import read_graph, write_graph
from kg.formats.directory import read_parts, write_parts
from kg.lookup import (
    EntitiesByKey,
    entity_of_key,
    keyed_entities,
    linked_share,
    require_entities,
    require_positive,
)
from kg.reading.catalogue import parts_from_catalogue, parts_with_items
from kg.reading.frames import Frame, as_polars
from kg.reading.overrides import SchemaLike
from kg.reading.triples import parts_from_triples, read_triples
from kg.schema import ITEM, CatalogueSchema, ColumnKind, Relation
from kg.views import array_view, hetero_view, networkx_view, relation_table
from kg.walking.adjacency import Adjacency, adjacency_of
from kg.walking.neighbourhood import nearest_entities
from kg.walking.paths import (
    FloatArray,
    Path,
    best_paths,
    best_paths_of_pairs,
    entity_weights,
    path_text,
)

if TYPE_CHECKING:
    import networkx
    import torch_geometric.data

    from kg.linking import EntityLinker


@dataclass(frozen=True, eq=False)
class KnowledgeGraph:
    """Items, what they have in common, and the edges between; it never changes.

    Entities are numbered from 0. In a graph fresh from a catalogue the items come first, in the
    order of its rows, so that the entity of row ``r`` is ``r``; after :meth:`add_items` read
    :attr:`item_entities`. Make graphs with :meth:`from_catalogue` and :meth:`load`.

    Attributes:
        entities: One row an entity: ``entity`` (its index, Int32), ``type``, ``key`` (unique
            within its type; for items the text of the item id) and ``name``, for people.
        relations: The kinds of edges.
        triples: Arrays ``heads``, ``relations`` and ``tails``, int32, shape ``(n_triples,)``,
            sorted by relation, head and tail, without repeats.
        schema: How the catalogue was read.
        attributes: Numbers that edges carry, such as ``lift``: one row a triple, Float32, null
            where a triple has none; without columns where no triple has any.

    >>> catalogue = pl.DataFrame(
    ...     {"item_id": [7, 8], "title": ["Cola", "Soda"], "brand": ["Acme", "Acme"]}
    ... )
    >>> graph = KnowledgeGraph.from_catalogue(catalogue)
    >>> graph.n_items, graph.n_entities, graph.n_triples
    (2, 3, 2)
    >>> path = graph.paths([0], 1)[0]
    >>> graph.describe_path(path)
    'Cola —brand→ Acme ←brand— Soda'
    """

    entities: pl.DataFrame
    relations: tuple[Relation, ...]
    triples: Triples
    schema: CatalogueSchema
    attributes: pl.DataFrame = field(default_factory=pl.DataFrame)

    def __post_init__(self) -> None:
        """Locks the arrays."""
        for array in self.triples:
            locked(array)

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same entities, relations and triples under the same indexes."""
        if not isinstance(other, KnowledgeGraph):
            return NotImplemented
        return (
            self.relations == other.relations
            and self.schema == other.schema
            and self.entities.equals(other.entities)
            and all(map(np.array_equal, self.triples, other.triples))
            and self.attributes.equals(other.attributes)
        )

    def __repr__(self) -> str:
        """Its size in one line."""
        return (
            f"KnowledgeGraph({self.n_items} items, {self.n_entities} entities, "
            f"{len(self.relations)} relations, {self.n_triples} triples)"
        )

    @classmethod
    def from_catalogue(
        cls,
        catalogue: Frame,
        *,
        item_id: str = "item_id",
        name: str | None = "title",
        schema: SchemaLike | None = None,
        attributes: Sequence[str] | Mapping[str, ColumnKind] | None = None,
        triples: Frame | None = None,
        items: Sequence[Hashable] | None = None,
    ) -> "KnowledgeGraph":
        """Builds a graph from a table of products.

        Every attribute column becomes a relation and, under the same name, a type of entity:

        - strings, integers, booleans and lists of them: an entity for each distinct value;
        - paths (``"Beauty > Makeup"``): an entity for each prefix, items joined to the whole path,
          each prefix to the one above it (``<column>_parent``);
        - sizes (``"16 OZ"``, in a column whose name says size, volume, weight …): bands a power
          of two wide, such as ``"8–16 OZ"``; what is not plainly a size gives no edge;
        - prices: bands of about equally many items inside each category, such as
          ``"Shampoo: price 2.49–3.99"``; other numbers where they are asked for;
        - sizes and pack counts that stand in the names (``"Cola 50 OZ"``, ``"12 PK"``), and where
          no column says what items have in common, the words and phrases that names share.

        Text joined by ``||`` is several values. Blank and null values give no edge.
        :attr:`schema` tells what was inferred, and why: ``print(graph.schema)``.

        Args:
            catalogue: One row an item; a dataframe of polars, pandas, pyarrow or another library.
            item_id: Column of ids, of any type that has a text form; that text is the item's key.
            name: Column of names for people, or None to call items by their id.
            schema: What is known of the columns, in a YAML file or as a mapping (see
                :mod:`kg.reading.overrides`); the others are inferred. Or the schema of another
                graph, to read this catalogue the same way.
            attributes: The attribute columns, or how each of them is to be read:
                ``{"tags": "values"}``; no other column is read then. Not beside ``schema``.
            triples: More edges: columns ``head``, ``relation``, ``tail``, and if wanted
                ``head_type`` (else ``"item"``), ``tail_type`` (else the relation's name),
                ``head_name`` and ``tail_name``; other columns of numbers are carried by the edges.
                Items must be of the catalogue; other entities are made as needed.
            items: Ids of the rows to take, in the order wanted; all rows when None. Triples about
                other items of the catalogue are left out with them.

        Raises:
            TableError: When what is given is no dataframe.
            MissingColumnError: When a column named is not there.
            AttributeColumnError: When a column cannot be an attribute.
            SchemaError: When the schema cannot be read, or says something unknown.
            EmptyCatalogueError, NullItemError, DuplicateItemError: When there is no row, a row has
                no id, or two have the same.
            UnknownEntityError: When ``items`` names an id that is not in the catalogue.
            DanglingItemError: When a triple names an item that is not in the catalogue.
            MalformedTripleError, SelfLoopError: When a triple has no head, relation or tail, or
                joins an entity to itself.
        """
        parts = parts_from_catalogue(
            as_polars(catalogue, "catalogue"),
            item_id=item_id,
            name=name,
            schema=schema,
            attributes=attributes,
            triples=None if triples is None else as_polars(triples, "triples"),
            items=items,
        )
        return cls(*parts)

    @classmethod
    def from_triples(
        cls,
        triples: Frame,
        *,
        entities: Frame | None = None,
        links: Frame | None = None,
        entity_type: str | None = None,
        relations: Sequence[Relation] = (),
    ) -> "KnowledgeGraph":
        """Builds a graph of triples alone.

        Args:
            triples: As for :meth:`from_catalogue`; items are those of type ``"item"``.
            entities: More of the entities, and those without an edge: ``type``, ``key`` and if
                wanted ``name``. They come first, in this order.
            links: Which entities are items (``item_id`` and ``entity_id``, as in RecBole's
                ``.link``): these go by their item id, the others are of type ``entity_type``,
                ``"entity"`` when that is None.
            entity_type: Type of tails that have none; the relation's name when None.
            relations: Phrases and cardinalities, where they are known.

        Raises:
            MissingColumnError: When a required column is not there.
            MalformedTripleError, SelfLoopError: As in :meth:`from_catalogue`.
            DuplicateItemError: When two entities have the same type and key, or an entity is
                linked to several items.
        """
        parts = parts_from_triples(
            as_polars(triples, "triples"),
            entities=None if entities is None else as_polars(entities, "entities"),
            links=None if links is None else as_polars(links, "links"),
            entity_type=entity_type,
            relations=relations,
        )
        return cls(*parts)

    def with_triples(
        self, triples: Frame, *, relations: Sequence[Relation] = ()
    ) -> "KnowledgeGraph":
        """A new graph with more edges; what is there keeps its index.

        Args:
            triples: As for :meth:`from_catalogue`. Edges that are there already stay as they are.
            relations: Phrases and cardinalities, where they are known.

        Raises:
            DanglingItemError: When a triple names an item that the graph does not have.
            MissingColumnError, MalformedTripleError, SelfLoopError: As in :meth:`from_catalogue`.
        """
        items = self.entities["key"].filter(self._is_item)
        facts = read_triples(as_polars(triples, "triples"), items, relations=relations)
        return KnowledgeGraph(*with_facts(self._parts, facts))

    def merge(self, other: "KnowledgeGraph") -> "KnowledgeGraph":
        """A new graph with all entities, relations and edges of both.

        Entities of one type and key are one; where both know it, this graph's name, phrase and
        edge numbers stand. What is in this graph keeps its index, the other's comes after.

        Raises:
            SchemaError: When the two read a column of one name differently.
        """
        return KnowledgeGraph(*merged(self._parts, other._parts))

    def subgraph(self, entities: Iterable[int]) -> "KnowledgeGraph":
        """A new graph of some entities and the edges between them, in this graph's order.

        Args:
            entities: Their indexes here; the new graph counts its own from 0.

        Raises:
            UnknownEntityError: When there is no such index.
        """
        chosen = np.unique(np.fromiter(entities, dtype=np.int64))
        require_entities(self, chosen)
        return KnowledgeGraph(*restricted(self._parts, chosen))

    def neighbourhood(
        self, items: Iterable[int], *, hops: int = 2, max_entities: int = 60
    ) -> "KnowledgeGraph":
        """A new graph of what lies around an item, or around the items of a user's history.

        Near are entities that few others share, and the items that share several of them; see
        :mod:`kg.walking.neighbourhood`.

        Args:
            items: Entity indexes here, of items or of other entities.
            hops: How many edges to go at most.
            max_entities: How many entities to take, ``items`` among them.

        Raises:
            UnknownEntityError: When there is no such index.
            PathRequestError: When ``hops`` or ``max_entities`` is below one.
        """
        chosen = np.unique(np.fromiter(items, dtype=np.int64))
        require_entities(self, chosen)
        require_positive(hops=hops, max_entities=max_entities)
        near = nearest_entities(self, chosen, hops=hops, max_entities=max_entities)
        return KnowledgeGraph(*restricted(self._parts, near))

    def add_items(self, rows: Frame, *, linker: "EntityLinker | None" = None) -> "KnowledgeGraph":
        """A new graph with more items, read the way the first catalogue was.

        What is there keeps its index. The new items come after it in the order of ``rows``, and
        after them the attribute values not seen before.

        Args:
            rows: Catalogue rows with the columns that the graph was built from.
            linker: Where given, attribute values that the graph does not have are taken for the
                entities that it finds, such as ``"TIGI"`` for ``"Tigi"``.

        Raises:
            DuplicateItemError: When an item is in the graph already, or twice in ``rows``.
            MissingColumnError, EmptyCatalogueError, NullItemError, AttributeColumnError: As in
                :meth:`from_catalogue`.
        """
        return KnowledgeGraph(*parts_with_items(self._parts, as_polars(rows, "rows"), linker))

    @property
    def n_entities(self) -> int:
        """How many entities there are, items included."""
        return self.entities.height

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.item_entities)

    @property
    def n_triples(self) -> int:
        """How many edges there are."""
        return len(self.triples.heads)

    @cached_property
    def item_entities(self) -> npt.NDArray[np.int32]:
        """The entity of each item row, shape ``(n_items,)``: of row ``r`` at place ``r``."""
        return locked(np.flatnonzero(self._is_item).astype(np.int32))

    @cached_property
    def degree(self) -> npt.NDArray[np.int64]:
        """How many triples touch each entity, as head or as tail, shape ``(n_entities,)``."""
        heads, _, tails = self.triples
        return locked(
            np.bincount(heads, minlength=self.n_entities)
            + np.bincount(tails, minlength=self.n_entities)
        )

    @cached_property
    def adjacency(self) -> Adjacency:
        """The neighbours of every entity, worked out when first asked for."""
        return adjacency_of(self.triples, self._is_item)

    @cached_property
    def entity_weights(self) -> FloatArray:
        """What each entity multiplies a path's score by; see :mod:`kg.walking.paths`."""
        return locked(entity_weights(self.degree))

    def describe(self) -> pl.DataFrame:
        """One row a relation: its types, its triples, and how many heads and tails these join."""
        return relation_table(self)

    def statistics(self, *, n_hubs: int = 10) -> GraphStatistics:
        """Degrees by type and relation, connected components and hubs; ``print`` shows them.

        Hubs weaken explanations: what nearly every item shares tells none of them apart.

        Args:
            n_hubs: How many of the entities that most triples touch are listed.
        """
        return graph_statistics(self, n_hubs=n_hubs)

    def check(self) -> pl.DataFrame:
        """What is wrong with the graph, or weakens it.

        Looked for are items and other entities without an edge, facts that contradict each other
        (several tails where nearly all heads have one), cycles in relations that lead upwards,
        entities whose names differ only in case or punctuation, and hubs that most items share.
        Self-loops and triples about unknown items never come into a graph: reading refuses them.

        Returns:
            One row a finding: ``finding``, ``where`` (the entity type or relation), ``count`` of
            entities, names of some as ``examples``, and ``why`` it matters.
        """
        return check_graph(self)

    def entity_index(self, type: str, key: object) -> int:
        """The index of an entity.

        Args:
            type: Its type, such as ``"item"`` or ``"brand"``.
            key: Its key; for items the id as the catalogue has it.

        Raises:
            UnknownEntityError: When there is none of that type and key.
        """
        return entity_of_key(self._entities_by_key, type, str(key))

    def paths(
        self, sources: Iterable[int], target: int, *, max_length: int = 4, k: int = 3
    ) -> list[Path]:
        """The best paths that lead from any of some items to one item.

        A path runs through entities that are no items, over edges in either direction, and visits
        no entity twice. Few and specific entities win over many and general ones, by the score of
        :mod:`kg.walking.paths`. Parallel edges count as one, the first. The result is exact.

        Args:
            sources: Entity indexes of items; the target among them is ignored.
            target: Entity index of an item.
            max_length: Edges a path may have.
            k: How many paths to return at most.

        Returns:
            At most ``k`` paths, best first; equal scores are ordered by length, then by entity
            indexes. Empty when nothing joins them.

        Raises:
            UnknownEntityError: When a source or the target is not the index of an item.
            PathRequestError: When ``max_length`` or ``k`` is below one.
        """
        return best_paths(self, sources, target, max_length=max_length, k=k)

    def paths_of_pairs(
        self,
        histories: Sequence[Iterable[int]],
        targets: Sequence[int],
        *,
        max_length: int = 4,
        k: int = 3,
    ) -> list[list[Path]]:
        """The best paths of many pairs: what :meth:`paths` gives for each, found together.

        Pairs with equal histories, or with the same target, share their work: one user's history
        against twenty recommended items costs far less than twenty calls.

        Args:
            histories: For each pair the entity indexes of its source items.
            targets: For each pair the entity index of its target; as many as ``histories``.
            max_length: Edges a path may have.
            k: How many paths a pair may have.

        Returns:
            For each pair at most ``k`` paths, best first.

        Raises:
            UnknownEntityError: When a source or a target is not the index of an item.
            PathRequestError: When ``max_length`` or ``k`` is below one, or there are not as many
                targets as histories.
        """
        return best_paths_of_pairs(self, histories, targets, max_length=max_length, k=k)

    def describe_path(self, path: Path) -> str:
        """A path in words, such as ``"Cola —brand→ Acme ←brand— Soda"``."""
        return path_text(self, path)

    def item_share(self, entity: int) -> float:
        """The fraction of all items that are joined to an entity directly, from 0 to 1.

        Raises:
            UnknownEntityError: When there is no such index.
        """
        return linked_share(self, entity)

    def draw(
        self,
        *,
        entities: Iterable[int] | None = None,
        highlight: Iterable[Path | int] = (),
        title: str | None = None,
        max_entities: int = 60,
    ) -> Drawing:
        """A picture that people can read: items on the left, what they share to the right of them.

        Args:
            entities: Indexes of those to draw; all of the graph when None.
            highlight: Paths and entities to draw bold; they are drawn in any case.
            title: What stands above it.
            max_entities: How many entities may be drawn.

        Raises:
            DrawingSizeError: When there are more; take a part with :meth:`neighbourhood`.
            UnknownEntityError: When there is no such index.
        """
        return draw(
            self, entities=entities, highlight=highlight, title=title, max_entities=max_entities
        )

    def to_networkx(self) -> "networkx.MultiDiGraph[int]":
        """The graph for networkx.

        Nodes are entity indexes with attributes ``type``, ``key`` and ``name``; edges run from
        head to tail, their key and their attribute ``relation`` is the relation's name; numbers
        that an edge carries are attributes, too.
        """
        return networkx_view(self)

    def to_hetero_data(self) -> "torch_geometric.data.HeteroData":
        """The graph for torch-geometric.

        Node types are the entity types, each with ``num_nodes`` and ``entity`` (local to global
        index, int64). Edge types are ``(head type, relation, tail type)`` with a local
        ``edge_index`` from head to tail, and the numbers that its edges carry under their names
        (float32, NaN where an edge has none); ``torch_geometric.transforms.ToUndirected`` adds the
        reverse edges.
        """
        return hetero_view(self)

    def edge_index(
        self, relations: Sequence[str] | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The edges over all entities, whatever their types.

        Args:
            relations: Names of the relations to take; all when None.

        Returns:
            Heads and tails, shape ``(2, n)``, and for each edge the position of its relation in
            :attr:`relations`, shape ``(n,)``; both int64.

        Raises:
            UnknownRelationError: When the graph has no relation of a given name.
        """
        return array_view(self, relations)

    @classmethod
    def read(
        cls,
        path: str | DiskPath,
        *,
        format: str | None = None,
        links: str | DiskPath | pl.DataFrame | None = None,
        entity_type: str | None = None,
        language: str | None = None,
    ) -> "KnowledgeGraph":
        """Reads a graph from a file, or from a directory that :meth:`save` wrote.

        The name tells the format: ``.tsv``, ``.csv`` and ``.parquet`` (columns as for
        :meth:`from_triples`), ``.kg`` (RecBole, with the ``.link`` beside it), ``kg_final.txt``
        (KGAT, with the lists beside it), ``.nt``, ``.ttl`` and ``.graphml``; text may be packed
        (``.gz``). What :meth:`write` wrote comes back as :mod:`kg.formats` tells.

        Args:
            path: The file or directory.
            format: A name of :data:`kg.formats.FORMATS`, where the file's name tells none.
            links: Which entities are items: ``item_id`` and ``entity_id``, a table or its file.
                With them the triples are read alone, without lists of ours beside them.
            entity_type: Type of entities that have none in the file.
            language: Language of the names to prefer in RDF, such as ``"zh"``; names without
                language come next, then English.

        Raises:
            GraphFileError: When the format is unknown, or a file is missing, malformed or does
                not fit another; it names the file, and the line where there is one.
            ImportError: When RDF is to be read and rdflib is not installed.
        """
        return cls(
            *read_graph(
                path, format=format, links=links, entity_type=entity_type, language=language
            )
        )

    def write(self, path: str | DiskPath, *, format: str | None = None) -> None:
        """Writes the graph to a file; see :meth:`read` for the formats.

        What is there is replaced when all is written. :mod:`kg.formats` tells what each format
        does not hold, and which are several files that stay together.

        Raises:
            GraphFileError: When the format is unknown or cannot hold the graph: control
                characters in GraphML, no triples in KGAT's.
        """
        write_graph(self._parts, path, format=format)

    def save(self, directory: str | DiskPath) -> None:
        """Writes the graph into a directory, made if need be, as Parquet and JSON."""
        write_parts(self._parts, directory)

    @classmethod
    def load(cls, directory: str | DiskPath) -> "KnowledgeGraph":
        """Reads a saved graph; it equals the one that was saved.

        Raises:
            GraphFileError: When a file is missing, damaged or of another format.
        """
        return cls(*read_parts(directory))

    @property
    def _parts(self) -> Parts:
        return Parts(self.entities, self.relations, self.triples, self.schema, self.attributes)

    @cached_property
    def _is_item(self) -> npt.NDArray[np.bool_]:
        return (self.entities.get_column("type") == ITEM).to_numpy()

    @cached_property
    def _entities_by_key(self) -> EntitiesByKey:
        return keyed_entities(self.entities)
