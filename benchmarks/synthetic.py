"""Synthetic shops of any size: few users do much, few items sell much, and tastes cluster."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from hybridrec import Dataset
from hybridrec.arrays import IntArray
from hybridrec.data.columns import Columns

START = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365
SHELVES_A_HALL = 20
ITEMS_A_SHELF = 50
FAVOURITES = 3
"""Shelves that a user turns to …"""
LOYALTY = 0.7
"""… and the share of the user's events that lie on them."""
WORDS_A_SHELF = 12


def power_law(random: np.random.Generator, n: int, size: int) -> IntArray:
    """``(size,)`` numbers below ``n``, the k-th as frequent as ``(k + 10)^-0.8``."""
    weights = np.cumsum((np.arange(n) + 10.0) ** -0.8)
    return np.asarray(np.searchsorted(weights, random.random(size) * weights[-1]), dtype=np.int64)


def shop(n_events: int, seed: int = 7) -> Dataset:
    """A shop of a year: an item for every 100 events, a user for every 20, in no order of ids.

    Items stand on shelves, shelves in halls; a user's events are drawn from a few favourite
    shelves, each by the popularity of its items, or from the whole shop. Titles hold words of the
    shelf, the brand and a number; brands belong to halls.

    Args:
        n_events: how many; the same again by the same user among them.
        seed: of everything drawn.
    """
    random = np.random.default_rng(seed)
    n_users, n_items = max(n_events // 20, 20), max(n_events // 100, 100)
    n_shelves = max(n_items // ITEMS_A_SHELF, FAVOURITES)
    users = random.permutation(n_users)[power_law(random, n_users, n_events)]
    # Items by popularity, dealt to the shelves in turn: item k stands on shelf k % n_shelves.
    anywhere = power_law(random, n_items, n_events)
    favourites = random.integers(n_shelves, size=(n_users, FAVOURITES))
    shelf = favourites[users, random.integers(FAVOURITES, size=n_events)]
    place = power_law(random, n_items // n_shelves, n_events)
    loyal = random.random(n_events) < LOYALTY
    items = np.where(loyal, place * n_shelves + shelf, anywhere)
    names = random.permutation(n_items)
    seconds = np.sort(random.integers(DAYS * 86_400, size=n_events))
    events = pl.DataFrame({Columns.USER: users, Columns.ITEM: names[items]}).with_columns(
        (pl.lit(START) + pl.duration(seconds=pl.lit(pl.Series(seconds)))).alias(Columns.TIMESTAMP),
        pl.lit("purchase").alias(Columns.EVENT),
        pl.lit(1.0).alias(Columns.VALUE),
    )
    return Dataset.from_frames(events, _catalogue(random, names, n_shelves))


def _catalogue(random: np.random.Generator, names: IntArray, n_shelves: int) -> pl.DataFrame:
    shelf = np.arange(names.size) % n_shelves
    hall = shelf // SHELVES_A_HALL
    words = np.array([f"word{n}" for n in range(max(500, 4 * n_shelves))])
    of_shelf = random.integers(words.size, size=(n_shelves, WORDS_A_SHELF))
    chosen = random.integers(WORDS_A_SHELF, size=(names.size, 4))
    titles = words[np.take_along_axis(of_shelf[shelf], chosen, axis=1)]
    brand = hall * 10 + random.integers(10, size=names.size)
    return pl.DataFrame(
        {
            Columns.ITEM: names,
            Columns.TITLE: [f"{' '.join(row)} {n}" for row, n in zip(titles, names, strict=True)],
            "brand": [f"Brand {n}" for n in brand],
            "category": [f"Hall {h} > Shelf {s}" for h, s in zip(hall, shelf, strict=True)],
            Columns.PRICE: np.round(np.exp(random.normal(1.5, 0.8, names.size)), 2),
        }
    )
