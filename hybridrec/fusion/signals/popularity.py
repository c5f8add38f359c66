"""How popular an item is, how its popularity moves, and how new it is."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from hybridrec.arrays import FloatArray
from hybridrec.data.histories import Histories
from hybridrec.fusion.rhythm import return_rates
from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values

RECENT_DAYS = 28.0
LATEST_DAYS = 7.0
YEAR_DAYS = 365.25


def popularity(histories: Histories, *, seasonal: bool) -> dict[str, FloatArray]:
    """How popular items are as of the moment of the histories, ``(n_items,)`` each.

    Users are counted, not events, so that one heavy buyer makes nothing popular. With times, how
    surely and soon items are met again is among them; see :func:`.rhythm.return_rates`.

    Args:
        histories: of all users.
        seasonal: whether they reach back more than a year.
    """
    ever = _log_users(histories, -np.inf, np.inf)
    columns = {"popularity": ever}
    if histories.timed:
        recent = _log_users(histories, -np.inf, RECENT_DAYS)
        before = _log_users(histories, RECENT_DAYS, 2 * RECENT_DAYS)
        first = np.zeros(histories.n_items)
        np.maximum.at(first, histories.items, histories.ages)
        columns |= {
            "recent": recent,
            "latest": _log_users(histories, -np.inf, LATEST_DAYS),
            "trend": recent - before,
            "share_recent": recent - ever,
            "newness": -np.log1p(first).astype(np.float32),
            **return_rates(histories),
        }
        if seasonal:
            coming = _log_users(histories, YEAR_DAYS - RECENT_DAYS, YEAR_DAYS)
            then = _log_users(histories, YEAR_DAYS, YEAR_DAYS + RECENT_DAYS)
            columns |= {"season": coming, "season_trend": coming - then}
    return columns


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    group = "popularity"
    signals = [Signal("popularity", group, "log of the users who ever met it", absolute=True)]
    if scope.timed:
        signals += [
            Signal("recent", group, "log of the users in the last 28 days", absolute=True),
            Signal("latest", group, "log of the users in the last 7 days"),
            Signal("trend", group, "recent against the 28 days before"),
            Signal("share_recent", group, "recent against all time"),
            Signal("newness", group, "minus log of the days since first met", absolute=True),
        ]
    if scope.seasonal:
        signals += [
            Signal("season", group, "log of the users in the coming 28 days, a year ago"),
            Signal("season_trend", group, "those against the users of the 28 days before them"),
        ]
    return signals


def _compute(asked: Asked, wanted: Collection[str]) -> Values:
    # usual_interval is no signal by itself
    known = asked.moment.statistics
    return {name: column[asked.items] for name, column in known.items() if name in wanted}


def _log_users(histories: Histories, older_than: float, up_to: float) -> FloatArray:
    within = (histories.ages > older_than) & (histories.ages <= up_to)
    met = histories.users[within] * histories.n_items + histories.items[within]
    counts = np.bincount(np.unique(met) % histories.n_items, minlength=histories.n_items)
    return np.log1p(counts).astype(np.float32)


FAMILY = Family(_declare, _compute)
