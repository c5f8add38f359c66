"""The signals: one number each for a (user, item) pair, before fusion.

Every signal is declared once, with the group it speaks for and what it means. A signal that needs
times is absent, not zero, where the data have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, FloatArray
from hybridrec.data.histories import Histories
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.profiles import Scores

RECENT_DAYS = 28.0
LATEST_DAYS = 7.0
SHARE_FLOOR = 1e-3
"""Shares of a history count by their logarithm, from this one up."""
OWN_HALF_LIVES_DAYS = (7.0, 14.0, 30.0, 60.0, 120.0)
OWN_HALF_LIVES_EVENTS = (2.0, 10.0, 50.0)


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal's declaration.

    Args:
        name: unique.
        group: what it speaks for in explanations: a scorer's profile (``text/short``),
            ``affinity``, ``popularity`` or ``repeat``.
        meaning: in words, for people.
        absolute: whether its own level counts beside its place among the user's candidates.
    """

    name: str
    group: str
    meaning: str
    absolute: bool = False


def declared_signals(
    scorer_profiles: Iterable[str],
    relation_profiles: Iterable[str],
    *,
    timed: bool,
    repeats: bool,
) -> tuple[Signal, ...]:
    """The signals a model has.

    Args:
        scorer_profiles: ``scorer/profile`` names, of towers and of the items' neighbours.
        relation_profiles: ``relation/profile`` names, for relations of the knowledge graph.
        timed: whether the data have times.
        repeats: whether items the user has met may be recommended again.
    """
    signals = [
        Signal(name, name, f"score by {name.split('/')[0]}, {name.split('/')[1]} profile")
        for name in scorer_profiles
    ]
    signals += [
        Signal(
            f"shared {name}",
            "affinity",
            f"log of the share of the {name.split('/')[1]} profile with the same "
            f"{name.split('/')[0]}",
        )
        for name in relation_profiles
    ]
    signals.append(Signal("popularity", "popularity", "log of the users who ever met it", True))
    if timed:
        signals += [
            Signal("recent", "popularity", "log of the users in the last 28 days", True),
            Signal("latest", "popularity", "log of the users in the last 7 days"),
            Signal("trend", "popularity", "recent against the 28 days before"),
            Signal("share_recent", "popularity", "recent against all time"),
            Signal("newness", "popularity", "minus log of the days since first met", True),
        ]
    if repeats:
        signals.append(Signal("own_count", "repeat", "log of the occasions the user met it", True))
        signals.append(Signal("own", "repeat", "whether the user ever met it", True))
        lives = OWN_HALF_LIVES_DAYS if timed else OWN_HALF_LIVES_EVENTS
        signals += [
            Signal(f"own_{life:g}", "repeat", f"own events, half-life {life:g}") for life in lives
        ]
        if timed:
            signals += [
                Signal("own_recency", "repeat", "how lately the user met it"),
                Signal("own_due", "repeat", "how near it is to its usual interval"),
                Signal("own_late", "repeat", "how long past twice its usual interval"),
                Signal("own_rate", "repeat", "log of the occasions to expect in 28 days"),
            ]
    return tuple(signals)


@dataclass(frozen=True)
class ItemStatistics:
    """How popular items are, as of a moment; every array ``(n_items,)``."""

    columns: dict[str, FloatArray]

    @classmethod
    def of(cls, histories: Histories) -> ItemStatistics:
        """Counts users, not events, so that one heavy buyer makes nothing popular."""
        popularity = _log_users(histories, -np.inf, np.inf)
        columns = {"popularity": popularity}
        if histories.timed:
            recent = _log_users(histories, -np.inf, RECENT_DAYS)
            before = _log_users(histories, RECENT_DAYS, 2 * RECENT_DAYS)
            first = np.zeros(histories.n_items)
            np.maximum.at(first, histories.items, histories.ages)
            columns |= {
                "recent": recent,
                "latest": _log_users(histories, -np.inf, LATEST_DAYS),
                "trend": recent - before,
                "share_recent": recent - popularity,
                "newness": -np.log1p(first).astype(np.float32),
            }
        return cls(columns)

    @property
    def current(self) -> FloatArray:
        """What is popular now: in the last 28 days, or ever where there are no times."""
        return self.columns.get("recent", self.columns["popularity"])

    def extended(self, n: int) -> ItemStatistics:
        """With ``n`` more items that nobody has met yet."""
        return ItemStatistics(
            {name: np.concatenate([c, np.zeros(n, np.float32)]) for name, c in self.columns.items()}
        )


def compute_signals(
    signals: tuple[Signal, ...],
    pairs: Pairs,
    scores: Scores,
    shared: Mapping[str, FloatArray],
    statistics: ItemStatistics,
    histories: Histories,
) -> FloatArray:
    """The values of all signals, ``(n_pairs, n_signals)``.

    Args:
        signals: what to compute, in the order of the columns.
        pairs: the candidates of a block of users.
        scores: what towers and neighbours give, for the same block.
        shared: for ``relation/profile`` what share of the history each pair's item has in
            common, ``(n_pairs,)``.
        statistics: popularity, as of the same moment.
        histories: the block's own histories.
    """
    users, items = pairs.users, pairs.items
    columns: dict[str, FloatArray] = {
        name: block[users, items] for name, block in scores.blocks.items()
    }
    columns |= {f"shared {name}": np.log(share + SHARE_FLOOR) for name, share in shared.items()}
    columns |= {name: column[items] for name, column in statistics.columns.items()}
    if any(signal.group == "repeat" for signal in signals):
        columns |= _own_signals(histories, pairs)
    return np.stack([columns[signal.name] for signal in signals], axis=1).astype(np.float32)


def _log_users(histories: Histories, older_than: float, up_to: float) -> FloatArray:
    within = (histories.ages > older_than) & (histories.ages <= up_to)
    met = histories.users[within] * histories.n_items + histories.items[within]
    counts = np.bincount(np.unique(met) % histories.n_items, minlength=histories.n_items)
    return np.log1p(counts).astype(np.float32)


def _own_signals(histories: Histories, pairs: Pairs) -> dict[str, FloatArray]:
    """What the user's own events on an item say of the next one."""
    shape = (histories.n_users, histories.n_items)
    met, first_event, of_event = np.unique(
        histories.users * histories.n_items + histories.items,
        return_index=True,
        return_inverse=True,
    )
    last = np.full(met.size, np.inf)
    first = np.zeros(met.size)
    np.minimum.at(last, of_event, histories.ages)
    np.maximum.at(first, of_event, histories.ages)
    # events of one day are one occasion
    days = np.unique(np.stack([of_event, np.round(histories.ages).astype(np.int64)]), axis=1)
    occasions = np.bincount(days[0], minlength=met.size).astype(np.float64)

    place = csr_array(
        (np.arange(met.size) + 1, (histories.users[first_event], histories.items[first_event])),
        shape=shape,
    )
    at = np.asarray(place[pairs.users, pairs.items]).ravel().astype(np.int64) - 1
    own = at >= 0

    def spread(values: DoubleArray) -> FloatArray:
        out = np.zeros(at.size, dtype=np.float32)
        out[own] = values[at[own]]
        return out

    columns = {
        "own_count": spread(np.log1p(occasions)),
        "own": own.astype(np.float32),
    }
    for life in OWN_HALF_LIVES_DAYS if histories.timed else OWN_HALF_LIVES_EVENTS:
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
        columns["own_rate"] = spread(np.where(often, np.log1p(RECENT_DAYS / interval), 0.0))
    return columns
