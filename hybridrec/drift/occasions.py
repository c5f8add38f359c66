"""Events as occasions: what a user met on one day, counted by category."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.data.dataset import SECONDS_PER_DAY
from hybridrec.data.histories import Histories
from hybridrec.drift.categories import Categories

ROUNDING_DAYS = 1e-6
"""Ages are rounded numbers; an event at midnight belongs to the day that begins."""


@dataclass(frozen=True)
class Occasions:
    """What users met, a row an occasion, oldest first within a user.

    A day (UTC) is an occasion where the data have times; else every event is one.

    Args:
        indptr: ``(n_users + 1,)``; the occasions of user ``u`` are ``indptr[u]:indptr[u + 1]``.
        ages: ``(n_occasions,)`` of the oldest event of each, as in :class:`Histories`.
        counts: ``(n_occasions, n_categories)`` events by category; events whose item has several
            count a part for each, those whose item has none do not count.
        events: ``(n_occasions,)`` events of each, those without category included.
    """

    indptr: IntArray
    ages: DoubleArray
    counts: csr_array
    events: IntArray

    @classmethod
    def of(
        cls, histories: Histories, categories: Categories, as_of: datetime | None = None
    ) -> Occasions:
        """The occasions of all users on which an item with a category was met.

        Args:
            histories: the users' events.
            categories: of the items.
            as_of: the moment that ages count from; ``None`` without times.
        """
        links = categories.links
        n_items = links.shape[0]
        linked = np.zeros(n_items, dtype=bool)
        linked[np.diff(links.indptr) > 0] = True
        known = linked[histories.items]
        users, items, ages = histories.users[known], histories.items[known], histories.ages[known]
        fresh = np.ones(users.size, dtype=bool)
        if as_of is not None:
            midnight = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
            today = (as_of - midnight).total_seconds() / SECONDS_PER_DAY
            days = np.floor(today - ages + ROUNDING_DAYS)
            fresh[1:] = (users[1:] != users[:-1]) | (days[1:] != days[:-1])
        of_event = np.cumsum(fresh) - 1
        n = int(fresh.sum())
        rows = csr_array((np.ones(users.size), (of_event, items)), shape=(n, n_items))
        counts = csr_array(rows @ links)
        counts.sum_duplicates()
        per_user = np.bincount(users[fresh], minlength=histories.n_users)
        indptr = np.concatenate([[0], np.cumsum(per_user)]).astype(np.int64)
        events = np.bincount(of_event, minlength=n).astype(np.int64)
        return cls(indptr, ages[fresh], counts, events)

    @property
    def n_users(self) -> int:
        """Number of users, those without occasions included."""
        return self.indptr.size - 1

    @property
    def users(self) -> IntArray:
        """The user row of every occasion, ``(n_occasions,)``."""
        return np.repeat(np.arange(self.n_users), np.diff(self.indptr))

    def shuffled(self, random: np.random.Generator) -> Occasions:
        """Every user's occasions in random order: what each met stays, when does not."""
        order = np.lexsort((random.random(self.ages.size), self.users))
        return Occasions(self.indptr, self.ages, csr_array(self.counts[order]), self.events[order])


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike the events of one occasion, of one user and of the shop are.

    Args:
        within_occasion: intraclass correlation of events of one occasion, beside those of other
            occasions of the same user, 0 to 1; 1 says that a basket tells no more than an event.
        within_user: intraclass correlation of events of one user, beside those of other users.
    """

    within_occasion: float
    within_user: float

    @classmethod
    def of(cls, occasions: Occasions) -> Likeness:
        """Estimated from how often two events are of the same category.

        Of two events of an occasion, of two occasions of a user and of two users the shares that
        are of the same category give both correlations, as chance agreement does in kappa.
        """
        counts = occasions.counts
        n = np.asarray(counts.sum(axis=1)).ravel()
        # a part of an event agrees with the other parts of the same event; those pairs are no pairs
        own = np.asarray(counts.power(2).sum(axis=1)).ravel()
        same_occasion = float((own - np.minimum(n, own)).sum())
        pairs_occasion = float((n**2 - n).sum())
        of_user = csr_array(
            (np.ones(n.size), (occasions.users, np.arange(n.size))),
            shape=(occasions.n_users, n.size),
        )
        totals = csr_array(of_user @ counts)
        n_user = np.asarray(totals.sum(axis=1)).ravel()
        same_user = float(totals.power(2).sum() - own.sum())
        pairs_user = float((n_user**2).sum() - (n**2).sum())
        shop = np.asarray(counts.sum(axis=0)).ravel()
        same_shop = float((shop**2).sum() - totals.power(2).sum())
        pairs_shop = float(shop.sum() ** 2 - (n_user**2).sum())
        across_users = same_shop / pairs_shop if pairs_shop else 0.0
        across_occasions = same_user / pairs_user if pairs_user else across_users
        within = same_occasion / pairs_occasion if pairs_occasion else across_occasions
        return cls(
            _correlation(within, across_occasions), _correlation(across_occasions, across_users)
        )

    def effective(self, counts: csr_array) -> csr_array:
        """Counts by how much they tell: divided by Kish's design effect, ``1 + (n − 1) ρ``."""
        n = np.asarray(counts.sum(axis=1)).ravel()
        effect = 1 + np.maximum(n - 1, 0) * self.within_occasion
        out = counts.copy()
        out.data = out.data / np.repeat(effect, np.diff(counts.indptr))
        return out


def _correlation(alike: float, by_chance: float) -> float:
    return float(np.clip((alike - by_chance) / max(1 - by_chance, 1e-12), 0.0, 1.0))
