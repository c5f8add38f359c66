"""Why one item is ahead of another."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hybridrec.errors import RequestError
from hybridrec.explain.evidence import PastItem
from hybridrec.explain.narrative import ahead
from hybridrec.explain.phrases import Language

if TYPE_CHECKING:
    from hybridrec.explain.explanation import Contribution, Explanation

SAME = 1e-6
"""How far bases may lie apart, as a share, and still be those of one ranking."""


@dataclass(frozen=True)
class Contrast:
    """What puts one item ahead of another for a user; see :meth:`.Explanation.against`.

    Args:
        first: why the one has its score.
        second: why the other has.
        difference: how far the first is ahead; below 0 where it is behind.
        contributions: what each group gives to the difference, greatest first, split over past
            items as far as these give more to the one than to the other. They sum to it.
    """

    first: Explanation
    second: Explanation
    difference: float
    contributions: tuple[Contribution, ...]

    @classmethod
    def of(cls, first: Explanation, second: Explanation) -> Contrast:
        """One item against another.

        Raises:
            RequestError: explanations of different users, or of different lists.
        """
        if first.user_id != second.user_id:
            raise RequestError(
                f"against: {first.item_id!r} is explained for {first.user_id!r}, "
                f"{second.item_id!r} for {second.user_id!r}; both must be for one user"
            )
        if abs(first.base - second.base) > SAME * max(abs(first.base), 1.0):
            raise RequestError(
                f"against: {first.item_id!r} and {second.item_id!r} are of different lists; ask "
                "for both in one call of explain_pairs or recommend"
            )
        groups = {part.group: part for part in second.contributions}
        parts = [_less(part, groups.pop(part.group, None)) for part in first.contributions]
        parts += [_less(None, part) for part in groups.values()]
        parts.sort(key=lambda part: -abs(part.value))
        return cls(first, second, first.score - second.score, tuple(parts))

    def narrative(self, language: Language = "en") -> str:
        """One sentence on what puts the better one ahead.

        Raises:
            RequestError: a language there are no words for.
        """
        return ahead(self, language)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "user_id": self.first.user_id,
            "item_id": self.first.item_id,
            "against": self.second.item_id,
            "difference": self.difference,
            "contributions": [part.to_dict() for part in self.contributions],
            "narrative": self.narrative("en"),
        }


def _less(first: Contribution | None, second: Contribution | None) -> Contribution:
    """What a group gives to the one item beyond what it gives to the other."""
    given = first or second
    assert given is not None
    totals: dict[Hashable, PastItem] = {}
    for part, sign in ((first, 1), (second, -1)):
        for past in () if part is None else part.evidence:
            known = totals.get(past.item_id)
            weight = sign * past.weight + (0.0 if known is None else known.weight)
            totals[past.item_id] = replace(past, weight=weight, together=None)
    evidence = sorted(totals.values(), key=lambda past: -abs(past.weight))
    value = (first.value if first else 0.0) - (second.value if second else 0.0)
    return replace(given, value=value, evidence=tuple(past for past in evidence if past.weight))
