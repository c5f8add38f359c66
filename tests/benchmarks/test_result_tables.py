"""Tables and plots made again from lines of JSON."""

from pathlib import Path

import pytest

from benchmarks import tables
from benchmarks.accuracy.results import Row, Value, save


def row(table: str, model: str, mean: float, seconds: float | None, lead: float | None) -> Row:
    metrics = {"recall@10": Value(mean, 0.01, lead)}
    return Row(table, 100, False, model, metrics, seconds, 2.0, 1.5, {"seed": "7"})


def test_each_table_has_its_rows_its_plot_and_what_it_rests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        row("one", "popularity", 0.1, 0.5, 9.0),
        row("one", "fusion", 0.2, 60.0, None),
        row("one", "a tower alone", 0.15, None, 2.0),
        row("two", "fusion", 0.3, 70.0, None),
    ]
    save(rows, tmp_path / "results.jsonl")
    page, folder = tmp_path / "docs" / "benchmarks.md", tmp_path / "docs" / "images"
    monkeypatch.setattr(
        "sys.argv",
        ["tables", str(tmp_path / "results.jsonl"), "--save", str(page), "--plots", str(folder)],
    )
    tables.main()

    text = page.read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == text.strip()
    assert "| popularity | 0.1000 ± 0.0100 | +9.0 | 0.5 | 2.0 | 50 | 1.5 |" in text
    assert text.index("### one (100 users)") < text.index("### two (100 users)")
    assert text.count("- seed: 7") == 2
    for name in ("one", "two"):
        assert f"](images/{name}.svg)" in text
        assert (folder / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
    drawn = (folder / "one.svg").read_text(encoding="utf-8")
    assert "popularity" in drawn
    assert "a tower alone" not in drawn
