import re
from dataclasses import replace
from datetime import datetime
from html import unescape

import polars as pl
import pytest

from hybridrec.errors import RequestError
from hybridrec.evaluation.metrics import NAMES
from hybridrec.explain.evidence import GraphPath, PastItem
from hybridrec.explain.explanation import Contribution, Explanation
from hybridrec.explain.fragment import explanation_html
from hybridrec.explain.narrative import Facts
from hybridrec.explain.phrases import phrases_of
from hybridrec.explain.words import WORDS as SHARED_WORDS
from hybridrec.recommendations import Recommendation, Recommendations
from hybridrec.report import AccuracyTable, Report, UserReport
from hybridrec.report.words import WORDS

HOSTILE = '<script>alert("milk")</script>'
PART = re.compile(r'<rect class="part part-(\w+)" x="([\d.]+)%" width="([\d.]+)%"')
DOT = re.compile(r'<circle class="score" cx="([\d.]+)%"')
BASE = re.compile(r'<line class="base" x1="([\d.]+)%"')

MILK = PastItem("i1", "Milk", 5, datetime(2017, 11, 3, 9, 30), 0.0)
BREAD = PastItem("i2", "Bread & butter", 2, datetime(2017, 10, 1), 0.0)
EGGS = PastItem("i3", "Eggs", 1, None, 0.0)
TEA = PastItem("i4", "Tea", 7, None, 0.0)


def explained(title: str = "Cheese", item_id: object = "i9", **parts: float) -> Explanation:
    values = parts or {"collaborative": 2.0, "affinity": 1.0, "popularity": -0.5}
    evidence = {
        "collaborative": tuple(
            replace(past, weight=weight * values.get("collaborative", 0.0), together=12)
            for past, weight in zip((MILK, BREAD, EGGS, TEA), (0.5, 0.25, 0.15, 0.1), strict=True)
        )
    }
    return Explanation(
        "u1",
        item_id,
        title,
        -1.25,
        -1.25 + sum(values.values()),
        tuple(Contribution(name, value, evidence.get(name, ())) for name, value in values.items()),
        (GraphPath("Milk —made by→ Acme ←made by— Cheese", "Milk", "brand", "Acme", 0.012, 0.5),),
        Facts(own_events=0, own_last_days=None, recent_users=41, timed=True),
        lambda: None,
    )


def listed(*explanations: Explanation) -> Recommendations:
    return Recommendations(
        [
            Recommendation("u1", explanation.item_id, rank, explanation.score, explanation)
            for rank, explanation in enumerate(explanations, start=1)
        ]
    )


def page(*explanations: Explanation) -> UserReport:
    return UserReport("u1", listed(*explanations or [explained()]), "buys the same again")


def accuracy(**columns: object) -> AccuracyTable:
    frame = {
        "model": ["popularity", "fusion"],
        "recall@10": [0.1, 0.2],
        "recall@10 se": [0.01, 0.02],
        "recall@10 lead": [7.3, None],
        "users": [1234, 1234],
    }
    return AccuracyTable("Next 28 days", pl.DataFrame(frame | columns))


def report(tmp_path, pages=(), tables=(), language="en", facts=None, **options) -> str:
    path = tmp_path / "report.html"
    told = Report("Corner & Shop", facts or {}, users=tuple(pages), accuracy=tuple(tables))
    told.to_html(path, language, **options)
    return path.read_text(encoding="utf-8")


def text_of(html: str) -> str:
    """What a person reads: no style, no tags, entities resolved, white space joined."""
    bare = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(bare))


def test_page_shows_every_title_with_its_id_and_its_reasons(tmp_path):
    twins = [explained("Cheese", "i8"), explained("Cheese", "i9", collaborative=0.5)]
    text = text_of(report(tmp_path, [page(*twins)]))
    for twin in twins:
        assert f"{twin.title} {twin.item_id}" in text
        reasons = twin.narrative("en").removeprefix("Cheese: ")
        assert reasons[0].upper() + reasons[1:] in text


