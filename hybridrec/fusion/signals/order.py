"""Where an item stands in the order in which people meet things, and how far after the latest."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values

ORDER = "transitions/order"
"""The group: beside the transitions under each profile. It rests on the latest item alone."""


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    if "transitions" not in scope.scorers:
        return []
    return [
        Signal("order", ORDER, "its place in the usual order, 0 to 1", absolute=True),
        Signal("order_ahead", ORDER, "how far that is after the latest item", absolute=True),
    ]


def _compute(asked: Asked, wanted: Collection[str]) -> Values:
    places = asked.moment.order
    if places is None:
        return {}
    latest, known = asked.latest
    own = places[asked.items]
    reached = np.where(known, places[latest], 0.5)[asked.users]
    return {"order": own, "order_ahead": (own - reached).astype(np.float32)}


FAMILY = Family(_declare, _compute)
