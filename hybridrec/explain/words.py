"""The fixed words of what is shown of an explanation, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class _Groups(dict[str, tuple[str, str]]):
    """The name and gloss of each signal group; a shop's own goes by its name."""

    def __missing__(self, group: str) -> tuple[str, str]:
        return group, ""


WORDS: Mapping[str, Mapping[str, Any]] = {
    "en": {
        "lang": "en",
        "groups": _Groups(
            {
                "repeat": ("Repeat", "the user’s own past with the item"),
                "collaborative": ("Collaborative", "what customers with similar histories choose"),
                "graph": ("Graph", "nearness in the product graph"),
                "text": ("Text", "likeness of the product text"),
                "neighbours": (
                    "Neighbours",
                    "items chosen with it or alike in brand, category, words",
                ),
                "transitions": ("Sequence", "what is often chosen after the latest items"),
                "affinity": ("Affinity", "shared brand, category and other attributes"),
                "popularity": ("Popularity", "how many customers choose it, now and before"),
                "price": ("Price", "how dear it is, and what the user usually pays"),
                "boost": ("Boost", "raised or lowered by the shop"),
                "diversity": ("Diversity", "likeness to other items of the list"),
            }
        ),
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
        "alike": "all {n} past items alike",
        "path": "Through the product graph",
        "share": "“{name}” is shared by {share} of the catalogue.",
        "colon": ": ",
        "comma": ", ",
        "stop": ".",
    },
    "zh": {
        "lang": "zh-Hans",
        "groups": _Groups(
            {
                "repeat": ("复购", "用户自身对该商品的历史行为"),
                "collaborative": ("协同过滤", "选购历史相似的顾客的选择"),
                "graph": ("知识图谱", "在商品知识图谱中的相近程度"),
                "text": ("文本相似", "商品描述的相似程度"),
                "neighbours": ("关联商品", "常一同选购，或品牌、品类、用词相同的商品"),
                "transitions": ("选购次序", "近期所选商品之后常选购的商品"),
                "affinity": ("属性偏好", "相同的品牌、品类及其他属性"),
                "popularity": ("热度", "当前及以往选购的顾客人数"),
                "price": ("价格", "价格高低，以及与用户消费习惯的契合程度"),
                "boost": ("店铺调整", "由店铺提升或降低"),
                "diversity": ("多样性", "与列表中其他商品的相近程度"),
            }
        ),
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
        "alike": "历史商品{n}件，影响均等",
        "path": "知识图谱路径",
        "share": "商品目录中{share}的商品同属“{name}”。",
        "colon": "：",
        "comma": "，",
        "stop": "。",
    },
}
"""In each language."""
