"""How interests move, and who behaves alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from hybridrec.cli.app import app, clear_errors
from hybridrec.cli.arguments import Model, id_as_typed, load_model

Language = Annotated[Literal["en", "zh"], typer.Option(help="Language of words and page.")]
Settings = Annotated[Path | None, typer.Option(help="Settings in YAML; see docs/drift.md.")]


@app.command()
def drift(
    model: Model,
    user: Annotated[
        list[str] | None, typer.Option(help="Only of this user; may be repeated.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="Events file of what came since, to be looked at only.")
    ] = None,
    language: Language = "en",
    config: Settings = None,
    html: Annotated[Path | None, typer.Option(help="Draw it on a page, too.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Says whose interest moved from what to what, how the mix moved, and if a refit is due."""
    with clear_errors():
        from hybridrec.data.sources import read_files
        from hybridrec.drift.config import DriftConfig
        from hybridrec.drift.terminal import print_drift

        recommender = load_model(model)
        settings = None if config is None else DriftConfig.from_yaml(config)
        users = [id_as_typed(recommender, "user", text) for text in user or ()] or None
        came = None if events is None else read_files({"events": events})["events"].frame
        report = recommender.drift(users, events=came, settings=settings)
        if html is not None:
            report.to_html(html, language)
        if as_json:
            typer.echo(report.to_json())
            return
        print_drift(report, language, everyone=users is not None)
        if html is not None:
            typer.echo(f"\nwritten to {html}")


@app.command()
def segments(
    model: Model,
    number: Annotated[
        int | None, typer.Option(help="How many; the best silhouette's if not given.")
    ] = None,
    language: Language = "en",
    config: Settings = None,
    users: Annotated[
        Path | None, typer.Option(help="CSV file for the segment of every user.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Groups users who behave alike, named by what they choose more than others."""
    with clear_errors():
        from hybridrec.drift.config import SegmentsConfig
        from hybridrec.drift.terminal import print_segments

        recommender = load_model(model)
        settings = SegmentsConfig() if config is None else SegmentsConfig.from_yaml(config)
        found = recommender.segments(number, settings=settings)
        if users is not None:
            import polars as pl

            ids = pl.Series("user_id", list(map(str, found.users["user_id"])), dtype=pl.String)
            found.users.with_columns(ids).write_csv(users)
        if as_json:
            typer.echo(json.dumps(found.to_dict(), default=str, ensure_ascii=False, indent=2))
            return
        print_segments(found, language)
        if users is not None:
            typer.echo(f"\nwritten to {users}")
