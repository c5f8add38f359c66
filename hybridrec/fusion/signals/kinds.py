"""How the user comes by things of the item's kind: the yoghurt is due, whichever it is to be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridrec.arrays import DoubleArray, FloatArray
from hybridrec.fusion.affinity import path_relation
from hybridrec.fusion.rhythm import Rhythm, due, late
from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values
from hybridrec.fusion.signals.own import FORGOTTEN_DAYS

HALF_LIVES_DAYS = (14.0, 60.0)
LEAST = 1e-3
"""Decayed events of a kind, below which it has faded."""


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    if not scope.timed or path_relation(scope.relations) is None:
        return []
    group = "affinity"
    signals = [
        Signal("kind_count", group, "log of the occasions the user met its kind", absolute=True),
        *(
            Signal(f"kind_{life:g}", group, f"own events of its kind, half-life {life:g}")
            for life in HALF_LIVES_DAYS
        ),
        Signal("kind_recency", group, "how lately the user met its kind"),
        Signal("kind_due", group, "how near its kind is to its usual interval"),
        Signal("kind_late", group, "how long past twice that interval its kind is"),
    ]
    if repeats:
        signals += [
            Signal("kind_share", "repeat", "its share of the user's events of its kind"),
            Signal("kind_latest", "repeat", "whether it is what the user met last of its kind"),
        ]
    return signals


def _compute(asked: Asked) -> Values:
    histories, kinds = asked.histories, asked.moment.kind_of
    if kinds is None or not histories.timed:
        return {}
    n_kinds = int(kinds.max(initial=0)) + 1
    # items of no kind are of one of their own
    of_event = histories.users * (n_kinds + 1) + np.where(
        kinds[histories.items] >= 0, kinds[histories.items], n_kinds
    )
    rhythm = Rhythm.of(of_event, histories.ages)
    kind = kinds[asked.items]
    at, known = rhythm.places(asked.users * (n_kinds + 1) + kind)
    known &= kind >= 0

    def spread(values: DoubleArray) -> FloatArray:
        out = np.zeros(at.size, dtype=np.float32)
        out[known] = values[at[known]]
        return out

    waited = rhythm.last / rhythm.interval
    columns = {
        "kind_count": spread(np.log1p(rhythm.occasions)),
        "kind_recency": spread(np.exp(-rhythm.last / FORGOTTEN_DAYS)),
        "kind_due": spread(np.where(rhythm.often, due(waited), 0.0)),
        "kind_late": spread(np.where(rhythm.often, late(waited), 0.0)),
    }
    for life in HALF_LIVES_DAYS:
        decayed = rhythm.decayed(histories.strengths, life)
        columns[f"kind_{life:g}"] = spread(np.log1p(decayed))
    own = Rhythm(*histories.met, histories.ages)
    own_at, met = own.places(asked.users * histories.n_items + asked.items)
    met &= known
    share, latest = np.zeros((2, at.size), dtype=np.float32)
    mine = own.decayed(histories.strengths, life)[own_at[met]]
    share[met] = mine / np.maximum(decayed[at[met]], LEAST)
    latest[met] = own.last[own_at[met]] <= rhythm.last[at[met]]
    return {**columns, "kind_share": share, "kind_latest": latest}


FAMILY = Family(_declare, _compute)
