"""Whether forecasts come true."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from hybridrec import Dataset, Recommender
from hybridrec.data.columns import Columns
from hybridrec.errors import DataError, RequestError
from hybridrec.evaluation.reliability import QUANTILES, Reliability, reliability_of

USERS, EACH = 400, 50


def drawn(power: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Forecasts, what happened with their power for probability, and whose they are."""
    random = np.random.default_rng(seed)
    forecasts = random.beta(0.5, 8, USERS * EACH)
    happened = random.random(forecasts.size) < forecasts**power
    return forecasts, happened, np.repeat(np.arange(USERS), EACH)


def test_known_answer() -> None:
    told = reliability_of(
        np.array([0.1, 0.3, 0.5, 0.9]), np.array([False, False, False, True]), np.arange(4), 2
    )

    assert told.bins["forecast"].to_list() == pytest.approx([0.2, 0.7])
    assert told.bins["observed"].to_list() == pytest.approx([0.0, 0.5])
    assert told.calibration_error == pytest.approx((0.2 + 0.2) / 2)
    assert told.brier == pytest.approx((0.01 + 0.09 + 0.25 + 0.01) / 4)
    assert told.skill == pytest.approx(1 - told.brier / (0.25 * 0.75))
    assert (told.users, told.pairs, told.base_rate) == (4, 4, 0.25)


def test_true_forecasts_lie_within_their_intervals() -> None:
    told = reliability_of(*drawn())
    inside = (told.bins["low"] <= told.bins["forecast"]) & (
        told.bins["forecast"] <= told.bins["high"]
    )

    assert told.bins.height == len(QUANTILES) - 1
    assert told.bins["pairs"].sum() == USERS * EACH
    assert inside.mean() > 0.8
    assert told.calibration_error < 0.005
    assert told.skill > 0.05


def test_false_forecasts_do_not() -> None:
    told = reliability_of(*drawn(power=1.5))
    inside = (told.bins["low"] <= told.bins["forecast"]) & (
        told.bins["forecast"] <= told.bins["high"]
    )

    assert inside.mean() < 0.2
    assert told.calibration_error > 0.02


def test_saying_the_base_rate_has_no_skill() -> None:
    _, happened, users = drawn()
    told = reliability_of(np.full(happened.size, happened.mean()), happened, users)

    assert told.skill == pytest.approx(0)
    assert told.bins.height == 1
    assert told.calibration_error == pytest.approx(0)


def test_intervals_know_that_pairs_of_a_user_happen_together() -> None:
    random = np.random.default_rng(1)
    users = np.repeat(np.arange(USERS), EACH)
    forecasts = np.full(users.size, 0.5)
    together = (random.random(USERS) < 0.5)[users]
    apart = random.random(users.size) < 0.5

    def width(happened: np.ndarray) -> float:
        bins = reliability_of(forecasts, happened, users).bins
        return float(bins["high"][0] - bins["low"][0])

    assert width(together) == pytest.approx(2 * 1.96 * np.sqrt(0.25 / USERS), rel=0.05)
    assert width(together) > 5 * width(apart)


def test_bins_of_nothing_still_have_an_interval() -> None:
    forecasts, happened, users = drawn()
    happened &= forecasts > np.quantile(forecasts, 0.3)
    bins = reliability_of(forecasts, happened, users).bins

    assert bins["observed"][0] == 0
    assert bins["low"][0] == pytest.approx(0, abs=1e-12)
    assert 0 < bins["high"][0] < 0.01


@pytest.mark.parametrize("everything", [True, False])
def test_what_cannot_be_told_apart_is_refused(everything: bool) -> None:
    forecasts, happened, users = drawn()

    with pytest.raises(DataError, match="were met in the test"):
        reliability_of(forecasts, np.full_like(happened, everything), users)


def test_the_page_shows_every_bin(tmp_path: Path) -> None:
    forecasts, happened, users = drawn()
    happened &= forecasts > np.quantile(forecasts, 0.2)
    told = reliability_of(forecasts, happened, users)

    told.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")

    assert page.count("<circle") == page.count('class="interval"') == told.bins.height
    assert f"{told.brier:.5f}" in page
    assert "http:" not in page
    assert "nan" not in page


