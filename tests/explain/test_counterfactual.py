"""The fewest past items without which an item leaves the list, against every subset there is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest

from hybridrec.data.histories import Histories
from hybridrec.explain.counterfactual import PAIRED, smallest_removal
from hybridrec.fusion.pairs import Pairs

ITEM = 0
"""The one explained; items from 1 on are met."""


@dataclass
class Block:
    pairs: Pairs
    scores: np.ndarray


class Ranked:
    """A fusion of two candidates: the item is first while a rule says so of the history."""

    def __init__(self, listed: Callable[[set[int]], bool]) -> None:
        self.listed = listed
        self.asked = 0

    def blocks(self, histories: Histories, question: str) -> Iterator[tuple[np.ndarray, Block]]:
        n_users, last = histories.n_users, histories.n_items - 1
        self.asked += n_users
        scores = []
        for user in range(n_users):
            met = set(histories.of([user]).items.tolist())
            scores += [1.0 if self.listed(met) else -1.0, 0.0]
        pairs = Pairs.from_items(np.tile([ITEM, last], (n_users, 1)))
        yield np.arange(n_users), Block(pairs, np.array(scores, dtype=np.float32))


def history(n: int) -> Histories:
    # the first item is met twice
    items = np.array([1, *range(1, n + 1)])
    return Histories(
        np.array([0, items.size]),
        items,
        np.arange(items.size, dtype=float)[::-1],
        np.ones(items.size, dtype=np.float32),
        n + 2,
        timed=False,
    )


def removed(listed: Callable[[set[int]], bool], n: int) -> list[int] | None:
    order = np.arange(1, n + 1)
    found = smallest_removal(Ranked(listed), history(n), "none", ITEM, order, 1)  # type: ignore[arg-type]
    return None if found is None else found.tolist()


def test_one_item_is_found_wherever_it_stands() -> None:
    assert removed(lambda met: 30 in met, 40) == [30]


def test_an_item_met_twice_goes_as_a_whole() -> None:
    assert removed(lambda met: 1 in met, 3) == [1]


def test_of_several_the_weightiest_is_named() -> None:
    assert removed(lambda met: {2, 5} <= met, 6) == [2]


def test_two_are_found_where_neither_is_enough() -> None:
    assert removed(lambda met: bool({3, 9} & met), 12) == [3, 9]


def test_more_are_taken_in_order_of_weight_without_those_not_needed() -> None:
    assert removed(lambda met: bool({2, 4, 7} & met), 10) == [2, 4, 7]


@pytest.mark.parametrize(
    "listed",
    [lambda met: False, lambda met: True, lambda met: PAIRED + 3 in met or PAIRED + 4 in met],
    ids=["not in the list", "whatever is removed", "pairs beyond those tried"],
)
def test_none_where_nothing_tried_drops_it_out(listed: Callable[[set[int]], bool]) -> None:
    assert removed(listed, PAIRED + 5) is None


def test_without_a_history_there_is_nothing_to_remove() -> None:
    nothing = Histories(
        np.array([0, 0]), np.zeros(0, int), np.zeros(0), np.zeros(0, np.float32), 2, False
    )
    fusion = Ranked(lambda met: True)
    none = smallest_removal(fusion, nothing, "none", ITEM, np.zeros(0, int), 1)  # type: ignore[arg-type]
    assert none is None


@pytest.mark.parametrize("seed", range(20))
def test_is_as_small_as_any_of_one_or_two(seed: int) -> None:
    random = np.random.default_rng(seed)
    gives = -np.sort(-random.normal(size=9))  # the weightiest first
    least = random.uniform(np.minimum(gives, 0).sum(), gives.sum())

    def listed(met: set[int]) -> bool:
        return bool(sum(gives[item - 1] for item in met) > least)

    found = removed(listed, 9)
    every = set(range(1, 10))
    sizes = [
        size
        for size in (1, 2)
        if any(not listed(every - set(some)) for some in combinations(every, size))
    ]

    assert found is not None
    assert not listed(every - set(found))
    assert len(found) == sizes[0] if sizes else len(found) > 2
