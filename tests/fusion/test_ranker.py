"""The ranker: learns what is there to learn, and takes its scores apart exactly."""

from itertools import permutations

import numpy as np
import pytest

from hybridrec.config import RankerConfig
from hybridrec.errors import DataError
from hybridrec.fusion.examples import Examples
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.ranker import Ranker
from hybridrec.fusion.signals.declaration import Signal

SIGNALS = (
    Signal("telling", "first", "what decides"),
    Signal("also", "second", "noise"),
    Signal("level", "second", "noise with a level of its own", absolute=True),
    Signal("idle", "third", "the same for all of a user's candidates"),
    Signal("mood", "context", "turns the first around", absolute=True, relative=False),
)
CONFIG = RankerConfig(hidden=8, members=2, epochs=30, batch_size=16, learning_rate=0.02)
USERS, ITEMS = 60, 12


def made(seed: int = 0) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Users who choose the two candidates of the greatest first signal."""
    random = np.random.default_rng(seed)
    mask = random.random((USERS, ITEMS)) < 0.7
    mask[:, 0] = True
    pairs = Pairs.from_mask(mask)
    values = random.normal(size=(len(pairs), len(SIGNALS))).astype(np.float32)
    values[:, 3:] = random.normal(size=(USERS, 2))[pairs.users]
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[pairs.top(values[:, 0], 2)] = True
    return pairs, values, chosen


def fitted(pairs: Pairs, values: np.ndarray, chosen: np.ndarray, seed: int = 1) -> Ranker:
    new = Ranker(SIGNALS, CONFIG, seed)
    return new.fit(new.examples(pairs, values, chosen))


@pytest.fixture(scope="module")
def ranker() -> Ranker:
    return fitted(*made())


def hit_share(ranker: Ranker, pairs: Pairs, values: np.ndarray, chosen: np.ndarray) -> float:
    return float(chosen[pairs.top(ranker.score(pairs, values), 1)].mean())


def test_it_learns_an_obvious_signal(ranker: Ranker) -> None:
    unseen = made(seed=9)

    assert hit_share(ranker, *unseen) > 0.95
    assert hit_share(Ranker(SIGNALS, CONFIG, seed=1), *unseen) < 0.6


def test_a_fit_is_repeatable_and_depends_on_the_seed(ranker: Ranker) -> None:
    pairs, values, chosen = made()
    scores = ranker.score(pairs, values)

    again = fitted(pairs, values, chosen)
    other = fitted(pairs, values, chosen, seed=2)

    np.testing.assert_allclose(again.score(pairs, values), scores, rtol=1e-4, atol=1e-5)
    assert not np.allclose(other.score(pairs, values), scores, atol=1e-2)


def test_a_constant_added_to_a_users_signal_changes_nothing(ranker: Ranker) -> None:
    pairs, values, _ = made()
    shifted = values.copy()
    shifted[:, :2] += (
        np.random.default_rng(5).normal(size=(USERS, 2)).astype(np.float32)[pairs.users]
    )

    np.testing.assert_allclose(
        ranker.score(pairs, shifted), ranker.score(pairs, values), rtol=1e-3, atol=1e-4
    )


def test_the_scale_of_a_users_signal_changes_nothing(ranker: Ranker) -> None:
    pairs, values, _ = made()
    scaled = values.copy()
    scaled[:, 0] *= np.random.default_rng(5).uniform(0.5, 20, USERS).astype(np.float32)[pairs.users]

    np.testing.assert_allclose(
        ranker.score(pairs, scaled), ranker.score(pairs, values), rtol=1e-3, atol=1e-4
    )


def test_a_signal_with_a_level_does_depend_on_it(ranker: Ranker) -> None:
    pairs, values, _ = made()
    shifted = values.copy()
    shifted[:, 2] += 3

    assert not np.allclose(ranker.score(pairs, shifted), ranker.score(pairs, values), atol=1e-2)


@pytest.mark.parametrize("constant", [0.0, 2.8332133])
def test_a_level_that_was_never_seen_to_vary_is_no_alarm(constant: float) -> None:
    pairs, values, chosen = made()
    values[:, 4] = constant
    ranker = fitted(pairs, values, chosen)
    before = ranker.score(pairs, values)

    values[:, 4] += 0.2
    after = ranker.score(pairs, values)

    assert np.abs(after - before).max() < before.std()


def test_users_do_not_depend_on_each_other(ranker: Ranker) -> None:
    pairs, values, _ = made()
    at = pairs.of(7)
    alone = Pairs(np.array([0, at.stop - at.start]), pairs.items[at])

    np.testing.assert_allclose(
        ranker.score(alone, values[at]), ranker.score(pairs, values)[at], rtol=1e-4, atol=1e-5
    )


def test_the_order_of_candidates_does_not_matter(ranker: Ranker) -> None:
    pairs, values, _ = made()
    at = pairs.of(3)
    order = np.random.default_rng(0).permutation(at.stop - at.start)
    alone = Pairs(np.array([0, order.size]), pairs.items[at])

    np.testing.assert_allclose(
        ranker.score(alone, values[at][order]),
        ranker.score(alone, values[at])[order],
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_user_without_candidates_is_no_matter(ranker: Ranker) -> None:
    pairs, values, chosen = made()
    gap = Pairs(np.insert(pairs.indptr, 5, pairs.indptr[5]), pairs.items)

    np.testing.assert_array_equal(ranker.score(gap, values), ranker.score(pairs, values))
    refitted = fitted(gap, values, chosen)
    assert hit_share(refitted, gap, values, chosen) > 0.95


class TestContributions:
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls, ranker: Ranker) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Inputs, baselines and scores of thirty pairs."""
        pairs, values, _ = made(seed=4)
        standard = ranker.standardise(pairs, values)
        chosen = np.arange(0, 300, 10)
        baseline = standard.baseline[pairs.users[chosen]]
        return standard.inputs[chosen], baseline, ranker.score(pairs, values)[chosen]

    def test_groups_are_in_order_of_declaration(self, ranker: Ranker) -> None:
        assert ranker.groups == ["first", "second", "third"]

    def test_sum_to_the_score(
        self, ranker: Ranker, rows: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        inputs, baseline, scores = rows
        base, parts, _ = ranker.contributions(inputs, baseline)

        assert parts.shape == (30, 3)
        np.testing.assert_allclose(parts.sum(axis=1), scores - base, rtol=1e-4, atol=1e-5)

    def test_equal_the_mean_over_all_orders_of_joining(
        self, ranker: Ranker, rows: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        inputs, baseline, _ = rows
        columns = {0: [0], 1: [1, 2, 4], 2: [3]}  # inputs 4 and 5 are levels, the latter context

        def worth(present: tuple[int, ...]) -> np.ndarray:
            mixed = np.where(np.arange(6) == 5, inputs, baseline)
            for group in present:
                mixed[:, columns[group]] = inputs[:, columns[group]]
            return ranker.contributions(mixed, mixed)[0]

        expected = np.zeros((30, 3))
        for order in permutations(range(3)):
            for place, group in enumerate(order):
                gain = worth(order[: place + 1]) - worth(order[:place])
                expected[:, group] += gain / 6

        np.testing.assert_allclose(ranker.contributions(inputs, baseline)[1], expected, atol=1e-6)

    def test_of_a_group_without_influence_are_zero(
        self, ranker: Ranker, rows: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        parts = ranker.contributions(*rows[:2])[1]

        np.testing.assert_allclose(parts[:, 2], 0, atol=1e-4)
        assert np.abs(parts[:, 0]).max() > 0.5

    def test_of_the_mean_candidate_are_zero(
        self, ranker: Ranker, rows: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        _, baseline, _ = rows

        np.testing.assert_allclose(ranker.contributions(baseline, baseline)[1], 0, atol=1e-10)

    def test_do_not_depend_on_the_other_rows(
        self, ranker: Ranker, rows: tuple[np.ndarray, np.ndarray, np.ndarray]
    ) -> None:
        inputs, baseline, _ = rows
        base, parts, _ = ranker.contributions(inputs, baseline)
        alone_base, alone, _ = ranker.contributions(inputs[4:5], baseline[4:5])

        np.testing.assert_allclose(alone[0], parts[4], atol=1e-6)
        assert alone_base[0] == pytest.approx(base[4], abs=1e-6)


def test_standardised_signals_have_mean_zero_and_spread_one_within_a_user() -> None:
    pairs, values, _ = made()
    standard = Ranker(SIGNALS, CONFIG).standardise(pairs, values)

    for user in range(USERS):
        at = pairs.of(user)
        if at.stop - at.start < 2:
            continue
        np.testing.assert_allclose(standard.inputs[at, :4].mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(standard.inputs[at, :3].std(axis=0), 1, rtol=1e-3)
        np.testing.assert_allclose(standard.spread[user], values[at, :4].std(axis=0), atol=1e-3)
        np.testing.assert_allclose(
            standard.baseline[user], standard.inputs[at].mean(axis=0), atol=1e-4
        )
    np.testing.assert_array_equal(standard.inputs[:, 4:], values[:, [2, 4]])


def test_a_restored_ranker_gives_identical_scores(ranker: Ranker) -> None:
    pairs, values, _ = made()
    arrays = {name: array.copy() for name, array in sorted(ranker.state().items())}
    restored = Ranker(SIGNALS, CONFIG, seed=77).restore(arrays)

    np.testing.assert_array_equal(restored.score(pairs, values), ranker.score(pairs, values))
    standard = ranker.standardise(pairs, values)
    inputs, baseline = standard.inputs[:5], standard.baseline[pairs.users[:5]]
    np.testing.assert_array_equal(
        restored.contributions(inputs, baseline)[1], ranker.contributions(inputs, baseline)[1]
    )


def test_nothing_chosen_is_nothing_to_learn_from() -> None:
    pairs, values, chosen = made()

    with pytest.raises(DataError, match="nothing to learn from"):
        fitted(pairs, values, np.zeros_like(chosen))


def test_context_turns_what_other_signals_tell() -> None:
    pairs, values, _ = made()
    glad = values[:, 4] > 0
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[pairs.top(np.where(glad, values[:, 0], -values[:, 0]), 2)] = True
    config = CONFIG.model_copy(update={"epochs": 60, "hidden": 16})
    ranker = Ranker(SIGNALS, config, 1)

    ranker.fit(ranker.examples(pairs, values, chosen))

    assert hit_share(ranker, pairs, values, chosen) > 0.9


def test_the_pass_that_ranks_those_held_out_best_is_kept() -> None:
    pairs, values, _ = made()
    random = np.random.default_rng(3)
    noise = random.random(len(pairs)) < 0.1
    ranker = Ranker(SIGNALS, CONFIG.model_copy(update={"patience": 2, "epochs": 50}), 1)
    held_out = ranker.examples(*made(seed=5))

    ranker.fit(ranker.examples(pairs, values, noise), held_out)
    stopped = ranker.ndcg(held_out)
    ranker.fit(ranker.examples(pairs, values, noise))

    assert stopped > ranker.ndcg(held_out)


class TestExamples:
    @staticmethod
    def examples() -> Examples:
        return Ranker(SIGNALS, CONFIG).examples(*made())

    def test_thinned_keep_what_was_chosen_and_so_many_others(self) -> None:
        every = self.examples()

        few = every.thinned(3, np.random.default_rng(0))

        np.testing.assert_array_equal(few.chosen_of_user, every.chosen_of_user)
        left = every.pairs.counts - every.chosen_of_user
        np.testing.assert_array_equal(few.pairs.counts, every.chosen_of_user + np.minimum(left, 3))
        for user in range(USERS):
            at, kept = every.pairs.of(user), few.pairs.of(user)
            rows = np.searchsorted(every.pairs.items[at], few.pairs.items[kept])
            np.testing.assert_array_equal(few.inputs[kept], every.inputs[at][rows])

    def test_users_who_chose_nothing_teach_nothing(self) -> None:
        pairs, values, chosen = made()
        chosen[pairs.of(4)] = False

        learnable = Ranker(SIGNALS, CONFIG).examples(pairs, values, chosen).learnable()

        assert learnable.pairs.n_users == USERS - 1
        assert learnable.chosen.sum() == chosen.sum()

    def test_joined_are_all_users_in_turn(self) -> None:
        every = self.examples()
        first = np.arange(USERS) < 20

        joined = Examples.joined([Examples.none(), every.of_users(first), every.of_users(~first)])

        np.testing.assert_array_equal(joined.pairs.indptr, every.pairs.indptr)
        np.testing.assert_array_equal(joined.inputs, every.inputs)
        assert Examples.joined([]).pairs.n_users == 0
