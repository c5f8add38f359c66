"""The data as a whole: concentration, days without events, drift."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from hybridrec import Dataset
from hybridrec.data.quality import Finding, Inspection, QualityConfig
from hybridrec.data.quality.profile import Profile, long_tail, mix_drift, timeline

FIRST = datetime(2024, 1, 1, tzinfo=UTC)
CONFIG = QualityConfig(now=datetime(2025, 1, 1, tzinfo=UTC), periods=4)


def sold(hours: Any, items: Any, catalogue: pl.DataFrame | None = None, **roles: str) -> Dataset:
    moments = [FIRST + timedelta(hours=float(hour)) for hour in hours]
    users = [f"u{n % 50}" for n in range(len(moments))]
    events = pl.DataFrame({"user_id": users, "item_id": list(items), "timestamp": moments})
    return Dataset.from_frames(events, catalogue, roles=roles)


def the_finding(data: Dataset, code: str) -> Finding:
    [finding] = data.check(config=CONFIG)[code]
    assert finding.rows is None
    assert finding.fix is None
    return finding


def even(days: int = 40, a_day: int = 50) -> np.ndarray:
    return np.arange(days * a_day) * 24 / a_day


def test_even_sales_raise_nothing() -> None:
    hours = even()
    catalogue = pl.DataFrame({"item_id": range(300), "brand": [f"b{n % 4}" for n in range(300)]})
    report = sold(hours, np.arange(hours.size) % 300, catalogue).check(config=CONFIG)
    assert report.findings == ()


def test_popularity_concentration() -> None:
    items = np.where(np.arange(2_000) % 2, 0, np.arange(2_000) % 400)
    finding = the_finding(sold(even(), items), "popularity-concentration")
    assert (finding.severity, finding.column) == ("note", "item_id")
    shares = np.sort(np.bincount(items)[np.unique(items)])[::-1] / 2_000
    top = shares[:2].sum() + (len(shares) * 0.01 - 2) * shares[2]
    assert finding.count == round(top * 2_000)
    assert f"has {top:.0%} of the events" in finding.detail
    assert not sold(even(), items % 150).check(config=CONFIG)["popularity-concentration"]


def test_the_long_tail_is_cumulated_from_the_top() -> None:
    data = sold(range(10), [1, 1, 1, 1, 1, 1, 2, 2, 3, 4])
    tail = long_tail(Inspection(data, CONFIG))
    assert tail["events"][25] == pytest.approx(0.6)
    assert tail["events"][50] == pytest.approx(0.8)
    assert tail.row(0) == (0.0, 0.0)
    assert tail.row(100) == pytest.approx((1.0, 1.0))


def test_missing_days() -> None:
    hours = even()
    lost = (hours >= 24 * 9) & (hours < 24 * 10)
    finding = the_finding(sold(hours[~lost], np.arange(hours.size)[~lost] % 9), "missing-days")
    assert (finding.severity, finding.count, finding.of) == ("warning", 1, 40)
    assert finding.examples["day"].to_list() == [(FIRST + timedelta(days=9)).date()]
    closed = hours[(hours // 24) % 7 != 6]
    assert not sold(closed, np.arange(closed.size) % 9).check(config=CONFIG)["missing-days"]
    few = even(a_day=10)
    gone = few[(few // 24) != 9]
    assert not sold(gone, np.arange(gone.size) % 9).check(config=CONFIG)["missing-days"]


def test_volume_drift() -> None:
    hours = np.concatenate([even(30, 10), 24 * 30 + even(10, 200)])
    finding = the_finding(sold(hours, np.arange(hours.size) % 9), "volume-drift")
    volume = finding.examples["volume"].to_list()
    assert sum(volume) == hours.size
    shares = np.array(volume) / hours.size
    index = ((shares - 0.25) * np.log(shares / 0.25)).sum()
    assert f"{index:.2f}" in finding.detail
    assert finding.count == max(volume)


def category_shop(name: str, kinds: list[str]) -> tuple[Dataset, np.ndarray]:
    hours = even(40, 200)
    late = hours >= 24 * 20
    catalogue = pl.DataFrame({"item_id": range(20), name: [kinds[n // 10] for n in range(20)]})
    share = np.where(late, 0.2, 0.8)
    first = np.arange(hours.size) % 10 < 10 * share
    items = np.where(first, 0, 10) + np.arange(hours.size) % 10
    return sold(hours, items, catalogue), first


@pytest.mark.parametrize("kinds", [["tea", "cups"], ["period", "value"], ["Home > A", "Toys > A"]])
def test_mix_drift(kinds: list[str]) -> None:
    data, _ = category_shop("category", kinds)
    finding = the_finding(data, "mix-drift")
    index = 2 * (0.8 - 0.2) * np.log(0.8 / 0.2)
    assert (finding.column, finding.count, finding.of) == ("category", 1, 4)
    assert f"{index:.2f}" in finding.detail
    drift = mix_drift(Inspection(data, CONFIG))
    assert drift["category"].to_list() == [
        None,
        pytest.approx(0, abs=1e-3),
        pytest.approx(index, abs=1e-2),
        pytest.approx(0, abs=1e-3),
    ]


@pytest.mark.parametrize("name", ["period", "volume", "class", "n", "len"])
def test_attributes_called_like_columns_of_the_drift(name: str) -> None:
    data, _ = category_shop(name, ["tea", "cups"])
    report = data.check(config=CONFIG)
    assert sum(report.profile.drift["volume"]) == data.events.height
    assert bool(report["mix-drift"]) == (name not in ("period", "volume"))


def test_rare_values_are_taken_together() -> None:
    hours = even(40, 200)
    catalogue = pl.DataFrame({"item_id": range(60), "brand": [f"b{n}" for n in range(60)]})
    rare = 20 + np.arange(hours.size) % 40
    items = np.where(np.arange(hours.size) % 2, np.arange(hours.size) // 2 % 20, rare)
    data = sold(hours, items, catalogue, brand="category")
    drift = mix_drift(Inspection(data, CONFIG))
    assert drift["brand"].to_list()[1:] == pytest.approx([0, 0, 0], abs=0.02)


@pytest.mark.parametrize("gap", [timedelta(microseconds=1), timedelta(microseconds=3)])
def test_moments_hardly_apart(gap: timedelta) -> None:
    events = pl.DataFrame(
        {"user_id": "u", "item_id": ["a", "b"], "timestamp": [FIRST, FIRST + gap]}
    )
    profile = Profile.of(Inspection(Dataset.from_frames(events), CONFIG))
    assert profile.drift["volume"].sum() == 2
    assert (profile.since, profile.until) == (FIRST, FIRST + gap)


def test_lost_and_future_times_stretch_nothing() -> None:
    lost = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC), None]
    moments = [*lost, FIRST, FIRST + timedelta(days=2)]
    data = Dataset.from_frames(pl.DataFrame({"user_id": "u", "item_id": "a", "timestamp": moments}))
    profile = Profile.of(Inspection(data, CONFIG))
    assert (profile.since, profile.until) == (FIRST, FIRST + timedelta(days=2))
    assert profile.timeline["events"].to_list() == [1, 0, 1]


def test_no_times_no_drift() -> None:
    data = Dataset.from_frames(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}))
    inspection = Inspection(data, CONFIG)
    assert timeline(inspection).is_empty()
    assert mix_drift(inspection).is_empty()
    codes = {finding.code for finding in data.check().findings}
    assert not codes & {"volume-drift", "mix-drift", "missing-days"}


def test_events_that_lost_all_their_times() -> None:
    known = sold([0, 1], ["a", "b"])
    lost = known.events.with_columns(
        pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias("timestamp")
    )
    assert Profile.of(Inspection(replace(known, events=lost), CONFIG)).since is None
