"""Edges between items whose embeddings, such as those of their texts, point the same way."""

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from kg.errors import DuplicateItemError, EmbeddingsError, NullItemError, examples
from kg.schema import ITEM

_CELLS_AT_ONCE = 2**26
"""Similarities that are held at a time: 0.25 GB."""
_STRIDE = 32
"""Similarities of which one, the highest, helps to bound an item's k-th."""


def similar_items(
    embeddings: npt.ArrayLike,
    items: pl.Series | Sequence[Hashable],
    *,
    k: int = 10,
    min_similarity: float = 0.5,
    mutual: bool = False,
) -> pl.DataFrame:
    """Each item's most similar ones by the cosine of their embeddings: ``similar_text``.

    The result is exact: all pairs are compared, a block of items at a time, in about 0.5 GB beside
    the embeddings.

    Args:
        embeddings: A row an item, shape ``(n, d)``; read as float32. A row of zeros says nothing:
            its item has no neighbours.
        items: The ids of the rows, in their order.
        k: How many neighbours an item has at most; of equally similar ones, the first.
        min_similarity: The least cosine of two neighbours, from -1 to 1.
        mutual: Whether both must be among the other's k, so that no item has more than k edges.
            When False one suffices, and only the mean is bounded, by 2 k.

    Returns:
        Triples: ``head``, ``relation``, ``tail``, ``head_type``, ``tail_type`` (strings; ids in
        their text form, each pair once, the head first in ``items``), and the edge number
        ``similarity``, the cosine (Float64). The most similar are first.

    Raises:
        EmbeddingsError: When the embeddings are not one finite row an item, ``k`` is below one or
            ``min_similarity`` is no cosine.
        NullItemError, DuplicateItemError: When an id is null, or two are the same.

    >>> similar_items([[1, 0], [4, 3], [0, 0]], ["a", "b", "c"]).select(
    ...     "head", "tail", pl.col("similarity").round(3)
    ... ).rows()
    [('a', 'b', 0.8)]
    """
    if k < 1:
        raise EmbeddingsError(f"k={k}: an item may have at least one neighbour")
    if not -1 <= min_similarity <= 1:
        raise EmbeddingsError(f"min_similarity={min_similarity}: a cosine is from -1 to 1")
    keys = _keys(items)
    directions, rows = _directions(embeddings, len(keys))
    blocks = [
        pl.DataFrame({"row": rows[one], "neighbour": rows[other], "similarity": cosine})
        for one, other, cosine in _nearest(directions, k, np.float32(min_similarity))
    ]
    schema = {"row": pl.Int64, "neighbour": pl.Int64, "similarity": pl.Float32}
    pairs = (
        pl.concat([pl.DataFrame(schema=schema), *blocks])
        .group_by(
            pl.min_horizontal("row", "neighbour").alias("one"),
            pl.max_horizontal("row", "neighbour").alias("other"),
        )
        .agg(pl.col("similarity").max().cast(pl.Float64).clip(-1, 1), pl.len().alias("sides"))
        .filter(pl.col("sides") > int(mutual))
        .sort(-pl.col("similarity"), "one", "other")
    )
    return pairs.select(
        keys.gather(pairs["one"]).alias("head"),
        pl.lit("similar_text").alias("relation"),
        keys.gather(pairs["other"]).alias("tail"),
        pl.lit(ITEM).alias("head_type"),
        pl.lit(ITEM).alias("tail_type"),
        "similarity",
    )


def _keys(items: pl.Series | Sequence[Hashable]) -> pl.Series:
    keys = pl.Series(items).cast(pl.String)
    if keys.null_count():
        raise NullItemError(f"{keys.null_count()} rows of embeddings have no item id")
    twice = keys.filter(keys.is_duplicated())
    if len(twice):
        raise DuplicateItemError(
            f"items has {examples(twice.unique().sort())} more than once; give one row an item"
        )
    return keys


def _directions(
    embeddings: npt.ArrayLike, n_items: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """The rows that are not zero, at length one, and which rows these are."""
    given = np.asarray(embeddings, dtype=np.float32)
    if given.ndim != 2 or len(given) != n_items:
        raise EmbeddingsError(
            f"embeddings have shape {given.shape}; needed is ({n_items}, d), one row an item"
        )
    finite = np.isfinite(given).all(axis=1)
    if not finite.all():
        raise EmbeddingsError(
            f"{int((~finite).sum())} rows of the embeddings are not finite, the first is row "
            f"{int(finite.argmin())}; leave these items out or embed them anew"
        )
    # scaled first, lest the squares of very large or small numbers leave float32
    largest = np.abs(given).max(axis=1, initial=0)
    rows = np.flatnonzero(largest)
    scaled = given[rows] / largest[rows, None]
    scaled /= np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled, rows


def _nearest(
    directions: npt.NDArray[np.float32], k: int, min_similarity: np.float32
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]]:
    """Of a block of rows at a time: row, neighbour and cosine of the k nearest of each."""
    n = len(directions)
    height = min(max(1, _CELLS_AT_ONCE // max(n, 1)), n)
    # room for one block, used again: to ask for it anew takes as long as to fill it
    room, passes = np.empty((height, n), dtype=np.float32), np.empty((height, n), dtype=np.bool_)
    for start in range(0, n, max(height, 1)):
        block = directions[start : start + height]
        own = np.arange(len(block))
        cosine = np.matmul(block, directions.T, out=room[: len(block)])
        cosine[own, own + start] = -np.inf
        least = np.maximum(_bound_of_kth(cosine, k), min_similarity)
        near = np.greater_equal(cosine, least[:, None], out=passes[: len(block)])
        row, other = np.divmod(np.flatnonzero(near), n)
        found = cosine[row, other]
        order = np.lexsort((other, -found, row))
        row, other, found = row[order], other[order], found[order]
        nearest = np.arange(len(row)) - np.searchsorted(row, row) < k
        yield row[nearest] + start, other[nearest], found[nearest]


def _bound_of_kth(cosine: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.float32]:
    """For each row a number that at least k of its cosines reach, and few more than k.

    It is the k-th highest of the maxima of strides: each of these is a cosine of its own.
    """
    n_strides = cosine.shape[1] // _STRIDE
    if n_strides <= k:
        return np.full(len(cosine), -np.inf, dtype=np.float32)
    strides = cosine[:, : n_strides * _STRIDE].reshape(len(cosine), _STRIDE, n_strides)
    return np.partition(strides.max(axis=1), n_strides - k, axis=1)[:, n_strides - k]
