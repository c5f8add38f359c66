"""Which items reach the ranker: the best of every source, joined."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, FloatArray, IntArray
from hybridrec.config import CandidatesConfig
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.profiles import Scores
from hybridrec.towers.base import mean_weights

CATEGORY_PROFILE: Final = "short"


def find_candidates(
    scores: Scores,
    moment: Moment,
    own: csr_array | None,
    allowed: BoolArray,
    config: CandidatesConfig,
    include: int | IntArray | None = None,
) -> Pairs:
    """The best items of all sources, joined.

    Args:
        scores: what towers and matrices give every item, for a block of users.
        moment: what is popular, and in which category.
        own: the users' weighted histories, whose best are candidates too; ``None`` where items
            once seen are not wanted again.
        allowed: ``(n_users, n_items)`` which items may be recommended at all.
        config: how many of each.
        include: an item, or several, to be candidates of everyone, whatever the sources say.
    """
    chosen = np.zeros_like(allowed)
    for _, found in sources(scores, moment, own, allowed, config):
        chosen |= found
    chosen &= allowed
    if include is not None:
        chosen[:, include] = True
    return Pairs.from_mask(chosen)


def sources(
    scores: Scores,
    moment: Moment,
    own: csr_array | None,
    allowed: BoolArray,
    config: CandidatesConfig,
) -> Iterator[tuple[str, BoolArray]]:
    """Every source by name, and what it brings up, ``(n_users, n_items)``.

    They are every tower under the long and the short profile, every item-to-item matrix under the
    short and the last, what is popular now, what is popular now in the categories of the history,
    and the user's own items.
    """
    for scorer in scores.scorers:
        spared = "long" if scorer in moment.matrices else "last"
        sought = [profile for profile in scores.weights if profile != spared]
        for profile, every in zip(sought, scores.of_all(scorer, sought), strict=True):
            within = np.where(allowed, every, -np.inf)
            yield f"{scorer}/{profile}", _best(within, config.per_source)
    popular = np.where(allowed, moment.popular, -np.inf)
    yield "popular", _best(popular, config.per_source)
    categories = moment.categories
    if categories is not None:
        mix = mean_weights(scores.weights[CATEGORY_PROFILE]) @ categories
        shares = np.ascontiguousarray((categories @ mix.toarray().T).T)
        within = np.where(allowed, shares * np.expm1(moment.popular), -np.inf)
        yield "popular in category", _best(within, config.per_source)
    if own is not None:
        rows = np.repeat(np.arange(own.shape[0]), np.diff(own.indptr))
        order = np.lexsort((-own.data, rows))
        rank = np.arange(own.nnz) - np.repeat(own.indptr[:-1], np.diff(own.indptr))
        best = order[rank < config.own]
        found = np.zeros_like(allowed)
        found[rows[best], own.indices[best]] = True
        yield "own", found & allowed


def _best(scores: FloatArray, n: int) -> BoolArray:
    """Marks the best ``n`` of every row; those of no score above 0 too, where there are no more."""
    # numpy's argpartition takes ten times as long where many scores are equal
    best = torch.topk(torch.from_numpy(scores), min(n, scores.shape[1]), sorted=False)
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, best.indices.numpy(), True, axis=1)
    return chosen
