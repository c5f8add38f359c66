"""Fitting recommenders, searching for their settings, and measuring them."""

from __future__ import annotations

import glob
import json
import shutil
from pathlib import Path
from typing import Annotated, Literal

import typer

from hybridrec.cli.app import app, clear_errors
from hybridrec.cli.arguments import (
    AsJson,
    Catalogue,
    ColumnNames,
    Config,
    DataDir,
    Events,
    Model,
    Question,
    TimeZone,
    Triples,
    Users,
    load_model,
    new_recommender,
    print_changes,
    read_data,
)
from hybridrec.errors import ConfigError

FIT_DIGITS = 12
"""Of the fingerprint of a fit, how many name the directory of its checkpoints."""


@app.command()
def demo(
    report: Annotated[Path, typer.Option(help="Where the HTML report goes.")] = Path(
        "reports/demo.html"
    ),
    model: Annotated[Path, typer.Option(help="Where the recommender is saved.")] = Path(
        "models/demo"
    ),
    config: Config = None,
) -> None:
    """Trains on The Complete Journey and shows what comes of it."""
    with clear_errors():
        from hybridrec.demo import run

        run(report, model, config)


@app.command()
def fit(
    events: Events,
    model: Annotated[Path, typer.Argument(help="Directory to save the recommender in.")],
    catalogue: Catalogue = None,
    columns: ColumnNames = None,
    users: Users = None,
    triples: Triples = None,
    time_zone: TimeZone = None,
    data_dir: DataDir = None,
    config: Config = None,
    min_users: Annotated[int, typer.Option(help="Leave out items fewer users met.")] = 1,
    clean: Annotated[
        bool, typer.Option("--clean", help="Mend the data first, and say what changed.")
    ] = False,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Do not go on where a killed fit was.")
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Folder to send training curves to, for TensorBoard.")
    ] = None,
) -> None:
    """Fits a recommender and saves it. Killed and run again, it goes on where it was."""
    with clear_errors():
        from hybridrec.training import fingerprint

        data = read_data(events, catalogue, columns, users, triples, time_zone, data_dir)
        if clean:
            data = data.clean()
            print_changes(data)
        if min_users > 1:
            data = data.keep_items(min_users)
        recommender = new_recommender(config)
        this_fit = fingerprint(data, recommender.config)[:FIT_DIGITS]
        checkpoints = model.parent / f".{model.name}-fit-{this_fit}"
        if afresh:
            shutil.rmtree(checkpoints, ignore_errors=True)
        elif checkpoints.exists():
            typer.echo("going on where a killed fit was; --afresh starts from the beginning")
        recommender.fit(data, checkpoints=checkpoints, tensorboard=tensorboard).save(model)
        for finished in model.parent.glob(f".{glob.escape(model.name)}-fit-{'?' * FIT_DIGITS}"):
            shutil.rmtree(finished)
        typer.echo(f"{data}\ntowers: {', '.join(recommender.towers)}\nsaved to {model}")


