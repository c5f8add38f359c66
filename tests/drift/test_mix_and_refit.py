"""The shop's mix: a planted change is beyond noise, a steady shop is not; when a refit is due."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from hybridrec import Dataset, RecommenderConfig
from hybridrec.drift.config import DriftConfig, MixConfig
from hybridrec.drift.report import DriftReport, drift_report
from hybridrec.errors import DataError
from hybridrec.shop import Shop
from hybridrec.training import build_graph

CONFIG = RecommenderConfig()
SHELVES = ("Shoes", "Tents", "Tea", "Books")
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
FIT_DAY = 120
CATALOGUE = pl.DataFrame(
    {
        "item_id": [f"{shelf}-{i}" for shelf in SHELVES for i in range(6)],
        "category": [f"Shop > {shelf}" for shelf in SHELVES for _ in range(6)],
    }
)


def made(
    first_day: int, days: int, mix: list[float], seed: int, users: int = 80, prefix: str = "u"
) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    rows = []
    for day in range(first_day, first_day + days):
        for user in random.choice(users, 15, replace=False):
            shelf = SHELVES[random.choice(4, p=mix)]
            moment = FIRST + timedelta(days=day, seconds=int(random.integers(86_400)))
            item = f"{shelf}-{random.integers(5)}"
            rows += [
                (f"{prefix}{user}", item, moment + timedelta(seconds=later)) for later in (0, 1)
            ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")


EVEN = [0.25] * 4


@pytest.fixture(scope="module")
def shop() -> Shop:
    data = Dataset.from_frames(made(0, FIT_DAY, EVEN, 0), CATALOGUE)
    return Shop.of(data, data.histories(), build_graph(data))


def after(shop: Shop, events: pl.DataFrame) -> DriftReport:
    return drift_report(shop, CONFIG, events=events)


def test_a_fresh_fit_needs_no_refit(shop: Shop) -> None:
    report = drift_report(shop, CONFIG)
    assert not report.refit.due
    assert report.refit.events == 0
    assert "too few" in report.refit_sentence()
    assert report.mix is not None
    assert report.mix.divergence is None
    assert not report.mix.periods["since_fit"].any()
    assert report.mix.periods["events"].sum() == shop.histories.items.size
    shares = report.mix.shares.group_by("period").agg(pl.col("share").sum())["share"]
    assert shares.to_list() == pytest.approx([1.0] * report.mix.periods.height)


def test_noise_is_not_called_drift(shop: Shop) -> None:
    beyond = []
    for seed in range(5):
        report = after(shop, made(FIT_DAY, 21, EVEN, 100 + seed))
        assert report.mix is not None
        assert not any(reason.due for reason in report.refit.reasons if reason.cause == "mix")
        beyond += report.mix.periods["beyond_noise"].to_list()
    assert np.mean(beyond) <= 0.08  # the floor is the 99 % quantile
    assert not report.refit.due


def test_a_planted_change_is_drift_and_says_what_moved(shop: Shop) -> None:
    report = after(shop, made(FIT_DAY, 21, [0.05, 0.55, 0.2, 0.2], 1))
    mix = report.mix
    assert mix is not None
    assert mix.divergence is not None
    assert mix.noise is not None
    assert mix.divergence > 5 * mix.noise
    late = mix.periods.filter(since_fit=True)
    assert late["beyond_noise"].all()
    top = mix.movements.head(2).rows_by_key("category", named=True, unique=True)
    assert set(top) == {"Tents", "Shoes"}
    assert top["Tents"]["change"] == pytest.approx(0.3, abs=0.06)
    assert top["Shoes"]["change"] == pytest.approx(-0.2, abs=0.06)
    assert report.refit.due
    assert [reason.cause for reason in report.refit.reasons if reason.due] == ["mix"]
    assert "the mix moved" in report.refit_sentence()
    assert "品类构成变化" in report.refit_sentence("zh")


def test_what_came_since_is_measured_against_its_limits(shop: Shop) -> None:
    came = made(FIT_DAY, 30, EVEN, 2, prefix="new").with_columns(
        pl.when(pl.int_range(pl.len()) % 3 == 0)
        .then(pl.lit("Tea-5"))
        .otherwise("item_id")
        .alias("item_id")
    )
    strange = came.head(60).with_columns(pl.lit("Tea-77").alias("item_id"))
    report = after(shop, pl.concat([came, strange, came.head(30), strange.head(30)]))
    found = {reason.cause: reason for reason in report.refit.reasons}
    total = came.height + 60
    new_item = came.filter(pl.col("item_id").str.ends_with("-5")).height
    assert found["new_items"].value == pytest.approx(new_item / total)
    assert found["unknown_items"].value == pytest.approx(60 / total)
    assert found["new_users"].value == pytest.approx(came.height / total)
    assert found["volume"].value == pytest.approx(total / shop.histories.items.size)
    for cause, reason in found.items():
        assert reason.due == (reason.value > reason.limit), cause
    assert found["new_users"].due
    assert report.refit.events == total


def test_events_are_looked_at_and_not_kept(shop: Shop) -> None:
    n_events = shop.histories.items.size
    after(shop, made(FIT_DAY, 10, EVEN, 3))
    assert shop.histories.items.size == n_events
    with pytest.raises(DataError, match="no column 'item_id'"):
        drift_report(shop, CONFIG, events=pl.DataFrame({"user_id": ["u1"]}))


def test_few_events_say_nothing(shop: Shop) -> None:
    few = made(FIT_DAY, 1, [1.0, 0, 0, 0], 4)
    report = after(shop, few)
    assert not report.refit.enough
    assert not report.refit.due
    told = drift_report(shop, CONFIG, DriftConfig(mix=MixConfig(least_events=10)), events=few)
    assert told.refit.enough


def test_an_unknown_moment_of_the_fit_is_said(shop: Shop) -> None:
    from dataclasses import replace

    report = drift_report(replace(shop, fitted=None), CONFIG)
    assert not report.refit.known
    assert "unknown" in report.refit_sentence()
    assert report.mix is not None


def test_the_moment_of_the_fit_survives_update_and_disk(recommender, tmp_path) -> None:
    from hybridrec import Recommender

    recommender.save(tmp_path / "model")
    loaded = Recommender.load(tmp_path / "model")
    assert loaded.shop.fitted == recommender.shop.fitted
    assert loaded.shop.fitted.as_of == loaded.shop.as_of
    later = loaded.shop.as_of + timedelta(days=3)
    loaded.update(pl.DataFrame({"user_id": ["someone"], "item_id": ["i01"], "timestamp": [later]}))
    assert loaded.shop.as_of == later
    assert loaded.shop.fitted == recommender.shop.fitted
    assert loaded.drift().refit.events == 1