def test_evidence_is_named_with_times_last_date_and_weight(tmp_path):
    text = text_of(report(tmp_path, [page()]))
    assert "Milk i1 5×, last 2017-11-03 +1.00" in text
    assert "Bread & butter i2 2×, last 2017-10-01 +0.50" in text
    assert "Eggs i3 1× +0.30" in text
    assert "and 1 more +0.20" in text
    assert "Base −1.25" in text
    assert "Popularity −0.50" in text
    assert "Score 1.25" in text


def test_past_items_that_weigh_alike_are_told_together():
    past = [PastItem(f"i{n}", f"Tea {n}", 1, None, -0.1) for n in range(7)]
    part = Contribution("graph", -0.7, past)
    text = text_of(explanation_html(replace(explained(), contributions=(part,))))
    assert "Tea" not in text
    assert "Graph −0.70 all 7 past items alike −0.70" in text


def test_path_is_a_chain_with_how_common_the_shared_thing_is(tmp_path):
    html = report(tmp_path, [page()])
    nodes = re.findall(r'<span class="node">(.*?)</span>', html)
    assert nodes == ["Milk", "Acme", "Cheese"]
    relations = re.findall(r'<span class="relation">(.*?)</span>', html)
    assert relations == ["—made by→", "←made by—"]
    assert "“Acme” is shared by 1.2% of the catalogue." in text_of(html)


def test_a_dash_in_a_title_is_no_arrow_of_the_chain():
    text = "Dune — Messiah —author→ Herbert ←author— Emma — Part 2"
    path = GraphPath(text, "Dune — Messiah", "author", "Herbert", 0.012, 0.5)
    html = explanation_html(replace(explained("Emma — Part 2"), paths=(path,)))
    nodes = re.findall(r'<span class="node">(.*?)</span>', html)
    assert nodes == ["Dune — Messiah", "Herbert", "Emma — Part 2"]
    assert re.findall(r'<span class="relation">(.*?)</span>', html) == ["—author→", "←author—"]


