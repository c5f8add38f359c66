"""docs/data-quality.md knows every check."""

from __future__ import annotations

from pathlib import Path

from hybridrec.data.quality import CHECKS

DOCUMENT = Path(__file__).parents[3] / "docs" / "data-quality.md"


def test_every_check_is_listed_with_its_severity_and_its_fix() -> None:
    rows = {}
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| `") and len(cells) == 4:
            rows[cells[0].strip("`")] = (cells[1], cells[3])
    expected = {}
    for check in CHECKS:
        fix = "–" if check.fix is None else check.fix.text
        asked = check.fix is not None and not check.fix.by_default
        told = (check.severity, fix + ("; by name only" if asked else ""))
        expected.setdefault(check.code, told)  # one row for a check of several tables
    assert rows == expected
