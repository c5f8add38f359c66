"""What the user is like: the same for all candidates, and what the ranker weighs the rest by."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from hybridrec.fusion.interest import concentration, divergence, entity_shares
from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    meanings: dict[str, str] = {
        "history_length": "log of the events of the history",
        "history_breadth": "log of the different items of the history",
    }
    if scope.relations:
        meanings["concentration"] = "how much of the long profile lies in few categories, 0 to 1"
        if "short" in scope.profiles:
            meanings["drift"] = (
                "how far the short profile's categories are from the long one's, 0 to 1"
            )
    if scope.timed:
        meanings["idle_days"] = "log of the days since the last event"
    return [Signal(n, "context", m, absolute=True, relative=False) for n, m in meanings.items()]


def _compute(asked: Asked, wanted: Collection[str]) -> Values:
    histories = asked.histories
    lengths = np.diff(histories.indptr)
    of_user = {
        "history_length": np.log1p(lengths),
        "history_breadth": np.log1p(np.diff(asked.weights["long"].indptr)),
    }
    categories = asked.moment.categories
    if categories is None:
        of_user |= {"concentration": np.zeros(lengths.size), "drift": np.zeros(lengths.size)}
    else:
        lasting = entity_shares(asked.weights["long"], categories)
        of_user["concentration"] = concentration(lasting)
        if "short" in asked.weights:
            present = entity_shares(asked.weights["short"], categories)
            of_user["drift"] = divergence(lasting, present)
    if histories.timed:
        of_user["idle_days"] = np.log1p(asked.last_ages)
    return {name: values.astype(np.float32)[asked.users] for name, values in of_user.items()}


FAMILY = Family(_declare, _compute)
