"""Change points of all users of a shop, side by side in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.drift.changepoints import BLOCK_NUMBERS, present_runs
from hybridrec.drift.config import ChangeConfig
from hybridrec.drift.occasions import Likeness, Occasions

INTERVAL = 0.8
"""How probable it is, given a change, that it lies in the interval reported."""
LEAST_CORRELATION = 1e-3
"""Users alike to chance would each have the shop's mix; their prior stays this far from it."""


@dataclass(frozen=True)
class Changes:
    """The latest change of every user.

    Args:
        probability: ``(n_users,)`` posterior probability that the interest changed at all.
        occasion: ``(n_users,)`` the first occasion of the new mix, numbered within the user.
        earliest, latest: ``(n_users,)`` the occasions between which it lies with 80 %, likewise.
    """

    probability: DoubleArray
    occasion: IntArray
    earliest: IntArray
    latest: IntArray


def detect_changes(occasions: Occasions, likeness: Likeness, settings: ChangeConfig) -> Changes:
    """When the mix of categories of each user changed last, and how sure that is.

    Two numbers of the shop itself set the model: how alike the events of a basket are, by which
    they count less, and how alike those of a user are, by which the mix of a run is expected to
    lie so far from the shop's: ``Dirichlet(mix · (1 − ρ) / ρ)``.

    Args:
        occasions: of all users.
        likeness: of events, in the same shop.
        settings: how often changes are expected, how many categories are told apart.
    """
    n = occasions.n_users
    found = Changes(np.zeros(n), *(np.zeros(n, dtype=np.int64) for _ in range(3)))
    mix = np.asarray(occasions.counts.sum(axis=0)).ravel()
    mix = mix / max(mix.sum(), 1e-12)
    rho = max(likeness.within_user, LEAST_CORRELATION)
    strength = (1 - rho) / rho if rho < 1 else LEAST_CORRELATION
    told = likeness.effective(occasions.counts)
    for block in _blocks(occasions, told, mix, settings):
        runs = present_runs(
            block.counts,
            block.lengths,
            strength * block.mixes,
            settings.occasions_between_changes,
        )
        earliest, latest = runs.interval(INTERVAL)
        found.probability[block.users] = runs.changed
        found.occasion[block.users] = block.skipped + runs.latest
        found.earliest[block.users] = block.skipped + earliest
        found.latest[block.users] = block.skipped + latest
    return found


class _Block(NamedTuple):
    """Users with about as many occasions each.

    Args:
        users: ``(n,)`` rows.
        lengths: ``(n,)`` occasions looked at.
        skipped: ``(n,)`` earlier ones.
        counts: ``(n, n_occasions, n_bins)``.
        mixes: ``(n, n_bins)`` the shop's shares of the bins, rows sum to 1.
    """

    users: IntArray
    lengths: IntArray
    skipped: IntArray
    counts: DoubleArray
    mixes: DoubleArray


def _blocks(
    occasions: Occasions, told: csr_array, mix: DoubleArray, settings: ChangeConfig
) -> Iterator[_Block]:
    """All users with two occasions or more, short histories first."""
    lengths = np.diff(occasions.indptr)
    kept = np.minimum(lengths, settings.longest)
    bins, shares = _bins(occasions, told, mix, settings.categories_a_user)
    n_bins = shares.shape[1]
    order = np.argsort(kept, kind="stable")
    order = order[kept[order] >= 2]
    place = 0
    while place < order.size:
        # as many users as fit beside each other, the last of them being the longest
        numbers = np.arange(1, order.size - place + 1) * kept[order[place:]] * n_bins
        size = max(1, int((numbers <= BLOCK_NUMBERS).sum()))
        users = order[place : place + size]
        place += users.size
        longest = int(kept[users].max())
        counts = np.zeros((users.size, longest, n_bins))
        skipped = lengths[users] - kept[users]
        first = occasions.indptr[:-1][users] + skipped
        within = _counted_up(kept[users])
        rows = np.repeat(first, kept[users]) + within
        held = np.diff(told.indptr)[rows]
        stored = np.repeat(told.indptr[rows], held) + _counted_up(held)
        user = np.repeat(np.repeat(np.arange(users.size), kept[users]), held)
        np.add.at(counts, (user, np.repeat(within, held), bins[stored]), told.data[stored])
        yield _Block(users, kept[users], skipped, counts, shares[users])


def _counted_up(lengths: IntArray) -> IntArray:
    """0 to n − 1 for each length n, one after the other.

    >>> _counted_up(np.array([2, 0, 3])).tolist()
    [0, 1, 0, 1, 2]
    """
    ends = np.cumsum(lengths)
    return np.arange(lengths.sum()) - np.repeat(ends - lengths, lengths)


def _bins(
    occasions: Occasions, told: csr_array, mix: DoubleArray, most: int
) -> tuple[IntArray, DoubleArray]:
    """Each stored count's bin: the rank of the category with its user, all beyond in the last.

    Returns:
        ``(n_stored,)`` bins, and the shop's share of every user's bins, ``(n_users, most + 1)``.
    """
    n_categories = told.shape[1]
    user = np.repeat(occasions.users, np.diff(told.indptr))
    key = user * n_categories + told.indices
    keys, of_stored = np.unique(key, return_inverse=True)
    totals = np.bincount(of_stored, told.data, minlength=keys.size)
    owner, category = np.divmod(keys, n_categories)
    order = np.lexsort((-mix[category], -totals, owner))
    rank = np.empty(keys.size, dtype=np.int64)
    starts = np.searchsorted(owner[order], np.arange(occasions.n_users))
    rank[order] = np.arange(keys.size) - starts[owner[order]]
    bin_of_key = np.minimum(rank, most)
    shares = np.zeros((occasions.n_users, most + 1))
    named = bin_of_key < most
    shares[owner[named], bin_of_key[named]] = mix[category[named]]
    shares[:, most] = np.clip(1.0 - shares[:, :most].sum(axis=1), 0.0, 1.0)
    return bin_of_key[of_stored], shares
