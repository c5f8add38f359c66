"""Signals against hand computations."""

from dataclasses import replace

import numpy as np
import pytest

from hybridrec.data import Histories
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.profiles import Scores
from hybridrec.fusion.signals import (
    SHARE_FLOOR,
    ItemStatistics,
    Signal,
    compute_signals,
    declared_signals,
)

# user 0: item 0 thrice, 40, 20 and 10 days ago, item 1 once 5 days ago
# user 1: item 0 twice on one day, 3 days ago; item 2 40 days ago
HISTORIES = Histories(
    indptr=np.array([0, 4, 7]),
    items=np.array([0, 0, 0, 1, 2, 0, 0]),
    ages=np.array([40.0, 20.0, 10.0, 5.0, 40.0, 3.1, 3.0]),
    strengths=np.ones(7, dtype=np.float32),
    n_items=4,
    timed=True,
)
UNTIMED = replace(HISTORIES, ages=np.array([3.0, 2.0, 1.0, 0.0, 2.0, 1.0, 0.0]), timed=False)
EVERYTHING = Pairs.from_mask(np.ones((2, 4), dtype=bool))


def computed(histories: Histories = HISTORIES, pairs: Pairs = EVERYTHING) -> dict[str, np.ndarray]:
    signals = declared_signals([], [], timed=histories.timed, repeats=True)
    values = compute_signals(
        signals, pairs, Scores({}), {}, ItemStatistics.of(histories), histories
    )
    assert values.shape == (len(pairs), len(signals))
    return {signal.name: values[:, column] for column, signal in enumerate(signals)}


def of(histories: Histories, name: str) -> np.ndarray:
    return computed(histories)[name].reshape(2, 4)


class TestOwnSignals:
    def test_own_says_whether_the_user_ever_met_it(self) -> None:
        np.testing.assert_array_equal(of(HISTORIES, "own"), [[1, 1, 0, 0], [1, 0, 1, 0]])

    def test_own_count_counts_days_not_lines(self) -> None:
        np.testing.assert_allclose(
            np.expm1(of(HISTORIES, "own_count")), [[3, 1, 0, 0], [1, 0, 1, 0]], atol=1e-6
        )

    @pytest.mark.parametrize("life", [7, 14, 30, 60, 120])
    def test_own_decayed_halves_every_half_life(self, life: int) -> None:
        def decayed(*ages: float) -> float:
            return sum(0.5 ** (age / life) for age in ages)

        expected = [
            [decayed(40, 20, 10), decayed(5), 0, 0],
            [decayed(3.1, 3.0), 0, decayed(40), 0],
        ]
        np.testing.assert_allclose(
            np.expm1(of(HISTORIES, f"own_{life}")), expected, rtol=1e-4, atol=1e-6
        )

    @pytest.mark.parametrize("life", [2, 10, 50])
    def test_own_decays_by_later_events_without_times(self, life: int) -> None:
        def decayed(*later: float) -> float:
            return sum(0.5 ** (n / life) for n in later)

        expected = [[decayed(3, 2, 1), decayed(0), 0, 0], [decayed(1, 0), 0, decayed(2), 0]]
        np.testing.assert_allclose(
            np.expm1(of(UNTIMED, f"own_{life}")), expected, rtol=1e-4, atol=1e-6
        )

    def test_strengths_weigh_the_decayed_counts(self) -> None:
        half = replace(HISTORIES, strengths=np.full(7, 0.5, dtype=np.float32))

        np.testing.assert_allclose(
            np.expm1(of(half, "own_30")), 0.5 * np.expm1(of(HISTORIES, "own_30")), rtol=1e-4
        )

    def test_own_recency_falls_with_the_days_since_the_last(self) -> None:
        last = np.array([[10.0, 5.0, np.inf, np.inf], [3.0, np.inf, 40.0, np.inf]])

        np.testing.assert_allclose(of(HISTORIES, "own_recency"), np.exp(-last / 30), rtol=1e-5)

    def test_own_due_is_one_where_the_usual_interval_has_passed(self) -> None:
        # user 0 met item 0 every (40 − 10) / 2 = 15 days, the last time 10 days ago
        due = of(HISTORIES, "own_due")

        assert due[0, 0] == pytest.approx(10 / 15, rel=1e-4)
        assert (np.delete(due.ravel(), 0) == 0).all()
        later = replace(HISTORIES, ages=HISTORIES.ages + 5)
        assert of(later, "own_due")[0, 0] == pytest.approx(1.0, rel=1e-4)

    def test_own_late_counts_intervals_beyond_twice_the_usual(self) -> None:
        assert of(HISTORIES, "own_late")[0, 0] == 0
        later = replace(HISTORIES, ages=HISTORIES.ages + 35)  # 45 days, three intervals
        assert of(later, "own_late")[0, 0] == pytest.approx(1.0, rel=1e-4)

    def test_own_rate_is_the_occasions_to_expect_in_four_weeks(self) -> None:
        assert np.expm1(of(HISTORIES, "own_rate")[0, 0]) == pytest.approx(28 / 15, rel=1e-4)

    def test_a_user_without_events_has_none(self) -> None:
        alone = Histories(
            np.array([0, 0]), np.array([], int), np.array([]), np.array([], np.float32), 4, True
        )
        pairs = Pairs.from_mask(np.ones((1, 4), dtype=bool))

        values = computed(alone, pairs)

        assert not any(column.any() for name, column in values.items() if name.startswith("own"))


