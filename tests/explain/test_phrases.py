"""The wording: plurals, lists, voices, and what is never said."""

import re
from dataclasses import replace

import pytest

from hybridrec.errors import RequestError
from hybridrec.explain.evidence import PastItem
from hybridrec.explain.explanation import Contribution, Explanation
from hybridrec.explain.narrative import Facts
from hybridrec.explain.phrases import Language, Voice, phrases_of
from hybridrec.explain.words import WORDS
from kg.schema import DERIVED

EVERY: list[tuple[Language, Voice]] = [
    ("en", "merchandiser"),
    ("zh", "merchandiser"),
    ("en", "shopper"),
    ("zh", "shopper"),
]
FORBIDDEN = {
    "en": ["guarantee", "best", "must", "only for you", "cheapest", "everyone", "always", "never"],
    "zh": [
        "最佳",
        "最好",
        "最低价",
        "第一",
        "顶级",
        "极品",
        "国家级",
        "独家",
        "保证",
        "必买",
        "永久",
    ],
}
"""Promises and superlatives: no evidence holds them up, and advertising law forbids them (in China
Article 9 of the Advertising Law)."""
FACTS = Facts(own_events=0, own_last_days=None, recent_users=None, timed=True)
MILK = PastItem("i1", "Milk", 1, None, 1.0, together=12)
BREAD = PastItem("i2", "Bread", 1, None, 0.9, together=9)


def cheese(group: str, *evidence: PastItem, facts: Facts = FACTS) -> Explanation:
    parts = (Contribution(group, 1.0, evidence),)
    return Explanation("u1", "i9", "Cheese", 0.0, 1.0, parts, (), facts, lambda: None)


@pytest.mark.parametrize(("language", "voice"), EVERY)
def test_every_voice_has_words_for_the_same(language: Language, voice: Voice) -> None:
    phrases, english = phrases_of(language, voice), phrases_of("en", "merchandiser")
    assert set(phrases.groups) == set(english.groups)
    assert set(phrases.counts) == set(english.counts)
    for group, template in phrases.groups.items():
        named = set(re.findall(r"{(\w+)}", template))
        assert named <= set(re.findall(r"{(\w+)}", english.groups[group]))


@pytest.mark.parametrize(("language", "voice"), EVERY)
def test_promises_nothing(language: Language, voice: Voice) -> None:
    phrases = phrases_of(language, voice)
    said = [*phrases.groups.values(), *phrases.among, *phrases.policy.values(), phrases.nothing]
    said += [form for forms in phrases.counts.values() for form in forms.values()]
    for phrase in FORBIDDEN[language]:
        found = re.compile(rf"\b{phrase}" if language == "en" else phrase, re.IGNORECASE)
        assert not [text for text in said if found.search(text)]


@pytest.mark.parametrize(
    ("language", "voice", "events", "days", "said"),
    [
        ("en", "merchandiser", 1, 0.4, "Cheese: chosen once before, last within a day."),
        ("en", "merchandiser", 1200, 1.9, "Cheese: chosen 1,200 times before, last 1 day ago."),
        ("en", "shopper", 3, None, "You chose it 3 times"),
        (
            "zh",
            "merchandiser",
            3,
            12.0,
            "推荐理由（Cheese）：曾选购3次，最近一次在12天前。",
        ),
        ("zh", "shopper", 1, 0.0, "您曾选购1次，最近一次在一天之内"),
    ],
)
def test_numbers_take_the_plural_of_the_language(
    language: Language, voice: Voice, events: int, days: float | None, said: str
) -> None:
    facts = replace(FACTS, own_events=events, own_last_days=days)
    assert cheese("repeat", facts=facts).narrative(language, voice) == said


@pytest.mark.parametrize(
    ("language", "voice", "said"),
    [
        (
            "en",
            "merchandiser",
            "Cheese: customers who chose “Milk” and “Bread” choose it too.",
        ),
        ("en", "shopper", "Others who chose “Milk” and “Bread” choose it too"),
        ("zh", "merchandiser", "推荐理由（Cheese）：选购过“Milk”和“Bread”的顾客也常选购。"),
        ("zh", "shopper", "选购过“Milk”和“Bread”的顾客也在选购"),
    ],
)
def test_names_are_listed_as_the_language_does(language: Language, voice: Voice, said: str) -> None:
    assert cheese("collaborative", MILK, BREAD).narrative(language, voice) == said


@pytest.mark.parametrize(("language", "voice"), EVERY)
def test_views_are_not_called_purchases(language: Language, voice: Voice) -> None:
    phrases = phrases_of(language, voice)
    said = " ".join([*phrases.groups.values(), *phrases.among, phrases.nothing])
    said += str(WORDS[language]["groups"]).replace("复购", "")  # the trade's name of the group
    for word in ("bought", "buy", "basket", "purchase", "购买", "复购"):
        assert word not in said


@pytest.mark.parametrize(("language", "voice"), EVERY)
@pytest.mark.parametrize("group", ["text", "graph", "neighbours", "collaborative", "transitions"])
def test_what_does_not_speak_for_the_item_is_not_named(
    language: Language, voice: Voice, group: str
) -> None:
    unlike = replace(MILK, speaks=False)
    said = cheese(group, unlike, BREAD).narrative(language, voice)
    assert "Milk" not in said
    assert "Bread" in said
    assert phrases_of(language, voice).nothing in cheese(group, unlike).narrative(language, voice)


def test_relations_are_named_in_chinese() -> None:
    names = phrases_of("zh", "merchandiser").relations
    assert {relation.phrase for relation in DERIVED} <= set(names)
    assert names["categories"] == names["category"] == "品类"


@pytest.mark.parametrize(("language", "voice"), EVERY)
def test_without_evidence_nothing_is_claimed(language: Language, voice: Voice) -> None:
    phrases = phrases_of(language, voice)
    for group in ("collaborative", "affinity", "popularity", "repeat", "text"):
        assert phrases.nothing in cheese(group).narrative(language, voice)


def test_an_unknown_language_or_voice_is_named() -> None:
    with pytest.raises(RequestError, match="language 'fr' is not there; use en or zh"):
        cheese("text").narrative("fr")  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="voice 'loud' is not there; use merchandiser or"):
        cheese("text").narrative("en", "loud")  # type: ignore[arg-type]
