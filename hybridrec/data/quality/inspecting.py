"""All checks over a dataset, and the fixes of those that find something."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from itertools import cycle
from typing import TYPE_CHECKING
from uuid import uuid4

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.data.privacy import PERSONAL
from hybridrec.data.quality.checking import SEVERITIES, TABLES, Check, Flagged, Inspection
from hybridrec.data.quality.checks import CHECKS
from hybridrec.data.quality.config import QualityConfig
from hybridrec.data.quality.ledger import LedgerEntry
from hybridrec.data.quality.profile import Profile
from hybridrec.data.quality.report import Finding, QualityReport
from hybridrec.errors import DataError, examples
from hybridrec.progress import stage, track

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

MOST_ROUNDS = 20
"""How often all fixes may be applied before one that never comes to an end is given up."""


def check(
    data: Dataset,
    checks: Sequence[Check] = CHECKS,
    config: QualityConfig | None = None,
    *,
    n_examples: int = 5,
    show_users: bool = False,
) -> QualityReport:
    """Looks through a dataset; see :meth:`hybridrec.data.Dataset.check`."""
    inspection = Inspection(data, config or QualityConfig())
    mask = None if show_users else uuid4().hex
    findings = []
    for one in track(checks, "checking", len(checks)):
        findings += [
            _finding(inspection, one, found, n_examples, mask) for found in one.flagged(inspection)
        ]
    findings.sort(key=lambda f: (SEVERITIES.index(f.severity), -f.count))
    heights = {name: inspection.table(name) for name in TABLES}
    rows = {name: table.height for name, table in heights.items() if table is not None}
    return QualityReport(tuple(findings), rows, Profile.of(inspection))


def _finding(
    inspection: Inspection, one: Check, found: Flagged, n_examples: int, mask: str | None
) -> Finding:
    table = inspection.table(one.table)
    assert table is not None
    shown = found.examples
    if shown is None:
        shown = table.clear() if found.rows is None else table[found.rows.head(n_examples)]
    personal = [c for c, role in inspection.data.declared_roles.items() if role == PERSONAL]
    shown = shown.head(n_examples).drop([*personal, *map(as_given, personal)], strict=False)
    if mask is not None and Columns.USER in shown.columns:
        shown = shown.with_columns(masked(shown[Columns.USER], mask))
    count = found.count
    if count is None:
        count = 0 if found.rows is None else found.rows.len()
    return Finding(
        one.code,
        one.severity,
        one.table,
        found.column,
        count,
        table.height if found.of is None else found.of,
        found.detail or f"{count:,} rows",
        one.why,
        one.fix.text if one.fix else None,
        one.fix is not None and one.fix.by_default,
        shown,
        found.rows,
    )


def masked(users: pl.Series, salt: str) -> pl.Series:
    """User ids as words that tell users apart and say nothing of who they are.

    Spaces around an id stay, for they may be what is wrong with it.
    """
    words = {
        user: str(user).replace(str(user).strip(), f"user {_digest(salt, str(user).strip())}")
        for user in users.drop_nulls().unique().to_list()
    }
    return pl.Series(users.name, [words.get(user) for user in users.to_list()], dtype=pl.String)


def _digest(salt: str, user: str) -> str:
    return hashlib.sha256(f"{salt}{user}".encode()).hexdigest()[:6]


def clean(
    data: Dataset,
    fixes: Sequence[str] | None = None,
    *,
    without: Sequence[str] = (),
    checks: Sequence[Check] = CHECKS,
    config: QualityConfig | None = None,
) -> Dataset:
    """Applies fixes; see :meth:`hybridrec.data.Dataset.clean`."""
    mendable = {one.code: one for one in checks if one.fix is not None}
    for name in (*(fixes or ()), *without):
        if name not in mendable:
            near = get_close_matches(name, mendable, n=3, cutoff=0.5) or sorted(mendable)
            raise DataError(f"no fix for {name!r}; there are {examples(near, 60)}")
    chosen = [
        one
        for one in checks
        if one.fix is not None
        and one.code not in without
        and (one.code in fixes if fixes is not None else one.fix.by_default)
    ]
    inspection = Inspection(data, config or QualityConfig())
    with stage("cleaning"):
        # what one fix changes another may have to mend: until all of them in a row find nothing
        still, applied = 0, 0
        for one in cycle(chosen):
            if still == len(chosen):
                break
            mended = _mended(inspection, one)
            still += 1
            if mended is not inspection.data:
                inspection = Inspection(mended, inspection.config)
                still, applied = 0, applied + 1
            if applied > MOST_ROUNDS * len(chosen):
                raise DataError(
                    f"{one.code}: the fixes never come to an end, this one has just changed the "
                    f"data again; leave it out with without=[{one.code!r}]"
                )
    return inspection.data


def _mended(inspection: Inspection, one: Check) -> Dataset:
    """The dataset with one fix applied and entered in the ledger; the same if nothing changed."""
    assert one.fix is not None
    data = inspection.data
    flagged = one.flagged(inspection)
    if not flagged:
        return data
    mended = one.fix.mend(inspection, flagged)
    if mended.events.is_empty() or mended.catalogue.is_empty():
        raise DataError(
            f"{one.code}: the fix ({one.fix.text}) would leave nothing; "
            f"leave it out with without=[{one.code!r}]"
        )
    found = "; ".join(f"{f.column}: {f.detail}" if len(flagged) > 1 else f.detail for f in flagged)
    entries = []
    after = Inspection(mended, inspection.config)
    for name in TABLES:
        before_table, after_table = inspection.table(name), after.table(name)
        if before_table is None or after_table is None or before_table is after_table:
            continue
        rows_in, rows_out = before_table.height, after_table.height
        changed = _rows_changed(before_table, after_table)
        if changed or rows_in != rows_out:
            entry = LedgerEntry(one.code, name, rows_in, rows_out, changed, found, one.fix.text)
            entries.append(entry)
    return replace(mended, ledger=data.ledger + entries) if entries else data


def _rows_changed(before: pl.DataFrame, after: pl.DataFrame) -> int:
    """How many rows of a table stayed with other values; rows added or dropped are not counted."""
    columns = [column for column in after.columns if column in before.columns]
    old, new = before.select(columns).hash_rows(), after.select(columns).hash_rows()
    if old.len() == new.len():
        return int((old != new).sum())
    kept = new.value_counts(name="n").join(
        old.value_counts(name="n"), on=new.name, how="left", suffix="_before"
    )
    appeared = kept.select((pl.col("n").cast(pl.Int64) - pl.col("n_before").fill_null(0)).clip(0))
    return max(int(appeared.to_series().sum()) - max(new.len() - old.len(), 0), 0)
