"""What cleaning changed, row by row counted: saved with every model fitted on the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import polars as pl


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One fix that was applied to one table.

    Args:
        code: the check whose finding was mended.
        table: the table that changed.
        rows_in: its rows before.
        rows_out: its rows after.
        rows_changed: rows that stayed, with other values.
        found: what was wrong.
        fix: what was done.
    """

    code: str
    table: str
    rows_in: int
    rows_out: int
    rows_changed: int
    found: str
    fix: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """All fixes that were applied, in order."""

    entries: tuple[LedgerEntry, ...] = ()

    def __iter__(self) -> Iterator[LedgerEntry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __add__(self, entries: Iterable[LedgerEntry]) -> Ledger:
        return Ledger((*self.entries, *entries))

    def to_dicts(self) -> list[dict[str, Any]]:
        """The entries ready for JSON."""
        return [asdict(entry) for entry in self.entries]

    @classmethod
    def from_dicts(cls, entries: Iterable[Mapping[str, Any]]) -> Self:
        """The ledger that :meth:`to_dicts` was called on."""
        return cls(tuple(LedgerEntry(**entry) for entry in entries))

    def to_frame(self) -> pl.DataFrame:
        """A row an entry."""
        schema = {
            "code": pl.String, "table": pl.String, "rows_in": pl.Int64, "rows_out": pl.Int64,
            "rows_changed": pl.Int64, "found": pl.String, "fix": pl.String,
        }  # fmt: skip
        return pl.DataFrame(self.to_dicts(), schema=schema)

    def __str__(self) -> str:
        from hybridrec.data.quality.terminal import ledger_text

        return ledger_text(self)
