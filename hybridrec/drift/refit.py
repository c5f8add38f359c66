"""Whether a recommender is due for a refit, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np

from hybridrec.data.dataset import SECONDS_PER_DAY
from hybridrec.drift.config import MixConfig
from hybridrec.drift.mix import MixDrift
from hybridrec.shop import Shop

Cause = Literal["mix", "new_items", "unknown_items", "new_users", "volume"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One measure of how old a fit is.

    Args:
        cause: what is measured.
        value: how much it is.
        limit: from where on it asks for a refit.
        due: whether it does.
    """

    cause: Cause
    value: float
    limit: float
    due: bool


@dataclass(frozen=True)
class Refit:
    """Whether a refit is due.

    Args:
        fitted: the moment of the fit; ``None`` where it is not known.
        as_of: the shop's moment.
        events: events since the fit, those on unknown items included.
        enough: whether they are enough to tell.
        reasons: all that was measured, whether it asks for a refit or not.
    """

    fitted: datetime | None
    as_of: datetime | None
    events: int
    enough: bool
    reasons: tuple[Reason, ...]

    @property
    def due(self) -> bool:
        """Whether any reason asks for it."""
        return any(reason.due for reason in self.reasons)

    @property
    def known(self) -> bool:
        """Whether the moment of the fit is known, so that anything can be said."""
        return self.fitted is not None


def refit_advice(
    shop: Shop, mix: MixDrift | None, unknown_events: int, settings: MixConfig
) -> Refit:
    """What speaks for a refit: what was measured since the fit, each beside its limit.

    Args:
        shop: histories and the moment of the fit.
        mix: how the mix moved; ``None`` where it is not known.
        unknown_events: new events that were left out because the catalogue lacks their items.
        settings: the limits.
    """
    moment = shop.fitted
    if moment is None or moment.as_of is None or shop.as_of is None:
        return Refit(None, shop.as_of, 0, False, ())
    histories = shop.histories
    since_fit = (shop.as_of - moment.as_of).total_seconds() / SECONDS_PER_DAY
    late = histories.ages < since_fit - 1e-6
    known = int(late.sum())
    events = known + unknown_events
    if events < settings.least_events:
        return Refit(moment.as_of, shop.as_of, events, False, ())
    met = np.bincount(histories.items[~late], minlength=histories.n_items) > 0
    new_items = int((~met[histories.items[late]]).sum())
    new_users = int((histories.users[late] >= moment.n_users).sum())
    learnt = max(int((~late).sum()), 1)
    reasons = [
        _reason("new_items", new_items / events, settings.new_item_share),
        _reason("unknown_items", unknown_events / events, settings.unknown_item_share),
        _reason("new_users", new_users / events, settings.new_user_share),
        _reason("volume", events / learnt, settings.volume_share),
    ]
    if mix is not None and mix.divergence is not None and mix.noise is not None:
        limit = max(mix.noise, mix.usual or 0.0, settings.least_divergence)
        reasons.insert(0, _reason("mix", mix.divergence, limit))
    return Refit(moment.as_of, shop.as_of, events, True, tuple(reasons))


def _reason(cause: Cause, value: float, limit: float) -> Reason:
    return Reason(cause, value, limit, value > limit)
