"""How far a user's present interest lies from the lasting one, and how narrow it is.

Numbers of users, not of pairs: a ranker may gate on them. All are 0 for users of whom nothing is
known, and the distances are 0 for users with one event, whose two profiles are the same.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, FloatArray
from hybridrec.towers.base import mean_weights


def entity_shares(weights: csr_array, links: csr_array) -> csr_array:
    """Each user's mix of entities, ``(n_users, n_entities)``; rows sum to 1, or 0 without any.

    Weights count by their logarithm, as in towers.

    Args:
        weights: weighted histories, ``(n_users, n_items)``.
        links: ``(n_items, n_entities)`` as in :class:`~hybridrec.fusion.affinity.Affinity`.
    """
    if links.nnz == 0:
        return csr_array((weights.shape[0], max(links.shape[1], 1)))
    mix: csr_array = mean_weights(weights) @ links
    counts = np.diff(mix.indptr)
    rows = np.repeat(np.arange(counts.size), counts)
    # below 1 where items have no entity
    totals = np.bincount(rows, mix.data, minlength=counts.size)
    mix.data = mix.data / totals[rows]
    return mix


def divergence(first: csr_array, second: csr_array) -> FloatArray:
    """Jensen–Shannon divergence of each user's two mixes in bits, ``(n_users,)``, 0 to 1.

    The mean of the relative entropies of both mixes against their midpoint: symmetric, bounded,
    and defined where one mix has what the other lacks (Lin, "Divergence measures based on the
    Shannon entropy", IEEE Transactions on Information Theory 37, 1991). 0 where either is empty.

    Args:
        first: rows that sum to 1 or 0, ``(n_users, n_entities)``.
        second: likewise, of the same shape.

    >>> one, other = csr_array([[1.0, 0.0], [0.5, 0.5]]), csr_array([[0.0, 1.0], [0.5, 0.5]])
    >>> divergence(one, other).tolist()
    [1.0, 0.0]
    """
    middle = entropy(csr_array((first + second) / 2))
    found = middle - (entropy(first) + entropy(second)) / 2
    known = (np.diff(first.indptr) > 0) & (np.diff(second.indptr) > 0)
    return np.where(known, np.clip(found, 0.0, 1.0), 0.0).astype(np.float32)


def entropy(mix: csr_array) -> DoubleArray:
    """The Shannon entropy of each row in bits, ``(n_rows,)``; 0 where it is empty."""
    held = np.maximum(mix.data, np.finfo(np.float64).tiny)
    rows = np.repeat(np.arange(mix.shape[0]), np.diff(mix.indptr))
    terms: DoubleArray = -mix.data * np.log2(held)
    return np.bincount(rows, terms, minlength=mix.shape[0]).astype(np.float64)


def concentration(mix: csr_array) -> FloatArray:
    """How narrow each taste is, ``(n_users,)``: 1 − entropy / greatest entropy possible.

    1 for a user of one entity, 0 for one who spreads evenly over all there are, and 0 where
    nothing is known (Pielou's evenness, taken from 1).

    Args:
        mix: rows that sum to 1 or 0, ``(n_users, n_entities)``.

    >>> concentration(csr_array([[1.0, 0.0], [0.5, 0.5], [0.0, 0.0]])).tolist()
    [1.0, 0.0, 0.0]
    """
    greatest = np.log2(mix.shape[1])
    evenness = entropy(mix) / greatest if greatest > 0 else np.zeros(mix.shape[0])
    known = np.diff(mix.indptr) > 0
    return np.where(known, np.clip(1.0 - evenness, 0.0, 1.0), 0.0).astype(np.float32)


def embedding_distance(first: csr_array, second: csr_array, embeddings: FloatArray) -> FloatArray:
    """1 − cosine of the mean item embeddings of two profiles, ``(n_users,)``, 0 to 2.

    Args:
        first: weighted histories, ``(n_users, n_items)``.
        second: likewise, of the same users.
        embeddings: ``(n_items, dim)``.
    """
    one = np.asarray(mean_weights(first) @ embeddings, dtype=np.float64)
    other = np.asarray(mean_weights(second) @ embeddings, dtype=np.float64)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    products = np.einsum("ij,ij->i", one, other)
    cosine = np.divide(products, lengths, out=np.ones_like(products), where=lengths > 0)
    return np.asarray(np.clip(1.0 - cosine, 0.0, 2.0), dtype=np.float32)
