"""Which items reach the ranker: the best of every source, joined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, FloatArray, IntArray
from hybridrec.config import CandidatesConfig
from hybridrec.fusion.item_to_item import dense_product
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.pairs import NONE, Pairs
from hybridrec.fusion.profiles import Scores
from hybridrec.fusion.search import best_of_rows
from hybridrec.towers.base import mean_weights


@dataclass(frozen=True)
class Shown:
    """Which items may be shown to whom.

    Args:
        allowed: ``(n_items,)`` those that may be shown at all; all when ``None``.
        met: users and items, ``(n_met,)`` each, that are not to meet again; ``None`` where nothing
            is left out for having been met.
    """

    allowed: BoolArray | None = None
    met: tuple[IntArray, IntArray] | None = None

    def hide(self, scores: FloatArray) -> FloatArray:
        """Scores ``(…, n_users, n_items)``, in place: −∞ for what may not be shown."""
        if self.allowed is not None:
            np.copyto(scores, -np.inf, where=~self.allowed)
        if self.met is not None:
            scores[(..., *self.met)] = -np.inf
        return scores


def find_candidates(
    scores: Scores,
    moment: Moment,
    own: csr_array | None,
    shown: Shown,
    config: CandidatesConfig,
    include: IntArray | None = None,
) -> Pairs:
    """The best items of all sources, joined.

    Args:
        scores: what towers and matrices give every item, for a block of users.
        moment: what is popular, and in which category.
        own: the users' weighted histories, whose best are candidates too; ``None`` where items
            once seen are not wanted again.
        shown: which items may be candidates at all.
        config: how many of each.
        include: items to be candidates whatever the sources say: ``(n,)`` of everyone, or
            ``(n_users, n)`` of each user, −1 for none.
    """
    found = [items for _, items in sources(scores, moment, own, shown, config)]
    if include is not None:
        found.append(np.broadcast_to(include, (scores.n_users, include.shape[-1])))
    return Pairs.from_items(np.concatenate(found, axis=1))


def sources(
    scores: Scores,
    moment: Moment,
    own: csr_array | None,
    shown: Shown,
    config: CandidatesConfig,
) -> Iterator[tuple[str, IntArray]]:
    """Every source by name, and the items it brings up, ``(n_users, n)``, −1 where fewer.

    They are every tower under the long and the short profile, every item-to-item matrix under the
    short and the last, what is popular now, what is popular now in the categories of the history,
    and the user's own items. Where there is no short profile, it is the long one alone.
    """
    for scorer in scores.scorers:
        spared = "long" if scorer in moment.matrices else "last"
        sought = [profile for profile in scores.weights if profile != spared]
        sought = sought or list(scores.weights)
        every = shown.hide(scores.of_all(scorer, sought))
        for profile, best in zip(sought, best_of_rows(every, config.per_source), strict=True):
            yield f"{scorer}/{profile}", best
    popular = np.tile(moment.popular, (1 if shown.met is None else scores.n_users, 1))
    best = best_of_rows(shown.hide(popular), config.per_source)
    yield "popular", np.broadcast_to(best, (scores.n_users, best.shape[1]))
    by_category = moment.popular_by_category
    if moment.categories is not None and by_category is not None:
        present = scores.weights["short" if "short" in scores.weights else "long"]
        mix = mean_weights(present) @ moment.categories
        within = shown.hide(dense_product(mix, by_category))
        yield "popular in category", best_of_rows(within, config.per_source)
    if own is not None:
        yield "own", _weightiest(own, config.own, shown.allowed)


def _weightiest(own: csr_array, n: int, allowed: BoolArray | None) -> IntArray:
    """Each user's own items that weigh most of those allowed, ``(n_users, n)``."""
    rows = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr))
    weights, items = own.data, own.indices
    if allowed is not None:
        free = allowed[items]
        rows, weights, items = rows[free], weights[free], items[free]
    counts = np.bincount(rows, minlength=own.shape[0])
    order = np.lexsort((-weights, rows))
    rank = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)
    kept = rank < n
    best = np.full((counts.size, min(n, int(counts.max(initial=0)))), NONE)
    best[rows[kept], rank[kept]] = items[order[kept]]
    return best
