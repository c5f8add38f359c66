"""Asking a fitted recommender."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from hybridrec.cli.app import app, clear_errors
from hybridrec.cli.arguments import AsJson, Model, Question, id_as_typed, load_model


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
    with clear_errors():
        recommender = load_model(model)
        users = [id_as_typed(recommender, "user", text) for text in user or ()] or None
        items = (
            [id_as_typed(recommender, "item", text) for text in history.split(",")]
            if history
            else None
        )
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
