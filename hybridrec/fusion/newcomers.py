"""Candidates of users without any event, beside those of everyone else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from hybridrec.arrays import BoolArray, FloatArray, IntArray
from hybridrec.config import Exclude
from hybridrec.data.histories import Histories
from hybridrec.fusion.attributes import AttributePopularity
from hybridrec.fusion.pairs import NONE, Pairs
from hybridrec.fusion.pipeline import Candidates, Fusion, block_users, of_users
from hybridrec.fusion.profiles import Scores, profile_weights
from hybridrec.fusion.ranker import Standardised
from hybridrec.fusion.signals.declaration import Asked


@dataclass(frozen=True)
class NewcomerCandidates(Candidates):
    """Candidates by what is popular among users who share attributes; no ranker is asked.

    Args:
        popularity: counts of choices by attribute.
        groups: ``(n_users, n_attributes)`` the users' groups, -1 for none.
        popular: the scores, ``(n_pairs,)``.
    """

    popularity: AttributePopularity
    groups: IntArray
    popular: FloatArray

    @property
    def scores(self) -> FloatArray:
        """Log share of choices, and mean lift; see :meth:`AttributePopularity.scores`."""
        return self.popular

    @property
    def probabilities(self) -> None:
        """None are known: the ranker was not asked."""
        return None


@dataclass(frozen=True)
class Newcomers:
    """Which of the users asked for are known by attributes alone.

    Args:
        popularity: counts of choices by attribute.
        new: ``(n_users,)`` who has no event, and perhaps attributes.
        groups: ``(n_users, n_attributes)`` everyone's groups, -1 for none.
    """

    popularity: AttributePopularity
    new: BoolArray
    groups: IntArray


def candidate_blocks(
    fusion: Fusion,
    histories: Histories,
    question: Exclude,
    allowed: BoolArray | None = None,
    include: IntArray | None = None,
    newcomers: Newcomers | None = None,
) -> Iterator[tuple[IntArray, Candidates]]:
    """Candidates of all users in order, block by block, with the user rows of each block.

    Args:
        fusion: what ranks users who have events.
        histories: the users' own histories.
        question: which question is asked.
        allowed: ``(n_items,)`` the items that may be recommended; all when ``None``.
        include: items to be candidates whatever the sources say; see :func:`.find_candidates`.
        newcomers: who gets what is popular instead; ``None`` for nobody.
    """
    if newcomers is None:
        yield from fusion.blocks(histories, question, allowed, include)
        return
    new = newcomers.new
    size = block_users(histories.n_items)
    for run in np.split(np.arange(new.size), np.flatnonzero(np.diff(new)) + 1):
        if not new[run].any():
            own, included = histories.of(run), of_users(include, run)
            for users, candidates in fusion.blocks(own, question, allowed, included):
                yield run[users], candidates
            continue
        for users in np.array_split(run, -(-run.size // size)):
            own = histories.of(users)
            groups, included = newcomers.groups[users], of_users(include, users)
            popularity = newcomers.popularity
            yield users, _popular(fusion, own, question, allowed, included, groups, popularity)


def _popular(
    fusion: Fusion,
    histories: Histories,
    question: Exclude,
    allowed: BoolArray | None,
    include: IntArray | None,
    groups: IntArray,
    popularity: AttributePopularity,
) -> NewcomerCandidates:
    scores = popularity.scores(groups)
    free = scores if allowed is None else np.where(allowed, scores, -np.inf)
    n = min(fusion.config.candidates.per_source, scores.shape[1])
    best = np.argpartition(-free, n - 1, axis=1)[:, :n]
    chosen = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(chosen, best, True, axis=1)
    chosen &= np.isfinite(free)
    if include is not None:
        found = np.where(chosen, np.arange(scores.shape[1]), NONE)
        every = np.broadcast_to(include, (len(found), include.shape[-1]))
        pairs = Pairs.from_items(np.concatenate([found, every], axis=1))
    else:
        pairs = Pairs.from_mask(chosen)
    weights = profile_weights(histories, fusion.config)
    asked = Asked(histories, weights, pairs, Scores(fusion.scorers, weights), fusion.moment)
    nothing = np.zeros((0, 0), dtype=np.float32)
    return NewcomerCandidates(
        asked,
        fusion.rankers[question],
        Standardised(nothing, nothing, nothing),
        popularity,
        groups,
        scores[pairs.users, pairs.items],
    )
