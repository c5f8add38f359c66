"""Explanations as sentences: facts only, each from a contribution, in English and Chinese."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hybridrec.explain.phrases import Language, Phrases, Voice, phrases_of

if TYPE_CHECKING:
    from hybridrec.explain.contrast import Contrast
    from hybridrec.explain.explanation import Contribution, Explanation
    from hybridrec.fusion.policy import PolicyStep

WORTH_SAYING = 0.1
"""A reason is given if it brings at least this share of what the greatest one does; the same goes
for the past items named in one."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts a sentence may speak of.

    Args:
        own_events: how often the user met the item.
        own_last_days: days since the last time; ``None`` without times.
        recent_users: users who met it; ``None`` where they are fewer than 5, the smallest group
            that is spoken of.
        timed: whether users are those of the last 28 days, and not those of ever, or of before.
        among: groups of users like this one who choose it more than others do, the greatest
            difference first; for users without events only.
    """

    own_events: int
    own_last_days: float | None
    recent_users: int | None
    timed: bool
    among: tuple[Among, ...] = ()


@dataclass(frozen=True, slots=True)
class Among:
    """How many users who share an attribute chose an item; :class:`Facts` say when.

    Args:
        attribute: the attribute, ``age``.
        value: what they share, ``25-34``.
        users: how many of them chose it.
        of: how many they are.
    """

    attribute: str
    value: str
    users: int
    of: int


_OF_OTHERS = ("collaborative", "transitions")
"""Groups whose words say what other users did."""


def sentence(explanation: Explanation, language: Language, voice: Voice) -> str:
    """The item and the greatest reasons for it, in one sentence.

    Raises:
        RequestError: a language or voice there are no words for.
    """
    given = reasons(explanation, language, voice)
    phrases = phrases_of(language, voice)
    return phrases.whole.format(title=explanation.title, reasons=given or phrases.nothing)


def ahead(contrast: Contrast, language: Language) -> str:
    """The better of two items, and the greatest reasons for which it is ahead, in one sentence.

    Raises:
        RequestError: a language there are no words for.
    """
    phrases = phrases_of(language, "merchandiser")
    sign = 1 if contrast.difference >= 0 else -1
    better, worse = (contrast.first, contrast.second)[::sign]
    own = {part.group: part for part in better.contributions if part.value > 0}
    leads = [(sign * part.value, own[part.group]) for part in contrast.contributions
             if part.group in own and part.group in phrases.groups]  # fmt: skip
    given = _worth_saying(leads, better, phrases)
    return phrases.ahead.format(
        title=better.title,
        other=phrases.quoted(worse.title),
        reasons=phrases.reasons.join(given) or phrases.nothing,
    )


def reasons(explanation: Explanation, language: Language, voice: Voice) -> str:
    """The greatest contributions that raise the score, and what a policy did, in words.

    Empty where no contribution stands out and there is no policy.

    Raises:
        RequestError: a language there are no words for.
    """
    phrases = phrases_of(language, voice)
    # what a policy gives is told by its steps
    own = [(part.value, part) for part in explanation.contributions if part.group in phrases.groups]
    given = _worth_saying(own, explanation, phrases)
    steps = (_policy_step(step, phrases) for step in explanation.policy)
    return phrases.reasons.join([*given, *(told for told in steps if told)])


def _worth_saying(
    parts: Sequence[tuple[float, Contribution]], explanation: Explanation, phrases: Phrases
) -> list[str]:
    """The greatest contributions in words, by how much each brings."""
    raising = [(by, part) for by, part in parts if by > 0]
    worth = [part for by, part in raising if by >= WORTH_SAYING * raising[0][0]]
    found = (_reason(explanation, part, phrases) for part in worth)
    return [reason for reason in found if reason is not None][: phrases.most]


def _policy_step(step: PolicyStep, phrases: Phrases) -> str:
    """What a policy did to an item, in words.

    Empty where the item only made way for others, where a later step brought it into the list, and
    in voices that do not tell of it.
    """
    same = step.rank_before == step.rank_after
    moves_others = step.what in ("cap", "diversity") and not same
    if step.rank_after is None or not (step.own or moves_others):
        return ""
    what: str = step.what
    if what == "boost":
        what = "lowered" if step.by < 0 else "raised"
    both, entering = phrases.moved
    moved = entering if step.rank_before is None else both
    return phrases.policy.get(what, "").format(
        note=phrases.note.format(step.note) if step.note else "",
        moved="" if same else moved.format(before=step.rank_before, after=step.rank_after),
        rule=step.rule,
        rank=step.rank_after,
    )


def _reason(explanation: Explanation, part: Contribution, phrases: Phrases) -> str | None:
    """One contribution in words; ``None`` where nothing can be shown for it."""
    facts, template = explanation.facts, phrases.groups[part.group]
    if part.group == "repeat":
        if not facts.own_events:
            return None
        days = facts.own_last_days
        return template.format(
            times=phrases.counted("times", facts.own_events),
            last="" if days is None else phrases.counted("days ago", int(days)),
        )
    if part.group == "popularity" and facts.among:
        group = facts.among[0]
        return phrases.among[not facts.timed].format(
            attribute=group.attribute.replace("_", " "),
            value=phrases.quoted(group.value),
            n=phrases.number(group.users),
            of=phrases.number(group.of),
        )
    if part.group == "popularity":
        if not facts.recent_users:
            return None
        what = "recent users" if facts.timed else "users"
        return template.format(users=phrases.counted(what, facts.recent_users))
    if part.group == "affinity":
        for path in explanation.paths:
            relation = path.relation
            if relation is None or not path.telling or path.source_title == explanation.title:
                continue
            return template.format(
                relation=phrases.relations.get(relation, relation),
                name=path.name,
                source=phrases.quoted(path.source_title),
            )
        return None
    others = [past for past in part.evidence if past.item_id != explanation.item_id]
    greatest = max((past.weight for past in others), default=0.0)
    telling = [past for past in others if past.speaks and past.weight > 0]
    telling = [past for past in telling if past.weight >= WORTH_SAYING * greatest]
    if part.group in _OF_OTHERS:
        known = [past for past in telling if past.together is not None]
        template = template if known else phrases.groups.get(f"{part.group}, few", "")
        telling = known or telling
    titles = [t for t in dict.fromkeys(p.title for p in telling) if t != explanation.title][:2]
    if not titles or not template:
        return None
    return template.format(names=phrases.listed(titles))
