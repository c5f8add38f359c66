"""What the benchmark of explanations measures, on the small shop."""

import numpy as np
import pytest

from benchmarks.explanations import (
    EXPLANATION,
    TOLERANCE,
    Taken,
    lime,
    margins,
    orders,
    sums_and_paths,
    taken,
    weights_of,
)
from hybridrec import Recommender


@pytest.fixture(scope="module")
def one(recommender: Recommender) -> Taken:
    found = taken(recommender.fusion, recommender.shop.histories_of([5]), "none")
    assert found is not None
    return found


def test_margins_are_of_the_history_left(recommender: Recommender, one: Taken) -> None:
    removals = np.zeros((3, one.past.size), dtype=bool)
    removals[1, 0] = removals[2] = True
    given = margins(recommender.fusion, "none", one, removals)

    candidates = recommender.fusion.candidates(one.history, "none")
    best = candidates.scores[candidates.pairs.items == one.item][0]
    assert given[0] == pytest.approx(best - candidates.scores.mean(), abs=1e-4)
    assert len(set(given.tolist())) == 3


def test_every_order_names_every_past_item_once(recommender: Recommender, one: Taken) -> None:
    random = np.random.default_rng(0)
    found = orders(recommender.fusion, "none", one, random)
    assert len(found) == 5
    for order in found.values():
        assert sorted(order.tolist()) == list(range(one.past.size))
    assert (np.diff(one.weights[found[EXPLANATION]]) <= 0).all()


def test_the_explanation_is_that_of_the_recommender(recommender: Recommender, one: Taken) -> None:
    item = recommender.items[one.item]
    why = recommender.explain(recommender.users[5], item)
    told = {recommender.shop.items.row(p.item_id): p.weight for p in why.evidence
            if hasattr(p, "weight") and hasattr(p, "item_id")}  # fmt: skip
    again = weights_of(recommender.fusion, one.history, "none", one.item, one.past)
    np.testing.assert_allclose(again, one.weights, atol=1e-5)
    for row, weight in zip(one.past.tolist(), one.weights.tolist(), strict=True):
        assert told.get(row, 0.0) == pytest.approx(weight, abs=1e-4)


def test_the_surrogate_tells_what_a_linear_score_gives(
    monkeypatch: pytest.MonkeyPatch, recommender: Recommender, one: Taken
) -> None:
    gives = np.linspace(1, 2, one.past.size)
    monkeypatch.setattr(
        "benchmarks.explanations.margins", lambda fusion, question, one, removals: ~removals @ gives
    )
    found = lime(recommender.fusion, "none", one, np.random.default_rng(0))
    assert np.corrcoef(found, gives)[0, 1] > 0.9


def test_sums_and_paths_are_told(recommender: Recommender) -> None:
    table, worst = sums_and_paths(recommender, recommender.users[:6], "seen")
    assert 0 <= worst < TOLERANCE
    assert "| paths of which every edge is in the graph | 100.00% |" in table
    assert "1,000 in one call" in table
