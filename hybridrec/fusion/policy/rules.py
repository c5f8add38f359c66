"""A policy against one catalogue, at one moment: conditions and ids become rows and masks."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import IdMap
from hybridrec.errors import RequestError, UnknownItemError, examples
from hybridrec.fusion.policy.caps import CappedColumn, capped_columns
from hybridrec.fusion.policy.config import Boost, DiversityMethod, Pin, Policy, moment
from hybridrec.fusion.policy.where import matching_items


@dataclass(frozen=True, slots=True)
class ActiveBoost:
    """A boost that holds.

    Args:
        rule: which, for people.
        note: why.
        by: what it adds to a score.
        items: ``(n_items,)`` whom.
        named: whether by id, so that they are to be candidates.
    """

    rule: str
    note: str
    by: float
    items: BoolArray
    named: bool


@dataclass(frozen=True, slots=True)
class ActivePin:
    """A pin that holds: the item row, its rank, and why."""

    rule: str
    note: str
    rank: int
    row: int


@dataclass(frozen=True)
class Rules:
    """What holds for one call, as rows and masks of the catalogue.

    Args:
        allowed: ``(n_items,)`` what may be shown; all when ``None``.
        include: rows that are candidates of everyone, all of them allowed; ``None`` for none.
        boosts: in the order of the policy.
        lift: ``(n_items,)`` the sum of all boosts; ``None`` without any.
        diversity: 0 to 1.
        diversity_method: how likeness is counted.
        caps: the values that are counted.
        exploration: share of places.
        pins: by rank.
        seed: of exploration.
    """

    allowed: BoolArray | None = None
    include: IntArray | None = None
    boosts: tuple[ActiveBoost, ...] = ()
    lift: DoubleArray | None = None
    diversity: float = 0.0
    diversity_method: DiversityMethod = "mmr"
    caps: tuple[CappedColumn, ...] = ()
    exploration: float = 0.0
    pins: tuple[ActivePin, ...] = ()
    seed: int = 0

    @property
    def plain(self) -> bool:
        """Whether lists are in order of the ranker's scores, filters aside."""
        return not (self.boosts or self.diversity or self.caps or self.exploration or self.pins)


def rules_of(
    policy: Policy | str | Path | None,
    catalogue: pl.DataFrame,
    items: IdMap,
    *,
    k: int,
    at: datetime | date | None = None,
    where: str | None = None,
    caps: Mapping[str, int] | None = None,
    diversity: float = 0.0,
    allow: Sequence[Hashable] | None = None,
    deny: Sequence[Hashable] | None = None,
) -> Rules:
    """What holds when a policy and the arguments of one call are taken together.

    Both conditions must hold; of two caps on a column the lower counts, of two diversities the
    greater; what either denies is denied, and only what both allow is allowed.

    Args:
        policy: the shop's policy, or the YAML file it is in.
        catalogue: one row an item.
        items: ids of those rows.
        k: how many items a list is to have.
        at: the moment that dates are compared with; now when ``None``.
        where: a condition, as :attr:`Policy.where`.
        caps: as :attr:`Policy.caps`.
        diversity: as :attr:`Policy.diversity`.
        allow: as :attr:`Policy.allow`.
        deny: as :attr:`Policy.deny`.

    Raises:
        ConfigError: the policy's file cannot be read, or a field is out of range.
        RequestError: a condition, cap or diversity that cannot be applied, filters that leave
            nothing, pins that contradict each other, ``k``, a filter or a cap.
        UnknownItemError: an id the catalogue lacks.
    """
    asked = Policy(available_only=at is not None)
    if isinstance(policy, (str, Path)):
        asked = Policy.from_yaml(policy)
    elif policy is not None:
        if not isinstance(policy, Policy):
            raise RequestError(f"policy={policy!r}: give a Policy, or the path of its YAML file")
        asked = policy
    now = datetime.now(UTC) if at is None else _checked_moment(at)
    if not isinstance(diversity, (int, float)) or not 0 <= diversity <= 1:
        raise RequestError(f"diversity={diversity!r}: diversity runs from 0 to 1")

    def rows(ids: Any, name: str) -> IntArray:
        return _rows(items, ids, name)

    filters = _filters(asked, catalogue, rows, now, where, allow, deny)
    allowed = _all_of(filters)
    boosts = tuple(
        _active_boost(f"boosts[{number}]", boost, catalogue, rows)
        for number, boost in enumerate(asked.boosts)
        if boost.holds(now)
    )
    pins = _active_pins(asked.pins, rows, now, k)
    for pin in pins:
        forbidding = [name for name, mask in filters.items() if not mask[pin.row]]
        if forbidding:
            raise RequestError(
                f"{pin.rule}: item {_id(items, pin.row)!r} is pinned at rank {pin.rank}, and "
                f"{' and '.join(forbidding)} {'forbids' if len(forbidding) == 1 else 'forbid'} it"
            )
    capped = capped_columns(catalogue, _tighter(asked.caps, caps))
    for column in capped:
        _check_pins(column, pins, items)
    return Rules(
        allowed,
        _included(boosts, pins, allowed) if boosts or pins else None,
        boosts,
        np.sum([b.by * b.items for b in boosts], axis=0) if boosts else None,
        max(float(diversity), asked.diversity),
        asked.diversity_method,
        capped,
        asked.exploration,
        pins,
        asked.seed,
    )


