"""Triples from outside the catalogue: coupons, campaigns, whatever the shop knows besides."""

from collections.abc import Mapping, Sequence

import polars as pl

from kg.assembly import Parts, no_attributes, no_triples, numbered, with_facts
from kg.errors import (
    DanglingItemError,
    DuplicateItemError,
    MalformedTripleError,
    MissingColumnError,
    SelfLoopError,
    examples,
)
from kg.facts import NAMES, Facts
from kg.schema import DERIVED, ITEM, CatalogueSchema, Relation

ENTITY = "entity"
"""The type of entities of which nothing is known but that they are linked or not to items."""
_REQUIRED = ("head", "relation", "tail")


def read_triples(
    triples: pl.DataFrame,
    known_items: pl.Series | None,
    kept_items: pl.Series | None = None,
    *,
    entity_type: str | None = None,
    relations: Sequence[Relation] = (),
) -> list[Facts]:
    """Checks a frame of triples and groups it by relation.

    Args:
        triples: Columns ``head``, ``relation``, ``tail``; optional ``head_type`` (``"item"`` where
            missing or null), ``tail_type`` (``entity_type`` where missing or null), ``head_name``
            and ``tail_name``. Other columns of numbers are carried by the edges.
        known_items: Keys of all items there may be; any when None.
        kept_items: Keys of the items that the graph is built of; triples about the other known
            items are left out with them. All when None.
        entity_type: Type of tails of no type; the relation's name when None.
        relations: What is known of relations; phrase and cardinality of the others are told by
            their name and their edges.

    Returns:
        One :class:`~kg.facts.Facts` a relation, sorted by name, head type and tail type.

    Raises:
        MissingColumnError: When a required column is not there.
        MalformedTripleError: When a head, relation or tail is null or blank.
        SelfLoopError: When an entity is joined to itself.
        DanglingItemError: When a head or tail of type item is not known.
    """
    missing = [column for column in _REQUIRED if column not in triples.columns]
    if missing:
        raise MissingColumnError(
            f"the triples have no column {missing[0]!r}; needed are {', '.join(_REQUIRED)}, "
            f"given are {', '.join(triples.columns)}"
        )
    complete = _complete(triples, entity_type)
    _refuse_malformed(complete)
    _refuse_self_loops(complete)
    for side in ("head", "tail"):
        if known_items is not None:
            _refuse_dangling(complete, side, known_items)
        if kept_items is not None:
            is_item = pl.col(f"{side}_type") == ITEM
            complete = complete.filter(~is_item | pl.col(side).is_in(kept_items.implode()))
    signature = ["relation", "head_type", "tail_type"]
    groups = complete.sort(signature, maintain_order=True).partition_by(
        signature, maintain_order=True
    )
    known = {relation.signature: relation for relation in (*DERIVED, *relations)}
    return [_facts_of(group, known) for group in groups]


def parts_from_triples(
    triples: pl.DataFrame,
    *,
    entities: pl.DataFrame | None,
    links: pl.DataFrame | None,
    entity_type: str | None,
    relations: Sequence[Relation],
) -> Parts:
    """A graph without a catalogue; see :meth:`kg.KnowledgeGraph.from_triples`."""
    if links is not None:
        triples = _linked(triples, links, entity_type or ENTITY)
    facts = read_triples(triples, None, entity_type=entity_type, relations=relations)
    known = pl.DataFrame(schema=NAMES) if entities is None else _known_entities(entities)
    if links is not None:
        items = links.select(pl.lit(ITEM).alias("type"), pl.col("item_id").cast(pl.String))
        items = items.select("type", key="item_id", name="item_id").unique(maintain_order=True)
        known = pl.concat([known, items.join(known, on=["type", "key"], how="anti")])
    return with_facts(
        Parts(numbered(known), (), no_triples(), CatalogueSchema(), no_attributes()), facts
    )


def _known_entities(entities: pl.DataFrame) -> pl.DataFrame:
    for column in ("type", "key"):
        if column not in entities.columns:
            raise MissingColumnError(
                f"the entities have no column {column!r}; needed are type and key, given are "
                f"{', '.join(entities.columns)}"
            )
    named = pl.col("name") if "name" in entities.columns else pl.lit(None, pl.String)
    known = entities.select(
        pl.col("type").cast(pl.String),
        pl.col("key").cast(pl.String),
        pl.coalesce(named.cast(pl.String), pl.col("key").cast(pl.String)).alias("name"),
    )
    blank = known.filter(
        pl.any_horizontal(
            (pl.col(c).str.strip_chars() == "").fill_null(value=True) for c in ("type", "key")
        )
    )
    if blank.height:
        raise MalformedTripleError(f"{blank.height} entities have no type or no key")
    again = known.filter(pl.struct("type", "key").is_duplicated())
    if again.height:
        raise DuplicateItemError(
            f"{again.height} entities have the type and key of another: "
            f"{examples(again['key'].unique(maintain_order=True))}"
        )
    return known


