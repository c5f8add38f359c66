"""Reports for those who decide what to promote."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hybridrec.cli.app import app, clear_errors
from hybridrec.cli.arguments import Model, Question, id_as_typed, load_model
from hybridrec.errors import ConfigError


@app.command()
def report(
    model: Model,
    html: Annotated[Path | None, typer.Option(help="HTML page to write; works offline.")] = None,
    user: Annotated[
        list[str] | None, typer.Option(help="A user whose lists are shown; may be repeated.")
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(help="An item: who gets it, why, what would raise it; may be repeated."),
    ] = None,
    segments: Annotated[
        bool | None,
        typer.Option(help="What each segment is shown; if not given, where no user or item is."),
    ] = None,
    catalogue: Annotated[
        bool | None,
        typer.Option(help="The whole catalogue; if not given, where no user or item is."),
    ] = None,
    language: Annotated[Literal["en", "zh"], typer.Option(help="Language of page and sheets.")] = (
        "en"
    ),
    name: Annotated[str, typer.Option(help="The shop's name, for the heading.")] = "",
    k: Annotated[int, typer.Option(help="Places of a list.")] = 10,
    exclude: Question = None,
    policy: Annotated[Path | None, typer.Option(help="Policy in YAML that the lists obey.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Settings of the report in YAML; see docs/report.md.")
    ] = None,
    show_users: Annotated[
        bool, typer.Option(help="Name the users' ids on the page; they are numbered otherwise.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Folder for the tables as CSV files.")] = None,
    excel: Annotated[
        Path | None, typer.Option(help="Workbook for the tables: report.xlsx.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="JSON file; its schema: docs/report.md.")
    ] = None,
) -> None:
    """Reports what is recommended to whom and why: users, items, segments, the catalogue."""
    with clear_errors():
        if not any((html, csv, excel, json_file)):
            raise ConfigError(
                "say where the report goes: --html FILE, --csv FOLDER, --excel or --json"
            )
        from hybridrec.pages import write_in_one_step
        from hybridrec.report import ReportConfig

        recommender = load_model(model)
        told = recommender.report(
            users=[id_as_typed(recommender, "user", text) for text in user or ()],
            items=[id_as_typed(recommender, "item", text) for text in item or ()],
            segments=segments,
            catalogue=catalogue,
            k=k,
            exclude=exclude,
            policy=policy,
            shop_name=name,
            settings=None if config is None else ReportConfig.from_yaml(config),
        )
        if html is not None:
            told.to_html(html, language, show_users=show_users)
        if csv is not None:
            told.write_csv(csv, language)
        if excel is not None:
            told.write_excel(excel, language)
        if json_file is not None:
            write_in_one_step(json_file, told.to_json())
        for path in filter(None, (html, csv, excel, json_file)):
            typer.echo(f"written to {path}")
