"""Wide embeddings in few dimensions, to seek candidates in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.fusion.pairs import NONE

STRIDES = 16
"""Parts that long rows are cut into, to look for the best among the best of their columns."""
LONG = 4_096
"""Rows of fewer items are searched as they are."""


@dataclass(frozen=True)
class SearchAxes:
    """The leading principal axes of item embeddings, about zero, which inner products live on.

    Among all subspaces of their dimension they keep most of the items' squared lengths (Eckart and
    Young 1936). Candidates are sought on them and scored in all dimensions.

    Args:
        axes: ``(dim, search_dims)``.
        items: ``(search_dims, n_items)``: read along the items, few users take half as long.
    """

    axes: FloatArray
    items: FloatArray

    @classmethod
    def of(cls, embeddings: FloatArray, dims: int) -> Self:
        """The axes of item embeddings, ``(n_items, dim)``."""
        moments = embeddings.T @ embeddings
        axes = np.ascontiguousarray(np.linalg.eigh(moments.astype(np.float64))[1][:, -dims:])
        axes = axes.astype(np.float32)
        return cls(axes, np.ascontiguousarray((embeddings @ axes).T))

    def scores(self, vectors: FloatArray) -> FloatArray:
        """What user vectors ``(…, dim)`` give every item, nearly, ``(…, n_items)``."""
        return inner_products(vectors @ self.axes, self.items)


def inner_products(vectors: FloatArray, items: FloatArray) -> FloatArray:
    """Of vectors ``(…, dim)`` and items ``(dim, n_items)``: ``(…, n_items)``."""
    # torch's product is the faster one where vectors are few
    rows = torch.from_numpy(vectors.reshape(-1, vectors.shape[-1]))
    products = rows @ torch.from_numpy(items)
    return products.numpy().reshape(*vectors.shape[:-1], items.shape[1])


def best_of_rows(scores: FloatArray, n: int) -> IntArray:
    """The places of the best of every row, in no order, ``(…, n)``; −1 for those of −∞.

    Exact. Long rows are cut into equal stretches, one below the other: the best lie in those
    columns whose maxima are the best.

    Args:
        scores: ``(…, n_items)``.
        n: how many of a row; all where there are fewer.
    """
    rows = torch.from_numpy(scores.reshape(-1, scores.shape[-1]))
    n = min(n, rows.shape[1])
    if rows.shape[1] < LONG:
        # numpy's argpartition takes ten times as long where many scores are equal
        values, places = torch.topk(rows, n, sorted=False)
    else:
        width = rows.shape[1] // STRIDES
        cut = rows[:, : STRIDES * width].view(-1, STRIDES, width)
        columns = torch.topk(cut.amax(dim=1), min(n, width), sorted=False).indices
        starts = width * torch.arange(STRIDES)[:, None]
        where = (columns[:, None] + starts).flatten(1)
        rest = torch.arange(STRIDES * width, rows.shape[1]).expand(rows.shape[0], -1)
        where = torch.cat([where, rest], dim=1)
        values, best = torch.topk(rows.gather(1, where), n, sorted=False)
        places = where.gather(1, best)
    places[values == -torch.inf] = NONE
    return places.numpy().reshape(*scores.shape[:-1], n)
