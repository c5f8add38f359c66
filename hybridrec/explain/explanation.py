"""Why an item has its score: contributions, evidence, a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import TYPE_CHECKING, Any

from hybridrec.explain.evidence import GraphPath, NoPath, PastItem
from hybridrec.explain.narrative import Facts, reasons, sentence
from hybridrec.explain.phrases import Language, Voice
from hybridrec.fusion.policy import PolicyStep

if TYPE_CHECKING:
    from hybridrec.explain.contrast import Contrast
    from hybridrec.explain.text_words import TextWord


@dataclass(frozen=True, slots=True)
class Contribution:
    """A signed part of a score.

    Args:
        group: a tower, ``neighbours``, ``transitions``, ``affinity`` (attributes shared with the
            history), ``popularity``, ``price``, ``repeat`` (the user's own events on the item) or
            that of a shop's own signal; under a policy, ``boost`` and ``diversity`` too.
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

    def under_policy(
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
