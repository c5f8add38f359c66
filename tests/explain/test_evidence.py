"""Past items as evidence."""

import numpy as np

from hybridrec.explain.evidence import PastItem, WeighedItems

PAST = [PastItem(name, name.upper(), 1, None, 0.0) for name in "abc"]


def test_those_that_weigh_anything_come_greatest_first() -> None:
    evidence = WeighedItems.of(PAST, np.array([0.5, 0.0, -2.0]))

    expected = (PAST[2].weighing(-2.0), PAST[0].weighing(0.5))
    assert len(evidence) == 2
    assert tuple(evidence) == expected
    assert evidence[:1] == [expected[0]]
    assert evidence[-1] == expected[1]


def test_are_equal_and_printed_as_the_items_they_are() -> None:
    evidence = WeighedItems.of(PAST, np.array([0.5, 0.0, -2.0]))
    again = WeighedItems.of(list(PAST), np.array([0.5, 0.0, -2.0]))

    assert evidence == again
    assert hash(evidence) == hash(again)
    assert evidence == tuple(evidence)
    assert evidence != WeighedItems.of(PAST, np.array([0.5, 0.1, -2.0]))
    assert repr(evidence) == repr(tuple(evidence))


def test_nothing_that_weighs_anything_is_no_evidence() -> None:
    assert not WeighedItems.of(PAST, np.zeros(3))
