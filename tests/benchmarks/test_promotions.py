"""What The Complete Journey plans to promote, as signals."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from benchmarks.accuracy.promotions import Promotions
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.moment import Moment

ITEMS = ["1000050", "1000092", "no such item"]
"""In the first week three stores have the first on display, 75 the second in the mailer."""


def moment(as_of: datetime) -> Moment:
    return Moment(pl.DataFrame({"item_id": ITEMS}), Affinity({}), {}, {}, as_of=as_of)


def test_weeks_to_come_count_the_stores_that_promote() -> None:
    before = moment(datetime(2016, 12, 31, tzinfo=UTC))
    coming = np.expm1(Promotions().stores(before, 0, 2))

    np.testing.assert_allclose(coming, [[3, 0], [0, 75], [0, 0]], rtol=1e-5)


def test_weeks_past_are_others_than_weeks_to_come() -> None:
    promotions, at = Promotions(), moment(datetime(2017, 6, 5, tzinfo=UTC))
    past, coming = promotions.stores(at, -28, 0), promotions.stores(at, 0, 28)

    assert not np.array_equal(past, coming)
    long_before = moment(datetime(2016, 1, 1, tzinfo=UTC))
    assert not promotions.stores(long_before, 0, 28).any()


def test_each_place_and_span_is_a_signal() -> None:
    names = [signal.name for signal in Promotions().signals()]
    assert names == ["display_coming", "display_past", "mailer_coming", "mailer_past"]
