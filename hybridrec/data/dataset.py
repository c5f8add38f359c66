"""The two tables of a shop, checked and put in order: what everything else starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from hybridrec.data import features, privacy, splits
from hybridrec.data.assembly import assembled
from hybridrec.data.columns import Columns
from hybridrec.data.histories import Histories, event_strengths, steps_before_last
from hybridrec.data.identifiers import IdCodec, IdMap
from hybridrec.data.quality.ledger import Ledger
from hybridrec.data.roles import catalogue_roles, checked_roles
from hybridrec.data.sources import (
    ColumnNames,
    FileSource,
    Table,
    given_tables,
    named_by,
    read_files,
    read_frames,
    read_queries,
)
from hybridrec.data.tables import (
    defects,
    item_titles,
)
from hybridrec.errors import DataError

if TYPE_CHECKING:
    from hybridrec.data.quality import Check, QualityConfig, QualityReport

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
        ledger: what :meth:`clean` changed so far.

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
    ledger: Ledger = field(default_factory=Ledger)

    @classmethod
    def from_frames(
        cls,
        events: Any,
        catalogue: Any = None,
        *,
        triples: Any = None,
        users: Any = None,
        identities: Any = None,
        columns: ColumnNames = None,
        roles: Mapping[str, str] | None = None,
        time_zone: str = "UTC",
        time_format: str | None = None,
    ) -> Dataset:
        """A dataset from dataframes of any library narwhals knows.

        Args:
            events: at least ``user_id`` and ``item_id``; or a table for each platform by its name,
                ``{"web": …, "app": …}``, which puts the names into a column ``platform``.
            catalogue: at least ``item_id``; left out, the items are those of the events, described
                by the events' own ``title``, ``description``, ``brand`` and ``category``.
            triples: ``head``, ``relation``, ``tail`` and optionally ``head_type``, ``tail_type``,
                ``tail_name`` and ``timestamp`` (when the fact became known).
            users: ``user_id`` and attributes of the users.
            identities: ``platform``, ``platform_user_id`` and the ``user_id`` they belong to. Then
                ``user_id`` in the events is each platform's own: it becomes the user's, as text,
                or ``web:4711`` where no identity is known. Without identities, one id is one user
                on all platforms.
            columns: the shop's column names → hybridrec's, ``{"sku": "item_id"}`` for all tables or
                ``{"catalogue": {"sku": "item_id"}, "web": {…}}`` for tables and platforms; or a
                YAML file with that.
            roles: what columns are, where that is not to be inferred: ``{"cost": "ignored"}``;
                see :mod:`hybridrec.data.roles`.
            time_zone: the zone of times that name none.
            time_format: how text is read as time, as in ``strptime``; found out when ``None``.

        Raises:
            DataError: a missing column, an empty table, a column of ids, times or numbers that
                holds none, ids of two types, identities that contradict each other, a mapping of
                columns that no table has, a role that a column cannot take on. Single rows that
                cannot be read are kept for :meth:`check` to name.
        """
        given = given_tables(
            events, catalogue=catalogue, triples=triples, users=users, identities=identities
        )
        tables = named_by(columns, read_frames(given))
        return cls._of_tables(tables, roles, time_zone, time_format)

    @classmethod
    def from_files(
        cls,
        events: FileSource | Mapping[str, FileSource],
        catalogue: FileSource | None = None,
        *,
        triples: FileSource | None = None,
        users: FileSource | None = None,
        identities: FileSource | None = None,
        columns: ColumnNames = None,
        roles: Mapping[str, str] | None = None,
        time_zone: str = "UTC",
        time_format: str | None = None,
    ) -> Dataset:
        """A dataset from files: Parquet, CSV, TSV and JSON lines, the text ones also packed.

        Each table is a file, a pattern such as ``events/*.parquet`` or a list of those; packed
        files end with ``.gz`` or ``.zst``. Columns of CSV and TSV are numbers where every value is
        one; ids stay text where one of them, such as ``00123``, is not written as integers are.
        Rows that are too short lack their last values. All else is as in :meth:`from_frames`.

        Raises:
            DataError: a file that is missing or cannot be read, by its name and the line that is
                to blame; and as :meth:`from_frames`.
        """
        given = given_tables(
            events, catalogue=catalogue, triples=triples, users=users, identities=identities
        )
        tables = read_files(given, columns, times_as_text=time_format is not None)
        return cls._of_tables(tables, roles, time_zone, time_format)

    @classmethod
    def from_sql(
        cls,
        url: str,
        events: str | Mapping[str, str],
        catalogue: str | None = None,
        *,
        triples: str | None = None,
        users: str | None = None,
        identities: str | None = None,
        columns: ColumnNames = None,
        roles: Mapping[str, str] | None = None,
        time_zone: str = "UTC",
        time_format: str | None = None,
    ) -> Dataset:
        """A dataset from the queries of a database; needs ``pip install 'hybridrec[sql]'``.

        Each table is a query, such as ``events="select * from orders"``. All else is as in
        :meth:`from_frames`.

        Args:
            url: ``duckdb:///shop.duckdb`` (four slashes before an absolute path),
                ``sqlite:///shop.db``, ``postgresql://user:password@host/shop``, or another that
                SQLAlchemy has a driver for.
            events: as in :meth:`from_frames`, each table a query; so are those that follow.
            catalogue: a query.
            triples: a query.
            users: a query.
            identities: a query.
            columns: as in :meth:`from_frames`.
            roles: as in :meth:`from_frames`.
            time_zone: as in :meth:`from_frames`.
            time_format: as in :meth:`from_frames`.

        Raises:
            DataError: a database that is not there or that no installed package reads, a query
                that fails; and as :meth:`from_frames`.
        """
        given = given_tables(
            events, catalogue=catalogue, triples=triples, users=users, identities=identities
        )
        tables = named_by(columns, read_queries(url, given))
        return cls._of_tables(tables, roles, time_zone, time_format)

    @classmethod
    def _of_tables(
        cls,
        tables: Mapping[str, Table],
        roles: Mapping[str, str] | None,
        time_zone: str,
        time_format: str | None,
    ) -> Dataset:
        parts = assembled(tables, time_zone=time_zone, time_format=time_format)
        others = parts.events, parts.user_attributes
        return cls(*parts, checked_roles(roles, parts.catalogue, *others))

    @classmethod
    def load(cls, name: str, *, data_dir: str | Path | None = None) -> Dataset:
        """A public data set by name; :data:`hybridrec.data.public.SETS` holds them all.

        Args:
            name: such as ``complete-journey``, which a package brings, or ``ml-100k``, whose files
                lie in the folder ``ml-100k`` of ``data_dir``.
            data_dir: the folder of all public sets; the environment variable ``HYBRIDREC_DATA``
                when left out.

        Raises:
            DataError: an unknown name, a package that is not installed, or files that are missing
                or are not those that all published figures were measured on.
        """
        from hybridrec.data import public

        return public.load(name, data_dir)

    def check(
        self,
        checks: Sequence[Check] = (),
        *,
        config: QualityConfig | None = None,
        n_examples: int = 5,
        show_users: bool = False,
    ) -> QualityReport:
        """Says what is wrong with the data, why it matters and what :meth:`clean` would do.

        Args:
            checks: the shop's own checks, after those that come with the library; see
                :func:`hybridrec.data.quality.quality_check`.
            config: thresholds; the defaults when ``None``.
            n_examples: rows shown with each finding.
            show_users: whether examples show user ids; they are masked otherwise.
        """
        from hybridrec.data.quality import CHECKS
        from hybridrec.data.quality.inspecting import check

        every = (*CHECKS, *checks)
        return check(self, every, config, n_examples=n_examples, show_users=show_users)

    def clean(
        self,
        fixes: Sequence[str] | None = None,
        *,
        without: Sequence[str] = (),
        checks: Sequence[Check] = (),
        config: QualityConfig | None = None,
    ) -> Dataset:
        """Applies the fixes of what :meth:`check` finds; :attr:`ledger` says what they changed.

        Fixes go round in a fixed order until none finds anything: cleaning twice is cleaning once.

        Args:
            fixes: the codes of findings to mend; when ``None`` those mended by default.
            without: codes to leave as they are.
            checks: the shop's own checks, as for :meth:`check`.
            config: thresholds and choices; the defaults when ``None``.

        Raises:
            DataError: a code without a fix, or a fix that would leave no event or no item.
        """
        from hybridrec.data.quality import CHECKS
        from hybridrec.data.quality.inspecting import clean

        return clean(self, fixes, without=without, checks=(*CHECKS, *checks), config=config)

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

    @cached_property
    def roles(self) -> pl.DataFrame:
        """What each column of the catalogue is: declared, or inferred and why.

        Returns:
            ``column``, ``role``, ``declared`` (bool) and ``reason``; the roles are listed in
            :mod:`hybridrec.data.roles`.

        >>> events = pl.DataFrame({"user_id": ["u1"], "item_id": [3]})
        >>> catalogue = pl.DataFrame({"item_id": [3, 4], "price": [1.5, 2.5]})
        >>> Dataset.from_frames(events, catalogue).roles.row(1)
        ('price', 'money', False, 'name says money and all values are numbers')
        """
        return catalogue_roles(self.catalogue, self.declared_roles)

    def histories(
        self,
        strengths: Mapping[str, float] | None = None,
        value_exponent: float = 0.0,
        means: Mapping[str, float] | None = None,
    ) -> Histories:
        """Every user's events, oldest first.

        Args:
            strengths: what an event of each kind counts; kinds not named count 1.
            value_exponent: how much an event's ``value`` counts, relative to the mean of its
                kind: the strength is multiplied by ``(value / mean)^value_exponent``. 0 leaves
                values out, 1 lets twice the amount or rating count twice. Events without a
                value keep their strength; those of value 0 or less count nothing.
            means: the mean value of each kind; those of these events when ``None``.
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
        strength = event_strengths(self.events, strengths, value_exponent, means)
        return Histories(
            indptr, items[order], ages, strength[order], len(self.items), self.as_of is not None
        )

    # methods that are told of where their subject is
    split_by_time = splits.split_by_time
    split_leave_last_out = splits.split_leave_last_out
    cross_validation = splits.cross_validation
    rolling_origins = splits.rolling_origins
    split_new_users = splits.split_new_users
    split_cold_items = splits.split_cold_items
    split_by_group = splits.split_by_group
    popularity = features.popularity
    prices_seen = features.prices_seen
    co_purchases = features.co_purchases
    pseudonymise = privacy.pseudonymise
    k_anonymity = privacy.k_anonymity

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
            events=self.events.join(kept, on=Columns.ITEM, how="semi", maintain_order="left"),
            catalogue=self.catalogue.join(kept, on=Columns.ITEM, how="semi", maintain_order="left"),
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
