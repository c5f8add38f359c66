"""Histories in, ranked candidates out: profiles → towers → candidates → signals → ranker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, FloatArray, IntArray, NamedArrays
from hybridrec.config import Exclude, RecommenderConfig
from hybridrec.data.histories import Histories
from hybridrec.errors import DataError
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.candidates import find_candidates
from hybridrec.fusion.neighbours import Neighbours
from hybridrec.fusion.pairs import Pairs, concatenate
from hybridrec.fusion.profiles import Scorer, Scores, profile_weights, profiles
from hybridrec.fusion.ranker import NOTHING_TO_LEARN, Ranker, Standardised
from hybridrec.fusion.signals import ItemStatistics, Signal, compute_signals, declared_signals
from hybridrec.progress import track
from hybridrec.towers.base import Tower
from kg import KnowledgeGraph

NEIGHBOURS = "neighbours"
BLOCK_SCORES = 6_000_000
"""(user, item) scores of one tower held at a time; 24 MB."""


@dataclass(frozen=True)
class Candidates:
    """The candidates of a block of users, with all that their scores rest on.

    Args:
        histories: the users' own histories.
        weights: their weighted histories, by profile.
        pairs: the candidates.
        values: signals, ``(n_pairs, n_signals)``.
        ranker: what scores them.
    """

    histories: Histories
    weights: Mapping[str, csr_array]
    pairs: Pairs
    values: FloatArray
    ranker: Ranker

    @cached_property
    def standardised(self) -> Standardised:
        """The signals as the ranker sees them."""
        return self.ranker.standardise(self.pairs, self.values)

    @cached_property
    def scores(self) -> FloatArray:
        """The ranker's scores, ``(n_pairs,)``."""
        return self.ranker.score_inputs(self.standardised.inputs)


