"""What the user is like: the same for all candidates, and what the ranker weighs the rest by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hybridrec.arrays import DoubleArray
from hybridrec.fusion.interest import concentration, divergence, entity_shares
from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    meanings: dict[str, str] = {
        "history_length": "log of the events of the history",
        "history_breadth": "log of the different items of the history",
    }
    if scope.relations:
        meanings |= {
            "concentration": "how much of the long profile lies in few categories, 0 to 1",
            "drift": "how far the short profile's categories are from the long one's, 0 to 1",
        }
    if scope.timed:
        meanings |= {
            "idle_days": "log of the days since the last event",
            "last_gap": "log of the days between the last two events",
            "last_visit": "log of the events on the day of the last",
            "active_days": "log of the days from the first event to the last",
        }
    return [Signal(n, "context", m, absolute=True, relative=False) for n, m in meanings.items()]


def _compute(asked: Asked) -> Values:
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
        long, short = (entity_shares(asked.weights[p], categories) for p in ("long", "short"))
        of_user |= {"concentration": concentration(long), "drift": divergence(long, short)}
    if histories.timed:
        of_user |= _rhythm(asked)
    return {name: values.astype(np.float32)[asked.users] for name, values in of_user.items()}


def _rhythm(asked: Asked) -> dict[str, DoubleArray]:
    """When the user was here, ``(n_users,)`` each."""
    histories, idle = asked.histories, asked.last_ages
    since_last = histories.ages - idle[histories.users]
    lengths = np.diff(histories.indptr)
    gap, whole = np.zeros(lengths.size), np.zeros(lengths.size)
    several = lengths > 1
    gap[several] = since_last[histories.indptr[1:][several] - 2]
    whole[several] = since_last[histories.indptr[:-1][several]]
    visit = np.bincount(histories.users, since_last < 1, minlength=lengths.size)
    return {
        "idle_days": np.log1p(idle),
        "last_gap": np.log1p(gap),
        "last_visit": np.log1p(visit),
        "active_days": np.log1p(whole),
    }


FAMILY = Family(_declare, _compute)
