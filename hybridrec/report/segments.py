"""What each segment of users is shown, and why."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hybridrec.arrays import IntArray
from hybridrec.drift.segments import Segments
from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.report.lists import Lists
from hybridrec.shop import Shop


@dataclass(frozen=True, slots=True)
class SegmentItem:
    """An item that a segment is shown.

    Args:
        item_id: the item.
        title: its name.
        listed: users of the segment in whose lists it is; at least 5.
        share: of the segment's users.
        lift: how many times the share among all users.
    """

    item_id: Hashable
    title: str
    listed: int
    share: float
    lift: float


@dataclass(frozen=True, slots=True)
class SegmentReport:
    """A segment of users.

    Args:
        names: by language.
        users: users of the segment who were looked at; ``None`` where they are fewer than 5, and
            nothing is told of them then.
        share: of all users looked at.
        items: what they are shown more than others, the greatest gap first.
        raising: the share of each signal group in what raises the scores of their lists.
    """

    names: Mapping[str, str]
    users: int | None
    share: float | None
    items: tuple[SegmentItem, ...]
    raising: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        items = [{name: getattr(item, name) for name in item.__slots__} for item in self.items]
        return {
            "names": dict(self.names),
            "users": self.users,
            "share": self.share,
            "items": items,
            "raising": dict(self.raising),
        }


def names_of(segments: Segments) -> list[dict[str, str]]:
    """The names of the segments by language."""
    table = segments.table
    return [{"en": en, "zh": zh} for en, zh in table.select("name_en", "name_zh").iter_rows()]


def segment_of_users(segments: Segments, users: IntArray) -> IntArray:
    """The segment of each of some user rows; −1 for users who are in none."""
    labels = segments.users["segment"].fill_null(-1).to_numpy()
    return np.asarray(labels[users], dtype=np.int64)


def segment_reports(lists: Lists, shop: Shop, segments: Segments, n: int) -> list[SegmentReport]:
    """What each segment is shown.

    Args:
        lists: everyone's.
        shop: names of the items.
        segments: who is in which.
        n: how many items are named of each at most.
    """
    of_user = segment_of_users(segments, lists.users)
    overall = lists.exposure / max(lists.users.size, 1)
    found = []
    for segment, names in enumerate(names_of(segments)):
        users = int((of_user == segment).sum())
        if users < FEWEST_USERS:
            found.append(SegmentReport(names, None, None, (), {}))
            continue
        own = of_user[lists.owner] == segment
        counts = np.bincount(lists.items[own], minlength=lists.n_items)
        gap = np.where(counts >= FEWEST_USERS, counts / users - overall, -np.inf)
        best = np.argsort(-gap, kind="stable")[:n]
        best = best[gap[best] > 0]
        items = tuple(
            SegmentItem(
                item_id,
                shop.titles[row],
                int(counts[row]),
                float(counts[row] / users),
                float(counts[row] / users / overall[row]),
            )
            for item_id, row in zip(shop.items.ids_of(best), best.tolist(), strict=True)
        )
        share = users / lists.users.size
        found.append(SegmentReport(names, users, share, items, lists.raising_shares(own)))
    return found
