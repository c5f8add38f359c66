"""What was met together: events up to a moment as baskets, and the pairs in them, counted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl

from kg.derived.pairs import measured, pair_counts
from kg.errors import EventsError, MissingColumnError, NullItemError, examples


@dataclass(frozen=True, slots=True)
class BasketSettings:
    """How events are read, and which of them make a basket.

    A basket is the different items of one user in one session; sessions of one name and two users
    are two. Events without a session (no such column, or null) are one basket of their user, cut
    where ``pause`` says.

    Attributes:
        user: Column of users; null where a session stands for an unknown one.
        item: Column of items, of any type that has an order and a text form.
        timestamp: Column of times (dates or datetimes; without a zone they are UTC), needed for
            ``as_of`` and ``pause`` only.
        session: Column of sessions, where there is one.
        event: Column of kinds of event, where there is one; without it all are purchases.
        purchases: The kinds that are purchases; None for all kinds.
        views: The kinds that are views.
        max_items: Baskets of more different items are left out: they are no single visit, and
            their pairs grow with the square.
        pause: Events without a session that lie further apart are of two baskets; when None, they
            all are of one.
    """

    user: str = "user_id"
    item: str = "item_id"
    timestamp: str = "timestamp"
    session: str = "session_id"
    event: str = "event"
    purchases: tuple[str, ...] | None = ("purchase",)
    views: tuple[str, ...] = ("view",)
    max_items: int = 100
    pause: timedelta | None = None

    def __post_init__(self) -> None:
        """Refuses baskets that hold no pair.

        Raises:
            EventsError: When ``max_items`` is below two or ``pause`` below zero.
        """
        if self.max_items < 2:
            raise EventsError(f"max_items={self.max_items}: a pair needs two items")
        if self.pause is not None and self.pause < timedelta(0):
            raise EventsError(f"pause={self.pause}: a pause is not below zero")


DEFAULT_BASKETS = BasketSettings()


@dataclass(frozen=True, eq=False)
class Baskets:
    """Baskets by number.

    Attributes:
        items: ``id`` and ``item``, its number (UInt32) in the order of the ids, from 0: of all
            items met up to the moment, in whatever kind of event.
        owners: ``basket`` (UInt32, from 0) and ``user``.
        lines: ``basket`` and ``item``, both numbers; no line twice, in no order.
    """

    items: pl.DataFrame
    owners: pl.DataFrame
    lines: pl.DataFrame

    def __len__(self) -> int:
        """How many there are."""
        return self.owners.height


def frequent_pairs(
    events: pl.DataFrame,
    *,
    as_of: datetime | None = None,
    min_count: int = 2,
    baskets: BasketSettings = DEFAULT_BASKETS,
) -> pl.DataFrame:
    """Pairs of items bought together up to a moment, the most frequent first.

    Args:
        events: One row an event.
        as_of: Later events, and with it those without a time, do not count; UTC when it names no
            zone.
        min_count: Baskets that a pair must share.
        baskets: The columns of ``events``, and what a basket is.

    Returns:
        Each pair once, ``item_id`` before ``other_item_id``, of the type that the events have:
        ``count``, the baskets that hold both; ``support``, their share of all baskets, from 0 to
        1; and ``lift``, ``count · n / (n_a · n_b)``, how many times as many that are as if the
        two were bought independently (Brin, Motwani, Ullman and Tsur 1997, as "interest").

    Raises:
        MissingColumnError: When a column that is needed is not there.
        NullItemError: When an event has no item.
        EventsError: When there are events but none is a purchase, a row has neither user nor
            session, times are no times, or ``min_count`` is below one.

    >>> events = pl.DataFrame({"user_id": list("uuvvw"), "item_id": [7, 8, 8, 7, 9]})
    >>> frequent_pairs(events).rows()
    [(7, 8, 2, 0.666..., 1.5)]
    """
    bought = baskets_of(events, baskets.purchases, as_of, baskets)
    pairs = pair_counts(bought.lines, min_count=min_count)
    return (
        named_pairs(measured(pairs, bought.lines, len(bought)), bought)
        .select("item_id", "other_item_id", "count", "support", "lift")
        .sort(-pl.col("count").cast(pl.Int64), "item_id", "other_item_id")
    )


def baskets_of(
    events: pl.DataFrame,
    kinds: tuple[str, ...] | None,
    as_of: datetime | None,
    settings: BasketSettings,
) -> Baskets:
    """The baskets that events of some kinds make up to a moment.

    Args:
        events: One row an event.
        kinds: The kinds that count, where the events have kinds; all when None.
        as_of: The moment; None for the end of the events.
        settings: The columns, and what a basket is.

    Raises:
        MissingColumnError, NullItemError, EventsError: As :func:`frequent_pairs`.
    """
    past = events_up_to(events, as_of, settings)
    known = events_of_kinds(past, kinds, settings)
    items = past.select(id=pl.col(settings.item).unique().sort()).with_row_index("item")
    keys = _basket_keys(known, settings)
    kept = (
        known.lazy()
        .select(*(key.alias(name) for name, key in keys.items()), id=settings.item)
        .join(items.lazy(), on="id")
        .group_by(*keys)
        .agg(pl.col("item").unique())
        .filter(pl.col("item").list.len() <= settings.max_items)
        .select("user", "item")
        .with_row_index("basket")
        .collect()
    )
    return Baskets(
        items, kept.select("basket", "user"), kept.select("basket", "item").explode("item")
    )


def events_up_to(
    events: pl.DataFrame, as_of: datetime | None, settings: BasketSettings
) -> pl.DataFrame:
    """The events that had happened by a moment.

    Raises:
        MissingColumnError, NullItemError, EventsError: As :func:`frequent_pairs`.
    """
    needed = [settings.user, settings.item]
    if as_of is not None or settings.pause is not None:
        needed.append(settings.timestamp)
    missing = [column for column in needed if column not in events.columns]
    if missing:
        raise MissingColumnError(
            f"the events have no column {missing[0]!r}; needed are {', '.join(needed)}, given are "
            f"{', '.join(events.columns)}"
        )
    if settings.timestamp in needed:
        dtype = events.schema[settings.timestamp]
        if dtype not in (pl.Date, pl.Datetime, pl.Null):
            raise EventsError(
                f"times in column {settings.timestamp!r} are of type {dtype}; accepted are dates "
                "and datetimes (polars.from_epoch makes them of numbers)"
            )
        if as_of is not None and dtype != pl.Null:
            events = events.filter(pl.col(settings.timestamp) <= _moment(as_of, dtype))
        elif as_of is not None:
            events = events.clear()
    without_item = events.get_column(settings.item).null_count()
    if without_item:
        raise NullItemError(f"{without_item} events have no item; leave these rows out")
    return events


def events_of_kinds(
    events: pl.DataFrame, kinds: tuple[str, ...] | None, settings: BasketSettings
) -> pl.DataFrame:
    """The events of some kinds; all of them when ``kinds`` is None or events have no kinds.

    Raises:
        EventsError: When there are events, but none of these kinds.
    """
    if kinds is None or settings.event not in events.columns:
        return events
    kind = events.get_column(settings.event).cast(pl.String)
    chosen = events.filter(kind.is_in(kinds))
    if chosen.is_empty() and events.height:
        there = kind.drop_nulls().unique().sort()
        raise EventsError(f"no event is {examples(kinds)}; kinds there are {examples(there)}")
    return chosen


def named_pairs(pairs: pl.DataFrame, baskets: Baskets) -> pl.DataFrame:
    """Pairs with the ids of their items, ``item_id`` and ``other_item_id``, for the numbers."""
    return (
        pairs.join(baskets.items.rename({"id": "item_id"}), on="item")
        .join(baskets.items.select(other="item", other_item_id="id"), on="other")
        .drop("item", "other")
    )


def labels_of_items(labels: pl.DataFrame, name: str) -> pl.DataFrame:
    """A table of two columns, ids and what is said of them, as text: ``key`` and ``label``.

    Args:
        labels: The table; items of which it says null are left out.
        name: What the table is called in messages.

    Raises:
        EventsError: When it has not two columns, or an id twice.
    """
    if labels.width != 2:
        raise EventsError(
            f"{name} has the columns {', '.join(labels.columns)}; needed are two, ids and {name}"
        )
    known = labels.select(
        key=pl.nth(0).cast(pl.String), label=pl.nth(1).cast(pl.String)
    ).drop_nulls()
    twice = known.filter(pl.col("key").is_duplicated()).get_column("key")
    if len(twice):
        raise EventsError(f"{name} has {examples(twice.unique().sort())} more than once")
    return known


def _moment(as_of: datetime, dtype: pl.DataType) -> pl.Expr:
    """A moment as a literal that compares with a column, never rounded up."""
    in_utc = as_of.replace(tzinfo=UTC) if as_of.tzinfo is None else as_of.astimezone(UTC)
    moment = pl.lit(in_utc.replace(tzinfo=None), dtype=pl.Datetime("us"))
    if isinstance(dtype, pl.Datetime):
        moment = moment.cast(pl.Datetime(dtype.time_unit))
        return moment.dt.replace_time_zone("UTC") if dtype.time_zone else moment
    return moment.dt.date()


def _basket_keys(events: pl.DataFrame, settings: BasketSettings) -> dict[str, pl.Expr]:
    """What tells baskets apart: the user, the session, and the run between two pauses."""
    user = pl.col(settings.user)
    has_session = settings.session in events.columns
    session = pl.col(settings.session) if has_session else pl.lit(None)
    astray = events.select((user.is_null() & session.is_null()).sum()).item()
    if astray:
        raise EventsError(
            f"{astray} events have no {settings.user!r} and no {settings.session!r}; what was met "
            "together takes one of them"
        )
    keys = {"user": user}
    if has_session:
        keys["session"] = session
    if settings.pause is not None:
        times = pl.col(settings.timestamp).cast(pl.Datetime("us"))
        run = (times.diff() > settings.pause).fill_null(value=False).cum_sum()
        runs = run.over(user, session, order_by=settings.timestamp)
        keys["run"] = pl.when(session.is_null()).then(runs)
    return keys
