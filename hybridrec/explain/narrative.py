"""Explanations as sentences: facts only, each from a contribution, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hybridrec.errors import RequestError

if TYPE_CHECKING:
    from hybridrec.explain.contrast import Contrast
    from hybridrec.explain.explanation import Contribution, Explanation
    from hybridrec.fusion.policy import PolicyStep

Language = Literal["en", "zh"]

REASONS = 2
"""How many reasons a sentence gives."""
WORTH_SAYING = 0.1
"""A reason is given if it brings at least this share of what the greatest one does; the same goes
for the past items named in one."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts a sentence may speak of.

    Args:
        own_events: how often the user met the item.
        own_last_days: days since the last time; ``None`` without times.
        recent_users: users who met it in the last 28 days, or ever where there are no times;
            ``None`` where they are fewer than 5, the smallest group that is spoken of.
        timed: whether the data have times.
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
    """How many users who share an attribute chose an item, lately where there are times.

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


@dataclass(frozen=True, slots=True)
class _Phrases:
    """The wording of one language."""

    groups: Mapping[str, str]
    times: tuple[str, str]
    days_ago: tuple[str, str, str]
    users_recent: tuple[str, str]
    users_ever: tuple[str, str]
    among: tuple[str, str]
    names: str
    reasons: str
    whole: str
    nothing: str
    ahead: str
    quotes: str
    policy: Mapping[str, str]
    note: str
    moved: tuple[str, str]


_ENGLISH = _Phrases(
    groups={
        "repeat": "bought {times}{last}",
        "collaborative": "customers with {names} in their baskets choose it too",
        "collaborative, few": "what customers choose places it near {names}",
        "graph": "it is close to {names} in the product graph",
        "text": "it reads much like {names}",
        "neighbours": "it goes with {names}",
        "transitions": "it is often chosen after {names}",
        "affinity": "it shares {relation} {name} with {source}",
        "popularity": "{users}",
    },
    times=("once", "{n} times"),
    days_ago=(", last within a day", ", last 1 day ago", ", last {n} days ago"),
    users_recent=(
        "1 customer chose it in the last 28 days",
        "{n:,} customers chose it in the last 28 days",
    ),
    users_ever=("1 customer has chosen it", "{n:,} customers have chosen it"),
    among=(
        "popular among customers with {attribute} {value}: {n:,} of {of:,} chose it in the last "
        "28 days",
        "popular among customers with {attribute} {value}: {n:,} of {of:,} have chosen it",
    ),
    names=" and ",
    reasons="; ",
    whole="{title}: {reasons}.",
    nothing="no single reason stands out; many small ones add up",
    ahead="{title} comes before {other}: {reasons}.",
    quotes="“{}”",
    policy={
        "raised": "the shop raises it{note}{moved}",
        "lowered": "the shop lowers it{note}{moved}",
        "diversity": "its place allows for likeness to others in the list{moved}",
        "cap": "the cap “{rule}” moves it{moved}",
        "exploration": "it is shown to learn who likes it, whatever its score",
        "pin": "the shop puts it at rank {rank}{note}",
    },
    note=" (“{}”)",
    moved=(" from rank {before} to {after}", " into the list at rank {after}"),
)
_CHINESE = _Phrases(
    groups={
        "repeat": "复购商品，已购买{times}{last}",
        "collaborative": "购买过{names}的顾客也常选购",
        "collaborative, few": "从顾客的选购行为看，与{names}相近",
        "graph": "在商品知识图谱中与{names}相近",
        "text": "商品描述与{names}相似",
        "neighbours": "与{names}关联度高",
        "transitions": "购买{names}后常接着选购",
        "affinity": "与{source}同属{relation}“{name}”",
        "popularity": "{users}",
    },
    times=("1次", "{n}次"),
    days_ago=("，最近一次在一天之内", "，最近一次在1天前", "，最近一次在{n}天前"),
    users_recent=("近28天有1位顾客选购", "近28天有{n:,}位顾客选购"),
    users_ever=("已有1位顾客选购", "已有{n:,}位顾客选购"),
    among=(
        "在{attribute}为{value}的顾客中受欢迎，近28天{of:,}人中有{n:,}人选购",
        "在{attribute}为{value}的顾客中受欢迎，{of:,}人中有{n:,}人选购",
    ),
    names="和",
    reasons="；",
    whole="推荐理由（{title}）：{reasons}。",
    nothing="没有单一的突出原因，由多项因素共同作用",
    ahead="{title}排在{other}之前：{reasons}。",
    quotes="“{}”",
    policy={
        "raised": "店铺提升其排序{note}{moved}",
        "lowered": "店铺降低其排序{note}{moved}",
        "diversity": "为兼顾列表多样性调整位置{moved}",
        "cap": "按数量上限“{rule}”调整位置{moved}",
        "exploration": "用于探索展示，不按得分排列",
        "pin": "店铺将其置于第{rank}位{note}",
    },
    note="（“{}”）",
    moved=("，由第{before}位至第{after}位", "，进入列表第{after}位"),
)
_RELATIONS_ZH = {
    "category": "品类",
    "brand": "品牌",
    "manufacturer": "生产商",
    "package size": "包装规格",
    "coupon": "优惠券",
    "campaign": "促销活动",
    "color": "颜色",
    "material": "材质",
}
_OF_OTHERS = ("collaborative", "transitions")
"""Groups whose words say what other users did."""
_PHRASES: Mapping[str, _Phrases] = {"en": _ENGLISH, "zh": _CHINESE}


def sentence(explanation: Explanation, language: Language) -> str:
    """The item and the greatest reasons for it, in one sentence.

    Raises:
        RequestError: a language there are no words for.
    """
    given = reasons(explanation, language)
    phrases = _PHRASES[language]
    return phrases.whole.format(title=explanation.title, reasons=given or phrases.nothing)


def ahead(contrast: Contrast, language: Language) -> str:
    """The better of two items, and the greatest reasons for which it is ahead, in one sentence.

    Raises:
        RequestError: a language there are no words for.
    """
    phrases = _phrases(language)
    sign = 1 if contrast.difference >= 0 else -1
    better, worse = (contrast.first, contrast.second)[::sign]
    own = {part.group: part for part in better.contributions if part.value > 0}
    leads = [(sign * part.value, own[part.group]) for part in contrast.contributions
             if part.group in own and part.group in phrases.groups]  # fmt: skip
    given = _worth_saying(leads, better, language)
    return phrases.ahead.format(
        title=better.title,
        other=phrases.quotes.format(worse.title),
        reasons=phrases.reasons.join(given) or phrases.nothing,
    )


def reasons(explanation: Explanation, language: Language) -> str:
    """The greatest contributions that raise the score, and what a policy did, in words.

    Empty where no contribution stands out and there is no policy.

    Raises:
        RequestError: a language there are no words for.
    """
    phrases = _phrases(language)
    # what a policy gives is told by its steps
    own = [(part.value, part) for part in explanation.contributions if part.group in phrases.groups]
    given = _worth_saying(own, explanation, language)
    steps = (policy_step(step, language) for step in explanation.policy)
    return phrases.reasons.join([*given, *(told for told in steps if told)])


def _phrases(language: str) -> _Phrases:
    if language not in _PHRASES:
        raise RequestError(f"language {language!r} is not there; use {' or '.join(_PHRASES)}")
    return _PHRASES[language]


def _worth_saying(
    parts: Sequence[tuple[float, Contribution]], explanation: Explanation, language: Language
) -> list[str]:
    """The greatest contributions in words, by how much each brings."""
    raising = [(by, part) for by, part in parts if by > 0]
    worth = [part for by, part in raising if by >= WORTH_SAYING * raising[0][0]]
    found = (_reason(explanation, part, language) for part in worth)
    return [reason for reason in found if reason is not None][:REASONS]


def policy_step(step: PolicyStep, language: Language) -> str:
    """What a policy did to an item, in words.

    Empty where the item only made way for others, or where a later step brought it into the list.
    """
    phrases = _PHRASES[language]
    same = step.rank_before == step.rank_after
    moves_others = step.what in ("cap", "diversity") and not same
    if step.rank_after is None or not (step.own or moves_others):
        return ""
    what: str = step.what
    if what == "boost":
        what = "lowered" if step.by < 0 else "raised"
    both, entering = phrases.moved
    moved = entering if step.rank_before is None else both
    return phrases.policy[what].format(
        note=phrases.note.format(step.note) if step.note else "",
        moved="" if same else moved.format(before=step.rank_before, after=step.rank_after),
        rule=step.rule,
        rank=step.rank_after,
    )


def _reason(explanation: Explanation, part: Contribution, language: Language) -> str | None:
    """One contribution in words; ``None`` where nothing can be shown for it."""
    phrases, facts = _PHRASES[language], explanation.facts
    quote = phrases.quotes.format
    template = phrases.groups[part.group]
    if part.group == "repeat":
        if not facts.own_events:
            return None
        once, often = phrases.times
        times = once if facts.own_events == 1 else often.format(n=facts.own_events)
        return template.format(times=times, last=_days_ago(facts.own_last_days, phrases))
    if part.group == "popularity" and facts.among:
        group = facts.among[0]
        return phrases.among[not facts.timed].format(
            attribute=group.attribute.replace("_", " "),
            value=quote(group.value),
            n=group.users,
            of=group.of,
        )
    if part.group == "popularity":
        if not facts.recent_users:
            return None
        one, many = phrases.users_recent if facts.timed else phrases.users_ever
        count = one if facts.recent_users == 1 else many.format(n=facts.recent_users)
        return template.format(users=count)
    if part.group == "affinity":
        for path in explanation.paths:
            relation = path.relation
            if relation is None or not path.telling or path.source_title == explanation.title:
                continue
            if language == "zh":
                relation = _RELATIONS_ZH.get(relation, relation)
            source = quote(path.source_title)
            return template.format(relation=relation, name=path.name, source=source)
        return None
    others = [past for past in part.evidence if past.item_id != explanation.item_id]
    greatest = max((past.weight for past in others), default=0.0)
    telling = [past for past in others if past.weight > 0]
    telling = [past for past in telling if past.weight >= WORTH_SAYING * greatest]
    if part.group in _OF_OTHERS:
        known = [past for past in telling if past.together is not None]
        template = template if known else phrases.groups.get(f"{part.group}, few", "")
        telling = known or telling
    titles = [t for t in dict.fromkeys(p.title for p in telling) if t != explanation.title][:2]
    if not titles or not template:
        return None
    return template.format(names=phrases.names.join(map(quote, titles)))


def _days_ago(days: float | None, phrases: _Phrases) -> str:
    if days is None:
        return ""
    today, one, many = phrases.days_ago
    whole = int(days)
    return (today, one)[whole] if whole < 2 else many.format(n=whole)
