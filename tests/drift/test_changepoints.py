"""The detector against the plain sums it stands for."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import gammaln

from hybridrec.drift.changepoints import present_runs


def marginal(counts: np.ndarray, prior: np.ndarray) -> float:
    """Log probability of counts in their order, their mix integrated out."""
    total = counts.sum(axis=0)
    return float(
        gammaln(prior.sum())
        - gammaln(prior.sum() + total.sum())
        + (gammaln(prior + total) - gammaln(prior)).sum()
    )


def by_enumeration(counts: np.ndarray, prior: np.ndarray, hazard: float) -> np.ndarray:
    """The posterior of the last change, summed over every way to cut the history."""
    n = len(counts)
    found = np.zeros(n)
    for cuts in range(2 ** (n - 1)):
        starts = [0, *(i + 1 for i in range(n - 1) if cuts >> i & 1)]
        told = sum(marginal(counts[a:b], prior) for a, b in pairwise([*starts, n]))
        changes = len(starts) - 1
        told += changes * np.log(hazard) + (n - 1 - changes) * np.log(1 - hazard)
        found[starts[-1]] += np.exp(told)
    return found / found.sum()


def test_posterior_is_the_sum_over_all_segmentations() -> None:
    random = np.random.default_rng(0)
    counts = random.poisson(1.5, size=(3, 7, 4)).astype(float)
    counts[1, 5:] = 0
    counts[2, 6:] = 0
    lengths = np.array([7, 5, 6])
    prior = random.uniform(0.2, 2.0, size=(3, 4))
    runs = present_runs(counts, lengths, prior, 10.0)
    for user, length in enumerate(lengths):
        expected = by_enumeration(counts[user, :length], prior[user], 0.1)
        assert runs.started[user, :length] == pytest.approx(expected, abs=1e-9)
        assert not runs.started[user, length:].any()


def test_later_occasions_do_not_change_what_was_known() -> None:
    random = np.random.default_rng(1)
    counts = random.poisson(1.0, size=(1, 12, 3)).astype(float)
    prior = np.ones((1, 3))
    whole = present_runs(counts, np.array([8]), prior, 20.0)
    part = present_runs(counts[:, :8], np.array([8]), prior, 20.0)
    assert whole.started[:, :8] == pytest.approx(part.started)


def test_bins_that_are_never_met_change_nothing() -> None:
    random = np.random.default_rng(2)
    counts = random.poisson(1.0, size=(2, 9, 3)).astype(float)
    padded = np.concatenate([counts, np.zeros((2, 9, 2))], axis=2)
    prior = np.full((2, 3), 0.7)
    lengths = np.array([9, 9])
    alone = present_runs(counts, lengths, prior, 20.0)
    beside = present_runs(padded, lengths, np.pad(prior, ((0, 0), (0, 2))), 20.0)
    assert alone.started == pytest.approx(beside.started)


def test_interval_holds_the_change() -> None:
    one = np.tile([3.0, 0.0], (1, 15, 1))
    counts = np.concatenate([one, one[:, :, ::-1]], axis=1)
    runs = present_runs(counts, np.array([30]), np.array([[0.5, 0.5]]), 100.0)
    first, last = runs.interval(0.8)
    assert first[0] <= 15 <= last[0]
    assert last[0] - first[0] <= 2
