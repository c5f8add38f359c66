"""Filters, caps and diversity."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.errors import RequestError
from hybridrec.fusion.policy import cap_values, matching_items, mixed_order

CATALOGUE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "brand": ["X", "X", "Y", None],
        "price": [1.0, 6.0, 3.0, None],
        "tags": [["red"], ["red", "big"], [], None],
    }
)


class TestWhere:
    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            ("price < 5", [True, False, True, False]),
            ("price < 5 and brand != 'X'", [False, False, True, False]),
            ("brand = 'X' or price > 2", [True, True, True, False]),
            ("brand in ('Y', 'Z')", [False, False, True, False]),
            ("brand is null", [False, False, False, True]),
            ("item_id like 'a%'", [True, False, False, False]),
            ("price between 3 and 6", [False, True, True, False]),
        ],
    )
    def test_keeps_the_rows_that_meet_the_condition(self, where: str, expected: list[bool]) -> None:
        assert matching_items(CATALOGUE, where).tolist() == expected

    @pytest.mark.parametrize(
        "where", ["price <", "no such thing", "select 1", "", "price < 5; drop table x", "((("]
    )
    def test_what_does_not_parse_is_refused(self, where: str) -> None:
        with pytest.raises(RequestError, match="where="):
            matching_items(CATALOGUE, where)

    def test_an_unknown_column_is_named_with_those_there(self) -> None:
        with pytest.raises(RequestError, match=r"(?s)prize.*'item_id', 'brand', 'price'"):
            matching_items(CATALOGUE, "prize < 5")

    @pytest.mark.parametrize("where", ["price", "price + 1", "brand", "max(price)", "5"])
    def test_what_is_no_condition_is_refused(self, where: str) -> None:
        with pytest.raises(RequestError, match="no condition"):
            matching_items(CATALOGUE, where)

    @pytest.mark.parametrize("where", ["price > 'cheap'", "brand > 5"])
    def test_types_that_do_not_compare_are_refused(self, where: str) -> None:
        with pytest.raises(RequestError, match="where="):
            matching_items(CATALOGUE, where)

    def test_a_condition_that_nothing_meets_is_refused(self) -> None:
        with pytest.raises(RequestError, match="no item of the catalogue meets it"):
            matching_items(CATALOGUE, "price > 100")


class TestCapValues:
    def test_are_those_of_every_item(self) -> None:
        assert cap_values(CATALOGUE, {"brand": 2}) == {"brand": ["X", "X", "Y", None]}
        assert cap_values(CATALOGUE, {}) == {}

    def test_need_a_column_of_the_catalogue(self) -> None:
        with pytest.raises(RequestError, match=r"(?s)'colour'.*'brand'"):
            cap_values(CATALOGUE, {"colour": 1})

    @pytest.mark.parametrize("cap", [0, -1])
    def test_need_a_cap_of_one_or_more(self, cap: int) -> None:
        with pytest.raises(RequestError, match=f"'brand' is capped at {cap}"):
            cap_values(CATALOGUE, {"brand": cap})

    def test_refuse_a_column_of_lists_by_name(self) -> None:
        with pytest.raises(RequestError, match="tags"):
            cap_values(CATALOGUE, {"tags": 1})


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def order(
    scores: np.ndarray,
    k: int,
    diversity: float = 0.0,
    embeddings: np.ndarray | None = None,
    brands: list[object] | None = None,
    cap: int = 1,
    items: np.ndarray | None = None,
) -> list[int]:
    items = np.arange(scores.size) if items is None else items
    if embeddings is None:
        embeddings = unit(np.random.default_rng(0).normal(size=(scores.size, 4)))
    caps = {} if brands is None else {"brand": cap}
    values = {} if brands is None else {"brand": brands}
    return mixed_order(items, scores, k, embeddings, diversity, caps, values).tolist()


SCORES = st.lists(st.integers(-1000, 1000), min_size=1, max_size=15).map(
    lambda values: np.array(values, dtype=np.float32)
)


@given(SCORES, st.integers(1, 20))
def test_without_diversity_and_caps_the_order_is_that_of_the_scores(
    scores: np.ndarray, k: int
) -> None:
    assert order(scores, k) == np.argsort(-scores, kind="stable")[:k].tolist()


@given(SCORES, st.integers(1, 20), st.floats(0, 1), st.integers(1, 3), st.randoms())
def test_lists_hold_no_item_twice_and_keep_their_caps(
    scores: np.ndarray, k: int, diversity: float, cap: int, random: object
) -> None:
    brands: list[object] = [[None, "X", "Y"][n % 3] for n in range(scores.size)]
    taken = order(scores, k, diversity, brands=brands, cap=cap)

    assert len(set(taken)) == len(taken) <= k
    for brand in ("X", "Y"):
        assert sum(brands[place] == brand for place in taken) <= cap
    # a shorter list than asked for is short only because nothing else is left
    if len(taken) < min(k, scores.size):
        left = [brands[place] for place in range(scores.size) if place not in taken]
        assert None not in left
        assert all(sum(brands[p] == brand for p in taken) == cap for brand in left)


@given(SCORES, st.integers(1, 20), st.floats(0, 0.99))
def test_the_best_item_always_comes_first(scores: np.ndarray, k: int, diversity: float) -> None:
    assert order(scores, k, diversity)[0] == int(np.argmax(scores))


def test_caps_pass_over_items_whose_value_is_full() -> None:
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0], dtype=np.float32)

    assert order(scores, 3, brands=["X", "X", "Y", None, None]) == [0, 2, 3]
    assert order(scores, 3, brands=["X", "X", "X", None, "Y"], cap=2) == [0, 1, 3]
    assert order(scores, 5, brands=["X"] * 5) == [0]


def test_caps_read_the_values_of_the_item_rows() -> None:
    scores = np.array([2.0, 1.0, 0.0], dtype=np.float32)
    brands: list[object] = ["Z", "X", "Z", "X", "Y"]

    assert order(scores, 3, brands=brands, items=np.array([1, 3, 4])) == [0, 2]


def test_diversity_spreads_the_list() -> None:
    random = np.random.default_rng(1)
    centres = random.normal(size=(4, 8))
    embeddings = unit(centres[np.repeat(range(4), 10)] + 0.1 * random.normal(size=(40, 8)))
    scores = np.linspace(1, 0, 40, dtype=np.float32)

    def distance(taken: list[int]) -> float:
        cosine = embeddings[taken] @ embeddings[taken].T
        return float(1 - (cosine.sum() - len(taken)) / (len(taken) * (len(taken) - 1)))

    distances = [distance(order(scores, 8, d, embeddings)) for d in (0.0, 0.3, 0.7)]
    assert distances[0] < distances[1] <= distances[2]
    # four groups, and with much diversity each is in the first four
    assert {place // 10 for place in order(scores, 4, 0.7, embeddings)} == {0, 1, 2, 3}


def test_diversity_equals_maximal_marginal_relevance_by_brute_force() -> None:
    random = np.random.default_rng(2)
    embeddings, scores = unit(random.normal(size=(12, 3))), random.random(12).astype(np.float32)
    relevance = (scores - scores.min()) / (scores.max() - scores.min())
    expected: list[int] = []
    while len(expected) < 6:
        rest = [place for place in range(12) if place not in expected]
        likeness = {
            place: max([0.0, *(float(embeddings[place] @ embeddings[t]) for t in expected)])
            for place in rest
        }
        expected.append(max(rest, key=lambda p: 0.6 * relevance[p] - 0.4 * likeness[p]))

    assert order(scores, 6, 0.4, embeddings) == expected
