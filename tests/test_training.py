"""What the ranker learns from."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from hybridrec import Dataset, RecommenderConfig
from hybridrec.errors import DataError
from hybridrec.training import build_graph, split_for_ranker

START = datetime(2026, 1, 1)
EVENTS = pl.DataFrame(
    {
        "user_id": ["u", "u", "u", "v", "v", "w"],
        "item_id": ["a", "b", "c", "a", "c", "b"],
        "timestamp": [START + timedelta(days=d) for d in (0, 50, 99, 2, 40, 100)],
    }
)


@pytest.mark.parametrize(
    ("days", "after"),
    [
        (28.0, [("u", "c"), ("w", "b")]),
        (None, [("u", "c"), ("v", "c")]),  # w has nothing before it
    ],
)
def test_what_came_after_the_moment(days: float | None, after: list[tuple[str, str]]) -> None:
    config = RecommenderConfig.from_mapping({"ranker": {"horizon_days": days}})

    before, held_out = split_for_ranker(Dataset.from_frames(EVENTS), config)

    assert sorted(held_out.events.select("user_id", "item_id").rows()) == after
    assert before.events.height + len(after) == EVENTS.height


def test_triples_that_join_nothing_are_refused_as_data() -> None:
    triples = pl.DataFrame({"head": ["nowhere"], "relation": ["is"], "tail": ["lost"]})
    catalogue = pl.DataFrame({"item_id": ["a", "b", "c"], "brand": ["x", "x", "y"]})
    data = Dataset.from_frames(EVENTS, catalogue, triples=triples)

    with pytest.raises(DataError, match=r"'nowhere'.*data\.clean\(\) mends it"):
        build_graph(data)
