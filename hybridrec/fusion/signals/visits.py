"""What was popular, and what there was, when the user was last here.

For shops whose users come each at another time: what happens next is then nearer to the user's own
last event than to the shop's present.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from hybridrec.arrays import DoubleArray
from hybridrec.fusion.signals.declaration import Asked, Family, Scope, Signal, Values

HALF_A_DAY = 0.5
A_DAY = 1.0


def _declare(scope: Scope, repeats: bool) -> Sequence[Signal]:
    if not (scope.timed and scope.own_moments):
        return []
    group = "popularity"
    rhythm = {
        "last_gap": "log of the days between the last two events",
        "last_visit": "log of the events on the day of the last",
        "active_days": "log of the days from the first event to the last",
    }
    return [
        Signal("then_1", group, "log of its events on the day of the user's last", absolute=True),
        Signal("then_7", group, "log of its events within 7 days of the user's last"),
        Signal("then_28", group, "log of its events within 28 days of the user's last"),
        Signal("after_28", group, "log of its events in the 28 days after the user's last"),
        Signal("after_90", group, "log of its events in the 90 days after the user's last"),
        Signal("new_then", group, "log of the days it was known for, or is to be", absolute=True),
        Signal("gone_then", group, "log of the days it was gone for, or is yet to be met"),
        *(Signal(n, "context", m, absolute=True, relative=False) for n, m in rhythm.items()),
    ]


def _compute(asked: Asked, wanted: Collection[str]) -> Values:
    meetings = asked.moment.meetings
    if meetings is None:
        return {}
    items, age = asked.items, asked.last_ages[asked.users]

    def events(before: float, after: float) -> DoubleArray:
        return np.log1p(meetings.count(items, age - after, age + before))

    columns = {
        "then_1": events(HALF_A_DAY, HALF_A_DAY),
        "then_7": events(7.0, 7.0),
        "then_28": events(28.0, 28.0),
        "after_28": events(-HALF_A_DAY, 28.0),
        "after_90": events(-HALF_A_DAY, 90.0),
        "new_then": _signed_log(meetings.oldest[items] - age),
        "gone_then": _signed_log(meetings.youngest[items] - age),
        **_rhythm(asked),
    }
    return {name: column.astype(np.float32) for name, column in columns.items()}


def _rhythm(asked: Asked) -> dict[str, DoubleArray]:
    """When the user was here, for every pair."""
    histories = asked.histories
    since_last = histories.ages - asked.last_ages[histories.users]
    lengths = np.diff(histories.indptr)
    gap, whole = np.zeros(lengths.size), np.zeros(lengths.size)
    several = lengths > 1
    gap[several] = since_last[histories.indptr[1:][several] - 2]
    whole[several] = since_last[histories.indptr[:-1][several]]
    visit = np.bincount(histories.users, since_last < A_DAY, minlength=lengths.size)
    of_user = {"last_gap": gap, "last_visit": visit, "active_days": whole}
    return {name: np.log1p(values)[asked.users] for name, values in of_user.items()}


def _signed_log(days: DoubleArray) -> DoubleArray:
    """Logarithms that keep the sign; 0 for items that nobody has met."""
    known = np.nan_to_num(days)
    return np.asarray(np.sign(known) * np.log1p(np.abs(known)))


FAMILY = Family(_declare, _compute)
