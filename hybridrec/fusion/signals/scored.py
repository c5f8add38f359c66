"""What towers and item-to-item matrices give, under every profile."""

from __future__ import annotations

from collections.abc import Sequence

from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    return [
        Signal(f"{scorer}/{profile}", f"{scorer}/{profile}", f"by {scorer}, {profile} profile")
        for scorer in scope.scorers
        for profile in scope.profiles
    ]


def _compute(asked: Asked) -> Values:
    return {name: asked.scores.of_pairs(name, asked.pairs) for name in asked.scores.names}


FAMILY = Family(_declare, _compute)
