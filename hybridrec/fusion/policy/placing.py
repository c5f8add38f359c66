"""Scored candidates → a list: boosts, diversity, caps, exploration and pins, in this order."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from zlib import crc32

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.config import Exclude
from hybridrec.fusion.pipeline import Candidates, Fusion
from hybridrec.fusion.policy.caps import CapCounts
from hybridrec.fusion.policy.diversity import Diversity, diversity_of
from hybridrec.fusion.policy.rules import ActivePin, Rules

PlacedBy = Literal["pin", "exploration"]


@dataclass(frozen=True)
class Placed:
    """A list in order of rank; every array ``(n,)``.

    Args:
        places: which of the user's candidates.
        scores: what they were ranked by: the ranker's score, plus boosts, less diversity.
        boosts: what boosts added.
        diversity: what diversity took, zero or below.
        by: what gave an item its rank, where it was not its score.
        candidates: what the list was made from; ``None`` where the ranker's order stands.
    """

    places: IntArray
    scores: DoubleArray
    boosts: DoubleArray
    diversity: DoubleArray
    by: tuple[PlacedBy | None, ...]
    candidates: UserCandidates | None = None


@dataclass(frozen=True)
class UserCandidates:
    """The candidates of one user, and what the rules say of each; every array ``(n,)``.

    Args:
        rules: what holds.
        fusion: embeddings and popularity.
        items: item rows.
        scores: the ranker's.
        free: which may be shown to this user.
        key: what the user's own random numbers follow from.
    """

    rules: Rules
    fusion: Fusion
    items: IntArray
    scores: DoubleArray
    free: BoolArray
    key: int

    @cached_property
    def boosts(self) -> DoubleArray:
        """What boosts add to each score."""
        lift = self.rules.lift
        return np.zeros(self.items.size) if lift is None else lift[self.items]

    @cached_property
    def pins(self) -> tuple[tuple[ActivePin, int], ...]:
        """The pins this user gets, by rank, with their places among the candidates."""
        places = {pin: np.flatnonzero(self.items == pin.row) for pin in self.rules.pins}
        return tuple(
            (pin, int(place[0]))
            for pin, place in places.items()
            if place.size and self.free[place[0]]
        )

    @cached_property
    def embeddings(self) -> FloatArray:
        """Of unit length, ``(n, dim)``."""
        return self.fusion.likeness_embeddings(self.items)

    @cached_property
    def users(self) -> DoubleArray:
        """How many users met each."""
        logs = self.fusion.moment.statistics["popularity"][self.items]
        return np.asarray(np.expm1(logs), dtype=np.float64)

    def new_diversity(self) -> Diversity | None:
        """What likeness costs in a list that is empty yet; ``None`` where it costs nothing."""
        rules = self.rules
        if rules.diversity == 0:
            return None
        known = self.scores[self.free]
        span = float(known.max() - known.min()) if known.size else 0.0
        return diversity_of(rules.diversity_method, self.embeddings, rules.diversity, span)


def place(
    rules: Rules,
    fusion: Fusion,
    candidates: Candidates,
    user: int,
    user_id: Hashable | None,
    question: Exclude,
    k: int,
) -> Placed:
    """The list of one user.

    Args:
        rules: what holds.
        fusion: embeddings and popularity.
        candidates: a block of users with candidates, all of them allowed.
        user: which of its users.
        user_id: whose it is; exploration draws from it.
        question: whether items the user has met are left out.
        k: how many items, fewer where fewer are left.
    """
    at = candidates.pairs.of(user)
    scores = candidates.scores[at]
    if rules.plain:
        places = np.argsort(-scores, kind="stable")[:k]
        nothing = np.zeros(places.size)
        by: tuple[PlacedBy | None, ...] = (None,) * places.size
        return Placed(places, scores[places].astype(np.float64), nothing, nothing, by)
    items = candidates.pairs.items[at]
    free = np.ones(items.size, dtype=bool)
    if question == "seen" and rules.include is not None:
        # what the rules bring up was not asked whether the user has met it
        free = ~np.isin(items, candidates.histories.of([user]).items)
    key = crc32(repr(user_id).encode())
    own = UserCandidates(rules, fusion, items, scores.astype(np.float64), free, key)
    return arranged(own, k)


def arranged(own: UserCandidates, k: int) -> Placed:
    """The candidates in order of rank, under all rules.

    Pins and explored items are taken first, so that caps and diversity count them; each further
    step takes the free candidate with the best score after boosts and diversity. Without pins and
    exploration, scores never rise from rank to rank.
    """
    rules = own.rules
    free = own.free.copy()
    boosted = own.scores + own.boosts
    diversity = own.new_diversity()
    counts = [CapCounts(column, own.items) for column in rules.caps]
    costs = np.zeros(free.size)

    def take(place: int) -> None:
        free[place] = False
        for count in counts:
            count.take(place, free)
        if diversity is not None:
            diversity.take(place)

    for _, place in own.pins:
        take(place)
    room = k - len(own.pins)
    random = np.random.default_rng([rules.seed, own.key])
    explored: list[int] = []
    if rules.exploration and room:
        # rounded up or down by chance, so that short lists explore their share too
        wanted = min(int(rules.exploration * k + random.random()), room)
        foreseen = np.argsort(-np.where(free, boosted, -np.inf), kind="stable")[:k]
        pool = free.copy()
        pool[foreseen] = False
        # the least of exponential waiting times is drawn in proportion to its rate
        waiting = random.exponential(size=free.size) * (1 + own.users)
        while len(explored) < wanted and (pool & free).any():
            place = int(np.argmin(np.where(pool & free, waiting, np.inf)))
            explored.append(place)
            take(place)
        room -= len(explored)

    if diversity is None and not counts:
        order = np.argsort(-boosted, kind="stable")
        best = order[free[order]][:room].tolist()
    else:
        best = []
        while len(best) < room and free.any():
            cost = 0.0 if diversity is None else diversity.cost
            place = int(np.argmax(np.where(free, boosted - cost, -np.inf)))
            if diversity is not None:
                costs[place] = diversity.cost[place]
            best.append(place)
            take(place)
    places, by = _joined(own.pins, explored, best, random)
    boosts, lost = own.boosts[places], costs[places]
    return Placed(places, own.scores[places] + boosts - lost, boosts, 0 - lost, by, own)


def _joined(
    pins: tuple[tuple[ActivePin, int], ...],
    explored: list[int],
    best: list[int],
    random: np.random.Generator,
) -> tuple[IntArray, tuple[PlacedBy | None, ...]]:
    """One list: pins at their ranks, explored items anywhere between, the best in their order."""
    n = len(pins) + len(explored) + len(best)
    places = np.full(n, -1, dtype=np.int64)
    by = np.full(n, None, dtype=object)
    end = n
    for pin, place in reversed(pins):
        # in a list that is too short for it a pin stands last
        end = min(pin.rank, end) - 1
        places[end], by[end] = place, "pin"
    left = np.flatnonzero(places < 0)
    for rank, place in zip(
        random.choice(left, size=len(explored), replace=False), explored, strict=True
    ):
        places[rank], by[rank] = place, "exploration"
    places[places < 0] = best
    return places, tuple(by)
