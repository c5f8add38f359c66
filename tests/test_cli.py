"""The shell verbs: their output, and errors without tracebacks."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from hybridrec import Recommender, RecommenderConfig
from hybridrec.cli import app
from hybridrec.data import Dataset

run = CliRunner().invoke


@pytest.fixture(scope="module")
def model(recommender: Recommender, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("cli") / "model"
    recommender.save(place)
    return str(place)


def test_fit_then_recommend(dataset: Dataset, tmp_path: Path) -> None:
    dataset.events.write_parquet(tmp_path / "events.parquet")
    dataset.catalogue.write_csv(tmp_path / "catalogue.csv")
    (tmp_path / "config.yaml").write_text("towers: {text: null}\nranker: {epochs: 2}\n")
    arguments = [
        "--quiet", "fit", str(tmp_path / "events.parquet"), str(tmp_path / "model"),
        "--catalogue", str(tmp_path / "catalogue.csv"), "--config", str(tmp_path / "config.yaml"),
    ]  # fmt: skip
    fitted = run(app, arguments)
    assert fitted.exit_code == 0, fitted.output
    assert "towers: collaborative, graph" in fitted.output
    shown = run(app, ["-q", "recommend", str(tmp_path / "model"), "--user", "u05", "--k", "3"])
    assert shown.exit_code == 0
    best = Recommender.load(tmp_path / "model").recommend("u05", k=3)
    assert all(str(rec.item_id) in shown.output for rec in best)


def test_recommend_as_json_lines(model: str, recommender: Recommender) -> None:
    arguments = ["-q", "recommend", model, "--user", "u05", "--user", "u01", "--k", "2", "--json"]
    result = run(app, arguments)
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert rows == recommender.recommend(["u05", "u01"], k=2).to_dicts()


def test_recommend_for_a_visitor(model: str, recommender: Recommender) -> None:
    arguments = ["-q", "recommend", model, "--history", "i01,i05", "--k", "2", "--json"]
    rows = [json.loads(line) for line in run(app, arguments).output.splitlines()]
    assert rows == recommender.recommend(history=["i01", "i05"], k=2).to_dicts()


def test_explain_shows_the_sum(model: str, recommender: Recommender) -> None:
    result = run(app, ["-q", "explain", model, "--user", "u05", "--item", "i01"])
    why = recommender.explain(user="u05", item="i01")
    assert result.exit_code == 0
    assert f"{why.score:.3f}" in result.output
    assert f"{why.base:+.3f}" in result.output
    chinese = run(
        app, ["-q", "explain", model, "--user", "u05", "--item", "i01", "--language", "zh"]
    )
    assert "推荐理由" in chinese.output


def test_explain_goes_on_when_asked(model: str, recommender: Recommender) -> None:
    asked = ["-q", "explain", model, "--user", "u05", "--item", "i01"]
    one, other = recommender.explain_pairs([("u05", "i01"), ("u05", "i09")])

    against = run(app, [*asked, "--against", "i09"])
    assert against.exit_code == 0
    assert f"{one.score - other.score:.3f}" in against.output

    more = run(app, [*asked, "--words", "--counterfactual", "--k", "3"])
    assert f"words: {one.words()[0].word}" in more.output
    assert "among the first 3" in more.output

    values = json.loads(run(app, [*asked, "--words", "--counterfactual", "--json"]).output)
    assert values["words"][0]["word"] == one.words()[0].word
    removed = one.counterfactual()
    assert values["counterfactual"] == (None if removed is None else list(removed))


def test_similar(model: str) -> None:
    result = run(app, ["-q", "similar", model, "--item", "i01", "--k", "3"])
    assert result.exit_code == 0
    assert "similarity" in result.output


def test_evaluate_compares_with_simple_models(dataset: Dataset, tmp_path: Path) -> None:
    dataset.events.write_parquet(tmp_path / "events.parquet")
    (tmp_path / "config.yaml").write_text("towers: {text: null}\nranker: {epochs: 2}\n")
    arguments = [
        "-q", "evaluate", str(tmp_path / "events.parquet"), "--config",
        str(tmp_path / "config.yaml"), "--test-days", "20", "--min-users", "1",
    ]  # fmt: skip
    result = run(app, arguments)
    assert result.exit_code == 0, result.output
    assert all(model in result.output for model in ("popularity", "own counts", "fusion"))


def test_report_writes_page_sheets_and_json(model: str, tmp_path: Path) -> None:
    arguments = [
        "-q", "report", model, "--user", "u05", "--item", "i01", "--language", "zh", "--k", "3",
        "--html", str(tmp_path / "report.html"), "--csv", str(tmp_path / "csv"),
        "--excel", str(tmp_path / "report.xlsx"), "--json", str(tmp_path / "report.json"),
    ]  # fmt: skip
    result = run(app, arguments)
    assert result.exit_code == 0, result.output
    assert result.output.count("written to") == 4
    assert "推荐理由" in (tmp_path / "report.html").read_text(encoding="utf-8")
    told = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [user["user_id"] for user in told["users"]] == ["u05"]
    assert [item["item_id"] for item in told["items"]] == ["i01"]
    assert told["catalogue"] is None
    assert (tmp_path / "csv" / "items.csv").exists()


def test_report_says_where_it_could_go(model: str) -> None:
    result = run(app, ["-q", "report", model])
    assert result.exit_code == 2
    assert "--html" in result.output


@pytest.fixture
def dirty(dataset: Dataset, tmp_path: Path) -> str:
    """Events of which some have no user, and some on either side of a split stand there twice."""
    events = dataset.events.with_row_index("row").with_columns(
        user_id=pl.when(pl.col("row") % 100 > 0).then("user_id"), quantity=pl.lit(1)
    )
    events = pl.concat([events, events[[1, 2, -1]]]).drop("row")
    events.write_csv(tmp_path / "events.csv")
    return str(tmp_path / "events.csv")


def test_check_fails_on_errors_and_says_what_they_are(dirty: str) -> None:
    result = run(app, ["-q", "check", dirty])
    assert result.exit_code == 1, result.output
    assert "963 events" in result.output
    assert "1 error" in result.output
    assert "missing-user" in result.output
    assert run(app, ["-q", "check", dirty, "--fail-on", "never"]).exit_code == 0


def test_check_fails_on_warnings_only_if_told_to(dirty: str) -> None:
    events = pl.read_csv(dirty).drop_nulls("user_id")
    events.write_csv(dirty)
    assert run(app, ["-q", "check", dirty]).exit_code == 0
    assert run(app, ["-q", "check", dirty, "--fail-on", "warning"]).exit_code == 1
    events.unique().write_csv(dirty)
    result = run(app, ["-q", "check", dirty, "--fail-on", "warning"])
    assert result.exit_code == 0, result.output


def test_check_prints_nothing_but_json_if_told_to(dirty: str, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "report.html"
    result = run(app, ["check", dirty, "--json", "--html", str(page), "--fail-on", "never"])
    counts = {f["code"]: f["count"] for f in json.loads(result.stdout)["findings"]}
    assert counts["missing-user"] == 10
    assert counts["exact-duplicates"] == 3
    assert "missing-user" in page.read_text(encoding="utf-8")


def test_check_masks_users_unless_told_to_show_them(dirty: str) -> None:
    masked = run(app, ["-q", "check", dirty, "--json"]).stdout
    shown = run(app, ["-q", "check", dirty, "--json", "--show-users"]).stdout
    assert '"user_id": "u' in shown
    assert '"user_id": "user ' in masked
    assert '"user_id": "user ' not in shown


def test_check_reads_the_shops_columns_tables_thresholds_and_zone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("who,sku,at\nu1,x,2024-01-01 22:00\nu2,y,2024-01-03 22:00\n")
    (tmp_path / "b.csv").write_text("who,sku,at\nu1,y,2024-01-02 22:00\n")
    (tmp_path / "catalogue.csv").write_text("sku,brand\nx,\ny,Acme\n")
    (tmp_path / "users.csv").write_text("who,city\nu1,Ulm\nu1,Jena\n")
    (tmp_path / "triples.csv").write_text("head,relation,tail\nx,made_by,\n")
    (tmp_path / "names.yaml").write_text("who: user_id\nsku: item_id\nat: timestamp\n")
    (tmp_path / "quality.yaml").write_text("missing_share: 0.4\n")
    arguments = ["-q", "check", str(tmp_path / "[ab].csv"), "--time-zone", "America/New_York"]
    for option in ("catalogue.csv", "users.csv", "triples.csv"):
        arguments += [f"--{option.removesuffix('.csv')}", str(tmp_path / option)]
    arguments += ["--columns", str(tmp_path / "names.yaml")]
    result = run(app, [*arguments, "--config", str(tmp_path / "quality.yaml")])
    assert result.exit_code == 1, result.output
    headline = result.output.splitlines()[0]
    assert headline.startswith(
        "3 events of 2 users on 2 items · 2 catalogue rows · 1 triple · 2 user rows"
    )
    assert headline.endswith("2024-01-02 to 2024-01-04")
    for code in ("repeated-user-rows", "malformed-triples", "missing-values"):
        assert code in result.output
    (tmp_path / "quality.yaml").write_text("missing_share: 0.6\n")
    result = run(app, [*arguments, "--config", str(tmp_path / "quality.yaml")])
    assert "missing-values" not in result.output


SHOP_CHECKS = """
import polars as pl
from hybridrec.data.quality import quality_check

