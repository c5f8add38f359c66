"""All that is known of a shop's drift: users, mix and refit, measured and told."""

from __future__ import annotations

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from hybridrec.arrays import IntArray
from hybridrec.config import RecommenderConfig
from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import normalise_ids
from hybridrec.data.sources import read_frame
from hybridrec.drift.categories import Categories, chosen_categories
from hybridrec.drift.config import DriftConfig
from hybridrec.drift.mix import MixDrift, mix_drift
from hybridrec.drift.occasions import Occasions
from hybridrec.drift.refit import Refit, refit_advice
from hybridrec.drift.users import UserDrift, user_drift
from hybridrec.drift.wording import change_sentence, refit_sentence
from hybridrec.errors import DataError, UnknownUserError, examples
from hybridrec.fusion.pipeline import Fusion
from hybridrec.shop import Shop


@dataclass(frozen=True)
class DriftReport:
    """Whose interest moved, how the shop's mix moved, and whether a refit is due.

    Args:
        categories: what was measured over.
        users: the changes of the users asked for; false alarms are those of the whole shop.
        mix: the shop's mix over time; ``None`` without times.
        refit: whether a refit is due, and why.
    """

    categories: Categories
    users: UserDrift
    mix: MixDrift | None
    refit: Refit

    def sentence(self, user: Hashable, language: str = "en") -> str:
        """What moved to what for one user, and since when.

        Raises:
            UnknownUserError: a user the report is not about.
            RequestError: a language there are no words for.
        """
        try:
            at = self.users.frame["user_id"].to_list().index(user)
        except ValueError:
            raise UnknownUserError(
                f"unknown user {user!r}; the report is about {self.users.frame.height:,} users, "
                f"such as {examples(self.users.frame['user_id'].head(1))}"
            ) from None
        return change_sentence(self.users.frame.row(at, named=True), language)

    def refit_sentence(self, language: str = "en") -> str:
        """Whether a refit is due and why."""
        return refit_sentence(self.refit, language)

    def to_frame(self) -> pl.DataFrame:
        """A row a user; see :class:`~hybridrec.drift.users.UserDrift`."""
        return self.users.frame

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        refit, mix, frame = self.refit, self.mix, self.users.frame
        return {
            "categories": {
                "source": self.categories.source,
                "level": self.categories.level,
                "number": len(self.categories.names),
            },
            "refit": {
                "due": refit.due,
                "fitted": _iso(refit.fitted),
                "as_of": _iso(refit.as_of),
                "events_since": refit.events,
                "reasons": [
                    {
                        "cause": reason.cause,
                        "value": reason.value,
                        "limit": reason.limit,
                        "due": reason.due,
                    }
                    for reason in refit.reasons
                ],
                "sentence": {lang: self.refit_sentence(lang) for lang in ("en", "zh")},
            },
            "mix": None
            if mix is None
            else {
                "periods": _plain(mix.periods),
                "movements": _plain(mix.movements),
                "divergence": mix.divergence,
                "noise": mix.noise,
                "usual": mix.usual,
            },
            "users": {
                "moved_share": self.users.moved_share,
                "false_alarms": self.users.false_alarms,
                "rows": [
                    row | {"sentence": change_sentence(told, "en")}
                    for row, told in zip(_plain(frame), frame.iter_rows(named=True), strict=True)
                ],
            },
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, default=str)

    def to_html(self, path: str | Path, language: str = "en") -> None:
        """Writes it as one page: no network, font or script.

        Raises:
            RequestError: a language there are no words for.
        """
        from hybridrec.drift.page import drift_page
        from hybridrec.pages import write_in_one_step

        write_in_one_step(Path(path), drift_page(self, language))


def drift_report(
    shop: Shop,
    config: RecommenderConfig,
    settings: DriftConfig | None = None,
    *,
    fusion: Fusion | None = None,
    users: Sequence[Hashable] | None = None,
    events: Any = None,
) -> DriftReport:
    """Measures the drift of a shop and of its users.

    Args:
        shop: the shop as it is now; it knows the moment of its fit.
        config: what the profiles are, what events count, the seed.
        settings: what serves as category, how sure a change must be, what asks for a refit.
        fusion: fitted towers, whose embeddings give distances and, for want of categories,
            clusters.
        users: the users to tell of; all when ``None``.
        events: further events that came since, to be looked at and not kept. Those on items that
            the catalogue lacks are counted; update() would refuse them.

    Raises:
        UnknownUserError: one of ``users`` is not known.
        DataError: ``events`` that cannot be read.
        RequestError: a relation or level that the shop lacks; nothing to serve as category.
        ConfigError: clusters are needed and scikit-learn is not installed.
    """
    settings = settings or DriftConfig()
    unknown = 0
    if events is not None:
        shop, unknown = _with_events(shop, events, config)
    embeddings = None
    if fusion is not None and fusion.towers:
        embeddings = fusion.likeness_embeddings(np.arange(shop.histories.n_items))
    categories = chosen_categories(shop, settings.categories, embeddings, config.seed)
    occasions = Occasions.of(shop.histories, categories, shop.as_of)
    drift = user_drift(shop, categories, occasions, config, settings.change, embeddings)
    mix = None
    if shop.as_of is not None:
        fitted = shop.fitted.as_of if shop.fitted is not None else None
        mix = mix_drift(
            occasions, categories, shop.as_of, fitted or shop.as_of, settings.mix, config.seed
        )
    refit = refit_advice(shop, mix, unknown, settings.mix)
    if users is not None:
        rows = _known_rows(shop, users)
        drift = replace(drift, frame=drift.frame[rows.tolist()])
    return DriftReport(categories, drift, mix, refit)


def _known_rows(shop: Shop, users: Sequence[Hashable]) -> IntArray:
    rows = shop.users.rows_of(list(users))
    missing = [user for user, row in zip(users, rows, strict=True) if row < 0]
    if missing:
        raise UnknownUserError(
            f"unknown users: {examples(missing)}; known are {len(shop.users):,}, such as "
            f"{examples(shop.users.ids_of([0]))}"
        )
    return rows


def _with_events(shop: Shop, events: Any, config: RecommenderConfig) -> tuple[Shop, int]:
    """The shop with the events on items it knows, and how many events are on others."""
    frame = read_frame(events, "events")
    if Columns.ITEM not in frame.columns:
        raise DataError(f"events: no column 'item_id'; it has {examples(frame.columns, 12)}")
    if frame.is_empty():
        return shop, 0
    ids, _ = normalise_ids(frame[Columns.ITEM])
    if ids.dtype != shop.items.stored.dtype:  # files do not tell numbers from codes of digits
        ids = ids.cast(shop.items.stored.dtype, strict=False)
        frame = frame.with_columns(ids.alias(Columns.ITEM))
    known = shop.items.join(ids) >= 0
    unknown = frame.filter(pl.Series(~known)).unique().height  # as update counts repeats: once
    if known.any():
        told = frame.filter(pl.Series(known))
        shop = shop.with_events(told, config.event_strengths, config.value_exponent)
    return shop, unknown


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


def _plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: _iso(value) if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in frame.iter_rows(named=True)
    ]
