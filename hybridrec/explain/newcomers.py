"""Why a user without any event gets an item: it is popular, and among whom."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from hybridrec.arrays import IntArray
from hybridrec.explain.explanation import Contribution, Explanation
from hybridrec.explain.narrative import Among, Facts
from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.fusion.newcomers import NewcomerCandidates
from hybridrec.shop import Shop


def explain_newcomer(
    shop: Shop,
    candidates: NewcomerCandidates,
    user: int,
    places: IntArray,
    user_id: Hashable | None,
) -> list[Explanation]:
    """Explanations of some candidates of one user; popularity is the only contribution.

    Args:
        shop: names and dates.
        candidates: a block of users with candidates.
        user: which of its users.
        places: ``(n,)`` which of the user's candidates.
        user_id: the id to put on them.
    """
    at = candidates.pairs.of(user)
    scores = candidates.scores[at].astype(np.float64)
    items = candidates.pairs.items[at]
    base = float(scores.mean())
    return [
        Explanation(
            user_id,
            shop.items.ids_of([int(items[place])])[0],
            shop.titles[items[place]],
            base,
            float(scores[place]),
            (Contribution("popularity", float(scores[place]) - base, ()),),
            (),
            _facts(shop, candidates, user, int(items[place])),
            lambda: None,
            no_path="no history",
        )
        for place in places
    ]


def _facts(shop: Shop, candidates: NewcomerCandidates, user: int, item: int) -> Facts:
    """The counts, those of the user's groups first that choose the item most beyond others.

    They are as of the fit: once the shop has moved on they are no longer those of the last 28 days.
    """
    popularity = candidates.popularity
    own = [int(group) for group in candidates.groups[user] if group >= 0]
    raised = sorted(
        (
            group
            for group in own
            if popularity.counts[group, item] and popularity.lift(group, item) > 0
        ),
        key=lambda group: -popularity.lift(group, item),
    )
    rows = [popularity.groups.row(group, named=True) for group in raised]
    among = tuple(
        Among(row["attribute"], row["value"], int(popularity.counts[group, item]), row["users"])
        for row, group in zip(rows, raised, strict=True)
    )
    others, as_of, fitted = int(popularity.overall[item]), shop.as_of, shop.fitted
    return Facts(
        own_events=0,
        own_last_days=None,
        recent_users=others if others >= FEWEST_USERS else None,
        timed=as_of is not None and fitted is not None and fitted.as_of == as_of,
        among=among,
    )
