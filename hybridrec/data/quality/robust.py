"""Medians instead of means: what is usual, where the unusual is in the data already."""

from __future__ import annotations

import polars as pl

NORMAL = 1.4826
"""Turns a median absolute deviation into a standard deviation, for normal data."""
LEAST_SPREAD = 0.1
"""Spread on a logarithmic scale below which values count as all the same: about 10 %."""


def log_deviations(values: pl.Series, groups: pl.Series, min_size: int) -> pl.DataFrame:
    """How far positive values lie from the median of their group, on a logarithmic scale.

    Groups of fewer than ``min_size`` values are held against all values together. (Median
    absolute deviation: Hampel 1974.)

    Args:
        values: ``(n,)`` numbers; those not above zero give null.
        groups: ``(n,)`` the group of each.
        min_size: values a group needs to speak for itself.

    Returns:
        ``distance`` (signed, natural logarithm of value / median) and ``deviations`` (signed,
        distance in robust standard deviations), in the order of ``values``.
    """
    log = pl.when(pl.col("value") > 0).then(pl.col("value").log())
    frame = pl.DataFrame({"value": values.cast(pl.Float64), "group": groups}).select(
        log.alias("log"), "group"
    )
    centres = frame.group_by("group").agg(
        pl.col("log").median().alias("centre"), pl.col("log").count().alias("n")
    )
    all_centre = frame["log"].median()
    all_spread = (frame["log"] - all_centre).abs().median()
    frame = frame.join(centres, on="group", how="left", maintain_order="left", nulls_equal=True)
    spreads = (
        frame.select("group", (pl.col("log") - pl.col("centre")).abs().alias("away"))
        .group_by("group")
        .agg(pl.col("away").median().alias("spread"))
    )
    frame = frame.join(spreads, on="group", how="left", maintain_order="left", nulls_equal=True)
    enough = pl.col("n") >= min_size
    centre = pl.when(enough).then(pl.col("centre")).otherwise(pl.lit(all_centre))
    spread = pl.when(enough).then(pl.col("spread")).otherwise(pl.lit(all_spread))
    distance = pl.col("log") - centre
    return frame.select(
        distance.alias("distance"),
        (distance / (NORMAL * spread).clip(lower_bound=LEAST_SPREAD)).alias("deviations"),
    )
