"""Medians instead of means: what is usual, where the unusual is in the data already."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

NORMAL = 1.4826
"""Turns a median absolute deviation into a standard deviation, for normal data."""
LEAST_SPREAD = 0.1
"""Spread on a logarithmic scale below which values count as all the same: about 10 %."""


def log_deviations(values: pl.Series, groups: Sequence[pl.Series], min_size: int) -> pl.DataFrame:
    """How far positive values lie from the median of their group, on a logarithmic scale.

    A value is held against the first of its groups that has ``min_size`` values, and against all
    values where none has. (Median absolute deviation: Hampel 1974.)

    Args:
        values: ``(n,)`` numbers; those not above zero give null.
        groups: the groups of each value, ``(n,)``, the narrowest first; null where it has none.
        min_size: values a group needs to speak for itself.

    Returns:
        ``distance`` (signed, natural logarithm of value / median) and ``deviations`` (signed,
        distance in robust standard deviations), in the order of ``values``.
    """
    log = pl.when(pl.col("value") > 0).then(pl.col("value").log())
    logs = pl.DataFrame({"value": values.cast(pl.Float64)}).select(log.alias("log")).to_series()
    narrow = [_usual(logs, group, min_size) for group in groups]
    usual = [*narrow, _usual(logs, pl.repeat(0, logs.len(), eager=True), 1)]
    centre, spread = (
        pl.select(pl.coalesce(level[part] for level in usual)).to_series()
        for part in ("centre", "spread")
    )
    distance = logs - centre
    return pl.DataFrame(
        {
            "distance": distance,
            "deviations": distance / (NORMAL * spread).clip(lower_bound=LEAST_SPREAD),
        }
    )


def _usual(logs: pl.Series, group: pl.Series, min_size: int) -> pl.DataFrame:
    """``centre`` and ``spread`` of each value's group, null where the group is too small."""
    frame = pl.DataFrame({"log": logs, "group": group})
    grouped = frame.filter(pl.col("group").is_not_null()).group_by("group")
    centres = grouped.agg(
        pl.col("log").median().alias("centre"),
        (pl.col("log") - pl.col("log").median()).abs().median().alias("spread"),
        pl.col("log").count().alias("n"),
    ).filter(pl.col("n") >= min_size)
    return frame.join(centres, on="group", how="left", maintain_order="left")
