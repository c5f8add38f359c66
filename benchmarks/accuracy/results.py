"""Measured rows, as lines of JSON: what tables and plots are made of."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from benchmarks.accuracy.answers import Answer
from benchmarks.accuracy.slices import slices
from benchmarks.accuracy.tasks import Task
from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.errors import RequestError
from hybridrec.evaluation.metrics import Estimate
from hybridrec.evaluation.protocols import Question

FUSION = "fusion"


@dataclass(frozen=True, slots=True)
class Value:
    """A metric.

    Args:
        mean: over users.
        error: its standard error.
        lead: how far the fusion is ahead, in standard errors of the paired difference; ``None``
            for the fusion itself, and where there is none.
    """

    mean: float
    error: float
    lead: float | None = None

    @classmethod
    def of(cls, values: DoubleArray, reference: DoubleArray | None = None) -> Self:
        """The metric of one value a user.

        Args:
            values: ``(n_users,)``.
            reference: ``(n_users,)`` the fusion's, where this is another model.
        """
        estimate, lead = Estimate.of(values), None
        if reference is not None:
            gap = Estimate.of(reference - values)
            if gap.standard_error > 0:
                lead = gap.value / gap.standard_error
        return cls(estimate.value, estimate.standard_error, lead)


@dataclass(frozen=True, slots=True)
class Row:
    """A model's row in a table.

    Args:
        table: the name of the table.
        users: asked.
        percent: whether the table is written in percent.
        model: its name.
        metrics: by name.
        fit_seconds: ``None`` where it was fitted in another row.
        ranking_seconds: for all users.
        peak_gb: the most memory held meanwhile.
        facts: what the table rests on: machine, versions, commit, seed, settings, command.
        part: of the users or items it speaks of; ``None`` for all.
    """

    table: str
    users: int
    percent: bool
    model: str
    metrics: Mapping[str, Value]
    fit_seconds: float | None
    ranking_seconds: float
    peak_gb: float
    facts: Mapping[str, str]
    part: str | None = None

    @classmethod
    def read(cls, line: str) -> Self:
        """A row from its line."""
        values = json.loads(line)
        metrics = {name: Value(**value) for name, value in values.pop("metrics").items()}
        return cls(metrics=metrics, **values)

    @property
    def is_peer(self) -> bool:
        """Whether the model is neither the fusion, nor one without a part, nor a part of it."""
        return self.fit_seconds is not None and not self.model.startswith(FUSION)

    def written(self) -> str:
        """The row as a line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def rows_of(
    task: Task, answers: Sequence[Answer], facts: Mapping[str, object] | None = None
) -> list[Row]:
    """The rows of a task's table; behind them, by parts, those of the fusion and its best peer.

    Args:
        task: the question.
        answers: the models'.
        facts: what they rest on.
    """
    told = {name: str(value) for name, value in (facts or {}).items()}
    everyone = np.arange(task.question.users.size)
    rows = _rows(task, answers, None, task.question, everyone, told)
    ours = [answer for answer in answers if answer.model == FUSION]
    peers = [row for row in rows if row.is_peer]
    if ours and peers:
        metric = task.protocol.metrics[0]
        best = max(peers, key=lambda row: row.metrics[metric].mean).model
        both = [answer for answer in answers if answer.model in (best, FUSION)]
        for part in slices(task):
            rows += _rows(task, both, *part, told)
    return rows


def _rows(
    task: Task,
    answers: Sequence[Answer],
    part: str | None,
    question: Question,
    users: IntArray,
    facts: Mapping[str, str],
) -> list[Row]:
    """A row for each answer, to a part of the question that is asked of these users of it."""
    metrics = task.protocol.metrics
    ours = next((answer for answer in answers if answer.model == FUSION), None)
    of_ours = {} if ours is None else {m: question.score(ours.top[users], m) for m in metrics}
    rows = []
    for answer in answers:
        scores = {metric: question.score(answer.top[users], metric) for metric in metrics}
        others = {} if answer is ours else of_ours
        rows.append(
            Row(
                task.name,
                int(users.size),
                task.protocol.percent,
                answer.model,
                {name: Value.of(own, others.get(name)) for name, own in scores.items()},
                answer.fit_seconds,
                answer.ranking_seconds,
                answer.peak_gb,
                facts,
                part,
            )
        )
    return rows


def save(rows: Iterable[Row], file: Path) -> None:
    """Writes rows, a line each."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{row.written()}\n" for row in rows), encoding="utf-8")


def load(file: Path) -> list[Row]:
    """The rows of a file.

    Raises:
        RequestError: a line that is no row.
    """
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            rows.append(Row.read(line))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RequestError(
                f"{file}, line {number}: no row of results ({error}); "
                "benchmarks.accuracy --save-results writes them"
            ) from error
    return rows