@quality_check("odd-item", table="events", severity="error", why="it is odd")
def odd_item(inspection):
    return pl.col("item_id") == "i01"

@quality_check("even-item", table="events", severity="note", why="it is even")
def even_item(inspection):
    return pl.col("item_id") == "i02"

every = [odd_item, even_item]
threshold = 5
"""


@pytest.fixture
def shop_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of checks in the current directory."""
    (tmp_path / "shop_checks.py").write_text(SHOP_CHECKS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "shop_checks", raising=False)


@pytest.mark.usefixtures("shop_checks")
def test_check_takes_the_shops_own_checks(dataset: Dataset) -> None:
    dataset.events.write_csv("events.csv")
    every = run(app, ["-q", "check", "events.csv", "--checks", "shop_checks:every"])
    assert every.exit_code == 1
    assert "odd-item" in every.output
    assert "even-item" in every.output
    one = run(app, ["-q", "check", "events.csv", "--checks", "shop_checks:even_item"])
    assert one.exit_code == 0
    assert "even-item" in one.output
    assert "odd-item" not in one.output


@pytest.mark.usefixtures("shop_checks")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_module:every", "No module named 'no_such_module'"),
        ("shop_checks:none", "has no attribute 'none'"),
        ("shop_checks", "give module:name"),
        ("shop_checks:threshold", "5 is no check and no list of them"),
    ],
)
def test_checks_that_are_none_are_refused(name: str, message: str) -> None:
    result = run(app, ["-q", "check", "events.csv", "--checks", name])
    assert result.exit_code == 2
    assert f"ConfigError: --checks {name}: " in result.output
    assert message in result.output


