"""The tables of a shop, read and put together: what a dataset is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import NamedTuple, TypeAlias

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import IdCodec
from hybridrec.data.sources import Table, as_text_ids, merged_events, with_identities
from hybridrec.data.sources.frames import TABLES
from hybridrec.data.tables import (
    described_items,
    require_columns,
    with_ids,
    with_numbers,
    with_one_width,
    without_objects,
)
from hybridrec.data.times import with_limits, with_times
from hybridrec.errors import DataError

_Timed: TypeAlias = Callable[[pl.DataFrame, str, str], pl.DataFrame]


class Parts(NamedTuple):
    """What :class:`~hybridrec.data.dataset.Dataset` holds under the same names."""

    events: pl.DataFrame
    catalogue: pl.DataFrame
    triples: pl.DataFrame | None
    user_attributes: pl.DataFrame | None
    as_of: datetime | None
    user_codec: IdCodec
    item_codec: IdCodec


def assembled(
    tables: Mapping[str, Table], *, time_zone: str = "UTC", time_format: str | None = None
) -> Parts:
    """The parts of a dataset out of its tables.

    Args:
        tables: by name: ``events``, or the events of each platform by the platform's name, and
            when there ``catalogue``, ``triples``, ``users`` and ``identities``.
        time_zone: the zone of times that name none.
        time_format: how text is read as time, as in ``strptime``; found out when ``None``.

    Raises:
        DataError: as :meth:`Dataset.from_frames <hybridrec.data.dataset.Dataset.from_frames>`.
    """
    timed = partial(_timed, time_zone=time_zone, time_format=time_format)
    identified = "identities" in tables
    events, user_codec, item_codec = _events(tables, timed, identified)

    if "catalogue" in tables:
        catalogue = _with_known_ids(tables["catalogue"], Columns.ITEM, item_codec)
        catalogue = with_numbers(catalogue, tables["catalogue"].label)
        for limit in {Columns.AVAILABLE_FROM, Columns.AVAILABLE_TO} & set(catalogue.columns):
            catalogue = with_limits(
                catalogue,
                tables["catalogue"].label,
                limit,
                time_zone=time_zone,
                time_format=time_format,
            )
    else:
        events, catalogue = described_items(events)

    triples = users = None
    if "triples" in tables:
        triples = _required(tables["triples"], Columns.HEAD, Columns.RELATION, Columns.TAIL)
        triples = timed(triples, tables["triples"].label, Columns.TIMESTAMP)
    if "users" in tables:
        users = _with_known_ids(tables["users"], Columns.USER, None if identified else user_codec)
    events, catalogue = with_one_width(events, catalogue, Columns.ITEM)
    if users is not None:
        events, users = with_one_width(events, users, Columns.USER)
    as_of = _last_moment(events)
    return Parts(
        without_objects(events),
        without_objects(catalogue),
        None if triples is None else without_objects(triples),
        None if users is None else without_objects(users),
        as_of,
        user_codec,
        item_codec,
    )


def _events(
    tables: Mapping[str, Table], timed: _Timed, identified: bool
) -> tuple[pl.DataFrame, IdCodec, IdCodec]:
    """All events in order of time, and the codecs of users and items."""
    parts: dict[str, pl.DataFrame] = {}
    codecs: dict[str, tuple[IdCodec, IdCodec]] = {}
    for name, table in tables.items():
        if name in TABLES and name != "events":
            continue
        frame = _required(table, Columns.USER, Columns.ITEM)
        with _naming(table.label):
            frame, user_codec = with_ids(frame, Columns.USER)
            frame, item_codec = with_ids(frame, Columns.ITEM)
        if identified:
            frame, user_codec = as_text_ids(frame, Columns.USER), IdCodec("str")
        frame = timed(frame, table.label, Columns.TIMESTAMP)
        parts[name] = with_numbers(frame, table.label)
        codecs[name] = user_codec, item_codec
        first = next(iter(codecs))
        _require_one_type("user", codecs[first][0], tables[first].label, user_codec, table.label)
        _require_one_type("item", codecs[first][1], tables[first].label, item_codec, table.label)
    events = merged_events(parts)
    if identified:
        events = with_identities(events, tables["identities"])
    if Columns.TIMESTAMP in events.columns:
        events = events.sort(Columns.TIMESTAMP, maintain_order=True)
    return events, user_codec, item_codec


def _timed(
    frame: pl.DataFrame, label: str, column: str, *, time_zone: str, time_format: str | None
) -> pl.DataFrame:
    if column not in frame.columns:
        return frame
    return with_times(frame, label, column, time_zone=time_zone, time_format=time_format)


def _required(table: Table, *columns: str) -> pl.DataFrame:
    require_columns(table.frame, table.label, *columns)
    return table.frame


def _with_known_ids(table: Table, column: str, codec: IdCodec | None) -> pl.DataFrame:
    """The table with ids of the events' type; as text where that is ``None``."""
    frame = _required(table, column)
    with _naming(table.label):
        frame, found = with_ids(frame, column)
        if codec is None:
            return as_text_ids(frame, column)
    _require_one_type(column.removesuffix("_id"), codec, "events", found, table.label)
    return frame


def _require_one_type(what: str, one: IdCodec, here: str, other: IdCodec, there: str) -> None:
    if one != other:
        raise DataError(
            f"{what} ids are of type {one.name} in the {here} and "
            f"{other.name} in the {there}; give both the same type"
        )


@contextmanager
def _naming(label: str) -> Iterator[None]:
    """Has errors about a column say which table it is of."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{label}: {error}") from error


def _last_moment(events: pl.DataFrame) -> datetime | None:
    last = events[Columns.TIMESTAMP].max() if Columns.TIMESTAMP in events.columns else None
    assert last is None or isinstance(last, datetime)
    return last
