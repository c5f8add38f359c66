"""A recommender → a report of what it recommends."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridrec.arrays import IntArray
from hybridrec.config import Exclude
from hybridrec.drift.segments import Segments
from hybridrec.errors import RequestError, UnknownItemError, examples
from hybridrec.explain.explaining import latest_items
from hybridrec.fusion.policy import Policy, Rules, rules_of
from hybridrec.progress import counter, stage
from hybridrec.recommendations import Recommendations, checked_k
from hybridrec.report.catalogue import catalogue_report
from hybridrec.report.config import ReportConfig
from hybridrec.report.items import ItemReport, item_report
from hybridrec.report.lists import Lists
from hybridrec.report.reach import reach_of
from hybridrec.report.report import Report
from hybridrec.report.segments import names_of, segment_of_users, segment_reports
from hybridrec.report.users import UserReport

if TYPE_CHECKING:
    from hybridrec.recommender import Recommender

LATEST = 8
"""Items a user met last that are shown."""


@dataclass(frozen=True)
class _Asked:
    """What every part of a report is asked under."""

    recommender: Recommender
    exclude: Exclude
    k: int
    policy: Policy | str | Path | None
    at: datetime | date | None
    settings: ReportConfig

    @property
    def rules(self) -> Rules:
        shop = self.recommender.shop
        return rules_of(self.policy, shop.catalogue, shop.items, k=self.k, at=self.at)

    def lists_of(self, user: Hashable, exclude: Exclude) -> Recommendations:
        return self.recommender.recommend(
            user, k=self.k, exclude=exclude, policy=self.policy, at=self.at, explain=True
        )


def make_report(
    recommender: Recommender,
    *,
    users: Sequence[Hashable] | Mapping[Any, str] = (),
    items: Sequence[Hashable] = (),
    segments: bool | None = None,
    catalogue: bool | None = None,
    k: int = 10,
    exclude: Exclude,
    policy: Policy | str | Path | None = None,
    at: datetime | date | None = None,
    shop_name: str = "",
    settings: ReportConfig | None = None,
) -> Report:
    """A report of what a recommender recommends, to whom and why.

    Args:
        recommender: fitted.
        users: ids of users whose lists are shown, or a few words on each by id.
        items: ids of items: in whose lists they are and why, and what would bring them into more.
        segments: whether to tell what each segment is shown. When ``None`` where neither users nor
            items are named; of items it is told then how each segment gets them, where users can
            be told apart at all.
        catalogue: whether to tell of the whole catalogue: exposure, what lives on popularity, what
            is new; when ``None`` where neither users nor items are named.
        k: places of a list.
        exclude: what lists leave out.
        policy: the shop's rules, or their YAML file.
        at: as in :meth:`.Recommender.recommend`.
        shop_name: the heading.
        settings: how many users are looked at, what is new and what popular.

    Raises:
        UnknownUserError, UnknownItemError: an id the recommender does not know.
        RequestError: ``k`` below 1 or above the catalogue, or rules that cannot be applied;
            segments asked for where users cannot be told apart by category.
        ConfigError: segments are needed and scikit-learn is not installed.
    """
    shop, settings = recommender.shop, settings or ReportConfig()
    k = checked_k(k, len(shop.items))
    whole = not users and not items
    told_segments = whole if segments is None else segments
    told_catalogue = whole if catalogue is None else catalogue
    asked = _Asked(recommender, exclude, k, policy, at, settings)
    rows = _item_rows(recommender, items)
    with stage("report"):
        found, lists = None, None
        if told_segments or (rows.size and segments is None):
            found = _segments(recommender, needed=told_segments)
        told_users = tuple(_user(asked, user, kind, found) for user, kind in _kinds(users))
        if told_segments or told_catalogue or rows.size:
            known = np.flatnonzero(np.diff(shop.histories.indptr) > 0)
            drawn = _drawn(recommender, settings.users, known)
            lists = Lists.of(recommender.fusion, shop, drawn, asked.exclude, k, asked.rules)
        facts: dict[str, str | int | datetime | None] = {
            "events": shop.histories.items.size,
            "users": len(shop.users),
            "items": len(shop.items),
            "graph": None if shop.graph is None else shop.graph.n_triples,
            "towers": ", ".join(recommender.towers),
            "as_of": shop.as_of,
            "lists": None if lists is None else lists.users.size,
        }
        report = Report(
            shop_name=shop_name,
            facts={name: value for name, value in facts.items() if value is not None},
            exclude=asked.exclude,
            k=k,
            users=told_users,
            shown=settings.shown,
        )
        if lists is None:
            return report
        return replace(
            report,
            items=_items(asked, lists, rows, found),
            segments=tuple(segment_reports(lists, shop, found, settings.shown))
            if told_segments and found is not None
            else (),
            catalogue=catalogue_report(lists, shop, settings) if told_catalogue else None,
        )


def _kinds(users: Sequence[Hashable] | Mapping[Any, str]) -> list[tuple[Hashable, str]]:
    """The users, each with the words on it; none where there are none."""
    if isinstance(users, Mapping):
        return list(users.items())
    return [(user, "") for user in users]


def _item_rows(recommender: Recommender, items: Sequence[Hashable]) -> IntArray:
    rows = recommender.shop.items.rows_of(list(items))
    unknown = [item for item, row in zip(items, rows, strict=True) if row < 0]
    if unknown:
        raise UnknownItemError(
            f"unknown items: {examples(unknown)}; known are {len(recommender.shop.items):,}"
        )
    return rows


def _segments(recommender: Recommender, *, needed: bool) -> Segments | None:
    """Who is in which segment; ``None`` where users cannot be told apart and need not be."""
    try:
        return recommender.segments()
    except RequestError:
        if needed:
            raise
        return None


def _drawn(recommender: Recommender, n: int, users: IntArray) -> IntArray:
    """User rows in order, all or so many drawn of them."""
    if users.size <= n:
        return users
    random = np.random.default_rng(recommender.config.seed)
    return np.sort(random.choice(users, n, replace=False))


def _items(
    asked: _Asked, lists: Lists, rows: IntArray, segments: Segments | None
) -> tuple[ItemReport, ...]:
    if rows.size == 0:
        return ()
    recommender, settings = asked.recommender, asked.settings
    shop = recommender.shop
    users = _drawn(recommender, settings.reach_users, lists.users)
    found = []
    with counter("what would raise items", rows.size) as advance:
        for row in rows.tolist():
            reach = reach_of(
                recommender.fusion, shop, users, row, asked.exclude, asked.k, asked.rules,
                settings.nearest,
            )  # fmt: skip
            found.append(item_report(lists, shop, segments, row, reach, settings))
            advance()
    return tuple(found)


def _user(asked: _Asked, user: Hashable, kind: str, segments: Segments | None) -> UserReport:
    recommender = asked.recommender
    shop, settings = recommender.shop, asked.settings
    told = UserReport(user, asked.lists_of(user, asked.exclude), kind)
    if asked.exclude == "none" and "seen" in recommender.config.questions:
        told = replace(told, discoveries=asked.lists_of(user, "seen"))
    at = shop.users.row(user)
    titles = dict(zip(shop.items.values, shop.titles, strict=True))
    removals: dict[str, dict[Hashable, tuple[str, ...] | None]] = {}
    for name, listed in told.lists.items():
        own = removals.setdefault(name, {})
        for row in listed[: settings.counterfactuals]:
            why = row.explanation
            if why is None or why.policy or at < 0:
                continue  # the policy gave it its place, or there is no history
            removed = why.counterfactual()
            own[row.item_id] = None if removed is None else tuple(map(titles.__getitem__, removed))
    segment: Mapping[str, str] = {}
    if segments is not None and at >= 0:
        [number] = segment_of_users(segments, np.array([at]))
        segment = names_of(segments)[number] if number >= 0 else {}
    recent = latest_items(shop, user, LATEST) if at >= 0 else ()
    return replace(told, segment=segment, recent=recent, removals=removals)
