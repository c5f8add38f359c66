"""What is wrong with the data, and with the install."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hybridrec.cli.app import app, clear_errors
from hybridrec.cli.arguments import (
    Catalogue,
    ColumnNames,
    DataDir,
    Events,
    TimeZone,
    Triples,
    Users,
    read_data,
)
from hybridrec.errors import ConfigError

if TYPE_CHECKING:
    from hybridrec.data.quality import Check


@app.command()
def check(
    events: Events,
    catalogue: Catalogue = None,
    columns: ColumnNames = None,
    users: Users = None,
    triples: Triples = None,
    data_dir: DataDir = None,
    config: Annotated[
        Path | None, typer.Option(help="Thresholds in YAML, the fields of QualityConfig.")
    ] = None,
    time_zone: TimeZone = None,
    checks: Annotated[
        list[str] | None,
        typer.Option(help="The shop's own checks, as module:name; may be repeated."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report there, too, as HTML.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    show_users: Annotated[
        bool, typer.Option("--show-users", help="Show user ids; examples mask them otherwise.")
    ] = False,
    fail_on: Annotated[
        Literal["error", "warning", "never"],
        typer.Option(help="Exit with 1 if anything so severe is found."),
    ] = "error",
) -> None:
    """Says what is wrong with the data, why it matters and what would mend it.

    Exits with 0 if the data are fine, with 1 if they are not, with 2 if they cannot be read.
    """
    with clear_errors():
        from hybridrec.data.quality import QualityConfig
        from hybridrec.data.quality.terminal import print_quality

        settings = QualityConfig() if config is None else QualityConfig.from_yaml(config)
        own_checks = _shop_checks(checks or ())
        data = read_data(events, catalogue, columns, users, triples, time_zone, data_dir)
        report = data.check(own_checks, config=settings, show_users=show_users)
        if html is not None:
            report.to_html(html)
        if as_json:
            typer.echo(report.to_json())
        else:
            print_quality(report)
            if html is not None:
                typer.echo(f"\nwritten to {html}")
        severe = {
            "error": report.errors,
            "warning": [*report.errors, *report.of_severity("warning")],
            "never": [],
        }
        if severe[fail_on]:
            raise typer.Exit(code=1)


@app.command()
def doctor() -> None:
    """Prints versions, threads, devices and what is installed, for questions about an install."""
    from hybridrec.console import print_doctor

    print_doctor()


def _shop_checks(names: Iterable[str]) -> list[Check]:
    """The checks that these name, each as ``module:name``; modules may lie in the directory."""
    from hybridrec.data.quality import Check

    found: list[Check] = []
    for name in names:
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        module, _, attribute = name.partition(":")
        try:
            given = getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"--checks {name}: {error}; give module:name of a check or of a list of them"
            ) from error
        checks = [given] if isinstance(given, Check) else given
        if not isinstance(checks, list | tuple) or not all(isinstance(c, Check) for c in checks):
            raise ConfigError(
                f"--checks {name}: {given!r} is no check and no list of them; "
                "hybridrec.data.quality.quality_check makes one of a function"
            )
        found += checks
    return found
