"""Edges between items that shoppers' behaviour up to a moment shows, as triples for the graph.

``bought_with`` and ``viewed_with`` say what was met together. ``complement`` and ``substitute``
say why, after McAuley, Pandey and Leskovec 2015 ("Inferring networks of substitutable and
complementary products"): complements are bought together; substitutes are considered by the same
people, who then take one of them.

Both rest on ``basket_lift``, the baskets that hold two items by those that would if each shopper
put what he buys into his baskets at random, ``E = Σ_u min(n_ua · n_ub · c_u, n_ua, n_ub)``: of the
baskets of shopper u, ``n_ua`` hold the one and ``n_ub`` the other, and
``c_u = Σ_i s_i (s_i - 1) / (Σ_i s_i)²`` is the chance that two of his lines meet, over the sizes
``s_i`` of his baskets. So a household that buys much does not make complements of all it buys, nor
a large basket of all it holds. Shoppers of fewer than ten baskets, and unknown ones, have no habits
to compare with and count as one shopper together. The evidence in a difference is that of a
Poisson number, ``2 (k ln(k / E) - k + E)`` for k baskets.
"""

from collections import Counter
from datetime import datetime
from typing import Literal

import numpy as np
import polars as pl

from kg.derived.baskets import (
    DEFAULT_BASKETS,
    Baskets,
    BasketSettings,
    baskets_of,
    events_up_to,
    labels_of_items,
    named_pairs,
)
from kg.derived.pairs import evident_pairs, measured, pair_counts, shared_groups
from kg.derived.rules import SURELY_NOT_CHANCE
from kg.errors import EventsError, MissingColumnError
from kg.schema import ITEM

MAX_PER_ITEM = 10
MIN_COUNT = 5
_HABIT = 10
"""Baskets from which on a shopper is compared with himself."""
_MOST_ITEMS = 3_000
"""Items of one shopper up to which they are compared, without views, for substitutes."""


def bought_with(
    events: pl.DataFrame,
    *,
    as_of: datetime | None = None,
    min_count: int = MIN_COUNT,
    min_lift: float = 2.0,
    max_per_item: int = MAX_PER_ITEM,
    baskets: BasketSettings = DEFAULT_BASKETS,
) -> pl.DataFrame:
    """Items that are bought in one basket more often than by chance: ``bought_with``.

    Kept are pairs that surely are no chance (log-likelihood ratio of Dunning 1993 above 10.83),
    the surest first, while neither item has ``max_per_item`` others: no item has more.

    Args:
        events: One row an event.
        as_of: Later events, and with it those without a time, do not count; UTC when it names no
            zone.
        min_count: Baskets that must hold both.
        min_lift: How many times as often as by chance; never one or less.
        max_per_item: Edges that an item may have, in both directions together.
        baskets: The columns of ``events``, and what a basket is.

    Returns:
        Triples: ``head``, ``relation``, ``tail``, ``head_type``, ``tail_type`` (strings; ids in
        their text form, each pair once), and the edge numbers ``count`` (baskets that hold both,
        UInt32), ``support`` (their share of all baskets) and ``lift`` (times as many as by
        chance). The surest are first.

    Raises:
        MissingColumnError: When a column that is needed is not there.
        NullItemError: When an event has no item.
        EventsError: When there are events but none is a purchase, a row has neither user nor
            session, times are no times, or a setting is out of range.
    """
    bought = baskets_of(events, baskets.purchases, as_of, baskets)
    pairs = _met_together(bought, min_count, min_lift)
    return _triples("bought_with", pairs, bought, max_per_item)


def viewed_with(
    events: pl.DataFrame,
    *,
    as_of: datetime | None = None,
    min_count: int = MIN_COUNT,
    min_lift: float = 2.0,
    max_per_item: int = MAX_PER_ITEM,
    baskets: BasketSettings = DEFAULT_BASKETS,
) -> pl.DataFrame:
    """Items that are viewed in one session more often than by chance: ``viewed_with``.

    As :func:`bought_with`, over the events that are views.

    Raises:
        MissingColumnError: When a column that is needed is not there, that of kinds included.
        NullItemError: When an event has no item.
        EventsError: When there are events but none is a view, a row has neither user nor session,
            times are no times, or a setting is out of range.
    """
    _require_kinds(events, baskets)
    viewed = baskets_of(events, baskets.views, as_of, baskets)
    pairs = _met_together(viewed, min_count, min_lift)
    return _triples("viewed_with", pairs, viewed, max_per_item)


