"""Tables and plots made again from lines of JSON."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import tables
from benchmarks.accuracy.results import Row, Value, save
from hybridrec.errors import RequestError


def row(table: str, model: str, mean: float, seconds: float | None, lead: float | None) -> Row:
    metrics = {"recall@10": Value(mean, 0.01, lead)}
    return Row(table, 100, False, model, metrics, seconds, 2.0, 1.5, {"seed": "7"})


def test_each_table_has_its_rows_its_plot_and_what_it_rests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        row("one", "popularity", 0.1, 0.0, 9.0),
        row("one", "ALS", 0.11, 5.0, 8.0),
        row("one", "fusion", 0.2, 60.0, None),
        row("one", "a tower alone", 0.15, None, 2.0),
        row("two", "popularity", 0.2, 1.0, 5.0),
        row("two", "ALS", 0.25, 2.0, 4.0),
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
    assert "| popularity | 0.1000 ± 0.0100 | +9.0 | 0.0 | 2.0 | 50 | 1.5 |" in text
    assert text.index("### one (100 users)") < text.index("### two (100 users)")
    assert text.count("- seed: 7") == 1
    for name in ("one", "two"):
        assert f"](images/results-{name}.svg)" in text
        assert (folder / f"results-{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
    drawn = (folder / "results-one.svg").read_text(encoding="utf-8")
    assert "popularity" in drawn
    assert "a tower alone" not in drawn


def test_the_page_and_the_readme_get_the_committed_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ties = [row("amazon-toys", "ALS", 0.12, 5.0, 8.0), row("amazon-toys", "fusion", 0.2, 6.0, None)]
    save(ties, tmp_path / "results" / "amazon-toys-ties.jsonl")
    whole = [
        row("amazon-toys", "popularity", 0.1, 0.0, 9.0),
        row("amazon-toys", "ALS", 0.11, 5.0, 8.0),
        row("amazon-toys", "fusion", 0.25, 60.0, None),
        row("amazon-toys", "fusion without text", 0.3, 60.0, -1.0),
        replace(row("amazon-toys", "ALS", 0.9, 5.0, 2.5), part="users with 1 event"),
        replace(row("amazon-toys", "fusion", 0.95, 60.0, None), part="users with 1 event"),
    ]
    save(whole, tmp_path / "results" / "amazon-toys.jsonl")
    page, readme = tmp_path / "page.md", tmp_path / "README.md"
    marks = "<!-- summary -->\nold\n<!-- end of summary -->"
    page.write_text(f"# Mine\n{marks}\n<!-- tables -->\n<!-- end of tables -->\n")
    readme.write_text(f"before\n{marks}\nafter\n")
    monkeypatch.setattr("sys.argv", ["tables"])
    for name, place in (("RESULTS", tmp_path / "results"), ("PAGE", page), ("README", readme),
                        ("PLOTS", tmp_path / "images")):  # fmt: skip
        monkeypatch.setattr(tables, name, place)
    tables.main()
    once = page.read_text(), readme.read_text()
    tables.main()

    assert (page.read_text(), readme.read_text()) == once
    [line] = [line for line in once[1].splitlines() if line.startswith("| amazon-toys")]
    assert line.startswith("| amazon-toys | recall@10 | **.2500** | ALS .1100 | +8.0 σ | SASRec")
    assert once[1].startswith("before\n<!-- summary -->\n| table")
    assert once[1].endswith("<!-- end of summary -->\nafter\n")
    assert "old" not in once[1]
    assert "# Mine" in once[0]
    assert "## amazon-toys\n" in once[0]
    assert "## amazon-toys-ties\n" in once[0]
    assert "| users with 1 event | 100 | 0.9000 ± 0.0100 | 0.9500 ± 0.0100 | +2.5 |" in once[0]
    assert "](images/amazon-toys-amazon-toys.svg)" in once[0]

    readme.write_text("no marks")
    with pytest.raises(RequestError, match=r"README.md has no marks <!-- summary -->"):
        tables.main()
