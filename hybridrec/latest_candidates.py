"""Candidates of the users asked for last, so that the reasons of a list need no second ranking."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from hybridrec.config import Exclude
from hybridrec.fusion.pipeline import Candidates
from hybridrec.shop import Shop

MOST_USERS = 16
"""A user's candidates with all they rest on are some megabytes."""


class LatestCandidates:
    """Candidates of users asked for one by one, good for as long as the shop is the same."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Hashable, Exclude], tuple[Shop, Candidates]] = OrderedDict()

    def keep(self, shop: Shop, user: Hashable, question: Exclude, candidates: Candidates) -> None:
        """Keeps a user's candidates, and drops those of the user asked for longest ago."""
        self._kept.pop((user, question), None)
        self._kept[user, question] = shop, candidates
        while len(self._kept) > MOST_USERS:
            self._kept.popitem(last=False)

    def of(self, shop: Shop, user: Hashable, question: Exclude) -> Candidates | None:
        """A user's candidates, if they are kept and of this state of the shop."""
        known, candidates = self._kept.get((user, question), (None, None))
        return candidates if known is shop else None
