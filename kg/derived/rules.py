"""Association rules: what customers who buy the one buy besides, as a table to read."""

from datetime import datetime

import polars as pl

from kg.derived.baskets import (
    DEFAULT_BASKETS,
    BasketSettings,
    baskets_of,
    labels_of_items,
    named_pairs,
)
from kg.derived.pairs import evident_pairs, measured, pair_counts

SURELY_NOT_CHANCE = 10.83
"""The log-likelihood that one of a thousand pairs passes by chance (χ², one degree of freedom)."""
_PERCENT = 100


def association_rules(
    events: pl.DataFrame,
    *,
    as_of: datetime | None = None,
    names: pl.DataFrame | None = None,
    min_count: int = 10,
    min_confidence: float = 0.05,
    min_lift: float = 1.5,
    min_log_likelihood: float = SURELY_NOT_CHANCE,
    baskets: BasketSettings = DEFAULT_BASKETS,
) -> pl.DataFrame:
    """Rules "who buys A also buys B" up to a moment, those that are surest first.

    A rule is as sure as its log-likelihood ratio (Dunning 1993), which takes both how much more
    often than by chance the two are bought together and how often that was seen: a coincidence of
    rare items does not come first, nor what everybody buys anyway.

    Args:
        events: One row an event.
        as_of: Later events, and with it those without a time, do not count; UTC when it names no
            zone.
        names: Two columns, ids and what to call the items; ids are matched as text, so that
            ``graph.entities.select("key", "name")`` does. An item without a name goes by its id.
        min_count: Baskets that must hold both.
        min_confidence: Share of A's baskets that must hold B, from 0 to 1.
        min_lift: How many times as often as by chance; never one or less.
        min_log_likelihood: The least log-likelihood ratio.
        baskets: The columns of ``events``, and what a basket is.

    Returns:
        ``item_id`` (A), ``other_item_id`` (B), ``count`` (baskets that hold both), ``support``
        (their share of all baskets), ``confidence`` (their share of A's baskets; Agrawal and
        Srikant 1994), ``lift`` (confidence by B's share of all baskets; Brin et al. 1997) and
        ``log_likelihood``. With names also ``name``, ``other_name`` and ``rule``, a sentence. Of
        equal log-likelihood, as the two directions are, the one of higher confidence is first.

    Raises:
        MissingColumnError: When a column that is needed is not there.
        NullItemError: When an event has no item.
        EventsError: When there are events but none is a purchase, a row has neither user nor
            session, times are no times, ``min_count`` is below one, or ``names`` has not two
            columns or an id twice.

    >>> events = pl.DataFrame({"user_id": [1, 1, 2, 2, 3, 4], "item_id": list("ababac")})
    >>> names = pl.DataFrame({"item_id": ["a", "b"], "name": ["Pasta", "Sauce"]})
    >>> rules = association_rules(
    ...     events, names=names, min_count=2, min_lift=1, min_log_likelihood=0
    ... )
    >>> print(rules["rule"][1])
    Pasta → Sauce: 67 % of its baskets hold it too, 1.3 times as many as by chance
    """
    bought = baskets_of(events, baskets.purchases, as_of, baskets)
    pairs = measured(pair_counts(bought.lines, min_count=min_count), bought.lines, len(bought))
    pairs = evident_pairs(
        pairs, len(bought), min_lift=min_lift, min_log_likelihood=min_log_likelihood
    )
    turned = {"item": "other", "other": "item", "groups": "groups_other", "groups_other": "groups"}
    both_ways = pl.concat([pairs, pairs.rename(turned).select(pairs.columns)])
    rules = (
        named_pairs(both_ways.with_columns(confidence=pl.col("count") / pl.col("groups")), bought)
        .filter(pl.col("confidence") >= min_confidence)
        .sort(-pl.col("log_likelihood"), -pl.col("confidence"), pl.col("item_id"), "other_item_id")
        .select(
            "item_id", "other_item_id", "count", "support", "confidence", "lift", "log_likelihood"
        )
    )
    return rules if names is None else _in_words(rules, names)


def _in_words(rules: pl.DataFrame, names: pl.DataFrame) -> pl.DataFrame:
    known = labels_of_items(names, "names")
    for column, name in (("item_id", "name"), ("other_item_id", "other_name")):
        rules = (
            rules.with_columns(key=pl.col(column).cast(pl.String))
            .join(known, on="key", how="left", maintain_order="left")
            .with_columns(pl.coalesce("label", "key").alias(name))
            .drop("key", "label")
        )
    return rules.with_columns(
        rule=pl.format(
            "{} → {}: {} % of its baskets hold it too, {} times as many as by chance",
            "name",
            "other_name",
            (pl.col("confidence") * _PERCENT).round().cast(pl.Int64),
            pl.col("lift").round(1),
        )
    )
