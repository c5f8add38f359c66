"""Events of several platforms under one user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import normalise_ids
from hybridrec.data.sources.frames import TABLES, Table, label_of
from hybridrec.data.tables import require_columns
from hybridrec.errors import DataError, examples

PLATFORM_USER: Final = "platform_user_id"


def given_tables(events: Any, **others: Any) -> dict[str, Any]:
    """The tables of a dataset that were given, by name; events of platforms by the platform's.

    Raises:
        DataError: a platform's name is none.
    """
    if not isinstance(events, Mapping):
        events = {"events": events}
    elif not events:
        raise DataError("events: an empty mapping; give {platform: its events}")
    elif reserved := [name for name in events if name in TABLES]:
        raise DataError(f"events: {reserved[0]!r} cannot be a platform, it names a table")
    for name in events:
        if not isinstance(name, str) or not name.strip() or ":" in name:
            raise DataError(f"events: {name!r} cannot be a platform; use text without ':'")
    return dict(events) | {name: table for name, table in others.items() if table is not None}


def merged_events(parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The events of all platforms in one table, with a column ``platform``.

    Args:
        parts: platform → its events, ids, times and numbers read; or ``events`` alone, which
            stays as it is.

    Raises:
        DataError: ids of two types, times in some parts only, a column ``platform`` that says
            something else, columns that do not go together.
    """
    if list(parts) == ["events"]:
        return parts["events"]
    for column in (Columns.USER, Columns.ITEM, Columns.TIMESTAMP):
        _require_one_type(parts, column)
    return _concatenated([_of_platform(frame, name) for name, frame in parts.items()])


def with_identities(events: pl.DataFrame, identities: Table) -> pl.DataFrame:
    """The events with the user that each platform's user is.

    Ids of users become text. A platform user whom ``identities`` does not name stays apart from
    all others as ``platform:id``.

    Args:
        events: ``platform`` and ``user_id``, which is the platform's own.
        identities: ``platform``, ``platform_user_id`` and the ``user_id`` they belong to.

    Raises:
        DataError: a missing column, an identity that lacks a part, a platform without events, one
            platform user who is two users, a user named as another platform's user would be.
    """
    if Columns.PLATFORM not in events.columns:
        raise DataError(
            f"identities: the events have no column {Columns.PLATFORM!r}; "
            "give them as {platform: table}"
        )
    known = _known_identities(identities)
    platforms = events[Columns.PLATFORM].cast(pl.String)
    lacking = platforms.is_null()
    if lacking.any():
        raise DataError(
            f"events: {lacking.sum():,} rows have no platform, the first in row {lacking.arg_max()}"
        )
    unknown = set(known[Columns.PLATFORM]) - set(platforms.unique())
    if unknown:
        raise DataError(
            f"{identities.label}: no events of platform {examples(sorted(unknown))}; "
            f"there are {examples(platforms.unique().sort())}"
        )
    keys = [platforms, events[Columns.USER].cast(pl.String).alias(PLATFORM_USER)]
    people = pl.DataFrame(keys).join(
        known, on=[Columns.PLATFORM, PLATFORM_USER], how="left", maintain_order="left"
    )
    apart = pl.format("{}:{}", Columns.PLATFORM, PLATFORM_USER)
    strangers = people.filter(pl.col(Columns.USER).is_null()).select(apart).to_series().unique()
    taken = strangers.filter(strangers.is_in(known[Columns.USER].implode()))
    if taken.len():
        raise DataError(
            f"{identities.label}: the user {examples(taken)} is named as a platform's user "
            "without identity would be; rename one"
        )
    return events.with_columns(people.select(pl.coalesce(Columns.USER, apart)).to_series())


def as_text_ids(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The table with one column of ids as text."""
    return frame.with_columns(normalise_ids(frame[column])[0].cast(pl.String))


def _known_identities(identities: Table) -> pl.DataFrame:
    """Each platform user once, all columns text.

    Raises:
        DataError: a missing column or part, or one platform user who is two users.
    """
    parts = [Columns.PLATFORM, PLATFORM_USER, Columns.USER]
    require_columns(identities.frame, identities.label, *parts)
    frame = identities.frame.select(parts)
    for column in parts:
        frame = as_text_ids(frame, column)
    lacking = frame.select(pl.any_horizontal((pl.all().is_null()) | (pl.all() == ""))).to_series()
    if lacking.any():
        raise DataError(
            f"{identities.label}: {lacking.sum():,} rows lack one of {examples(parts)}, "
            f"the first is row {lacking.arg_max()}: {frame.row(lacking.arg_max() or 0)}"
        )
    known = frame.unique(maintain_order=True)
    again = known.filter(pl.struct(Columns.PLATFORM, PLATFORM_USER).is_duplicated())
    if again.height:
        platform, own, _ = again.row(0)
        users = again.filter(
            (pl.col(Columns.PLATFORM) == platform) & (pl.col(PLATFORM_USER) == own)
        )
        raise DataError(
            f"{identities.label}: user {own!r} of {platform!r} is {examples(users[Columns.USER])}; "
            "one platform user belongs to one user"
        )
    return known


def _require_one_type(parts: Mapping[str, pl.DataFrame], column: str) -> None:
    types = {name: frame.schema.get(column) for name, frame in parts.items()}
    first, *others = types
    for other in others:
        if types[other] != types[first]:
            raise DataError(
                f"{column!r} is {_described(types[first])} in {label_of(first)} and "
                f"{_described(types[other])} in {label_of(other)}; give both the same"
            )


def _described(dtype: pl.DataType | None) -> str:
    return "missing" if dtype is None else f"of type {dtype}"


def _of_platform(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    own = frame.get_column(Columns.PLATFORM, default=None)
    if own is not None and not (own.cast(pl.String) == name).all():
        raise DataError(
            f"{label_of(name)}: the column {Columns.PLATFORM!r} says otherwise; rename it"
        )
    return frame.with_columns(pl.lit(name).alias(Columns.PLATFORM))


def _concatenated(frames: list[pl.DataFrame]) -> pl.DataFrame:
    try:
        return pl.concat(frames, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"events: the platforms' columns do not go together: {error}") from error
