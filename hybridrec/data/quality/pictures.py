"""Where things lie on the pictures of a quality report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import numpy as np
import polars as pl

from hybridrec.pages import Axis

MODERATE_SHIFT = 0.1
"""Population stability index from which a shift is called moderate in the field …"""
LARGE_SHIFT = 0.25
"""… and from which it is called large."""
LOWEST_TOP = 0.3
HIGHEST_TOP = 1.0
"""Drawings of the index reach at least and at most so high, for the thresholds to be seen."""
MOST_MIXES = 12
"""Attributes whose mix is drawn, those that moved most."""
LABELLED_TAIL = (0.01, 0.1)
"""The most popular shares of the items whose share of the events is labelled."""
FREE = 0.15
"""Share of a bar's place that stays free."""
MOST_STEPS = 5
MOMENTS = (
    ("1h", timedelta(hours=1), "%H:%M"),
    ("3h", timedelta(hours=3), "%H:%M"),
    ("6h", timedelta(hours=6), "%m-%d %H:%M"),
    ("12h", timedelta(hours=12), "%m-%d %H:%M"),
    ("1d", timedelta(days=1), "%m-%d"),
    ("3d", timedelta(days=3), "%m-%d"),
    ("1w", timedelta(days=7), "%m-%d"),
    ("2w", timedelta(days=14), "%m-%d"),
    ("1mo", timedelta(days=30), "%Y-%m"),
    ("3mo", timedelta(days=91), "%Y-%m"),
    ("6mo", timedelta(days=182), "%Y-%m"),
    ("1y", timedelta(days=365), "%Y"),
    ("2y", timedelta(days=2 * 365), "%Y"),
    ("5y", timedelta(days=5 * 365), "%Y"),
    ("10y", timedelta(days=10 * 365), "%Y"),
    ("50y", timedelta(days=50 * 365), "%Y"),
)
"""Round steps of time, how long each is, and how its moments are written."""


@dataclass(frozen=True, slots=True)
class Bars:
    """Numbers of periods that follow each other, as bars.

    Args:
        axis: what the heights are measured on, from below.
        values: the number of each period; ``None`` where it is not known.
        starts: when each period begins.
        end: when the last one ends.
    """

    axis: Axis
    values: Sequence[float | None]
    starts: Sequence[datetime]
    end: datetime

    @property
    def width(self) -> float:
        """How wide a bar is, in percent."""
        return round(100 / len(self.values) * (1 - FREE), 4)

    def x(self, period: int) -> float:
        """The left end of a period's bar, in percent."""
        return round(100 / len(self.values) * (period + FREE / 2), 4)

    def y(self, value: float) -> float:
        """Where a number lies, in percent from above; what is too high is cut off."""
        return round(100 - self.axis.at(min(value, self.axis.high)), 3)

    def height(self, value: float) -> float:
        """How high the bar of a number is, in percent."""
        return round(self.y(0.0) - self.y(value), 3)

    @property
    def greatest(self) -> int | None:
        """The period with the greatest number."""
        known = {i: value for i, value in enumerate(self.values) if value is not None}
        return max(known, key=lambda i: known[i], default=None)

    def moments(self, steps: int = MOST_STEPS) -> list[tuple[float, str]]:
        """Places, in percent, and names of a few round moments.

        Args:
            steps: how many steps they may be from end to end.
        """
        return [
            (round(place, 3), f"{moment:{form}}")
            for moment, place, form in _moments([*self.starts, self.end], steps)
        ]


