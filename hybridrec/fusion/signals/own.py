"""What the user's own events on an item say of the next one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridrec.arrays import DoubleArray, FloatArray
from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values

HALF_LIVES_DAYS = (7.0, 14.0, 30.0, 60.0, 120.0)
HALF_LIVES_EVENTS = (2.0, 10.0, 50.0)
MONTH_DAYS = 28.0


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
        ]
    return signals


def _compute(asked: Asked) -> Values:
    histories = asked.histories
    met, of_event = histories.met
    last = np.full(met.size, np.inf)
    first = np.zeros(met.size)
    np.minimum.at(last, of_event, histories.ages)
    np.maximum.at(first, of_event, histories.ages)
    # events of one day are one occasion
    days = np.unique(np.stack([of_event, np.round(histories.ages).astype(np.int64)]), axis=1)
    occasions = np.bincount(days[0], minlength=met.size).astype(np.float64)

    keys = asked.users * histories.n_items + asked.items
    at = np.searchsorted(met, keys)
    own = at < met.size
    own[own] = met[at[own]] == keys[own]

    def spread(values: DoubleArray) -> FloatArray:
        out = np.zeros(at.size, dtype=np.float32)
        out[own] = values[at[own]]
        return out

    columns = {"own_count": spread(np.log1p(occasions)), "own": own.astype(np.float32)}
    for life in HALF_LIVES_DAYS if histories.timed else HALF_LIVES_EVENTS:
        decayed = histories.strengths * np.exp2(-histories.ages / life)
        columns[f"own_{life:g}"] = spread(np.log1p(np.bincount(of_event, decayed, met.size)))
    if histories.timed:
        often = occasions > 1
        interval = np.maximum((first - last) / np.maximum(occasions - 1, 1), 1.0)
        waited = last / interval
        columns["own_recency"] = spread(np.exp(-last / 30.0))
        near = np.exp(-np.abs(np.log(np.maximum(waited, 0.02))))
        columns["own_due"] = spread(np.where(often, near, 0.0))
        columns["own_late"] = spread(np.where(often, np.clip(waited - 2, 0, 5), 0.0))
        columns["own_rate"] = spread(np.where(often, np.log1p(MONTH_DAYS / interval), 0.0))
    return columns


FAMILY = Family(_declare, _compute)
