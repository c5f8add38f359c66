"""Long- and short-term views of users, and what every scorer gives items under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.config import ProfileConfig, RecommenderConfig
from hybridrec.data.histories import Histories


def profile_weights(histories: Histories, config: RecommenderConfig) -> dict[str, csr_array]:
    """The weighted histories of every profile, ``(n_users, n_items)`` each."""
    return {name: _weights(histories, profile) for name, profile in profiles(config).items()}


def profiles(config: RecommenderConfig) -> dict[str, ProfileConfig]:
    """The profiles by name."""
    return {"long": config.long_profile, "short": config.short_profile}


def _weights(histories: Histories, profile: ProfileConfig) -> csr_array:
    if histories.timed and profile.half_life_days is not None:
        return histories.weights(profile.half_life_days)
    return histories.weights(half_life_events=profile.half_life_events)


class Scorer(Protocol):
    """What scores items by a weighted history, every past item giving its part.

    Towers are scorers, and :class:`hybridrec.fusion.neighbours.Neighbours`.
    """

    def scores(self, weights: csr_array) -> FloatArray:
        """What weighted histories give every item, ``(n_users, n_items)``."""
        ...

    def attribute(self, weights: csr_array, items: IntArray) -> FloatArray:
        """How much each past item gives; see :meth:`hybridrec.towers.base.Tower.attribute`."""
        ...


@dataclass(frozen=True)
class Scores:
    """What every scorer gives every item, for a block of users.

    Args:
        blocks: for ``"scorer/profile"`` the scores ``(n_users, n_items)``.
    """

    blocks: Mapping[str, FloatArray]

    @classmethod
    def of(cls, scorers: Mapping[str, Scorer], weights: Mapping[str, csr_array]) -> Scores:
        """Scores of all scorers under all profiles."""
        return cls(
            {
                f"{name}/{profile}": scorer.scores(matrix)
                for name, scorer in scorers.items()
                for profile, matrix in weights.items()
            }
        )
