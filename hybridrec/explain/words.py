"""Every fixed word of the pages, in English and Chinese."""

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
        "subtitle": "Recommendations and their reasons",
        "contents": "Contents",
        "how_to_read": "How to read this page",
        "reading": (
            "Every score starts at the base, the vertical line, which is what an average candidate "
            "of this user scores; each coloured part moves it to the right or to the left, and "
            "base + parts = score, the dot. Scores compare the items of one list, never two lists."
        ),
        "rounded": "Numbers are rounded for reading; unrounded, base and parts sum to the score.",
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
            "hr": "Hit rate",
            "precision": "Precision",
            "mrr": "MRR",
        },
        "models": {},
        "colon": ": ",
        "comma": ", ",
        "stop": ".",
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
        "groups": _Groups(
            {
                "repeat": ("复购", "用户自身对该商品的历史行为"),
                "collaborative": ("协同过滤", "购买历史相似的顾客的选择"),
                "graph": ("知识图谱", "在商品知识图谱中的相近程度"),
                "text": ("文本相似", "商品描述的相似程度"),
                "neighbours": ("关联商品", "常一同选购，或品牌、品类、用词相同的商品"),
                "transitions": ("购买次序", "近期所购商品之后常选购的商品"),
                "affinity": ("属性偏好", "相同的品牌、品类及其他属性"),
                "popularity": ("热度", "当前及以往选购的顾客人数"),
                "price": ("价格", "价格高低，以及与用户消费习惯的契合程度"),
                "boost": ("店铺调整", "由店铺提升或降低"),
                "diversity": ("多样性", "与列表中其他商品的相近程度"),
            }
        ),
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
            "neighbours, long profile": "关联商品（长期偏好）",
            "neighbours, short profile": "关联商品（短期偏好）",
            "transitions, long profile": "购买次序（长期偏好）",
            "transitions, short profile": "购买次序（短期偏好）",
            "transitions, last profile": "购买次序（最近行为）",
            "collaborative tower, last profile": "协同过滤（最近行为）",
            "graph tower, last profile": "知识图谱（最近行为）",
            "text tower, last profile": "文本（最近行为）",
            "neighbours, last profile": "关联商品（最近行为）",
        },
        "colon": "：",
        "comma": "，",
        "stop": "。",
    },
}
"""Every fixed word of the pages, in each language."""
