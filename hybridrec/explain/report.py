"""Explanations as pages: a fragment for notebooks, a report of one file for everyone else."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridrec.errors import RequestError
from hybridrec.explain.drawing import Scale
from hybridrec.explain.evidence import GraphPath, PastItem
from hybridrec.explain.phrases import Language
from hybridrec.explain.words import WORDS
from hybridrec.pages import Axis, decimals_for, templates, write_in_one_step, written

if TYPE_CHECKING:
    from hybridrec.explain.explanation import Explanation
    from hybridrec.recommendations import Recommendations

SURE = 1.96
"""Standard errors to either side of a mean that make a 95 % interval."""

_RELATION = re.compile(" (—[^→]+→|←[^—]+—) ")


@dataclass(frozen=True, slots=True)
class UserPage:
    """What the report shows of one user.

    Args:
        user_id: the user; ``None`` for a visitor.
        kind: who that is in a few words, in the report's language: ``buys the same again``.
        recommendations: the list, each with its explanation.
        recent: the items the user met last, latest first; only names and dates are shown.
        discoveries: a second list, of items new to the user, each with its explanation.
    """

    user_id: Hashable | None
    kind: str
    recommendations: Recommendations
    recent: Sequence[PastItem] = ()
    discoveries: Recommendations | None = None

    @property
    def days(self) -> list[tuple[str | None, list[PastItem]]]:
        """The latest items by date, ``None`` for those without one."""
        dated = groupby(self.recent, lambda item: item.last and f"{item.last:%Y-%m-%d}")
        return [(day, list(items)) for day, items in dated]


@dataclass(frozen=True, slots=True)
class AccuracyTable:
    """The fusion beside its rivals.

    Args:
        title: what was asked of them, ``Next 28 days, items new to the user``.
        frame: as :func:`hybridrec.evaluation.protocols.compare` returns it.
    """

    title: str
    frame: pl.DataFrame


def explanation_html(explanation: Explanation, language: Language = "en") -> str:
    """An explanation as a fragment of HTML that brings its own styles.

    Args:
        explanation: what to show.
        language: English (``en``) or Chinese (``zh``).

    Raises:
        RequestError: another language.
    """
    words = _words(language)
    template = _TEMPLATES.get_template("explanation.html.j2")
    return template.render(
        words=words,
        language=language,
        explanation=explanation,
        scale=Scale.over([explanation]),
    )


def write_report(
    path: str | Path,
    *,
    shop_name: str,
    facts: Mapping[str, str],
    pages: Sequence[UserPage],
    accuracy: Sequence[AccuracyTable],
    language: Language = "en",
    show_users: bool = False,
) -> None:
    """Writes a report of one HTML file that needs nothing beside it: no network, font or script.

    The file appears complete or not at all.

    Args:
        path: where to; an earlier file is replaced.
        shop_name: the heading.
        facts: label and value of what is worth knowing, such as ``{"Events": "1.2 million"}``.
        pages: the users shown.
        accuracy: how well the models foretell.
        language: English (``en``) or Chinese (``zh``).
        show_users: whether the page names the users' ids; it numbers the users otherwise.

    Raises:
        RequestError: another language, nothing to show, a recommendation without an explanation,
            or an accuracy table that is not as ``compare`` returns it.
    """
    words = _words(language)
    if not pages and not accuracy:
        raise RequestError(
            "the report has nothing to show: give pages=[UserPage(…)], accuracy=[AccuracyTable(…)]"
            " or both"
        )
    users = [(page, _lists(page)) for page in pages]
    html = _TEMPLATES.get_template("report.html.j2").render(
        words=words,
        language=language,
        shop_name=shop_name,
        facts=facts,
        show_users=show_users,
        users=users,
        left_out=_left_out([given for _, lists in users for _, given, _ in lists]),
        accuracy=[(table.title, _plots(table)) for table in accuracy],
    )
    write_in_one_step(Path(path), html)


def _left_out(lists: Sequence[Sequence[Explanation]]) -> set[str]:
    """The parts that no score of the page has, and the legend need not name."""
    parts = {part.group for given in lists for reason in given for part in reason.contributions}
    return set(WORDS["en"]["groups"]) - parts


def _lists(page: UserPage) -> list[tuple[str, list[Explanation], Scale]]:
    """The lists of a page: which, the explanations, their scale."""
    lists = {"recommended": page.recommendations}
    if page.discoveries is not None:
        lists["discoveries"] = page.discoveries
    shown = []
    for name, rows in lists.items():
        explanations = []
        for row in rows:
            if row.explanation is None:
                raise RequestError(
                    f"item {row.item_id!r} of user {row.user_id!r} has no explanation; "
                    "ask for recommendations with explain=True"
                )
            explanations.append(row.explanation)
        shown.append((name, explanations, Scale.over(explanations)))
    return shown


@dataclass(frozen=True, slots=True)
class _Model:
    """One model under one metric; what is not known is ``None``."""

    name: str
    value: float
    error: float | None
    lead: float | None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true mean lies, 95 % sure; never below zero."""
        reach = SURE * (self.error or 0.0)
        return max(0.0, self.value - reach), self.value + reach