class TestOfARecommender:
    """On a shop with enough users for the ranker to be calibrated by."""

    @pytest.fixture(scope="class")
    @classmethod
    def parts(cls, make_shop) -> tuple[Recommender, Dataset, Dataset]:  # type: ignore[no-untyped-def]
        shop = make_shop(seed=4, users=300, items=24, events_per_user=10)
        train, test = Dataset.from_frames(shop.events, shop.catalogue).split_by_time(20)
        settings = {
            "device": "cpu",
            "towers": {"collaborative": {"embedding_dim": 8}, "graph": None, "text": None},
            "validation": {"users": 0},
            "ranker": {"epochs": 3, "held_out": 0.5, "horizon_days": 20, "moments": 1},
        }
        return Recommender.from_config(settings).fit(train), train, test

    def test_everyone_is_asked_for(self, parts: tuple[Recommender, Dataset, Dataset]) -> None:
        recommender, _, test = parts
        told = recommender.reliability(test)

        met = test.events.select("user_id", "item_id").unique()
        assert isinstance(told, Reliability)
        assert told.users == len(recommender.users)
        # every item is a candidate in so small a shop
        assert told.base_rate * told.pairs == pytest.approx(
            met.filter(pl.col("user_id").is_in(recommender.users)).height, abs=1e-6
        )
        assert told.mean_forecast == pytest.approx(told.base_rate, rel=0.3)
        assert told.skill > 0

    def test_what_lies_beyond_the_horizon_is_left_out(
        self, parts: tuple[Recommender, Dataset, Dataset]
    ) -> None:
        recommender, train, test = parts
        late = test.events.with_columns(pl.col(Columns.TIMESTAMP) + timedelta(days=20))
        longer = Dataset.from_frames(pl.concat([test.events, late]), train.catalogue)

        assert recommender.reliability(longer).base_rate == recommender.reliability(test).base_rate

    @pytest.mark.parametrize("horizon", [20.0, None])
    def test_users_who_did_nothing_are_held_out_too_within_a_horizon(
        self,
        parts: tuple[Recommender, Dataset, Dataset],
        horizon: float | None,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fusion, histories = parts[0].fusion, parts[0].shop.histories
        settings = fusion.config.ranker.model_copy(update={"horizon_days": horizon})
        changed = fusion.config.model_copy(update={"ranker": settings})
        monkeypatch.setattr(fusion, "config", changed)
        active = np.arange(histories.n_users // 2)
        entries = (np.ones(active.size), (active, np.zeros_like(active)))
        targets = csr_array(entries, shape=(histories.n_users, histories.n_items))

        spared = np.arange(histories.n_users) % 3 == 0

        learnt, held_out = fusion.examples(histories, targets, "none", spared, 20_000)

        assert (learnt.chosen_of_user == 1).all()
        assert held_out.learnable().pairs.n_users == spared[active].sum()
        idle = float((held_out.chosen_of_user == 0).mean())
        assert idle == (pytest.approx(0.5, abs=0.1) if horizon else 0)
        assert learnt.pairs.n_users + held_out.learnable().pairs.n_users == active.size

    def test_the_best_alone(self, parts: tuple[Recommender, Dataset, Dataset]) -> None:
        recommender, _, test = parts
        told = recommender.reliability(test, top=5)

        assert told.pairs == 5 * told.users
        assert told.base_rate > recommender.reliability(test).base_rate
        with pytest.raises(RequestError, match="top=0"):
            recommender.reliability(test, top=0)

    def test_recommendations_carry_their_probability(
        self, parts: tuple[Recommender, Dataset, Dataset], tmp_path: Path
    ) -> None:
        recommender = parts[0]
        users = recommender.users[:20]
        recs = recommender.recommend(users, k=5)
        frame = recs.to_polars(probability=True)

        assert recs.to_polars().columns == ["user_id", "item_id", "rank", "score"]
        assert frame["probability"].is_between(0, 1, closed="none").all()
        for _, own in frame.group_by("user_id"):
            assert own.sort("rank")["probability"].is_sorted(descending=True)
        assert recs.to_dicts()[0]["probability"] == recs[0].probability

        recommender.save(tmp_path / "model")
        again = Recommender.load(tmp_path / "model").recommend(users, k=5)
        assert again.to_polars(probability=True).equals(frame)

    def test_a_pin_moves_no_forecast(self, parts: tuple[Recommender, Dataset, Dataset]) -> None:
        recommender = parts[0]
        user = recommender.users[0]
        plain = {rec.item_id: rec.probability for rec in recommender.recommend(user, k=10)}
        varied = recommender.recommend(user, k=10, diversity=0.5)

        shared = [rec for rec in varied if rec.item_id in plain]
        assert len(shared) > 3
        for rec in shared:
            assert rec.probability == pytest.approx(plain[rec.item_id], rel=1e-6)

    def test_an_uncalibrated_ranker_has_no_forecasts(
        self, parts: tuple[Recommender, Dataset, Dataset], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recommender, _, test = parts
        monkeypatch.setattr(recommender.fusion.rankers["none"], "calibration", None)
        recs = recommender.recommend(recommender.users[0], k=3)

        assert recs[0].probability is None
        assert "probability" not in recs.to_dicts()[0]
        assert recs.to_polars(probability=True)["probability"].null_count() == 3
        with pytest.raises(RequestError, match="not calibrated"):
            recommender.reliability(test)
