"""What items cost, and how dear that is for their category."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, FloatArray
from hybridrec.data import Dataset
from hybridrec.data.columns import Columns
from hybridrec.data.features import prices_seen

FEW = 5.0
"""Prices of a category count from so many of its items up; before, those of all count with them."""


def item_prices(data: Dataset) -> DoubleArray | None:
    """The median price paid up to the moment of the data, else that of the catalogue.

    Returns:
        ``(n_items,)`` NaN where neither is told; ``None`` where no price is told at all.
    """
    prices = told_prices(data.catalogue)
    if Columns.PRICE in data.events.columns:
        seen = prices_seen(data)
        rows = data.items.join(seen[Columns.ITEM])
        prices[rows[rows >= 0]] = seen["median"].to_numpy()[rows >= 0]
    return prices if np.isfinite(prices).any() else None


def told_prices(catalogue: pl.DataFrame) -> DoubleArray:
    """The column ``price`` of a catalogue, ``(n_items,)``; NaN where it tells none."""
    if Columns.PRICE not in catalogue.columns or not catalogue.schema[Columns.PRICE].is_numeric():
        return np.full(catalogue.height, np.nan)
    return catalogue[Columns.PRICE].cast(pl.Float64).fill_null(np.nan).to_numpy().copy()


def price_levels(prices: DoubleArray, categories: csr_array | None) -> FloatArray:
    """How dear each item is for its category: log price less the category's mean, in deviations.

    Args:
        prices: ``(n_items,)`` in the shop's currency; NaN or 0 where unknown.
        categories: ``(n_items, n_categories)`` shares of items in categories; ``None`` without.

    Returns:
        ``(n_items,)``; 0, the usual, where the price is unknown.
    """
    known = np.isfinite(prices) & (prices > 0)
    logs = np.log(np.where(known, prices, 1.0))
    mean = logs[known].mean() if known.any() else 0.0
    spread = max(float(logs[known].std()), 1e-6) if known.any() else 1.0
    usual = np.full(prices.size, mean)
    if categories is not None and categories.nnz:
        counts = categories.T @ known.astype(np.float64)
        sums = categories.T @ np.where(known, logs - mean, 0.0)
        held = np.asarray(categories.sum(axis=1)).ravel() > 0
        usual += np.where(held, categories @ (sums / (counts + FEW)), 0.0)
    return np.where(known, (logs - usual) / spread, 0.0).astype(np.float32)