def complement(
    events: pl.DataFrame,
    *,
    as_of: datetime | None = None,
    categories: pl.DataFrame | None = None,
    min_count: int = MIN_COUNT,
    min_basket_lift: float = 2.0,
    max_per_item: int = MAX_PER_ITEM,
    baskets: BasketSettings = DEFAULT_BASKETS,
) -> pl.DataFrame:
    """Items that go together, such as pasta and sauce: ``complement``.

    A pair is kept when at least ``min_count`` baskets hold both, more than by chance (lift above
    one, log-likelihood ratio of Dunning 1993 above 10.83), and when these are at least
    ``min_basket_lift`` times those that the shoppers' own habits explain, with an evidence above
    10.83 (see :mod:`kg.derived.behaviour`). With ``categories`` the two are of different ones:
    flavours of one product are bought together, too. The pairs of most evidence come first, while
    neither item has ``max_per_item`` others.

    Args:
        events: One row an event.
        as_of: Later events, and with it those without a time, do not count; UTC when it names no
            zone.
        categories: Two columns, ids (matched as text) and the category of each, as narrow as
            there is. An item without one is in no complement.
        min_count: Baskets that must hold both.
        min_basket_lift: How many times as often as habits explain.
        max_per_item: Edges that an item may have, in both directions together.
        baskets: The columns of ``events``, and what a basket is.

    Returns:
        Triples as of :func:`bought_with`, with one more edge number, ``basket_lift``.

    Raises:
        MissingColumnError: When a column that is needed is not there.
        NullItemError: When an event has no item.
        EventsError: When there are events but none is a purchase, a row has neither user nor
            session, times are no times, a setting is out of range, or ``categories`` has not two
            columns or an id twice.
    """
    bought = baskets_of(events, baskets.purchases, as_of, baskets)
    pairs = _met_together(bought, min_count, 1.0)
    if categories is not None:
        category = _categories(categories, bought)
        pairs = pairs.join(category, on="item").join(
            category.rename({"item": "other"}), on="other", suffix="_other"
        )
        pairs = pairs.filter(pl.col("category") != pl.col("category_other"))
    judged = _judged(_with_expected(pairs, bought).with_columns(together="count")).filter(
        pl.col("basket_lift") >= min_basket_lift,
        pl.col("together") > pl.col("expected"),
        pl.col("evidence") >= SURELY_NOT_CHANCE,
    )
    ranked = judged.with_columns(strength="evidence")
    return _triples("complement", ranked, bought, max_per_item, "basket_lift")


