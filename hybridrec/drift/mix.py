"""How a shop's mix of categories moves from period to period, beside what chance alone does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.data.dataset import SECONDS_PER_DAY
from hybridrec.drift.categories import Categories
from hybridrec.drift.config import MixConfig
from hybridrec.drift.occasions import Occasions
from hybridrec.fusion.interest import divergence

PERIODS_DAYS = (1.0, 7.0, 28.0, 91.0, 364.0)
LEAST_WINDOWS = 2
"""Earlier windows it takes to know how far the mix usually moves."""


@dataclass(frozen=True)
class MixDrift:
    """The shop's mix over time.

    Args:
        periods: a row a period: ``start``, ``end``, ``events``, ``since_fit``, ``divergence`` of
            its mix from that of the fit (Jensen–Shannon, bits, 0 to 1; a period before the fit
            from the others before the fit), ``noise`` (the floor that chance alone stays below)
            and ``beyond_noise``.
        shares: a row a period and category: ``period`` (its row), ``category``, ``share``.
        movements: a row a category: ``before``, ``present`` (shares), ``change``, the greatest
            change either way first. ``present`` is since the fit or, with too few events since,
            the last period.
        present_from: when the present begins.
        divergence: of the mix since the fit; ``None`` with too few events since.
        noise: its floor.
        usual: the greatest divergence of as long a window from all before it, up to the fit;
            ``None`` where the history is too short to know.
    """

    periods: pl.DataFrame
    shares: pl.DataFrame
    movements: pl.DataFrame
    present_from: datetime
    divergence: float | None
    noise: float | None
    usual: float | None


def mix_drift(
    occasions: Occasions,
    categories: Categories,
    as_of: datetime,
    fitted: datetime,
    settings: MixConfig,
    seed: int,
) -> MixDrift | None:
    """The mix of all periods, and whether the mix since the fit is another.

    What chance does is found by dealing out all occasions (a user's day, whose events belong
    together) to the same periods at random.

    Args:
        occasions: of all users, with times.
        categories: of the items.
        as_of: the moment that ages count from.
        fitted: the moment of the fit; a boundary of periods.
        settings: how long periods are, how sure the floor.
        seed: of the permutations.

    Returns:
        ``None`` where no event has a category.
    """
    if occasions.ages.size == 0:
        return None
    fit_age = (as_of - fitted).total_seconds() / SECONDS_PER_DAY
    at = fit_age - occasions.ages  # days after the fit
    at[np.abs(at) < 1e-6] = 0.0
    days = settings.period_days or _period_days(float(at.max() - at.min()), settings.most_periods)
    number = _whole_periods(at, days)
    first = int(number.min())
    n_periods = int(number.max()) - first + 1
    since = np.arange(first, first + n_periods) >= 0
    counts = occasions.counts
    random = np.random.default_rng(seed)
    sums = _period_sums(counts, number - first, n_periods)
    found = _divergences(sums, since)
    late = at > 0
    enough = int(occasions.events[late].sum()) >= settings.least_events
    both = _period_sums(counts, late.astype(np.int64), 2)
    chance = np.empty((settings.permutations, n_periods))
    chance_since = np.empty(settings.permutations)
    for turn in range(settings.permutations):
        order = random.permutation(number.size)
        dealt = number[order] - first
        drawn = _period_sums(counts, dealt, n_periods)
        chance[turn] = _divergences(drawn, since)
        chance_since[turn] = _between(drawn[~since].sum(axis=0), drawn[since].sum(axis=0))
    noise = np.quantile(chance, settings.confidence, axis=0)
    bounds = [fitted + timedelta(days=days * (first + i)) for i in range(n_periods + 1)]
    bounds[0] = min(bounds[0], fitted + timedelta(days=float(at.min())))
    events = np.bincount(number - first, occasions.events, minlength=n_periods).astype(np.int64)
    periods = pl.DataFrame(
        {
            "start": bounds[:-1],
            "end": [*bounds[1:-1], max(as_of, bounds[-2])],
            "events": events,
            "since_fit": since,
            "divergence": found,
            "noise": noise,
            "beyond_noise": found > noise,
        }
    )
    present = late if enough else number == number.max()
    usual = _usual(counts, at, fit_age, late)
    return MixDrift(
        periods,
        _share_frame(sums, categories),
        _movements(counts, present, ~present, categories),
        fitted if enough else bounds[-2],
        _between(both[0], both[1]) if enough else None,
        float(np.quantile(chance_since, settings.confidence)) if enough else None,
        usual if enough else None,
    )


def _period_days(span: float, most: int) -> float:
    fitting = (days for days in PERIODS_DAYS if span / days <= most)
    return next(fitting, PERIODS_DAYS[-1])


def _whole_periods(at: DoubleArray, days: float) -> IntArray:
    """The period of each moment: −1 ends with the fit, 0 begins with it.

    A stub at either end, of less than half a period, belongs to its neighbour.
    """
    number = np.ceil(at / days).astype(np.int64) - 1
    first, last = int(number.min()), int(number.max())
    if first < -1 and (first + 1) * days - at.min() < days / 2:
        number = np.maximum(number, first + 1)
    if last > 0 and at.max() - last * days < days / 2:
        number = np.minimum(number, last - 1)
    return number


def _period_sums(counts: csr_array, period: IntArray, n_periods: int) -> DoubleArray:
    """Events by period and category, ``(n_periods, n_categories)``."""
    shape = (n_periods, period.size)
    rows = csr_array((np.ones(period.size), (period, np.arange(period.size))), shape=shape)
    return np.asarray((rows @ counts).todense(), dtype=np.float64)


def _divergences(sums: DoubleArray, since: BoolArray) -> DoubleArray:
    """How far each period's mix is from that of the fit, itself left out, ``(n_periods,)``."""
    before = sums[~since].sum(axis=0)
    others = np.where(since[:, None], before, before - sums)
    return np.asarray(
        divergence(csr_array(_mix(sums)), csr_array(_mix(np.maximum(others, 0.0)))), dtype=float
    )


