"""Histories in, ranked candidates out: profiles → towers → candidates → signals → ranker."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray, NamedArrays
from hybridrec.config import Exclude, RecommenderConfig
from hybridrec.data.histories import Histories
from hybridrec.devices import single_threaded_blas
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.candidates import Shown, find_candidates, sources
from hybridrec.fusion.examples import Examples
from hybridrec.fusion.meetings import Meetings
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.profiles import Scorer, Scores, profile_weights
from hybridrec.fusion.ranker import Ranker, Standardised
from hybridrec.fusion.search import SearchAxes
from hybridrec.fusion.signals.declaration import Asked, Scope, Signal
from hybridrec.fusion.signals.popularity import popularity
from hybridrec.fusion.signals.registry import compute_signals, declared_signals
from hybridrec.parallel import on_one_thread, side_by_side
from hybridrec.progress import counter
from hybridrec.towers.base import Tower
from kg import KnowledgeGraph

A_DAY: Final = timedelta(days=1)
CPU: Final = torch.device("cpu")
FEWEST_HELD_OUT: Final = 50
"""Fewer users tell nothing of when to stop, and are learnt from instead."""
BLOCK_SCORES = 1_000_000
"""(user, item) scores of one scorer held at a time, of each thread: 4 MB, which caches hold …"""
FEWEST_USERS, MOST_USERS = 8, 64
"""… of no fewer users, for each block reads the embeddings of all items once, and of no more, so
that there is work for all threads. On their number nothing depends: rounding would."""


@dataclass(frozen=True)
class Candidates:
    """The candidates of a block of users, with all that their scores rest on.

    Args:
        asked: users, candidates and the shop as of the moment.
        ranker: what scores them.
        standardised: the signals as the ranker sees them.
    """

    asked: Asked
    ranker: Ranker
    standardised: Standardised

    @property
    def histories(self) -> Histories:
        """The users' own histories."""
        return self.asked.histories

    @property
    def weights(self) -> Mapping[str, csr_array]:
        """Their weighted histories, by profile."""
        return self.asked.weights

    @property
    def pairs(self) -> Pairs:
        """The candidates."""
        return self.asked.pairs

    @cached_property
    def scores(self) -> FloatArray:
        """The ranker's scores, ``(n_pairs,)``."""
        return self.ranker.score_inputs(self.standardised.inputs)

    @cached_property
    def probabilities(self) -> DoubleArray | None:
        """How likely users are to meet them within the horizon, ``(n_pairs,)``.

        ``None`` where the ranker is not calibrated; see :class:`.calibration.Calibration`.
        """
        return self.ranker.probabilities(self.pairs, self.scores, self.standardised.inputs)