class TestItemStatistics:
    columns = ItemStatistics.of(HISTORIES).columns

    def test_popularity_counts_users_not_events(self) -> None:
        np.testing.assert_allclose(np.expm1(self.columns["popularity"]), [2, 1, 1, 0], atol=1e-6)

    def test_recent_and_latest_count_users_of_their_days(self) -> None:
        np.testing.assert_allclose(np.expm1(self.columns["recent"]), [2, 1, 0, 0], atol=1e-6)
        np.testing.assert_allclose(np.expm1(self.columns["latest"]), [1, 1, 0, 0], atol=1e-6)

    def test_trend_compares_with_the_days_before(self) -> None:
        # users 28 to 56 days ago: one each of items 0 and 2
        log = np.log1p
        expected = [log(2) - log(1), log(1), -log(1), 0]
        np.testing.assert_allclose(self.columns["trend"], expected, atol=1e-6)

    def test_newness_is_minus_the_log_of_the_days_since_first_met(self) -> None:
        first = np.array([40, 5, 40])
        np.testing.assert_allclose(self.columns["newness"][:3], -np.log1p(first), rtol=1e-5)

    def test_a_duplicated_event_makes_nothing_popular(self) -> None:
        once = HISTORIES.of([0, 1])
        twice = replace(
            once,
            indptr=once.indptr * 2,
            items=np.repeat(once.items, 2),
            ages=np.repeat(once.ages, 2),
            strengths=np.repeat(once.strengths, 2),
        )

        for name, column in ItemStatistics.of(twice).columns.items():
            np.testing.assert_allclose(column, self.columns[name], err_msg=name)

    def test_without_times_only_popularity_is_known(self) -> None:
        statistics = ItemStatistics.of(UNTIMED)

        assert set(statistics.columns) == {"popularity"}
        np.testing.assert_array_equal(statistics.current, statistics.columns["popularity"])

    def test_new_items_join_without_anybody_having_met_them(self) -> None:
        extended = ItemStatistics.of(HISTORIES).extended(2)

        for name, column in extended.columns.items():
            assert column.shape == (6,), name
            np.testing.assert_array_equal(column[:4], self.columns[name])
            np.testing.assert_array_equal(column[4:], 0)


class TestDeclarations:
    def test_names_are_unique(self) -> None:
        signals = declared_signals(
            ["text/long", "text/short"], ["brand/long"], timed=True, repeats=True
        )

        assert len({signal.name for signal in signals}) == len(signals)

    def test_signals_that_need_times_are_absent_without_them(self) -> None:
        names = {s.name for s in declared_signals([], [], timed=False, repeats=True)}

        assert names == {"popularity", "own_count", "own", "own_2", "own_10", "own_50"}

    def test_what_is_wanted_new_has_no_signal_of_repeats(self) -> None:
        signals = declared_signals(["text/long"], ["brand/long"], timed=True, repeats=False)

        assert {signal.group for signal in signals} == {"text/long", "affinity", "popularity"}

    @pytest.mark.parametrize("histories", [HISTORIES, UNTIMED], ids=["timed", "untimed"])
    def test_every_declared_signal_is_computed_and_finite(self, histories: Histories) -> None:
        values = computed(histories)

        assert all(np.isfinite(column).all() for column in values.values())


def test_tower_scores_and_shares_are_those_of_the_pair() -> None:
    signals = (
        Signal("text/long", "text/long", "", False),
        Signal("shared brand/long", "affinity", "", False),
    )
    scores = np.arange(8, dtype=np.float32).reshape(2, 4)
    shares = np.array([0.1, 0.3, 0.4], dtype=np.float32)
    pairs = Pairs.from_mask(np.array([[0, 1, 0, 1], [1, 0, 0, 0]], dtype=bool))

    values = compute_signals(
        signals,
        pairs,
        Scores({"text/long": scores}),
        {"brand/long": shares},
        ItemStatistics.of(HISTORIES),
        HISTORIES,
    )

    np.testing.assert_array_equal(values[:, 0], [1, 3, 4])
    np.testing.assert_allclose(values[:, 1], np.log(shares + SHARE_FLOOR), rtol=1e-5)


def test_signals_do_not_depend_on_the_other_candidates() -> None:
    few = Pairs.from_mask(np.array([[1, 0, 0, 1], [0, 0, 1, 0]], dtype=bool))
    everywhere, here = computed(), computed(HISTORIES, few)

    for name, column in here.items():
        np.testing.assert_array_equal(column, everywhere[name][[0, 3, 6]], err_msg=name)
