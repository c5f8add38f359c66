"""Reasons of a list just asked for: the same as from scratch, and never of an old state."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hybridrec import Recommender
from hybridrec.explain import explaining
from hybridrec.latest_candidates import MOST_USERS


@pytest.fixture
def own(recommender: Recommender, tmp_path: Path) -> Recommender:
    recommender.save(tmp_path / "model")
    return Recommender.load(tmp_path / "model")


@pytest.fixture
def searches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one whenever candidates are sought for explanations."""
    sought, seek = list[int](), explaining.candidate_blocks

    def counted(*arguments: Any) -> Any:
        sought.append(1)
        return seek(*arguments)

    monkeypatch.setattr(explaining, "candidate_blocks", counted)
    return sought


@pytest.mark.parametrize("exclude", ["none", "seen"])
def test_what_was_found_for_the_list_serves_for_its_reasons(
    own: Recommender, searches: list[int], exclude: Any
) -> None:
    [first, *_] = own.recommend("u00", k=5, exclude=exclude)
    quick = own.explain("u00", first.item_id, exclude=exclude)
    assert not searches

    own.recommend("u00", k=5, exclude=exclude, deny=[own.items[-1]])  # not kept: items left out
    others = [user for user in own.users if user != "u00"][:MOST_USERS]
    for user in others:
        own.recommend(user, k=5, exclude=exclude)
    slow = own.explain("u00", first.item_id, exclude=exclude)
    assert searches == [1]
    assert quick.to_dict() == slow.to_dict()


def test_another_question_is_asked_anew(own: Recommender, searches: list[int]) -> None:
    [first, *_] = own.recommend("u00", exclude="none")
    own.explain("u00", first.item_id, exclude="seen")
    assert searches == [1]


@pytest.mark.parametrize("rules", [{"where": "price > 0"}, {"policy": "boosted"}])
def test_lists_under_rules_do_not_serve(
    own: Recommender, searches: list[int], tmp_path: Path, rules: dict[str, Any]
) -> None:
    if "policy" in rules:
        boosts = tmp_path / "policy.yaml"
        boosts.write_text("boosts:\n  - {by: 1.5, items: [i07], note: on sale}\n")
        rules = {"policy": boosts}
    own.recommend("u00", k=5, **rules)
    own.explain("u00", "i07")
    assert searches == [1]


def test_items_no_source_brought_up_are_sought_with_the_rest(
    own: Recommender, searches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = own.config.candidates.model_copy(update={"per_source": 1, "own": 1})
    config = own.config.model_copy(update={"candidates": few})
    monkeypatch.setattr(own.fusion, "config", config)
    fresh = own.explain("u00", "i03").to_dict()
    own.recommend("u00", k=1)
    for item in own.items:
        own.explain("u00", item)
    assert 1 < len(searches) < 1 + len(own.items)
    assert own.explain("u00", "i03").to_dict() == fresh


def test_new_events_and_items_make_it_forgotten(own: Recommender, searches: list[int]) -> None:
    own.recommend("u00", k=5)
    moment = datetime(2024, 6, 1, tzinfo=UTC)
    own.update(pl.DataFrame({"user_id": ["u00"], "item_id": ["i11"], "timestamp": [moment]}))
    reasons = own.explain("u00", "i11")
    past = {item.item_id for part in reasons.contributions for item in part.evidence}
    assert "i11" in past
    assert searches == [1]

    own.recommend("u00", k=5)
    own.add_items(pl.DataFrame({"item_id": ["new"], "title": ["red tea"]}))
    assert own.explain("u00", "new").item_id == "new"
    assert searches == [1, 1]


def test_visitors_are_not_mistaken_for_each_other(own: Recommender, searches: list[int]) -> None:
    own.recommend(history=["i01"], k=5)
    own.explain(history=["i05"], item="i07")
    assert searches == [1]
