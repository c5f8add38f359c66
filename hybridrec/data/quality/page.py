"""A quality report as one HTML page: no network, font or script."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridrec.data.quality import wording
from hybridrec.data.quality.checking import SEVERITIES
from hybridrec.data.quality.pictures import (
    LARGE_SHIFT,
    MODERATE_SHIFT,
    Bars,
    Drift,
    Tail,
    Timeline,
    shift_size,
)
from hybridrec.pages import percent, templates, write_in_one_step

if TYPE_CHECKING:
    from hybridrec.data.quality.report import Finding, QualityReport

MOST_COLUMNS = 20
"""Columns with gaps that are drawn; of more, those with the fewest are left out."""
LONG_VALUE = 40
"""Values of examples that are longer may take several lines."""
LONGEST_VALUE = 160
"""Values of examples are cut to so many characters."""


def quality_page(report: QualityReport) -> str:
    """The report as a page: what was found, pictures of the data, every finding by itself."""
    anchored = list(zip(report.findings, _anchors(report.findings), strict=True))
    profile = report.profile
    gaps = profile.missing.filter(pl.col("missing") > 0)
    return _TEMPLATES.get_template("quality.html.j2").render(
        report=report,
        groups=[
            (severity, of_severity)
            for severity in SEVERITIES
            if (of_severity := [pair for pair in anchored if pair[0].severity == severity])
        ],
        timeline=None if profile.timeline.is_empty() else Timeline.of(profile.timeline),
        gaps=gaps.head(MOST_COLUMNS).to_dicts(),
        n_gaps=gaps.height,
        n_columns=profile.missing.height,
        tail=Tail.of(profile.long_tail),
        drift=None if profile.until is None else _drift(profile.drift, profile.until),
    )


def write_page(path: Path, html: str) -> None:
    """Writes a page that appears complete or not at all; an earlier one is replaced."""
    write_in_one_step(path, html)


def notebook_frame(report: QualityReport) -> str:
    """The page in a frame of its own, so that its styles stay out of the notebook."""
    return (
        f'<iframe srcdoc="{escape(quality_page(report))}" title="Data quality" '
        'style="width: 100%; height: 42rem; border: 0"></iframe>'
    )


def _drift(drift: pl.DataFrame, end: datetime) -> Drift | None:
    return None if drift.is_empty() else Drift.of(drift, end)


def _anchors(findings: Sequence[Finding]) -> list[str]:
    """A name for every finding that nothing else on the page has: its code, numbered if needed."""
    met = Counter(("error", "warning", "note", "pictures", "findings"))
    names = []
    for finding in findings:
        name = re.sub(r"[^\w-]+", "-", finding.code)
        met[name] += 1
        names.append(name if met[name] == 1 else f"{name}-{met[name]}")
    return names


def _ticks(bars: Bars) -> list[tuple[float, str]]:
    """Places, in percent from above, and names of round numbers."""
    return [(bars.y(tick), f"{tick:,.12g}") for tick in bars.axis.ticks()]


def _shown(value: Any) -> str:
    text = wording.shown(value)
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"


_TEMPLATES = templates("hybridrec.data.quality")
_TEMPLATES.globals |= {
    "MODERATE_SHIFT": MODERATE_SHIFT,
    "LARGE_SHIFT": LARGE_SHIFT,
    "LONG_VALUE": LONG_VALUE,
    "ticks": _ticks,
    "wording": wording,
    "zip": zip,
}
_TEMPLATES.filters |= {
    "percent": percent,
    "sentence": wording.sentence,
    "shift_size": shift_size,
    "shown": _shown,
}