class Fusion:
    """The towers' joint knowledge as of a moment, and a ranker for each question asked of it.

    ``exclude="none"`` asks what a user will want, repeats included; ``exclude="seen"`` what the
    user will want that is new. Each has its own ranker: habit answers the first and not the second.
    """

    def __init__(
        self,
        towers: Mapping[str, Tower],
        config: RecommenderConfig,
        *,
        timed: bool,
        relations: tuple[str, ...],
    ) -> None:
        self.towers = towers
        self.config = config
        self.timed = timed
        self.relations = relations
        self.rankers: dict[Exclude, Ranker] = {
            question: Ranker(self._signals(question), config.ranker, config.seed)
            for question in ("none", "seen")
        }
        self._statistics: ItemStatistics | None = None
        self._affinity: Affinity | None = None
        self._neighbours: Neighbours | None = None

    def _signals(self, question: Exclude) -> tuple[Signal, ...]:
        names = profiles(self.config)
        scorers = [*self.towers] + [NEIGHBOURS] * (self.config.neighbours is not None)
        return declared_signals(
            [f"{scorer}/{profile}" for scorer in scorers for profile in names],
            [f"{relation}/{profile}" for relation in self.relations for profile in names],
            timed=self.timed,
            repeats=question == "none",
        )

    def observe(
        self, statistics: ItemStatistics, affinity: Affinity, neighbours: Neighbours | None
    ) -> None:
        """Takes on the state of the shop as of a moment.

        Args:
            statistics: what is popular.
            affinity: what shares what.
            neighbours: what foretells what; ``None`` where the settings leave it out.
        """
        self._statistics = statistics
        self._affinity = affinity
        self._neighbours = neighbours

    @property
    def statistics(self) -> ItemStatistics:
        """How popular items are, as of the moment observed."""
        assert self._statistics is not None
        return self._statistics

    @property
    def affinity(self) -> Affinity:
        """What items share, as of the moment observed."""
        assert self._affinity is not None
        return self._affinity

    @property
    def neighbours(self) -> Neighbours | None:
        """What foretells what, as of the moment observed."""
        return self._neighbours

    @property
    def scorers(self) -> dict[str, Scorer]:
        """All that score items by weighted histories: the towers, and the items' neighbours."""
        scorers: dict[str, Scorer] = dict(self.towers)
        if self._neighbours is not None:
            scorers[NEIGHBOURS] = self._neighbours
        return scorers

    def fit(self, histories: Histories, targets: csr_array) -> None:
        """Trains the rankers on what users did after the moment observed.

        Args:
            histories: all users up to the moment.
            targets: ``(n_users, n_items)``, stored where the user met the item afterwards.

        Raises:
            DataError: nobody chose any candidate.
        """
        asked = np.flatnonzero(np.diff(targets.indptr))
        if asked.size == 0:
            raise DataError(NOTHING_TO_LEARN)
        random = np.random.default_rng(self.config.seed)
        asked = np.sort(random.permutation(asked)[: self.config.ranker.users])
        histories, targets = histories.of(asked), csr_array(targets[asked])
        questions: tuple[Exclude, ...] = ("none", "seen")
        for question in questions:
            pairs, values, chosen = [], [], []
            for users, block in self.blocks(histories, question):
                met = targets[users][block.pairs.users, block.pairs.items]
                hit = np.asarray(met).ravel() > 0
                # nothing is learnt from users whose choice no source brought up
                learnable = np.bincount(block.pairs.users[hit], minlength=users.size) > 0
                kept = learnable[block.pairs.users]
                pairs.append(block.pairs.only(learnable))
                values.append(block.values[kept])
                chosen.append(hit[kept])
            self.rankers[question].fit(
                concatenate(pairs), np.concatenate(values), np.concatenate(chosen)
            )

    def ranker_state(self) -> NamedArrays:
        """The weights of all rankers, as named arrays."""
        return {
            f"{question}.{name}": value
            for question, ranker in self.rankers.items()
            for name, value in ranker.state().items()
        }

    def restore_rankers(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Takes on a saved :meth:`ranker_state`."""
        for question, ranker in self.rankers.items():
            own = {name: value for name, value in arrays.items() if name.startswith(question)}
            ranker.restore({name.partition(".")[2]: value for name, value in own.items()})

    def add_items(self, catalogue: pl.DataFrame, graph: KnowledgeGraph | None) -> None:
        """Takes new items in: every tower embeds them from the catalogue as far as it can.

        Args:
            catalogue: the new rows.
            graph: the knowledge graph with the new items in it.
        """
        entities = np.zeros(0, dtype=np.int64)
        if graph is not None:
            entities = graph.item_entities[-catalogue.height :].astype(np.int64)
        embedded = {
            name: tower.embed_items(catalogue, graph, entities)
            for name, tower in self.towers.items()
        }
        for name, embeddings in embedded.items():
            self.towers[name].extend(embeddings)
        statistics = self.statistics.extended(catalogue.height)
        affinity = Affinity.of(graph).only(self.relations)
        known = self._neighbours
        neighbours = None if known is None else known.extended(catalogue.height)
        self.observe(statistics, affinity, neighbours)

    def item_similarity(self, item: int) -> FloatArray:
        """Mean cosine over the towers between one item and every item, ``(n_items,)``."""
        embeddings = [_unit(tower.item_embeddings) for tower in self.towers.values()]
        similarity = [table @ table[item] for table in embeddings]
        return np.asarray(np.mean(similarity, axis=0), dtype=np.float32)

    def likeness_embeddings(self, items: IntArray) -> FloatArray:
        """Embeddings of all towers joined, of unit length, ``(n, dim)``."""
        joined = [_unit(tower.item_embeddings[items]) for tower in self.towers.values()]
        return _unit(np.concatenate(joined, axis=1))

    def candidates(
        self,
        histories: Histories,
        exclude: Exclude,
        allowed: BoolArray | None = None,
        include: int | None = None,
    ) -> Candidates:
        """Candidates of a block of users, and their signals.

        Args:
            histories: the users' own histories, ages as of the moment observed.
            exclude: which question is asked.
            allowed: ``(n_items,)`` the items that may be recommended; all when ``None``.
            include: an item that is to be a candidate whatever the sources say.
        """
        weights = profile_weights(histories, self.config)
        scores = Scores.of(self.scorers, weights)
        shape = (histories.n_users, histories.n_items)
        mask = np.ones(shape, dtype=bool) if allowed is None else np.tile(allowed, (shape[0], 1))
        own: csr_array | None = weights["long"]
        if exclude == "seen":
            mask[histories.users, histories.items] = False
            own = None
        pairs = find_candidates(
            scores, self.statistics.current, own, mask, self.config.candidates, include
        )
        shared = {
            f"{relation}/{profile}": self.affinity.shares(relation, matrix, pairs)
            for relation in self.relations
            for profile, matrix in weights.items()
        }
        ranker = self.rankers[exclude]
        values = compute_signals(ranker.signals, pairs, scores, shared, self.statistics, histories)
        return Candidates(histories, weights, pairs, values, ranker)

    def blocks(
        self, histories: Histories, exclude: Exclude, allowed: BoolArray | None = None
    ) -> Iterator[tuple[IntArray, Candidates]]:
        """Candidates of all users, block by block, with the user rows of each block."""
        size = max(1, BLOCK_SCORES // max(histories.n_items, 1))
        blocks = np.array_split(np.arange(histories.n_users), max(1, -(-histories.n_users // size)))
        for users in track(blocks, f"candidates and signals ({exclude})", len(blocks)):
            yield users, self.candidates(histories.of(users), exclude, allowed)


def _unit(embeddings: FloatArray) -> FloatArray:
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(norms, 1e-9), dtype=np.float32)
