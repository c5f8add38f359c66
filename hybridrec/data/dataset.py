"""The two tables of a shop, checked and put in order: what everything else starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.histories import Histories, steps_before_last
from hybridrec.data.identifiers import IdCodec, IdMap
from hybridrec.data.sources import read_file, read_frame
from hybridrec.data.tables import (
    defects,
    described_items,
    item_titles,
    renamed,
    require_columns,
    with_ids,
    with_numbers,
)
from hybridrec.data.times import with_times
from hybridrec.errors import DataError

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class Dataset:
    """Events and catalogue of a shop. Immutable: every method gives a new one.

    Make one with :meth:`from_frames`, :meth:`from_files`, :meth:`from_sql` or :meth:`load`. A
    dataset may hold dirt: :meth:`check` names it and :meth:`clean` mends it. What no model can
    read (rows without ids, an item twice in the catalogue) is refused where a model would read it.

    Args:
        events: ``user_id``, ``item_id`` and when there ``timestamp`` (UTC), ``event``, ``value``,
            ``quantity``, ``price``, ``session_id``; in order of time, or as given when there are
            no times.
        catalogue: one row an item.
        triples: further facts (``head``, ``relation``, ``tail``) that join the knowledge graph.
        user_attributes: one row a user: ``user_id`` and what the shop knows of the user.
        as_of: the moment the data speak for; ``None`` without times.
        user_codec: how user ids are read back.
        item_codec: how item ids are read back.
        declared_roles: what the shop says its columns are; see :mod:`hybridrec.data.roles`.

    >>> events = pl.DataFrame({"user_id": ["u1", "u1", "u2"], "item_id": [3, 4, 3]})
    >>> data = Dataset.from_frames(events)
    >>> data
    Dataset(3 events, 2 users, 2 items, no times)
    """

    events: pl.DataFrame
    catalogue: pl.DataFrame
    triples: pl.DataFrame | None
    user_attributes: pl.DataFrame | None
    as_of: datetime | None
    user_codec: IdCodec
    item_codec: IdCodec
    declared_roles: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_frames(
        cls,
        events: Any,
        catalogue: Any = None,
        *,
        triples: Any = None,
        users: Any = None,
        columns: Mapping[str, str] | None = None,
        roles: Mapping[str, str] | None = None,
        time_zone: str = "UTC",
        time_format: str | None = None,
    ) -> Dataset:
        """A dataset from dataframes of any library narwhals knows.

        Args:
            events: at least ``user_id`` and ``item_id``.
            catalogue: at least ``item_id``; left out, the items are those of the events, described
                by the events' own ``title``, ``description``, ``brand`` and ``category``.
            triples: ``head``, ``relation``, ``tail`` and optionally ``head_type``, ``tail_type``,
                ``tail_name`` and ``timestamp`` (when the fact became known).
            users: ``user_id`` and attributes of the users.
            columns: the shop's column names → hybridrec's, for all tables,
                such as ``{"sku": "item_id"}``.
            roles: what columns are, where that is not to be inferred: ``{"cost": "ignored"}``;
                see :mod:`hybridrec.data.roles`.
            time_zone: the zone of times that name none.
            time_format: how text is read as time, as in ``strptime``; found out when ``None``.

        Raises:
            DataError: a missing column, an empty table, a column of ids, times or numbers that
                holds none, ids of two types. Single rows that cannot be read are kept for
                :meth:`check` to name.
        """
        names = dict(columns or {})
        timed = partial(with_times, time_zone=time_zone, time_format=time_format)
        event_table = _read(events, "events", names, Columns.USER, Columns.ITEM)
        event_table, user_codec = with_ids(event_table, Columns.USER)
        event_table, item_codec = with_ids(event_table, Columns.ITEM)
        if Columns.TIMESTAMP in event_table.columns:
            event_table = timed(event_table, "events")
            event_table = event_table.sort(Columns.TIMESTAMP, maintain_order=True)
        event_table = with_numbers(event_table, "events")

        if catalogue is None:
            event_table, item_table = described_items(event_table)
        else:
            item_table = _read(catalogue, "catalogue", names, Columns.ITEM)
            item_table = _same_ids(item_table, "catalogue", Columns.ITEM, item_codec)
            item_table = with_numbers(item_table, "catalogue")
            for moment in (Columns.AVAILABLE_FROM, Columns.AVAILABLE_TO):
                if moment in item_table.columns:
                    item_table = timed(item_table, "catalogue", moment)

        triple_table = user_table = None
        if triples is not None:
            parts = (Columns.HEAD, Columns.RELATION, Columns.TAIL)
            triple_table = _read(triples, "triples", names, *parts)
            if Columns.TIMESTAMP in triple_table.columns:
                triple_table = timed(triple_table, "triples")
        if users is not None:
            user_table = _read(users, "users", names, Columns.USER)
            user_table = _same_ids(user_table, "users", Columns.USER, user_codec)
        as_of = _last_moment(event_table)
        return cls(
            event_table,
            item_table,
            triple_table,
            user_table,
            as_of,
            user_codec,
            item_codec,
            dict(roles or {}),
        )

    @classmethod
    def from_files(
        cls,
        events: str | Path,
        catalogue: str | Path | None = None,
        *,
        triples: str | Path | None = None,
        users: str | Path | None = None,
        columns: Mapping[str, str] | None = None,
        roles: Mapping[str, str] | None = None,
        time_zone: str = "UTC",
        time_format: str | None = None,
    ) -> Dataset:
        """A dataset from Parquet, CSV, TSV or JSON-lines files; see :meth:`from_frames`."""
        return cls.from_frames(
            read_file(events, "events"),
            None if catalogue is None else read_file(catalogue, "catalogue"),
            triples=None if triples is None else read_file(triples, "triples"),
            users=None if users is None else read_file(users, "users"),
            columns=columns,
            roles=roles,
            time_zone=time_zone,
            time_format=time_format,
        )

    @classmethod
    def load(cls, name: str) -> Dataset:
        """A public data set by name; the one known so far is ``complete-journey``.

        Raises:
            DataError: an unknown name, or a data set whose package is not installed.
        """
        from hybridrec.data import public

        return public.load(name)

    def sound(self) -> Self:
        """This dataset, once it is certain that models can read it.

        Raises:
            DataError: rows without user, item or time, catalogue rows without an id or with
                another row's, events on items that the catalogue lacks.
        """
        found = self._defects
        if found:
            raise DataError(
                "\n".join(found) + "\ndata.check() shows these and more, data.clean() mends them"
            )
        return self

    @cached_property
    def _defects(self) -> list[str]:
        return list(defects(self.events, self.catalogue))

    @property
    def since(self) -> datetime | None:
        """The moment of the first event; ``None`` without times."""
        first = None if self.as_of is None else self.events[Columns.TIMESTAMP].min()
        assert first is None or isinstance(first, datetime)
        return first

    def __repr__(self) -> str:
        time = f"up to {self.as_of:%Y-%m-%d}" if self.as_of else "no times"
        users = self.events[Columns.USER].drop_nulls().n_unique()
        items = self.catalogue[Columns.ITEM].drop_nulls().n_unique()
        return f"Dataset({self.events.height:,} events, {users:,} users, {items:,} items, {time})"

    @cached_property
    def users(self) -> IdMap:
        """Every user with an event, in order of their ids."""
        return IdMap(self.sound().events[Columns.USER].unique().sort(), self.user_codec)

    @cached_property
    def items(self) -> IdMap:
        """Every item of the catalogue, in the catalogue's order."""
        return IdMap(self.sound().catalogue[Columns.ITEM], self.item_codec)

    @cached_property
    def titles(self) -> list[str]:
        """A name for every item, for people: its title, or its id where it has none."""
        return item_titles(self.catalogue)

    def histories(self, strengths: Mapping[str, float] | None = None) -> Histories:
        """Every user's events, oldest first.

        Args:
            strengths: what an event of each kind counts; kinds not named count 1.
        """
        users = self.users.join(self.events[Columns.USER])
        items = self.items.join(self.events[Columns.ITEM])
        order = np.argsort(users, kind="stable")
        counts = np.bincount(users, minlength=len(self.users))
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        if self.as_of is None:
            ages = steps_before_last(indptr)
        else:
            elapsed = self.as_of - pl.col(Columns.TIMESTAMP)
            seconds = self.events.select(elapsed.dt.total_seconds(fractional=True)).to_series()
            ages = np.maximum(seconds.to_numpy()[order] / SECONDS_PER_DAY, 0.0)
        strength = np.ones(self.events.height, dtype=np.float32)
        if strengths and Columns.EVENT in self.events.columns:
            kinds = self.events[Columns.EVENT].cast(pl.String)
            known = {str(kind): float(value) for kind, value in strengths.items()}
            strength = kinds.replace_strict(known, default=1.0).to_numpy().astype(np.float32)
        return Histories(
            indptr, items[order], ages, strength[order], len(self.items), self.as_of is not None
        )

    def split_by_time(
        self, test_days: float | None = None, *, at: datetime | None = None
    ) -> tuple[Dataset, Dataset]:
        """Everything up to a moment, and everything after it.

        Args:
            test_days: the moment lies this many days before the end of the data; or
            at: the moment itself (UTC when it names no zone).

        Returns:
            ``(train, test)``; both keep the whole catalogue, and ``train`` only the triples that
            were known at the moment.

        Raises:
            DataError: no times in the data, or a moment that leaves one side empty.
        """
        self.sound()
        if self.as_of is None:
            raise DataError("the events have no timestamp; use split_leave_last_out(n=1)")
        if (test_days is None) == (at is None):
            raise DataError("give either test_days or at, not both and not neither")
        if at is None:
            at = self.as_of - timedelta(days=float(test_days or 0.0))
        elif at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        at = at.astimezone(UTC)
        before = pl.col(Columns.TIMESTAMP) <= at
        train, test = self.events.filter(before), self.events.filter(~before)
        if train.is_empty() or test.is_empty():
            raise DataError(
                f"a split at {at:%Y-%m-%d %H:%M} leaves one side empty; "
                f"the events run from {self.since:%Y-%m-%d} to {self.as_of:%Y-%m-%d}"
            )
        triples = self.triples
        if triples is not None and Columns.TIMESTAMP in triples.columns:
            triples = triples.filter(pl.col(Columns.TIMESTAMP).fill_null(at) <= at)
        return (
            replace(self, events=train, triples=triples, as_of=at),
            replace(self, events=test),
        )

    def split_leave_last_out(self, n: int = 1) -> tuple[Dataset, Dataset]:
        """Each user's last ``n`` events, and everything before them.

        Users with ``n`` events or fewer stay whole in the first part.

        Raises:
            DataError: ``n`` below 1, or nobody has more than ``n`` events.
        """
        if n < 1:
            raise DataError(f"n={n}: leave at least one event out")
        self.sound()
        later = pl.int_range(pl.len(), dtype=pl.Int64).reverse().over(Columns.USER)
        last = (later < n) & (pl.len().over(Columns.USER) > n)
        marked = self.events.with_columns(last.alias("_last"))
        train = marked.filter(~pl.col("_last")).drop("_last")
        test = marked.filter(pl.col("_last")).drop("_last")
        if test.is_empty():
            raise DataError(f"n={n}: no user has more than {n} events")
        return replace(self, events=train), replace(self, events=test)

    def keep_items(self, min_users: int) -> Dataset:
        """Only the items that at least ``min_users`` users met, in both tables and the triples.

        Raises:
            DataError: if no item is left.
        """
        met = self.events.group_by(Columns.ITEM).agg(pl.col(Columns.USER).n_unique().alias("n"))
        kept = met.filter(pl.col("n") >= min_users).select(Columns.ITEM)
        if kept.is_empty():
            raise DataError(
                f"min_users={min_users}: no item was met by that many; "
                f"the most is {met['n'].max()!r}"
            )
        return self._restrict(kept)

    def _restrict(self, kept: pl.DataFrame) -> Dataset:
        triples = self.triples
        if triples is not None:
            triples = triples.filter(~_names_item(triples, "head", self.catalogue, kept))
            triples = triples.filter(~_names_item(triples, "tail", self.catalogue, kept))
        return replace(
            self,
            events=self.events.join(kept, on=Columns.ITEM, how="semi"),
            catalogue=self.catalogue.join(kept, on=Columns.ITEM, how="semi"),
            triples=triples,
        )


