"""Every fixed word of the report beyond what is shown of an explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS: Mapping[str, Mapping[str, Any]] = {
    "en": {
        "subtitle": "Recommendations and their reasons",
        "contents": "Contents",
        "how_to_read": "How to read this page",
        "reading": (
            "Every score starts at the base, the vertical line, which is what an average candidate "
            "of this user scores; each coloured part moves it to the right or to the left, and "
            "base + parts = score, the dot. Scores compare the items of one list, never two lists."
        ),
        "rounded": "Numbers are rounded for reading; unrounded, base and parts sum to the score.",
        "user": "User {id}",
        "visitor": "Visitor",
        "recent": "Latest activity",
        "recommended": "Recommended",
        "discoveries": "New to this user",
        "empty": "Nothing to recommend.",
        "details": "The numbers",
        "accuracy": "Accuracy",
        "accuracy_reading": (
            "A dot is the mean over users, the line through it the 95% interval. The last column "
            "says how far the fusion is ahead, in standard errors of the paired difference."
        ),
        "model": "Model",
        "mean": "Mean ± standard error",
        "lead": "Fusion ahead by",
        "over_user": "{n} user",
        "over_users": "{n:,} users",
        "metrics": {
            "recall": "Recall",
            "full_recall": "Full recall",
            "ndcg": "NDCG",
            "hr": "Hit rate",
            "precision": "Precision",
            "mrr": "MRR",
        },
        "models": {},
        "catalogue": "The catalogue",
        "catalogue_reading": (
            "The lists of {users} users, {k} places each: which products have the places, and what "
            "gave them to them."
        ),
        "segments": "Segments",
        "segments_reading": (
            "Groups of users who behave alike, and the products they are shown more than others."
        ),
        "items": "Products",
        "facts": {
            "events": "Events",
            "users": "Users",
            "items": "Products",
            "graph": "Facts in the product graph",
            "towers": "Towers",
            "as_of": "Data up to",
            "lists": "Lists looked at",
        },
        "towers": {"collaborative": "collaborative", "graph": "graph", "text": "text"},
        "shown": "Products shown",
        "of": "{n} of {of} ({share})",
        "half": "Products that have half of all places",
        "gini": "Concentration (Gini; 0 even, 1 all on one)",
        "new_shown": "New products shown",
        "new_places": "Places that new products have",
        "carries": "What carries the lists",
        "carries_reading": "The share of each part in all that raises scores.",
        "most_shown": "Shown most",
        "popular": "Living on popularity alone",
        "popular_reading": (
            "Products of which popularity is {share} or more of what raises them: {n}. Without "
            "their popularity they would hardly be shown; a path, a text or a category that fits "
            "would carry them further."
        ),
        "new": "New products",
        "new_reading": (
            "Met for the first time in the last {days} days, or by nobody yet: {n}, of which "
            "{shown} are in at least one list."
        ),
        "nothing": "None.",
        "item": "Product",
        "lists": "Lists",
        "of_lists": "Share of lists",
        "mean_rank": "Mean rank",
        "carried_by": "Carried by",
        "popularity_share": "Popularity",
        "met_by": "Users who met it",
        "few": "fewer than 5",
        "users": "Users",
        "segment": "Segment",
        "listed": "Lists with it",
        "lift": "Times the share of all",
        "segment_small": "Too few users to tell of.",
        "in_lists": "In whose lists, and why",
        "in_lists_none": "In none of the lists looked at.",
        "in_lists_few": "In fewer than 5 lists: too few to tell why.",
        "mean_parts": "What gives it its score, on the mean over these lists",
        "brought_by": "Brought in by",
        "brought_by_reading": (
            "The past product that speaks most for it, and for how many of these users."
        ),
        "by_segment": "By segment",
        "above_all": "Above all",
        "raise": "What would raise it",
        "boosts_reading": (
            "By score alone, before diversity, caps and pins: a boost of so much, as in a policy, "
            "would bring it into so many lists."
        ),
        "boost": "Boost",
        "no_boosts": "No boost would bring it into more lists.",
        "lacks_reading": (
            "Against the last product of the list, on the mean over the {n} users whose lists it "
            "misses by least. To the left of the line it has less."
        ),
        "missing": "Empty in the catalogue, where most products have it: {columns}.",
        "few_met": (
            "{n} users have met it; half of the places go to products met by {usual} or more."
        ),
        "few_met_none": (
            "Nobody has met it; half of the places go to products met by {usual} or more."
        ),
        "few_met_few": (
            "Fewer than 5 users have met it; half of the places go to products met by {usual} or "
            "more."
        ),
        "hidden": "The policy hides it.",
        "without": (
            "By score alone, it would not be among the first {k} without {names} in the history."
        ),
        "without_none": (
            "By score alone, it is not among the first {k}, or stayed there in every trial without "
            "past products."
        ),
        "sure": (
            "Popularity is {share} of what raises it; the ranker’s members differ by ±{spread}."
        ),
        "and": ", ",
        "quote": "“{}”",
    },
    "zh": {
        "subtitle": "商品推荐与推荐理由",
        "contents": "目录",
        "how_to_read": "阅读说明",
        "reading": (
            "每个得分从基准分出发，即图中竖线，表示该用户候选商品的平均得分；各彩色部分使其向右升高或"
            "向左降低，基准分与各部分之和即为得分，以圆点标示。得分仅可在同一列表内比较，不可跨列表比较。"
        ),
        "rounded": "数字经四舍五入显示；舍入前，基准分与各部分之和等于得分。",
        "user": "用户 {id}",
        "visitor": "访客",
        "recent": "最近行为",
        "recommended": "推荐商品",
        "discoveries": "新发现：该用户未接触过的商品",
        "empty": "暂无推荐商品。",
        "details": "得分明细",
        "accuracy": "准确度",
        "accuracy_reading": (
            "圆点为各用户的平均值，横线为95%置信区间。末列为融合模型的领先幅度，以配对差值的标准误为单位。"
        ),
        "model": "模型",
        "mean": "平均值 ± 标准误",
        "lead": "融合模型领先",
        "over_user": "{n} 位用户",
        "over_users": "{n:,} 位用户",
        "metrics": {
            "recall": "召回率",
            "full_recall": "完全召回率",
            "ndcg": "NDCG",
            "hr": "命中率",
            "precision": "精确率",
            "mrr": "MRR",
        },
        "models": {
            "fusion": "融合模型",
            "popularity": "热度",
            "popular in the last 28 days": "近28天热度",
            "own counts": "个人选购次数",
            "own counts, half-life 60 days": "个人选购次数（半衰期60天）",
            "collaborative tower, long profile": "协同过滤（长期偏好）",
            "collaborative tower, short profile": "协同过滤（短期偏好）",
            "graph tower, long profile": "知识图谱（长期偏好）",
            "graph tower, short profile": "知识图谱（短期偏好）",
            "text tower, long profile": "文本（长期偏好）",
            "text tower, short profile": "文本（短期偏好）",
            "neighbours, long profile": "关联商品（长期偏好）",
            "neighbours, short profile": "关联商品（短期偏好）",
            "transitions, long profile": "选购次序（长期偏好）",
            "transitions, short profile": "选购次序（短期偏好）",
            "transitions, last profile": "选购次序（最近行为）",
            "collaborative tower, last profile": "协同过滤（最近行为）",
            "graph tower, last profile": "知识图谱（最近行为）",
            "text tower, last profile": "文本（最近行为）",
            "neighbours, last profile": "关联商品（最近行为）",
        },
        "catalogue": "商品目录",
        "catalogue_reading": (
            "{users}位用户的推荐列表，每份{k}个推荐位：哪些商品获得曝光，原因何在。"
        ),
        "segments": "用户分群",
        "segments_reading": "行为相近的用户群体，以及比其他用户更常获推荐的商品。",
        "items": "商品",
        "facts": {
            "events": "行为记录",
            "users": "用户",
            "items": "商品",
            "graph": "知识图谱三元组",
            "towers": "模型",
            "as_of": "数据截至",
            "lists": "统计的推荐列表",
        },
        "towers": {"collaborative": "协同过滤", "graph": "知识图谱", "text": "文本"},
        "shown": "获曝光商品",
        "of": "{n} / {of}（{share}）",
        "half": "占据半数推荐位的商品数",
        "gini": "曝光集中度（基尼系数，0为均匀，1为集中于单一商品）",
        "new_shown": "获曝光新品",
        "new_places": "新品所占推荐位",
        "carries": "推荐依据构成",
        "carries_reading": "各组成部分在全部加分中的占比。",
        "most_shown": "曝光最多的商品",
        "popular": "仅靠热度的商品",
        "popular_reading": (
            "热度占加分{share}及以上的商品：{n}件。若无热度，此类商品几乎不会获得曝光；"
            "补充品类、品牌或商品描述，有助于获得更多推荐。"
        ),
        "new": "新品",
        "new_reading": (
            "最近{days}天内首次有用户行为，或尚无用户行为的商品："
            "{n}件，其中{shown}件至少进入一份列表。"
        ),
        "nothing": "无。",
        "item": "商品",
        "lists": "列表数",
        "of_lists": "列表占比",
        "mean_rank": "平均名次",
        "carried_by": "主要依据",
        "popularity_share": "热度占比",
        "met_by": "有过行为的用户",
        "few": "不足5",
        "users": "用户",
        "segment": "用户分群",
        "listed": "含该商品的列表",
        "lift": "相对全体用户的倍数",
        "segment_small": "用户过少，不予统计。",
        "in_lists": "推荐给谁，理由何在",
        "in_lists_none": "未进入所统计的任何列表。",
        "in_lists_few": "所进入的列表不足5份，不予说明理由。",
        "mean_parts": "得分构成（上述列表的平均值）",
        "brought_by": "由哪些历史商品带来",
        "brought_by_reading": "对该商品贡献最大的历史商品，以及涉及的用户数。",
        "by_segment": "按用户分群",
        "above_all": "主要依据",
        "raise": "如何提升曝光",
        "boosts_reading": (
            "仅按得分计算，未计多样性、数量上限与固定位：在策略中加分如下，可进入的列表数。"
        ),
        "boost": "加分",
        "no_boosts": "加分不会使其进入更多列表。",
        "lacks_reading": (
            "与列表末位商品相比，取差距最小的{n}位用户的平均值。竖线左侧表示低于末位商品。"
        ),
        "missing": "商品目录中多数商品已填而该商品空缺的字段：{columns}。",
        "few_met": "{n}位用户对其有过行为；半数推荐位上的商品，有过行为的用户数不低于{usual}。",
        "few_met_none": "尚无用户对其有过行为；半数推荐位上的商品，有过行为的用户数不低于{usual}。",
        "few_met_few": (
            "对其有过行为的用户不足5位；半数推荐位上的商品，有过行为的用户数不低于{usual}。"
        ),
        "hidden": "策略不允许展示该商品。",
        "without": "仅按得分计算，若历史中没有{names}，该商品将不在前{k}位。",
        "without_none": (
            "仅按得分计算，该商品不在前{k}位，或在各次剔除部分历史商品的试算中仍位列前{k}位。"
        ),
        "sure": "热度占加分的{share}；排序模型各成员之间的差异为±{spread}。",
        "and": "、",
        "quote": "“{}”",
    },
}
"""In each language."""
