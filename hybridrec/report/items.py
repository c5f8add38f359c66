"""One item: in whose lists it is and why, and what would bring it into more."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from hybridrec.arrays import IntArray
from hybridrec.data.columns import Columns
from hybridrec.drift.segments import Segments
from hybridrec.explain.evidence import GraphPath, best_paths
from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.report.catalogue import met_by
from hybridrec.report.config import ReportConfig
from hybridrec.report.lists import Lists
from hybridrec.report.reach import Reach
from hybridrec.report.segments import names_of, segment_of_users
from hybridrec.shop import Shop

USUAL = 0.8
"""What at least so much of the catalogue has is missing from an item that lacks it."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A past item that brings an item into lists.

    Args:
        item_id: the past item.
        title: its name.
        users: users for whom it speaks most for the item; at least 5.
        path: how the two are joined in the knowledge graph; ``None`` where they are not.
    """

    item_id: Hashable
    title: str
    users: int
    path: GraphPath | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        path = None if self.path is None else self.path.to_dict()
        return {"item_id": self.item_id, "title": self.title, "users": self.users, "path": path}


@dataclass(frozen=True, slots=True)
class InSegment:
    """How a segment gets an item.

    Args:
        names: of the segment, by language.
        users: of the segment.
        listed: of these, in whose lists the item is; ``None`` where they are 1 to 4.
        parts: what each signal group gives it there, on the mean; empty where ``listed`` is 0 or
            ``None``.
    """

    names: Mapping[str, str]
    users: int
    listed: int | None
    parts: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "names": dict(self.names),
            "users": self.users,
            "listed": self.listed,
            "parts": dict(self.parts),
        }


@dataclass(frozen=True, slots=True)
class ItemReport:
    """In whose lists an item is, and why.

    Args:
        item_id: the item.
        title: its name.
        users: users looked at.
        listed: in how many lists it is.
        mean_rank: there; this and the next three are empty where the lists are fewer than 5.
        popularity_share: how much of what raises it is popularity, on the mean.
        parts: what each signal group gives it, on the mean.
        reasons: the past items that bring it into most lists.
        segments: how each segment gets it, the greatest share first; empty without segments.
        reach: what would bring it into more lists; ``None`` where the policy hides it.
        met_by: users who met it; ``None`` where they are 1 to 4.
        met_usually: users who met an item that is shown: the median over all places.
        missing: columns of the catalogue that most items have filled, and this one has not.
    """

    item_id: Hashable
    title: str
    users: int
    listed: int
    mean_rank: float | None
    popularity_share: float | None
    parts: Mapping[str, float]
    reasons: tuple[Reason, ...]
    segments: tuple[InSegment, ...]
    reach: Reach | None
    met_by: int | None
    met_usually: int | None
    missing: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = ("item_id", "title", "users", "listed", "mean_rank", "popularity_share")
        return {
            **{name: getattr(self, name) for name in plain},
            "parts": dict(self.parts),
            "reasons": [reason.to_dict() for reason in self.reasons],
            "segments": [segment.to_dict() for segment in self.segments],
            "reach": None if self.reach is None else self.reach.to_dict(),
            "met_by": self.met_by,
            "met_usually": self.met_usually,
            "missing": list(self.missing),
        }


def item_report(
    lists: Lists,
    shop: Shop,
    segments: Segments | None,
    item: int,
    reach: Reach | None,
    settings: ReportConfig,
) -> ItemReport:
    """In whose lists an item is, and why.

    Args:
        lists: everyone's.
        shop: names, catalogue and graph.
        segments: who is in which; ``None`` to tell of none.
        item: the item row.
        reach: what would bring it into more lists.
        settings: how many reasons are named.
    """
    own = lists.items == item
    listed, met = int(own.sum()), met_by(shop)
    told = listed >= FEWEST_USERS
    return ItemReport(
        item_id=shop.items.ids_of([item])[0],
        title=shop.titles[item],
        users=lists.users.size,
        listed=listed,
        mean_rank=float(lists.ranks[own].mean()) if told else None,
        popularity_share=float(lists.popularity_share[own].mean()) if told else None,
        parts=lists.mean_parts(own) if told else {},
        reasons=_reasons(shop, item, lists.reason[own], settings.reasons),
        segments=() if segments is None else _in_segments(lists, segments, item),
        reach=reach,
        met_by=at_least(int(met[item])),
        met_usually=int(np.median(met[lists.items])) if lists.items.size else None,
        missing=_missing(shop.catalogue, item),
    )


def at_least(users: int) -> int | None:
    """A number of users; ``None`` for a group too small to be told of."""
    return users if users == 0 or users >= FEWEST_USERS else None


def _reasons(shop: Shop, item: int, past: IntArray, n: int) -> tuple[Reason, ...]:
    rows, users = np.unique(past[past >= 0], return_counts=True)
    kept = np.argsort(-users, kind="stable")[:n]
    kept = kept[users[kept] >= FEWEST_USERS]
    found = []
    for row, count in zip(rows[kept], users[kept], strict=True):
        start = np.array([row])
        [path] = best_paths(shop, start, np.ones((1, 1)), np.array([item]))
        reason = Reason(shop.items.ids_of(start)[0], shop.titles[row], int(count), path)
        found.append(reason)
    return tuple(found)


def _in_segments(lists: Lists, segments: Segments, item: int) -> tuple[InSegment, ...]:
    of_user = segment_of_users(segments, lists.users)
    own = lists.items == item
    found = []
    for segment, names in enumerate(names_of(segments)):
        users = int((of_user == segment).sum())
        if users < FEWEST_USERS:
            continue
        places = own & (of_user[lists.owner] == segment)
        listed = at_least(int(places.sum()))
        found.append(InSegment(names, users, listed, lists.mean_parts(places) if listed else {}))
    return tuple(sorted(found, key=lambda told: -(told.listed or 0) / told.users))


def _missing(catalogue: pl.DataFrame, item: int) -> tuple[str, ...]:
    """Columns that are empty in this row, and in few others."""
    missing = []
    for column in catalogue.columns:
        values = catalogue[column]
        if column == Columns.ITEM or values[item] is not None:
            continue
        if values.is_not_null().sum() >= USUAL * values.len():
            missing.append(column)
    return tuple(missing)
