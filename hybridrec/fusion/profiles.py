"""Long- and short-term views of users, and what every scorer gives items under them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.config import ProfileConfig, RecommenderConfig
from hybridrec.data.histories import Histories
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.search import SearchAxes, inner_products
from hybridrec.towers.base import Tower

LEAST = 1e-3
"""Items of a profile that count less than this share of its weightiest are left out of it."""


def profile_weights(histories: Histories, config: RecommenderConfig) -> dict[str, csr_array]:
    """The weighted histories of every profile, ``(n_users, n_items)`` each."""
    return {name: _weights(histories, profile) for name, profile in profiles(config).items()}


def profiles(config: RecommenderConfig) -> dict[str, ProfileConfig]:
    """The profiles by name; the long one is always among them."""
    every = {
        "long": config.long_profile,
        "short": config.short_profile,
        "last": config.last_profile,
    }
    return {name: profile for name, profile in every.items() if profile is not None}


def _weights(histories: Histories, profile: ProfileConfig) -> csr_array:
    if histories.timed and profile.half_life_days is not None:
        weights = histories.weights(profile.half_life_days)
    else:
        weights = histories.weights(half_life_events=profile.half_life_events)
    filled = np.flatnonzero(np.diff(weights.indptr))
    if filled.size:
        counted = np.log1p(weights.data, dtype=np.float64)
        most = np.maximum.reduceat(counted, weights.indptr[filled])
        kept = counted >= LEAST * np.repeat(most, np.diff(weights.indptr)[filled])
        weights.data, weights.indices = weights.data[kept], weights.indices[kept]
        weights.indptr = np.concatenate([[0], np.cumsum(kept)])[weights.indptr]
    return weights


class Scorer(Protocol):
    """What scores items by a weighted history, every past item giving its part.

    Towers are scorers, and :class:`hybridrec.fusion.item_to_item.ItemToItem`.
    """

    def scores(self, weights: csr_array) -> FloatArray:
        """What weighted histories give every item, ``(n_users, n_items)``."""
        ...

    def attribute_each(
        self, weights: Sequence[csr_array], items: IntArray, among: IntArray | None = None
    ) -> list[FloatArray]:
        """How much each past item gives; see :meth:`hybridrec.towers.base.Tower.attribute`."""
        ...


class Scores:
    """What every scorer gives under every profile, for a block of users.

    Args:
        scorers: by name.
        weights: weighted histories ``(n_users, n_items)``, by profile.
        axes: in which candidates are sought for towers of wide embeddings.
    """

    def __init__(
        self,
        scorers: Mapping[str, Scorer],
        weights: Mapping[str, csr_array],
        axes: Mapping[str, SearchAxes] | None = None,
    ) -> None:
        self.scorers = scorers
        self.weights = weights
        self._axes = axes or {}
        self._vectors: dict[str, FloatArray] = {}
        self._of_all: dict[str, FloatArray] = {}

    @property
    def n_users(self) -> int:
        """Users of the block."""
        return next(iter(self.weights.values())).shape[0]

    @cached_property
    def stacked(self) -> csr_array:
        """The weighted histories of every profile, one below the other.

        ``(n_profiles · n_users, n_items)``: what is asked of all profiles is asked at once.
        """
        parts = list(self.weights.values())
        starts = np.cumsum([0] + [part.nnz for part in parts])
        indptr = [parts[0].indptr[:1]]
        indptr += [part.indptr[1:] + start for part, start in zip(parts, starts, strict=False)]
        shape = (sum(part.shape[0] for part in parts), parts[0].shape[1])
        data = np.concatenate([part.data for part in parts])
        indices = np.concatenate([part.indices for part in parts])
        return csr_array((data, indices, np.concatenate(indptr)), shape=shape)

    def by_profile(self, rows: FloatArray) -> FloatArray:
        """What was asked of :attr:`stacked`, ``(n_profiles, n_users, …)``."""
        return rows.reshape(len(self.weights), -1, *rows.shape[1:])

    def of_all(self, scorer: str, profiles: Sequence[str]) -> FloatArray:
        """What a scorer gives every item under some profiles, ``(n_profiles, n_users, n_items)``.

        Nearly that, where it is sought on axes; an array of the caller's own.
        """
        model = self.scorers[scorer]
        places = [list(self.weights).index(profile) for profile in profiles]
        if not isinstance(model, Tower):
            return self._given(scorer)[places]
        vectors = self._user_vectors(scorer)[places]
        if scorer in self._axes:
            return self._axes[scorer].scores(vectors)
        return inner_products(vectors, model.item_embeddings.T)

    def of_pairs(self, scorer: str, pairs: Pairs) -> FloatArray:
        """What a scorer gives candidates under every profile, ``(n_pairs, n_profiles)``."""
        model = self.scorers[scorer]
        if isinstance(model, Tower):
            return _pair_products(self._user_vectors(scorer), model.item_embeddings, pairs)
        return np.asarray(self._given(scorer)[:, pairs.users, pairs.items].T)

    def _given(self, scorer: str) -> FloatArray:
        if scorer not in self._of_all:
            self._of_all[scorer] = self.by_profile(self.scorers[scorer].scores(self.stacked))
        return self._of_all[scorer]

    def _user_vectors(self, tower: str) -> FloatArray:
        if tower not in self._vectors:
            model = self.scorers[tower]
            assert isinstance(model, Tower)
            self._vectors[tower] = self.by_profile(model.fold_in(self.stacked))
        return self._vectors[tower]


def _pair_products(vectors: FloatArray, embeddings: FloatArray, pairs: Pairs) -> FloatArray:
    """Inner products of users and their candidates, ``(n_pairs, n_profiles)``.

    Args:
        vectors: ``(n_profiles, n_users, dim)``.
        embeddings: ``(n_items, dim)``.
        pairs: the candidates.
    """
    products = np.empty((len(pairs), vectors.shape[0]), dtype=np.float32)
    for user in range(pairs.n_users):
        at = pairs.of(user)
        products[at] = embeddings[pairs.items[at]] @ vectors[:, user].T
    return products
