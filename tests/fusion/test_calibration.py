"""From scores to probabilities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from hybridrec.config import RankerConfig, RecommenderConfig
from hybridrec.fusion.calibration import Calibration, log_lifts
from hybridrec.fusion.examples import Examples
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.pipeline import FEWEST_HELD_OUT, Fusion
from hybridrec.fusion.ranker import Ranker
from hybridrec.fusion.signals.declaration import Scope, Signal

USERS, EACH = 1_500, 60


def planted(
    seed: int = 0, users: int = USERS
) -> tuple[Pairs, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pairs, scores, context and choices, and the probabilities these were drawn with."""
    random = np.random.default_rng(seed)
    pairs = Pairs(np.arange(0, users * EACH + 1, EACH), np.tile(np.arange(EACH), users))
    scores = random.normal(size=len(pairs)).astype(np.float32)
    context = random.normal(size=(users, 2)).astype(np.float32)[pairs.users]
    true = expit(1.3 * log_lifts(pairs, scores) - 2.8 + 0.8 * context[:, 0])
    return pairs, scores, context, random.random(len(pairs)) < true, true


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    pairs, scores, context, chosen, _ = planted()
    found = Calibration.fit(pairs, scores, context, chosen)
    assert found is not None
    return found


def test_planted_probabilities_are_recovered(calibration: Calibration) -> None:
    pairs, scores, context, _, true = planted(seed=1)
    forecast = calibration.probabilities(pairs, scores, context)

    assert np.abs(forecast - true).mean() < 0.05 * true.mean()
    assert np.corrcoef(forecast, true)[0, 1] > 0.995
    assert calibration.weights[0] > 10 * abs(calibration.weights[1])


def test_a_link_that_is_not_logistic_is_bent_to() -> None:
    pairs, scores, context, _, _ = planted()
    random = np.random.default_rng(5)
    lift = log_lifts(pairs, scores)
    knee = np.quantile(lift, 0.9)
    true = expit(-2.3 + 0.3 * lift + 2 * np.maximum(lift - knee, 0))
    chosen = random.random(len(pairs)) < true
    found = Calibration.fit(pairs, scores, context[:, :0], chosen)
    assert found is not None
    straight = replace(found, knots=np.zeros(0), bends=np.ones(1), offset=0.0)

    def error(model: Calibration) -> float:
        forecast = model.probabilities(pairs, scores, context[:, :0])
        return float(np.abs(forecast - true).mean())

    assert error(found) < 0.7 * error(straight)
    assert found.bends[0] < 1 < found.bends[2]


def test_forecasts_sum_to_what_happened(calibration: Calibration) -> None:
    pairs, scores, context, chosen, _ = planted()

    forecast = calibration.probabilities(pairs, scores, context)

    assert forecast.sum() == pytest.approx(chosen.sum(), rel=1e-3)
    assert forecast.min() > 0
    assert forecast.max() < 1


def test_the_order_within_a_user_is_that_of_the_scores(calibration: Calibration) -> None:
    pairs, scores, context, _, _ = planted(seed=2, users=200)
    forecast = calibration.probabilities(pairs, scores, context)

    for user in range(pairs.n_users):
        at = pairs.of(user)
        order = np.argsort(scores[at])
        assert (np.diff(forecast[at][order]) > 0).all()


def test_the_order_holds_even_where_the_worst_are_chosen() -> None:
    pairs, scores, context, _, _ = planted(users=200)
    chosen = np.random.default_rng(0).random(len(pairs)) < expit(-2 * scores)
    found = Calibration.fit(pairs, scores, context, chosen)
    assert found is not None
    forecast = found.probabilities(pairs, scores, context)[pairs.of(0)]

    assert (np.diff(forecast[np.argsort(scores[pairs.of(0)])]) > 0).all()


def test_a_constant_added_to_a_users_scores_changes_nothing(calibration: Calibration) -> None:
    pairs, scores, context, _, _ = planted(users=50)
    shifted = scores + np.linspace(-5, 5, 50).astype(np.float32)[pairs.users]

    np.testing.assert_allclose(
        calibration.probabilities(pairs, shifted, context),
        calibration.probabilities(pairs, scores, context),
        rtol=1e-4,
    )


