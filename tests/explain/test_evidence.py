"""Past items as evidence."""

from dataclasses import replace

import numpy as np

from hybridrec.explain.evidence import PastItem, WeighedItems

PAST = [PastItem(name, name.upper(), 1, None, 0.0) for name in "abc"]
TOGETHER = [7, 8, None]


def weighed(*weights: float) -> WeighedItems:
    return WeighedItems.of(list(PAST), np.array(weights), lambda: TOGETHER)


def test_those_that_weigh_anything_come_greatest_first() -> None:
    evidence = weighed(0.5, 0.0, -2.0)

    expected = (
        replace(PAST[2], weight=-2.0),
        replace(PAST[0], weight=0.5, together=7),
    )
    assert len(evidence) == 2
    assert tuple(evidence) == expected
    assert evidence[:1] == [expected[0]]
    assert evidence[-1] == expected[1]


def test_are_equal_and_printed_as_the_items_they_are() -> None:
    evidence = weighed(0.5, 0.0, -2.0)
    again = weighed(0.5, 0.0, -2.0)

    assert evidence == again
    assert hash(evidence) == hash(again)
    assert evidence == tuple(evidence)
    assert evidence != weighed(0.5, 0.1, -2.0)
    assert repr(evidence) == repr(tuple(evidence))


def test_nothing_that_weighs_anything_is_no_evidence() -> None:
    assert not weighed(0.0, 0.0, 0.0)
