"""Past items as evidence."""

from dataclasses import replace

import numpy as np

from hybridrec import Recommender
from hybridrec.explain.evidence import PastItem, WeighedItems, why_no_path
from kg import KnowledgeGraph

PAST = [PastItem(name, name.upper(), 1, None, 0.0) for name in "abc"]
TOGETHER = [7, 8, None]


def weighed(*weights: float) -> WeighedItems:
    speaks = np.array([True, True, False])
    return WeighedItems(PAST.__getitem__, np.array(weights), speaks, lambda: TOGETHER)


def test_those_that_weigh_anything_come_greatest_first() -> None:
    evidence = weighed(0.5, 0.0, -2.0)

    expected = (
        replace(PAST[2], weight=-2.0, speaks=False),
        replace(PAST[0], weight=0.5, together=7),
    )
    assert len(evidence) == 2
    assert tuple(evidence) == expected
    assert evidence[:1] == [expected[0]]
    assert evidence[-1] == expected[1]


def test_no_past_item_is_made_before_it_is_looked_at() -> None:
    made = list[int]()

    def past(place: int) -> PastItem:
        made.append(place)
        return PAST[place]

    evidence = WeighedItems(past, np.array([0.5, 0.0, -2.0]), np.ones(3, bool), lambda: TOGETHER)

    assert len(evidence) == 2
    assert made == []
    assert evidence[0].item_id == "c"
    assert made == [2]


def test_are_equal_and_printed_as_the_items_they_are() -> None:
    evidence = weighed(0.5, 0.0, -2.0)
    again = weighed(0.5, 0.0, -2.0)

    assert evidence == again
    assert hash(evidence) == hash(again)
    assert evidence == tuple(evidence)
    assert evidence != weighed(0.5, 0.1, -2.0)
    assert repr(evidence) == repr(tuple(evidence))


def test_why_there_is_no_path(recommender: Recommender) -> None:
    shop, past = recommender.shop, np.array([0, 1])
    assert shop.graph is not None
    alone = replace(
        shop, graph=KnowledgeGraph.from_catalogue(shop.catalogue.select("item_id"), name=None)
    )

    assert why_no_path(replace(shop, graph=None), past, 2) == "no graph"
    assert why_no_path(shop, np.zeros(0, dtype=int), 2) == "no history"
    assert why_no_path(alone, past, 2) == "nothing known of the item"
    assert why_no_path(shop, past, 2) == "nothing in common"
    assert recommender.explain(history=[], item="i01").no_path == "no history"
    assert recommender.explain("u05", "i01").no_path is None


def test_nothing_that_weighs_anything_is_no_evidence() -> None:
    assert not weighed(0.0, 0.0, 0.0)
