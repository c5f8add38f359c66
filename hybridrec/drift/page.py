"""A drift report as one HTML page: no network, font or script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridrec.data.quality.pictures import MOST_STEPS, Bars
from hybridrec.drift.mix import MixDrift
from hybridrec.drift.wording import certainty, change_sentence, day, words
from hybridrec.pages import Axis, percent, templates, written

if TYPE_CHECKING:
    from hybridrec.drift.report import DriftReport

MOST_USERS = 25
"""Users who moved that are listed, most certain first."""
MOST_CATEGORIES = 6
"""Categories whose share is drawn over time, the greatest first."""
MOST_MOVEMENTS = 12
"""Categories that grew or shrank that are listed."""
LAST_LABEL = 95.0
"""Moments further to the right, in percent, have no label."""
STEPS_NARROW = 3
"""Steps between labelled moments on small pictures."""


@dataclass(frozen=True, slots=True)
class MixPicture:
    """The drift of the mix, drawn.

    Args:
        divergences: how far each period is from the fit.
        noise: what chance alone stays below, of each.
        beyond: whether each lies beyond it.
        fit_at: where the fit is, in percent; ``None`` at the right end.
        shares: category → its share of each period.
    """

    divergences: Bars
    noise: list[float]
    beyond: list[bool]
    fit_at: float | None
    shares: dict[str, Bars]

    @classmethod
    def of(cls, mix: MixDrift) -> MixPicture:
        """The picture of a mix."""
        periods = mix.periods
        starts, end = periods["start"].to_list(), periods["end"][-1]
        values, noise = periods["divergence"].to_list(), periods["noise"].to_list()
        axis = Axis(0.0, max(*values, *noise, 0.001))
        before = periods.height - int(periods["since_fit"].sum())
        sizes = mix.shares.group_by("category").agg(pl.col("share").sum())
        top = sizes.sort(["share", "category"], descending=[True, False]).head(MOST_CATEGORIES)
        shares = {}
        for category in top["category"]:
            own = mix.shares.filter(category=category)
            of_period = dict(own.select("period", "share").iter_rows())
            heights = [of_period.get(period, 0.0) for period in range(periods.height)]
            shares[category] = Bars(Axis(0.0, max(heights)), heights, starts, end)
        return cls(
            Bars(axis, values, starts, end),
            noise,
            periods["beyond_noise"].to_list(),
            None if before == periods.height else round(100 * before / periods.height, 3),
            shares,
        )


def drift_page(report: DriftReport, language: str = "en") -> str:
    """The report as a page: the shop's mix and refit, then the users who moved.

    Raises:
        RequestError: a language there are no words for.
    """
    told = words(language)
    moved = report.users.moved
    known = report.users.frame.filter(pl.col("verdict") != "unknown").height
    mix = report.mix
    page: str = _TEMPLATES.get_template("drift.html.j2").render(
        words=told,
        report=report,
        refit=report.refit,
        refit_sentence=report.refit_sentence(language),
        mix=mix,
        picture=None if mix is None else MixPicture.of(mix),
        movements=[] if mix is None else _movements(mix),
        widest=0.0 if mix is None else _widest(mix),
        moved=[
            row | {"sentence": change_sentence(row, language)}
            for row in moved.head(MOST_USERS).iter_rows(named=True)
        ],
        n_moved=moved.height,
        n_known=known,
        day=lambda moment: day(moment, language),
    )
    return page


def _movements(mix: MixDrift) -> list[dict[str, Any]]:
    changed = mix.movements.filter(pl.col("change") != 0).head(MOST_MOVEMENTS)
    return changed.sort("change", descending=True, maintain_order=True).to_dicts()


def _widest(mix: MixDrift) -> float:
    """The greatest share among those listed."""
    return max((max(row["before"], row["present"]) for row in _movements(mix)), default=1.0)


def _ticks(bars: Bars) -> list[tuple[float, str]]:
    """Places, in percent from above, and names of round numbers."""
    return [(bars.y(tick), f"{tick:.12g}") for tick in bars.axis.ticks()]


def _moments(bars: Bars, steps: int = MOST_STEPS) -> list[tuple[float, str]]:
    """Places and names of round moments, without those whose name would be cut off."""
    return [(place, name) for place, name in bars.moments(steps) if place <= LAST_LABEL]


def _share_ticks(bars: Bars) -> list[tuple[float, str]]:
    return [(bars.y(tick), percent(tick)) for tick in bars.axis.ticks()]


def _points(change: float) -> str:
    """A change of a share in percentage points."""
    return written(100 * change, 2 if abs(change) < 0.01 else 1, sign="+")


_TEMPLATES = templates("hybridrec.drift")
_TEMPLATES.globals |= {
    "ticks": _ticks,
    "moments": _moments,
    "share_ticks": _share_ticks,
    "points": _points,
    "written": written,
    "STEPS_NARROW": STEPS_NARROW,
    "zip": zip,
}
_TEMPLATES.filters |= {"percent": percent, "certainty": certainty}
