"""The values that are counted against caps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from hybridrec.arrays import BoolArray, IntArray
from hybridrec.errors import RequestError, examples


@dataclass(frozen=True)
class CappedColumn:
    """How often one value may stand in a list, and which values each item has.

    Args:
        name: the column.
        cap: how often.
        indptr: ``(n_items + 1,)``; the values of item ``i`` are ``codes[indptr[i]:indptr[i + 1]]``.
        codes: numbers of values; an item counts for each of its own, and unknown ones are none.
        values: what the numbers stand for.
    """

    name: str
    cap: int
    indptr: IntArray
    codes: IntArray
    values: pl.Series

    def codes_of(self, row: int) -> IntArray:
        """The values of one item."""
        return self.codes[self.indptr[row] : self.indptr[row + 1]]


def capped_columns(catalogue: pl.DataFrame, caps: Mapping[str, int]) -> tuple[CappedColumn, ...]:
    """The columns that caps speak of.

    Args:
        catalogue: one row an item; a column may hold one value an item, or a list.
        caps: how often one value of a column may stand in a list, at least 1.

    Raises:
        RequestError: a cap on a column the catalogue lacks, or whose values cannot be counted.
    """
    return tuple(_capped(catalogue, column, cap) for column, cap in caps.items())


def _capped(catalogue: pl.DataFrame, name: str, cap: int) -> CappedColumn:
    if name not in catalogue.columns:
        raise RequestError(
            f"caps: no column {name!r}; columns are {examples(catalogue.columns, 20)}"
        )
    column = catalogue[name]
    if isinstance(column.dtype, pl.Array):
        column = column.arr.to_list()
    inner = column.dtype.inner if isinstance(column.dtype, pl.List) else column.dtype
    if inner.is_nested() or inner in (pl.Object, pl.Binary):
        raise RequestError(f"caps: {name!r} holds {column.dtype}, whose values cannot be counted")
    pairs = pl.DataFrame({"item": np.arange(column.len()), "value": column})
    if isinstance(column.dtype, pl.List):
        pairs = pairs.explode("value")
    pairs = pairs.drop_nulls("value").unique(maintain_order=True)
    values = pairs["value"].unique(maintain_order=True)
    numbered = pl.DataFrame({"value": values, "code": np.arange(values.len())})
    coded = pairs.join(numbered, on="value", how="left", maintain_order="left").sort("item")
    counts = np.bincount(coded["item"].to_numpy(), minlength=column.len())
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return CappedColumn(name, cap, indptr, coded["code"].to_numpy().astype(np.int64), values)


class CapCounts:
    """How often each value stands in a list as it grows, among the candidates of one user."""

    def __init__(self, column: CappedColumn, items: IntArray) -> None:
        starts, lengths = column.indptr[items], np.diff(column.indptr)[items]
        self._indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(self._indptr[-1]) - np.repeat(self._indptr[:-1], lengths)
        codes = column.codes[np.repeat(starts, lengths) + within]
        self._owners = np.repeat(np.arange(items.size), lengths)
        known, self._codes = np.unique(codes, return_inverse=True)
        self._left = np.full(known.size, column.cap)

    def take(self, place: int, free: BoolArray) -> None:
        """Counts one candidate, and marks as no longer free all that would break the cap now."""
        own = self._codes[self._indptr[place] : self._indptr[place + 1]]
        self._left[own] -= 1
        full = own[self._left[own] <= 0]
        if full.size:
            free[self._owners[np.isin(self._codes, full)]] = False
