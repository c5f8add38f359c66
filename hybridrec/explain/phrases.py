"""The wording of sentences by language and voice; plurals, lists and numbers are Babel's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from babel import Locale
from babel.lists import format_list
from babel.numbers import format_decimal

from hybridrec.errors import RequestError

Language = Literal["en", "zh"]
Voice = Literal["merchandiser", "shopper"]


@dataclass(frozen=True)
class Phrases:
    """The wording of one language and voice.

    Args:
        language: whose plurals, lists and numbers hold.
        groups: a reason by signal group.
        counts: words with a number by plural category, ``zero`` where 0 has its own.
        among: what users alike chose, of late and ever.
        whole: the sentence.
        nothing: in place of reasons.
        ahead: one item against another.
        reasons: between reasons.
        policy: what a step of a policy did; empty where that is not told.
        note: of a rule.
        moved: from where to where; into the list.
        relations: names of relations that are not said as they are.
        most: how many reasons are given.
    """

    language: str
    groups: Mapping[str, str]
    counts: Mapping[str, Mapping[str, str]]
    among: tuple[str, str]
    whole: str
    nothing: str
    ahead: str
    reasons: str
    policy: Mapping[str, str]
    note: str
    moved: tuple[str, str]
    relations: Mapping[str, str] = field(default_factory=dict)
    most: int = 2

    @cached_property
    def locale(self) -> Locale:
        """What Babel knows of the language."""
        return Locale.parse(self.language)

    def quoted(self, name: str) -> str:
        """A name as it is cited."""
        return f"“{name}”"

    def listed(self, names: Sequence[str]) -> str:
        """Names one after another, quoted."""
        return format_list([self.quoted(name) for name in names], locale=self.locale)

    def number(self, n: int) -> str:
        """A whole number."""
        return format_decimal(n, locale=self.locale)

    def counted(self, what: str, n: int) -> str:
        """Words with a number."""
        forms = self.counts[what]
        form = "zero" if n == 0 and "zero" in forms else self.locale.plural_form(n)
        return forms[form].format(n=self.number(n))


_ENGLISH = Phrases(
    language="en",
    groups={
        "repeat": "chosen {times} before{last}",
        "collaborative": "customers who chose {names} choose it too",
        "collaborative, few": "what customers choose places it near {names}",
        "graph": "it is close to {names} in the product graph",
        "text": "it reads much like {names}",
        "neighbours": "it goes with {names}",
        "transitions": "it is often chosen after {names}",
        "affinity": "it shares {relation} {name} with {source}",
        "popularity": "{users}",
    },
    counts={
        "times": {"one": "once", "other": "{n} times"},
        "days ago": {
            "zero": ", last within a day",
            "one": ", last 1 day ago",
            "other": ", last {n} days ago",
        },
        "recent users": {
            "one": "1 customer chose it in the last 28 days",
            "other": "{n} customers chose it in the last 28 days",
        },
        "users": {"one": "1 customer has chosen it", "other": "{n} customers have chosen it"},
    },
    among=(
        "popular among customers with {attribute} {value}: {n} of {of} chose it in the last "
        "28 days",
        "popular among customers with {attribute} {value}: {n} of {of} have chosen it",
    ),
    reasons="; ",
    whole="{title}: {reasons}.",
    nothing="no single reason stands out; many small ones add up",
    ahead="{title} comes before {other}: {reasons}.",
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
_CHINESE = Phrases(
    language="zh",
    groups={
        "repeat": "曾选购{times}{last}",
        "collaborative": "选购过{names}的顾客也常选购",
        "collaborative, few": "从顾客的选购行为看，与{names}相近",
        "graph": "在商品知识图谱中与{names}相近",
        "text": "商品描述与{names}相似",
        "neighbours": "与{names}关联度高",
        "transitions": "选购{names}后常接着选购",
        "affinity": "与{source}同属{relation}“{name}”",
        "popularity": "{users}",
    },
    counts={
        "times": {"other": "{n}次"},
        "days ago": {"zero": "，最近一次在一天之内", "other": "，最近一次在{n}天前"},
        "recent users": {"other": "近28天有{n}位顾客选购"},
        "users": {"other": "已有{n}位顾客选购"},
    },
    among=(
        "在{attribute}为{value}的顾客中受欢迎，近28天{of}人中有{n}人选购",
        "在{attribute}为{value}的顾客中受欢迎，{of}人中有{n}人选购",
    ),
    relations={
        "category": "品类",
        "categories": "品类",
        "part of": "属于",
        "brand": "品牌",
        "manufacturer": "生产商",
        "package size": "包装规格",
        "coupon": "优惠券",
        "campaign": "促销活动",
        "color": "颜色",
        "material": "材质",
        "bought with": "常一同购买",
        "viewed with": "常一同浏览",
        "goes with": "搭配",
        "instead of": "可替代",
        "reads like": "描述相似",
    },
    reasons="；",
    whole="推荐理由（{title}）：{reasons}。",
    nothing="没有单一的突出原因，由多项因素共同作用",
    ahead="{title}排在{other}之前：{reasons}。",
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
_PHRASES: Mapping[tuple[str, str], Phrases] = {
    ("en", "merchandiser"): _ENGLISH,
    ("zh", "merchandiser"): _CHINESE,
    ("en", "shopper"): replace(
        _ENGLISH,
        groups={
            "repeat": "You chose it {times}{last}",
            "collaborative": "Others who chose {names} choose it too",
            "collaborative, few": "Because you chose {names}",
            "graph": "Close to {names}",
            "text": "Much like {names}",
            "neighbours": "Goes with {names}",
            "transitions": "Often chosen after {names}",
            "affinity": "Same {relation} as {source}: {name}",
            "popularity": "{users}",
        },
        counts={
            **_ENGLISH.counts,
            "recent users": {
                "one": "1 person chose it lately",
                "other": "{n} people chose it lately",
            },
            "users": {"one": "Chosen by 1 person", "other": "Chosen by {n} people"},
        },
        among=("Popular among people with {attribute} {value}",) * 2,
        whole="{reasons}",
        nothing="Picked from what you chose before",
        most=1,
        policy={},
    ),
    ("zh", "shopper"): replace(
        _CHINESE,
        groups={
            "repeat": "您曾选购{times}{last}",
            "collaborative": "选购过{names}的顾客也在选购",
            "collaborative, few": "因为您选购过{names}",
            "graph": "与{names}相近",
            "text": "与{names}相似",
            "neighbours": "可与{names}搭配",
            "transitions": "选购{names}后常接着选购",
            "affinity": "与{source}同{relation}：{name}",
            "popularity": "{users}",
        },
        counts={
            **_CHINESE.counts,
            "recent users": {"other": "近期有{n}人选购"},
            "users": {"other": "已有{n}人选购"},
        },
        among=("在{attribute}为{value}的顾客中受欢迎",) * 2,
        whole="{reasons}",
        nothing="根据您的选购记录推荐",
        most=1,
        policy={},
    ),
}


def phrases_of(language: str, voice: str) -> Phrases:
    """The wording of a language and voice.

    Raises:
        RequestError: one that is not there.
    """
    if (language, voice) not in _PHRASES:
        languages, voices = (dict.fromkeys(each) for each in zip(*_PHRASES, strict=True))
        known, what = (
            (languages, f"language {language!r}")
            if language not in languages
            else (voices, f"voice {voice!r}")
        )
        raise RequestError(f"{what} is not there; use {' or '.join(known)}")
    return _PHRASES[language, voice]
