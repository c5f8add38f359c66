"""What the user's own events on an item say of the next one."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from hybridrec.arrays import DoubleArray, FloatArray
from hybridrec.fusion.rhythm import MONTH_DAYS, Rhythm, due, late
from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values

HALF_LIVES_DAYS = (7.0, 14.0, 30.0, 60.0, 120.0)
HALF_LIVES_EVENTS = (2.0, 10.0, 50.0)


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    if not repeats:
        return []
    signals = [
        Signal("own_count", "repeat", "log of the occasions the user met it", absolute=True),
        Signal("own", "repeat", "whether the user ever met it", absolute=True),
    ]
    lives = HALF_LIVES_DAYS if scope.timed else HALF_LIVES_EVENTS
    signals += [
        Signal(f"own_{life:g}", "repeat", f"own events, half-life {life:g}") for life in lives
    ]
    if scope.timed:
        signals += [
            Signal("own_recency", "repeat", "how lately the user met it"),
            Signal("own_due", "repeat", "how near it is to its usual interval"),
            Signal("own_late", "repeat", "how long past twice its usual interval"),
            Signal("own_rate", "repeat", "log of the occasions to expect in 28 days"),
            Signal("again", "repeat", "share of its users of last month who met it this month"),
            Signal("again_ever", "repeat", "share of all its users who met it this month"),
            Signal("again_due", "repeat", "how near it is to the interval usual among its users"),
            Signal("again_late", "repeat", "how long past twice that interval"),
        ]
    return signals


def _compute(asked: Asked, wanted: Collection[str]) -> Values:
    if "own" not in wanted:
        return {}
    histories = asked.histories
    rhythm = Rhythm.of(histories)
    at, own = rhythm.places(asked.users * histories.n_items + asked.items)

    def spread(values: DoubleArray) -> FloatArray:
        out = np.zeros(at.size, dtype=np.float32)
        out[own] = values[at[own]]
        return out

    columns = {
        "own_count": spread(np.log1p(rhythm.occasions)),
        "own": own.astype(np.float32),
    }
    for life in HALF_LIVES_DAYS if histories.timed else HALF_LIVES_EVENTS:
        columns[f"own_{life:g}"] = spread(np.log1p(rhythm.decayed(histories.strengths, life)))
    if not histories.timed:
        return columns
    waited = rhythm.last / rhythm.interval
    usual = asked.moment.statistics["usual_interval"][rhythm.met % histories.n_items]
    waited_as_usual = rhythm.last / np.maximum(usual, 1.0)
    # again and again_ever are among the statistics of the moment
    columns |= {
        "own_recency": spread(np.exp(-rhythm.last / 30.0)),
        "own_due": spread(np.where(rhythm.often, due(waited), 0.0)),
        "own_late": spread(np.where(rhythm.often, late(waited), 0.0)),
        "own_rate": spread(np.where(rhythm.often, np.log1p(MONTH_DAYS / rhythm.interval), 0.0)),
        "again_due": spread(np.where(usual > 0, due(waited_as_usual), 0.0)),
        "again_late": spread(np.where(usual > 0, late(waited_as_usual), 0.0)),
    }
    return columns


FAMILY = Family(_declare, _compute)
