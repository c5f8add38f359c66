"""Explanations as pages: a fragment for notebooks, a report of one file for everyone else."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined

from hybridrec.errors import RequestError
from hybridrec.explain.evidence import GraphPath
from hybridrec.explain.narrative import Language
from hybridrec.recommendations import Recommendations

if TYPE_CHECKING:
    from hybridrec.explain.explanation import Explanation

MARGIN = 2.0
"""Percent of a drawing's width that stays free at either end."""
SURE = 1.96
"""Standard errors to either side of a mean that make a 95 % interval."""
MOST_TICKS = 5

_RELATION = re.compile(" (—[^→]+→|←[^—]+—) ")


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """One row of a user's history.

    Args:
        item_id: the item.
        title: its name, for people.
        moment: when; ``None`` without times.
    """

    item_id: Hashable
    title: str
    moment: datetime | None = None


@dataclass(frozen=True, slots=True)
class UserPage:
    """What the report shows of one user.

    Args:
        user_id: the user; ``None`` for a visitor.
        kind: who that is in a few words, in the report's language: ``buys the same again``.
        recommendations: the list, each with its explanation.
        recent: the user's latest events, latest first.
        discoveries: a second list, of items new to the user, each with its explanation.
    """

    user_id: Hashable | None
    kind: str
    recommendations: Recommendations
    recent: Sequence[RecentEvent] = ()
    discoveries: Recommendations | None = None

    @property
    def days(self) -> list[tuple[str | None, list[RecentEvent]]]:
        """The latest events by date, ``None`` for those without one."""
        dated = groupby(self.recent, lambda event: event.moment and f"{event.moment:%Y-%m-%d}")
        return [(day, list(events)) for day, events in dated]


@dataclass(frozen=True, slots=True)
class AccuracyTable:
    """The fusion beside its rivals.

    Args:
        title: what was asked of them, ``Next 28 days, items new to the user``.
        frame: as :func:`hybridrec.evaluation.protocols.compare` returns it.
    """

    title: str
    frame: pl.DataFrame


def explanation_html(explanation: Explanation, language: Language = "en") -> str:
    """An explanation as a fragment of HTML that brings its own styles.

    Args:
        explanation: what to show.
        language: English (``en``) or Chinese (``zh``).

    Raises:
        RequestError: another language.
    """
    words = _words(language)
    template = _TEMPLATES.get_template("explanation.html.j2")
    return template.render(
        words=words,
        language=language,
        explanation=explanation,
        scale=_Scale.over([explanation]),
    )


def write_report(
    path: str | Path,
    *,
    shop_name: str,
    facts: Mapping[str, str],
    pages: Sequence[UserPage],
    accuracy: Sequence[AccuracyTable],
    language: Language = "en",
) -> None:
    """Writes a report of one HTML file that needs nothing beside it: no network, font or script.

    The file appears complete or not at all.

    Args:
        path: where to; an earlier file is replaced.
        shop_name: the heading.
        facts: label and value of what is worth knowing, such as ``{"Events": "1.2 million"}``.
        pages: the users shown.
        accuracy: how well the models foretell.
        language: English (``en``) or Chinese (``zh``).

    Raises:
        RequestError: another language, nothing to show, a recommendation without an explanation,
            or an accuracy table that names no model or no metric.
    """
    words = _words(language)
    if not pages and not accuracy:
        raise RequestError(
            "the report has nothing to show: give pages=[UserPage(…)], accuracy=[AccuracyTable(…)]"
            " or both"
        )
    html = _TEMPLATES.get_template("report.html.j2").render(
        words=words,
        language=language,
        shop_name=shop_name,
        facts=facts,
        users=[(page, _lists(page)) for page in pages],
        accuracy=[(table.title, _plots(table)) for table in accuracy],
    )
    _write_in_one_step(Path(path), html)


