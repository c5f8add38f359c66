"""Wide embeddings in few dimensions, to seek candidates in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from hybridrec.arrays import FloatArray

FEW = 8
"""So few vectors are multiplied one by one: as a matrix they take several times as long."""


@dataclass(frozen=True)
class SearchAxes:
    """The leading principal axes of item embeddings, about zero, which inner products live on.

    Among all subspaces of their dimension they keep most of the items' squared lengths (Eckart and
    Young 1936). Candidates are sought on them and scored in all dimensions.

    Args:
        axes: ``(dim, search_dims)``.
        items: ``(n_items, search_dims)``.
    """

    axes: FloatArray
    items: FloatArray

    @classmethod
    def of(cls, embeddings: FloatArray, dims: int) -> Self:
        """The axes of item embeddings, ``(n_items, dim)``."""
        moments = embeddings.T @ embeddings
        axes = np.ascontiguousarray(np.linalg.eigh(moments.astype(np.float64))[1][:, -dims:])
        axes = axes.astype(np.float32)
        return cls(axes, np.ascontiguousarray(embeddings @ axes))

    def scores(self, vectors: FloatArray) -> FloatArray:
        """What user vectors ``(…, dim)`` give every item, nearly, ``(…, n_items)``."""
        return inner_products(vectors @ self.axes, self.items)


def inner_products(vectors: FloatArray, items: FloatArray) -> FloatArray:
    """Of vectors ``(…, dim)`` and items ``(n_items, dim)``: ``(…, n_items)``."""
    rows = vectors.reshape(-1, vectors.shape[-1])
    few = len(rows) <= FEW
    products = np.stack([items @ row for row in rows]) if few else rows @ items.T
    return products.reshape(*vectors.shape[:-1], len(items))
