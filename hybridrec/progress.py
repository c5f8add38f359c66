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
Watcher = Callable[[str, int, float], None]
"""Told of each piece of work that is done: what it was, how deep inside others, its seconds."""

_style: ContextVar[Style] = ContextVar("progress_style", default="auto")
_depth: ContextVar[int] = ContextVar("progress_depth", default=0)
_watcher: ContextVar[Watcher | None] = ContextVar("progress_watcher", default=None)


def show_progress(style: Style) -> None:
    """Chooses how progress is shown, from here on.

    Args:
        style: ``bars`` moving bars, ``lines`` a line for each finished stage with its seconds,
            ``none`` silence, ``auto`` bars where standard error is a terminal and silence
            elsewhere.
    """
    _style.set(style)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Tells somebody of every stage and loop that ends inside, whatever is shown."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def _chosen() -> Style:
    style = _style.get()
    if style == "auto":
        return "bars" if sys.stderr.isatty() else "none"
    return style


@contextmanager
def counter(description: str, total: int | None = None) -> Iterator[Callable[[], None]]:
    """Gives a function to call after each step; shows how far it has come meanwhile."""
    started = time.perf_counter()
    with _bar(description, total) as advance:
        yield advance
    _tell(description, _depth.get(), time.perf_counter() - started)


@contextmanager
def _bar(description: str, total: int | None) -> Iterator[Callable[[], None]]:
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
    seconds = time.perf_counter() - started
    _tell(description, depth, seconds)
    if _chosen() != "none":
        print(f"{'  ' * depth}{description:<{48 - 2 * depth}}{seconds:7.1f} s", file=sys.stderr)


def _tell(description: str, depth: int, seconds: float) -> None:
    watcher = _watcher.get()
    if watcher is not None:
        watcher(description, depth, seconds)
