"""Policies from a shell."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hybridrec import Recommender
from hybridrec.cli import app
from hybridrec.fusion.policy import Policy


@pytest.fixture(scope="module")
def model(recommender: Recommender, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("policy-cli") / "model"
    recommender.save(place)
    return str(place)


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["-q", "recommend", *arguments])


def test_all_options_reach_the_recommender(
    model: str, recommender: Recommender, tmp_path: Path
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(
        "pins:\n- {item: i63, rank: 2, valid_until: 2026-01-01, note: 'launch [week]'}\n",
        encoding="utf-8",
    )
    options = [
        "--policy", str(path), "--at", "2025-12-31", "--allow", "i01,i05,i09,i63,i13,i17",
        "--deny", "i05", "--caps", "category=3, brand=2", "--diversity", "0.2",
        "--where", "price > 0", "--user", "u05", "--k", "4",
    ]  # fmt: skip
    result = run(model, "--json", *options)
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.output.splitlines()]
    assert (
        rows
        == recommender.recommend(
            "u05",
            k=4,
            allow=["i01", "i05", "i09", "i63", "i13", "i17"],
            deny=["i05"],
            caps={"category": 3, "brand": 2},
            diversity=0.2,
            policy=Policy.from_yaml(path),
            at=date(2025, 12, 31),
        ).to_dicts()
    )
    assert rows[1]["item_id"] == "i63"
    shown = run(model, "--explain", *options)
    assert "placed by" in shown.output
    assert "[week]" in shown.output


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--caps", "brand"], "write brand=2,category=3"),
        (["--caps", "brand=two"], "write brand=2,category=3"),
        (["--policy", "nowhere.yaml"], "nowhere.yaml"),
        (["--deny", "nothing"], "unknown items 'nothing'"),
        (["--where", "prize < 5"], "did you mean 'price'"),
    ],
)
def test_what_cannot_be_applied_is_named(model: str, options: list[str], problem: str) -> None:
    result = run(model, "--user", "u05", *options)
    assert result.exit_code != 0
    assert problem in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_faulty_condition_is_shown_with_its_caret(model: str) -> None:
    result = run(model, "--user", "u05", "--where", "brand = 'X' and prize < 5")
    lines = result.output.splitlines()
    place = next(n for n, line in enumerate(lines) if "brand = 'X' and prize < 5" in line)
    assert lines[place + 1].index("^") == lines[place].index("prize")
