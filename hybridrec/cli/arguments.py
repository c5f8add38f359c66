"""What several verbs take, and how it is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from hybridrec.errors import ConfigError

if TYPE_CHECKING:
    from hybridrec.data import Dataset
    from hybridrec.recommender import Recommender

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
Users = Annotated[Path | None, typer.Option(help="File of user attributes.")]
Triples = Annotated[Path | None, typer.Option(help="File of further facts: head, relation, tail.")]
TimeZone = Annotated[
    str | None, typer.Option(help="Zone of times that name none; UTC if not given.")
]
DataDir = Annotated[Path | None, typer.Option(help="Folder of the public sets.")]
Config = Annotated[Path | None, typer.Option(help="Settings in YAML; see configs/.")]
Question = Annotated[
    Literal["none", "seen"] | None,
    typer.Option("--exclude", help="What to leave out; the model's own setting if not given."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]


def read_data(
    events: str,
    catalogue: Path | None,
    columns: Path | None,
    users: Path | None,
    triples: Path | None,
    time_zone: str | None,
    data_dir: Path | None,
) -> Dataset:
    """A public set, or the shop's own tables; what is ``None`` was not given."""
    from hybridrec.data import Dataset

    own: dict[str, Any] = {
        "catalogue": catalogue, "columns": columns, "users": users, "triples": triples,
        "time_zone": time_zone,
    }  # fmt: skip
    given = {name: value for name, value in own.items() if value is not None}
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


def new_recommender(config: Path | None) -> Recommender:
    """An unfitted recommender with the settings of a file, or the defaults."""
    from hybridrec.recommender import Recommender

    return Recommender() if config is None else Recommender.from_config(config)


def load_model(model: Path) -> Recommender:
    """A saved recommender."""
    from hybridrec.recommender import Recommender

    return Recommender.load(model)


def id_as_typed(recommender: Recommender, kind: Literal["user", "item"], text: str) -> str | int:
    """An id as typed, in the type the shop uses."""
    ids = recommender.shop.users if kind == "user" else recommender.shop.items
    return int(text) if ids.codec.name == "int" and text.strip().lstrip("-").isdigit() else text


def print_changes(data: Dataset) -> None:
    """What cleaning changed."""
    from hybridrec.data.quality.terminal import print_ledger

    print_ledger(data.ledger)
