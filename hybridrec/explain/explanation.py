"""Why an item has its score: contributions, evidence, a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from hybridrec.arrays import IntArray
from hybridrec.config import Exclude
from hybridrec.data import Histories
from hybridrec.explain.attribution import Attribution, attribute
from hybridrec.explain.counterfactual import smallest_removal
from hybridrec.explain.evidence import (
    GraphPath,
    NoPath,
    PastItem,
    WeighedItems,
    best_paths,
    why_no_path,
)
from hybridrec.explain.narrative import Facts, reasons, sentence
from hybridrec.explain.phrases import Language, Voice
from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.fusion.newcomers import NewcomerCandidates, Newcomers, candidate_blocks
from hybridrec.fusion.pairs import NONE
from hybridrec.fusion.pipeline import Candidates, Fusion
from hybridrec.fusion.policy import Placed, PolicyStep, policy_steps
from hybridrec.parallel import on_one_thread
from hybridrec.shop import Shop

if TYPE_CHECKING:
    from hybridrec.explain.contrast import Contrast
    from hybridrec.explain.text_words import TextWord


@dataclass(frozen=True, slots=True)
class Contribution:
    """A signed part of a score.

    Args:
        group: a tower, ``affinity`` (attributes shared with the history), ``popularity`` or
            ``repeat`` (the user's own events on the item); under a policy, ``boost`` and
            ``diversity`` too.
        value: how much it moves the score.
        evidence: the past items it rests on, greatest first; where there are any, their weights
            sum to the value.
    """

    group: str
    value: float
    evidence: Sequence[PastItem]

    def to_dict(self, most: int | None = None) -> dict[str, Any]:
        """Plain values, ready for JSON.

        Args:
            most: past items at most; what the others weigh together is then told as ``others``.
        """
        told = {
            "group": self.group,
            "value": self.value,
            "evidence": [past.to_dict() for past in self.evidence[:most]],
        }
        if most is not None and len(self.evidence) > most:
            left = self.evidence[most:]
            weight = sum(past.weight for past in left)
            told["others"] = {"items": len(left), "weight": weight}
        return told


@dataclass(frozen=True)
class Explanation:
    """Why an item has its score for a user; base and contributions sum to the score.

    Args:
        user_id: the user; ``None`` for a visitor.
        item_id: the item.
        title: its name, for people.
        base: what the user's mean candidate scores.
        score: what this item scores.
        contributions: the signed parts, greatest first.
        paths: knowledge-graph paths from the user's own items to this one.
        facts: counts that the sentence speaks of.
        policy: the steps of a policy that touched this item, in the order they were taken.
        spread: how far the ranker's members differ on ``score - base``, as a standard deviation:
            how sure it is. 0 where no ranker was asked.
        no_path: why there is no path; ``None`` where there is one.
    """

    user_id: Hashable | None
    item_id: Hashable
    title: str
    base: float
    score: float
    contributions: tuple[Contribution, ...]
    paths: tuple[GraphPath, ...]
    facts: Facts
    _counterfactual: Callable[[], tuple[Hashable, ...] | None] = field(repr=False, compare=False)
    policy: tuple[PolicyStep, ...] = ()
    spread: float = 0.0
    no_path: NoPath | None = None
    _words: Callable[[], tuple[TextWord, ...]] = field(default=tuple, repr=False, compare=False)

    @property
    def evidence(self) -> tuple[PastItem | GraphPath, ...]:
        """Past items over all contributions, greatest weight first, then graph paths."""
        totals: dict[Hashable, PastItem] = {}
        for contribution in self.contributions:
            for past in contribution.evidence:
                known = totals.get(past.item_id)
                totals[past.item_id] = past if known is None else known.with_more(past.weight)
        ordered = sorted(totals.values(), key=lambda past: -past.weight)
        return (*ordered, *self.paths)

    @property
    def popularity_share(self) -> float:
        """How much of what raises the score is popularity, 0 to 1."""
        raising = {part.group: part.value for part in self.contributions if part.value > 0}
        return raising.get("popularity", 0.0) / sum(raising.values()) if raising else 0.0

    def narrative(self, language: Language = "en", voice: Voice = "merchandiser") -> str:
        """One sentence of facts.

        Args:
            language: ``en``, English, or ``zh``, Chinese.
            voice: ``merchandiser`` names the item, two reasons, and what a policy did; ``shopper``
                is one short reason, to be shown beside the item.

        Raises:
            RequestError: another language or voice.
        """
        return sentence(self, language, voice)

    def reasons(self, language: Language = "en", voice: Voice = "merchandiser") -> str:
        """The reasons of :meth:`narrative` alone, without the item's name."""
        return reasons(self, language, voice)

    def words(self) -> tuple[TextWord, ...]:
        """The words of the item's text, those that carry most of the text contribution first.

        Each is taken out and the text encoded again, some 50 ms in all. Empty without a text tower,
        and for items without text.
        """
        return self._words()

    def counterfactual(self) -> tuple[Hashable, ...] | None:
        """The past items without which this one would leave the list, as few as found.

        One is sought among all past items, two among those that weigh most, more only in order of
        their weight; the result is verified by folding the shorter history in and ranking again.
        ``None`` if no such set is found, or the item is not in the list at all. The list is the
        ranker's own, before any policy.
        """
        return self._counterfactual()

    def against(self, other: Explanation) -> Contrast:
        """Why this item and not the other: what each group and past item gives to the difference.

        Args:
            other: of the same user and the same call of :meth:`.Recommender.explain_pairs` or
                :meth:`.Recommender.recommend`.

        Raises:
            RequestError: an explanation for another user, or of another list.
        """
        from hybridrec.explain.contrast import Contrast

        return Contrast.of(self, other)

    def _under_policy(
        self, score: float, parts: Mapping[str, float], steps: tuple[PolicyStep, ...]
    ) -> Explanation:
        """The same with the score a policy made of it, and the parts that are the policy's."""
        more = [Contribution(group, value, ()) for group, value in parts.items() if value]
        every = sorted([*self.contributions, *more], key=lambda part: -abs(part.value))
        return replace(self, score=score, contributions=tuple(every), policy=steps)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of :meth:`to_dict`, for those who read it elsewhere."""
        file = resources.files("hybridrec.explain") / "explanation.schema.json"
        schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return schema

    def to_dict(self, most: int | None = None) -> dict[str, Any]:
        """Plain values, ready for JSON; :meth:`json_schema` says which.

        Args:
            most: past items of a contribution at most; all when ``None``.
        """
        return {
            "user_id": self.user_id,
            "item_id": self.item_id,
            "title": self.title,
            "base": self.base,
            "score": self.score,
            "spread": self.spread,
            "popularity_share": self.popularity_share,
            "contributions": [part.to_dict(most) for part in self.contributions],
            "paths": [path.to_dict() for path in self.paths],
            "no_path": self.no_path,
            "policy": [step.to_dict() for step in self.policy],
            "narrative": self.narrative("en"),
        }

    def _repr_html_(self) -> str:
        from hybridrec.explain.fragment import explanation_html

        return explanation_html(self)


def explain_each(
    fusion: Fusion,
    shop: Shop,
    ids: Sequence[Hashable | None],
    histories: Histories,
    newcomers: Newcomers | None,
    items: Sequence[Sequence[int]],
    question: Exclude,
    k: int,
) -> list[Explanation]:
    """Explanations of some items of each user, user by user.

    Args:
        fusion: towers and rankers.
        shop: names, dates and the knowledge graph.
        ids: of the users, to put on them.
        histories: the users' own.
        newcomers: who of them gets what is popular; ``None`` for nobody.
        items: item rows of each user, each once; candidates whatever the sources say.
        question: which ranker is asked.
        k: length of the list that counterfactuals speak of.
    """
    include = np.full((len(items), max(map(len, items))), NONE, dtype=np.int64)
    for user, rows in enumerate(items):
        include[user, : len(rows)] = rows
    explanations = []
    for users, candidates in candidate_blocks(
        fusion, histories, question, None, include, newcomers
    ):
        for row, user in enumerate(users):
            known = candidates.pairs.items[candidates.pairs.of(row)]
            places = np.searchsorted(known, items[user])
            explanations += explain_candidates(
                fusion, shop, candidates, row, places, ids[user], question, k
            )
    return explanations


def explain_candidates(
    fusion: Fusion,
    shop: Shop,
    candidates: Candidates,
    user: int,
    places: IntArray,
    user_id: Hashable | None,
    question: Exclude,
    k: int,
) -> list[Explanation]:
    """Explanations of some candidates of one user.

    Args:
        fusion: towers and rankers.
        shop: names, dates and the knowledge graph.
        candidates: a block of users with candidates.
        user: which of its users.
        places: ``(n,)`` which of the user's candidates.
        user_id: the id to put on them.
        question: which ranker was asked.
        k: length of the list that counterfactuals speak of.
    """
    if isinstance(candidates, NewcomerCandidates):
        from hybridrec.explain.newcomers import explain_newcomer

        return explain_newcomer(shop, candidates, user, places, user_id)
    with on_one_thread():
        parts = attribute(fusion, candidates, user, places)
    scores = candidates.scores[candidates.pairs.of(user)][places]
    items = candidates.pairs.items[candidates.pairs.of(user)][places]
    history = candidates.histories.of([user])
    past = _past_items(shop, history, parts.past_items)
    weights = sum(parts.splits.values(), np.zeros((items.size, parts.past_items.size)))
    paths = best_paths(shop, parts.past_items, weights, items)
    explanations = []
    for place, (row, score, path) in enumerate(zip(items, scores, paths, strict=True)):
        removal_order = parts.past_items[np.argsort(-weights[place], kind="stable")]

        @cache
        def together(row: int = int(row)) -> Sequence[int | None]:
            met = shop.met_both(row, parts.past_items)
            if user_id is not None and row in history.items:
                met -= 1  # the user is among them
            return [int(n) if n >= FEWEST_USERS else None for n in met]

        def counterfactual(
            row: int = int(row), order: IntArray = removal_order
        ) -> tuple[Hashable, ...] | None:
            rows = smallest_removal(fusion, history, question, row, order, k)
            return None if rows is None else tuple(shop.items.ids_of(rows))

        def words(row: int = int(row), place: int = place) -> tuple[TextWord, ...]:
            from hybridrec.explain.text_words import text_words

            own = {profile: each[[user]] for profile, each in candidates.weights.items()}
            return text_words(fusion, shop, row, own, parts.scales, place)

        explanations.append(
            Explanation(
                user_id,
                shop.items.ids_of([int(row)])[0],
                shop.titles[row],
                float(parts.base[place]),
                float(score),
                _contributions(parts, place, past, together),
                () if path is None else (path,),
                _facts(fusion, history, int(row)),
                counterfactual,
                spread=float(parts.spread[place]),
                no_path=why_no_path(shop, parts.past_items, int(row)) if path is None else None,
                _words=words,
            )
        )
    return explanations


def explain_placed(
    fusion: Fusion,
    shop: Shop,
    candidates: Candidates,
    user: int,
    placed: Placed,
    user_id: Hashable | None,
    question: Exclude,
    k: int,
) -> list[Explanation]:
    """Explanations of one user's list, with what the policy gave and took.

    Args:
        fusion: towers and rankers.
        shop: names, dates and the knowledge graph.
        candidates: a block of users with candidates.
        user: which of its users.
        placed: the list.
        user_id: the id to put on them.
        question: which ranker was asked.
        k: how many items were asked for.
    """
    if placed.places.size == 0:
        return []
    reasons = explain_candidates(
        fusion, shop, candidates, user, placed.places, user_id, question, k
    )
    given = zip(
        reasons,
        placed.scores.tolist(),
        placed.boosts.tolist(),
        placed.diversity.tolist(),
        policy_steps(placed, k),
        strict=True,
    )
    return [
        reason._under_policy(score, {"boost": boost, "diversity": lost}, steps)
        for reason, score, boost, lost, steps in given
    ]


def latest_items(shop: Shop, user_id: Hashable, n: int) -> list[PastItem]:
    """What a user met last, the latest first; weighing nothing.

    Args:
        shop: ids, names and histories.
        user_id: a known user.
        n: how many items at most.
    """
    history = shop.histories_of([shop.users.row(user_id)])
    rows = np.unique(history.items)
    past = _past_items(shop, history, rows)
    lately = dict.fromkeys(history.items[::-1].tolist())
    return [past(int(np.searchsorted(rows, row))) for row in list(lately)[:n]]


def _contributions(
    parts: Attribution,
    place: int,
    past: Callable[[int], PastItem],
    together: Callable[[], Sequence[int | None]],
) -> tuple[Contribution, ...]:
    contributions = []
    for group, values in parts.groups.items():
        split = parts.splits.get(group)
        weights = np.zeros(parts.past_items.size) if split is None else split[place]
        evidence = WeighedItems(past, weights, together)
        contributions.append(Contribution(group, float(values[place]), evidence))
    return tuple(sorted(contributions, key=lambda part: -abs(part.value)))


def _past_items(shop: Shop, history: Histories, rows: IntArray) -> Callable[[int], PastItem]:
    """Gives the user's past items by their places in the rows, weighing nothing yet."""
    at = np.searchsorted(rows, history.items)
    events = np.bincount(at, minlength=rows.size)
    ages = np.full(rows.size, np.inf)
    np.minimum.at(ages, at, history.ages)

    @cache
    def past(place: int) -> PastItem:
        row, last = int(rows[place]), _date(shop.as_of, ages[place])
        [item_id] = shop.items.ids_of([row])
        return PastItem(item_id, shop.titles[row], int(events[place]), last, 0.0)

    return past


def _date(as_of: datetime | None, age: float) -> datetime | None:
    return None if as_of is None or not np.isfinite(age) else as_of - timedelta(days=float(age))


def _facts(fusion: Fusion, history: Histories, row: int) -> Facts:
    own = history.ages[history.items == row]
    columns = fusion.moment.statistics
    users = columns["recent"] if history.timed else columns["popularity"]
    others = round(float(np.expm1(users[row])))
    return Facts(
        own_events=own.size,
        own_last_days=float(own.min()) if own.size and history.timed else None,
        recent_users=others if others >= FEWEST_USERS else None,
        timed=history.timed,
    )
