"""Who acts: programs and resellers among people, users of whom little is known, sessions twice."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.quality.checking import (
    Fix,
    Flagged,
    Inspection,
    as_text,
    quality_check,
    rows_where,
)
from hybridrec.data.quality.fixes import drop_rows, flagged_rows, is_among, with_table
from hybridrec.data.quality.robust import log_deviations
from hybridrec.data.quality.wording import counted

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

DAY = "_day"


def _robust_deviations(counts: pl.Series) -> pl.Series:
    return log_deviations(counts, groups=(), min_size=1)["deviations"]


def _outstanding(users: pl.DataFrame, counts: str, most: float, far: pl.Expr) -> pl.DataFrame:
    """Users far above the median of those who are not, and for whom more holds."""
    rest, found = users, users.clear()
    while True:
        deviations = _robust_deviations(rest[counts])
        out = rest.select((pl.lit(deviations) > most) & far).to_series()
        if not out.any():
            return found
        found = pl.concat([found, rest.filter(out)])
        rest = rest.filter(~out)


def _least(counts: pl.Series) -> float:
    return float(np.min(counts.to_numpy())) if counts.len() else 0.0


def _median(counts: pl.Series) -> float:
    return float(np.median(counts.to_numpy()))


def _events_of(inspection: Inspection, codes: pl.Series) -> pl.Series:
    """The rows of the events of these users, given as codes."""
    return rows_where(inspection.coded, pl.col(Columns.USER).is_in(codes.implode()))


@quality_check(
    "bots",
    table="events",
    severity="warning",
    why="a program that looks at everything makes everything look alike",
    fix=drop_rows("events"),
    needs=(Columns.TIMESTAMP,),
)
def bots(inspection: Inspection) -> Flagged | None:
    """Users with far more events, on far more items, in a day than people have."""
    config = inspection.config
    day = inspection.events[Columns.TIMESTAMP].dt.date()
    days = (
        inspection.coded.with_columns(day.alias(DAY))
        .drop_nulls()
        .group_by(Columns.USER, DAY)
        .agg(pl.len().alias("events"), pl.col(Columns.ITEM).n_unique().alias("items"))
    )
    users = days.group_by(Columns.USER).agg(
        pl.col("events").median().alias("a day"), pl.col("events", "items").max()
    )
    if users.is_empty():
        return None
    many = (pl.col("events") >= config.bot_events_a_day) & (
        pl.col("items") >= config.bot_items_a_day
    )
    found = _outstanding(users, "a day", config.bot_deviations, many)
    rows = _events_of(inspection, found[Columns.USER])
    fewest, usual = _least(found["a day"]), _median(users["a day"])
    return Flagged(
        rows,
        f"{counted(found.height, 'user')} with {fewest:g} or more events on a usual day of theirs, "
        f"where the median user has {usual:g}; theirs are {counted(rows.len(), 'event')}",
        Columns.USER,
        examples=_by_user(inspection, rows),
    )


@quality_check(
    "resellers",
    table="events",
    severity="note",
    why="who buys for a shop of his own has no taste to learn, and says that all goes with all",
    fix=drop_rows("events", by_default=False),
)
def resellers(inspection: Inspection) -> Flagged | None:
    """Users who met far more different items than others do."""
    config = inspection.config
    users = (
        inspection.coded.drop_nulls()
        .group_by(Columns.USER)
        .agg(pl.col(Columns.ITEM).n_unique().alias("items"))
    )
    if users.is_empty():
        return None
    n_items = inspection.catalogue[Columns.ITEM].drop_nulls().n_unique()
    many = pl.col("items") >= math.ceil(config.reseller_share * n_items)
    found = _outstanding(users, "items", config.reseller_deviations, many)
    rows = _events_of(inspection, found[Columns.USER])
    fewest, usual = _least(found["items"]), _median(users["items"])
    return Flagged(
        rows,
        f"{counted(found.height, 'user')} with {fewest:g} or more different items, "
        f"where the median user has {usual:g}; theirs are {counted(rows.len(), 'event')}",
        Columns.USER,
        examples=_by_user(inspection, rows),
    )


def _by_user(inspection: Inspection, rows: pl.Series) -> pl.DataFrame:
    return (
        inspection.events[rows]
        .group_by(Columns.USER)
        .agg(pl.len().alias("events"), pl.col(Columns.ITEM).n_unique().alias("items"))
        .sort("events", Columns.USER, descending=[True, False])
    )


@quality_check(
    "one-event-users",
    table="events",
    severity="note",
    why="one event says little of a user; nothing of it can be held back to test on",
    fix=drop_rows("events", by_default=False),
)
def one_event_users(inspection: Inspection) -> Flagged:
    """Users with a single event."""
    events = pl.col(Columns.USER)
    rows = rows_where(inspection.coded, events.is_not_null() & ~events.is_duplicated())
    n_users = inspection.coded[Columns.USER].drop_nulls().n_unique()
    return Flagged(
        rows, f"{rows.len():,} of {n_users:,} users with one event", Columns.USER, of=n_users
    )


@quality_check(
    "duplicated-sessions",
    table="events",
    severity="warning",
    why="a basket loaded twice under two numbers is not bought twice",
    fix=Fix("keeps the first of each", drop_rows("events").mend),
    needs=(Columns.SESSION, Columns.TIMESTAMP),
)
def duplicated_sessions(inspection: Inspection) -> Flagged:
    """Sessions of two or more events that another one repeats: same user, moments and contents."""
    events = inspection.events
    content = [c for c in events.columns if c != Columns.SESSION]
    rows = pl.DataFrame(
        [
            # numbers of sessions may start again with each user
            events.select(Columns.USER, Columns.SESSION).hash_rows().alias("session"),
            events.select(content).hash_rows().alias("hash"),
        ]
    ).with_row_index("row")
    sessions = (
        rows.filter(events[Columns.SESSION].is_not_null())
        .group_by("session")
        .agg(
            pl.len().alias("size"),
            # a sum and a second, differently mixed one stand for the set, whatever its order
            pl.col("hash").sum().alias("sum"),
            (pl.col("hash") ^ (pl.col("hash") // 2**17)).sum().alias("mixed"),
            pl.col("row").min().alias("first"),
        )
        .filter(pl.col("size") > 1)
        .sort("first")
    )
    again = ~sessions.select(pl.struct("size", "sum", "mixed").is_first_distinct()).to_series()
    repeats = sessions.filter(again)
    found = rows_where(rows, pl.col("session").is_in(repeats["session"].implode()))
    return Flagged(
        found,
        f"{counted(repeats.height, 'session')} equal to an earlier one under another number, "
        f"with {counted(found.len(), 'event')}",
        Columns.SESSION,
    )


@quality_check(
    "label-conflicts",
    table="events",
    severity="warning",
    why="the same words rated well and badly teach a model nothing but doubt",
    fix=drop_rows("events", by_default=False),
    needs=("text", Columns.VALUE),
)
def label_conflicts(inspection: Inspection) -> Flagged | None:
    """Rows with the same text whose ratings lie further apart than half the scale."""
    words = (
        as_text(inspection.events, "text")
        .str.to_lowercase()
        .str.replace_all(r"[\W_]+", " ")
        .str.strip_chars()
    )
    frame = inspection.events.select(words.alias("words"), pl.col(Columns.VALUE).alias("value"))
    scale = frame.select((pl.col("value").max() - pl.col("value").min()).alias("scale")).item()
    if not scale:
        return None
    apart = (pl.col("value").max() - pl.col("value").min()).over("words")
    rows = rows_where(frame, (pl.col("words") != "") & (apart > scale / 2))
    order = frame[rows].with_row_index("n").sort("words", maintain_order=True)["n"]
    return Flagged(
        rows,
        f"{rows.len():,} rows share their text with rows whose rating is more than half the scale "
        "away",
        "text",
        examples=inspection.events[rows][order],
    )


@quality_check(
    "repeated-user-rows",
    table="users",
    severity="error",
    why="a user with two rows of attributes belongs to two groups at once",
    fix=Fix("keeps the first of each", drop_rows("users").mend),
)
def repeated_user_rows(inspection: Inspection) -> Flagged:
    """Rows of user attributes under an id that stands there already, or without one."""
    users = inspection.data.user_attributes
    assert users is not None
    user = pl.col(Columns.USER)
    rows = rows_where(users, user.is_null() | ~user.is_first_distinct())
    return Flagged(
        rows, f"{counted(rows.len(), 'row')} with the user of an earlier row, or none", Columns.USER
    )


def attribute_columns(inspection: Inspection) -> list[str]:
    """Columns of user attributes that are neither the id nor declared personal."""
    data = inspection.data
    assert data.user_attributes is not None
    roles = data.declared_roles
    return [
        column
        for column in data.user_attributes.columns
        if column != Columns.USER and roles.get(column) not in ("personal", "ignored")
    ]


def _without_attributes(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
    users = inspection.data.user_attributes
    assert users is not None
    hit = is_among(users, flagged_rows(flagged))
    columns = attribute_columns(inspection)
    emptied = users.with_columns(pl.when(~hit).then(pl.col(c)).alias(c) for c in columns)
    return with_table(inspection.data, "users", emptied)


@quality_check(
    "identifiable-users",
    table="users",
    severity="note",
    why="attributes that few people share tell who somebody is, whatever the id looks like",
    fix=Fix(
        "empties the attributes of these users",
        _without_attributes,
        by_default=False,
    ),
)
def identifiable_users(inspection: Inspection) -> Flagged | None:
    """Users whose attributes fewer than k users share (k-anonymity, Sweeney 2002)."""
    users = inspection.data.user_attributes
    assert users is not None
    k = inspection.config.k_anonymity
    columns = attribute_columns(inspection)
    if not columns:
        return None
    shared = pl.len().over(columns)
    tells = pl.any_horizontal(pl.col(columns).is_not_null())
    rows = rows_where(users, tells & (shared < k))
    return Flagged(
        rows,
        f"{counted(rows.len(), 'user')} with fewer than {k - 1} others of the same "
        f"{', '.join(columns)}",
    )
