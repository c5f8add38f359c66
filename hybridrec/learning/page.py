"""Training curves as one HTML page: no network, font or script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from hybridrec.learning.curves import LOSS, Curves, Point
from hybridrec.pages import Axis, decimals_for, templates, written

MOST_POINTS = 300
"""Longer curves are drawn with every second, third … point."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One curve of one model, drawn.

    Args:
        name: what is measured.
        points: ``(step, value)`` in order, those that are drawn.
        best: the step and value that learning kept; ``None`` for losses.
        steps: the axis from left to right.
        values: the axis from below.
    """

    name: str
    points: Sequence[tuple[int, float]]
    best: tuple[int, float] | None
    steps: Axis
    values: Axis

    @classmethod
    def of(cls, points: Sequence[Point]) -> Self:
        """The picture of one curve."""
        name = points[0].name
        pairs = [(point.step, point.value) for point in points]
        best = None if name == LOSS else max(pairs, key=lambda pair: pair[1])
        drawn = pairs[:: -(-len(pairs) // MOST_POINTS)]
        steps, values = zip(*drawn, strict=True)
        return cls(name, drawn, best, Axis.around(steps), Axis.around(values))

    def x(self, step: float) -> float:
        """Where a step lies, in percent."""
        return self.steps.at(step)

    def y(self, value: float) -> float:
        """Where a value lies, in percent from above."""
        return round(100 - self.values.at(value), 3)

    @property
    def line(self) -> str:
        """The curve, as SVG writes points."""
        return " ".join(f"{self.x(step)},{self.y(value)}" for step, value in self.points)

    @property
    def x_ticks(self) -> list[tuple[float, str]]:
        """Places and names of round steps."""
        return [(self.x(step), f"{step:,.0f}") for step in self.steps.ticks() if step == int(step)]

    @property
    def y_ticks(self) -> list[tuple[float, str]]:
        """Places and names of round values."""
        ticks = self.values.ticks()
        spread = [tick - ticks[0] for tick in ticks]
        decimals = max(0, decimals_for([s for s in spread if s] or ticks) - 1)
        return [(self.y(tick), written(tick, decimals)) for tick in ticks]

    @property
    def best_written(self) -> str:
        """The best value in words."""
        assert self.best is not None
        step, value = self.best
        return f"{written(value, decimals_for([value]))} after {step:,} steps"


def curves_page(curves: Curves) -> str:
    """The curves as a page: for every model its loss and its validation metric."""
    models = []
    for model in curves.models:
        points = curves.of(model)
        names = dict.fromkeys(point.name for point in points)
        pictures = [Picture.of([p for p in points if p.name == name]) for name in names]
        models.append((model, max(point.seconds for point in points), pictures))
    page: str = _TEMPLATES.get_template("curves.html.j2").render(models=models)
    return page


_TEMPLATES = templates(__package__)
