"""Long- and short-term views of users, and what every tower scores under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray
from hybridrec.config import ProfileConfig, RecommenderConfig
from hybridrec.data.histories import Histories
from hybridrec.towers.base import Tower


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


@dataclass(frozen=True)
class TowerScores:
    """What every tower gives every item, for a block of users.

    Args:
        blocks: for ``"tower/profile"`` the scores ``(n_users, n_items)``.
    """

    blocks: Mapping[str, FloatArray]

    @classmethod
    def of(cls, towers: Mapping[str, Tower], weights: Mapping[str, csr_array]) -> TowerScores:
        """Scores of all towers under all profiles."""
        return cls(
            {
                f"{name}/{profile}": tower.fold_in(matrix) @ tower.item_embeddings.T
                for name, tower in towers.items()
                for profile, matrix in weights.items()
            }
        )
