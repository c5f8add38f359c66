"""A table of answers: metrics with standard errors, paired leads of ours, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from benchmarks import markdown
from benchmarks.accuracy.answers import Answer
from benchmarks.accuracy.results import FUSION, Row, Value
from benchmarks.accuracy.tasks import Task
from hybridrec.evaluation.metrics import Estimate

COSTS = ("fit s", "ranking s", "users/s", "peak GB")


def section(rows: Sequence[Row]) -> str:
    """A table as Markdown, under a heading that names it and counts its users; then its parts."""
    every = [row for row in rows if row.part is None]
    first = every[0]
    header = ["model"]
    for metric in first.metrics:
        header += [f"{metric}, %" if first.percent else metric, "lead"]
    lines = []
    for row in every:
        cells: list[object] = [row.model]
        for value in row.metrics.values():
            cells += [written(value, percent=row.percent), lead(value)]
        cells += [_rounded(row.fit_seconds), _rounded(row.ranking_seconds)]
        lines.append([*cells, round(row.users / row.ranking_seconds), round(row.peak_gb, 2)])
    heading = f"### {first.table} ({first.users:,} users)"
    tables = [markdown.table([*header, *COSTS], lines), *_parts(rows)]
    return f"{heading}\n\n" + "\n\n".join(tables) + "\n"


def _parts(rows: Sequence[Row]) -> Iterator[str]:
    """The fusion beside its best peer on parts of the users and items, as a table."""
    parts: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.part is not None:
            parts.setdefault(row.part, {})[row.model] = row
    if not parts:
        return
    both = next(iter(parts.values()))
    [peer] = set(both) - {FUSION}
    header = ["part", "users"]
    for metric in both[FUSION].metrics:
        header += [f"{metric}, {peer}", f"{metric}, {FUSION}", "lead"]
    lines = []
    for part, found in parts.items():
        cells: list[object] = [part, found[FUSION].users]
        for metric, value in found[peer].metrics.items():
            both_values = (value, found[FUSION].metrics[metric])
            cells += [written(own, percent=found[peer].percent) for own in both_values]
            cells.append(lead(value))
        lines.append(cells)
    yield markdown.table(header, lines)


def written(value: Value, *, percent: bool = False) -> str:
    """Mean ± standard error.

    >>> written(Value(0.5, 0.25))
    '0.5000 ± 0.2500'
    >>> written(Value(0.5, 0.25), percent=True)
    '50.00 ± 25.00'
    """
    if percent:
        return f"{100 * value.mean:.2f} ± {100 * value.error:.2f}"
    return f"{value.mean:.4f} ± {value.error:.4f}"


def lead(value: Value) -> str:
    """How far the fusion is ahead, in standard errors; nothing where that is not known.

    >>> lead(Value(0.5, 0.25, 1.7321)), lead(Value(0.5, 0.25))
    ('+1.7', '')
    """
    return "" if value.lead is None else f"{value.lead:+.1f}"


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
