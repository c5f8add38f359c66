"""Boosts, diversity, caps, exploration and pins, on candidates made by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.errors import RequestError
from hybridrec.fusion.policy.caps import capped_columns
from hybridrec.fusion.policy.placing import Placed, UserCandidates, arranged
from hybridrec.fusion.policy.rules import ActiveBoost, ActivePin, Rules
from hybridrec.fusion.policy.steps import policy_steps


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def candidates(
    scores: Any,
    *,
    embeddings: np.ndarray | None = None,
    users: Any = None,
    items: Any = None,
    key: int = 0,
    free: Any = None,
    **rules: Any,
) -> UserCandidates:
    """Candidates of one user, as the fusion would give them."""
    scores = np.asarray(scores, dtype=np.float64)
    items = np.arange(scores.size) if items is None else np.asarray(items)
    if embeddings is None:
        embeddings = unit(np.random.default_rng(0).normal(size=(int(items.max()) + 1, 4)))
    met = np.ones(int(items.max()) + 1) if users is None else np.asarray(users, dtype=float)
    fusion: Any = SimpleNamespace(
        likeness_embeddings=lambda rows: embeddings[rows],
        moment=SimpleNamespace(statistics={"popularity": np.log1p(met)}),
    )
    free = np.ones(scores.size, dtype=bool) if free is None else np.asarray(free, dtype=bool)
    return UserCandidates(Rules(**rules), fusion, items, scores, free, key)


def order(scores: Any, k: int, **options: Any) -> list[int]:
    return arranged(candidates(scores, **options), k).places.tolist()


def caps(values: list[Any], cap: int) -> Any:
    return capped_columns(pl.DataFrame({"brand": values}), {"brand": cap})


def pin(rank: int, row: int) -> ActivePin:
    return ActivePin(f"pins[{rank}]", "why", rank, row)


SCORES = st.lists(st.integers(-1000, 1000), min_size=1, max_size=15)
METHODS = st.sampled_from(["mmr", "dpp"])


@given(SCORES, st.integers(1, 20))
def test_without_rules_the_order_is_that_of_the_scores(scores: list[int], k: int) -> None:
    assert order(scores, k) == np.argsort(-np.array(scores), kind="stable")[:k].tolist()


class TestCaps:
    def test_pass_over_items_whose_value_is_full(self) -> None:
        scores = [5.0, 4.0, 3.0, 2.0, 1.0]
        assert order(scores, 3, caps=caps(["X", "X", "Y", None, None], 1)) == [0, 2, 3]
        assert order(scores, 3, caps=caps(["X", "X", "X", None, "Y"], 2)) == [0, 1, 3]
        assert order(scores, 5, caps=caps(["X"] * 5, 1)) == [0]

    def test_read_the_values_of_the_item_rows(self) -> None:
        brands = caps(["Z", "X", "Z", "X", "Y"], 1)
        assert order([2.0, 1.0, 0.0], 3, caps=brands, items=[1, 3, 4]) == [0, 2]

    def test_count_an_item_of_several_values_for_each(self) -> None:
        tags = caps([["red", "big"], ["big"], ["red"], ["red", "red"], [], None, ["new", None]], 1)
        assert order([7, 6, 5, 4, 3, 2, 1], 7, caps=tags) == [0, 4, 5, 6]
        assert order([1, 6, 5, 4, 3, 2, 0], 3, caps=tags) == [1, 2, 4]

    @pytest.mark.parametrize("values", [[1, 1, 2], [True, True, False], [1.5, 1.5, 2.0]])
    def test_count_values_of_any_kind(self, values: list[Any]) -> None:
        assert order([3, 2, 1], 3, caps=caps(values, 1)) == [0, 2]

    def test_of_several_columns_all_hold(self) -> None:
        frame = pl.DataFrame({"brand": ["X", "Y", "Y", "Z"], "shelf": ["a", "a", "b", "b"]})
        both = capped_columns(frame, {"brand": 1, "shelf": 1})
        assert order([4, 3, 2, 1], 4, caps=both) == [0, 2]

    def test_need_a_column_whose_values_can_be_counted(self) -> None:
        frame = pl.DataFrame({"item_id": [1], "brand": ["X"], "box": [{"width": 1}]})
        with pytest.raises(RequestError, match=r"'colour'.*'brand'"):
            capped_columns(frame, {"colour": 1})
        with pytest.raises(RequestError, match=r"'box'.*cannot be counted"):
            capped_columns(frame, {"box": 1})

    @given(SCORES, st.integers(1, 20), st.floats(0, 1), METHODS, st.integers(1, 3))
    def test_hold_and_shorten_no_list_for_nothing(
        self, scores: list[int], k: int, diversity: float, method: str, cap: int
    ) -> None:
        brands = [[None, "X", "Y"][n % 3] for n in range(len(scores))]
        taken = order(
            scores, k, diversity=diversity, diversity_method=method, caps=caps(brands, cap)
        )
        assert len(set(taken)) == len(taken) <= k
        for brand in ("X", "Y"):
            assert sum(brands[place] == brand for place in taken) <= cap
        if len(taken) < min(k, len(scores)):
            left = [brands[place] for place in range(len(scores)) if place not in taken]
            assert None not in left
            assert all(sum(brands[p] == brand for p in taken) == cap for brand in left)


class TestDiversity:
    @given(SCORES, st.integers(1, 20), st.floats(0, 1), METHODS)
    def test_keeps_the_best_first_and_scores_in_order(
        self, scores: list[int], k: int, diversity: float, method: str
    ) -> None:
        placed = arranged(candidates(scores, diversity=diversity, diversity_method=method), k)
        assert placed.places[0] == int(np.argmax(scores))
        assert (np.diff(placed.scores) <= 1e-9).all()
        assert (placed.diversity <= 0).all()
        assert placed.diversity[0] == 0
        kept = np.array(scores)[placed.places] + placed.diversity
        np.testing.assert_allclose(placed.scores, kept)

    @pytest.mark.parametrize("method", ["mmr", "dpp"])
    def test_spreads_the_list(self, method: str) -> None:
        random = np.random.default_rng(1)
        centres = random.normal(size=(4, 8))
        embeddings = unit(centres[np.repeat(range(4), 10)] + 0.1 * random.normal(size=(40, 8)))
        scores = np.linspace(1, 0, 40)

        def taken(diversity: float, k: int) -> list[int]:
            given = {"diversity": diversity, "diversity_method": method, "embeddings": embeddings}
            return order(scores, k, **given)

        def distance(places: list[int]) -> float:
            cosine = embeddings[places] @ embeddings[places].T
            n = len(places)
            return float(1 - (cosine.sum() - n) / (n * (n - 1)))

        distances = [distance(taken(diversity, 8)) for diversity in (0.0, 0.3, 0.7)]
        assert distances[0] < distances[1] <= distances[2]
        # four groups, and with much diversity each is in the first four
        assert {place // 10 for place in taken(0.8, 4)} == {0, 1, 2, 3}

    def test_by_mmr_equals_marginal_relevance_by_brute_force(self) -> None:
        random = np.random.default_rng(2)
        embeddings, scores = unit(random.normal(size=(12, 3))), random.random(12)
        relevance = (scores - scores.min()) / (scores.max() - scores.min())
        expected: list[int] = []
        while len(expected) < 6:
            rest = [place for place in range(12) if place not in expected]
            likeness = {
                place: max([0.0, *(float(embeddings[place] @ embeddings[t]) for t in expected)])
                for place in rest
            }
            expected.append(max(rest, key=lambda p: 0.6 * relevance[p] - 0.4 * likeness[p]))
        assert order(scores, 6, diversity=0.4, embeddings=embeddings) == expected

    def test_by_dpp_equals_the_determinant_by_brute_force(self) -> None:
        random = np.random.default_rng(3)
        embeddings, scores = unit(random.normal(size=(10, 5))), random.random(10)
        kernel = (1 + embeddings.astype(float) @ embeddings.T.astype(float)) / 2
        span = scores.max() - scores.min()
        weight = span * 0.3 / 0.7

        def value(places: list[int]) -> float:
            _, log_volume = np.linalg.slogdet(kernel[np.ix_(places, places)])
            return float(scores[places].sum() + weight * log_volume)

        expected: list[int] = []
        while len(expected) < 5:
            rest = [place for place in range(10) if place not in expected]
            expected.append(max(rest, key=lambda place: value([*expected, place])))
        placed = arranged(
            candidates(scores, diversity=0.3, diversity_method="dpp", embeddings=embeddings), 5
        )
        assert placed.places.tolist() == expected
        # each step gains what the item's score says, so that all of them sum to the list's value
        assert placed.scores.sum() == pytest.approx(value(expected), abs=1e-5)

    @pytest.mark.parametrize("method", ["mmr", "dpp"])
    def test_tells_equal_scores_apart_by_likeness(self, method: str) -> None:
        embeddings = unit(np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]]))
        given = {"diversity": 0.5, "diversity_method": method, "embeddings": embeddings}
        assert order([1.0, 1.0, 1.0], 3, **given) == [0, 2, 1]


def boost(by: float, items: list[bool]) -> ActiveBoost:
    return ActiveBoost("boosts[0]: items", "why", by, np.array(items), True)


class TestBoosts:
    def test_add_to_scores(self) -> None:
        lift = np.array([0.0, 2.0, -5.0, 0.0])
        placed = arranged(candidates([3.0, 2.0, 1.5, 1.0], lift=lift), 4)
        assert placed.places.tolist() == [1, 0, 3, 2]
        assert placed.scores.tolist() == [4.0, 3.0, 1.0, -3.5]
        assert placed.boosts.tolist() == [2.0, 0.0, 0.0, -5.0]


class TestPins:
    def test_take_their_ranks_and_leave_the_rest_in_order(self) -> None:
        placed = arranged(candidates([5, 4, 3, 2, 1], pins=(pin(1, 4), pin(3, 0))), 4)
        assert placed.places.tolist() == [4, 1, 0, 2]
        assert placed.by == ("pin", None, "pin", None)

    def test_stand_last_in_a_list_too_short_for_them(self) -> None:
        assert order([3, 2, 1], 9, pins=(pin(5, 0), pin(7, 1))) == [2, 0, 1]
        assert order([3, 2], 9, pins=(pin(2, 0), pin(9, 1))) == [0, 1]

    def test_count_against_caps(self) -> None:
        brands = caps(["X", "X", "Y", "Y"], 1)
        assert order([4, 3, 2, 1], 4, caps=brands, pins=(pin(2, 1),)) == [2, 1]

    def test_are_left_out_where_they_may_not_be_shown(self) -> None:
        placed = arranged(candidates([3, 2, 1], pins=(pin(1, 2),), free=[True, True, False]), 3)
        assert placed.places.tolist() == [0, 1]
        assert placed.by == (None, None)


class TestExploration:
    def test_gives_its_share_of_places_to_what_would_not_be_shown(self) -> None:
        shares, ranks = [], []
        for key in range(400):
            placed = arranged(candidates(np.arange(50, 0, -1), exploration=0.25, key=key), 10)
            explored = [by == "exploration" for by in placed.by]
            assert len(set(placed.places.tolist())) == 10
            assert (placed.places[explored] >= 10).all()
            assert placed.places[np.invert(explored)].tolist() == list(range(10 - sum(explored)))
            shares.append(sum(explored) / 10)
            ranks += np.flatnonzero(explored).tolist()
        assert np.mean(shares) == pytest.approx(0.25, abs=0.01)
        assert set(shares) == {0.2, 0.3}
        # every rank is as likely as every other
        counts = np.bincount(ranks, minlength=10)
        assert counts.min() > 60

    def test_prefers_items_that_few_have_met(self) -> None:
        users = np.where(np.arange(40) % 2, 99, 0)
        shown = [
            place
            for key in range(200)
            for place, by in zip(
                *_listed(arranged(candidates(-np.arange(40), exploration=0.5, users=users,
                                             key=key), 4)), strict=True
            )
            if by == "exploration"
        ]  # fmt: skip
        assert len(shown) == 400
        assert np.mean([place % 2 for place in shown]) < 0.05

    def test_follows_from_the_seed_and_the_user(self) -> None:
        def list_of(key: int, seed: int) -> list[int]:
            return order(-np.arange(60), 10, exploration=0.3, key=key, seed=seed)

        assert list_of(1, 0) == list_of(1, 0)
        assert list_of(1, 0) != list_of(2, 0)
        assert list_of(1, 0) != list_of(1, 1)

    def test_keeps_caps_and_leaves_pins(self) -> None:
        brands = caps(["X" if n % 3 else "Y" for n in range(30)], 2)
        for key in range(30):
            own = candidates(
                -np.arange(30), exploration=0.5, key=key, caps=brands, pins=(pin(2, 7),)
            )
            placed = arranged(own, 6)
            assert placed.places[1] == 7
            assert placed.by[1] == "pin"
            assert sum(place % 3 > 0 for place in placed.places) <= 2
            assert "exploration" in placed.by

    def test_of_everything_leaves_nothing_else(self) -> None:
        placed = arranged(candidates(-np.arange(30), exploration=1.0), 5)
        assert placed.by == ("exploration",) * 5
        assert (placed.places >= 5).all()
        # with nothing beyond the list there is nothing to explore
        assert arranged(candidates([3, 2, 1], exploration=1.0), 3).places.tolist() == [0, 1, 2]


def _listed(placed: Placed) -> tuple[list[int], tuple[Any, ...]]:
    return placed.places.tolist(), placed.by


class TestSteps:
    def test_say_what_moved_an_item_from_where_to_where(self) -> None:
        first = ActiveBoost("boosts[0]: items", "sale", 10.0, np.arange(6) == 3, True)
        own = candidates(
            [6, 5, 4, 3, 2, 1],
            boosts=(first,),
            lift=10.0 * (np.arange(6) == 3),
            caps=caps(["X", "X", "Y", "Y", "Z", "Z"], 1),
            pins=(pin(1, 5),),
        )
        placed = arranged(own, 3)
        assert placed.places.tolist() == [5, 3, 0]
        pinned, raised, best = (
            [(s.what, s.own, s.rank_before, s.rank_after) for s in steps]
            for steps in policy_steps(placed, 3)
        )
        assert pinned == [("cap", False, 6, None), ("pin", True, None, 1)]
        assert raised == [("boost", True, 4, 1), ("pin", False, 1, 2)]
        assert best == [("boost", False, 1, 2), ("pin", False, 2, 3)]
        (step, _) = policy_steps(placed, 3)[1]
        assert (step.rule, step.note, step.by) == ("boosts[0]: items +10", "sale", 10.0)
        assert policy_steps(placed, 3)[0][-1].to_dict() == {
            "what": "pin", "rule": "pins[1] at rank 1", "own": True, "note": "why", "by": 0.0,
            "rank_before": None, "rank_after": 1,
        }  # fmt: skip

    @given(SCORES, st.integers(1, 8), st.sampled_from([0, 0.4]), st.booleans(), st.booleans(),
           st.booleans(), st.integers(0, 99))  # fmt: skip
    def test_lead_from_the_score_s_rank_to_the_item_s_own(
        self, scores: list[int], k: int, diversity: float, capped: bool, explored: bool,
        pinned: bool, key: int,
    ) -> None:  # fmt: skip
        n = len(scores)
        mask = [place % 3 == 0 for place in range(n)]
        own = candidates(
            scores,
            key=key,
            diversity=diversity,
            boosts=(boost(50.0, mask),),
            lift=50.0 * np.array(mask),
            caps=caps([str(place % 4) for place in range(n)], 2) if capped else (),
            exploration=0.4 if explored else 0.0,
            pins=(pin(min(2, k), n - 1),) if pinned else (),
        )
        placed = arranged(own, k)
        by_score = np.argsort(-np.array(scores), kind="stable").tolist()
        for rank, (place, steps) in enumerate(
            zip(placed.places.tolist(), policy_steps(placed, k), strict=True), start=1
        ):
            ranks = [by_score.index(place) + 1]
            for step in steps:
                assert step.rank_before == ranks[-1]
                ranks.append(step.rank_after)  # type: ignore[arg-type]
            assert ranks[-1] == rank
            gained = sum(step.by for step in steps)
            assert placed.scores[rank - 1] == pytest.approx(scores[place] + gained)
            kinds = {step.what for step in steps if step.own}
            assert ("pin" in kinds) == (placed.by[rank - 1] == "pin")
            assert ("exploration" in kinds) == (placed.by[rank - 1] == "exploration")
