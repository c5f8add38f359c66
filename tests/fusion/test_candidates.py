"""Which items reach the ranker."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from hybridrec.config import CandidatesConfig
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.candidates import Shown, find_candidates, sources
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.profiles import Scores

ITEMS = 6
#                               0    1    2    3    4    5
TEXT = np.array([[9.0, 8.0, 7.0, 1.0, 2.0, 3.0]], dtype=np.float32)
GRAPH = np.array([[1.0, 2.0, 3.0, 9.0, 8.0, 7.0]], dtype=np.float32)
POPULARITY = np.array([1.0, 2.0, 9.0, 3.0, 4.0, 5.0], dtype=np.float32)
OWN = csr_array(np.array([[0.0, 0.5, 0.0, 0.0, 2.0, 1.0]], dtype=np.float32))


class Fixed:
    """A scorer that gives what it is told."""

    def __init__(self, scores: np.ndarray) -> None:
        self.given = scores

    def scores(self, weights: csr_array) -> np.ndarray:
        return np.tile(self.given, (weights.shape[0] // len(self.given), 1))

    def attribute(
        self, weights: csr_array, items: np.ndarray, among: np.ndarray | None = None
    ) -> np.ndarray:
        raise AssertionError("candidates need no attribution")


def scores_of(**scorers: np.ndarray) -> Scores:
    users = next(iter(scorers.values())).shape[0]
    nothing = csr_array((users, ITEMS), dtype=np.float32)
    return Scores({name: Fixed(each) for name, each in scorers.items()}, {"short": nothing})


def shop(popularity: np.ndarray = POPULARITY, affinity: Affinity | None = None) -> Moment:
    items = pl.DataFrame({"item_id": range(ITEMS)})
    return Moment(items, affinity or Affinity({}), {}, {"popularity": popularity})


def found(
    per_source: int = 1,
    own: int = 0,
    allowed: list[int] | None = None,
    include: int | None = None,
) -> list[int]:
    mask = None if allowed is None else np.isin(range(ITEMS), allowed)
    pairs = find_candidates(
        scores_of(text=TEXT, graph=GRAPH),
        shop(),
        OWN if own else None,
        Shown(mask),
        CandidatesConfig(per_source=per_source, own=own),
        None if include is None else np.array([include]),
    )
    return pairs.items.tolist()


def test_the_best_of_every_source_are_joined() -> None:
    assert found(per_source=1) == [0, 2, 3]
    assert found(per_source=2) == [0, 1, 2, 3, 4, 5]


def test_the_users_own_best_join_them() -> None:
    assert found(own=1) == [0, 2, 3, 4]
    assert found(own=2) == [0, 2, 3, 4, 5]


def test_what_is_not_allowed_leaves_its_place_to_the_next() -> None:
    assert found(allowed=[1, 2, 4, 5]) == [1, 2, 4]


def test_own_items_that_are_not_allowed_stay_out() -> None:
    assert found(own=3, allowed=[0, 2, 3]) == [0, 2, 3]


def test_own_items_leave_their_place_to_the_next_allowed() -> None:
    assert found(own=1, allowed=[0, 1, 3, 5]) == [0, 3, 5]
    assert found(own=1, allowed=[0, 1, 2, 3]) == [0, 1, 2, 3]


def test_nothing_allowed_gives_no_candidates() -> None:
    assert found(per_source=6, own=3, allowed=[]) == []


def test_an_item_asked_for_is_a_candidate_whatever_is_allowed() -> None:
    assert found(include=5) == [0, 2, 3, 5]
    assert found(allowed=[0, 1], include=5) == [0, 1, 5]


def test_more_than_there_are_gives_all() -> None:
    assert found(per_source=100) == list(range(ITEMS))


@given(st.integers(0, 2**32), st.integers(1, 4), st.booleans())
def test_candidates_are_allowed_and_the_best_of_each_source_among_them(
    seed: int, per_source: int, with_own: bool
) -> None:
    random = np.random.default_rng(seed)
    scores = random.normal(size=(3, ITEMS)).astype(np.float32)
    popularity = random.normal(size=ITEMS).astype(np.float32)
    allowed = random.random(ITEMS) < 0.8
    met = random.random((3, ITEMS)) < (0.0 if with_own else 0.3)
    own = csr_array(random.random((3, ITEMS)) * (random.random((3, ITEMS)) < 0.4))

    pairs: Pairs = find_candidates(
        scores_of(text=scores),
        shop(popularity),
        own if with_own else None,
        Shown(allowed, np.nonzero(met)),
        CandidatesConfig(per_source=per_source, own=2),
    )

    for user, free in enumerate(allowed & ~met):
        here = set(pairs.items[pairs.of(user)].tolist())
        lists = [(scores[user], per_source), (popularity, per_source)]
        expected = set()
        for values, n in lists:
            best = np.argsort(-np.where(free, values, -np.inf), kind="stable")[:n]
            expected |= {int(item) for item in best if free[item]}
        if with_own:
            row = own[[user]].toarray()[0]
            best = [item for item in np.argsort(-row, kind="stable") if row[item] > 0]
            expected |= {int(item) for item in [item for item in best if free[item]][:2]}
        assert here == expected


@pytest.mark.parametrize("user", [0, 1])
def test_users_do_not_see_each_others_candidates(user: int) -> None:
    scores = np.concatenate([TEXT, GRAPH])
    both = find_candidates(
        scores_of(text=scores),
        shop(),
        None,
        Shown(),
        CandidatesConfig(per_source=1),
    )

    assert both.items[both.of(user)].tolist() == [[0, 2], [2, 3]][user]


def test_what_is_popular_in_the_users_categories_is_a_source() -> None:
    kinds = csr_array(np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [0, 1], [1, 0]]))
    history = csr_array(np.array([[2.0, 0, 0, 0, 0, 0]], dtype=np.float32))
    scores = Scores({}, {"short": history})

    brought = dict(
        sources(
            scores,
            shop(affinity=Affinity({"kind": kinds})),
            None,
            Shown(),
            CandidatesConfig(per_source=2),
        )
    )

    assert sorted(brought["popular"][0].tolist()) == [2, 5]
    assert sorted(brought["popular in category"][0].tolist()) == [1, 5]


def test_without_other_profiles_the_long_one_brings_up_all() -> None:
    moment = replace(shop(), matrices={"neighbours": Fixed(GRAPH)})
    nothing = csr_array((1, ITEMS), dtype=np.float32)
    scores = Scores({"text": Fixed(TEXT), "neighbours": Fixed(GRAPH)}, {"long": nothing})

    brought = dict(sources(scores, moment, None, Shown(), CandidatesConfig(per_source=1)))

    assert {name: items.tolist() for name, items in brought.items()} == {
        "text/long": [[0]],
        "neighbours/long": [[3]],
        "popular": [[2]],
    }
