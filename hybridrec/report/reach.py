"""How far items are from the lists they are not in, and what they lack."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.config import Exclude
from hybridrec.data import Histories
from hybridrec.explain.attribution import attribute
from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.fusion.pipeline import Candidates, Fusion
from hybridrec.fusion.policy import Rules
from hybridrec.parallel import on_one_thread
from hybridrec.shop import Shop

SHARES = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Shares of the users for which it is asked what brings an item into so many lists."""


@dataclass(frozen=True, slots=True)
class Boosted:
    """What a boost would bring.

    Args:
        by: what it adds to the item's score, as a boost of a policy does.
        users: users in whose lists the item would then be.
        share: of the users who may get it.
    """

    by: float
    users: int
    share: float


@dataclass(frozen=True, slots=True)
class Reach:
    """How far an item is from the lists it is not in, by score and boosts alone.

    Args:
        users: users who may get it: those who have met it are not, where these are left out.
        boosts: what boosts would bring, the least first; empty where no list is left.
        nearest: users whose lists it just misses, of whom ``lacks`` tells; 0 where they are fewer
            than 5.
        lacks: what each signal group gives the item less what it gives the last of the list, on
            the mean over these users; the greatest lack first.
    """

    users: int
    boosts: tuple[Boosted, ...]
    nearest: int
    lacks: Mapping[str, float] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        boosts = [{name: getattr(step, name) for name in step.__slots__} for step in self.boosts]
        return {
            "users": self.users,
            "boosts": boosts,
            "nearest": self.nearest,
            "lacks": dict(self.lacks),
        }


def reach_of(
    fusion: Fusion,
    shop: Shop,
    users: IntArray,
    item: int,
    question: Exclude,
    k: int,
    rules: Rules,
    nearest: int,
) -> Reach | None:
    """How far an item is from the lists of users; ``None`` where the policy hides it.

    It is ranked as a candidate of everyone, as a boost by its id makes it.

    Args:
        fusion: towers and rankers.
        shop: the users' histories.
        users: ``(n_users,)`` user rows.
        item: the item row.
        question: which ranker is asked.
        k: places of a list.
        rules: the policy that holds.
        nearest: of how many users it is asked what the item lacks.
    """
    if rules.allowed is not None and not rules.allowed[item]:
        return None
    histories, gaps = shop.histories_of(users), np.full(users.size, np.nan)
    include = np.array([item])
    for block, candidates in fusion.blocks(histories, question, rules.allowed, include):
        for user, row in enumerate(block.tolist()):
            gaps[row] = _gap(candidates, user, item, question, k, rules)
    missed = np.flatnonzero(gaps > 0)
    missed = missed[np.argsort(gaps[missed], kind="stable")][:nearest]
    reach = Reach(int(np.isfinite(gaps).sum()), _boosts(gaps), nearest=0)
    if missed.size < FEWEST_USERS:
        return reach
    lacks = _lacks(fusion, histories.of(missed), question, item, k, rules)
    return replace(reach, nearest=missed.size, lacks=lacks)


def _gap(
    candidates: Candidates, user: int, item: int, question: Exclude, k: int, rules: Rules
) -> float:
    """What an item lacks in score to be among the first ``k`` of a user.

    Zero and less where it is; NaN where the user has met it and is not to get it again.
    """
    rows, scores = _scores(candidates, user, rules)
    own = rows == item
    if question == "seen":
        met = np.isin(rows, candidates.histories.of([user]).items)
        if met[own].any():
            return float("nan")
        own, scores = own[~met], scores[~met]
    others = scores[~own]
    if others.size < k:
        return 0.0
    last: DoubleArray = np.partition(others, -k)[-k] - scores[own]
    return float(last[0])


def _scores(candidates: Candidates, user: int, rules: Rules) -> tuple[IntArray, DoubleArray]:
    """A user's candidates, and their scores with boosts."""
    at = candidates.pairs.of(user)
    rows, scores = candidates.pairs.items[at], candidates.scores[at].astype(np.float64)
    return rows, scores if rules.lift is None else scores + rules.lift[rows]


def _boosts(gaps: DoubleArray) -> tuple[Boosted, ...]:
    """What boosts bring an item into the lists of more users; ``gaps`` of all users."""
    known = np.sort(gaps[np.isfinite(gaps)])
    listed = int((known <= 0).sum())
    found: list[Boosted] = []
    for share in SHARES:
        wanted = math.ceil(share * known.size)
        if wanted <= listed or wanted > known.size:
            continue
        by = _rounded_up(float(known[wanted - 1]))
        users = int((known <= by).sum())
        if not found or by > found[-1].by:
            found.append(Boosted(by, users, users / known.size))
    return tuple(found)


def _rounded_up(value: float) -> float:
    """The next number of two significant digits.

    >>> _rounded_up(0.1234), _rounded_up(2.0)
    (0.13, 2.0)
    """
    digits = 1 - math.floor(math.log10(value))
    return round(math.ceil(value * 10.0**digits) / 10.0**digits, max(digits, 0))


def _lacks(
    fusion: Fusion, histories: Histories, question: Exclude, item: int, k: int, rules: Rules
) -> dict[str, float]:
    """What groups give an item less what they give the last of each user's list, on the mean."""
    sums: dict[str, float] = {}
    include = np.array([item])
    for _, candidates in fusion.blocks(histories, question, rules.allowed, include):
        for user in range(candidates.pairs.n_users):
            rows, scores = _scores(candidates, user, rules)
            others = np.where(rows == item, -np.inf, scores)
            last = np.argsort(-others, kind="stable")[min(k, rows.size) - 1]
            places = np.array([np.searchsorted(rows, item), last])
            with on_one_thread():
                told = attribute(fusion, candidates, user, places)
            for group, (own, other) in told.groups.items():
                sums[group] = sums.get(group, 0.0) + float(own - other)
    means = {group: value / histories.n_users for group, value in sums.items()}
    return dict(sorted(means.items(), key=lambda part: part[1]))