def _linked(triples: pl.DataFrame, links: pl.DataFrame, entity_type: str) -> pl.DataFrame:
    """Triples whose linked entities are items."""
    for column in ("item_id", "entity_id"):
        if column not in links.columns:
            raise MissingColumnError(
                f"the links have no column {column!r}; needed are item_id and entity_id, given "
                f"are {', '.join(links.columns)}"
            )
    keys = links.select(pl.col("entity_id", "item_id").cast(pl.String))
    again = keys["entity_id"].filter(keys["entity_id"].is_duplicated()).unique(maintain_order=True)
    if len(again):
        raise DuplicateItemError(
            f"{len(again)} entities are linked to several items: {examples(again)}"
        )
    for side in ("head", "tail"):
        told = pl.col(f"{side}_type") if f"{side}_type" in triples.columns else pl.lit(None)
        joined = triples.with_columns(pl.col(side).cast(pl.String)).join(
            keys, left_on=side, right_on="entity_id", how="left", maintain_order="left"
        )
        item = pl.col("item_id")
        triples = joined.with_columns(
            pl.coalesce(item, side).alias(side),
            pl.when(item.is_not_null())
            .then(pl.lit(ITEM))
            .otherwise(pl.coalesce(told, pl.lit(entity_type)))
            .alias(f"{side}_type"),
        ).drop("item_id")
    return triples


def _complete(triples: pl.DataFrame, entity_type: str | None) -> pl.DataFrame:
    """All columns as strings; entity keys stripped as catalogue values are, item keys not."""
    optional = {
        "head_type": pl.lit(ITEM),
        "tail_type": pl.col("relation") if entity_type is None else pl.lit(entity_type),
        "head_name": pl.lit(None),
        "tail_name": pl.lit(None),
    }
    named = {*_REQUIRED, *optional}
    texts = triples.select(
        *(
            pl.col(column).cast(pl.String)
            for column in (*_REQUIRED, *(name for name in optional if name in triples.columns))
        ),
        *(
            pl.col(column).cast(pl.Float32)
            for column, dtype in triples.schema.items()
            if column not in named and dtype.is_numeric()
        ),
    ).with_columns(pl.col("relation").str.strip_chars())
    for column, default in optional.items():
        given = pl.coalesce(column, default) if column in texts.columns else default
        texts = texts.with_columns(given.cast(pl.String).str.strip_chars().alias(column))
    return texts.with_columns(
        pl.when(pl.col(f"{side}_type") == ITEM)
        .then(pl.col(side))
        .otherwise(pl.col(side).str.strip_chars())
        .alias(side)
        for side in ("head", "tail")
    )


def _refuse_malformed(triples: pl.DataFrame) -> None:
    for column in (*_REQUIRED, "head_type", "tail_type"):
        blank = (pl.col(column).str.strip_chars().str.len_chars() == 0).fill_null(value=True)
        rows = triples.with_row_index("row").filter(blank).get_column("row")
        if len(rows):
            raise MalformedTripleError(
                f"{len(rows)} triples have no {column}, the first in row {rows[0]}; a triple "
                "needs a head, a relation and a tail that are not blank"
            )


def _refuse_self_loops(triples: pl.DataFrame) -> None:
    same = (pl.col("head") == pl.col("tail")) & (pl.col("head_type") == pl.col("tail_type"))
    loops = triples.filter(same)
    if loops.height:
        raise SelfLoopError(
            f"{loops.height} triples join an entity to itself ({examples(loops['head'])} under "
            f"relation {loops['relation'][0]!r}); a head and its tail must differ"
        )


def _refuse_dangling(triples: pl.DataFrame, side: str, known_items: pl.Series) -> None:
    items = (
        triples.filter(pl.col(f"{side}_type") == ITEM).get_column(side).unique(maintain_order=True)
    )
    dangling = items.filter(~items.is_in(known_items.implode()))
    if len(dangling):
        raise DanglingItemError(
            f"{len(dangling)} items of the triples' column {side!r} are not in the catalogue: "
            f"{examples(dangling)}; add them to it, leave these triples out, or give another "
            f"{side}_type"
        )


def _facts_of(group: pl.DataFrame, known: Mapping[tuple[str, str, str], Relation]) -> Facts:
    signature = group.select("relation", "head_type", "tail_type").row(0)
    edges = group.drop("relation", "head_type", "tail_type", "head_name", "tail_name")
    edges = edges.select("head", "tail", pl.exclude("head", "tail"))
    names = [
        group.select(pl.col(f"{side}_type").alias("type"), key=side, name=f"{side}_name")
        for side in ("head", "tail")
    ]
    labels = pl.concat(names).filter(pl.col("name").str.len_chars() > 0).unique()
    return Facts(
        known.get(signature) or seen_relation(signature, edges), edges, labels.cast(pl.String)
    )


def seen_relation(signature: tuple[str, str, str], edges: pl.DataFrame) -> Relation:
    """The relation as its edges, columns ``head`` and ``tail``, show it."""
    distinct = edges.select("head", "tail").unique()
    return Relation(
        *signature,
        functional=not distinct["head"].is_duplicated().any(),
        inverse_functional=not distinct["tail"].is_duplicated().any(),
    )
