"""Asking a fitted recommender."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from hybridrec.cli.app import app, clear_errors
from hybridrec.cli.arguments import AsJson, Model, Question, id_as_typed, load_model
from hybridrec.errors import RequestError


@app.command()
def recommend(
    model: Model,
    user: Annotated[list[str] | None, typer.Option(help="A user id; may be repeated.")] = None,
    history: Annotated[
        str | None, typer.Option(help="Item ids of a visitor, oldest first: a,b,c.")
    ] = None,
    k: Annotated[int, typer.Option(help="How many items a user gets.")] = 10,
    exclude: Question = None,
    where: Annotated[
        str | None,
        typer.Option(help="Condition over the catalogue: \"price < 5 and brand != 'X'\"."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="Policy in YAML: what may be shown, and how it is mixed.")
    ] = None,
    allow: Annotated[str | None, typer.Option(help="The only items to show: a,b,c.")] = None,
    deny: Annotated[str | None, typer.Option(help="Items never to show: a,b,c.")] = None,
    caps: Annotated[
        str | None, typer.Option(help="How often a value may stand in a list: brand=2,category=3.")
    ] = None,
    diversity: Annotated[
        float, typer.Option(help="How much likeness to items above costs, 0 to 1.")
    ] = 0.0,
    at: Annotated[
        datetime | None, typer.Option(help="Moment that dates are compared with; now if not given.")
    ] = None,
    explain: Annotated[bool, typer.Option(help="Say why, a sentence each.")] = False,
    as_json: AsJson = False,
) -> None:
    """Prints the best items for users, or for a visitor with a few items."""
    with clear_errors():
        recommender = load_model(model)
        users = [id_as_typed(recommender, "user", text) for text in user or ()] or None

        def items(text: str | None) -> list[str | int] | None:
            if not text:
                return None
            return [id_as_typed(recommender, "item", part) for part in text.split(",")]

        recs = recommender.recommend(
            users,
            history=items(history),
            k=k,
            exclude=exclude,
            where=where,
            caps=_caps(caps),
            diversity=diversity,
            allow=items(allow),
            deny=items(deny),
            policy=policy,
            at=at,
            explain=explain,
        )
        if as_json:
            for row in recs.to_dicts():
                typer.echo(json.dumps(row, default=str, ensure_ascii=False))
            return
        from hybridrec.console import print_recommendations

        print_recommendations(recs, recommender)


def _caps(text: str | None) -> dict[str, int] | None:
    """Caps as typed: ``brand=2,category=3``."""
    if text is None:
        return None
    caps = {}
    for part in text.split(","):
        column, _, cap = part.rpartition("=")
        if not column or not cap.strip().isdecimal():
            raise RequestError(f"--caps {text!r}: cannot read {part!r}; write brand=2,category=3")
        caps[column.strip()] = int(cap)
    return caps


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
    with clear_errors():
        recommender = load_model(model)
        user_id, item_id = (
            id_as_typed(recommender, "user", user),
            id_as_typed(recommender, "item", item),
        )
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
    with clear_errors():
        from hybridrec.console import print_frame

        recommender = load_model(model)
        nearest = recommender.similar_items(id_as_typed(recommender, "item", item), k)
        print_frame(nearest, f"nearest to {item}")
