"""Whether forecasts come true as often as they say: of what is given 20 %, a fifth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.config import Exclude
from hybridrec.data import Dataset
from hybridrec.data.columns import Columns
from hybridrec.errors import DataError, RequestError
from hybridrec.fusion.pipeline import Candidates, Fusion
from hybridrec.shop import Shop

QUANTILES: Final = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1)
"""Of the forecasts, where bins begin and end: finer above, where what is shown comes from."""
MOST_USERS: Final = 20_000
"""Users drawn, at most."""
NORMAL_95: Final = 1.959964
"""Standard errors to either side that hold 95 %."""
UNCALIBRATED: Final = (
    "the ranker is not calibrated, so its scores are no probabilities: fewer than 50 of the users "
    "held out by ranker.held_out chose anything; give more users, or a greater share"
)


@dataclass(frozen=True)
class Reliability:
    """How forecasts of (user, item) pairs came true.

    Args:
        bins: a row for each range of forecasts, lowest first: ``forecast``, the mean of those in
            it; ``observed``, the share that happened; ``low`` and ``high``, its 95 % interval,
            which allows for pairs of one user happening together; ``pairs``, how many.
        users: how many.
        pairs: candidates of these.
        base_rate: the share of all pairs that happened.
        mean_forecast: over all pairs.
        calibration_error: expected: the distance of forecast and observed, weighed by pairs.
        brier: the mean squared distance of forecasts from what happened.
    """

    bins: pl.DataFrame
    users: int
    pairs: int
    base_rate: float
    mean_forecast: float
    calibration_error: float
    brier: float

    @property
    def skill(self) -> float:
        """The share of the Brier score of always saying the base rate that is saved; at most 1."""
        return 1 - self.brier / (self.base_rate * (1 - self.base_rate))

    def to_html(self, path: str | Path) -> None:
        """Draws it on a page that opens in any browser."""
        from hybridrec.evaluation.reliability_page import reliability_page
        from hybridrec.pages import write_in_one_step

        write_in_one_step(Path(path), reliability_page(self))


def reliability_of(
    forecasts: DoubleArray, happened: BoolArray, users: IntArray, bins: int | None = None
) -> Reliability:
    """How some forecasts came true.

    The observed share has Wilson's interval (1927), for as many independent pairs as tell as much
    as these, which come in clusters by user.

    Args:
        forecasts: ``(n_pairs,)`` probabilities.
        happened: ``(n_pairs,)``.
        users: ``(n_pairs,)`` whose each pair is.
        bins: as many with equal numbers of pairs; those between :data:`QUANTILES` when ``None``.

    Raises:
        DataError: nothing happened, or everything: no forecast can be told from another.

    >>> told = reliability_of(
    ...     np.array([0.1, 0.1, 0.9, 0.9]), np.array([False, False, True, False]), np.arange(4), 2
    ... )
    >>> told.bins["observed"].to_list(), round(told.brier, 2)
    ([0.0, 0.5], 0.21)
    """
    if not 0 < happened.sum() < happened.size:
        raise DataError(
            f"of {happened.size:,} candidates {int(happened.sum()):,} were met in the test: "
            "reliability needs some that were and some that were not"
        )
    shares = QUANTILES if bins is None else np.linspace(0, 1, bins + 1)
    edges = np.unique(np.quantile(forecasts, shares))
    bin_of = np.searchsorted(edges[1:-1], forecasts, side="right")
    n = np.bincount(bin_of)
    filled = np.flatnonzero(n)
    forecast = np.bincount(bin_of, forecasts)[filled] / n[filled]
    observed = np.bincount(bin_of, happened)[filled] / n[filled]
    rows = []
    for place, mean, share in zip(filled, forecast, observed, strict=True):
        within = bin_of == place
        low, high = _interval(happened[within], users[within])
        rows.append((mean, share, low, high, int(within.sum())))
    names = ("forecast", "observed", "low", "high", "pairs")
    return Reliability(
        pl.DataFrame(rows, schema=names, orient="row"),
        np.unique(users).size,
        happened.size,
        float(happened.mean()),
        float(forecasts.mean()),
        float((np.abs(forecast - observed) * n[filled]).sum() / happened.size),
        float(np.square(forecasts - happened).mean()),
    )


def reliability(
    fusion: Fusion, shop: Shop, test: Dataset, exclude: Exclude, top: int | None = None
) -> Reliability:
    """How the fusion's probabilities came true; see :meth:`hybridrec.Recommender.reliability`."""
    if fusion.rankers[exclude].calibration is None:
        raise RequestError(UNCALIBRATED)
    if top is not None and top < 1:
        raise RequestError(f"top={top}: at least one candidate of each user is needed")
    forecasts, happened, users = [], [], []
    for rows, candidates, met in outcomes(fusion, shop, test, exclude):
        pairs, likely = candidates.pairs, candidates.probabilities
        assert likely is not None
        kept = np.arange(len(pairs)) if top is None else pairs.top(candidates.scores, top)
        forecasts.append(likely[kept])
        happened.append(met[kept])
        users.append(rows[pairs.users[kept]])
    return reliability_of(
        np.concatenate(forecasts), np.concatenate(happened), np.concatenate(users)
    )


