"""Long- and short-term views of users, and what every scorer gives items under them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.config import ProfileConfig, RecommenderConfig
from hybridrec.data.histories import Histories
from hybridrec.fusion.pairs import Pairs


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
    """

    def __init__(self, scorers: Mapping[str, Scorer], weights: Mapping[str, csr_array]) -> None:
        self._scorers = scorers
        self.weights = weights
        self._of_all: dict[str, FloatArray] = {}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All ``scorer/profile``."""
        return tuple(f"{scorer}/{profile}" for scorer in self._scorers for profile in self.weights)

    def of_all(self, name: str) -> FloatArray:
        """The scores of every item, ``(n_users, n_items)``."""
        if name not in self._of_all:
            scorer, _, profile = name.partition("/")
            self._of_all[name] = self._scorers[scorer].scores(self.weights[profile])
        return self._of_all[name]

    def of_pairs(self, name: str, pairs: Pairs) -> FloatArray:
        """The scores of candidates, ``(n_pairs,)``."""
        return np.asarray(self.of_all(name)[pairs.users, pairs.items])
