"""Signals against hand computations."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from hybridrec.config import RecommenderConfig
from hybridrec.data import Histories
from hybridrec.errors import ConfigError, DataError
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.meetings import Meetings
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.prices import price_levels
from hybridrec.fusion.profiles import Scores, profile_weights
from hybridrec.fusion.signals.declaration import Asked, Scope, Signal
from hybridrec.fusion.signals.popularity import popularity
from hybridrec.fusion.signals.registry import compute_signals, declared_signals
from hybridrec.fusion.signals.shared import SHARE_FLOOR

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


BARE = Scope(scorers=(), profiles=("long", "short", "last"), relations=(), timed=True)


class Fixed:
    """A scorer that gives what it is told."""

    def __init__(self, scores: np.ndarray) -> None:
        self.given = scores

    def scores(self, weights: csr_array) -> np.ndarray:
        return np.tile(self.given, (weights.shape[0] // len(self.given), 1))

    def attribute(
        self, weights: csr_array, items: np.ndarray, among: np.ndarray | None = None
    ) -> np.ndarray:
        raise AssertionError("signals need no attribution")


def asked(
    histories: Histories = HISTORIES,
    pairs: Pairs = EVERYTHING,
    scope: Scope = BARE,
    scorers: dict[str, Fixed] | None = None,
    affinity: Affinity | None = None,
    prices: np.ndarray | None = None,
    catalogue: pl.DataFrame | None = None,
    order: np.ndarray | None = None,
) -> Asked:
    every = profile_weights(histories, RecommenderConfig())
    weights = {name: every[name] for name in scope.profiles}
    moment = Moment(
        pl.DataFrame({"item_id": range(4)}) if catalogue is None else catalogue,
        affinity or Affinity({}),
        {},
        popularity(histories, seasonal=scope.seasonal),
        prices,
        order=order,
        meetings=Meetings.of(histories) if scope.own_moments else None,
    )
    return Asked(histories, weights, pairs, Scores(scorers or {}, weights), moment)


def computed(
    histories: Histories = HISTORIES, pairs: Pairs = EVERYTHING, scope: Scope = BARE, **others: Any
) -> dict[str, np.ndarray]:
    signals = declared_signals(replace(scope, timed=histories.timed), repeats=True)
    values = compute_signals(signals, asked(histories, pairs, scope, **others))
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

    def test_again_is_the_share_of_last_months_users_who_came_back(self) -> None:
        # user 0 met item 0 40 days ago and 10 days ago, user 1 item 2 40 days ago alone: of two
        # meetings of the month before one came back, and few users count with that half
        half = 5 * 0.5
        expected = [(1 + half) / 6, half / 5, half / 6, half / 5]
        for name in ("again", "again_ever"):
            np.testing.assert_allclose(of(HISTORIES, name), [expected] * 2, rtol=1e-5)
        older = replace(HISTORIES, ages=HISTORIES.ages + np.repeat([0.0, 20.0], [4, 3]))
        assert of(older, "again")[0, 2] == pytest.approx((0 + 5) / 5)  # 60 days: no last month
        assert of(older, "again_ever")[0, 2] == pytest.approx(half / 6)

    def test_again_due_goes_by_the_interval_of_all_users(self) -> None:
        # user 0 alone has an interval on item 0, 15 days; user 1 met it 3 days ago
        np.testing.assert_allclose(
            of(HISTORIES, "again_due"), [[10 / 15, 0, 0, 0], [3 / 15, 0, 0, 0]], rtol=1e-4
        )
        later = replace(HISTORIES, ages=HISTORIES.ages + 42)  # 45 days, three intervals
        assert of(later, "again_late")[1, 0] == pytest.approx(1.0, rel=1e-4)

    def test_a_user_without_events_has_none(self) -> None:
        alone = Histories(
            np.array([0, 0]), np.array([], int), np.array([]), np.array([], np.float32), 4, True
        )
        pairs = Pairs.from_mask(np.ones((1, 4), dtype=bool))

        values = computed(alone, pairs)

        assert not any(column.any() for name, column in values.items() if name.startswith("own"))


PATHS = Affinity(
    {
        "category": csr_array(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])),
        "category_parent": csr_array(np.array([[1.0], [1.0], [1.0], [0.0]])),
    }
)


def moment_of(affinity: Affinity) -> Moment:
    return Moment(pl.DataFrame({"item_id": range(4)}), affinity, {}, {})


def test_categories_are_one_step_above_the_ends_of_paths() -> None:
    brand = csr_array(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
    moment = moment_of(Affinity({"brand": brand, **PATHS.links}))
    assert moment.categories is moment.affinity.links["category_parent"]


def test_without_paths_a_mere_handful_of_entities_is_no_category() -> None:
    brand = csr_array(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
    finer = csr_array(np.eye(4, 6))
    assert moment_of(Affinity({"brand": brand, "finer": finer})).categories is finer
    assert moment_of(Affinity({"brand": brand})).categories is brand


class TestPopularity:
    columns = popularity(HISTORIES, seasonal=False)

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

        for name, column in popularity(twice, seasonal=False).items():
            np.testing.assert_allclose(column, self.columns[name], err_msg=name)

    def test_without_times_only_popularity_is_known(self) -> None:
        assert set(popularity(UNTIMED, seasonal=False)) == {"popularity"}
        moment = asked(UNTIMED).moment
        assert moment.popular is moment.statistics["popularity"]

    def test_new_items_join_without_anybody_having_met_them(self) -> None:
        rows = pl.DataFrame({"item_id": [4, 5], "price": [None, 2.0]})
        moment = asked(prices=np.array([1.0, np.nan, 3.0, 4.0])).moment

        extended = moment.extended(rows, pl.DataFrame({"item_id": range(6)}), Affinity({}))

        for name, column in extended.statistics.items():
            assert column.shape == (6,), name
            np.testing.assert_array_equal(column[:4], self.columns[name])
            np.testing.assert_array_equal(column[4:], 0)
        assert extended.prices is not None
        np.testing.assert_array_equal(extended.prices, [1, np.nan, 3, 4, np.nan, 2])

    def test_the_season_looks_a_year_back_to_the_coming_weeks(self) -> None:
        # 350 days ago is two weeks from now, a year ago; 380 days ago two weeks before now
        old = replace(HISTORIES, ages=np.array([380.0, 350.0, 10.0, 5.0, 350.0, 3.1, 3.0]))

        columns = popularity(old, seasonal=True)

        np.testing.assert_allclose(np.expm1(columns["season"]), [1, 0, 1, 0], atol=1e-6)
        np.testing.assert_allclose(columns["season_trend"], [0, 0, np.log(2), 0], atol=1e-6)


class TestPrices:
    categories = csr_array(np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]]))

    def test_level_is_dear_or_cheap_for_the_category(self) -> None:
        levels = price_levels(np.array([1.0, 2.0, 100.0, 200.0]), self.categories)

        assert levels[0] < levels[1]
        assert levels[2] < levels[3]
        bare = price_levels(np.array([1.0, 2.0, 100.0, 200.0]), None)
        assert levels[1] > bare[1]  # dear in a cheap category
        np.testing.assert_allclose(np.mean(bare), 0, atol=1e-6)
        np.testing.assert_allclose(np.std(bare), 1, atol=1e-6)

    def test_the_currency_does_not_matter(self) -> None:
        prices = np.array([1.0, 2.5, 100.0, np.nan])

        np.testing.assert_allclose(
            price_levels(prices, self.categories),
            price_levels(7.8 * prices, self.categories),
            atol=1e-6,
        )

    def test_what_is_not_known_is_usual(self) -> None:
        levels = price_levels(np.array([np.nan, 0.0, 3.0, 9.0]), None)

        np.testing.assert_array_equal(levels[:2], 0)
        np.testing.assert_array_equal(price_levels(np.full(4, np.nan), self.categories), 0)

    def test_fit_is_best_at_what_the_user_usually_pays(self) -> None:
        scope = replace(BARE, priced=True)

        fit = computed(scope=scope, prices=np.array([9.0, 9.0, 1.0, 9.1]))["price_fit"]

        user_0 = fit.reshape(2, 4)[0]  # met items 0 and 1 alone
        assert user_0[2] < user_0[0] == user_0[1] < 0  # the history says it with some doubt
        assert abs(user_0[3] - user_0[0]) < 0.05


class TestContext:
    def test_is_the_same_for_all_candidates(self) -> None:
        links = {"brand": csr_array(np.eye(4, 2) + np.eye(4, 2, -2))}
        scope = replace(BARE, relations=("brand",))
        signals = declared_signals(scope, repeats=True)

        values = computed(scope=scope, affinity=Affinity(links))

        context = [signal.name for signal in signals if signal.group == "context"]
        assert {"drift", "concentration", "history_length", "idle_days"} <= set(context)
        for name in context:
            of_user = values[name].reshape(2, 4)
            assert (of_user == of_user[:, :1]).all()
        np.testing.assert_allclose(np.expm1(values["history_length"][[0, 4]]), [4, 3], rtol=1e-6)
        np.testing.assert_allclose(np.expm1(values["idle_days"][[0, 4]]), [5, 3], rtol=1e-5)
        assert values["concentration"][4] == 1  # items 0 and 2 are of one brand
        assert values["concentration"][0] < 1


class TestDeclarations:
    full = Scope(("text",), ("long", "short"), ("brand",), timed=True, priced=True, seasonal=True)

    def test_names_are_unique(self) -> None:
        signals = declared_signals(self.full, repeats=True)

        assert len({signal.name for signal in signals}) == len(signals)

    def test_signals_that_need_times_are_absent_without_them(self) -> None:
        signals = declared_signals(replace(BARE, timed=False), repeats=True)

        names = {signal.name for signal in signals if signal.group != "context"}
        assert names == {"popularity", "own_count", "own", "own_2", "own_10", "own_50"}
        assert "idle_days" not in {signal.name for signal in signals}

    def test_what_is_wanted_new_has_no_signal_of_repeats(self) -> None:
        signals = declared_signals(self.full, repeats=False)

        groups = {"text/long", "text/short", "affinity", "popularity", "price", "context"}
        assert {signal.group for signal in signals} == groups

    def test_signals_that_need_prices_are_absent_without_them(self) -> None:
        signals = declared_signals(replace(self.full, priced=False), repeats=False)

        assert "price" not in {signal.group for signal in signals}

    @pytest.mark.parametrize("histories", [HISTORIES, UNTIMED], ids=["timed", "untimed"])
    @pytest.mark.parametrize("profiles", [("long",), ("long", "short", "last")], ids=len)
    def test_every_declared_signal_is_computed_and_finite(
        self, histories: Histories, profiles: tuple[str, ...]
    ) -> None:
        affinity = Affinity({"brand": csr_array(np.eye(4, 2) + np.eye(4, 2, -2))})
        scope = replace(BARE, profiles=profiles, relations=("brand",))

        values = computed(histories, scope=scope, affinity=affinity)

        assert all(np.isfinite(column).all() for column in values.values())
        assert ("drift" in values) == ("short" in profiles)


def test_scores_and_shares_are_those_of_the_pair() -> None:
    scores = np.arange(8, dtype=np.float32).reshape(2, 4)
    links = csr_array(np.array([[1.0, 0], [0, 1], [0, 1], [0, 0]]))
    pairs = Pairs.from_mask(np.array([[0, 1, 0, 1], [1, 0, 0, 0]], dtype=bool))
    scope = Scope(("text",), ("long", "short", "last"), ("brand",), timed=True)

    values = computed(
        pairs=pairs,
        scope=scope,
        scorers={"text": Fixed(scores)},
        affinity=Affinity({"brand": links}),
    )

    for profile in scope.profiles:
        np.testing.assert_array_equal(values[f"text/{profile}"], [1, 3, 4])
    shares = np.exp(values["shared brand/last"]) - SHARE_FLOOR
    assert 1 > shares[0] > 0.5  # user 0 met item 1 last, and item 0 before
    assert shares[1] == pytest.approx(0, abs=1e-6)
    assert shares[2] == pytest.approx(1, abs=1e-3)


class TestSignalsOfTheShopsOwn:
    catalogue = pl.DataFrame({"item_id": range(4), "margin": [0.1, None, 0.3, 0.4], "name": "x"})

    def value(self, signal: Signal) -> np.ndarray:
        signals = declared_signals(BARE, repeats=False, extra=[signal])
        return compute_signals(signals, asked(catalogue=self.catalogue))[:, -1]

    def test_are_computed_beside_the_others(self) -> None:
        margin = Signal(
            "margin", "margin", "", compute=lambda asked: np.nan_to_num(asked.catalogue("margin"))
        )

        np.testing.assert_allclose(self.value(margin), [0.1, 0, 0.3, 0.4] * 2, atol=1e-6)

    def test_of_a_name_that_is_taken(self) -> None:
        with pytest.raises(ConfigError, match=r"'recent': there is one of this name"):
            self.value(Signal("recent", "margin", "", compute=lambda asked: asked.items))

    def test_that_cannot_be_computed(self) -> None:
        with pytest.raises(ConfigError, match=r"'margin': .*needs compute="):
            self.value(Signal("margin", "margin", ""))
        for group in ("shop/margin", "text/mine"):
            with pytest.raises(ConfigError, match=f"'margin'.*{group}.*a name without it"):
                self.value(Signal("margin", group, "", compute=lambda asked: asked.items))

    def test_of_too_many_groups_to_take_a_score_apart(self) -> None:
        many = [Signal(f"s{n}", f"g{n}", "", compute=lambda asked: asked.items) for n in range(12)]

        with pytest.raises(ConfigError, match="share a group"):
            declared_signals(BARE, repeats=True, extra=many)
        one_group = [replace(signal, group="own") for signal in many]
        assert len(declared_signals(BARE, repeats=True, extra=one_group)) > 12

    def test_of_another_shape(self) -> None:
        with pytest.raises(ConfigError, match=r"'margin': gave values of shape \(2,\)"):
            self.value(Signal("margin", "margin", "", compute=lambda asked: np.ones(2)))

    def test_that_are_no_numbers(self) -> None:
        with pytest.raises(ConfigError, match=r"'margin': .*nan_to_num"):
            self.value(
                Signal("margin", "margin", "", compute=lambda asked: asked.catalogue("margin"))
            )

    @pytest.mark.parametrize("column", ["name", "cost"])
    def test_of_a_column_that_is_none_of_numbers(self, column: str) -> None:
        with pytest.raises(DataError, match=rf"'{column}' is no column of numbers.*'margin'"):
            self.value(Signal("s", "s", "", compute=lambda asked: asked.catalogue(column)))


def test_signals_do_not_depend_on_the_other_candidates() -> None:
    few = Pairs.from_mask(np.array([[1, 0, 0, 1], [0, 0, 1, 0]], dtype=bool))
    everywhere, here = computed(), computed(HISTORIES, few)

    for name, column in here.items():
        np.testing.assert_array_equal(column, everywhere[name][[0, 3, 6]], err_msg=name)


class TestOrderSignals:
    """Users' latest items are 1 and 0."""

    PLACES = np.array([0.1, 0.3, 0.6, 0.9], dtype=np.float32)

    def test_how_far_an_item_stands_after_the_latest(self) -> None:
        scope = replace(BARE, scorers=("transitions",))
        zeros = {"transitions": Fixed(np.zeros((6, 4)))}

        found = computed(scope=scope, scorers=zeros, order=self.PLACES)

        np.testing.assert_array_equal(found["order"].reshape(2, 4), np.tile(self.PLACES, (2, 1)))
        expected = self.PLACES - np.array([[0.3], [0.1]], dtype=np.float32)
        np.testing.assert_allclose(found["order_ahead"].reshape(2, 4), expected, atol=1e-6)

    def test_without_transitions_there_is_no_order(self) -> None:
        assert "order" not in computed()


