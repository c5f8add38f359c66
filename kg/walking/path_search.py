"""The exact search for the best paths of many pairs of a history and a target.

Chains of entities that are no items are grown from the sources and from the target until they
meet; for each further inner entity, the side with fewer neighbours to visit takes a step. A chain
is dropped once its best completion cannot reach the ``k``-th best score found so far, which leaves
the result exact.
"""

import numpy as np
import numpy.typing as npt

from kg.walking.adjacency import Adjacency, Int32Array, Int64Array, spans

LENGTH_DISCOUNT = 0.9

FloatArray = npt.NDArray[np.float64]
Ranked = tuple[float, int, tuple[int, ...]]
"""Negative score, length and nodes of a path: what sorts first is best."""

_ROUNDING = 1e-9


def entity_weights(degree: npt.NDArray[np.int64]) -> FloatArray:
    """What an inner entity multiplies a path's score by: ``1 / log2(2 + degree)``.

    >>> entity_weights(np.array([2, 6, 14]))
    array([0.5       , 0.33333333, 0.25      ])
    """
    weights: FloatArray = 1.0 / np.log2(2.0 + degree)
    return weights


# An inner entity has two neighbours at least.
_HIGHEST_WEIGHT = float(entity_weights(np.array(2)))


def ranked_paths(
    adjacency: Adjacency,
    weights: FloatArray,
    histories: list[Int64Array],
    history_of: Int64Array,
    targets: Int64Array,
    *,
    max_length: int,
    k: int,
) -> list[list[Ranked]]:
    """The best ``k`` paths of every pair.

    Args:
        adjacency: Neighbours of every entity.
        weights: Weight of every entity, shape ``(n_entities,)``.
        histories: Sources, each ascending and without the targets of its pairs.
        history_of: The number of each pair's history, shape ``(n_pairs,)``.
        targets: The target of each pair, same shape.
        max_length: Edges a path may have.
        k: How many paths a pair may have.

    Returns:
        For each pair its paths, best first; among equal scores the shorter goes first, then the
        one with the lower entity indexes.
    """
    n_entities = np.int64(len(weights))
    found = _Found(targets, k)
    sources = np.concatenate(histories)
    owners = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
    pairs, items = adjacency.rows(targets, items=True)
    joined = np.isin(history_of[pairs] * n_entities + items, owners * n_entities + sources)
    pairs, items = pairs[joined], items[joined]
    found.add(pairs, items[:, None], np.full(len(pairs), LENGTH_DISCOUNT))

    rows, entities = adjacency.rows(sources)
    firsts = owners[rows] * n_entities + entities
    order = np.argsort(firsts, kind="stable")
    firsts, origins = firsts[order], sources[rows[order]]
    front = _Side(adjacency, weights, history_of, *np.divmod(np.unique(firsts), n_entities))
    ends, target_of = np.unique(targets, return_inverse=True)
    back = _Side(adjacency, weights, target_of, *adjacency.rows(ends))
    for n_inner in range(1, max_length):
        discount = LENGTH_DISCOUNT ** (n_inner + 1)
        needed = found.thresholds * ((1 - _ROUNDING) / discount)
        hopes = front.best_first * _completions(back.best_first, n_inner - 1)
        needed[(hopes < needed) | (hopes == 0)] = np.inf
        front.drop(needed / _completions(back.best_first, n_inner - front.depth))
        back.drop(needed / _completions(front.best_first, n_inner - back.depth))
        if n_inner > 1:
            side, other = (front, back) if front.n_steps < back.n_steps else (back, front)
            limits = needed / _completions(other.best_first, n_inner - side.depth - 1)
            side.grow(limits, ends=other.chains[:, -1] if n_inner == max_length - 1 else None)
        if not len(front.owners) or not len(back.owners):
            break
        pairs, chains = _met(front, back, needed)
        scores = discount * _products(weights[chains])
        kept = _reaching_rank(pairs, scores, k)
        pairs, chains, scores = pairs[kept], chains[kept], scores[kept]
        # All paths over one chain score alike, and the lowest source goes first: k of them suffice.
        wanted = history_of[pairs] * n_entities + chains[:, 0]
        starts = np.searchsorted(firsts, wanted, side="left")
        stops = np.searchsorted(firsts, wanted, side="right")
        rows, places = spans(starts, np.minimum(stops, starts + k))
        nodes = np.concatenate((origins[places, None], chains[rows]), axis=1, dtype=np.int64)
        found.add(pairs[rows], nodes, scores[rows])
    return found.ranked


