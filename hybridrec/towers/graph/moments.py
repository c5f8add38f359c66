"""What is foretold in training, and from what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, IntArray
from hybridrec.data.histories import Histories
from hybridrec.towers.base import mean_weights

MOMENT_SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
"""Training moments lie where these shares of all events are still to come."""


@dataclass(frozen=True)
class Moment:
    """A moment to learn from.

    Args:
        users: ``(n,)`` users with something to foretell and something to foretell it from.
        profiles: ``(n_users, n_items)`` weighted histories up to the moment.
        targets: ``(n_users, n_items)`` what each user met next, as shares; ``None`` where what is
            hidden of the profile is to be foretold.
    """

    users: IntArray
    profiles: csr_array
    targets: csr_array | None


@dataclass(frozen=True)
class Batch:
    """Users of one step.

    Args:
        users: ``(n,)`` their rows.
        profiles: ``(n, n_items)`` shares of a mean: what is not hidden of their histories.
        rows: ``(n_targets,)`` row in the batch of each target.
        items: ``(n_targets,)`` its item.
        shares: ``(n_targets,)`` how much it counts; a user's sum to 1.
        excluded: whether items of the profile are no answers.
    """

    users: IntArray
    profiles: csr_array
    rows: IntArray
    items: IntArray
    shares: np.ndarray
    excluded: bool


def next_moments(
    histories: Histories, half_life: float | None, shares: Sequence[float] = MOMENT_SHARES
) -> list[Moment]:
    """Past moments, with what users did next.

    Where events are too few for that, one moment at the end: the history foretells itself.

    Args:
        histories: who met what, and when.
        half_life: age at which an event of a profile counts half.
        shares: of all events that are still to come at each moment.
    """
    if histories.items.size == 0:
        return []
    cuts = np.unique(np.quantile(histories.ages, shares))
    horizons = np.diff(np.concatenate([[0.0 if histories.timed else -1.0], cuts]))
    moments = []
    for cut, horizon in zip(cuts, horizons, strict=True):
        before, after = histories.ages > cut, histories.ages <= cut
        after &= histories.ages > cut - horizon
        moments.append(_moment(histories, before, after, cut, half_life))
    everything = np.ones(histories.items.size, dtype=bool)
    return [moment for moment in moments if moment.users.size] or [
        _moment(histories, everything, everything, 0.0, half_life)
    ]


def hidden_moments(histories: Histories, half_life: float | None) -> list[Moment]:
    """The end of all histories, parts of which are to be hidden and foretold."""
    profiles = histories.weights(half_life)
    users = np.flatnonzero(np.diff(profiles.indptr) > 1)
    # who met one item only has nothing to foretell it from
    return [Moment(users, profiles, None)] if users.size else next_moments(histories, half_life)


def drawn_batch(moment: Moment, size: int, dropout: float, random: np.random.Generator) -> Batch:
    """Some users of a moment, parts of their histories hidden.

    Args:
        moment: which.
        size: users at most.
        dropout: share of each history to hide.
        random: draws the users and what is hidden.
    """
    users = random.choice(moment.users, min(size, moment.users.size), replace=False)
    profiles = csr_array(moment.profiles[users])
    rows = np.repeat(np.arange(users.size), np.diff(profiles.indptr))
    hidden = random.random(profiles.nnz) < dropout
    if moment.targets is None:
        # one is hidden of everybody, and one is left
        order = np.lexsort((random.random(profiles.nnz), rows))
        hidden[order[profiles.indptr[:-1]]] = True
        hidden[order[profiles.indptr[1:] - 1]] = False
        answers, items = rows[hidden], profiles.indices[hidden].astype(np.int64)
        shares = 1.0 / np.bincount(answers, minlength=users.size)[answers]
    else:
        targets = csr_array(moment.targets[users]).tocoo()
        answers, items = targets.row.astype(np.int64), targets.col.astype(np.int64)
        shares = targets.data
    shown = csr_array((profiles.data * ~hidden, profiles.indices, profiles.indptr), profiles.shape)
    return Batch(users, mean_weights(shown), answers, items, shares, moment.targets is None)


def _moment(
    histories: Histories,
    before: BoolArray,
    after: BoolArray,
    cut: float,
    half_life: float | None,
) -> Moment:
    def of(events: BoolArray) -> Histories:
        kept = np.concatenate([[0], np.cumsum(events)])[histories.indptr].astype(np.int64)
        ages = histories.ages[events] - cut
        strengths = histories.strengths[events]
        return replace(
            histories, indptr=kept, items=histories.items[events], ages=ages, strengths=strengths
        )

    profiles = of(before).weights(half_life)
    targets = of(after).weights()
    targets.data[:] = 1.0
    chosen = np.diff(targets.indptr)
    targets.data /= np.repeat(np.maximum(chosen, 1), chosen)
    ready = np.flatnonzero((chosen > 0) & (np.diff(profiles.indptr) > 0))
    return Moment(ready, profiles, targets)
