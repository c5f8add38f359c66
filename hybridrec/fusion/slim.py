"""Which items foretell which: a sparse linear model from items to items."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from scipy.sparse import csc_array, csr_array

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.progress import track

BLOCK: Final = 64
"""Items solved together, at most …"""
BLOCK_PRODUCTS: Final = 4_000_000
"""… and inner products with all items held at a time; 16 MB."""
SMALLEST: Final = 1e-12
"""Of squared lengths, so that none is 0."""
ROWS: Final = 1_024
"""Rows of one dense slice of a block, from which inner products are summed."""


def slim(rows: csr_array, neighbours: int, regularization: float) -> csr_array:
    """Weights by which the items of a row foretell each other: SLIM in closed form.

    The column ``b_j`` of the weights minimises ``|x_j − X b|² + λ |b|²`` over the nearest items of
    ``j`` by cosine, ``b`` being 0 for all others and for ``j`` itself. That is fsSLIM (Ning and
    Karypis, ICDM 2011) without its sparse penalty; with all items as neighbours it is EASE (Steck,
    WWW 2019). Memory grows with the number of items, and so does the time, but for finding the
    nearest.

    Args:
        rows: ``(n, n_items)`` what belongs together: users' histories, and what else items share.
        neighbours: of each item.
        regularization: λ.

    Returns:
        ``(n_items, n_items)``; a weighted history ``w`` gives items the scores ``w @ weights``.
    """
    columns = csc_array(rows, dtype=np.float32)
    columns.sort_indices()
    squares = np.bincount(
        np.repeat(np.arange(columns.shape[1]), np.diff(columns.indptr)),
        np.square(columns.data),
        columns.shape[1],
    ).astype(np.float32)
    sources, targets, values = [], [], []
    size = min(BLOCK, max(1, BLOCK_PRODUCTS // columns.shape[1]))
    starts = range(0, columns.shape[1], size)
    for start in track(starts, "items that foretell each other", len(starts)):
        block = np.arange(start, min(start + size, columns.shape[1]))
        nearest, products = _nearest(columns, squares, block, neighbours)
        solved = _solved(columns, squares, nearest, products, regularization)
        real = nearest >= 0
        sources.append(nearest[real])
        targets.append(np.repeat(block, real.sum(axis=1)))
        values.append(solved[real])
    coordinates = (np.concatenate(sources), np.concatenate(targets))
    shape = (columns.shape[1], columns.shape[1])
    return csr_array((np.concatenate(values), coordinates), shape=shape)


def _nearest(
    columns: csc_array, squares: FloatArray, block: IntArray, n: int
) -> tuple[IntArray, FloatArray]:
    """The nearest items of some items, and their inner products, ``(n_block, n)``; −1 for none."""
    products = np.asarray((columns[:, block].T @ columns).todense())
    products[np.arange(block.size), block] = 0
    cosines = products / np.sqrt(np.maximum(squares, SMALLEST))
    best = torch.topk(torch.from_numpy(cosines), min(n, squares.size), sorted=False)
    nearest, near = best.indices.numpy(), best.values.numpy() > 0
    found = np.take_along_axis(products, nearest, axis=1)
    return np.where(near, nearest, -1), np.where(near, found, 0)


def _solved(
    columns: csc_array,
    squares: FloatArray,
    nearest: IntArray,
    products: FloatArray,
    regularization: float,
) -> FloatArray:
    """The weights of the nearest items, ``(n_block, n)``."""
    gram = _inner_products(columns, nearest)
    diagonal = np.where(nearest >= 0, squares[nearest] + regularization, 1.0)
    gram.diagonal(dim1=1, dim2=2).copy_(torch.from_numpy(diagonal))
    factor = torch.linalg.cholesky(gram)
    right = torch.from_numpy(products)[:, :, None]
    return np.asarray(torch.cholesky_solve(right, factor)[:, :, 0].numpy())


def _inner_products(columns: csc_array, nearest: IntArray) -> torch.Tensor:
    """Inner products between the neighbours of each item, ``(n_block, n, n)``.

    Rows with one of an item's neighbours alone are left out, which the diagonal alone would know.
    """
    n_block, n = nearest.shape
    chosen = nearest.ravel()
    lengths = np.where(chosen >= 0, columns.indptr[chosen + 1] - columns.indptr[chosen], 0)
    place = np.repeat(np.arange(chosen.size), lengths)
    within = np.arange(place.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    entry = columns.indptr[chosen[place]] + within
    keys = place // n * columns.shape[0] + columns.indices[entry]
    distinct, key, counts = np.unique(keys, return_inverse=True, return_counts=True)
    shared = counts > 1
    of = distinct // columns.shape[0]
    row = np.cumsum(shared) - 1
    firsts = np.searchsorted(of[shared], np.arange(n_block))
    row -= firsts[of]
    used = shared[key]
    place, entry, row = place[used], entry[used], row[key[used]]
    gram = torch.zeros(n_block, n, n)
    for start in range(0, int(row.max(initial=-1)) + 1, ROWS):
        here = (row >= start) & (row < start + ROWS)
        size = min(ROWS, int(row.max()) + 1 - start)
        dense = torch.zeros(n_block, size, n)
        at = place[here]
        dense[at // n, row[here] - start, at % n] = torch.from_numpy(columns.data[entry[here]])
        gram += dense.mT @ dense
    return gram
