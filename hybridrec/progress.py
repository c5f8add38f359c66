"""How long work shows that it is alive; the one place that decides it.

Library code writes ``for step in track(range(100), "graph tower")`` and
``with stage("text tower")``; what becomes of that is chosen once, with :func:`show_progress`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, TypeVar

T = TypeVar("T")
Style = Literal["auto", "bars", "lines", "none"]

_style: ContextVar[Style] = ContextVar("progress_style", default="auto")
_depth: ContextVar[int] = ContextVar("progress_depth", default=0)


def show_progress(style: Style) -> None:
    """Chooses how progress is shown, from here on.

    Args:
        style: ``bars`` moving bars, ``lines`` a line for each finished stage with its seconds,
            ``none`` silence, ``auto`` bars where standard error is a terminal and silence
            elsewhere.
    """
    _style.set(style)


def _chosen() -> Style:
    style = _style.get()
    if style == "auto":
        return "bars" if sys.stderr.isatty() else "none"
    return style


@contextmanager
def counter(description: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Gives a function to call after each step; shows how far it has come meanwhile."""
    if _chosen() != "bars":
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(description, total=total)
        yield lambda: progress.advance(task)


def track(steps: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Passes ``steps`` on, showing how far it has come."""
    with counter(description, total) as advance:
        for step in steps:
            yield step
            advance()


@contextmanager
def stage(description: str) -> Iterator[None]:
    """Names a stretch of work and, once it is done, the seconds it took."""
    depth = _depth.get()
    token = _depth.set(depth + 1)
    started = time.perf_counter()
    try:
        yield
    finally:
        _depth.reset(token)
    if _chosen() != "none":
        seconds = time.perf_counter() - started
        print(f"{'  ' * depth}{description:<{48 - 2 * depth}}{seconds:7.1f} s", file=sys.stderr)
