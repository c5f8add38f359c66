"""Where values lie on a drawing, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from hybridrec.explain.words import WORDS

if TYPE_CHECKING:
    from hybridrec.explain.explanation import Explanation

MARGIN = 2.0
"""Percent of a drawing's width that stays free at either end."""
MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """Where values lie on a drawing, in percent of its width."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Self:
        """An axis that shows zero and all of these."""
        low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
        return cls(low, high if high > low else low + 1.0)

    def at(self, value: float) -> float:
        """The place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(MARGIN + share * (100 - 2 * MARGIN), 3)

    def ticks(self) -> list[float]:
        """Round values to label, from zero on."""
        rough = self.high / MOST_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
        return [step * i for i in range(math.floor(self.high / step + 1e-9) + 1)]


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
        order = list(WORDS["en"]["groups"])
        ends = {True: 0.0, False: 0.0}
        for part in sorted(explanation.contributions, key=lambda part: order.index(part.group)):
            raises = part.value > 0
            yield self.bar(part.group, part.value, ends[raises])
            ends[raises] += part.value


def decimals_for(values: Sequence[float]) -> int:
    """Decimals that give the greatest value three significant digits."""
    greatest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 2 if greatest == 0 else max(0, 2 - math.floor(math.log10(greatest)))


def written(value: float, decimals: int, sign: str = "-") -> str:
    """A number with a true minus sign, and none before zero."""
    text = f"{value:{sign},.{decimals}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return text.replace("-", "−")
