"""Where values lie on a drawing, and how they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

MARGIN = 2.0
"""Percent of a drawing's width that stays free at either end."""
MOST_TICKS = 5
LEAST_PERCENT = 0.001


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

    @classmethod
    def around(cls, values: Sequence[float]) -> Self:
        """An axis that shows all of these and no more; zero only if they come near it."""
        low, high = min(values), max(values)
        if 0 < low < (high - low) / 2:
            low = 0.0
        margin = 0.0 if high > low else abs(high) / 10 or 1.0
        return cls(low - margin, high + margin)

    def at(self, value: float) -> float:
        """The place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(MARGIN + share * (100 - 2 * MARGIN), 3)

    def ticks(self) -> list[float]:
        """Round values to label, none below zero."""
        least = max(self.low, 0.0)
        rough = (self.high - least) / MOST_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
        first = math.ceil(least / step - 1e-9)
        return [step * i for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


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


def percent(share: float) -> str:
    """A share in percent at two significant digits; 0% and 100% only where they are exact.

    >>> percent(0.2493), percent(0.00075), percent(1 / 541_909), percent(0.9999)
    ('25%', '0.075%', '<0.001%', '>99%')
    """
    if share == 0:
        return "0%"
    if 100 * share < LEAST_PERCENT:
        return f"<{LEAST_PERCENT}%"
    rounded = float(f"{100 * share:.2g}")
    if rounded == 100 and share < 1:
        return ">99%"
    return written(rounded, max(0, 1 - math.floor(math.log10(rounded)))) + "%"
