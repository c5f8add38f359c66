"""The peers: what is popular, own counts, item-kNN and ALS of implicit, EASE in closed form.

Each is fitted on histories and gives a function from a block of histories to a score for every
item. Those with settings have them from :mod:`benchmarks.accuracy.chosen`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from scipy.sparse import csr_array, csr_matrix

from hybridrec.arrays import FloatArray
from hybridrec.data import Histories
from hybridrec.devices import single_threaded_blas

Rows = Literal["binary", "counts", "logarithms"]
"""What an item of a history counts: 1, how often it was met, or ``log2(1 + times)``."""
Scores = Callable[[Histories], FloatArray]
"""From a block of histories to ``(n_users, n_items)``."""

RECENT_DAYS = 28.0
HALF_LIFE_DAYS = 60.0
STEP_WEIGHT = 0.8
"""What an event counts beside the user's next one, in EASE on a recent history."""
SEED = 7
BLOCK_ITEMS = 1024
"""Items whose inner products with all others are made sparse at a time."""


def popularity(histories: Histories, since: float | None = None) -> Scores:
    """How many users met each item, in the last days or ever."""
    users = np.asarray((histories.weights(since=since) > 0).sum(axis=0), dtype=np.float32)
    return lambda block: np.tile(users, (block.n_users, 1))


def own_counts(half_life: float | None = None) -> Scores:
    """How often the user met each item, older times counting less."""
    return lambda block: block.weights(half_life).toarray()


def item_knn(
    histories: Histories, *, weighting: str, neighbours: int, rows: Rows = "binary"
) -> Scores:
    """Item-kNN of implicit: ``cosine``, ``tfidf`` or ``bm25``.

    Args:
        histories: what it learns from.
        weighting: which of its models.
        neighbours: items kept beside each, the item itself among them.
        rows: what an item of a history counts.
    """
    from implicit import nearest_neighbours as library
    from implicit.utils import ParameterWarning

    model: Any = {
        "cosine": library.CosineRecommender,
        "tfidf": library.TFIDFRecommender,
        "bm25": library.BM25Recommender,
    }[weighting](K=neighbours, num_threads=torch.get_num_threads())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ParameterWarning)  # of a matrix that it makes itself
        model.fit(csr_matrix(_rows(histories, rows)), show_progress=False)
    # what the library's recommend() multiplies, without its order among equal scores
    similarity = csr_array(model.similarity)
    return lambda block: (_rows(block, rows) @ similarity).toarray().astype(np.float32)


def ease(
    histories: Histories,
    *,
    regularization: float,
    rows: Rows = "binary",
    recent: bool = False,
) -> Scores:
    """EASE (Steck, WWW 2019): every item from all others, in closed form, dense.

    Args:
        histories: what it learns from.
        regularization: λ.
        rows: what an item of a history counts.
        recent: whether a history that is asked counts by its age, half in 60 days, or
            :data:`STEP_WEIGHT` a step without times.
    """
    known = _rows(histories, rows)
    wide = known.shape[0] < known.shape[1]
    product = (ease_by_users if wide else ease_by_items)(known, regularization)
    return lambda block: product(_rows(block, rows, recent=recent))


def ease_by_items(rows: csr_array, regularization: float) -> Callable[[csr_array], FloatArray]:
    """Products of histories ``(n, n_items)`` with the weights of EASE, held dense.

    >>> product = ease_by_items(csr_array([[1.0, 1.0], [1.0, 0.0]]), 1.0)
    >>> bool(np.allclose(product(csr_array(np.eye(2))), [[0, 1 / 3], [1 / 2, 0]]))
    True
    """
    columns = csr_array(rows.T.astype(np.float32))
    products = np.empty((columns.shape[0], columns.shape[0]), dtype=np.float32)
    for start in range(0, columns.shape[0], BLOCK_ITEMS):
        block = slice(start, start + BLOCK_ITEMS)
        products[block] = (columns[block] @ columns.T).toarray()
    gram = torch.from_numpy(products)
    gram.diagonal().add_(regularization)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram, out=gram))
    inverse /= -inverse.diagonal().clone()
    inverse.fill_diagonal_(0)
    weights = np.ascontiguousarray(inverse.numpy())  # else every product copies it first
    return lambda asked: asked @ weights


def ease_by_users(rows: csr_array, regularization: float) -> Callable[[csr_array], FloatArray]:
    """The same products where users are fewer than items, without a matrix of all pairs of items.

    With ``X`` the rows and ``K = (XXᵀ + λI)⁻¹``, ``P = (XᵀX + λI)⁻¹ = (I − XᵀKX) / λ`` (Woodbury),
    and a history ``h`` times the weights is ``h − hP / diag(P)``. ``KX`` is held, dense.
    """
    rows = rows.astype(np.float64)  # diag(P) is a small difference where λ is small
    gram = torch.from_numpy((rows @ rows.T).toarray())
    gram.diagonal().add_(regularization)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram, out=gram)).numpy()
    exact = (rows.T @ inverse).T
    diagonal = (1 - rows.multiply(exact).sum(axis=0)).astype(np.float32)
    solved = np.ascontiguousarray(exact, dtype=np.float32)

    def product(asked: csr_array) -> FloatArray:
        explained = (asked @ rows.T).toarray().astype(np.float32) @ solved
        dense = asked.toarray()
        return np.asarray(dense - (dense - explained) / diagonal, dtype=np.float32)

    return product


def implicit_als(
    histories: Histories, *, rows: Rows = "binary", seed: int = SEED, **settings: Any
) -> Scores:
    """ALS of implicit.

    Args:
        histories: what it learns from.
        rows: what an item of a history counts.
        seed: where it starts from.
        settings: ``factors``, ``alpha``, ``regularization`` and ``iterations``.
    """
    from implicit.cpu.als import AlternatingLeastSquares

    threads = torch.get_num_threads()
    with single_threaded_blas():
        model = AlternatingLeastSquares(random_state=seed, num_threads=threads, **settings)
        model.fit(csr_matrix(_rows(histories, rows)), show_progress=False)

    def scores(block: Histories) -> FloatArray:
        with single_threaded_blas():
            own = csr_matrix(_rows(block, rows))
            users = model.recalculate_user(np.arange(block.n_users), own)
        return np.asarray(users @ model.item_factors.T, dtype=np.float32)

    return scores


def _rows(histories: Histories, kind: Rows, *, recent: bool = False) -> csr_array:
    """Histories as rows of a matrix, ``(n_users, n_items)`` float32."""
    rows = histories.weights()
    counts = rows.data
    if kind == "binary":
        rows.data = np.ones_like(counts)
    elif kind == "logarithms":
        rows.data = np.log2(1 + counts)
    if recent:
        rows.data = rows.data / counts
        rows = csr_array(rows.multiply(_decayed(histories)))
    return rows


def _decayed(histories: Histories) -> csr_array:
    if histories.timed:
        return histories.weights(HALF_LIFE_DAYS)
    return histories.weights(half_life_events=float(np.log(0.5) / np.log(STEP_WEIGHT)))