@pytest.mark.parametrize(("phrase", "said"), [("goes with", "搭配"), ("part of", "属于")])
def test_relations_of_the_graph_s_own_are_chinese_on_a_chinese_page(phrase, said):
    path = GraphPath(f"Milk —{phrase}→ Cheese", "Milk", None, None, None, 0.5)
    html = explanation_html(replace(explained(), paths=(path,)), "zh")
    assert re.findall(r'<span class="relation">(.*?)</span>', html) == [f"—{said}→"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_everything_from_outside_is_escaped(tmp_path, language):
    past = replace(MILK, title=HOSTILE, item_id=HOSTILE, weight=1.0)
    path = GraphPath(f"{HOSTILE} —{HOSTILE}— Cheese", HOSTILE, HOSTILE, HOSTILE, 0.1, 1.0)
    hostile = replace(
        explained(HOSTILE, HOSTILE),
        contributions=(Contribution("text", 1.0, (past,)), Contribution("affinity", 0.5, ())),
        paths=(path,),
    )
    user = UserReport(HOSTILE, listed(hostile), HOSTILE, {}, [past])
    table = replace(accuracy(model=[HOSTILE, "fusion"]), title=HOSTILE)
    html = report(tmp_path, [user], [table], language, {HOSTILE: HOSTILE})
    html += explanation_html(hostile, language)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert HOSTILE in text_of(html)


def test_bars_are_proportional_and_laid_end_to_end_from_the_base(tmp_path):
    html = report(tmp_path, [page(explained(collaborative=2.0, affinity=1.0, popularity=-0.5))])
    stack = html[: html.index("<details")]
    bars = {group: (float(x), float(width)) for group, x, width in PART.findall(stack)}
    base, dot = float(BASE.search(stack)[1]), float(DOT.search(stack)[1])
    unit = bars["affinity"][1]
    assert bars["collaborative"] == pytest.approx((base, 2 * unit), abs=0.01)
    assert bars["affinity"][0] == pytest.approx(base + 2 * unit, abs=0.01)
    assert bars["popularity"] == pytest.approx((base - 0.5 * unit, 0.5 * unit), abs=0.01)
    assert dot == pytest.approx(base + 2.5 * unit, abs=0.01)


def test_bars_of_one_list_share_a_scale(tmp_path):
    html = report(tmp_path, [page(explained(text=3.0), explained(item_id="i8", text=1.0))])
    widths = [float(width) for _, _, width in PART.findall(html)]
    assert widths == pytest.approx([96, 96, 32, 32], abs=0.01)


def test_bars_say_their_numbers():
    label = re.search(r'aria-label="(Base[^"]*)"', explanation_html(explained()))[1]
    assert label == (
        "Base −1.25, Collaborative +2.00, Affinity +1.00, Popularity −0.50, Score 1.25"
    )


def test_small_and_large_scores_keep_three_digits():
    assert "+0.0312" in explanation_html(replace(explained(text=0.0312), base=0.0, score=0.0312))
    assert "+4,120" in explanation_html(replace(explained(text=4120.4), base=0.0, score=4120.4))
    assert "−0" not in explanation_html(replace(explained(text=3.0), base=-1e-9, score=3.0))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_is_fetched_and_nothing_runs(tmp_path, language):
    html = report(tmp_path, [page()], [accuracy()], language) + explanation_html(explained())
    assert not re.search(r"https?:|//\w|@import|url\(|<script|<link|<img|\ssrc=", html)
    assert "default-src 'none'" in html


def test_chinese_page_speaks_chinese(tmp_path):
    html = report(tmp_path, [page(explained(repeat=1.0, text=0.5))], [accuracy()], "zh")
    assert '<html lang="zh-Hans">' in html
    text = text_of(html)
    for word in ("推荐理由", "复购", "召回率@10", "融合模型", "基准分", "用户 1"):
        assert word in text
    for word in ("Repeat", "Score", "Base", "Model", "Accuracy", "User"):
        assert word not in text


def test_users_are_numbered_unless_their_ids_are_asked_for(tmp_path):
    pages = [page(explained(repeat=1.0))]
    masked = report(tmp_path, pages, [])
    shown = report(tmp_path, pages, [], show_users=True)

    assert "User 1" in text_of(masked)
    assert "u1" not in text_of(masked)
    assert "User u1" in text_of(shown)


def test_both_languages_have_the_same_words():
    assert set(WORDS["en"]["metrics"]) == set(NAMES)
    for words in (WORDS, SHARED_WORDS):
        english, chinese = words["en"], words["zh"]
        assert english.keys() == chinese.keys()
        for name, told in english.items():
            if isinstance(told, dict) and name != "models":
                assert told.keys() == chinese[name].keys()
    assert not WORDS["en"].keys() & SHARED_WORDS["en"].keys()


def test_rules_go_by_the_names_that_sentences_give_them():
    policy = phrases_of("zh", "merchandiser").policy
    reading = WORDS["zh"]["boosts_reading"]
    assert "数量上限" in policy["cap"]
    assert "数量上限" in reading
    assert "固定位" in reading
    assert "置顶" not in reading


def test_user_is_shown_with_latest_items_by_day_and_discoveries(tmp_path):
    recent = [MILK, replace(BREAD, last=datetime(2017, 11, 3, 8)), EGGS]
    user = UserReport(
        None, listed(explained()), "just looking", {}, recent, listed(explained("Olives"))
    )
    text = text_of(report(tmp_path, [user]))
    assert "Visitor just looking" in text
    assert "2017-11-03 Milk i1 · Bread & butter i2 – Eggs i3 " in text
    assert text.index("New to this user") < text.index("Olives i9")


def test_an_item_says_how_sure_it_is_and_without_what_it_would_leave(tmp_path):
    sure = replace(explained(), spread=0.125)
    told = replace(page(sure), removals={"recommended": {"i9": ("Milk", "Bread")}})
    text = text_of(report(tmp_path, [told]))
    assert "Popularity is 0% of what raises it; the ranker’s members differ by ±0.125." in text
    assert "it would not be among the first 10 without “Milk”, “Bread” in the history." in text
    none = replace(page(sure), removals={"recommended": {"i9": None}})
    assert "it is not among the first 10, or stayed there in every trial" in text_of(
        report(tmp_path, [none])
    )
    assert "若历史中没有“Milk”、“Bread”，该商品将不在前10位。" in report(
        tmp_path, [told], language="zh"
    )
    assert "任意" not in report(tmp_path, [none], language="zh")


def test_a_list_may_be_empty(tmp_path):
    user = UserReport("u1", Recommendations([]), "unusual")
    assert "Nothing to recommend." in report(tmp_path, [user])


def test_accuracy_has_numbers_intervals_and_the_best_first(tmp_path):
    html = report(tmp_path, tables=[accuracy()])
    text = text_of(html)
    assert "Recall@10 1,234 users" in text
    assert text.index("fusion 0.200 ± 0.020 –") < text.index("popularity 0.100 ± 0.010 +7.3")
    assert html.count('<tr role="row" class="fusion">') == 1
    dots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)%"', html)]
    ends = re.findall(r'<line x1="([\d.]+)%" x2="([\d.]+)%"', html)
    assert dots[0] - 2 == pytest.approx(2 * (dots[1] - 2), abs=0.01)
    for dot, (low, high) in zip(dots, ends, strict=True):
        assert (float(low) + float(high)) / 2 == pytest.approx(dot, abs=0.01)
    lengths = [float(high) - float(low) for low, high in ends]
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=0.01)