def _included(
    boosts: Sequence[ActiveBoost], pins: Sequence[ActivePin], allowed: BoolArray | None
) -> IntArray | None:
    """The rows that are to be candidates: pinned, and raised by id; ``None`` for none."""
    raised = [np.flatnonzero(boost.items) for boost in boosts if boost.by > 0 and boost.named]
    wanted = np.unique(np.concatenate([*raised, [pin.row for pin in pins]]).astype(np.int64))
    if allowed is not None:
        wanted = wanted[allowed[wanted]]
    return wanted if wanted.size else None


def _filters(
    policy: Policy,
    catalogue: pl.DataFrame,
    rows: Any,
    now: datetime,
    where: str | None,
    allow: Sequence[Hashable] | None,
    deny: Sequence[Hashable] | None,
) -> dict[str, BoolArray]:
    """What each filter lets through, ``(n_items,)``, by its name."""
    filters: dict[str, BoolArray] = {}
    if where is not None:
        if not isinstance(where, str):
            raise RequestError(f"where={where!r}: a condition is text, such as 'price < 5'")
        filters["where"] = matching_items(catalogue, where)
    for number, condition in enumerate(policy.conditions):
        name = "policy.where" if number == 0 else f"policy.where[{number}]"
        filters[name] = matching_items(catalogue, condition, name)
    for name, ids in (("allow", allow), ("policy.allow", policy.allow)):
        if ids is not None:
            filters[name] = _mask(rows(ids, name), catalogue.height)
    for name, ids in (("deny", deny), ("policy.deny", policy.deny)):
        denied = rows(() if ids is None else ids, name)
        if denied.size:
            filters[name] = ~_mask(denied, catalogue.height)
    if policy.available_only:
        filters |= _availability(catalogue, now)
    return filters


def _availability(catalogue: pl.DataFrame, now: datetime) -> dict[str, BoolArray]:
    """What may be sold at a moment.

    A limit at midnight is a day, and the whole of it counts; both in the zone of the column.
    """
    met: dict[str, BoolArray] = {}
    for column in (Columns.AVAILABLE_FROM, Columns.AVAILABLE_TO):
        if column not in catalogue.columns or catalogue.schema[column] == pl.Null:
            continue
        limit = pl.col(column)
        match catalogue.schema[column]:
            case pl.String():
                read = catalogue[column].str.to_datetime(
                    time_unit="us", time_zone="UTC", strict=False
                )
                unread = catalogue[column].filter(read.is_null() & catalogue[column].is_not_null())
                if unread.len():
                    raise RequestError(
                        f"column {column!r} holds {unread[0]!r}, which is no date; give dates, or "
                        "available_only=False"
                    )
                limit = pl.lit(read)
            case pl.Date():
                limit = limit.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
            case pl.Datetime(time_zone=None):
                limit = limit.dt.replace_time_zone("UTC")
            case pl.Datetime():
                pass
            case other:
                raise RequestError(
                    f"column {column!r} holds {other}, not dates; give dates, or "
                    "available_only=False"
                )
        moment = limit.dt.convert_time_zone("UTC")
        if column == Columns.AVAILABLE_FROM:
            shown = moment <= now
        else:
            whole_day = limit.dt.time() == pl.time(0, 0)
            end = limit.dt.offset_by("1d").dt.convert_time_zone("UTC")
            shown = (moment >= now) | (whole_day & (end > now))
        met[column] = catalogue.select(shown.fill_null(True)).to_series().to_numpy()
    return met


