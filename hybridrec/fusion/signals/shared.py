"""What an item has in common with the history, by relation of the knowledge graph."""

from __future__ import annotations

from collections.abc import Collection, Sequence

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


def _compute(asked: Asked, wanted: Collection[str]) -> Values:
    affinity, scores = asked.moment.affinity, asked.scores
    shares = affinity.shares(scores.stacked, asked.pairs, len(scores.weights))
    return {
        f"shared {relation}/{profile}": column
        for relation, by_profile in zip(
            affinity.links, np.log(shares + np.float32(SHARE_FLOOR)), strict=True
        )
        for profile, column in zip(scores.weights, by_profile, strict=True)
    }


FAMILY = Family(_declare, _compute)
