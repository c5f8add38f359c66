"""The page and the shell verbs."""

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from hybridrec import Recommender, RecommenderConfig
from hybridrec.cli import app
from hybridrec.drift.report import drift_report

run = CliRunner().invoke
VOID = {"meta", "line", "rect", "circle", "br"}


@pytest.fixture(scope="module")
def model(recommender: Recommender, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("drift") / "model"
    recommender.save(place)
    return str(place)


class Balance(HTMLParser):
    """Which tags are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("language", ["en", "zh"])
def test_page_tells_what_the_report_tells(planted, tmp_path: Path, language: str) -> None:
    report = drift_report(planted.shop, RecommenderConfig())
    page = tmp_path / "deep" / "drift.html"
    report.to_html(page, language)
    html = page.read_text(encoding="utf-8")
    balance = Balance()
    balance.feed(html)
    assert balance.open == []
    assert not re.search(r"(https?:)?//|<script|@import", html.replace("http-equiv", ""))
    moved = report.users.moved
    for user in moved["user_id"]:
        assert report.sentence(user, language) in html
    assert report.refit_sentence(language) in html
    assert html.count('class="noise"') == report.mix.periods.height
    assert "nan" not in html.lower()


def test_names_are_escaped(planted, tmp_path: Path) -> None:
    catalogue = planted.catalogue.with_columns(
        pl.col("category").str.replace("Tents", "<b>Tents & co</b>")
    )
    from hybridrec import Dataset
    from hybridrec.shop import Shop
    from hybridrec.training import build_graph

    data = Dataset.from_frames(planted.events, catalogue)
    shop = Shop.of(data, data.histories(), build_graph(data))
    drift_report(shop, RecommenderConfig()).to_html(tmp_path / "drift.html")
    html = (tmp_path / "drift.html").read_text(encoding="utf-8")
    assert "<b>" not in html
    assert "&lt;b&gt;Tents &amp; co" in html


def test_page_without_times(make_planted, tmp_path: Path) -> None:
    report = drift_report(make_planted(movers=3, steady=3, timed=False).shop, RecommenderConfig())
    report.to_html(tmp_path / "drift.html")
    assert "events ago" in (tmp_path / "drift.html").read_text(encoding="utf-8")


def test_drift_from_a_shell(model: str, recommender: Recommender, tmp_path: Path) -> None:
    result = run(app, ["-q", "drift", model, "--user", "u05", "--html", str(tmp_path / "d.html")])
    assert result.exit_code == 0, result.output
    assert "u05" in result.output
    assert "No refit is due" in result.output
    assert (tmp_path / "d.html").is_file()
    chinese = run(app, ["-q", "drift", model, "--language", "zh"])
    assert "暂不需要重新训练" in chinese.output
    unknown = run(app, ["-q", "drift", model, "--user", "nobody"])
    assert unknown.exit_code == 2
    assert "UnknownUserError" in unknown.output


def test_drift_as_json_with_events_since(
    model: str, recommender: Recommender, tmp_path: Path
) -> None:
    as_of = recommender.shop.as_of
    assert as_of is not None
    came = pl.DataFrame({
        "user_id": ["u05"] * 3, "item_id": ["i01", "i02", "gone"],
        "timestamp": [as_of + timedelta(days=day) for day in (1, 2, 3)],
    })  # fmt: skip
    came.write_parquet(tmp_path / "came.parquet")
    result = run(app, ["-q", "drift", model, "--events", str(tmp_path / "came.parquet"), "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.output)
    assert told["refit"]["events_since"] == 3
    assert told["refit"]["due"] is False
    assert len(told["users"]["rows"]) == len(recommender.users)
    assert {row["verdict"] for row in told["users"]["rows"]} <= {"moved", "steady", "unknown"}


def test_segments_from_a_shell(model: str, recommender: Recommender, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    file = tmp_path / "segments.csv"
    result = run(app, ["-q", "segments", model, "--number", "3", "--users", str(file)])
    assert result.exit_code == 0, result.output
    assert "stability" in result.output
    written = pl.read_csv(file)
    assert written.height == len(recommender.users)
    assert written["segment"].n_unique() == 3
    as_json = run(app, ["-q", "segments", model, "--number", "3", "--json"])
    assert len(json.loads(as_json.output)["table"]) == 3
