"""Pairs of items that share groups (baskets, sessions, shoppers), counted and measured."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from kg.errors import EventsError

_PAIRS_AT_ONCE = 2**22
"""Pairs that are held uncounted at a time: about 0.2 GB."""
_COUNTS = ("count", "groups", "groups_other")


def pair_counts(lines: pl.DataFrame, *, min_count: int) -> pl.DataFrame:
    """How many groups hold both items of each pair.

    Pairs are made and counted a block of items at a time, so that memory holds the frequent ones
    and no more than about 4 million others.

    Args:
        lines: The group, first column whatever its name, and ``item``; numbers from 0, no item
            twice in a group.
        min_count: Groups that a pair must share.

    Returns:
        ``item`` below ``other``, and ``count``, all UInt32; sorted by item and other.

    Raises:
        EventsError: When ``min_count`` is below one.
    """
    if min_count < 1:
        raise EventsError(f"min_count={min_count}: a pair is met together at least once")
    # an item in too few groups cannot be in a pair that is in enough (Agrawal and Srikant 1994)
    frequent = lines.group_by("item").len().filter(pl.col("len") >= min_count)
    kept = lines.join(frequent, on="item", how="semi")
    n_items = int(kept.select(pl.col("item").max().fill_null(0)).item()) + 1
    counted = [
        pl.DataFrame({"pair": pairs})
        .group_by("pair")
        .agg(pl.len().alias("count"))
        .filter(pl.col("count") >= min_count)
        for pairs in _blocks_of_pairs(kept, n_items)
    ]
    empty = pl.DataFrame(schema={"pair": pl.Int64, "count": pl.UInt32})
    return (
        pl.concat([empty, *counted])
        .sort("pair")
        .select(
            (pl.col("pair") // n_items).cast(pl.UInt32).alias("item"),
            (pl.col("pair") % n_items).cast(pl.UInt32).alias("other"),
            "count",
        )
    )


def shared_groups(pairs: pl.DataFrame, lines: pl.DataFrame, *sums: pl.Expr) -> pl.DataFrame:
    """What pairs that are known already come to over the groups that hold both of their items.

    Args:
        pairs: ``item`` and ``other``, numbers.
        lines: ``group``, ``item`` and whatever ``sums`` speaks of; no item twice in a group.
        sums: Aggregates over the shared groups; the other item's columns end in ``_other``.

    Returns:
        ``item``, ``other`` and the aggregates. Pairs that share no group are not in it.
    """
    size = lines.group_by("item").agg(pl.len().cast(pl.Int64).alias("size"))
    # the rarer item names the groups to look in
    sized = pairs.select("item", "other").join(size, on="item")
    sized = sized.join(size.rename({"item": "other"}), on="other", suffix="_other")
    swapped = pl.col("size_other") < pl.col("size")
    oriented = sized.sort("item", "other").select(
        pl.when(swapped).then("other").otherwise("item").alias("rare"),
        pl.when(swapped).then("item").otherwise("other").alias("common"),
        block=pl.min_horizontal("size", "size_other").cum_sum() // _PAIRS_AT_ONCE,
    )
    looked_up = [
        block.join(lines.rename({"item": "rare"}), on="rare")
        .join(
            lines.rename({"item": "common"}),
            on=["group", "common"],
            suffix="_other",
        )
        .group_by("rare", "common")
        .agg(*sums)
        for block in oriented.partition_by("block", include_key=False)
    ]
    if not looked_up:
        return oriented.select(item="rare", other="common").with_columns(
            pl.lit(0.0).alias(total.meta.output_name()) for total in sums
        )
    return pl.concat(looked_up).select(
        pl.min_horizontal("rare", "common").alias("item"),
        pl.max_horizontal("rare", "common").alias("other"),
        pl.exclude("rare", "common"),
    )


def measured(pairs: pl.DataFrame, lines: pl.DataFrame, n_groups: int) -> pl.DataFrame:
    """Counted pairs with what the counts say.

    Args:
        pairs: As :func:`pair_counts` gives them.
        lines: What they were counted in.
        n_groups: How many groups there are.

    Returns:
        The pairs with ``groups`` and ``groups_other`` (how many hold the one and the other),
        ``support`` and ``lift``.
    """
    alone = lines.group_by("item").agg(pl.len().alias("groups"))
    expected = pl.col("groups").cast(pl.Float64) * pl.col("groups_other") / n_groups
    count = pl.col("count").cast(pl.Float64)
    return (
        pairs.join(alone, on="item")
        .join(alone.rename({"item": "other"}), on="other", suffix="_other")
        .with_columns(support=count / n_groups, lift=count / expected)
    )


def evident_pairs(
    pairs: pl.DataFrame, n_groups: int, *, min_lift: float, min_log_likelihood: float
) -> pl.DataFrame:
    """The measured pairs that are met together more often than chance explains.

    Args:
        pairs: As :func:`measured` gives them.
        n_groups: How many groups they were counted in.
        min_lift: The lift a pair must reach, and be above one.
        min_log_likelihood: The log-likelihood it must reach.

    Returns:
        The pairs that are left, with ``log_likelihood``.
    """
    count, one, other = (pl.col(name).cast(pl.Float64) for name in _COUNTS)
    return (
        pairs.filter(pl.col("lift") >= min_lift, pl.col("lift") > 1)
        .with_columns(log_likelihood=log_likelihood(count, one, other, n_groups))
        .filter(pl.col("log_likelihood") >= min_log_likelihood)
    )


def log_likelihood(count: pl.Expr, one: pl.Expr, other: pl.Expr, n_groups: int) -> pl.Expr:
    """How surely two items are met together more, or less, often than by chance.

    The ratio ``G² = 2 Σ k · ln(k / e)`` over the four cells of the table of both, one, the other,
    neither; ``e`` is what independence expects in a cell (Dunning 1993). Of items that have
    nothing to do with each other, one pair in a thousand is above 10.83 (χ², one degree of
    freedom).

    Args:
        count: Groups that hold both, as a float.
        one: Groups that hold the one.
        other: Groups that hold the other.
        n_groups: All groups.
    """
    cells = (count, one - count, other - count, n_groups - one - other + count)
    margins = (one, n_groups - one, other, n_groups - other)
    total = n_groups * float(np.log(n_groups)) if n_groups else 0.0
    inside = pl.sum_horizontal(*map(_times_log, cells))
    outside = pl.sum_horizontal(*map(_times_log, margins))
    # of two nearly equal numbers the difference may come out just below zero
    return (2 * (inside - outside + total)).clip(lower_bound=0)


def _times_log(number: pl.Expr) -> pl.Expr:
    return pl.when(number > 0).then(number * number.log()).otherwise(0.0)


def _blocks_of_pairs(lines: pl.DataFrame, n_items: int) -> Iterator[npt.NDArray[np.int64]]:
    """All pairs of the groups, as ``item * n_items + other``, item below other.

    Every pair is wholly in one block. The rarer item brings it there, so that no item brings too
    many at once.
    """
    group = lines.to_series(0).to_numpy()
    item = lines.get_column("item").to_numpy().astype(np.int64)
    rank = np.argsort(np.argsort(np.bincount(item, minlength=n_items), kind="stable"))
    order = np.lexsort((rank[item], group))
    group, item = group[order], item[order]
    end = np.cumsum(np.bincount(group))[group]
    partners = end - np.arange(len(group)) - 1
    by_rank = np.argsort(rank[item], kind="stable")
    brought = np.cumsum(np.bincount(rank[item], weights=partners, minlength=n_items))
    block = (brought // _PAIRS_AT_ONCE)[rank[item[by_rank]]]
    for rows in np.split(by_rank, np.flatnonzero(np.diff(block)) + 1):
        first, second = _with_what_follows(rows, partners[rows])
        one, other = item[first], item[second]
        yield np.minimum(one, other) * n_items + np.maximum(one, other)


def _with_what_follows(
    rows: npt.NDArray[np.int64], followers: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each row as often as it has followers, and beside it the rows that follow.

    >>> _with_what_follows(np.array([0, 5]), np.array([2, 1]))
    (array([0, 0, 5]), array([1, 2, 6]))
    """
    before = np.cumsum(followers) - followers
    shift = np.repeat(rows + 1 - before, followers)
    return np.repeat(rows, followers), np.arange(len(shift)) + shift