def outcomes(
    fusion: Fusion, shop: Shop, test: Dataset, exclude: Exclude
) -> Iterator[tuple[IntArray, Candidates, BoolArray]]:
    """Candidates of the users whom forecasts are made for, and which of them they met.

    Yields:
        Block by block: the user rows, their candidates, and ``(n_pairs,)`` whether each was met
        within the ranker's horizon.
    """
    asked, met = _met(fusion, shop, test)
    random = np.random.default_rng(fusion.config.seed)
    asked = np.sort(random.permutation(asked)[:MOST_USERS])
    for rows, candidates in fusion.blocks(shop.histories.of(asked), exclude):
        users, pairs = asked[rows], candidates.pairs
        found = met[users][pairs.users, pairs.items]
        yield users, candidates, np.asarray(found).ravel() > 0


def _met(fusion: Fusion, shop: Shop, test: Dataset) -> tuple[IntArray, csr_array]:
    """The users forecasts are made for, and what all users met, ``(n_users, n_items)``.

    Within a horizon everyone is asked for, those who came never again included; without, those who
    have a next event, and that event.
    """
    events = test.events
    horizon = fusion.config.ranker.horizon_days
    within_horizon = fusion.scope.timed and horizon is not None
    if within_horizon:
        assert shop.as_of is not None
        assert horizon is not None
        events = events.filter(pl.col(Columns.TIMESTAMP) <= shop.as_of + timedelta(days=horizon))
    else:
        if test.as_of is not None:
            events = events.sort(Columns.TIMESTAMP, maintain_order=True)
        events = events.unique(Columns.USER, keep="first", maintain_order=True)
    users, items = shop.users.join(events[Columns.USER]), shop.items.join(events[Columns.ITEM])
    known = (users >= 0) & (items >= 0)
    histories = shop.histories
    shape = (histories.n_users, histories.n_items)
    met = csr_array((np.ones(known.sum()), (users[known], items[known])), shape=shape)
    with_history = np.diff(histories.indptr) > 0
    asked = np.flatnonzero(with_history & (within_horizon | (np.diff(met.indptr) > 0)))
    if asked.size == 0:
        raise DataError("the test set holds no event of a known user on a known item")
    return asked, met


def _interval(happened: BoolArray, users: IntArray) -> tuple[float, float]:
    """The 95 % interval of a share, pairs of one user being no independent witnesses."""
    n, share = float(happened.size), float(happened.mean())
    if 0 < share < 1:
        _, of_pair = np.unique(users, return_inverse=True)
        surplus = np.bincount(of_pair, happened - share)
        clustered = float(np.square(surplus).sum()) / n**2
        # as many independent pairs as would leave the share as unsure
        n = min(n, share * (1 - share) / max(clustered, 1e-300))
    spread = NORMAL_95**2 / n
    middle = (share + spread / 2) / (1 + spread)
    reach = NORMAL_95 * np.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    # rounding must not put a share outside its own interval
    return max(0.0, min(middle - reach, share)), min(1.0, max(middle + reach, share))
