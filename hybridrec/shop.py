"""What a fitted recommender knows of the shop: ids, catalogue, graph and histories."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import IntArray
from hybridrec.data import Dataset, Histories, IdMap
from hybridrec.data.arrivals import event_times, latest_moment, marks, read_arrivals
from hybridrec.data.columns import Columns
from hybridrec.data.histories import event_strengths, value_means
from hybridrec.data.live import EventColumns, LiveHistories
from hybridrec.data.quality import Ledger
from hybridrec.data.tables import item_titles
from hybridrec.errors import RequestError, UnknownItemError, examples
from hybridrec.fusion.attributes import AttributePopularity, as_text
from hybridrec.fusion.newcomers import Newcomers
from kg import KnowledgeGraph

FEW_IDS = 1_000
"""Ids from which on a join with all ids known costs less than looking each up."""


@dataclass(frozen=True, slots=True)
class FitMoment:
    """What a shop had when its recommender was fitted; what came later has higher rows.

    Args:
        as_of: the moment; ``None`` where the data have no times.
        n_users: users then.
        n_items: items then.
    """

    as_of: datetime | None
    n_users: int
    n_items: int


@dataclass(frozen=True)
class Shop:
    """The shop as of a moment. Immutable: changes give a new one.

    Args:
        users: ids of the users, rows as in ``live``.
        catalogue: one row an item, ids in stored form.
        items: ids of the items, rows as in ``catalogue``.
        live: everything every user did, open to more.
        as_of: the moment; ``None`` where the data have no times.
        graph: the knowledge graph; ``None`` without one.
        ledger: what cleaning changed in the data before the fit.
        value_means: the mean value of each kind of event, which values are compared with.
        fitted: what there was at the fit; ``None`` where that was not kept.
        attributes: what users who share attributes chose, as of the fit; ``None`` without a table
            of users.
        newcomers: ``user_id`` and attributes of users who had no event at the fit.
    """

    users: IdMap
    catalogue: pl.DataFrame
    items: IdMap
    live: LiveHistories
    as_of: datetime | None
    graph: KnowledgeGraph | None
    ledger: Ledger = field(default_factory=Ledger)
    value_means: Mapping[str, float] = field(default_factory=dict)
    fitted: FitMoment | None = None
    attributes: AttributePopularity | None = None
    newcomers: pl.DataFrame | None = None

    @classmethod
    def of(cls, data: Dataset, histories: Histories, graph: KnowledgeGraph | None) -> Shop:
        """The shop of a dataset."""
        users = data.users.join(data.events[Columns.USER])
        items = data.items.join(data.events[Columns.ITEM])
        known_by = marks(data.events, users, items, event_times(data.events))
        order = np.argsort(users, kind="stable")
        attributes = newcomers = None
        if data.user_attributes is not None:
            table = data.user_attributes
            attributes = AttributePopularity.of(table, data.declared_roles, data.users, histories)
            new = pl.Series(data.users.join(table[Columns.USER]) < 0)
            newcomers = as_text(table.filter(new), attributes.attributes)
            newcomers = newcomers.select(Columns.USER, *attributes.attributes)
            newcomers = newcomers.drop_nulls(Columns.USER).unique(
                Columns.USER, keep="first", maintain_order=True
            )
        return cls(
            data.users,
            data.catalogue,
            data.items,
            LiveHistories.of_histories(histories, data.as_of, known_by[order]),
            data.as_of,
            graph,
            data.ledger,
            value_means(data.events),
            FitMoment(data.as_of, len(data.users), len(data.items)),
            attributes,
            newcomers,
        )

    @cached_property
    def histories(self) -> Histories:
        """Everything every user did, ages as of ``as_of``."""
        return self.live.closed()

    @cached_property
    def _met_by(self) -> csr_array:
        """Who met each item, ``(n_items, n_users)`` ones."""
        users, items = np.divmod(self.histories.met[0], max(len(self.items), 1))
        shape = (len(self.items), len(self.users))
        return csr_array((np.ones(users.size, dtype=np.float32), (items, users)), shape=shape)

    def met_both(self, item: int, others: IntArray) -> IntArray:
        """How many users met an item and each of some others, ``(n_others,)``.

        Args:
            item: an item row.
            others: ``(n_others,)`` item rows.
        """
        met = self._met_by[[item]].toarray()[0]
        return np.asarray(self._met_by[others] @ met).astype(np.int64)

    def histories_of(self, users: npt.ArrayLike) -> Histories:
        """The histories of these user rows, in the order given; a row below 0 has no events."""
        rows = np.asarray(users, dtype=np.int64)
        # many users are best served from one copy of all that is kept for the next call
        few = rows.size < len(self.users) // 10
        return self.live.of(rows) if few or (rows < 0).any() else self.histories.of(rows)

    @cached_property
    def titles(self) -> list[str]:
        """A name for every item, for people."""
        return item_titles(self.catalogue)

    def visitor(self, items: list[int]) -> Histories:
        """The history of a visitor who met these item rows just now, oldest first."""
        n, timed = len(items), self.as_of is not None
        ages = np.zeros(n) if timed else np.arange(n, dtype=np.float64)[::-1].copy()
        return Histories(
            np.array([0, n], dtype=np.int64),
            np.array(items, dtype=np.int64),
            ages,
            np.ones(n, dtype=np.float32),
            len(self.items),
            timed,
        )

    def newcomers_of(self, ids: Sequence[Hashable]) -> Newcomers | None:
        """Which of these users have no event but a row in the table of users; ``None`` if none."""
        if self.attributes is None or self.newcomers is None or self.newcomers.is_empty():
            return None
        rows = self._newcomer_ids.rows_of(ids)
        new = (rows >= 0) & (self.users.rows_of(ids) < 0)
        if not new.any():
            return None
        groups = self.attributes.groups_of(self.newcomers[np.maximum(rows, 0)])
        return Newcomers(self.attributes, new, np.where(new[:, None], groups, -1))

    @cached_property
    def _newcomer_ids(self) -> IdMap:
        assert self.newcomers is not None
        return IdMap(self.newcomers[Columns.USER], self.users.codec)

    def visitor_with(self, known: Mapping[str, Any]) -> Newcomers:
        """A visitor of whom only attributes are known.

        Raises:
            RequestError: the recommender was fitted without a table of users, or knows no such
                attribute or value.
        """
        if self.attributes is None:
            raise RequestError(
                "attributes: the recommender was fitted without a table of users; give one with "
                "Dataset.from_frames(events, catalogue, users=…)"
            )
        groups = self.attributes.groups_of(self.attributes.asked(known))
        return Newcomers(self.attributes, np.ones(1, dtype=bool), groups)

    def with_items(self, rows: pl.DataFrame) -> Shop:
        """The shop with more items, after all others."""
        catalogue = pl.concat([self.catalogue, rows], how="diagonal_relaxed")
        return replace(
            self,
            catalogue=catalogue,
            items=IdMap(catalogue[Columns.ITEM], self.items.codec),
            live=replace(self.live, n_items=catalogue.height),
            graph=None if self.graph is None else self.graph.add_items(rows),
            attributes=None if self.attributes is None else self.attributes.extended(rows.height),
        )

    def with_events(
        self,
        events: Any,
        strengths: Mapping[str, float],
        value_exponent: float = 0.0,
        *,
        as_of: datetime | None = None,
        time_zone: str = "UTC",
    ) -> Shop:
        """The shop with more events; its moment moves on.

        Args:
            events: a dataframe with the columns of the events.
            strengths: what an event of each kind counts; kinds not named count 1.
            value_exponent: how much an event's ``value`` counts.
            as_of: the moment to be; that of the last event when ``None``.
            time_zone: the zone of times that name none.

        Raises:
            DataError: events that cannot be read or are of the future.
            UnknownItemError: events on items that the catalogue lacks.
        """
        frame = read_arrivals(
            events,
            self.users.codec,
            self.items.codec,
            timed=self.as_of is not None,
            time_zone=time_zone,
        )
        if frame.is_empty():
            moment = latest_moment(np.zeros(0, dtype=np.int64), self.as_of, as_of)
            return self._at(moment, self.users, EventColumns.none())
        times = event_times(frame)
        at = np.zeros(frame.height, dtype=np.int64) if times is None else times
        moment = latest_moment(at, self.as_of, as_of)
        items = self._known_items(frame[Columns.ITEM])
        if frame.height > 1 and times is not None:
            order = np.argsort(times, kind="stable")
            frame, items, times, at = frame[order], items[order], times[order], at[order]
        users, rows = self._grown_users(frame[Columns.USER])
        added = EventColumns(
            rows,
            items,
            at if self.as_of is not None else np.zeros_like(at),
            event_strengths(frame, strengths, value_exponent, self.value_means),
            marks(frame, rows, items, times),
        )
        return self._at(moment, users, added)

    def _at(self, moment: datetime | None, users: IdMap, added: EventColumns) -> Shop:
        live = self.live.with_events(added, len(users), moment)
        return replace(self, users=users, live=live, as_of=moment)

    def _known_items(self, column: pl.Series) -> IntArray:
        items = _rows(self.items, column)
        if (items < 0).any():
            unknown = column.filter(pl.Series(items < 0)).unique(maintain_order=True)
            raise UnknownItemError(
                f"new events: {unknown.len():,} items are not in the catalogue: "
                f"{examples(unknown)}; nothing was taken in. Take the items in first with "
                "add_items(rows)"
            )
        return items

    def _grown_users(self, column: pl.Series) -> tuple[IdMap, IntArray]:
        """The users with those of the column, and the rows of these."""
        rows = _rows(self.users, column)
        if (rows >= 0).all():
            return self.users, rows
        fresh = column.filter(pl.Series(rows < 0)).unique(maintain_order=True)
        users = self.users.extended(fresh)
        return users, _rows(users, column)


def _rows(ids: IdMap, column: pl.Series) -> IntArray:
    """The rows of stored ids; few are looked up, many are joined."""
    if column.len() < FEW_IDS or column.dtype != ids.stored.dtype:
        return ids.rows_of(column.to_list())
    return ids.join(column)