def test_fit_cleans_and_tells_if_told_to(dirty: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("towers: {text: null}\nranker: {epochs: 2}\n")
    model = str(tmp_path / "model")
    arguments = ["-q", "fit", dirty, model, "--config", str(tmp_path / "config.yaml")]
    refused = run(app, arguments)
    assert refused.exit_code == 2
    assert "10 rows lack a user" in refused.output
    fitted = run(app, [*arguments, "--clean"])
    assert fitted.exit_code == 0, fitted.output
    assert "missing-user" in fitted.output
    assert "→ 953" in fitted.output
    assert "Dataset(950 events" in fitted.output


def test_evaluate_cleans_what_is_foretold_of_errors_only(
    dirty: str, dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Dataset] = {}

    def fit(train: Dataset) -> None:
        seen["train"] = train

    unfitted = SimpleNamespace(config=RecommenderConfig(), fit=fit, fusion=None, shop=None)

    def compare(fusion: Any, shop: Any, test: Dataset, question: str) -> None:
        seen["test"] = test

    monkeypatch.setattr("hybridrec.cli.fitting.new_recommender", lambda config: unfitted)
    monkeypatch.setattr("hybridrec.evaluation.protocols.compare", compare)
    monkeypatch.setattr("hybridrec.console.print_comparison", lambda frame, question: None)
    arguments = ["-q", "evaluate", dirty, "--clean", "--test-days", "20", "--min-users", "1"]
    result = run(app, arguments)
    assert result.exit_code == 0, result.output
    known = dataset.events.with_row_index("row").filter(pl.col("row") % 100 > 0)
    assert dataset.as_of is not None
    later = known["timestamp"] > dataset.as_of - timedelta(days=20)
    assert seen["train"].events.height == (~later).sum()
    assert seen["test"].events.height == later.sum() + 1
    assert [entry.code for entry in seen["train"].ledger] == ["missing-user", "exact-duplicates"]
    assert "exact-duplicates" in result.output


def test_doctor_names_versions_and_devices() -> None:
    result = run(app, ["doctor"])
    assert result.exit_code == 0
    assert all(word in result.output for word in ("torch", "implicit", "CUDA", "encoder"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["recommend", "{model}", "--user", "nobody"], "UnknownUserError: unknown users: 'nobody'"),
        (["recommend", "{model}", "--user", "u05", "--k", "0"], "RequestError: k=0"),
        (["recommend", "nowhere", "--user", "u05"], "ArtifactError: nowhere"),
        (["fit", "no-such-set", "out"], "DataError: no public data set 'no-such-set'"),
        (["fit", "missing.csv", "out"], "DataError: events: no file at missing.csv"),
        (["check", "missing.csv"], "DataError: events: no file at missing.csv"),
        (["check", "no-such-set"], "DataError: no public data set 'no-such-set'"),
        (["check", "ml-100k", "--data-dir", "nowhere"], "DataError: ml-100k"),
        (["check", "ml-100k", "--users", "u.csv"], "ConfigError: 'ml-100k' is no file"),
        (["check", "e.csv", "--data-dir", "."], "ConfigError: --data-dir is for public sets"),
        (["check", "e.csv", "--config", "nowhere.yaml"], "ConfigError: cannot read the config"),
    ],
)
def test_errors_are_one_line_and_status_2(model: str, arguments: list[str], message: str) -> None:
    result = run(app, ["-q", *(argument.format(model=model) for argument in arguments)])
    assert result.exit_code == 2
    assert message in result.output.replace("\n", " ")
    assert "Traceback" not in result.output


