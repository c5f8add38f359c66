"""Asking a fitted recommender."""

from __future__ import annotations

import json
from dataclasses import asdict
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
    against: Annotated[
        str | None, typer.Option(help="Another item id: why the one and not the other.")
    ] = None,
    words: Annotated[
        bool, typer.Option(help="Say which words of the item's text carry its text score.")
    ] = False,
    counterfactual: Annotated[
        bool, typer.Option(help="Say without which past items it would leave the list.")
    ] = False,
    k: Annotated[int, typer.Option(help="Length of the list it would leave.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Takes one score apart, or the difference of two."""
    with clear_errors():
        recommender = load_model(model)
        user_id, item_id = (
            id_as_typed(recommender, "user", user),
            id_as_typed(recommender, "item", item),
        )
        pairs = [(user_id, item_id)]
        if against is not None:
            pairs.append((user_id, id_as_typed(recommender, "item", against)))
        why, *other = recommender.explain_pairs(pairs, exclude=exclude, k=k)
        contrast = why.against(other[0]) if other else None
        removed = why.counterfactual() if counterfactual else None
        if as_json:
            values = why.to_dict() if contrast is None else contrast.to_dict()
            if words:
                values["words"] = [asdict(word) for word in why.words()]
            if counterfactual:
                values["counterfactual"] = removed
            typer.echo(json.dumps(values, default=str, ensure_ascii=False, indent=2))
            return
        from hybridrec import console

        if contrast is None:
            console.print_explanation(why, language)
        else:
            console.print_contrast(contrast, language)
        if words:
            console.print_words(why.words())
        if counterfactual:
            titles = dict(zip(recommender.items, recommender.shop.titles, strict=True))
            named = None if removed is None else [titles[item] for item in removed]
            console.print_counterfactual(named, k)


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
