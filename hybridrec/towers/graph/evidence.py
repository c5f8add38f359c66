"""How telling each relation is, counted before anything is learned."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray
from hybridrec.towers.graph.collaborative_graph import CollaborativeGraph


def log_lifts(graph: CollaborativeGraph, weights: csr_array) -> DoubleArray:
    """How much likelier two items of one user share a neighbour than any two that were met.

    The logarithm of the lift of each relation, ``(n_relations,)``: a brand that users come back to
    has a high one, a language that nearly all items share has none. The counts of pairs, observed
    and expected, are each taken for one more than they are, so that a handful tells little.
    Relations that items do not share (users, and facts between other entities) get the mean of
    those that they do.

    Args:
        graph: the whole graph.
        weights: ``(n_users, n_items)`` above 0 where a user met an item.
    """
    met = csr_array((weights > 0).astype(np.float64))
    sizes = np.asarray(met.sum(axis=1)).ravel()
    # a user's pairs count together as much as the items, or those who met most would decide
    per_pair = np.divide(1.0, sizes - 1, out=np.zeros_like(sizes), where=sizes > 1)
    total = (sizes * (sizes > 1)).sum()
    shares = np.asarray(met.sum(axis=0)).ravel() / max(met.nnz, 1)
    messages = graph.messages
    logs = np.full(len(graph.relations), np.nan)
    for kind in range(1, len(graph.relations)):
        of = (messages.kinds == kind) & (messages.targets < graph.n_items)
        entries = (np.ones(np.count_nonzero(of)), (messages.targets[of], messages.sources[of]))
        shared = csr_array(entries, shape=(graph.n_items, graph.n_nodes))
        shared = csr_array(shared[:, np.flatnonzero(shared.sum(axis=0) > 1)])
        if shared.nnz == 0:
            continue
        counts = csr_array(met @ shared)
        pairs = counts.power(2).sum(axis=1) - (met @ shared.power(2)).sum(axis=1)
        observed = (np.asarray(pairs).ravel() * per_pair).sum()
        expected = total * (np.asarray(shares @ shared) ** 2).sum()
        logs[kind] = np.log((observed + 1) / (expected + 1))
    known = logs[np.isfinite(logs)]
    return np.where(np.isfinite(logs), logs, known.mean() if known.size else 0.0)
