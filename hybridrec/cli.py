"""Every verb of the face, from a shell."""

from __future__ import annotations

import glob
import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hybridrec.errors import ConfigError, HybridrecError
from hybridrec.progress import show_progress

if TYPE_CHECKING:
    from hybridrec.data import Dataset
    from hybridrec.data.quality import Check
    from hybridrec.recommender import Recommender

app = typer.Typer(
    help="Recommendations with reasons, from a history table and a catalogue table.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

Model = Annotated[Path, typer.Argument(help="Directory of a saved recommender.")]
Events = Annotated[
    str,
    typer.Argument(
        help="Events file (parquet, csv, tsv, jsonl), a pattern such as 'events/*.csv', or a "
        "public set's name."
    ),
]
Catalogue = Annotated[Path | None, typer.Option(help="Catalogue file.")]
ColumnNames = Annotated[
    Path | None, typer.Option("--columns", help="YAML of the shop's column names: 'sku: item_id'.")
]
Config = Annotated[Path | None, typer.Option(help="Settings in YAML; see configs/.")]
Question = Annotated[
    Literal["none", "seen"] | None,
    typer.Option("--exclude", help="What to leave out; the model's own setting if not given."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]


@app.callback()
def main(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Sets how progress is shown: bars in a terminal, a line a stage elsewhere."""
    if quiet:
        show_progress("none")
    else:
        show_progress("bars" if sys.stderr.isatty() else "lines")


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
    with _clear_errors():
        from hybridrec.demo import run

        run(report, model, config)


@app.command()
def check(
    events: Events,
    catalogue: Catalogue = None,
    columns: ColumnNames = None,
    users: Annotated[Path | None, typer.Option(help="File of user attributes.")] = None,
    triples: Annotated[
        Path | None, typer.Option(help="File of further facts: head, relation, tail.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Folder of the public sets.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Thresholds in YAML, the fields of QualityConfig.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="Zone of times that name none; UTC if not given.")
    ] = None,
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
    with _clear_errors():
        from hybridrec.data.quality import QualityConfig
        from hybridrec.data.quality.terminal import print_quality

        settings = QualityConfig() if config is None else QualityConfig.from_yaml(config)
        own_checks = _shop_checks(checks or ())
        data = _read(
            events,
            data_dir,
            catalogue=catalogue,
            columns=columns,
            users=users,
            triples=triples,
            time_zone=time_zone,
        )
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
def fit(
    events: Events,
    model: Annotated[Path, typer.Argument(help="Directory to save the recommender in.")],
    catalogue: Catalogue = None,
    columns: ColumnNames = None,
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
    with _clear_errors():
        from hybridrec.training import fingerprint

        data = _read(events, catalogue=catalogue, columns=columns)
        if clean:
            data = data.clean()
            _print_ledger(data)
        if min_users > 1:
            data = data.keep_items(min_users)
        recommender = _new_recommender(config)
        this_fit = fingerprint(data, recommender.config)[:12]
        checkpoints = model.parent / f".{model.name}-fit-{this_fit}"
        if afresh:
            shutil.rmtree(checkpoints, ignore_errors=True)
        elif checkpoints.exists():
            typer.echo("going on where a killed fit was; --afresh starts from the beginning")
        recommender.fit(data, checkpoints=checkpoints, tensorboard=tensorboard).save(model)
        for finished in model.parent.glob(f".{glob.escape(model.name)}-fit-*"):
            shutil.rmtree(finished)
        typer.echo(f"{data}\ntowers: {', '.join(recommender.towers)}\nsaved to {model}")


@app.command()
def tune(
    events: Events,
    space: Annotated[Path, typer.Argument(help="What may vary, in YAML; see configs/search.yaml.")],
    best: Annotated[Path, typer.Argument(help="Where the best settings go, as YAML.")],
    catalogue: Catalogue = None,
    columns: ColumnNames = None,
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
    with _clear_errors():
        try:
            from hybridrec.tuning.page import write_search_page
            from hybridrec.tuning.study import tune as search_for
        except ImportError as error:
            raise ConfigError(f"{error}; pip install 'hybridrec[tune]'") from error
        from hybridrec.config import RecommenderConfig
        from hybridrec.console import print_search
        from hybridrec.tuning.space import SearchSpace

        search = search_for(
            _read(events, catalogue=catalogue, columns=columns).keep_items(min_users),
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
    with _clear_errors():
        recorded = _load(model).curves
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
def recommend(
    model: Model,
    user: Annotated[list[str] | None, typer.Option(help="A user id; may be repeated.")] = None,
    history: Annotated[
        str | None, typer.Option(help="Item ids of a visitor, oldest first: a,b,c.")
    ] = None,
    k: Annotated[int, typer.Option(help="How many items a user gets.")] = 10,
    exclude: Question = None,
    where: Annotated[str | None, typer.Option(help="Condition in SQL over the catalogue.")] = None,
    explain: Annotated[bool, typer.Option(help="Say why, a sentence each.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prints the best items for users, or for a visitor with a few items."""
    with _clear_errors():
        recommender = _load(model)
        users = [_id(recommender, "user", text) for text in user] if user else None
        items = [_id(recommender, "item", text) for text in history.split(",")] if history else None
        recs = recommender.recommend(
            users, history=items, k=k, exclude=exclude, where=where, explain=explain
        )
        if as_json:
            for row in recs.to_dicts():
                typer.echo(json.dumps(row, default=str, ensure_ascii=False))
            return
        from hybridrec.console import print_recommendations

        print_recommendations(recs, recommender)


@app.command("explain")
def explain_item(
    model: Model,
    user: Annotated[str, typer.Option(help="The user id.")],
    item: Annotated[str, typer.Option(help="The item id.")],
    exclude: Question = None,
    language: Annotated[Literal["en", "zh"], typer.Option(help="Language of the sentence.")] = "en",
    as_json: AsJson = False,
) -> None:
    """Takes one score apart."""
    with _clear_errors():
        recommender = _load(model)
        user_id, item_id = _id(recommender, "user", user), _id(recommender, "item", item)
        why = recommender.explain(user_id, item_id, exclude=exclude)
        if as_json:
            typer.echo(json.dumps(why.to_dict(), default=str, ensure_ascii=False, indent=2))
            return
        from hybridrec.console import print_explanation

        print_explanation(why, language)


@app.command()
def similar(
    model: Model,
    item: Annotated[str, typer.Option(help="The item id.")],
    k: Annotated[int, typer.Option(help="How many items.")] = 10,
) -> None:
    """Prints the items nearest to one."""
    with _clear_errors():
        from hybridrec.console import print_frame

        recommender = _load(model)
        nearest = recommender.similar_items(_id(recommender, "item", item), k)
        print_frame(nearest, f"nearest to {item}")


@app.command()
def evaluate(
    events: Events,
    catalogue: Catalogue = None,
    columns: ColumnNames = None,
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
) -> None:
    """Fits on all but the last days and compares the fusion with simple models on those."""
    with _clear_errors():
        from hybridrec.console import print_comparison
        from hybridrec.evaluation.protocols import compare

        data = _read(events, catalogue=catalogue, columns=columns)
        if clean:
            data = data.clean(_fixes_of_errors())
        timed = data.as_of is not None
        train, test = data.split_by_time(test_days) if timed else data.split_leave_last_out()
        if clean:
            train = train.clean()
            _print_ledger(train)
        recommender = _new_recommender(config).fit(train.keep_items(min_users))
        question = exclude or recommender.config.exclude
        frame = compare(recommender.fusion, recommender.shop, test, question)
        print_comparison(frame, question)


@app.command()
def doctor() -> None:
    """Prints versions, threads, devices and what is installed, for questions about an install."""
    from hybridrec.console import print_doctor

    print_doctor()


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Errors raised on purpose end the command with their message, not with a traceback."""
    try:
        yield
    except HybridrecError as error:
        typer.secho(f"{type(error).__name__}: {error}", fg="red", err=True)
        raise typer.Exit(code=2) from error


def _read(events: str, data_dir: Path | None = None, **files: Any) -> Dataset:
    """A public set, or the shop's own tables; files that are ``None`` were not given."""
    from hybridrec.data import Dataset

    given = {name: file for name, file in files.items() if file is not None}
    if Path(events).suffix or Path(events).exists() or set(events) & set("*?[/\\"):
        if data_dir is not None:
            raise ConfigError(f"--data-dir is for public sets; {events} is a file")
        return Dataset.from_files(events, **given)
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ConfigError(
            f"{events!r} is no file, and a public set needs no {options}; give a file such as "
            "events.csv, or the set's name alone"
        )
    return Dataset.load(events, data_dir=data_dir)


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


def _fixes_of_errors() -> list[str]:
    """The fixes without which no model can read the data."""
    from hybridrec.data.quality import CHECKS

    return [
        one.code for one in CHECKS if one.severity == "error" and one.fix and one.fix.by_default
    ]


def _print_ledger(data: Dataset) -> None:
    from hybridrec.data.quality.terminal import print_ledger

    print_ledger(data.ledger)


def _new_recommender(config: Path | None) -> Recommender:
    from hybridrec.recommender import Recommender

    return Recommender() if config is None else Recommender.from_config(config)


def _load(model: Path) -> Recommender:
    from hybridrec.recommender import Recommender

    return Recommender.load(model)


def _id(recommender: Recommender, kind: Literal["user", "item"], text: str) -> str | int:
    """An id as typed, in the type the shop uses."""
    ids = recommender.shop.users if kind == "user" else recommender.shop.items
    return int(text) if ids.codec.name == "int" and text.strip().lstrip("-").isdigit() else text
