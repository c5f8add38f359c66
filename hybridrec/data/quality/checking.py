"""What a check is: a plain function that says which rows are wrong, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.quality.config import QualityConfig
from hybridrec.errors import DataError

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

Severity = Literal["error", "warning", "note"]
TableName = Literal["events", "catalogue", "triples", "users"]
TABLES: tuple[TableName, ...] = ("events", "catalogue", "triples", "users")
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
CANCELLATIONS = "cancellations"
"""The check whose fix sets cancellations off against purchases."""


@dataclass(frozen=True, eq=False)
class Inspection:
    """A dataset under inspection, with what several checks need worked out once.

    Args:
        data: the dataset; it may hold any dirt.
        config: thresholds.
    """

    data: Dataset
    config: QualityConfig

    @property
    def events(self) -> pl.DataFrame:
        """The events."""
        return self.data.events

    @property
    def catalogue(self) -> pl.DataFrame:
        """The catalogue."""
        return self.data.catalogue

    def table(self, name: TableName) -> pl.DataFrame | None:
        """A table by name; ``None`` where the dataset has none."""
        tables: dict[TableName, pl.DataFrame | None] = {
            "events": self.data.events,
            "catalogue": self.data.catalogue,
            "triples": self.data.triples,
            "users": self.data.user_attributes,
        }
        return tables[name]

    @cached_property
    def coded(self) -> pl.DataFrame:
        """Users and items of the events as small integers, null where the id is null."""
        return self.events.select(
            _codes(self.events[name]) for name in (Columns.USER, Columns.ITEM)
        )

    @property
    def timed(self) -> bool:
        """Whether the events have times."""
        return self.data.as_of is not None

    @cached_property
    def cancels(self) -> pl.Expr:
        """Whether an event undoes an earlier one.

        Told by the kind of event or by the session's id; where the data use neither, by a negative
        quantity.
        """
        columns = self.events.columns
        marked = pl.lit(False)
        if Columns.EVENT in columns:
            kind = as_text(self.events, Columns.EVENT).str.to_lowercase()
            marked = marked | kind.is_in(self.config.cancellation_events)
        if self.config.cancellation_sessions is not None and Columns.SESSION in columns:
            session = as_text(self.events, Columns.SESSION)
            marked = marked | session.str.contains(self.config.cancellation_sessions)
        marked = marked.fill_null(False)
        # once marked cancellations are set off, negative quantities that stay never were any
        settled = any(entry.code == CANCELLATIONS for entry in self.data.ledger)
        if settled or Columns.QUANTITY not in columns or self.events.select(marked.any()).item():
            return marked
        return (pl.col(Columns.QUANTITY) < 0).fill_null(False)

    @cached_property
    def buys(self) -> pl.Expr:
        """Whether an event is a purchase, as far as the data tell one from a view."""
        if Columns.EVENT not in self.events.columns:
            return pl.lit(True)
        bought = (
            as_text(self.events, Columns.EVENT)
            .str.to_lowercase()
            .is_in(self.config.purchase_events)
        )
        bought = bought.fill_null(False)
        return bought if self.events.select(bought.any()).item() else pl.lit(True)


def _codes(ids: pl.Series) -> pl.Series:
    if ids.dtype.is_integer():
        return ids
    return ids.cast(pl.Categorical(pl.Categories.random())).to_physical().alias(ids.name)


@dataclass(frozen=True, eq=False)
class Flagged:
    """What a check has found.

    Args:
        rows: row numbers of the table, UInt32, rising; ``None`` where no single rows are to blame.
        detail: what exactly is wrong, with numbers, in a sentence.
        column: the column it is about, if one.
        count: how many there are; the number of rows if not given.
        of: what ``count`` is a share of; the height of the table if not given.
        examples: rows that show it better than the first of ``rows`` would.
    """

    rows: pl.Series | None = None
    detail: str = ""
    column: str | None = None
    count: int | None = None
    of: int | None = None
    examples: pl.DataFrame | None = None


Found: TypeAlias = pl.Expr | pl.Series | Flagged | Iterable[Flagged] | None
"""What a check returns: a condition over its table, a Boolean column, or what it flagged."""
Find: TypeAlias = Callable[[Inspection], Found]
Mend: TypeAlias = Callable[[Inspection, list[Flagged]], "Dataset"]


@dataclass(frozen=True)
class Fix:
    """How a finding is mended.

    Args:
        text: what it does, for people: ``drops the rows``.
        mend: gives the mended dataset.
        by_default: whether ``clean()`` applies it without being told to.
    """

    text: str
    mend: Mend
    by_default: bool = True


@dataclass(frozen=True)
class Check:
    """A check and what is known of it; made by :func:`quality_check`.

    Args:
        code: its name, also the name of its fix.
        table: the table whose rows it flags.
        severity: ``error``: no model should be fitted on it; ``warning``: it costs accuracy or
            trust; ``note``: good to know.
        why: why it matters, a sentence.
        find: finds it.
        fix: mends it.
        needs: columns without which it has nothing to look at.
    """

    code: str
    table: TableName
    severity: Severity
    why: str
    find: Find
    fix: Fix | None = None
    needs: tuple[str, ...] = ()

    def flagged(self, inspection: Inspection) -> list[Flagged]:
        """What it finds; nothing where its table or a column it needs is not there."""
        table = inspection.table(self.table)
        if table is None or not set(self.needs) <= set(table.columns):
            return []
        found = self.find(inspection)
        if found is None:
            return []
        if isinstance(found, Flagged):
            found = [found]
        elif isinstance(found, (pl.Expr, pl.Series)):
            found = [Flagged(self._rows(table, found))]
        flagged = [self._in_order(one, table.height) for one in found]
        return [one for one in flagged if one.rows is None or one.rows.len()]

    def _rows(self, table: pl.DataFrame, found: pl.Expr | pl.Series) -> pl.Series:
        try:
            condition = table.select(found.alias("found")).to_series()
        except pl.exceptions.PolarsError as error:
            raise DataError(f"check {self.code!r} failed: {error}") from error
        fits = condition.len() in (1, table.height)
        if condition.dtype not in (pl.Boolean, pl.Null) or not fits:
            raise DataError(
                f"check {self.code!r} gave {condition.len():,} values of {condition.dtype}; "
                f"a condition has a Boolean for each of the {table.height:,} rows"
            )
        return rows_where(table, condition)

    def _in_order(self, flagged: Flagged, height: int) -> Flagged:
        """What was flagged, its row numbers rising and each there once."""
        rows = flagged.rows
        if rows is None or rows.is_empty():
            return flagged
        if not rows.dtype.is_integer() or rows.null_count():
            raise DataError(f"check {self.code!r} flagged rows that are no row numbers: {rows!r}")
        if not (rows.tail(-1) > rows.head(-1)).all():
            rows = rows.unique().sort()
        low, high = rows[0], rows[-1]
        if low < 0 or high >= height:
            raise DataError(
                f"check {self.code!r} flagged row {low if low < 0 else high} of a table of "
                f"{height:,} rows"
            )
        return replace(flagged, rows=rows.cast(pl.UInt32))


def quality_check(
    code: str,
    *,
    table: TableName,
    severity: Severity,
    why: str,
    fix: Fix | None = None,
    needs: tuple[str, ...] = (),
) -> Callable[[Find], Check]:
    """Makes a check of a plain function; see :class:`Check` for the arguments.

    >>> @quality_check(
    ...     "sold-below-cost", table="catalogue", severity="warning", why="it loses money",
    ...     needs=("price", "cost"),
    ... )
    ... def sold_below_cost(inspection: Inspection) -> pl.Expr:
    ...     return pl.col("price") < pl.col("cost")
    >>> sold_below_cost.code
    'sold-below-cost'
    """

    def checked(find: Find) -> Check:
        return Check(code, table, severity, why, find, fix, needs)

    return checked


def rows_where(table: pl.DataFrame, condition: pl.Expr | pl.Series) -> pl.Series:
    """The numbers of the rows for which a condition holds, UInt32."""
    holds = table.select(condition.cast(pl.Boolean).fill_null(False).alias("rows")).to_series()
    if holds.len() == 1:  # a literal holds for every row
        holds = holds.new_from_index(0, table.height)
    return holds.arg_true()


def as_text(table: pl.DataFrame, column: str) -> pl.Expr:
    """A column as text: lists joined by spaces, null where its type cannot be written out."""
    dtype = table.schema[column]
    if dtype == pl.String:
        return pl.col(column)
    if isinstance(dtype, pl.List | pl.Array) and _is_writable(dtype.inner):
        return pl.col(column).cast(pl.List(dtype.inner)).cast(pl.List(pl.String)).list.join(" ")
    if _is_writable(dtype):
        return pl.col(column).cast(pl.String)
    return pl.lit(None, dtype=pl.String).alias(column)


def _is_writable(dtype: object) -> bool:
    return isinstance(dtype, pl.DataType) and not (
        dtype.is_nested() or dtype in (pl.Binary, pl.Duration, pl.Object)
    )
