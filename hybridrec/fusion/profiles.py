"""Long- and short-term views of users, and what every scorer gives items under them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.config import ProfileConfig, RecommenderConfig
from hybridrec.data.histories import Histories
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.search import SearchAxes
from hybridrec.towers.base import Tower

BLOCK_NUMBERS = 4_000_000
"""Numbers of candidates' embeddings held at a time; 16 MB."""


def profile_weights(histories: Histories, config: RecommenderConfig) -> dict[str, csr_array]:
    """The weighted histories of every profile, ``(n_users, n_items)`` each."""
    return {name: _weights(histories, profile) for name, profile in profiles(config).items()}


def profiles(config: RecommenderConfig) -> dict[str, ProfileConfig]:
    """The profiles by name."""
    return {
        "long": config.long_profile,
        "short": config.short_profile,
        "last": config.last_profile,
    }


def _weights(histories: Histories, profile: ProfileConfig) -> csr_array:
    if histories.timed and profile.half_life_days is not None:
        return histories.weights(profile.half_life_days)
    return histories.weights(half_life_events=profile.half_life_events)


class Scorer(Protocol):
    """What scores items by a weighted history, every past item giving its part.

    Towers are scorers, and :class:`hybridrec.fusion.item_to_item.ItemToItem`.
    """

    def scores(self, weights: csr_array) -> FloatArray:
        """What weighted histories give every item, ``(n_users, n_items)``."""
        ...

    def attribute(self, weights: csr_array, items: IntArray) -> FloatArray:
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
        self.weights = weights
        self._scorers = scorers
        self._axes = axes or {}
        self._vectors: dict[str, FloatArray] = {}
        self._of_all: dict[str, FloatArray] = {}
        self._of_pairs: dict[str, FloatArray] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All ``scorer/profile``."""
        return tuple(f"{scorer}/{profile}" for scorer in self._scorers for profile in self.weights)

    def of_all(self, name: str) -> FloatArray:
        """The scores of every item, ``(n_users, n_items)``; nearly those, where sought on axes."""
        if name not in self._of_all:
            scorer, _, profile = name.partition("/")
            model = self._scorers[scorer]
            if not isinstance(model, Tower):
                found = model.scores(self.weights[profile])
            elif scorer in self._axes:
                found = self._axes[scorer].scores(self._user_vectors(name))
            else:
                found = np.asarray(self._user_vectors(name) @ model.item_embeddings.T)
            self._of_all[name] = found
        return self._of_all[name]

    def of_pairs(self, name: str, pairs: Pairs) -> FloatArray:
        """The scores of candidates, ``(n_pairs,)``."""
        scorer = name.partition("/")[0]
        if scorer not in self._axes:
            return np.asarray(self.of_all(name)[pairs.users, pairs.items])
        if name not in self._of_pairs:
            model = self._scorers[scorer]
            assert isinstance(model, Tower)
            names = [f"{scorer}/{profile}" for profile in self.weights]
            vectors = np.stack([self._user_vectors(each) for each in names], axis=2)
            found = _pair_products(vectors, model.item_embeddings, pairs)
            self._of_pairs |= dict(zip(names, found.T, strict=True))
        return self._of_pairs[name]

    def _user_vectors(self, name: str) -> FloatArray:
        if name not in self._vectors:
            scorer, _, profile = name.partition("/")
            model = self._scorers[scorer]
            assert isinstance(model, Tower)
            self._vectors[name] = model.fold_in(self.weights[profile])
        return self._vectors[name]


def _pair_products(vectors: FloatArray, embeddings: FloatArray, pairs: Pairs) -> FloatArray:
    """Inner products of users and their candidates, ``(n_pairs, n_profiles)``.

    Args:
        vectors: ``(n_users, dim, n_profiles)``.
        embeddings: ``(n_items, dim)``.
        pairs: the candidates.
    """
    counts = pairs.counts
    width = int(counts.max(initial=0))
    place = np.arange(len(pairs)) - np.repeat(pairs.indptr[:-1], counts)
    padded = np.zeros((pairs.n_users, width), dtype=np.int64)
    padded[pairs.users, place] = pairs.items
    every, of_user = torch.from_numpy(embeddings), torch.from_numpy(np.ascontiguousarray(vectors))
    products = torch.zeros(pairs.n_users, width, vectors.shape[2])
    size = max(1, BLOCK_NUMBERS // max(width * embeddings.shape[1], 1))
    for start in range(0, pairs.n_users, size):
        rows = torch.from_numpy(padded[start : start + size])
        torch.bmm(every[rows], of_user[start : start + size], out=products[start : start + size])
    return products.numpy()[pairs.users, place]