class _Found:
    """The best paths found so far.

    Attributes:
        ranked: Those of each pair, best first.
        thresholds: The score of each pair's ``k``-th path, 0 while there are fewer.
    """

    def __init__(self, targets: Int64Array, k: int) -> None:
        self.ranked: list[list[Ranked]] = [[] for _ in targets]
        self.thresholds = np.zeros(len(targets))
        self._targets = targets.tolist()
        self._k = k

    def add(self, pairs: Int64Array, nodes: npt.NDArray[np.integer], scores: FloatArray) -> None:
        """Takes in paths of one length.

        Args:
            pairs: Whose they are, shape ``(n,)``.
            nodes: Their entities without the target, shape ``(n, length)``.
            scores: Their scores, shape ``(n,)``.
        """
        order = np.lexsort((*nodes.T[::-1], -scores, pairs))
        order = order[_ranks(pairs[order]) < self._k]
        length = nodes.shape[1]
        changed = pairs[order].tolist()
        paths = zip(changed, nodes[order].tolist(), (-scores[order]).tolist(), strict=True)
        for pair, path, negative in paths:
            self.ranked[pair].append((negative, length, (*path, self._targets[pair])))
        for pair in set(changed):
            best = sorted(self.ranked[pair])[: self._k]
            self.ranked[pair] = best
            if len(best) == self._k:
                self.thresholds[pair] = -best[-1][0]


class _Side:
    """Chains grown from one end of many pairs: from their histories, or from their targets.

    Attributes:
        owners: The history or target that each chain belongs to, ascending, shape ``(n,)``.
        chains: Entities from the owner's neighbour outwards, shape ``(n, depth)``.
        products: The product of their weights, shape ``(n,)``.
        best_first: For each pair the highest weight next to its owner, 0 where there is none.
    """

    def __init__(
        self,
        adjacency: Adjacency,
        weights: FloatArray,
        owner_of: Int64Array,
        owners: Int64Array,
        entities: npt.NDArray[np.integer],
    ) -> None:
        self.owner_of = owner_of
        self.owners = owners
        self.chains = entities.astype(np.int32)[:, None]
        self.products = weights[entities]
        self._adjacency = adjacency
        self.weights = weights
        best = np.zeros(owner_of.max() + 1)
        np.maximum.at(best, owners, self.products)
        self.best_first: FloatArray = best[owner_of]

    @property
    def depth(self) -> int:
        """How many entities the chains have."""
        return int(self.chains.shape[1])

    @property
    def n_steps(self) -> int:
        """How many neighbours the next step visits."""
        return int(self._adjacency.n_inner_neighbours(self.chains[:, -1]).sum())

    def drop(self, limits: FloatArray) -> None:
        """Drops chains with products below the limits of all pairs that they serve."""
        kept = self.products >= self._lowest(limits)[self.owners]
        if not kept.all():
            self.owners, self.products = self.owners[kept], self.products[kept]
            self.chains = self.chains[kept]

    def grow(self, limits: FloatArray, ends: Int32Array | None) -> None:
        """Adds an entity in every way that repeats none and keeps to the pairs' limits.

        Args:
            limits: For each pair the product that it wants at least.
            ends: Where the last step of all has to end; None when it is not the last.
        """
        rows, entities = self._adjacency.rows(self.chains[:, -1])
        if ends is not None:
            wanted = np.zeros(len(self.weights), dtype=bool)
            wanted[ends] = True
            rows, entities = rows[wanted[entities]], entities[wanted[entities]]
        products = self.products[rows] * self.weights[entities]
        kept = products >= self._lowest(limits)[self.owners[rows]]
        kept &= (self.chains[rows] != entities[:, None]).all(axis=1)
        rows, entities, self.products = rows[kept], entities[kept], products[kept]
        self.owners = self.owners[rows]
        self.chains = np.concatenate((self.chains[rows], entities[:, None]), axis=1)

    def _lowest(self, limits: FloatArray) -> FloatArray:
        """The lowest limit among the pairs of each owner."""
        lowest = np.full(self.owner_of.max() + 1, np.inf)
        np.minimum.at(lowest, self.owner_of, limits)
        return lowest