def _mix(sums: DoubleArray) -> DoubleArray:
    totals = sums.sum(axis=-1, keepdims=True)
    shares = np.zeros(sums.shape)
    np.divide(sums, totals, out=shares, where=totals > 0)
    return shares


def _between(one: DoubleArray, other: DoubleArray) -> float:
    return float(divergence(csr_array(_mix(one[None])), csr_array(_mix(other[None])))[0])


def _usual(counts: csr_array, at: DoubleArray, length: float, late: BoolArray) -> float | None:
    """How far windows as long as the time since the fit were from all before them, at most."""
    span = -float(at.min())
    windows = int(span / 2 / length) if length > 0 else 0
    if windows < LEAST_WINDOWS or not late.any():
        return None
    number = np.minimum(np.floor(-at[~late] / length).astype(np.int64), windows)
    sums = _period_sums(csr_array(counts[~late]), number, windows + 1)
    older = np.cumsum(sums[::-1], axis=0)[::-1]
    return max(_between(sums[i], older[i + 1]) for i in range(windows))


def _share_frame(sums: DoubleArray, categories: Categories) -> pl.DataFrame:
    period, category = np.nonzero(sums)
    return pl.DataFrame(
        {
            "period": period,
            "category": np.array(categories.names, dtype=object)[category].tolist(),
            "share": _mix(sums)[period, category],
        }
    )


def _movements(
    counts: csr_array, present: BoolArray, before: BoolArray, categories: Categories
) -> pl.DataFrame:
    sides = [
        _mix(np.asarray(counts[np.flatnonzero(side)].sum(axis=0), dtype=np.float64).ravel()[None])[
            0
        ]
        for side in (before, present)
    ]
    frame = pl.DataFrame(
        {"category": list(categories.names), "before": sides[0], "present": sides[1]}
    )
    frame = frame.with_columns((pl.col("present") - pl.col("before")).alias("change"))
    return frame.sort(pl.col("change").abs(), descending=True, maintain_order=True)
