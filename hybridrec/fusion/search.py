"""Wide embeddings in few dimensions, to seek candidates in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from hybridrec.arrays import FloatArray


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
        """What user vectors ``(n, dim)`` give every item, nearly, ``(n, n_items)``."""
        return np.asarray((vectors @ self.axes) @ self.items.T)