def substitute(
    events: pl.DataFrame,
    *,
    as_of: datetime | None = None,
    categories: pl.DataFrame | None = None,
    min_count: int = MIN_COUNT,
    max_basket_lift: float = 0.5,
    max_per_item: int = MAX_PER_ITEM,
    baskets: BasketSettings = DEFAULT_BASKETS,
) -> pl.DataFrame:
    """Items of which people take one or the other, such as two brands of milk: ``substitute``.

    A pair is kept when it is considered together and not bought together:

    - Where there are views: at least ``min_count`` sessions view both, more than by chance (lift
      above one, log-likelihood ratio of Dunning 1993 above 10.83).
    - Where there are none: at least ``min_count`` shoppers bought both in whatever baskets, more
      than by chance in the same sense; and the baskets that hold both are fewer than the
      shoppers' habits explain, with an evidence above 10.83: about six must have been expected
      for none to say something.
    - In both cases the baskets that hold both are at most ``max_basket_lift`` times those that
      habits explain (see :mod:`kg.derived.behaviour`).

    The pairs whose being considered together is surest come first, while neither item has
    ``max_per_item`` others. Without views it takes shoppers with several baskets; where all that
    a shopper bought is one basket, nothing is a substitute.

    Args:
        events: One row an event.
        as_of: Later events, and with it those without a time, do not count; UTC when it names no
            zone.
        categories: Two columns, ids (matched as text) and the category of each: substitutes are of
            the same one. An item without a category has none. When None, any two items are
            compared, which without views takes the square of what each shopper bought;
            shoppers of more than 3,000 different items are then passed over.
        min_count: Sessions or shoppers that must meet both.
        max_basket_lift: How many times as often as habits explain they may be bought together.
        max_per_item: Edges that an item may have, in both directions together.
        baskets: The columns of ``events``, and what a basket is.

    Returns:
        Triples as of :func:`bought_with`; ``count``, ``support`` and ``lift`` are those of the
        sessions that view both, or of the shoppers who bought both, and one more edge number is
        ``basket_lift``, 0 where no common basket was expected.

    Raises:
        MissingColumnError: When a column that is needed is not there.
        NullItemError: When an event has no item.
        EventsError: When there are events but none is a purchase, a row has neither user nor
            session, times are no times, a setting is out of range, or ``categories`` has not two
            columns or an id twice.
    """
    bought = baskets_of(events, baskets.purchases, as_of, baskets)
    viewed = _views(events, as_of, baskets)
    met = _shopper_lines(bought) if viewed is None else viewed.lines.rename({"basket": "group"})
    n_groups = met.get_column("group").n_unique() if viewed is None else len(viewed)
    compared = met if categories is None else _by_category(met, _categories(categories, bought))
    if viewed is None:
        size = pl.len().over("group")
        compared = compared.filter(size <= _MOST_ITEMS)
    pairs = evident_pairs(
        measured(pair_counts(compared, min_count=min_count), met, n_groups),
        n_groups,
        min_lift=1.0,
        min_log_likelihood=SURELY_NOT_CHANCE,
    )
    expected = _with_expected(pairs, bought)
    if viewed is None:
        # of no common basket the evidence is twice those expected
        expected = expected.filter(pl.col("expected") >= SURELY_NOT_CHANCE / 2)
    judged = _judged(_with_together(expected, bought)).filter(
        pl.col("basket_lift") <= max_basket_lift
    )
    if viewed is None:
        judged = judged.filter(
            pl.col("together") < pl.col("expected"), pl.col("evidence") >= SURELY_NOT_CHANCE
        )
    ranked = judged.with_columns(strength="log_likelihood")
    return _triples("substitute", ranked, bought, max_per_item, "basket_lift")


def _met_together(baskets: Baskets, min_count: int, min_lift: float) -> pl.DataFrame:
    """The pairs that surely are no chance, ``strength`` the log-likelihood of that."""
    pairs = measured(pair_counts(baskets.lines, min_count=min_count), baskets.lines, len(baskets))
    return evident_pairs(
        pairs, len(baskets), min_lift=min_lift, min_log_likelihood=SURELY_NOT_CHANCE
    ).with_columns(strength="log_likelihood")


def _require_kinds(events: pl.DataFrame, settings: BasketSettings) -> None:
    if settings.event not in events.columns:
        raise MissingColumnError(
            f"the events have no column {settings.event!r}, which says what was viewed; given are "
            f"{', '.join(events.columns)}"
        )


def _views(
    events: pl.DataFrame, as_of: datetime | None, settings: BasketSettings
) -> Baskets | None:
    """What was viewed together; None where nothing is said to have been viewed."""
    if settings.event not in events.columns:
        return None
    kinds = events_up_to(events, as_of, settings).get_column(settings.event).cast(pl.String)
    if not kinds.is_in(settings.views).any():
        return None
    return baskets_of(events, settings.views, as_of, settings)


def _shopper_lines(bought: Baskets) -> pl.DataFrame:
    """``group``, a number for each known shopper, and ``item``, once for all he bought."""
    return (
        bought.lines.join(bought.owners.drop_nulls("user"), on="basket")
        .select(group=pl.col("user").rank("dense").cast(pl.UInt32) - 1, item="item")
        .unique()
    )


def _categories(categories: pl.DataFrame, baskets: Baskets) -> pl.DataFrame:
    """``item`` and ``category``, both numbers."""
    labels = labels_of_items(categories, "categories").rename({"key": "id"})
    return (
        baskets.items.with_columns(pl.col("id").cast(pl.String))
        .join(labels, on="id")
        .select("item", category=pl.col("label").rank("dense"))
    )


def _by_category(lines: pl.DataFrame, category: pl.DataFrame) -> pl.DataFrame:
    """The lines, each group parted by category."""
    parted = lines.join(category, on="item").select(pl.struct("group", "category"), "item")
    return parted.select(group=pl.col("group").rank("dense").cast(pl.UInt32) - 1, item="item")


