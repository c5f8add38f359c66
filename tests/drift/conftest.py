"""Shops whose users change their interest at a known moment, or never."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.shop import Shop
from hybridrec.training import build_graph

FIRST_DAY = datetime(2024, 1, 1, 9, tzinfo=UTC)
SHELVES = ("Shoes", "Tents", "Tea", "Books", "Toys", "Lamps")


@dataclass(frozen=True)
class Planted:
    """A shop, and on which day each of its users changed; −1 for those who never did."""

    events: pl.DataFrame
    catalogue: pl.DataFrame
    changed: dict[str, int]

    @property
    def dataset(self) -> Dataset:
        return Dataset.from_frames(self.events, self.catalogue)

    @property
    def shop(self) -> Shop:
        data = self.dataset
        return Shop.of(data, data.histories(), build_graph(data))


def _planted(
    movers: int = 20, steady: int = 60, days: int = 40, seed: int = 0, timed: bool = True
) -> Planted:
    random = np.random.default_rng(seed)
    rows, changed = [], {}
    for number in range(movers + steady):
        user = f"u{number:03}"
        first, second = random.choice(len(SHELVES), 2, replace=False)
        turn = int(random.integers(days // 3, 2 * days // 3)) if number < movers else days
        changed[user] = turn if number < movers else -1
        for day in range(days):
            shelf = first if day < turn else second
            for _ in range(2):
                own = random.random() < 0.8
                chosen = shelf if own else int(random.integers(len(SHELVES)))
                item = f"{SHELVES[chosen]}-{random.integers(5)}"
                rows.append((user, item, FIRST_DAY + timedelta(days=day)))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    names = [(f"{shelf}-{i}", f"Shop > {shelf}") for shelf in SHELVES for i in range(5)]
    catalogue = pl.DataFrame(names, schema=["item_id", "category"], orient="row")
    return Planted(events if timed else events.drop("timestamp"), catalogue, changed)


@pytest.fixture(scope="session")
def make_planted() -> Callable[..., Planted]:
    """Makes shops with planted changes."""
    return _planted


@pytest.fixture(scope="session")
def planted() -> Planted:
    """20 users who change and 60 who do not, two events a day on 40 days."""
    return _planted()
