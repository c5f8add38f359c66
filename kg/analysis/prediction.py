"""Link prediction that needs no learning: what any model of the graph has to beat.

Some triples of a relation are held out. For each of them a method that sees the graph without
them scores every entity of the tail's type, and the true tail is ranked among these. Other true
tails of the same head are not counted against it (the filtered ranking of Bordes et al.,
"Translating Embeddings for Modeling Multi-relational Data", NeurIPS 2013); among equal scores it
takes the middle place (Berrendorf et al., "On the Ambiguity of Rank-Based Evaluation of Entity
Alignment or Link Prediction Methods", 2020), so that scoring all alike earns nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from kg.assembly import Triples
from kg.errors import KnowledgeGraphError, UnknownRelationError
from kg.walking.adjacency import Int32Array, Int64Array
from kg.walking.path_search import FloatArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from kg.graph import KnowledgeGraph

HITS = (1, 3, 10)

_MOST_HELD_OUT = 5_000
_CELLS_AT_ONCE = 4_000_000
_POPULARITY_WEIGHT = 1e-6

_RESULT: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("relation", "head_type", "tail_type", "method"), pl.String),
    **dict.fromkeys(("held_out", "candidates"), pl.Int64),
    **dict.fromkeys(("mrr", *(f"hits@{n}" for n in HITS)), pl.Float64),
}

TailScores = Callable[[Int32Array], FloatArray]
"""Heads, shape ``(n,)``, to a score for each entity of the tail's type, ``(n, n_candidates)``."""
Method = Callable[["KnowledgeGraph", int], TailScores]
"""Fits to a graph, for the relation at a position; candidates ascend by their entity index."""


def popularity(graph: "KnowledgeGraph", position: int) -> TailScores:
    """Scores a tail by how many heads it has, whatever the head asked about."""
    counts = np.asarray(_ballots(graph, position).sum(axis=0), dtype=np.float64)
    return lambda heads: np.broadcast_to(counts, (len(heads), len(counts)))


def adamic_adar(graph: "KnowledgeGraph", position: int) -> TailScores:
    """Scores a tail by votes; a common neighbour lends a vote the weight ``1 / log(degree)``.

    Every head votes for its tails, as often as it has neighbours in common with the head asked
    about, in any relation and direction; ``degree`` counts the neighbours of the common one
    (Adamic and Adar, "Friends and Neighbors on the Web", Social Networks 2003).
    """
    return _votes(graph, position, lambda degree: 1 / np.log(degree.clip(min=2)))


def resource_allocation(graph: "KnowledgeGraph", position: int) -> TailScores:
    """Scores a tail by votes as :func:`adamic_adar` does, with the weight ``1 / degree``.

    So a common neighbour has one vote in all, which it shares out among its own neighbours (Zhou,
    Lü and Zhang, "Predicting Missing Links via Local Information", EPJ B 2009).
    """
    return _votes(graph, position, lambda degree: 1 / degree.clip(min=1))


def _votes(
    graph: "KnowledgeGraph", position: int, weight_of: Callable[[Int64Array], FloatArray]
) -> TailScores:
    from scipy.sparse import csr_array, diags_array

    rows = graph.adjacency
    ones = np.ones(len(rows.neighbours))
    shape = (graph.n_entities, graph.n_entities)
    neighbours = csr_array((ones, rows.neighbours, rows.starts), shape=shape)
    weighted = csr_array(neighbours @ diags_array(weight_of(np.diff(rows.starts))))
    ballots = _ballots(graph, position)
    voters = np.flatnonzero(np.diff(ballots.indptr))
    voters_of, ballots = csr_array(neighbours[voters].T), ballots[voters]
    # The smaller product is made once: of all entities with the tails, or with the voters.
    votes = csr_array(voters_of @ ballots) if ballots.shape[1] < len(voters) else None
    # Where no neighbour is in common the more frequent tail goes first.
    frequency = _POPULARITY_WEIGHT * ballots.sum(axis=0) / max(len(voters), 1)

    def scores(heads: Int32Array) -> FloatArray:
        asked = weighted[heads]
        cast = asked @ votes if votes is not None else (asked @ voters_of) @ ballots
        return csr_array(cast).toarray() + frequency

    return scores


METHODS: Mapping[str, Method] = {
    "popularity": popularity,
    "adamic-adar": adamic_adar,
    "resource-allocation": resource_allocation,
}


