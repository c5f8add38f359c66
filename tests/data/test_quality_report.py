"""How a quality report reads: as text in a terminal, and as a page."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from hybridrec.data import Dataset
from hybridrec.data.quality import Finding, Ledger, LedgerEntry, QualityReport, terminal
from hybridrec.data.quality.page import notebook_frame, quality_page, write_page
from hybridrec.data.quality.pictures import Bars, Timeline
from hybridrec.data.quality.profile import Profile
from hybridrec.data.quality.terminal import ledger_text, print_quality, quality_text
from hybridrec.pages import Axis, percent

HOSTILE = '<script>alert("milk")</script>'
FIRST_DAY = datetime(2024, 3, 1, tzinfo=UTC)
ROWS = pl.DataFrame(
    {
        "session_id": ["s1", "s2", "s3", "s4"],
        "note": ["a rather long remark that nobody needs to read in full"] * 4,
        "country": ["United Kingdom"] * 4,
        "item_id": ["i1", "i2", "i3", "i4"],
        "price": [0.5, 12.25, -3.0, None],
        "user_id": ["user a", "user b", None, "user d"],
        "usual price": [1.0, 2.0, 3.0, 4.0],
    }
)


def finding(code: str = "price-outliers", severity: str = "warning", **other: object) -> Finding:
    fields = {
        "code": code,
        "severity": severity,
        "table": "events",
        "column": "price",
        "count": 1_234,
        "of": 100_000,
        "detail": "1,234 prices are far from usual",
        "why": "a misplaced point makes a cheap product dear",
        "fix": "puts the usual price in their place",
        "by_default": True,
        "examples": ROWS,
        "rows": None,
    }
    return Finding(**(fields | other))


def profile(**other: object) -> Profile:
    shares = [step / 100 for step in range(101)]
    known = [column for column in ROWS.columns if column != "usual price"]
    fields = {
        "users": 12,
        "items": 34,
        "since": FIRST_DAY,
        "until": FIRST_DAY + timedelta(days=3, hours=12),
        "timeline": pl.DataFrame(
            {
                "period": [FIRST_DAY + timedelta(days=day) for day in range(4)],
                "events": [10, 0, 40, 20],
            }
        ),
        "missing": pl.DataFrame(
            {
                "table": ["events"] * len(known) + ["catalogue"],
                "column": [*known, "item_id"],
                "missing": [0, 0, 25, 0, 2_500, 0, 0],
                "share": [0.0, 0.0, 0.00025, 0.0, 0.025, 0.0, 0.0],
            }
        ),
        "long_tail": pl.DataFrame(
            {"items": shares, "events": [1 - (1 - share) ** 2 for share in shares]}
        ),
        "drift": pl.DataFrame(
            {
                "period": [FIRST_DAY, FIRST_DAY + timedelta(days=1, hours=18)],
                "volume": [30, 40],
                "brand": [None, 0.05],
                "category": [None, 4.0],
                "colour": [None, 0.2],
            }
        ),
    }
    return Profile(**(fields | other))


def report(*findings: Finding, **other: object) -> QualityReport:
    return QualityReport(findings, {"events": 100_000, "catalogue": 1_500}, profile(**other))


MANY = (
    finding("missing-user", "error", column="user_id", count=1),
    finding(),
    finding("near-duplicates", table="catalogue", column=None, by_default=False),
    finding("missing-days", fix=None, by_default=False, examples=ROWS.clear()),
    finding("short-text", "note", table="catalogue", column="title", fix=None, by_default=False),
)


def at_width(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(terminal, "console", lambda: Console(width=width))


def text_of(html: str) -> str:
    """What a person reads: no style, no tags, entities resolved, white space joined."""
    bare = re.sub(r"<style>.*?</style>|<title>.*?</title>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(bare))


def test_text_tells_what_was_read_and_how_bad_it_is() -> None:
    first, second = quality_text(report(*MANY)).splitlines()[:2]
    assert first == (
        "100,000 events of 12 users on 34 items · 1,500 catalogue rows · 2024-03-01 to 2024-03-04"
    )
    assert second == "Not fit to learn from yet: 1 error, 3 warnings and 1 note."


def test_text_has_a_row_for_every_finding_errors_first(monkeypatch: pytest.MonkeyPatch) -> None:
    at_width(monkeypatch, 110)
    text = quality_text(report(*MANY))
    table = text[text.index("1 error\n") :]
    rows = [
        r"missing-user +1 +0\.0010% +clean\(\) +1,234 prices are far from usual\.\nevents\.user_id",
        r"price-outliers +1,234 +1\.2% +clean\(\) ",
        r"near-duplicates +1,234 +1\.2% +by name .*\ncatalogue\n",
        r"missing-days +1,234 +1\.2% +– ",
        r"short-text .*\ncatalogue\.title",
    ]
    places = [re.search(row, table).start() for row in rows]
    assert places == sorted(places)


def test_text_ends_with_what_mends_the_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    at_width(monkeypatch, 200)
    assert quality_text(report(*MANY)).splitlines()[-1] == (
        'data.clean() mends 2 findings; by name only: data.clean(["near-duplicates"]); '
        "no fix, the shop decides: missing-days and short-text."
    )


def test_no_findings_are_good_news() -> None:
    assert quality_text(report()).splitlines()[1:] == ["No check found anything wrong."]
    page = text_of(quality_page(report()))
    assert "No check found anything wrong." in page
    assert "At a glance" not in page


def test_warnings_alone_do_not_forbid_a_fit() -> None:
    assert "Fit to learn from, with 1 warning." in quality_text(report(finding()))


def test_text_shows_three_examples_of_errors_and_warnings_only() -> None:
    text = quality_text(report(finding("missing-user", "error"), finding("few", "note")))
    assert all(session in text for session in ("s1", "s2", "s3"))
    assert "s4" not in text
    assert text.count("session_id") == 1


@pytest.mark.parametrize("width", [50, 60, 80, 95, 96, 110, 160])
def test_text_fits_its_width_and_keeps_ids_and_the_column_to_blame(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_width(monkeypatch, width)
    text = quality_text(report(finding(detail="far from usual " * 20), MANY[-1]))
    assert max(map(len, text.splitlines())) <= width
    head = next(line for line in text.splitlines() if "item_id" in line)
    assert {"item_id", "price", "user_id", "usual price"} <= set(re.split(" {2,}", head))


def test_wide_terminals_show_every_column(monkeypatch: pytest.MonkeyPatch) -> None:
    at_width(monkeypatch, 200)
    head = next(line for line in quality_text(report(finding())).splitlines() if "item_id" in line)
    assert head.split() == " ".join(ROWS.columns).split()


def test_a_long_value_to_blame_is_cut_last(monkeypatch: pytest.MonkeyPatch) -> None:
    at_width(monkeypatch, 100)
    long = ROWS.select("item_id", "note", pl.col("note").str.reverse().alias("title"))
    text = quality_text(report(finding(column="title", examples=long)))
    row = next(line for line in text.splitlines() if line.startswith("i1"))
    shown, blamed = re.split(r"  +", row)[1:]
    assert len(blamed) == terminal.WIDEST_VALUE > len(shown)
    assert blamed.endswith("…")


def test_text_takes_neither_markup_nor_control_characters_from_the_data() -> None:
    rows = pl.DataFrame({"item_id": ["[red]i1[/red]", "i\x1b[2J2", " i3"], "price": [1.0] * 3})
    text = quality_text(report(finding(examples=rows, detail="values such as '[/oops]'")))
    assert "[red]i1[/red]" in text
    assert "i�[2J2" in text
    assert "' i3'" in text
    assert "'[/oops]'." in text
    assert "\x1b" not in text


def test_printing_may_leave_the_examples_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_quality(report(finding()))
    assert "session_id" in capsys.readouterr().out
    print_quality(report(finding()), examples=False)
    printed = capsys.readouterr().out
    assert "price-outliers" in printed
    assert "session_id" not in printed


def test_user_ids_are_masked_unless_asked_for() -> None:
    events = pl.DataFrame(
        {"user_id": ["ada@example.com", "ada@example.com", "bob@example.com"], "item_id": "a"}
    ).with_columns(price=pl.Series([1.0, -1.0, -2.0]))
    data = Dataset.from_frames(events)
    masked, shown = data.check(), data.check(show_users=True)
    assert masked["non-positive-price"]
    for text in (str(masked), masked.to_html(), masked.to_json(), masked._repr_html_()):
        assert "example.com" not in text
    assert "ada@example.com" in str(shown)
    assert "ada@example.com" in shown.to_html()


def test_ledger_tells_rows_in_and_out_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    at_width(monkeypatch, 110)
    entry = LedgerEntry("service-items", "events", 1_000, 990, 5, "10 are postage", "drops them")
    text = ledger_text(Ledger((entry, replace(entry, table="catalogue", rows_in=20, rows_out=19))))
    assert re.search(r"service-items +1,000 +5 +10 are postage\. Drops them\.\nevents +→ 990", text)
    assert re.search(r"service-items +20 +5\ncatalogue +→ 19", text)
    assert ledger_text(Ledger()) == "Nothing was changed."


def test_narrow_ledger_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    at_width(monkeypatch, 60)
    entry = LedgerEntry("service-items", "events", 1_000, 990, 5, "postage " * 20, "drops them")
    assert max(map(len, ledger_text(Ledger((entry,))).splitlines())) <= 60


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0%"), (1, "100%"), (0.5, "50%"), (0.9949, "99%"), (0.99999, ">99%"), (0.0996, "10%"),
        (0.012345, "1.2%"), (0.00075, "0.075%"), (1e-9, "<0.001%"), (1.5, "150%"),
    ],
)  # fmt: skip
def test_shares_have_two_digits_and_are_whole_only_when_exact(share: float, text: str) -> None:
    assert percent(share) == text


def test_page_shows_every_finding_with_its_numbers_reason_and_fix() -> None:
    page = text_of(quality_page(report(*MANY)))
    assert "Not fit to learn from yet: 1 error, 3 warnings and 1 note." in page
    assert "price-outliers events.price 1,234 of 100,000 1.2% 1,234 prices are far" in page
    assert "Why A misplaced point makes a cheap product dear. Fix clean() puts the usual" in page
    assert 'Only if named: clean(["near-duplicates"]) puts the usual price' in page
    assert "Fix None; the shop decides." in page
    assert "s2 a rather long remark that nobody needs to read in full United Kingdom i2" in page
    assert "-3 null 3" in page


def test_every_link_of_the_page_leads_to_one_place() -> None:
    twins = [finding("twin"), finding("twin"), finding("a name"), finding("note", "note")]
    html = quality_page(report(*MANY, *twins))
    ids = re.findall(r' id="([^"]*)"', html)
    assert len(ids) == len(set(ids))
    links = re.findall(r'href="#([^"]*)"', html)
    assert set(links) <= set(ids)
    assert {"twin", "twin-2", "a-name", "note-2", "price-outliers"} <= set(links)


def test_page_fetches_nothing_and_runs_nothing() -> None:
    html = quality_page(report(*MANY))
    assert not re.search(r"https?:|//\w|@import|url\(|<script|<link|<img|\ssrc=", html)
    assert "default-src 'none'" in html


def test_everything_from_the_data_is_escaped() -> None:
    rows = pl.DataFrame({HOSTILE: [HOSTILE], "item_id": [HOSTILE]})
    hostile = finding(
        HOSTILE, column=HOSTILE, examples=rows, detail=HOSTILE, why=HOSTILE, fix=HOSTILE
    )
    missing = pl.DataFrame({"table": ["events"], "column": [HOSTILE], "missing": 1, "share": 0.5})
    drift = profile().drift.rename({"brand": HOSTILE})
    html = quality_page(report(hostile, missing=missing, drift=drift))
    assert "<script" not in html
    assert text_of(html).count(HOSTILE) >= 8


def test_timeline_has_a_bar_a_day_as_high_as_its_events_and_marks_empty_days() -> None:
    html = quality_page(report())
    heights = [
        float(h) for h in re.findall(r'class="bar" x=[^>]* height="([\d.]+)%"><title>2024', html)
    ]
    assert heights == pytest.approx([heights[1] / 4, heights[1], heights[1] / 2], abs=0.01)
    assert re.findall(r'class="none".*?<title>(.*?)</title>', html) == ["2024-03-02: no event"]
    assert "Events a day 1 day without an event, of 4." in text_of(html)


@pytest.mark.parametrize(("every", "unit"), [("1d", "day"), ("1w", "week"), ("1mo", "month")])
def test_timeline_knows_its_unit(every: str, unit: str) -> None:
    periods = pl.datetime_range(
        datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC), every, eager=True
    )
    picture = Timeline.of(pl.DataFrame({"period": periods, "events": [1] * len(periods)}))
    assert picture.unit == unit
    assert picture.bars.end == pl.Series([periods[-1]]).dt.offset_by(every)[0]


def test_missing_values_are_drawn_for_columns_with_gaps_only() -> None:
    html = quality_page(report())
    drawn = re.findall(r'rowheader">events\.(\w+)</th>.*?class="bar" width="([\d.]+)%"', html, re.S)
    assert [(column, float(width)) for column, width in drawn] == [
        ("country", pytest.approx(0.025)),
        ("price", pytest.approx(2.5)),
    ]
    assert "5 of 7 columns lack nothing." in text_of(html)
    full = profile().missing.with_columns(missing=0, share=0.0)
    assert "No value is missing in any of 7 columns." in text_of(quality_page(report(missing=full)))


def test_long_tail_says_what_the_most_popular_items_have() -> None:
    page = text_of(quality_page(report()))
    assert "top 1%: 2.0% of the events" in page
    assert "top 10%: 19% of the events" in page


def test_drift_is_drawn_with_both_thresholds_and_the_largest_shift_first() -> None:
    html = quality_page(report())
    names = re.findall(r"<h4>(\w+)</h4>", html)
    assert names == ["category", "colour", "brand"]
    sizes = re.findall(r'<rect class="(small|moderate|large)"', html)
    assert sizes == ["large", "moderate", "small"]
    for column in html.split("<h4>")[1:]:
        low, high = (float(y) for y in re.findall(r'class="threshold"[^>]* y1="([\d.]+)%"', column))
        labels = dict(re.findall(r'y="([\d.]+)%" dy=".32em">([\d.]+)</text>', column))
        assert [labels[str(y)] for y in (low, high)] == ["0.1", "0.25"]
    category = html.split("<h4>category")[1]
    y, height = re.search(r'class="large"[^>]* y="([\d.]+)%" height="([\d.]+)%"', category).groups()
    assert float(y) >= 0
    assert float(y) + float(height) <= 100
    assert ">4.00</text>" in category


def test_data_without_times_have_neither_timeline_nor_drift() -> None:
    data = Dataset.from_frames(pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]}))
    page = text_of(data.check().to_html())
    assert "Long tail" in page
    assert "Events a" not in page
    assert "Drift" not in page
    assert "Time" not in page


@pytest.mark.parametrize("hours", [1, 5, 11, 29, 70, 200, 900, 5_000, 30_000, 200_000, 900_000])
def test_moments_are_few_in_order_and_within_the_drawing(hours: int) -> None:
    start = datetime(2001, 2, 3, 4, 56, tzinfo=UTC)
    bars = Bars(Axis(0, 1), [1.0], [start], start + timedelta(hours=hours))
    moments = bars.moments(5)
    places = [place for place, _ in moments]
    assert places == sorted(places)
    assert 1 <= len(places) <= 6
    assert 0 <= places[0] <= places[-1] <= 100
    assert len({name for _, name in moments}) == len(moments)


def test_long_values_are_cut_on_the_page() -> None:
    rows = pl.DataFrame({"item_id": ["i1"], "price": ["x" * 5_000]})
    assert len(max(re.findall("x+", quality_page(report(finding(examples=rows)))))) < 200


def test_page_is_written_whole_and_its_frame_holds_it(tmp_path: Path) -> None:
    given = report(*MANY)
    write_page(tmp_path / "new" / "report.html", quality_page(given))
    assert (tmp_path / "new" / "report.html").read_text(encoding="utf-8") == quality_page(given)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["report.html"]
    document = re.fullmatch(r'<iframe srcdoc="([^"]*)"[^>]*></iframe>', notebook_frame(given))
    assert unescape(document[1]) == quality_page(given)
