"""What a recommender knows of the shop moves on with events."""

import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.shop import Shop


def test_values_of_later_events_are_compared_with_those_of_before() -> None:
    events = pl.DataFrame(
        {
            "user_id": ["u", "u", "v"],
            "item_id": ["a", "b", "a"],
            "event": ["rating", "view", "rating"],
            "value": [1.0, None, 2.0],
        }
    )
    data = Dataset.from_frames(events)
    shop = Shop.of(data, data.histories(value_exponent=1.0), None)
    later = pl.DataFrame({"user_id": ["v"], "item_id": ["b"], "event": ["rating"], "value": [3.0]})

    moved = shop.with_events(later, {}, value_exponent=1.0)

    assert shop.value_means == {"rating": 1.5}
    rated = moved.histories.of([moved.users.row("v")])
    assert rated.strengths.tolist() == pytest.approx([2.0 / 1.5, 3.0 / 1.5])