def hold_one_out(
    graph: "KnowledgeGraph",
    relation: str | None = None,
    *,
    share: float = 0.1,
    seed: int = 0,
    methods: Mapping[str, Method] = METHODS,
) -> pl.DataFrame:
    """How well methods rank the true tails of triples that were held out.

    Each relation is held out by itself: all other edges stay in the graph.

    Args:
        graph: The graph.
        relation: Name of the relation to test; all when None.
        share: The share of its triples to hold out; one at least, and 5,000 at most.
        seed: Seed of the draw.
        methods: What to compare, by name; a model enters as another :data:`Method`.

    Returns:
        One row a relation and method: ``relation``, ``head_type``, ``tail_type``, ``method``,
        ``held_out`` (triples), ``candidates`` (entities of the tail's type), ``mrr`` (mean
        reciprocal rank) and ``hits@1``, ``hits@3`` and ``hits@10`` (shares from 0 to 1).

    Raises:
        UnknownRelationError: When the graph has no relation of that name.
        KnowledgeGraphError: When the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise KnowledgeGraphError(f"share is {share}; it must lie between 0 and 1")
    names = [known.name for known in graph.relations]
    if relation is not None and relation not in names:
        raise UnknownRelationError(
            f"the graph has no relation {relation!r}; it has {', '.join(dict.fromkeys(names))}"
        )
    random = np.random.default_rng(seed)
    rows = []
    for position in np.unique(graph.triples.relations).tolist():
        known = graph.relations[position]
        if relation in (None, known.name):
            held = _drawn(graph, position, share, random)
            rest = _without(graph, held)
            for name, method in methods.items():
                scores = method(rest, position)
                ranks, n_candidates = _ranks(graph, position, held, scores)
                figures = (len(held), n_candidates, *_figures(ranks))
                rows.append((*known.signature, name, *figures))
    return pl.DataFrame(rows, schema=_RESULT, orient="row")


def candidate_tails(graph: "KnowledgeGraph", position: int) -> Int32Array:
    """The entities of a relation's tail type, ascending: what is scored and ranked."""
    kind = graph.relations[position].tail_type
    candidates: Int32Array = graph.entities.filter(pl.col("type") == kind)["entity"].to_numpy()
    return candidates


def _drawn(
    graph: "KnowledgeGraph", position: int, share: float, random: np.random.Generator
) -> npt.NDArray[np.int64]:
    """The triples to hold out, ascending."""
    own = np.flatnonzero(graph.triples.relations == position)
    n_held = min(round(share * len(own)), _MOST_HELD_OUT)
    return np.sort(random.choice(own, min(max(n_held, 1), len(own)), replace=False))


def _without(graph: "KnowledgeGraph", held: npt.NDArray[np.int64]) -> "KnowledgeGraph":
    """The same entities and relations without some triples."""
    kept = np.delete(np.arange(graph.n_triples), held)
    attributes = graph.attributes
    return replace(
        graph,
        triples=Triples(*(array[kept] for array in graph.triples)),
        attributes=attributes[kept] if attributes.width else attributes,
    )


def _ballots(graph: "KnowledgeGraph", position: int) -> "csr_array[np.float64]":
    """Who is joined to which candidate, ``(n_entities, n_candidates)``, ones and zeros.

    Edges of a symmetric relation count in both directions.
    """
    from scipy.sparse import csr_array

    own = graph.triples.relations == position
    heads, tails = graph.triples.heads[own], graph.triples.tails[own]
    if graph.relations[position].symmetric:
        heads, tails = np.concatenate((heads, tails)), np.concatenate((tails, heads))
    candidates = candidate_tails(graph, position)
    columns = np.searchsorted(candidates, tails)
    shape = (graph.n_entities, len(candidates))
    ballots = csr_array((np.ones(len(heads)), (heads, columns)), shape=shape)
    ballots.data[:] = 1.0
    return ballots


def _ranks(
    graph: "KnowledgeGraph", position: int, held: npt.NDArray[np.int64], scores: TailScores
) -> tuple[FloatArray, int]:
    """The filtered rank of each held-out tail, from 1, and among how many candidates."""
    true_tails = _ballots(graph, position)
    candidates = candidate_tails(graph, position)
    heads = graph.triples.heads[held]
    answers = np.searchsorted(candidates, graph.triples.tails[held])
    ranks = np.empty(len(held))
    step = max(_CELLS_AT_ONCE // len(candidates), 1)
    for start in range(0, len(held), step):
        part = slice(start, start + step)
        table = np.array(scores(heads[part]), dtype=np.float64)
        wanted = table[np.arange(len(table)), answers[part]]
        others = true_tails[heads[part]].toarray() > 0
        # Nothing is joined to itself.
        others |= candidates == heads[part, None]
        table[others] = -np.inf
        above = (table > wanted[:, None]).sum(axis=1)
        equal = (table == wanted[:, None]).sum(axis=1)
        ranks[part] = 1 + above + equal / 2
    return ranks, len(candidates)


def _figures(ranks: FloatArray) -> tuple[float, ...]:
    return float(np.mean(1 / ranks)), *(float(np.mean(ranks <= n)) for n in HITS)