@app.command()
def tune(
    events: Events,
    space: Annotated[Path, typer.Argument(help="What may vary, in YAML; see configs/search/.")],
    best: Annotated[Path, typer.Argument(help="Where the best settings go, as YAML.")],
    catalogue: Catalogue = None,
    columns: ColumnNames = None,
    users: Users = None,
    triples: Triples = None,
    time_zone: TimeZone = None,
    data_dir: DataDir = None,
    config: Config = None,
    tower: Annotated[
        Literal["collaborative", "graph", "text"] | None,
        typer.Option(help="Measure this tower alone; the whole recommender if not given."),
    ] = None,
    trials: Annotated[int, typer.Option(help="Trials to come to, earlier runs included.")] = 30,
    study: Annotated[
        Path | None,
        typer.Option(help="SQLite file of the trials; if not given, beside the settings."),
    ] = None,
    min_users: Annotated[int, typer.Option(help="Leave out items fewer users met.")] = 1,
    html: Annotated[Path | None, typer.Option(help="Draw the search on a page, too.")] = None,
) -> None:
    """Searches for better settings. Killed and run again, it goes on where it was.

    Trials are measured on the end of the data; split off what is to test the result before.
    """
    with clear_errors():
        try:
            from hybridrec.tuning.page import write_search_page
            from hybridrec.tuning.study import tune as search_for
        except ImportError as error:
            raise ConfigError(f"{error}; pip install 'hybridrec[tune]'") from error
        from hybridrec.config import RecommenderConfig
        from hybridrec.console import print_search
        from hybridrec.tuning.space import SearchSpace

        data = read_data(events, catalogue, columns, users, triples, time_zone, data_dir)
        search = search_for(
            data.keep_items(min_users),
            SearchSpace.from_yaml(space),
            study or best.with_suffix(".db"),
            trials,
            base=RecommenderConfig() if config is None else RecommenderConfig.from_yaml(config),
            part=tower or "fusion",
        )
        best.parent.mkdir(parents=True, exist_ok=True)
        best.write_text(search.best.to_yaml(), encoding="utf-8")
        print_search(search)
        typer.echo(f"the best settings are in {best}")
        if html is not None:
            write_search_page(search, html)
            typer.echo(f"drawn in {html}")


@app.command()
def curves(
    model: Model,
    html: Annotated[Path | None, typer.Option(help="Draw them on a page, too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prints what losses and validation metrics did while a recommender was fitted."""
    with clear_errors():
        recorded = load_model(model).curves
        if html is not None:
            recorded.to_html(html)
        if as_json:
            for row in recorded.to_polars().to_dicts():
                typer.echo(json.dumps(row))
            return
        from hybridrec.console import print_curves

        print_curves(recorded)
        if html is not None:
            typer.echo(f"\nwritten to {html}")


@app.command()
def evaluate(
    events: Events,
    catalogue: Catalogue = None,
    columns: ColumnNames = None,
    users: Users = None,
    triples: Triples = None,
    time_zone: TimeZone = None,
    data_dir: DataDir = None,
    config: Config = None,
    test_days: Annotated[float, typer.Option(help="Days at the end to foretell.")] = 28.0,
    min_users: Annotated[int, typer.Option(help="Leave out items fewer users met before.")] = 5,
    exclude: Question = None,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean",
            help="Mend the data first, and say what changed: errors everywhere, so that both sides "
            "can be read; all else only in what is learnt from, so that the question stays as hard "
            "as it was.",
        ),
    ] = False,
    reliability: Annotated[
        Path | None,
        typer.Option(help="Draw on a page whether probabilities came true, and print it, too."),
    ] = None,
) -> None:
    """Fits on all but the last days and compares the fusion with simple models on those."""
    with clear_errors():
        from hybridrec.console import print_comparison, print_reliability
        from hybridrec.evaluation.protocols import compare

        data = read_data(events, catalogue, columns, users, triples, time_zone, data_dir)
        if clean:
            data = data.clean(_fixes_of_errors())
        timed = data.as_of is not None
        train, test = data.split_by_time(test_days) if timed else data.split_leave_last_out()
        if clean:
            train = train.clean()
            print_changes(train)
        recommender = new_recommender(config)
        question = recommender.config.question(exclude)  # before the fit, which takes long
        recommender.fit(train.keep_items(min_users))
        frame = compare(recommender.fusion, recommender.shop, test, question)
        print_comparison(frame, question)
        if reliability is not None:
            told = recommender.reliability(test, exclude=question)
            told.to_html(reliability)
            print_reliability(told)
            typer.echo(f"written to {reliability}")


def _fixes_of_errors() -> list[str]:
    """The fixes without which no model can read the data."""
    from hybridrec.data.quality import CHECKS

    return [
        one.code for one in CHECKS if one.severity == "error" and one.fix and one.fix.by_default
    ]