def _with_expected(pairs: pl.DataFrame, bought: Baskets) -> pl.DataFrame:
    """Pairs with the baskets that would hold both by the shoppers' habits, ``expected``."""
    one, other = pl.col("trips"), pl.col("trips_other")
    meeting = pl.min_horizontal(one * other * pl.col("chance"), one, other)
    # added in the order of size: in another order the last digit is another one
    expected = shared_groups(pairs, _habits(bought), meeting.sort().sum().alias("expected"))
    return pairs.join(expected, on=["item", "other"], how="left").with_columns(
        pl.col("expected").fill_null(0.0)
    )


def _with_together(pairs: pl.DataFrame, bought: Baskets) -> pl.DataFrame:
    """Pairs with the baskets that do hold both, ``together``."""
    lines = bought.lines.rename({"basket": "group"})
    together = shared_groups(pairs, lines, pl.len().alias("together"))
    return pairs.join(together, on=["item", "other"], how="left").with_columns(
        pl.col("together").fill_null(0)
    )


def _judged(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs with ``basket_lift``, together by expected, and the ``evidence`` in the difference."""
    together, expected = pl.col("together"), pl.col("expected")
    ratio = together / expected
    surprise = pl.when(together > 0).then(together * ratio.log()).otherwise(0.0)
    return pairs.with_columns(
        basket_lift=pl.when(expected > 0).then(ratio).otherwise(0.0),
        evidence=2 * (surprise - together + expected),
    )


def _habits(bought: Baskets) -> pl.DataFrame:
    """How often each shopper (``group``) bought each ``item``.

    ``trips`` are his baskets that hold it, and ``chance`` that of two of his lines to be in one
    basket. Group 0 is all who have no habits yet.
    """
    size = pl.col("size")
    habitual = pl.col("user").is_not_null() & (pl.len().over("user") >= _HABIT)
    number = pl.when(habitual).then(pl.col("user").rank("dense")).fill_null(0).cast(pl.UInt32)
    baskets = bought.owners.with_columns(group=number).join(
        bought.lines.group_by("basket").agg(pl.len().cast(pl.Float64).alias("size")), on="basket"
    )
    chances = baskets.group_by("group").agg(chance=(size * (size - 1)).sum() / size.sum() ** 2)
    return (
        bought.lines.join(baskets.select("basket", "group"), on="basket")
        .group_by("group", "item")
        .agg(pl.len().cast(pl.Float64).alias("trips"))
        .join(chances, on="group")
    )


def _triples(
    relation: Literal["bought_with", "viewed_with", "complement", "substitute"],
    pairs: pl.DataFrame,
    baskets: Baskets,
    max_per_item: int,
    *numbers: str,
) -> pl.DataFrame:
    ranked = pairs.sort(-pl.col("strength"), -pl.col("count").cast(pl.Int64), "item", "other")
    kept = ranked.filter(
        strongest_within(ranked["item"], ranked["other"], max_per_item)
    ).with_row_index("rank")
    return (
        named_pairs(kept, baskets)
        .sort("rank")
        .select(
            pl.col("item_id").cast(pl.String).alias("head"),
            pl.lit(relation).alias("relation"),
            pl.col("other_item_id").cast(pl.String).alias("tail"),
            pl.lit(ITEM).alias("head_type"),
            pl.lit(ITEM).alias("tail_type"),
            "count",
            "support",
            "lift",
            *numbers,
        )
    )


def strongest_within(items: pl.Series, others: pl.Series, max_per_item: int) -> pl.Series:
    """Which of the pairs, strongest first, to keep so that no item is in too many.

    A pair is kept while neither of its items is in ``max_per_item`` kept ones.

    Args:
        items: Numbers of the one items.
        others: Numbers of the others.
        max_per_item: How many pairs an item may be in.

    Returns:
        A boolean for each pair.

    Raises:
        EventsError: When ``max_per_item`` is below one.

    >>> strongest_within(pl.Series([0, 0, 1]), pl.Series([1, 2, 2]), 1).to_list()
    [True, False, False]
    """
    if max_per_item < 1:
        raise EventsError(f"max_per_item={max_per_item}: an item may have at least one edge")
    degree: Counter[int] = Counter()
    kept = np.zeros(len(items), dtype=np.bool_)
    # each choice depends on those before it, so this cannot be done for all pairs at once
    for pair, (item, other) in enumerate(zip(items.to_list(), others.to_list(), strict=True)):
        if degree[item] < max_per_item and degree[other] < max_per_item:
            degree[item] += 1
            degree[other] += 1
            kept[pair] = True
    return pl.Series(kept)
