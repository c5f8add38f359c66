"""What towers and item-to-item matrices give, under every profile."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    return [
        Signal(f"{scorer}/{profile}", f"{scorer}/{profile}", f"by {scorer}, {profile} profile")
        for scorer in scope.scorers
        for profile in scope.profiles
    ]


def _compute(asked: Asked, wanted: Collection[str]) -> Values:
    scores = asked.scores
    return {
        f"{scorer}/{profile}": column
        for scorer in scores.scorers
        for profile, column in zip(
            scores.weights, scores.of_pairs(scorer, asked.pairs).T, strict=True
        )
    }


FAMILY = Family(_declare, _compute)
