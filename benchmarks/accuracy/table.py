"""A table of answers: metrics with standard errors, paired leads of ours, and what they cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks import markdown
from benchmarks.accuracy.answers import Answer
from benchmarks.accuracy.tasks import Task
from hybridrec.arrays import DoubleArray
from hybridrec.evaluation.metrics import Estimate

FUSION = "fusion"
COSTS = ("fit s", "ranking s", "users/s", "peak GB")


def section(task: Task, answers: Sequence[Answer]) -> str:
    """The table of a task as Markdown, under a heading that names it and counts its users."""
    metrics = task.protocol.metrics
    ours = next((answer for answer in answers if answer.model == FUSION), None)
    header = ["model"]
    for metric in metrics:
        header += [f"{metric}, %" if task.protocol.percent else metric, "lead"]
    reference = {
        metric: task.question.score(ours.top, metric) for metric in metrics if ours is not None
    }
    lines = []
    for answer in answers:
        cells: list[object] = [answer.model]
        for metric in metrics:
            values = task.question.score(answer.top, metric)
            cells.append(written(values, percent=task.protocol.percent))
            rival = ours is not None and ours is not answer
            cells.append(lead(reference[metric] - values) if rival else "")
        users = task.question.users.size
        speed = users / answer.ranking_seconds
        cells += [_rounded(answer.fit_seconds), _rounded(answer.ranking_seconds)]
        lines.append([*cells, round(speed), round(answer.peak_gb, 2)])
    heading = f"### {task.name} ({task.question.users.size:,} users)"
    return f"{heading}\n\n{markdown.table([*header, *COSTS], lines)}\n"


def written(values: DoubleArray, *, percent: bool = False) -> str:
    """Mean ± standard error.

    >>> import numpy as np
    >>> written(np.array([0.0, 1.0]))
    '0.5000 ± 0.5000'
    >>> written(np.array([0.0, 1.0]), percent=True)
    '50.00 ± 50.00'
    """
    estimate = Estimate.of(values)
    if percent:
        return f"{100 * estimate.value:.2f} ± {100 * estimate.standard_error:.2f}"
    return f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"


def lead(difference: DoubleArray) -> str:
    """The mean of a paired difference in its standard errors; nothing where there is no error.

    >>> import numpy as np
    >>> lead(np.array([1.0, 0.0, 1.0, 0.0]))
    '+1.7'
    """
    estimate = Estimate.of(difference)
    if not estimate.standard_error > 0:
        return ""
    return f"{estimate.value / estimate.standard_error:+.1f}"


def referee_figures(task: Task, answer: Answer) -> Mapping[str, object]:
    """What ``score.py`` should print for the saved recommendations, with the same names."""
    recall = "recall" if task.protocol.capped_recall else "full_recall"
    figures: dict[str, object] = {"table": task.name, "users": task.question.users.size}
    for name in ("recall", "ndcg", "hr", "precision", "mrr"):
        metric = f"{recall if name == 'recall' else name}@10"
        estimate = Estimate.of(task.question.score(answer.top, metric))
        figures[f"{name}@10"] = round(estimate.value, 5)
        figures[f"{name}@10_se"] = round(estimate.standard_error, 5)
    return figures


def notes(facts: Mapping[str, object]) -> str:
    """Facts under a table, one a line."""
    return "\n".join(f"- {name}: {value}" for name, value in facts.items()) + "\n"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
