"""The same data in another dress: what a result must not rest on, and what it must."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from hybridrec import Dataset
from hybridrec.data.columns import Columns
from hybridrec.data.roles import attributes
from hybridrec.errors import RequestError

GRAPH_SEED = 7
"""Shuffles the knowledge graph."""


@dataclass(frozen=True)
class Renaming:
    """New ids for users and items, drawn at random: they follow neither time nor the alphabet.

    Args:
        users: new id → old id.
        items: new id → old id.
        seed: what they were drawn with.
    """

    users: Mapping[str, str]
    items: Mapping[str, str]
    seed: int

    @classmethod
    def drawn(cls, data: Dataset, seed: int) -> Renaming:
        """New ids for all users and items of a set."""
        random = np.random.default_rng(seed)
        users, items = data.users.stored.to_list(), data.items.stored.to_list()
        return cls(_named("user", users, random), _named("item", items, random), seed)

    def applied(self, data: Dataset) -> Dataset:
        """The set under the new ids, rows in another order.

        Users lie in the order of their new ids, the catalogue in a random one; the order of
        events within a user stays, and with times that of the moments.
        """
        users = {old: new for new, old in self.users.items()}
        items = {old: new for new, old in self.items.items()}
        random = np.random.default_rng(self.seed)
        events = data.events.with_columns(
            pl.col(Columns.USER).replace_strict(users), pl.col(Columns.ITEM).replace_strict(items)
        )
        order = [Columns.USER] if data.as_of is None else [Columns.TIMESTAMP, Columns.USER]
        catalogue = data.catalogue.with_columns(pl.col(Columns.ITEM).replace_strict(items))
        known = data.user_attributes
        return replace(
            data,
            events=events.sort(order, maintain_order=True),
            catalogue=catalogue[random.permutation(catalogue.height)],
            triples=None if data.triples is None else _renamed_triples(data.triples, items),
            user_attributes=known
            if known is None
            else known.with_columns(
                pl.col(Columns.USER).replace_strict(users, default=pl.col(Columns.USER))
            ),
        )

    def original(self, recommendations: pl.DataFrame) -> pl.DataFrame:
        """Recommendations under the ids that the set came with."""
        return recommendations.with_columns(
            pl.col(Columns.USER).replace_strict(self.users),
            pl.col(Columns.ITEM).replace_strict(self.items),
        )


def with_shuffled_ties(data: Dataset, seed: int) -> Dataset:
    """The set with each user's events of one day in random order.

    Raises:
        RequestError: the data have no times, or times within the day, which are an order.
    """
    if data.as_of is None:
        raise RequestError("--shuffle-ties: the events have no times, so no two lie on one day")
    days = data.events[Columns.TIMESTAMP].dt.truncate("1d")
    if not (days == data.events[Columns.TIMESTAMP]).all():
        raise RequestError("--shuffle-ties: the times are finer than days, which is an order")
    order = np.random.default_rng(seed).permutation(data.events.height)
    return replace(data, events=data.events[order].sort(Columns.TIMESTAMP, maintain_order=True))


def with_shuffled_graph(data: Dataset, seed: int = GRAPH_SEED) -> Dataset:
    """The set with a knowledge graph that says nothing: as many facts, about other items.

    Tails of triples are permuted within their relation, types and names along with them. The
    graph is built from the catalogue's attributes too, so each of these columns is permuted over
    the items; a text tower whose template names attributes reads the permuted ones.
    """
    random = np.random.default_rng(seed)
    columns = [
        data.catalogue[column][random.permutation(data.catalogue.height)]
        for column in attributes(data.roles)
    ]
    triples = data.triples
    if triples is not None:
        tails = [column for column in triples.columns if column.startswith(Columns.TAIL)]
        rows = np.arange(triples.height)
        for relation in triples[Columns.RELATION].unique(maintain_order=True):
            of_relation = (triples[Columns.RELATION] == relation).arg_true().to_numpy()
            rows[of_relation] = random.permutation(of_relation)
        triples = triples.with_columns(triples[rows].select(tails).get_columns())
    roles = {
        column: role
        for column, role in data.roles.select("column", "role").iter_rows()
        if column in attributes(data.roles)
    }
    return replace(
        data,
        catalogue=data.catalogue.with_columns(columns),
        triples=triples,
        declared_roles={**roles, **data.declared_roles},
    )


def _named(kind: str, ids: list[str], random: np.random.Generator) -> dict[str, str]:
    """``kind-0`` … for ids in random order."""
    width = len(str(len(ids)))
    places = random.permutation(len(ids))
    return {f"{kind}-{place:0{width}}": old for place, old in zip(places, ids, strict=True)}


def _renamed_triples(triples: pl.DataFrame, items: Mapping[str, str]) -> pl.DataFrame:
    """Triples whose heads and tails that are items go by their new ids."""
    renamed = []
    for side, default in ((Columns.HEAD, "item"), (Columns.TAIL, "")):
        kind = f"{side}_type"
        typed = pl.col(kind).fill_null(default) if kind in triples.columns else pl.lit(default)
        new = pl.col(side).replace_strict(items, default=pl.col(side))
        renamed.append(pl.when(typed == "item").then(new).otherwise(side).alias(side))
    return triples.with_columns(renamed)
