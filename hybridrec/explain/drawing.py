"""How contributions are drawn, and how they are written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from hybridrec.explain.words import WORDS
from hybridrec.pages import Axis, decimals_for, written

if TYPE_CHECKING:
    from hybridrec.explain.explanation import Explanation


@dataclass(frozen=True, slots=True)
class Bar:
    """A contribution on a drawing: its left end and its width, in percent."""

    group: str
    value: float
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Scale:
    """How the scores of one list are drawn and written.

    Args:
        axis: scores less the base.
        decimals: how many every number has, so that they can be added up.
    """

    axis: Axis
    decimals: int

    @classmethod
    def over(cls, explanations: Sequence[Explanation]) -> Self:
        """The scale that fits all of these."""
        ends: list[float] = []
        sizes: list[float] = []
        for explanation in explanations:
            values = [part.value for part in explanation.contributions]
            ends.append(sum(value for value in values if value > 0))
            ends.append(sum(value for value in values if value < 0))
            sizes += [*values, explanation.base, explanation.score]
        return cls(Axis.over(ends), decimals_for(sizes))

    def number(self, value: float) -> str:
        """A base or a score in writing."""
        return written(value, self.decimals)

    def signed(self, value: float) -> str:
        """A part of a score in writing."""
        return written(value, self.decimals, sign="+")

    def bar(self, group: str, value: float, start: float = 0.0) -> Bar:
        """A part that begins at ``start``."""
        left, right = sorted((self.axis.at(start), self.axis.at(start + value)))
        return Bar(group, value, left, round(right - left, 3))

    def stack(self, explanation: Explanation) -> Iterator[Bar]:
        """All parts end to end from the base: those that raise the score right, the others left."""
        order = {group: place for place, group in enumerate(WORDS["en"]["groups"])}
        ends = {True: 0.0, False: 0.0}
        for part in sorted(
            explanation.contributions, key=lambda part: order.get(part.group, len(order))
        ):
            raises = part.value > 0
            yield self.bar(part.group, part.value, ends[raises])
            ends[raises] += part.value
