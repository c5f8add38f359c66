"""Reliability as one HTML page: no network, font or script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from hybridrec.evaluation.reliability import Reliability
from hybridrec.pages import Axis, percent, templates, written

DECADE_STEPS = (1, 2, 5)
"""Ticks of a decade where there are few decades …"""
MOST_TICKS = 9
"""… which is up to this many ticks; else the decades alone."""


@dataclass(frozen=True, slots=True)
class ReliabilityPicture:
    """Observed shares over forecasts, both on one logarithmic scale.

    Args:
        axis: of decimal logarithms, the same to the right and upwards.
        points: forecast, observed, and its interval, of each bin; what lies below the scale is
            drawn at its end.
    """

    axis: Axis
    points: Sequence[tuple[float, float, float, float]]

    @classmethod
    def of(cls, reliability: Reliability) -> Self:
        """The picture of some forecasts."""
        points = reliability.bins.select("forecast", "observed", "low", "high").rows()
        known = [value for point in points for value in point[:2] if value > 0]
        highest = max(value for point in points for value in (point[0], point[3]))
        low = math.floor(math.log10(min(known)) * 4) / 4
        return cls(Axis(low, math.log10(min(1.0, highest)) + 0.05), points)

    def x(self, share: float) -> float:
        """Where a share lies, in percent from the left."""
        return self.axis.at(max(math.log10(share) if share > 0 else -math.inf, self.axis.low))

    def y(self, share: float) -> float:
        """Where a share lies, in percent from above."""
        return round(100 - self.x(share), 3)

    @property
    def ticks(self) -> list[float]:
        """Round shares on the scale."""
        decades = range(math.floor(self.axis.low), math.ceil(self.axis.high) + 1)
        every = [step * 10.0**decade for decade in decades for step in DECADE_STEPS]
        shown = [tick for tick in every if self.axis.low <= math.log10(tick) <= self.axis.high]
        whole = [tick for tick in shown if math.log10(tick) % 1 in (0.0, 1.0)]
        return shown if len(shown) <= MOST_TICKS else whole

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Places and names of round forecasts."""
        return [(self.x(tick), percent(tick)) for tick in self.ticks]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Places and names of round observed shares."""
        return [(self.y(tick), percent(tick)) for tick in self.ticks]


def reliability_page(reliability: Reliability, title: str = "Reliability of forecasts") -> str:
    """The page: the picture, what it sums up to, and the figures it is drawn from."""
    page: str = _TEMPLATES.get_template("reliability.html.j2").render(
        title=title, reliability=reliability, picture=ReliabilityPicture.of(reliability)
    )
    return page


def _points(share: float) -> str:
    """A share in percentage points, three digits of it."""
    value = 100 * share
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 2
    return written(value, max(0, digits))


_TEMPLATES = templates("hybridrec.evaluation")
_TEMPLATES.filters |= {"percent": percent, "points": _points}