def _all_of(filters: Mapping[str, BoolArray]) -> BoolArray | None:
    if not filters:
        return None
    allowed: BoolArray = np.logical_and.reduce(list(filters.values()))
    if not allowed.any():
        leave = "together leave" if len(filters) > 1 else "leaves"
        raise RequestError(f"{', '.join(filters)} {leave} no item of the catalogue")
    return allowed


def _active_boost(name: str, boost: Boost, catalogue: pl.DataFrame, rows: Any) -> ActiveBoost:
    if boost.where is not None:
        met = matching_items(catalogue, boost.where, f"{name}.where")
        return ActiveBoost(f"{name}: where {boost.where}", boost.note, boost.by, met, False)
    met = _mask(rows(boost.items, f"{name}.items"), catalogue.height)
    return ActiveBoost(f"{name}: items", boost.note, boost.by, met, True)


def _active_pins(pins: Sequence[Pin], rows: Any, now: datetime, k: int) -> tuple[ActivePin, ...]:
    """The pins that hold, by rank.

    Raises:
        RequestError: two on one rank or of one item, or one beyond the list's end.
    """
    of_rank: dict[int, ActivePin] = {}
    of_row: dict[int, ActivePin] = {}
    for number, pin in enumerate(pins):
        if not pin.holds(now):
            continue
        rule = f"pins[{number}]"
        row = int(rows((pin.item,), f"{rule}.item")[0])
        active = ActivePin(rule, pin.note, pin.rank, row)
        if pin.rank > k:
            raise RequestError(f"{rule} puts {pin.item!r} at rank {pin.rank}, and k={k}")
        if pin.rank in of_rank:
            raise RequestError(f"{of_rank[pin.rank].rule} and {rule} are both at rank {pin.rank}")
        if row in of_row:
            raise RequestError(f"{of_row[row].rule} and {rule} both pin item {pin.item!r}")
        of_rank[pin.rank] = of_row[row] = active
    return tuple(of_rank[rank] for rank in sorted(of_rank))


def _check_pins(column: CappedColumn, pins: Sequence[ActivePin], items: IdMap) -> None:
    """Refuses pins that fill a list beyond a cap."""
    holders: dict[int, list[ActivePin]] = {}
    for pin in pins:
        for code in column.codes_of(pin.row):
            holders.setdefault(int(code), []).append(pin)
    for code, held in holders.items():
        if len(held) > column.cap:
            raise RequestError(
                f"caps: {column.name!r} is capped at {column.cap}, and "
                f"{' and '.join(pin.rule for pin in held)} put {len(held)} items of "
                f"{column.values[code]!r} into the list: "
                f"{examples(_id(items, pin.row) for pin in held)}"
            )


def _tighter(own: Mapping[str, int], asked: Mapping[str, int] | None) -> dict[str, int]:
    if asked is not None and not isinstance(asked, Mapping):
        raise RequestError(f"caps={asked!r}: give a cap a column, such as {{'brand': 2}}")
    caps = dict(own)
    for column, cap in (asked or {}).items():
        if not isinstance(cap, int) or isinstance(cap, bool) or cap < 1:
            raise RequestError(
                f"caps: {column!r} is capped at {cap!r}; a cap is a whole number from 1"
            )
        caps[column] = min(cap, caps.get(column, cap))
    return caps


def _rows(items: IdMap, ids: Any, name: str) -> IntArray:
    if isinstance(ids, (str, bytes)) or not isinstance(ids, (Sequence, set, frozenset)):
        raise RequestError(f"{name}={ids!r}: give a list of item ids")
    given = list(ids)
    rows = items.rows_of(given)
    unknown = [item for item, row in zip(given, rows, strict=True) if row < 0]
    if unknown:
        raise UnknownItemError(
            f"{name}: unknown items {examples(unknown)}; known are {len(items):,}, such as "
            f"{examples(items.ids_of([0]))}"
        )
    return rows


def _mask(rows: IntArray, n_items: int) -> BoolArray:
    mask = np.zeros(n_items, dtype=bool)
    mask[rows] = True
    return mask


def _id(items: IdMap, row: int) -> Hashable:
    return items.ids_of([row])[0]


def _checked_moment(at: object) -> datetime:
    if not isinstance(at, date):
        raise RequestError(f"at={at!r}: give a date or a datetime")
    return moment(at)