def _completions(best_first: FloatArray, n_missing: int) -> FloatArray:
    """The highest product that so many entities can have, the last of them next to the end.

    Args:
        best_first: For each pair the highest weight next to that end.
        n_missing: How many entities a chain lacks.
    """
    if n_missing == 0:
        return np.ones(len(best_first))
    return best_first * _HIGHEST_WEIGHT ** (n_missing - 1)


def _met(front: _Side, back: _Side, needed: FloatArray) -> tuple[Int64Array, Int32Array]:
    """Joins chains of both sides that end at one entity.

    Args:
        front: Chains grown from histories.
        back: Chains grown from targets.
        needed: Product of weights below which a pair wants no chain, shape ``(n_pairs,)``.

    Returns:
        The pair of each chain, ascending, and its entities from the source's neighbour to the
        target's, shape ``(n_chains, front.depth + back.depth - 1)``; none repeats an entity.
    """
    span = np.int64(len(front.weights))
    keys = front.owners * span + front.chains[:, -1]
    order = np.argsort(keys, kind="stable")
    groups, starts, counts = np.unique(keys[order], return_index=True, return_counts=True)
    products = front.products[order]
    best = np.maximum.reduceat(products, starts)

    pairs, rows = spans(
        np.searchsorted(back.owners, back.owner_of, side="left"),
        np.searchsorted(back.owners, back.owner_of, side="right"),
    )
    middles = back.chains[rows, -1]
    wanted = front.owner_of[pairs] * span + middles
    places = np.searchsorted(groups, wanted).clip(max=len(groups) - 1)
    missing = needed[pairs] / (back.products[rows] / front.weights[middles])
    joined = (groups[places] == wanted) & (best[places] >= missing)
    pairs, rows, places, missing = pairs[joined], rows[joined], places[joined], missing[joined]

    owners, fronts = spans(starts[places], starts[places] + counts[places])
    kept = products[fronts] >= missing[owners]
    owners, fronts = owners[kept], order[fronts[kept]]
    head, tail = front.chains[fronts], back.chains[rows[owners], -2::-1]
    apart = (head[:, :, None] != tail[:, None, :]).all(axis=(1, 2))
    return pairs[owners[apart]], np.concatenate((head[apart], tail[apart]), axis=1)


def _products(weights: FloatArray) -> FloatArray:
    """Products over the last axis, the same to the last bit in whatever order the factors come."""
    products = np.ones(len(weights))
    for factors in np.sort(weights, axis=1).T:
        products = products * factors
    return products


def _reaching_rank(pairs: Int64Array, scores: FloatArray, k: int) -> npt.NDArray[np.bool_]:
    """Which scores are among the best ``k`` of their pair, or equal the ``k``-th of them."""
    order = np.lexsort((-scores, pairs))
    starts = np.searchsorted(pairs, pairs, side="left")
    stops = np.searchsorted(pairs, pairs, side="right")
    reaching: npt.NDArray[np.bool_] = scores >= scores[order[np.minimum(starts + k, stops) - 1]]
    return reaching


def _ranks(groups: Int64Array) -> Int64Array:
    """The position of each within its group, for groups that ascend.

    >>> _ranks(np.array([4, 4, 7, 7, 7]))
    array([0, 1, 0, 1, 2])
    """
    return np.arange(len(groups)) - np.searchsorted(groups, groups, side="left")
