"""Cancellations set off against the purchases they undo."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from hybridrec.data.columns import Columns

NOTHING = 1e-9
"""What sums of decimal fractions may be off by, as a share of all that was summed."""


@dataclass(frozen=True)
class Netted:
    """What is left of every event once cancellations are set off.

    Args:
        quantity: ``(n_events,)`` what is left of it.
        reduced: whether something of it was cancelled.
        undone: whether all of it was cancelled.
        unmatched: cancellations that find nothing, or too little, to cancel.
    """

    quantity: pl.Series
    reduced: pl.Series
    undone: pl.Series
    unmatched: int


def netted(
    events: pl.DataFrame, coded: pl.DataFrame, cancels: pl.Expr, buys: pl.Expr | None = None
) -> Netted:
    """Sets each cancellation off against the same user's latest purchases of the same item.

    Purchases make a stack, cancellations take from its top. With ``h`` the height of the stack
    after each event, a purchase that raised it from ``a`` to ``b`` is left with
    ``max(0, min(b, lowest later h) − a)``: no loop is needed.

    Args:
        events: in order of time; an event without ``quantity`` counts one.
        coded: the users and items of the events as integers.
        cancels: whether an event is a cancellation.
        buys: whether an event is a purchase, if it is no cancellation; all are when ``None``.
    """
    size, quantity = pl.lit(1.0), pl.lit(1.0)
    if Columns.QUANTITY in events.columns:
        quantity = pl.col(Columns.QUANTITY).cast(pl.Float64).fill_null(1.0)
        size = quantity.abs()
    # what is neither bought nor cancelled, a view or a correction of the stock, changes nothing
    counts = cancels | ((pl.lit(True) if buys is None else buys) & (quantity > 0))
    pair = [Columns.USER, Columns.ITEM]
    frame = events.select(
        cancels.alias("cancels"), pl.when(counts).then(size).otherwise(0.0).alias("size")
    )
    frame = frame.with_columns(coded.get_columns()).with_row_index("row")
    # only pairs with a cancellation need the work
    touched = frame.filter("cancels").select(pair).unique().drop_nulls()
    rest = frame.join(touched, on=pair, how="semi", maintain_order="left")
    change = pl.when("cancels").then(-pl.col("size")).otherwise(pl.col("size"))
    rest = rest.with_columns(change.alias("change"))
    rest = rest.with_columns(pl.col("change").cum_sum().over(pair).alias("sum"))
    # a cancellation of more than there is takes all there is: the height never falls below zero
    debt = pl.col("sum").cum_min().clip(upper_bound=0.0).over(pair)
    rest = rest.with_columns((pl.col("sum") - debt).alias("height"), debt.alias("debt"))
    before = pl.col("height").shift(1, fill_value=0.0).over(pair)
    lowest = pl.col("height").cum_min(reverse=True).over(pair)
    unpaid = pl.col("debt").shift(1, fill_value=0.0).over(pair) - pl.col("debt")
    slack = NOTHING * pl.col("size").sum().over(pair)
    left = (pl.min_horizontal("height", lowest) - before).clip(lower_bound=0.0)
    rest = rest.with_columns(
        pl.when(left > slack).then(left).otherwise(0.0).alias("left"),
        (pl.col("cancels") & (unpaid > slack)).alias("unmatched"),
        slack.alias("slack"),
    )
    bought = rest.filter(~pl.col("cancels") & (pl.col("size") > 0))
    hit = bought.filter(pl.col("size") - pl.col("left") > pl.col("slack"))
    nobody = frame.filter("cancels", pl.any_horizontal(pl.col(pair).is_null())).height
    none = pl.repeat(False, events.height, eager=True)
    return Netted(
        frame["size"].clone().scatter(hit["row"], hit["left"]),
        none.clone().scatter(hit["row"], True),
        none.clone().scatter(hit.filter(pl.col("left") <= 0)["row"], True),
        int(rest["unmatched"].sum()) + nobody,
    )
