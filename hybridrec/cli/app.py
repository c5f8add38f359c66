"""The command line itself, and how errors end it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from hybridrec.errors import HybridrecError
from hybridrec.progress import show_progress

app = typer.Typer(
    help="Recommendations with reasons, from a history table and a catalogue table.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


@app.callback()
def main(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Sets how progress is shown: bars in a terminal, a line a stage elsewhere."""
    if quiet:
        show_progress("none")
    else:
        show_progress("bars" if sys.stderr.isatty() else "lines")


@contextmanager
def clear_errors() -> Iterator[None]:
    """Errors raised on purpose end the command with their message, not with a traceback."""
    try:
        yield
    except HybridrecError as error:
        typer.secho(f"{type(error).__name__}: {error}", fg="red", err=True)
        raise typer.Exit(code=2) from error