def _names_item(
    triples: pl.DataFrame, side: str, catalogue: pl.DataFrame, kept: pl.DataFrame
) -> pl.Expr:
    """Whether a triple's head or tail is an item of the catalogue that is not kept."""
    gone = catalogue.join(kept, on=Columns.ITEM, how="anti")[Columns.ITEM].cast(pl.String)
    default = "item" if side == "head" else ""
    typed = pl.col(f"{side}_type") if f"{side}_type" in triples.columns else pl.lit(default)
    return (typed.fill_null(default) == "item") & pl.col(side).cast(pl.String).is_in(gone.implode())


def _read(table: Any, name: str, columns: Mapping[str, str], *needed: str) -> pl.DataFrame:
    frame = renamed(read_frame(table, name), columns)
    require_columns(frame, name, *needed)
    return frame


def _same_ids(frame: pl.DataFrame, table: str, column: str, codec: IdCodec) -> pl.DataFrame:
    frame, found = with_ids(frame, column)
    if found != codec:
        raise DataError(
            f"{column.removesuffix('_id')} ids are of type {codec.name} in the events and "
            f"{found.name} in the {table}; give both the same type"
        )
    return frame


def _last_moment(events: pl.DataFrame) -> datetime | None:
    last = events[Columns.TIMESTAMP].max() if Columns.TIMESTAMP in events.columns else None
    assert last is None or isinstance(last, datetime)
    return last