@dataclass(frozen=True, slots=True)
class _Plot:
    """Models under one metric, best first."""

    metric: str
    users: int
    models: list[_Model]
    axis: Axis
    decimals: int

    def number(self, value: float) -> str:
        """A value of the metric in writing."""
        return written(value, self.decimals)

    def tick(self, value: float) -> str:
        """A label of the axis."""
        return f"{value:.3g}"

    def lead(self, value: float) -> str:
        """A lead in writing."""
        return written(value, 1, sign="+")


def _plots(table: AccuracyTable) -> list[_Plot]:
    """A plot for each metric of a table."""
    frame = table.frame
    metrics = [name for name in frame.columns if f"{name} se" in frame.columns]
    if frame.is_empty() or not metrics or not {"model", "users"} <= set(frame.columns):
        raise RequestError(
            f"accuracy table {table.title!r} needs rows of model, users and a metric beside its "
            f"standard error, as compare() returns them; it has {frame.height} rows of "
            f"{', '.join(frame.columns) or 'no columns'}"
        )
    plots = []
    for metric in metrics:
        models = sorted(
            (
                _Model(
                    row["model"],
                    row[metric],
                    _known(row[f"{metric} se"]),
                    _known(row.get(f"{metric} lead")),
                )
                for row in frame.iter_rows(named=True)
            ),
            key=lambda model: -model.value,
        )
        axis = Axis.over([model.interval[1] for model in models])
        decimals = decimals_for([model.value for model in models])
        plots.append(_Plot(metric, int(frame["users"][0]), models, axis, decimals))
    return plots


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _reasons(explanation: Explanation, language: Language) -> str:
    """The reasons as a sentence of their own; the title stands above it."""
    given = explanation.reasons(language)
    if not given:
        return explanation.narrative(language)
    return f"{given[:1].upper()}{given[1:]}{WORDS[language]['stop']}"


def _steps(path: GraphPath) -> list[tuple[str, str]]:
    """The chain of a path: each node with the relation that leads on from it, none from the last.

    >>> _steps(GraphPath("Cola —brand→ Acme ←brand— Soda", "Cola", "brand", "Acme", 0.1, 1.0))
    [('Cola', '—brand→'), ('Acme', '←brand—'), ('Soda', '')]
    """
    pieces = _RELATION.split(path.text)
    return list(zip_longest(pieces[::2], pieces[1::2], fillvalue=""))


def _percent(share: float) -> str:
    """A share in percent, at two significant digits."""
    percent = 100 * share
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.1f}%"


def _words(language: Language) -> Mapping[str, Any]:
    if language not in WORDS:
        raise RequestError(f"language {language!r} is not there; use {' or '.join(WORDS)}")
    return WORDS[language]


_TEMPLATES = templates("hybridrec.explain")
_TEMPLATES.globals["reasons"] = _reasons
_TEMPLATES.globals["steps"] = _steps
_TEMPLATES.filters["percent"] = _percent