def _write_in_one_step(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as aside:
        complete = Path(aside) / path.name
        complete.write_text(text, encoding="utf-8")
        complete.replace(path)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where values lie on a drawing, in percent of its width."""

    low: float
    high: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Self:
        """An axis that shows zero and all of these."""
        low, high = min(0.0, *values, 0.0), max(0.0, *values, 0.0)
        return cls(low, high if high > low else low + 1.0)

    def at(self, value: float) -> float:
        """The place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(MARGIN + share * (100 - 2 * MARGIN), 3)

    def ticks(self) -> list[float]:
        """Round values to label, from zero on."""
        rough = self.high / MOST_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
        return [step * i for i in range(math.floor(self.high / step + 1e-9) + 1)]


@dataclass(frozen=True, slots=True)
class _Bar:
    """A contribution on a drawing: its left end and its width, in percent."""

    group: str
    value: float
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class _Scale:
    """How the scores of one list are drawn and written.

    Args:
        axis: scores less the base.
        decimals: how many every number has, so that they can be added up.
    """

    axis: _Axis
    decimals: int

    @classmethod
    def over(cls, explanations: Sequence[Explanation]) -> Self:
        """The scale that fits all of these."""
        ends: list[float] = []
        sizes: list[float] = []
        for explanation in explanations:
            values = [part.value for part in explanation.contributions]
            ends.append(sum(value for value in values if value > 0))
            ends.append(sum(value for value in values if value < 0))
            sizes += [*values, explanation.base, explanation.score]
        return cls(_Axis.over(ends), _decimals(sizes))

    def number(self, value: float) -> str:
        """A base or a score in writing."""
        return _number(value, self.decimals)

    def signed(self, value: float) -> str:
        """A part of a score in writing."""
        return _number(value, self.decimals, sign="+")

    def bar(self, group: str, value: float, start: float = 0.0) -> _Bar:
        """A part that begins at ``start``."""
        left, right = sorted((self.axis.at(start), self.axis.at(start + value)))
        return _Bar(group, value, left, round(right - left, 3))

    def stack(self, explanation: Explanation) -> Iterator[_Bar]:
        """All parts end to end from the base: those that raise the score right, the others left."""
        order = list(WORDS["en"]["groups"])
        ends = {True: 0.0, False: 0.0}
        for part in sorted(explanation.contributions, key=lambda part: order.index(part.group)):
            raises = part.value > 0
            yield self.bar(part.group, part.value, ends[raises])
            ends[raises] += part.value


def _decimals(values: Sequence[float]) -> int:
    """Decimals that give the greatest value three significant digits."""
    greatest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 2 if greatest == 0 else max(0, 2 - math.floor(math.log10(greatest)))


def _number(value: float, decimals: int, sign: str = "-") -> str:
    """A number with a true minus sign, and none before zero."""
    text = f"{value:{sign},.{decimals}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def _lists(page: UserPage) -> list[tuple[str, list[Explanation], _Scale]]:
    """The lists of a page: which, the explanations, their scale."""
    lists = {"recommended": page.recommendations}
    if page.discoveries is not None:
        lists["discoveries"] = page.discoveries
    shown = []
    for name, rows in lists.items():
        explanations = []
        for row in rows:
            if row.explanation is None:
                raise RequestError(
                    f"item {row.item_id!r} of user {row.user_id!r} has no explanation; "
                    "ask for recommendations with explain=True"
                )
            explanations.append(row.explanation)
        shown.append((name, explanations, _Scale.over(explanations)))
    return shown


@dataclass(frozen=True, slots=True)
class _Model:
    """One model under one metric; what is not known is ``None``."""

    name: str
    value: float
    error: float | None
    lead: float | None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true mean lies, 95 % sure; never below zero."""
        reach = SURE * (self.error or 0.0)
        return max(0.0, self.value - reach), self.value + reach


@dataclass(frozen=True, slots=True)
class _Plot:
    """Models under one metric, best first."""

    metric: str
    users: int
    models: list[_Model]
    axis: _Axis
    decimals: int

    def number(self, value: float) -> str:
        """A value of the metric in writing."""
        return _number(value, self.decimals)

    def tick(self, value: float) -> str:
        """A label of the axis."""
        return f"{value:.3g}"

    def lead(self, value: float) -> str:
        """A lead in writing."""
        return _number(value, 1, sign="+")


def _plots(table: AccuracyTable) -> list[_Plot]:
    """A plot for each metric of a table."""
    frame = table.frame
    metrics = [name for name in frame.columns if f"{name} se" in frame.columns]
    if "model" not in frame.columns or not metrics or frame.is_empty():
        raise RequestError(
            f"accuracy table {table.title!r} has no rows of a model and a metric with its standard "
            f"error among {', '.join(frame.columns) or 'no columns'}; give the frame of compare()"
        )
    plots = []
    for metric in metrics:
        models = sorted(
            (
                _Model(
                    row["model"],
                    row[metric],
                    _known(row[f"{metric} se"]),
                    _known(row.get(f"{metric} lead")),
                )
                for row in frame.iter_rows(named=True)
            ),
            key=lambda model: -model.value,
        )
        axis = _Axis.over([model.interval[1] for model in models])
        decimals = _decimals([model.value for model in models])
        plots.append(_Plot(metric, int(frame["users"][0]), models, axis, decimals))
    return plots


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _reasons(explanation: Explanation, language: Language) -> str:
    """The sentence without the title, which stands above it."""
    sentence = explanation.narrative(language).replace(explanation.title, "", 1)
    sentence = sentence.replace("（）", "").lstrip(": ")
    return sentence[:1].upper() + sentence[1:]


def _steps(path: GraphPath) -> list[tuple[str, str]]:
    """The chain of a path: each node with the relation that leads on from it, none from the last.

    >>> _steps(GraphPath("Cola —brand→ Acme ←brand— Soda", "Cola", "brand", "Acme", 0.1, 1.0))
    [('Cola', '—brand→'), ('Acme', '←brand—'), ('Soda', '')]
    """
    pieces = _RELATION.split(path.text)
    return list(zip_longest(pieces[::2], pieces[1::2], fillvalue=""))


def _percent(share: float) -> str:
    """A share in percent, at two significant digits."""
    percent = 100 * share
    if 0 < percent < 0.1:
        return "<0.1%"
    return f"{percent:.0f}%" if percent >= 10 else f"{percent:.1f}%"


def _words(language: Language) -> Mapping[str, Any]:
    if language not in WORDS:
        raise RequestError(f"language {language!r} is not there; use {' or '.join(WORDS)}")
    return WORDS[language]


WORDS: Mapping[str, Mapping[str, Any]] = {
    "en": {
        "lang": "en",
        "subtitle": "Recommendations and their reasons",
        "contents": "Contents",
        "how_to_read": "How to read this page",
        "reading": (
            "Every score starts at the base, the vertical line, which is what an average candidate "
            "of this user scores; each coloured part moves it to the right or to the left, and "
            "base + parts = score, the dot. Scores compare the items of one list, never two lists."
        ),
        "rounded": "Numbers are rounded for reading; before rounding, base and parts sum to the score.",
        "groups": {
            "repeat": ("Repeat", "the user’s own past with the item"),
            "collaborative": ("Collaborative", "what customers with similar histories choose"),
            "graph": ("Graph", "nearness in the product graph"),
            "text": ("Text", "likeness of the product text"),
            "affinity": ("Affinity", "shared brand, category and other attributes"),
            "popularity": ("Popularity", "how many customers choose it, now and before"),
        },
        "user": "User {id}",
        "visitor": "Visitor",
        "recent": "Latest activity",
        "recommended": "Recommended",
        "discoveries": "New to this user",
        "empty": "Nothing to recommend.",
        "details": "The numbers",
        "parts": "How the score adds up",
        "part": "Part",
        "value": "Value",
        "drawn": "Drawn",
        "rests_on": "Rests on",
        "base": "Base",
        "base_gloss": "what an average candidate scores",
        "score": "Score",
        "times": "{n}×",
        "last": "last {date}",
        "more": "and {n} more",
        "path": "Through the product graph",
        "share": "“{name}” is shared by {share} of the catalogue.",
        "accuracy": "Accuracy",
        "accuracy_reading": (
            "A dot is the mean over users, the line through it the 95% interval. The last column "
            "says how far the fusion is ahead, in standard errors of the paired difference."
        ),
        "model": "Model",
        "mean": "Mean ± standard error",
        "lead": "Fusion ahead by",
        "over_users": "{n:,} users",
        "metrics": {
            "recall": "Recall",
            "ndcg": "NDCG",
            "hit": "Hit rate",
            "precision": "Precision",
        },
        "models": {},
        "colon": ": ",
        "comma": ", ",
    },
    "zh": {
        "lang": "zh-Hans",
        "subtitle": "商品推荐与推荐理由",
        "contents": "目录",
        "how_to_read": "阅读说明",
        "reading": (
            "每个得分从基准分出发，即图中竖线，表示该用户候选商品的平均得分；各彩色部分使其向右升高或"
            "向左降低，基准分与各部分之和即为得分，以圆点标示。得分仅可在同一列表内比较，不可跨列表比较。"
        ),
        "rounded": "数字经四舍五入显示；舍入前，基准分与各部分之和等于得分。",
        "groups": {
            "repeat": ("复购", "用户自身对该商品的历史行为"),
            "collaborative": ("协同过滤", "购买历史相似的顾客的选择"),
            "graph": ("知识图谱", "在商品知识图谱中的相近程度"),
            "text": ("文本相似", "商品描述的相似程度"),
            "affinity": ("属性偏好", "相同的品牌、品类及其他属性"),
            "popularity": ("热度", "当前及以往选购的顾客人数"),
        },
        "user": "用户 {id}",
        "visitor": "访客",
        "recent": "最近行为",
        "recommended": "推荐商品",
        "discoveries": "新发现：该用户未接触过的商品",
        "empty": "暂无推荐商品。",
        "details": "得分明细",
        "parts": "得分构成",
        "part": "组成部分",
        "value": "分值",
        "drawn": "图示",
        "rests_on": "依据",
        "base": "基准分",
        "base_gloss": "候选商品的平均得分",
        "score": "得分",
        "times": "{n}次",
        "last": "最近 {date}",
        "more": "另有{n}件商品",
        "path": "知识图谱路径",
        "share": "商品目录中{share}的商品同属“{name}”。",
        "accuracy": "准确度",
        "accuracy_reading": (
            "圆点为各用户的平均值，横线为95%置信区间。末列为融合模型的领先幅度，以配对差值的标准误为单位。"
        ),
        "model": "模型",
        "mean": "平均值 ± 标准误",
        "lead": "融合模型领先",
        "over_users": "{n:,} 位用户",
        "metrics": {
            "recall": "召回率",
            "ndcg": "NDCG",
            "hr": "命中率",
            "precision": "精确率",
            "mrr": "MRR",
        },
        "models": {
            "fusion": "融合模型",
            "popularity": "热度",
            "popular in the last 28 days": "近28天热度",
            "own counts": "个人购买次数",
            "own counts, half-life 60 days": "个人购买次数（半衰期60天）",
            "collaborative tower, long profile": "协同过滤（长期偏好）",
            "collaborative tower, short profile": "协同过滤（短期偏好）",
            "graph tower, long profile": "知识图谱（长期偏好）",
            "graph tower, short profile": "知识图谱（短期偏好）",
            "text tower, long profile": "文本（长期偏好）",
            "text tower, short profile": "文本（短期偏好）",
        },
        "colon": "：",
        "comma": "，",
    },
}
"""Every fixed word of the pages, in each language."""

_TEMPLATES = Environment(
    loader=PackageLoader("hybridrec.explain", "."),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.globals["reasons"] = _reasons
_TEMPLATES.globals["steps"] = _steps
_TEMPLATES.filters["percent"] = _percent
