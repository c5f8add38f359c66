"""The shell verbs: their output, and errors without tracebacks."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hybridrec import Recommender
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
    ],
)
def test_errors_are_one_line_and_status_2(model: str, arguments: list[str], message: str) -> None:
    result = run(app, ["-q", *(argument.format(model=model) for argument in arguments)])
    assert result.exit_code == 2
    assert message in result.output.replace("\n", " ")
    assert "Traceback" not in result.output
