"""What may be shown, and how a list is mixed: filters, caps, diversity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import polars as pl

from hybridrec.arrays import BoolArray, FloatArray, IntArray
from hybridrec.errors import RequestError, examples


def matching_items(catalogue: pl.DataFrame, where: str) -> BoolArray:
    """Which rows of the catalogue meet a condition, ``(n_items,)``.

    Args:
        catalogue: one row an item.
        where: a condition in SQL over its columns, such as ``price < 5 and brand != 'X'``.

    Raises:
        RequestError: if it does not parse, names no column, is no condition, or nothing meets it.
    """
    try:
        met = catalogue.select(pl.sql_expr(where).alias("met"))["met"]
    except pl.exceptions.PolarsError as error:
        raise RequestError(
            f"where={where!r} cannot be applied: {error}; columns are "
            f"{examples(catalogue.columns, 20)}"
        ) from error
    if met.dtype != pl.Boolean or met.len() != catalogue.height:
        raise RequestError(
            f"where={where!r} is no condition: it gives {met.dtype}, not true or false"
        )
    if not met.any():
        raise RequestError(f"where={where!r}: no item of the catalogue meets it")
    return met.fill_null(False).to_numpy()


def cap_values(catalogue: pl.DataFrame, caps: Mapping[str, int]) -> dict[str, list[object]]:
    """The values that are counted against each cap.

    Raises:
        RequestError: a cap below 1, or on a column the catalogue lacks.
    """
    for column, cap in caps.items():
        if column not in catalogue.columns:
            raise RequestError(
                f"caps: no column {column!r}; columns are {examples(catalogue.columns, 20)}"
            )
        if catalogue.schema[column].is_nested():
            raise RequestError(
                f"caps: {column!r} holds several values an item; cap a column of one"
            )
        if cap < 1:
            raise RequestError(f"caps: {column!r} is capped at {cap}; a cap is at least 1")
    return {column: catalogue[column].to_list() for column in caps}


def mixed_order(
    items: IntArray,
    scores: FloatArray,
    k: int,
    embeddings: FloatArray,
    diversity: float,
    caps: Mapping[str, int],
    values: Mapping[str, list[object]],
) -> IntArray:
    """Places of the items to show, best first: maximal marginal relevance under caps.

    Each step takes the item with the best ``(1 − diversity) · relevance − diversity · likeness``,
    relevance being the score scaled to 0 … 1 and likeness the greatest cosine to an item already
    taken (Carbonell and Goldstein, SIGIR 1998). An item whose value is at its cap is passed over;
    items without a value are never capped.

    Args:
        items: ``(n,)`` item rows.
        scores: ``(n,)``.
        k: how many to take.
        embeddings: ``(n, dim)`` of the items, of unit length.
        diversity: 0 for none, 1 for nothing else.
        caps: for a column how often one value may stand in the list.
        values: for each capped column the value of every item row.
    """
    low, high = float(scores.min()), float(scores.max())
    relevance = (scores - low) / max(high - low, 1e-9)
    likeness = np.zeros(items.size, dtype=np.float32)
    free = np.ones(items.size, dtype=bool)
    counts: dict[str, Counter[object]] = {column: Counter() for column in caps}
    taken: list[int] = []
    while len(taken) < k and free.any():
        marginal = (1 - diversity) * relevance - diversity * likeness
        place = int(np.argmax(np.where(free, marginal, -np.inf)))
        free[place] = False
        row = int(items[place])
        held = {column: values[column][row] for column in caps}
        full = (v is not None and counts[c][v] >= caps[c] for c, v in held.items())
        if any(full):
            continue
        for column, value in held.items():
            counts[column][value] += 1
        taken.append(place)
        if diversity > 0:
            likeness = np.maximum(likeness, embeddings @ embeddings[place])
    return np.array(taken, dtype=np.int64)