def test_a_filter_that_knows_nothing_of_the_scores_leaves_forecasts_true(
    calibration: Calibration,
) -> None:
    pairs, scores, context, _, true = planted(seed=3)
    some = np.random.default_rng(0).random(EACH) < 0.3
    kept = some[pairs.items]
    few = Pairs(pairs.indptr // EACH * some.sum(), pairs.items[kept])

    forecast = calibration.probabilities(few, scores[kept], context[kept])

    assert forecast.mean() == pytest.approx(true[kept].mean(), rel=0.1)


def test_users_do_not_depend_on_each_other_and_may_have_no_candidates(
    calibration: Calibration,
) -> None:
    pairs, scores, context, _, _ = planted(users=5)
    gap = Pairs(np.insert(pairs.indptr, 2, pairs.indptr[2]), pairs.items)
    at = pairs.of(3)
    alone = Pairs(np.array([0, EACH]), pairs.items[at])
    every = calibration.probabilities(pairs, scores, context)

    np.testing.assert_array_equal(calibration.probabilities(gap, scores, context), every)
    np.testing.assert_allclose(
        calibration.probabilities(alone, scores[at], context[at]), every[at], rtol=1e-6
    )


def test_a_restored_calibration_gives_identical_probabilities(calibration: Calibration) -> None:
    pairs, scores, context, _, _ = planted(users=20)
    restored = Calibration.restored(calibration.state())

    np.testing.assert_array_equal(
        restored.probabilities(pairs, scores, context),
        calibration.probabilities(pairs, scores, context),
    )


@pytest.mark.parametrize("everything", [True, False])
def test_nothing_to_tell_apart_is_no_calibration(everything: bool) -> None:
    pairs, scores, context, chosen, _ = planted(users=10)

    assert Calibration.fit(pairs, scores, context, np.full_like(chosen, everything)) is None


class TestRanker:
    SIGNALS = (
        Signal("telling", "first", "what decides"),
        Signal("mood", "context", "how much is chosen", absolute=True, relative=False),
    )
    CONFIG = RankerConfig(hidden=8, members=2, epochs=12, batch_size=32, learning_rate=0.02)

    @staticmethod
    def made(ranker: Ranker, seed: int, users: int) -> Examples:
        """Users who choose by the signal, as much as their mood is for; some nothing at all."""
        random = np.random.default_rng(seed)
        pairs = Pairs(np.arange(0, users * 20 + 1, 20), np.tile(np.arange(20), users))
        values = random.normal(size=(len(pairs), 2)).astype(np.float32)
        values[:, 1] = random.normal(size=users)[pairs.users]
        true = expit(1.5 * values[:, 0] + 1.2 * values[:, 1] - 3)
        return ranker.examples(pairs, values, random.random(len(pairs)) < true)

    @pytest.fixture(scope="class")
    @classmethod
    def fusion(cls) -> Fusion:
        return cls.trained(600)

    @classmethod
    def trained(cls, held_out: int) -> Fusion:
        config = RecommenderConfig(ranker=cls.CONFIG)
        fusion = Fusion({}, config, Scope((), (), (), True))
        for question in fusion.rankers:
            fusion.rankers[question] = Ranker(cls.SIGNALS, cls.CONFIG, 1)
        ranker = fusion.rankers["none"]
        examples = cls.made(ranker, 0, 400).learnable()
        others = cls.made(ranker, 1, held_out)
        fusion.fit("none", examples, others)
        fusion.calibrate("none", others)
        return fusion

    def test_forecasts_come_true_for_other_users(self, fusion: Fusion) -> None:
        ranker = fusion.rankers["none"]
        others = self.made(ranker, 2, 600)
        scores = ranker.score_inputs(others.inputs)
        forecast = ranker.probabilities(others.pairs, scores, others.inputs)
        assert forecast is not None
        happened = others.chosen

        glad = others.inputs[:, 1] > 0
        for chosen in (glad, ~glad, forecast > np.quantile(forecast, 0.9)):
            assert forecast[chosen].mean() == pytest.approx(happened[chosen].mean(), rel=0.15)
        assert forecast[glad].mean() > 2 * forecast[~glad].mean()

    def test_users_who_chose_nothing_are_part_of_the_truth(self, fusion: Fusion) -> None:
        ranker = fusion.rankers["none"]
        others = self.made(ranker, 3, 600)
        nobody = replace(others, chosen=np.zeros_like(others.chosen))
        scores = ranker.score_inputs(others.inputs)

        def mean(held_out: Examples) -> float:
            ranker.calibrate(held_out)
            forecast = ranker.probabilities(others.pairs, scores, others.inputs)
            assert forecast is not None
            return float(forecast.mean())

        alone = mean(others)
        with_idle = mean(Examples.joined([others, nobody]))

        assert with_idle == pytest.approx(alone / 2, rel=0.05)

    def test_too_few_held_out_leave_scores_uncalibrated(self) -> None:
        ranker = self.trained(FEWEST_HELD_OUT - 1).rankers["none"]
        others = self.made(ranker, 2, 5)

        assert ranker.calibration is None
        assert ranker.probabilities(others.pairs, np.zeros(100), others.inputs) is None

    def test_a_saved_fusion_gives_the_same_probabilities(self) -> None:
        fusion = self.trained(300)
        restored = Fusion({}, fusion.config, fusion.scope)
        for question in restored.rankers:
            restored.rankers[question] = Ranker(self.SIGNALS, self.CONFIG, 9)
        restored.restore_rankers(fusion.ranker_state())
        others = self.made(fusion.rankers["none"], 2, 30)

        def forecasts(one: Fusion) -> np.ndarray | None:
            ranker = one.rankers["none"]
            scores = ranker.score_inputs(others.inputs)
            return ranker.probabilities(others.pairs, scores, others.inputs)

        np.testing.assert_array_equal(forecasts(restored), forecasts(fusion))
        assert restored.rankers["seen"].calibration is None

    def test_learning_anew_forgets_the_calibration(self, fusion: Fusion) -> None:
        ranker = self.trained(300).rankers["none"]
        assert ranker.calibration is not None

        assert ranker.fit(self.made(ranker, 0, 50)).calibration is None