class Fusion:
    """The towers' joint knowledge as of a moment, and a ranker for each question asked of it.

    ``exclude="none"`` asks what a user will want, repeats included; ``exclude="seen"`` what the
    user will want that is new. Each has its own ranker: habit answers the first and not the second.
    """

    def __init__(
        self,
        towers: Mapping[str, Tower],
        config: RecommenderConfig,
        scope: Scope,
        extra_signals: Sequence[Signal] = (),
    ) -> None:
        self.towers = towers
        self.config = config
        self.scope = scope
        self.extra_signals = tuple(extra_signals)
        self.rankers: dict[Exclude, Ranker] = {
            question: Ranker(
                declared_signals(scope, repeats=question == "none", extra=extra_signals),
                config.ranker,
                config.seed,
            )
            for question in config.questions
        }
        self._moment: Moment | None = None

    def observe(self, moment: Moment) -> None:
        """Takes on the state of the shop as of a moment, with the towers as they are now."""
        self._moment = moment
        self.__dict__.pop("_axes", None)

    @cached_property
    def _axes(self) -> dict[str, SearchAxes]:
        """Of towers whose embeddings are wider than what candidates are sought in."""
        dims = self.config.candidates.search_dims
        if dims is None:
            return {}
        embeddings = {name: tower.item_embeddings for name, tower in self.towers.items()}
        return {n: SearchAxes.of(e, dims) for n, e in embeddings.items() if e.shape[1] > dims}

    @property
    def moment(self) -> Moment:
        """The shop as of the moment observed."""
        assert self._moment is not None
        return self._moment

    def follow(self, as_of: datetime | None, histories: Callable[[], Histories]) -> None:
        """Takes on that time has passed, and what is popular once that is a day or more.

        Args:
            as_of: the moment now; where there are no times, what was popular at the fit stays so.
            histories: all users' up to it; asked for only if they are needed.
        """
        moment = self.moment
        if as_of is None or moment.as_of is None:
            return
        if as_of - moment.as_of < A_DAY:
            if moment.meetings is not None:
                elapsed = (as_of - moment.as_of) / A_DAY
                meetings = replace(moment.meetings, elapsed=elapsed)
                self._moment = replace(moment, meetings=meetings)
            return
        known = histories()
        self._moment = replace(
            moment,
            statistics=popularity(known, seasonal=self.scope.seasonal),
            as_of=as_of,
            meetings=None if moment.meetings is None else Meetings.of(known),
        )

    @property
    def scorers(self) -> dict[str, Scorer]:
        """All that score items by weighted histories: towers, and item-to-item matrices."""
        return {**self.towers, **self.moment.matrices}

    def examples(
        self,
        histories: Histories,
        targets: csr_array,
        question: Exclude,
        spared: BoolArray,
        users: int,
    ) -> tuple[Examples, Examples]:
        """What users did after the moment observed, for a ranker to learn from.

        Args:
            histories: all users up to the moment.
            targets: ``(n_users, n_items)``, stored where the user met the item afterwards.
            question: what is asked.
            spared: ``(n_users,)`` who is not learnt from.
            users: how many to learn from at most.

        Returns:
            What to learn from, and what is held out: spared users, with all of their candidates.
            Users none of whose choices any source brought up teach nothing, but are among those
            held out: they are part of the truth that scores are calibrated by. Where users' next
            events are asked for, users without one are in neither.
        """
        config = self.config.ranker
        active = np.diff(targets.indptr) > 0
        if not active.any():
            return Examples.none(), Examples.none()
        random = np.random.default_rng(self.config.seed)
        drawn = random.permutation(np.flatnonzero(active & ~spared))[:users]
        within_horizon = self.scope.timed and config.horizon_days is not None
        others = np.flatnonzero(spared if within_horizon else spared & active)
        others = random.permutation(others)[: math.ceil(users * config.held_out)]
        asked = np.sort(np.concatenate([drawn, others]))
        histories, targets = histories.of(asked), csr_array(targets[asked])
        learnt, held_out = [], []
        for rows, block in self.blocks(histories, question, scored=False):
            met = targets[rows][block.pairs.users, block.pairs.items]
            hit = np.asarray(met).ravel() > 0
            every = Examples.of(block.pairs, block.standardised.inputs, hit)
            out = spared[asked[rows]]
            learnt.append(every.of_users(~out).learnable().thinned(config.others, random))
            held_out.append(every.of_users(out))
        return Examples.joined(learnt), Examples.joined(held_out)

    def fit(self, question: Exclude, examples: Examples, held_out: Examples) -> None:
        """Trains the ranker of a question.

        Args:
            question: what is asked.
            examples: what to learn from; see :meth:`examples`.
            held_out: other users, to tell when to stop. Where fewer than 50 of them chose anything
                they are learnt from.

        Raises:
            DataError: nobody chose any candidate.
        """
        ranker, telling = self.rankers[question], held_out.learnable()
        if telling.pairs.n_users < FEWEST_HELD_OUT:
            ranker.fit(Examples.joined([examples, telling]))
        else:
            ranker.fit(examples, telling)

    def calibrate(self, question: Exclude, held_out: Examples) -> None:
        """Learns how sure the scores of a ranker are.

        Args:
            question: what it is asked.
            held_out: as it was in :meth:`fit`; scores stay uncalibrated where it was learnt from.
        """
        if np.count_nonzero(held_out.chosen_of_user) >= FEWEST_HELD_OUT:
            self.rankers[question].calibrate(held_out)

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
        affinity = Affinity.of(graph).only(self.scope.relations)
        known = pl.concat([self.moment.catalogue, catalogue], how="diagonal_relaxed")
        moment = self.moment.extended(catalogue, known, affinity)
        for name, embeddings in embedded.items():
            self.towers[name].extend(embeddings)
        self.observe(moment)

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
        include: IntArray | None = None,
    ) -> Candidates:
        """Candidates of a block of users, and their signals.

        Args:
            histories: the users' own histories, ages as of the moment observed.
            exclude: which question is asked.
            allowed: ``(n_items,)`` the items that may be recommended; all when ``None``.
            include: items to be candidates whatever sources and ``allowed`` say; see
                :func:`.find_candidates`.
        """
        [found] = self._side_by_side([histories], exclude, allowed, [include])
        return found

    def sources(self, histories: Histories, exclude: Exclude) -> Iterator[tuple[str, IntArray]]:
        """Every source of candidates by name, and what it brings up; see :func:`.sources`.

        Args:
            histories: the users' own histories, ages as of the moment observed.
            exclude: which question is asked.
        """
        scores, own, shown = self._sought(histories, exclude, None)
        yield from sources(scores, self.moment, own, shown, self.config.candidates)

    def _sought(
        self, histories: Histories, exclude: Exclude, allowed: BoolArray | None
    ) -> tuple[Scores, csr_array | None, Shown]:
        """What scorers give, the users' own items where wanted, and which items may be shown."""
        weights = profile_weights(histories, self.config)
        scores = Scores(self.scorers, weights, self._axes)
        if exclude == "seen":
            return scores, None, Shown(allowed, (histories.users, histories.items))
        return scores, weights["long"], Shown(allowed)

    def blocks(
        self,
        histories: Histories,
        exclude: Exclude,
        allowed: BoolArray | None = None,
        include: IntArray | None = None,
        *,
        scored: bool = True,
    ) -> Iterator[tuple[IntArray, Candidates]]:
        """Candidates of all users, block by block, with the user rows of each block.

        Args:
            histories: the users' own histories, ages as of the moment observed.
            exclude: which question is asked.
            allowed: ``(n_items,)`` the items that may be recommended; all when ``None``.
            include: items to be candidates all the same; see :func:`.find_candidates`.
            scored: whether they are wanted with their scores.
        """
        n_users, together = histories.n_users, torch.get_num_threads()
        number = max(-(-n_users // block_users(histories.n_items)), 1)
        blocks = np.array_split(np.arange(n_users), number)
        with counter(f"candidates and signals ({exclude})", number) as advance:
            for start in range(0, number, together):
                some = blocks[start : start + together]
                parts = [histories.of(users) for users in some]
                included = [of_users(include, users) for users in some]
                for found in zip(
                    some, self._side_by_side(parts, exclude, allowed, included, scored), strict=True
                ):
                    yield found
                    advance()

    def _side_by_side(
        self,
        blocks: Sequence[Histories],
        exclude: Exclude,
        allowed: BoolArray | None,
        include: Sequence[IntArray | None],
        scored: bool = True,
    ) -> list[Candidates]:
        """Candidates of each block, each found on a thread of its own."""
        ranker, settings = self.rankers[exclude], self.config.candidates

        def work(block: tuple[Histories, IntArray | None]) -> Candidates:
            histories, include = block
            scores, own, shown = self._sought(histories, exclude, allowed)
            pairs = find_candidates(scores, self.moment, own, shown, settings, include)
            asked = Asked(histories, scores.weights, pairs, scores, self.moment)
            values = compute_signals(ranker.signals, asked)
            found = Candidates(asked, ranker, ranker.standardise(pairs, values))
            if scored:
                _ = found.scores  # each on its own thread, not later one by one
            return found

        # for a request of few users, threads cost more than they bring
        few = sum(histories.n_users for histories in blocks) <= FEWEST_USERS
        with on_one_thread() if few else single_threaded_blas():
            return side_by_side(work, list(zip(blocks, include, strict=True)), CPU)


def of_users(include: IntArray | None, users: IntArray) -> IntArray | None:
    """What is to be candidates of some users; see :func:`.find_candidates`."""
    return include if include is None or include.ndim == 1 else include[users]


def block_users(n_items: int) -> int:
    """How many users are ranked at a time."""
    return min(max(FEWEST_USERS, BLOCK_SCORES // max(n_items, 1)), MOST_USERS)


def _unit(embeddings: FloatArray) -> FloatArray:
    norms = np.linalg.norm(embeddings, axis=1, keepdims=True)
    return np.asarray(embeddings / np.maximum(norms, 1e-9), dtype=np.float32)
