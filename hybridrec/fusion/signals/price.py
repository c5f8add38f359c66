"""An item's price beside what is usual in its category, and beside what the user usually pays."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values
from hybridrec.towers.base import mean_weights

SHY = 0.2
"""Share of a history that must have prices for the user's own level to count half."""


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    if not scope.priced:
        return []
    return [
        Signal("price_level", "price", "how dear it is for its category", absolute=True),
        Signal("price_fit", "price", "how near that is to what the user usually pays"),
    ]


def _compute(asked: Asked, wanted: Collection[str]) -> Values:
    levels = asked.moment.price_levels
    if levels is None:
        return {}
    shares = mean_weights(asked.weights["long"])
    told = shares @ (levels != 0).astype(np.float32)
    usual = (shares @ levels) / (told + SHY)
    own = levels[asked.items]
    return {"price_level": own, "price_fit": -np.abs(own - usual[asked.users])}


FAMILY = Family(_declare, _compute)
