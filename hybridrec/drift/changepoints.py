"""When a mix of categories changed: Bayesian online change-point detection over counts.

The run length, that is how long the present mix has lasted, has a posterior after every occasion
(Adams & MacKay, "Bayesian Online Changepoint Detection", 2007, arXiv:0710.3742). Within a run the
counts are multinomial and their mix is a draw from a Dirichlet distribution, so that the
probability of a stretch of occasions is a ratio of gamma functions. Users are worked through side
by side; every step looks at one more occasion and never back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from hybridrec.arrays import DoubleArray, IntArray

BLOCK_NUMBERS = 4_000_000
"""Numbers held at a time; 32 MB."""


@dataclass(frozen=True)
class Runs:
    """What is known of the present run of every user.

    Args:
        started: ``(n_users, n_occasions)`` posterior probability that the present run began with
            each occasion, rows sum to 1; that of the first is the probability of no change. Zero
            beyond a user's last occasion. Users without occasions have 1 in the first.
    """

    started: DoubleArray

    @property
    def changed(self) -> DoubleArray:
        """The posterior probability that there was a change, ``(n_users,)``."""
        return 1.0 - self.started[:, 0]

    @property
    def latest(self) -> IntArray:
        """With which occasion the present run most probably began, given a change, ``(n_users,)``.

        0 for users with fewer than two occasions.
        """
        if self.started.shape[1] < 2:
            return np.zeros(self.started.shape[0], dtype=np.int64)
        best = self.started[:, 1:].argmax(axis=1) + 1
        return np.where(self.started[:, 1:].sum(axis=1) > 0, best, 0).astype(np.int64)

    def interval(self, mass: float) -> tuple[IntArray, IntArray]:
        """The first and last occasion of the interval that holds the change with probability.

        Args:
            mass: how probable, given a change, 0 to 1; equal tails.
        """
        given = self.started.copy()
        given[:, 0] = 0.0
        total = given.sum(axis=1, keepdims=True)
        below = np.cumsum(
            np.divide(given, total, out=np.zeros_like(given), where=total > 0), axis=1
        )
        first = (below < (1 - mass) / 2).sum(axis=1)
        last = (below < (1 + mass) / 2).sum(axis=1)
        highest = self.started.shape[1] - 1
        return np.minimum(first, highest), np.minimum(last, highest)


def present_runs(
    counts: DoubleArray, lengths: IntArray, prior: DoubleArray, occasions_between_changes: float
) -> Runs:
    """The posterior of the present run's beginning, for users side by side.

    Args:
        counts: ``(n_users, n_occasions, n_bins)`` how often each bin was met on each occasion,
            oldest first; zero beyond a user's last.
        lengths: ``(n_users,)`` occasions of each user.
        prior: ``(n_users, n_bins)`` parameters of the Dirichlet distribution that the mix of a
            run is drawn from; 0 where a bin is never met.
        occasions_between_changes: mean number of occasions between two changes, above 1.

    >>> steady = np.tile([1.0, 0.0], (1, 20, 1))
    >>> moved = np.concatenate([steady, steady[:, :, ::-1]], axis=1)
    >>> runs = present_runs(moved, np.array([40]), np.array([[0.5, 0.5]]), 100.0)
    >>> int(runs.latest[0]), bool(runs.changed[0] > 0.99)
    (20, True)
    """
    users, occasions, bins = counts.shape
    total = np.concatenate([np.zeros((users, 1, bins)), np.cumsum(counts, axis=1)], axis=1)
    hazard = 1.0 / occasions_between_changes
    begun = np.full((users, occasions), -np.inf)  # log probability that a run begins here
    begun[:, 0] = 0.0
    joint = np.full((users, occasions), -np.inf)
    joint[:, 0] = 0.0
    stay = np.log1p(-hazard)
    for step in range(occasions):
        going = np.flatnonzero(lengths > step)
        if step > 0:
            begun[going, step] = np.log(hazard) + logsumexp(joint[going, :step], axis=1)
        starts = np.arange(step + 1)
        stretch = total[going, None, step + 1] - total[going, : step + 1]
        probable = _log_probability(stretch, prior[going, None])
        joint[going, : step + 1] = begun[going, : step + 1] + (step - starts) * stay + probable
    return Runs(np.exp(joint - logsumexp(joint, axis=1, keepdims=True)))


def _log_probability(counts: DoubleArray, prior: DoubleArray) -> DoubleArray:
    """Of counts in their order, with the mix integrated out; over the last axis.

    Bins of prior 0 are never met and count nothing.
    """
    there = np.where(prior > 0, prior, 1.0)
    gained = gammaln(np.where(prior > 0, prior + counts, 1.0)) - gammaln(there)
    whole = prior.sum(axis=-1)
    return np.asarray(gained.sum(axis=-1) - gammaln(whole + counts.sum(axis=-1)) + gammaln(whole))
