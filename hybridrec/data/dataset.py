"""The two tables of a shop, checked and put in order: what everything else starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.histories import Histories, steps_before_last
from hybridrec.data.identifiers import IdCodec, IdMap, normalise_ids
from hybridrec.data.sources import read_file, read_frame
from hybridrec.data.tables import (
    UnknownItems,
    check_unique_items,
    item_titles,
    key_columns,
    parsed_timestamps,
    reconciled,
    renamed,
    require_columns,
)
from hybridrec.errors import DataError, examples

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True)
class Dataset:
    """Events and catalogue of a shop. Immutable: every method gives a new one.

    Make one with :meth:`from_frames`, :meth:`from_files` or :meth:`load`.

    Args:
        events: ``user_id``, ``item_id`` and when there ``timestamp`` (UTC), ``event``, ``value``,
            ``session_id``; in order of time, or as given when there are no times.
        catalogue: one row an item; every item of ``events`` is in it.
        triples: further facts (``head``, ``relation``, ``tail``) that join the knowledge graph.
        as_of: the moment the data speak for; ``None`` without times.
        user_codec: how user ids are read back.
        item_codec: how item ids are read back.

    >>> events = pl.DataFrame({"user_id": ["u1", "u1", "u2"], "item_id": [3, 4, 3]})
    >>> data = Dataset.from_frames(events)
    >>> data
    Dataset(3 events, 2 users, 2 items, no times)
    """

    events: pl.DataFrame
    catalogue: pl.DataFrame
    triples: pl.DataFrame | None
    as_of: datetime | None
    user_codec: IdCodec
    item_codec: IdCodec

    @classmethod
    def from_frames(
        cls,
        events: Any,
        catalogue: Any = None,
        *,
        triples: Any = None,
        columns: Mapping[str, str] | None = None,
        unknown_items: UnknownItems = "error",
    ) -> Dataset:
        """A dataset from dataframes of any library narwhals knows.

        Args:
            events: at least ``user_id`` and ``item_id``.
            catalogue: at least ``item_id``; left out, the items are those of the events.
            triples: ``head``, ``relation``, ``tail`` and optionally ``head_type``, ``tail_type``,
                ``tail_name`` and ``timestamp`` (when the fact became known).
            columns: the shop's column names → hybridrec's, for all tables,
                such as ``{"sku": "item_id"}``.
            unknown_items: what to do with events on items the catalogue lacks: ``add`` the items
                without attributes, or ``drop`` the events.

        Raises:
            DataError: a missing column, an empty table, ids that are all null, items in events
                that the catalogue lacks, an item twice in the catalogue, times that do not parse.
        """
        if unknown_items not in get_args(UnknownItems):
            raise DataError(
                f"unknown_items={unknown_items!r}; use {examples(get_args(UnknownItems))}"
            )
        names = dict(columns or {})
        event_table = renamed(read_frame(events, "events"), names)
        require_columns(event_table, "events", Columns.USER, Columns.ITEM)
        users, user_codec = normalise_ids(event_table[Columns.USER])
        items, item_codec = normalise_ids(event_table[Columns.ITEM])
        event_table = event_table.with_columns(users, items)
        if Columns.TIMESTAMP in event_table.columns:
            event_table = event_table.with_columns(parsed_timestamps(event_table, "events"))
        nulls = event_table.select(
            pl.any_horizontal(pl.col(key_columns(event_table)).is_null()).alias("null")
        )["null"]
        if nulls.any():
            raise DataError(
                f"events: {nulls.sum():,} rows lack a user, an item or a time, "
                f"the first in row {nulls.arg_max()}; drop or fill them first"
            )

        if catalogue is None:
            catalogue_table = event_table.select(Columns.ITEM).unique(maintain_order=True)
        else:
            catalogue_table = renamed(read_frame(catalogue, "catalogue"), names)
            require_columns(catalogue_table, "catalogue", Columns.ITEM)
            catalogue_items, catalogue_codec = normalise_ids(catalogue_table[Columns.ITEM])
            if catalogue_codec != item_codec:
                raise DataError(
                    f"item ids are of type {item_codec.name} in the events and "
                    f"{catalogue_codec.name} in the catalogue; give both the same type"
                )
            catalogue_table = catalogue_table.with_columns(catalogue_items)
            event_table, catalogue_table = reconciled(event_table, catalogue_table, unknown_items)
        check_unique_items(catalogue_table)

        triple_table = None
        if triples is not None:
            triple_table = renamed(read_frame(triples, "triples"), names)
            require_columns(triple_table, "triples", Columns.HEAD, Columns.RELATION, Columns.TAIL)
            if Columns.TIMESTAMP in triple_table.columns:
                triple_table = triple_table.with_columns(parsed_timestamps(triple_table, "triples"))

        as_of = None
        if Columns.TIMESTAMP in event_table.columns:
            event_table = event_table.sort(Columns.TIMESTAMP, maintain_order=True)
            as_of = _moment(event_table, -1)
        return cls(event_table, catalogue_table, triple_table, as_of, user_codec, item_codec)

    @classmethod
    def from_files(
        cls,
        events: str | Path,
        catalogue: str | Path | None = None,
        *,
        triples: str | Path | None = None,
        columns: Mapping[str, str] | None = None,
        unknown_items: UnknownItems = "error",
    ) -> Dataset:
        """A dataset from Parquet, CSV, TSV or JSON-lines files; see :meth:`from_frames`."""
        return cls.from_frames(
            read_file(events, "events"),
            None if catalogue is None else read_file(catalogue, "catalogue"),
            triples=None if triples is None else read_file(triples, "triples"),
            columns=columns,
            unknown_items=unknown_items,
        )

    @classmethod
    def load(cls, name: str) -> Dataset:
        """A public data set by name; the one known so far is ``complete-journey``.

        Raises:
            DataError: an unknown name, or a data set whose package is not installed.
        """
        from hybridrec.data import public

        return public.load(name)

    @property
    def since(self) -> datetime | None:
        """The moment of the first event; ``None`` without times."""
        return None if self.as_of is None else _moment(self.events, 0)

    def __repr__(self) -> str:
        time = f"up to {self.as_of:%Y-%m-%d}" if self.as_of else "no times"
        return (
            f"Dataset({self.events.height:,} events, {len(self.users):,} users, "
            f"{len(self.items):,} items, {time})"
        )

    @cached_property
    def users(self) -> IdMap:
        """Every user with an event, in order of their ids."""
        return IdMap(self.events[Columns.USER].unique().sort(), self.user_codec)

    @cached_property
    def items(self) -> IdMap:
        """Every item of the catalogue, in the catalogue's order."""
        return IdMap(self.catalogue[Columns.ITEM], self.item_codec)

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


def _moment(events: pl.DataFrame, row: int) -> datetime:
    moment = events[Columns.TIMESTAMP][row]
    assert isinstance(moment, datetime)
    return moment
