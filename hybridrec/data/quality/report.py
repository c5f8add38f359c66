"""What the checks found, for people and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridrec.data.quality.checking import SEVERITIES, Severity, TableName

if TYPE_CHECKING:
    from hybridrec.data.quality.profile import Profile


@dataclass(frozen=True, eq=False)
class Finding:
    """One thing that is wrong, or good to know.

    Args:
        code: the check's name; ``clean([code])`` applies its fix.
        severity: ``error``, ``warning`` or ``note``.
        table: ``events``, ``catalogue``, ``triples`` or ``users``.
        column: the column it is about, if one.
        count: how many there are.
        of: what ``count`` is a share of.
        detail: what exactly is wrong.
        why: why it matters.
        fix: what ``clean`` would do; ``None`` where only a person can decide.
        by_default: whether ``clean()`` does it without being told to.
        examples: a few rows; user ids in them are masked unless asked for.
        rows: all row numbers in the table, UInt32, rising; ``None`` where no rows are to blame.
    """

    code: str
    severity: Severity
    table: TableName
    column: str | None
    count: int
    of: int
    detail: str
    why: str
    fix: str | None
    by_default: bool
    examples: pl.DataFrame
    rows: pl.Series | None

    @property
    def share(self) -> float:
        """``count`` as a share, from 0 to 1."""
        return self.count / self.of if self.of else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Everything but the row numbers, ready for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "table": self.table,
            "column": self.column,
            "count": self.count,
            "of": self.of,
            "share": self.share,
            "detail": self.detail,
            "why": self.why,
            "fix": self.fix,
            "by_default": self.by_default,
            "examples": [
                {name: _plain(value) for name, value in row.items()}
                for row in self.examples.to_dicts()
            ],
        }


@dataclass(frozen=True, eq=False)
class QualityReport:
    """Everything the checks found in a dataset, errors first.

    Args:
        findings: what was found.
        rows: rows of each table.
        profile: figures behind the pictures.

    >>> from hybridrec import Dataset
    >>> events = pl.DataFrame({"user_id": ["u", None, "v"], "item_id": ["a", "b", "a"]})
    >>> report = Dataset.from_frames(events).check()
    >>> report.ok, [finding.code for finding in report.errors]
    (False, ['missing-user'])
    """

    findings: tuple[Finding, ...]
    rows: Mapping[TableName, int]
    profile: Profile

    def __getitem__(self, code: str) -> list[Finding]:
        """The findings of one check; empty when it found nothing."""
        return [finding for finding in self.findings if finding.code == code]

    def of_severity(self, severity: Severity) -> list[Finding]:
        """The findings of one severity."""
        return [finding for finding in self.findings if finding.severity == severity]

    @property
    def errors(self) -> list[Finding]:
        """What no model should be fitted on."""
        return self.of_severity("error")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    @property
    def since(self) -> datetime | None:
        """The first event's moment."""
        return self.profile.since

    def to_frame(self) -> pl.DataFrame:
        """A row a finding: everything but examples and row numbers."""
        rows = [finding.to_dict() for finding in self.findings]
        schema: dict[str, pl.DataType | type[pl.DataType]] = {
            "code": pl.String, "severity": pl.Enum(SEVERITIES), "table": pl.String,
            "column": pl.String, "count": pl.Int64, "of": pl.Int64, "share": pl.Float64,
            "detail": pl.String, "why": pl.String, "fix": pl.String, "by_default": pl.Boolean,
        }  # fmt: skip
        return pl.DataFrame([{name: row[name] for name in schema} for row in rows], schema=schema)

    def to_dict(self) -> dict[str, Any]:
        """The report ready for JSON."""
        return {"rows": dict(self.rows), "findings": [f.to_dict() for f in self.findings]}

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def to_html(self, path: str | Path | None = None) -> str:
        """The report as one HTML page that needs nothing beside it, with pictures.

        Args:
            path: where it is written, too, if given.
        """
        from hybridrec.data.quality.page import quality_page, write_page

        html = quality_page(self)
        if path is not None:
            write_page(Path(path), html)
        return html

    def _repr_html_(self) -> str:
        from hybridrec.data.quality.page import notebook_frame

        return notebook_frame(self)

    def __str__(self) -> str:
        from hybridrec.data.quality.terminal import quality_text

        return quality_text(self)

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.of_severity(s))} {s}s" for s in SEVERITIES)
        return f"QualityReport({counts})"


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON knows no other numbers
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