def test_accuracy_of_a_single_user_has_no_interval(tmp_path):
    columns = {"recall@10 se": [float("nan")] * 2, "recall@10": [0.0, 0.0], "users": [1, 1]}
    text = text_of(report(tmp_path, tables=[accuracy(**columns)]))
    assert "nan" not in text
    assert "Recall@10 1 user " in text


def test_an_empty_report_is_refused(tmp_path):
    with pytest.raises(RequestError, match="nothing to show"):
        report(tmp_path)


def test_another_language_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(RequestError, match="'fr' is not there; use en or zh"):
        report(tmp_path, [page()], language="fr")
    with pytest.raises(RequestError, match="'fr'"):
        explanation_html(explained(), "fr")
    assert not list(tmp_path.iterdir())


def test_recommendations_without_reasons_are_refused(tmp_path):
    bare = Recommendations([Recommendation("u1", "i9", 1, 0.5)])
    with pytest.raises(RequestError, match=r"'i9' of user 'u1'.*explain=True"):
        report(tmp_path, [UserReport("u1", bare, "someone")])


def test_a_table_that_is_no_comparison_is_refused(tmp_path):
    table = AccuracyTable("Mine", pl.DataFrame({"model": ["a"], "recall@10": [0.1]}))
    with pytest.raises(RequestError, match=r"'Mine' needs .* 1 rows of model, recall@10"):
        report(tmp_path, tables=[table])


def test_an_earlier_report_survives_a_failure_and_is_replaced_by_a_success(tmp_path, monkeypatch):
    before = report(tmp_path, [page(explained("Before"))])

    def full(*_: object, **__: object) -> int:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", full)
        with pytest.raises(OSError, match="no space"):
            report(tmp_path, [page(explained("After"))])
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == before
    assert "After" in report(tmp_path, [page(explained("After"))])
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_fragment_is_what_a_notebook_shows():
    explanation = explained(HOSTILE)
    html = explanation._repr_html_()
    assert html == explanation_html(explanation)
    assert html.strip().startswith('<div class="hybridrec explanation"')
    styles = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    for selector in re.findall(r"^([^@}\n][^{]*)\{", styles, re.MULTILINE):
        assert all(".hybridrec" in part for part in re.split(r",(?![^(]*\))", selector))
