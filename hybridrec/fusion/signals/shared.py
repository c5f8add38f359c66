"""What an item has in common with the history, by relation of the knowledge graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values

SHARE_FLOOR = 1e-3
"""Shares of a history count by their logarithm, from this one up."""


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    return [
        Signal(
            f"shared {relation}/{profile}",
            "affinity",
            f"log of the share of the {profile} profile with the same {relation}",
        )
        for relation in scope.relations
        for profile in scope.profiles
    ]


def _compute(asked: Asked) -> Values:
    affinity = asked.moment.affinity
    return {
        f"shared {relation}/{profile}": np.log(
            affinity.shares(relation, weights, asked.pairs) + SHARE_FLOOR
        )
        for relation in affinity.links
        for profile, weights in asked.weights.items()
    }


FAMILY = Family(_declare, _compute)