def _moments(bounds: Sequence[datetime], steps: int) -> list[tuple[datetime, float, str]]:
    length = bounds[-1] - bounds[0]
    fitting = (step for step in MOMENTS if length / step[1] <= steps)
    every, _, form = next(fitting, MOMENTS[-1])
    first = pl.Series([bounds[0]]).dt.truncate(every)[0]
    moments = pl.datetime_range(first, bounds[-1], every, eager=True)
    moments = moments.filter(moments >= bounds[0])
    seconds = [bound.timestamp() for bound in bounds]
    places = np.interp(
        [moment.timestamp() for moment in moments], seconds, np.linspace(0, 100, len(seconds))
    )
    return list(zip(moments, places, [form] * moments.len(), strict=True))


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events over time.

    Args:
        bars: the events of each period.
        unit: what a period is: ``day``, ``week`` or ``month``.
    """

    bars: Bars
    unit: str

    @classmethod
    def of(cls, timeline: pl.DataFrame) -> Self:
        """The picture of a profile's timeline, which is not empty."""
        starts = timeline["period"].to_list()
        usual = starts[1] - starts[0] if len(starts) > 1 else timedelta(days=1)
        unit, every = "month", "1mo"
        if usual < timedelta(days=28):
            unit, every = ("day", "1d") if usual == timedelta(days=1) else ("week", "1w")
        end = timeline["period"].dt.offset_by(every)[-1]
        values = timeline["events"].to_list()
        return cls(Bars(Axis.over(values), values, starts, end), unit)

    @property
    def empty(self) -> list[int]:
        """The periods without an event."""
        return [i for i, value in enumerate(self.bars.values) if not value]


@dataclass(frozen=True, slots=True)
class Tail:
    """How the events concentrate on popular items.

    Args:
        axis: shares.
        shares: cumulative shares of items and events, most popular items first.
    """

    axis: Axis
    shares: Sequence[tuple[float, float]]

    @classmethod
    def of(cls, long_tail: pl.DataFrame) -> Self:
        """The picture of a profile's long tail."""
        return cls(Axis(0.0, 1.0), long_tail.select("items", "events").rows())

    def x(self, share: float) -> float:
        """Where a share of the items lies, in percent."""
        return self.axis.at(share)

    def y(self, share: float) -> float:
        """Where a share of the events lies, in percent from above."""
        return round(100 - self.axis.at(share), 3)

    @property
    def points(self) -> str:
        """The curve, as SVG writes points."""
        return " ".join(f"{self.x(items)},{self.y(events)}" for items, events in self.shares)

    @property
    def labelled(self) -> list[tuple[float, float]]:
        """Shares of the items, and the shares of the events that they have."""
        items, events = zip(*self.shares, strict=True)
        return [(share, float(np.interp(share, items, events))) for share in LABELLED_TAIL]


@dataclass(frozen=True, slots=True)
class Drift:
    """How volume and mix move from period to period.

    Args:
        volume: the events of each period.
        mixes: attribute → how far its mix is from that of the period before, population stability
            index; those that moved most, most first.
        n_steadier: how many attributes are left out.
    """

    volume: Bars
    mixes: Mapping[str, Bars]
    n_steadier: int

    @classmethod
    def of(cls, drift: pl.DataFrame, end: datetime) -> Self:
        """The picture of a profile's drift, which is not empty.

        Args:
            drift: as the profile has it.
            end: when the last period ends.
        """
        starts = drift["period"].to_list()
        volume = drift["volume"].to_list()
        greatest = {
            column: max(known)
            for column in drift.columns
            if column not in ("period", "volume")
            and (known := drift[column].drop_nulls().to_list())
        }
        moved = sorted(greatest, key=lambda column: -greatest[column])
        mixes = {}
        for column in moved[:MOST_MIXES]:
            top = min(max(greatest[column], LOWEST_TOP), HIGHEST_TOP)
            mixes[column] = Bars(Axis(0.0, top), drift[column].to_list(), starts, end)
        return cls(Bars(Axis.over(volume), volume, starts, end), mixes, len(moved) - len(mixes))


def shift_size(index: float) -> str:
    """What the field calls a population stability index: ``small``, ``moderate``, ``large``."""
    if index > LARGE_SHIFT:
        return "large"
    return "moderate" if index > MODERATE_SHIFT else "small"
