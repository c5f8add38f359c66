"""Explanations speak of other users only as groups, of five at least, and name none."""

import json
import re
from collections.abc import Iterator

import jsonschema
import numpy as np
import pytest

from hybridrec import Recommender
from hybridrec.data import Dataset
from hybridrec.explain.evidence import PastItem
from hybridrec.explain.explanation import Contribution, Explanation
from hybridrec.explain.fragment import explanation_html
from hybridrec.explain.narrative import Facts
from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.fusion.policy import Policy


@pytest.fixture(scope="module")
def explanations(recommender: Recommender) -> list[Explanation]:
    lists = [
        recommender.recommend(recommender.users, k=5, exclude=exclude, explain=True)
        for exclude in ("none", "seen")
    ]
    return [rec.explanation for recs in lists for rec in recs if rec.explanation is not None]


def told(explanation: Explanation) -> Iterator[str]:
    yield json.dumps(explanation.to_dict(), default=str)
    for language in ("en", "zh"):
        yield explanation.narrative(language)
        yield explanation_html(explanation, language)


def test_counts_are_those_of_the_other_users_who_met_both(
    explanations: list[Explanation], dataset: Dataset
) -> None:
    by_item = dataset.events.group_by("item_id").agg("user_id").rows()
    users = {item: set(met) for item, met in by_item}
    counted = 0
    for explanation in explanations:
        for part in explanation.contributions:
            for past in part.evidence:
                both = users[past.item_id] & users[explanation.item_id] - {explanation.user_id}
                assert past.together == (len(both) if len(both) >= FEWEST_USERS else None)
                counted += past.together is not None
    assert counted


def test_what_is_told_is_as_the_schema_says(
    explanations: list[Explanation], recommender: Recommender
) -> None:
    schema = Explanation.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    bought = recommender.recommend(
        "u05", k=6, diversity=0.7, caps={"brand": 1}, explain=True,
        policy=Policy.from_mapping({"boosts": [{"by": 2.0, "items": ["i09"]}]}),
    )  # fmt: skip
    others = [rec.explanation for rec in bought if rec.explanation is not None]
    assert any(explanation.policy for explanation in others)
    visitor = recommender.explain(history=["i01"], item="i02")
    for explanation in [*explanations, *others, visitor]:
        check.validate(json.loads(json.dumps(explanation.to_dict())))
    broken = explanations[0].to_dict() | {"score": "high"}
    with pytest.raises(jsonschema.ValidationError):
        check.validate(broken)


def test_no_other_user_is_named(explanations: list[Explanation], dataset: Dataset) -> None:
    users = dataset.events["user_id"].unique().to_list()
    named = re.compile("|".join(rf"\b{re.escape(user)}\b" for user in users))
    for explanation in explanations:
        for text in told(explanation):
            assert set(named.findall(text)) <= {explanation.user_id}


def test_no_smaller_group_is_counted(
    explanations: list[Explanation], recommender: Recommender
) -> None:
    statistics = recommender.fusion.moment.statistics["recent"]
    for explanation in explanations:
        row = recommender.shop.items.row(explanation.item_id)
        users = round(float(np.expm1(statistics[row])))
        told = explanation.facts.recent_users
        assert told == (users if users >= FEWEST_USERS else None)
    assert len({explanation.facts.recent_users for explanation in explanations}) > 1


@pytest.mark.parametrize(
    ("group", "together", "said"),
    [
        ("collaborative", 12, "customers who chose “Milk” choose it too"),
        ("collaborative", None, "what customers choose places it near “Milk”"),
        ("transitions", 12, "it is often chosen after “Milk”"),
        ("transitions", None, "no single reason stands out"),
        ("text", None, "it reads much like “Milk”"),
    ],
)
def test_what_too_few_did_is_told_otherwise_or_not_at_all(
    group: str, together: int | None, said: str
) -> None:
    milk = PastItem("i1", "Milk", 1, None, 1.0, together)
    parts = (Contribution(group, 1.0, (milk,)),)
    nothing = Facts(own_events=0, own_last_days=None, recent_users=None, timed=False)
    cheese = Explanation("u1", "i2", "Cheese", 0.0, 1.0, parts, (), nothing, lambda: None)

    assert said in cheese.narrative("en")
    assert "Milk" not in cheese.narrative("zh") or "no single reason" not in said
