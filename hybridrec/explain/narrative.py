"""Explanations as sentences: facts only, each from a contribution, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hybridrec.errors import RequestError

if TYPE_CHECKING:
    from hybridrec.explain.explanation import Contribution, Explanation

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
        recent_users: users who met it in the last 28 days, or ever where there are no times.
        timed: whether the data have times.
    """

    own_events: int
    own_last_days: float | None
    recent_users: int
    timed: bool


@dataclass(frozen=True, slots=True)
class _Phrases:
    """The wording of one language."""

    groups: Mapping[str, str]
    times: tuple[str, str]
    days_ago: tuple[str, str, str]
    users_recent: tuple[str, str]
    users_ever: tuple[str, str]
    names: str
    reasons: str
    whole: str
    nothing: str
    quotes: str


_ENGLISH = _Phrases(
    groups={
        "repeat": "bought {times}{last}",
        "collaborative": "customers with {names} in their baskets choose it too",
        "graph": "it is close to {names} in the product graph",
        "text": "it reads much like {names}",
        "neighbours": "it goes with {names}",
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
    names=" and ",
    reasons="; ",
    whole="{title}: {reasons}.",
    nothing="{title}: no single reason stands out; many small ones add up.",
    quotes="“{}”",
)
_CHINESE = _Phrases(
    groups={
        "repeat": "复购商品，已购买{times}{last}",
        "collaborative": "购买过{names}的顾客也常选购",
        "graph": "在商品知识图谱中与{names}相近",
        "text": "商品描述与{names}相似",
        "neighbours": "与{names}关联度高",
        "affinity": "与{source}同属{relation}“{name}”",
        "popularity": "{users}",
    },
    times=("1次", "{n}次"),
    days_ago=("，最近一次在一天之内", "，最近一次在1天前", "，最近一次在{n}天前"),
    users_recent=("近28天有1位顾客选购", "近28天有{n:,}位顾客选购"),
    users_ever=("已有1位顾客选购", "已有{n:,}位顾客选购"),
    names="和",
    reasons="；",
    whole="推荐理由（{title}）：{reasons}。",
    nothing="推荐理由（{title}）：没有单一的突出原因，由多项因素共同作用。",
    quotes="“{}”",
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
_PHRASES: Mapping[str, _Phrases] = {"en": _ENGLISH, "zh": _CHINESE}


def sentence(explanation: Explanation, language: Language) -> str:
    """The item and the greatest reasons for it, in one sentence.

    Raises:
        RequestError: a language there are no words for.
    """
    given = reasons(explanation, language)
    phrases = _PHRASES[language]
    template = phrases.whole if given else phrases.nothing
    return template.format(title=explanation.title, reasons=given)


def reasons(explanation: Explanation, language: Language) -> str:
    """The greatest contributions that raise the score, in words; empty where none stands out.

    Raises:
        RequestError: a language there are no words for.
    """
    if language not in _PHRASES:
        raise RequestError(f"language {language!r} is not there; use {' or '.join(_PHRASES)}")
    raising = [part for part in explanation.contributions if part.value > 0]
    worth = [part for part in raising if part.value >= WORTH_SAYING * raising[0].value]
    found = (_reason(explanation, part, language) for part in worth)
    given = [reason for reason in found if reason is not None][:REASONS]
    return _PHRASES[language].reasons.join(given)


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
    titles = [t for t in dict.fromkeys(p.title for p in telling) if t != explanation.title][:2]
    if not titles:
        return None
    return template.format(names=phrases.names.join(map(quote, titles)))


def _days_ago(days: float | None, phrases: _Phrases) -> str:
    if days is None:
        return ""
    today, one, many = phrases.days_ago
    whole = int(days)
    return (today, one)[whole] if whole < 2 else many.format(n=whole)
