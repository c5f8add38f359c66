"""How well models foretell, as dots on a line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from hybridrec.errors import RequestError
from hybridrec.pages import Axis, decimals_for, written

SURE = 1.96
"""Standard errors to either side of a mean that make a 95 % interval."""


@dataclass(frozen=True, slots=True)
class AccuracyTable:
    """The fusion beside its rivals.

    Args:
        title: what was asked of them, ``Next 28 days, items new to the user``.
        frame: as :func:`hybridrec.evaluation.protocols.compare` returns it.
    """

    title: str
    frame: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Model:
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
class Plot:
    """Models under one metric, best first."""

    metric: str
    users: int
    models: list[Model]
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


def plots(table: AccuracyTable) -> list[Plot]:
    """A plot for each metric of a table.

    Raises:
        RequestError: the table is not as ``compare`` returns it.
    """
    frame = table.frame
    metrics = [name for name in frame.columns if f"{name} se" in frame.columns]
    if frame.is_empty() or not metrics or not {"model", "users"} <= set(frame.columns):
        raise RequestError(
            f"accuracy table {table.title!r} needs rows of model, users and a metric beside its "
            f"standard error, as compare() returns them; it has {frame.height} rows of "
            f"{', '.join(frame.columns) or 'no columns'}"
        )
    found = []
    for metric in metrics:
        models = sorted(
            (
                Model(
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
        found.append(Plot(metric, int(frame["users"][0]), models, axis, decimals))
    return found


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value
