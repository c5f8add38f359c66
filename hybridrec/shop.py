"""What a fitted recommender knows of the shop: ids, catalogue, graph and histories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from hybridrec.data import Dataset, Histories, IdMap
from hybridrec.data.columns import Columns
from hybridrec.data.dataset import SECONDS_PER_DAY
from hybridrec.data.histories import value_means
from hybridrec.data.quality import Ledger
from hybridrec.data.tables import item_titles
from kg import KnowledgeGraph


@dataclass(frozen=True)
class Shop:
    """The shop as of a moment. Immutable: changes give a new one.

    Args:
        users: ids of the users, rows as in ``histories``.
        catalogue: one row an item, ids in stored form.
        items: ids of the items, rows as in ``catalogue``.
        histories: everything every user did, ages as of ``as_of``.
        as_of: the moment; ``None`` where the data have no times.
        graph: the knowledge graph; ``None`` without one.
        ledger: what cleaning changed in the data before the fit.
        value_means: the mean value of each kind of event, which values are compared with.
    """

    users: IdMap
    catalogue: pl.DataFrame
    items: IdMap
    histories: Histories
    as_of: datetime | None
    graph: KnowledgeGraph | None
    ledger: Ledger = field(default_factory=Ledger)
    value_means: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Dataset, histories: Histories, graph: KnowledgeGraph | None) -> Shop:
        """The shop of a dataset."""
        means = value_means(data.events)
        return cls(
            data.users, data.catalogue, data.items, histories, data.as_of, graph, data.ledger, means
        )

    @cached_property
    def titles(self) -> list[str]:
        """A name for every item, for people."""
        return item_titles(self.catalogue)

    def visitor(self, items: list[int]) -> Histories:
        """The history of a visitor who met these item rows just now, oldest first."""
        n = len(items)
        ages = np.zeros(n) if self.histories.timed else np.arange(n, dtype=np.float64)[::-1].copy()
        return Histories(
            np.array([0, n], dtype=np.int64),
            np.array(items, dtype=np.int64),
            ages,
            np.ones(n, dtype=np.float32),
            self.histories.n_items,
            self.histories.timed,
        )

    def with_items(self, rows: pl.DataFrame) -> Shop:
        """The shop with more items, after all others."""
        catalogue = pl.concat([self.catalogue, rows], how="diagonal_relaxed")
        return replace(
            self,
            catalogue=catalogue,
            items=IdMap(catalogue[Columns.ITEM], self.items.codec),
            histories=replace(self.histories, n_items=catalogue.height),
            graph=None if self.graph is None else self.graph.add_items(rows),
        )

    def with_events(
        self, events: Any, strengths: Mapping[str, float], value_exponent: float = 0.0
    ) -> Shop:
        """The shop with more events; its moment moves on to the last of them."""
        new = Dataset.from_frames(events, self.catalogue)
        as_of, shift, late = self.as_of, 0.0, 0.0
        if self.as_of is not None and new.as_of is not None:
            as_of = max(self.as_of, new.as_of)
            shift = (as_of - self.as_of).total_seconds() / SECONDS_PER_DAY
            late = (as_of - new.as_of).total_seconds() / SECONDS_PER_DAY
        added = new.sound().histories(strengths, value_exponent, self.value_means)
        fresh = new.users.stored.filter(pl.Series(self.users.join(new.users.stored) < 0))
        users = IdMap(pl.concat([self.users.stored, fresh]), self.users.codec)
        rows = users.join(new.users.stored)
        merged = self.histories.merged(added, rows, len(users), shift, late)
        return replace(self, users=users, histories=merged, as_of=as_of)