class TestVisitSignals:
    """The users' last events are 5 and 3 days old."""

    SCOPE = replace(BARE, own_moments=True)

    def test_events_around_the_users_last(self) -> None:
        found = computed(scope=self.SCOPE)

        # item 0: 40, 20, 10, 3.1 and 3 days ago; item 1: 5; item 2: 40; item 3: never
        expected = {
            "then_1": [[0, 1, 0, 0], [2, 0, 0, 0]],
            "then_7": [[3, 1, 0, 0], [3, 1, 0, 0]],
            "then_28": [[4, 1, 0, 0], [4, 1, 0, 0]],
            "after_28": [[2, 0, 0, 0], [0, 0, 0, 0]],
        }
        for name, counts in expected.items():
            np.testing.assert_allclose(
                np.expm1(found[name]).reshape(2, 4), counts, atol=1e-5, err_msg=name
            )

    def test_since_when_and_till_when_an_item_was_met(self) -> None:
        found = computed(scope=self.SCOPE)
        log = np.log1p

        np.testing.assert_allclose(found["new_then"][:4], [log(35), 0, log(35), 0], atol=1e-5)
        np.testing.assert_allclose(found["gone_then"][:4], [-log(2), 0, log(35), 0], atol=1e-5)

    def test_the_rhythm_of_the_users_visits(self) -> None:
        found = computed(scope=self.SCOPE)

        np.testing.assert_allclose(np.expm1(found["last_gap"][[0, 4]]), [5, 0.1], atol=1e-5)
        np.testing.assert_allclose(np.expm1(found["last_visit"][[0, 4]]), [1, 2], atol=1e-5)
        np.testing.assert_allclose(np.expm1(found["active_days"][[0, 4]]), [35, 37], atol=1e-4)

    def test_absent_where_all_are_asked_at_the_moment_of_the_shop(self) -> None:
        assert "then_7" not in computed()
        assert "then_7" not in computed(UNTIMED, scope=self.SCOPE)