def test_a_question_that_is_not_learnt_is_refused_before_the_fit(
    dataset: Dataset, tmp_path: Path
) -> None:
    dataset.events.write_parquet(tmp_path / "events.parquet")
    (tmp_path / "config.yaml").write_text("exclude: seen\nquestions: [seen]\n")
    asked = ["-q", "evaluate", str(tmp_path / "events.parquet"), "--exclude", "none"]

    refused = run(app, [*asked, "--config", str(tmp_path / "config.yaml")])

    assert refused.exit_code == 2
    assert "exclude='none'; use 'seen'" in refused.output


def test_fit_reads_all_tables_and_the_zone(dataset: Dataset, tmp_path: Path) -> None:
    local = dataset.events.with_columns(pl.col("timestamp").dt.replace_time_zone(None))
    local.write_csv(tmp_path / "events.csv")
    pl.DataFrame({"user_id": ["new"], "town": ["Ulm"]}).write_csv(tmp_path / "users.csv")
    facts = {"head": ["i01", "i05"], "relation": ["goes with"] * 2, "tail": ["tea", "tea"]}
    pl.DataFrame(facts).write_csv(tmp_path / "triples.csv")
    (tmp_path / "config.yaml").write_text(
        "towers: {collaborative: {embedding_dim: 4}, graph: null, text: null}\n"
        "neighbours: null\nranker: {epochs: 1, moments: 1}\n"
    )
    arguments = [
        "-q", "fit", str(tmp_path / "events.csv"), str(tmp_path / "model"),
        "--config", str(tmp_path / "config.yaml"), "--users", str(tmp_path / "users.csv"),
        "--triples", str(tmp_path / "triples.csv"), "--time-zone", "Europe/Berlin",
    ]  # fmt: skip

    fitted = run(app, arguments)

    assert fitted.exit_code == 0, fitted.output
    shop = Recommender.load(tmp_path / "model").shop
    assert dataset.as_of is not None
    assert shop.as_of == dataset.as_of - timedelta(hours=2)
    assert shop.graph is not None
    assert "goes with" in {relation.name for relation in shop.graph.relations}
