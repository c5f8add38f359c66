"""Drift in words, English and Chinese: the same in a terminal and on a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from hybridrec.errors import RequestError
from hybridrec.pages import percent

if TYPE_CHECKING:
    from hybridrec.drift.refit import Refit

Language = Literal["en", "zh"]

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "lang": "en",
        "title": "Interest drift",
        "lead": "How the shop’s mix moved, whether a refit is due, and whose interest changed.",
        "shop": "The shop",
        "users": "The users",
        "mix": "The mix over time",
        "mix_reading": (
            "Bars: how far each period’s mix of categories is from that of the fit, in bits (0 the "
            "same, 1 nothing in common). The line on a bar is what chance alone would stay below; "
            "bars above theirs are drawn dark."
        ),
        "top": "The greatest categories",
        "top_reading": "share of the events, period by period",
        "grew": "What grew and what shrank",
        "grew_reading": "Share of the events since {date}, and before.",
        "category": "Category",
        "before": "Before",
        "present": "Since",
        "change": "Points",
        "fitted": "Fitted up to",
        "as_of": "Data up to",
        "since": "Events since",
        "by": "Categories by",
        "moved": "Moved",
        "of_users": "{n} of {of} users",
        "false_alarms": "False alarms",
        "false_alarms_reading": (
            "{share} of the same histories, shuffled so that nothing can have changed, would be "
            "called moved, too."
        ),
        "who": "Who moved, most certain first",
        "user": "User",
        "what": "What changed",
        "probability": "Probability",
        "unknown": "Too little is known: fewer than two occasions.",
        "steady": "Steady: a change is {probability} probable.",
        "from_to": "From {source} to {target}, {since}.",
        "since_date": "since {date}",
        "since_events": "since {n:,} events ago",
        "since_event": "since the last event",
        "refit_due": "A refit is due: {reasons}.",
        "refit_not_due": "No refit is due: {n:,} events since the fit, nothing beyond its limit.",
        "refit_few": "No refit is due: {n:,} events since the fit are too few to tell.",
        "refit_unknown": "Whether a refit is due cannot be told: the moment of the fit is unknown.",
        "refit_untimed": "Whether a refit is due cannot be told without times.",
        "mix_reason": "the mix moved by {value} bits, more than chance or habit ({limit})",
        "new_items_reason": "{value} of the events are on items nobody had met at the fit",
        "unknown_items_reason": "{value} of the events are on items the catalogue lacks",
        "new_users_reason": "{value} of the events are of users first seen since",
        "volume_reason": "events have grown by {value} since",
        "joined": "; ",
        "more": "and {n:,} more",
        "none_moved": "Nobody’s interest changed so that it can be told from chance.",
        "rows": "Period by period",
        "period": "Period from",
        "events": "Events",
        "divergence": "Divergence",
        "noise": "Chance",
        "no_mix": "The data have no times; the mix of periods cannot be told.",
    },
    "zh": {
        "lang": "zh-Hans",
        "title": "兴趣漂移",
        "lead": "店铺的品类构成如何变化、是否需要重新训练、哪些用户的兴趣发生了转移。",
        "shop": "店铺",
        "users": "用户",
        "mix": "品类构成的变化",
        "mix_reading": (
            "柱高为各时期品类构成与训练时期的差异（比特；0表示相同，1表示毫无重合）。"
            "柱上的横线为随机波动的上限；超出者以深色标示。"
        ),
        "top": "主要品类",
        "top_reading": "各时期占全部行为的比例",
        "grew": "增长与下降的品类",
        "grew_reading": "自{date}起与此前占全部行为的比例。",
        "category": "品类",
        "before": "此前",
        "present": "其后",
        "change": "百分点",
        "fitted": "训练数据截至",
        "as_of": "数据截至",
        "since": "训练后的行为数",
        "by": "品类依据",
        "moved": "兴趣转移",
        "of_users": "{of}位用户中的{n}位",
        "false_alarms": "误报率",
        "false_alarms_reading": (
            "将同样的历史打乱（其中不可能有变化）后，仍有{share}会被误判为转移。"
        ),
        "who": "兴趣转移的用户（按确定程度排列）",
        "user": "用户",
        "what": "变化",
        "probability": "概率",
        "unknown": "行为记录过少，无法判断。",
        "steady": "兴趣稳定：发生变化的概率为{probability}。",
        "from_to": "兴趣从“{source}”转向“{target}”，{since}。",
        "since_date": "始于{date}",
        "since_events": "始于{n:,}次行为之前",
        "since_event": "始于最近一次行为",
        "refit_due": "需要重新训练：{reasons}。",
        "refit_not_due": "暂不需要重新训练：训练后有{n:,}次行为，各项指标均未超限。",
        "refit_few": "暂不需要重新训练：训练后仅有{n:,}次行为，不足以判断。",
        "refit_unknown": "训练时间未知，无法判断是否需要重新训练。",
        "refit_untimed": "数据没有时间，无法判断是否需要重新训练。",
        "mix_reason": "品类构成变化{value}比特，超出随机波动及以往幅度（{limit}）",
        "new_items_reason": "{value}的行为涉及训练时无人接触过的商品",
        "unknown_items_reason": "{value}的行为涉及目录中没有的商品",
        "new_users_reason": "{value}的行为来自训练后新出现的用户",
        "volume_reason": "行为数量较训练时增加了{value}",
        "joined": "；",
        "more": "另有{n:,}位",
        "none_moved": "没有用户的兴趣变化可与随机波动区分。",
        "rows": "各时期明细",
        "period": "时期起始",
        "events": "行为数",
        "divergence": "差异",
        "noise": "随机上限",
        "no_mix": "数据没有时间，无法判断各时期的品类构成。",
    },
}
"""Every fixed word, in each language."""

MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def words(language: str) -> Mapping[str, str]:
    """The fixed words of a language.

    Raises:
        RequestError: a language there are no words for.
    """
    if language not in WORDS:
        raise RequestError(f"language {language!r} is not there; use {' or '.join(WORDS)}")
    return WORDS[language]


def day(moment: datetime, language: str) -> str:
    """A day as people write it.

    >>> day(datetime(2024, 3, 14), "en"), day(datetime(2024, 3, 14), "zh")
    ('14 March 2024', '2024年3月14日')
    """
    if words(language)["lang"] == "en":
        return f"{moment.day} {MONTHS[moment.month - 1]} {moment.year}"
    return f"{moment.year}年{moment.month}月{moment.day}日"


def certainty(probability: float) -> str:
    """A posterior probability in percent, which is never quite 0 or 100.

    >>> certainty(1.0), certainty(0.04)
    ('>99%', '4.0%')
    """
    return percent(min(max(probability, 1e-6), 1 - 1e-6))


def change_sentence(row: Mapping[str, Any], language: str) -> str:
    """What a user's drift says.

    Args:
        row: one of :attr:`~hybridrec.drift.users.UserDrift.frame`.
        language: ``en`` or ``zh``.

    >>> moved = {"verdict": "moved", "from": "Shoes", "to": "Tents", "since": None, "events_ago": 9}
    >>> change_sentence(moved, "en")
    'From Shoes to Tents, since 9 events ago.'
    """
    phrases = words(language)
    if row["verdict"] == "unknown":
        return phrases["unknown"]
    if row["verdict"] == "steady":
        return phrases["steady"].format(probability=certainty(row["probability"]))
    if row["since"] is not None:
        since = phrases["since_date"].format(date=day(row["since"], language))
    elif row["events_ago"] == 1:
        since = phrases["since_event"]
    else:
        since = phrases["since_events"].format(n=row["events_ago"])
    return phrases["from_to"].format(source=row["from"], target=row["to"], since=since)


def refit_sentence(refit: Refit, language: str) -> str:
    """Whether a refit is due and why, in one sentence."""
    phrases = words(language)
    if refit.as_of is None:
        return phrases["refit_untimed"]
    if not refit.known:
        return phrases["refit_unknown"]
    if not refit.enough:
        return phrases["refit_few"].format(n=refit.events)
    if not refit.due:
        return phrases["refit_not_due"].format(n=refit.events)
    told = []
    for reason in refit.reasons:
        if reason.due:
            bits = reason.cause == "mix"
            value, limit = (
                f"{number:.3f}" if bits else percent(number)
                for number in (reason.value, reason.limit)
            )
            told.append(phrases[f"{reason.cause}_reason"].format(value=value, limit=limit))
    return phrases["refit_due"].format(reasons=phrases["joined"].join(told))
