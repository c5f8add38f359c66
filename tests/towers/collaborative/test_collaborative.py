"""The collaborative tower: what it learns, when it stops, how it goes on, what it tells."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array
from scipy.stats import rankdata

from hybridrec.data import Histories
from hybridrec.errors import DivergedError
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.session import FitSession
from hybridrec.towers.base import Tower, TrainingData
from hybridrec.towers.collaborative import tower as module
from hybridrec.towers.collaborative.config import CollaborativeConfig
from hybridrec.towers.collaborative.tower import CollaborativeTower

CONFIG = CollaborativeConfig(
    embedding_dim=8,
    iterations=8,
    warm_iterations=4,
    regularization=0.5,
    regularization_exponent=0.5,
)


class KilledError(Exception):
    """Stands for the signal that ends a fit."""


class Scripted:
    """A validator that says what it is told to, and keeps what it was shown."""

    metric = "ndcg@10"

    def __init__(self, values: list[float], kill_at: int | None = None) -> None:
        self.values, self.kill_at = values, kill_at
        self.shown: list[np.ndarray] = []

    def __call__(self, tower: Tower) -> float:
        if len(self.shown) == self.kill_at:
            raise KilledError
        self.shown.append(tower.item_embeddings.copy())
        return self.values[len(self.shown) - 1]


def fitted(data: TrainingData, **changes: Any) -> CollaborativeTower:
    config = CONFIG.model_copy(update=changes)
    return CollaborativeTower(config, seed=1, device="cpu").fit(data)


def scores(tower: CollaborativeTower, weights: csr_array) -> np.ndarray:
    return tower.fold_in(weights) @ tower.item_embeddings.T


class TestLearning:
    def test_unseen_items_of_the_own_taste_come_first(
        self, make_shop: Callable[..., Any], training_data: TrainingData
    ) -> None:
        shop, histories = make_shop(), training_data.histories
        met = histories.weights().toarray() > 0
        found = scores(fitted(training_data, regularization=1.0), histories.weights())

        areas = []
        for user in range(histories.n_users):
            unseen = np.flatnonzero(~met[user])
            own = shop.cluster_of_item[unseen] == shop.cluster_of_user[user]
            ranks = rankdata(found[user, unseen])
            above = ranks[own].sum() - own.sum() * (own.sum() + 1) / 2
            areas.append(above / (own.sum() * (~own).sum()))

        assert np.mean(areas) > 0.7

    @pytest.mark.parametrize("solver", ["cg", "cholesky"])
    def test_a_checkerboard_has_a_known_answer(self, solver: str) -> None:
        """Even users met even items and odd ones odd, all but their own: that comes first."""
        rows = [[i for i in range(12) if i % 2 == u % 2 and i != u] for u in range(12)]
        items = np.array([item for row in rows for item in row])
        histories = made_histories(items, np.arange(13) * 5, n_items=12)
        tower = fitted(
            TrainingData(histories, pl.DataFrame(), None),
            embedding_dim=3, regularization=0.1, iterations=30, solver=solver,
        )  # fmt: skip

        found = scores(tower, histories.weights())
        found[np.repeat(np.arange(12), 5), items] = -np.inf

        assert found.argmax(axis=1).tolist() == list(range(12))

    def test_the_order_of_items_does_not_matter(
        self, training_data: TrainingData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        histories = training_data.histories
        order = np.random.default_rng(4).permutation(histories.n_items)
        permuted = replace(histories, items=np.argsort(order)[histories.items])
        begin = np.random.default_rng(0).normal(size=(histories.n_items, 8)) * 0.1
        begins = iter([begin.astype(np.float32), begin[order].astype(np.float32)])
        monkeypatch.setattr(CollaborativeTower, "_first_factors", lambda *_: next(begins))

        straight = fitted(training_data)
        crossed = fitted(replace(training_data, histories=permuted))

        np.testing.assert_allclose(
            scores(crossed, permuted.weights()),
            scores(straight, histories.weights())[:, order],
            atol=2e-3,
        )

    def test_items_and_users_without_events_are_zero(self, training_data: TrainingData) -> None:
        histories = training_data.histories
        indptr = np.append(histories.indptr, histories.indptr[-1])
        wider = replace(histories, indptr=indptr, n_items=histories.n_items + 3)
        tower = fitted(replace(training_data, histories=wider))

        assert tower.item_embeddings.shape[0] == wider.n_items
        assert not tower.item_embeddings[-3:].any()
        assert not tower.fold_in(wider.weights())[-1].any()
        # they weigh nothing: neither the others' factors nor their vectors know of them
        np.testing.assert_allclose(
            scores(tower, wider.weights())[:-1, :-3],
            scores(fitted(training_data), histories.weights()),
            atol=0.05,
        )

    def test_days_and_events_decay_what_is_learned_from(self, training_data: TrainingData) -> None:
        histories = training_data.histories
        lives: dict[str, Any] = {"half_life_days": 5.0, "half_life_events": 3.0}
        tower = CollaborativeTower(CONFIG.model_copy(update=lives), device="cpu")

        timed = tower.training_confidences(histories).toarray()
        untimed = tower.training_confidences(replace(histories, timed=False)).toarray()

        both = histories.weights(5.0, half_life_events=3.0).toarray().astype(np.float64)
        np.testing.assert_allclose(timed, np.log1p(both) / np.log(2), rtol=1e-5)
        events = histories.weights(half_life_events=3.0).toarray().astype(np.float64)
        np.testing.assert_allclose(untimed, np.log1p(events) / np.log(2), rtol=1e-5)

    @pytest.mark.parametrize("exponent", [0.0, 1.0])
    def test_an_average_user_is_regularised_by_the_share(
        self, training_data: TrainingData, exponent: float
    ) -> None:
        changes = {"regularization": None, "regularization_share": 0.2}
        tower = fitted(training_data, regularization_exponent=exponent, **changes)
        confidences = tower.training_confidences(training_data.histories)

        penalties = tower.objective.penalties(confidences, training_data.histories.n_items)

        average = confidences.sum() / training_data.histories.n_users
        assert penalties.mean().item() == pytest.approx(0.2 * average, rel=1e-3)
        restored = CollaborativeTower(tower.config, device="cpu").restore(tower.state())
        assert restored.objective == tower.objective

    @pytest.mark.parametrize("solver", ["cg", "cholesky"])
    @pytest.mark.parametrize("regularization", [None, 0.5])
    @pytest.mark.parametrize(
        ("items", "indptr", "strength"),
        [
            ([0], [0, 1], 1.0),  # one user, one item, one event
            ([0] * 6, [0, 3, 6], 1.0),  # all events identical
            ([0, 1, 1, 2], [0, 2, 2, 4], 3e38),  # the greatest floats, and a user without events
            ([0, 1, 1, 2], [0, 2, 2, 4], 1e-38),
            ([], [0, 0], 1.0),
        ],
    )
    def test_extreme_shops_give_numbers(
        self,
        items: list[int],
        indptr: list[int],
        strength: float,
        solver: str,
        regularization: float | None,
    ) -> None:
        histories = made_histories(np.array(items, dtype=np.int64), np.array(indptr), 3, strength)
        data = TrainingData(histories, pl.DataFrame(), None)

        tower = fitted(data, solver=solver, regularization=regularization)

        assert np.isfinite(tower.item_embeddings).all()
        assert np.isfinite(scores(tower, histories.weights())).all()

    def test_a_loss_that_is_no_number_is_an_error(
        self, training_data: TrainingData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module.Alternation, "loss", lambda *_: float("nan"))

        with pytest.raises(DivergedError, match=r"nan after 1 sweeps; raise .* \(0.5\)"):
            fitted(training_data)


class TestStopping:
    def test_the_best_sweep_is_kept(self, training_data: TrainingData) -> None:
        validator = Scripted([0.1, 0.3, 0.2, 0.1, 0.9])
        tower = fitted(replace(training_data, validate=validator), patience=2)

        assert len(validator.shown) == 4
        np.testing.assert_array_equal(tower.item_embeddings, validator.shown[1])
        assert tower.best_sweeps == 2

    def test_curves_hold_loss_and_metric_of_every_sweep(self, training_data: TrainingData) -> None:
        session = FitSession("collaborative tower")
        data = replace(training_data, validate=Scripted([0.1, 0.3, 0.2, 0.1]))
        CollaborativeTower(CONFIG, device="cpu").fit(data, session)

        curves = session.curves.to_polars()
        assert curves["step"].to_list() == [1, 1, 2, 2, 3, 3, 4, 4]
        assert curves.filter(pl.col("name") == "ndcg@10")["value"].to_list() == [0.1, 0.3, 0.2, 0.1]
        losses = curves.filter(pl.col("name") == "loss")["value"]
        assert losses.to_list() == sorted(losses, reverse=True)

    def test_a_refit_takes_as_many_sweeps_as_were_best(self, training_data: TrainingData) -> None:
        for best, sweeps in ((1, 1), (3, 3), (5, 4)):  # 4: warm_iterations
            values = [0.1 + 0.1 * (n < best) * n for n in range(8)]
            tower = fitted(replace(training_data, validate=Scripted(values)))
            restored = CollaborativeTower(CONFIG, device="cpu").restore(tower.state())
            session = FitSession("collaborative tower")

            restored.fit(training_data, session)

            assert restored.best_sweeps == best
            assert session.curves.to_polars()["step"].to_list() == list(range(1, sweeps + 1))

    def test_factors_that_more_sweeps_make_worse_stay(self, training_data: TrainingData) -> None:
        tower = fitted(training_data)
        before = tower.item_embeddings.copy()

        tower.fit(replace(training_data, validate=Scripted([0.5, 0.4, 0.3, 0.9])))

        np.testing.assert_allclose(tower.item_embeddings, before)
        assert tower.best_sweeps == 0


class TestGoingOn:
    @pytest.mark.parametrize("kill_at", [1, 3, 5])
    def test_a_killed_fit_comes_out_where_it_would_have(
        self,
        training_data: TrainingData,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        kill_at: int,
    ) -> None:
        monkeypatch.setattr("hybridrec.learning.session.CHECKPOINT_SECONDS", 0.0)
        metrics = [0.1, 0.2, 0.3, 0.2, 0.4, 0.3, 0.2, 0.1]
        whole_session = FitSession("collaborative tower")
        whole = CollaborativeTower(CONFIG, device="cpu").fit(
            replace(training_data, validate=Scripted(metrics)), whole_session
        )

        def run(validator: Scripted) -> tuple[CollaborativeTower, FitSession]:
            checkpoints = Checkpoints.open(tmp_path, "a fit")
            session = FitSession("collaborative tower", checkpoints=checkpoints)
            data = replace(training_data, validate=validator)
            return CollaborativeTower(CONFIG, device="cpu").fit(data, session), session

        with pytest.raises(KilledError):
            run(Scripted(metrics, kill_at))
        rest = Scripted(metrics[kill_at:])
        resumed, session = run(rest)

        assert len(rest.shown) == 7 - kill_at  # not one sweep again, and stopped as the whole fit
        np.testing.assert_allclose(resumed.item_embeddings, whole.item_embeddings, atol=1e-3)
        assert resumed.best_sweeps == whole.best_sweeps == 5
        drop = "seconds"
        ours, theirs = (kept.curves.to_polars().drop(drop) for kept in (session, whole_session))
        assert ours["step"].to_list() == theirs["step"].to_list()
        np.testing.assert_allclose(ours["value"], theirs["value"], rtol=1e-4)

    def test_a_warm_fit_starts_from_its_factors(self, training_data: TrainingData) -> None:
        tower = fitted(training_data, iterations=30)
        session = FitSession("collaborative tower")
        tower.fit(training_data, session)
        first = session.curves.to_polars()["value"][0]

        afresh = FitSession("collaborative tower")
        CollaborativeTower(CONFIG, seed=1, device="cpu").fit(training_data, afresh)

        assert first < 0.9 * afresh.curves.to_polars()["value"][0]

    def test_items_that_came_later_join_a_warm_fit(self, training_data: TrainingData) -> None:
        histories = training_data.histories
        tower = fitted(training_data)
        before = tower.item_embeddings
        later = np.append(histories.items[:-1], histories.n_items)  # the last event is on it
        wider = replace(histories, items=later, n_items=histories.n_items + 2)

        start = tower._warm_start(tower.training_confidences(wider))
        tower.fit(replace(training_data, histories=wider))

        assert start is not None
        np.testing.assert_array_equal(start[:-2], before)
        assert not start[-2:].any()
        assert tower.item_embeddings[-2].any()
        assert not tower.item_embeddings[-1].any()

    def test_factors_of_more_items_than_there_are_are_not_taken_over(
        self, training_data: TrainingData
    ) -> None:
        tower = fitted(training_data)
        tower.extend(np.ones((1, 8), dtype=np.float32))

        again = tower.fit(training_data).item_embeddings

        np.testing.assert_array_equal(again, fitted(training_data).item_embeddings)


class TestAnswers:
    def test_user_vectors_are_where_training_would_have_put_them(
        self, training_data: TrainingData
    ) -> None:
        """By a least squares solver that knows nothing of Gram matrices."""
        tower = fitted(training_data)
        weights = training_data.histories.weights(30.0)
        confidence = np.log2(1 + weights.toarray().astype(np.float64))
        items = tower.item_embeddings.astype(np.float64)
        vectors = tower.fold_in(weights)
        for user in (0, 31):
            total = confidence[user].sum() + CONFIG.unobserved_weight * items.shape[0]
            penalty = CONFIG.regularization * total**CONFIG.regularization_exponent
            rows = np.concatenate([
                np.sqrt(confidence[user])[:, None] * items,
                np.sqrt(CONFIG.unobserved_weight) * items,
                np.sqrt(penalty) * np.eye(8),
            ])  # fmt: skip
            wanted = np.concatenate([np.sqrt(confidence[user]), np.zeros(items.shape[0] + 8)])
            expected = np.linalg.lstsq(rows, wanted, rcond=None)[0]
            np.testing.assert_allclose(vectors[user], expected, rtol=1e-3, atol=1e-5)

    def test_attribution_is_each_items_term_of_the_solution(
        self, training_data: TrainingData
    ) -> None:
        tower = fitted(training_data)
        history = training_data.histories.weights(60.0)[[3]]
        items = np.array([5, 0, 40])
        factors = tower.item_embeddings.astype(np.float64)
        confidence = np.log2(1 + history.toarray()[0].astype(np.float64))
        total = confidence.sum() + CONFIG.unobserved_weight * factors.shape[0]
        penalty = CONFIG.regularization * total**CONFIG.regularization_exponent
        weights = CONFIG.unobserved_weight + confidence
        system = factors.T @ (weights[:, None] * factors) + penalty * np.eye(8)
        parts = confidence[:, None] * (factors @ np.linalg.solve(system, factors[items].T))

        found = tower.attribute(history, items)

        np.testing.assert_allclose(found, parts[history.indices], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(found.sum(axis=0), scores(tower, history)[0, items], rtol=1e-3)

    def test_what_faded_away_counts_nothing(self, training_data: TrainingData) -> None:
        tower = fitted(training_data)
        history = training_data.histories.weights()[[3]]
        faded, without = history.copy(), history.copy()
        faded.data[0] = 1e-7
        without.data[0] = 0
        without.eliminate_zeros()

        np.testing.assert_allclose(tower.fold_in(faded), tower.fold_in(without), atol=1e-5)

    def test_the_items_equations_are_kept_until_the_items_change(
        self, training_data: TrainingData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = []
        exact = module.ExactRows
        monkeypatch.setattr(module, "ExactRows", lambda *a: made.append(a) or exact(*a))
        tower = fitted(training_data)
        weights = training_data.histories.weights()

        def ask() -> int:
            tower.fold_in(weights)
            tower.attribute(weights[[0]], np.array([1]))
            return len(made)

        assert (ask(), ask()) == (1, 1)
        before = tower.fold_in(weights)
        tower.extend(np.zeros((2, 8), dtype=np.float32))
        wider = training_data.histories
        wide = replace(wider, n_items=wider.n_items + 2).weights()
        np.testing.assert_allclose(tower.fold_in(wide), before, rtol=1e-5)
        assert len(made) == 2
        tower.restore(tower.state())
        tower.fit(training_data)
        assert ask() == 3

    def test_cpu_threads_do_not_change_the_answer(self, training_data: TrainingData) -> None:
        import torch

        threads = torch.get_num_threads()
        try:
            torch.set_num_threads(1)
            one = fitted(training_data).item_embeddings
            torch.set_num_threads(2)
            two = fitted(training_data).item_embeddings
        finally:
            torch.set_num_threads(threads)

        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-4)


def made_histories(
    items: np.ndarray, indptr: np.ndarray, n_items: int, strength: float = 1.0
) -> Histories:
    strengths = np.full(items.size, strength, dtype=np.float32)
    return Histories(indptr, items, np.zeros(items.size), strengths, n_items, timed=False)


def test_the_library_implicit_may_do_the_sweeps(training_data: TrainingData) -> None:
    shared = {"embedding_dim": 8, "regularization": 1.0, "regularization_exponent": 0.0}
    library = CollaborativeTower(CollaborativeConfig(solver="implicit", **shared), device="cpu")  # type: ignore[arg-type]
    own = CollaborativeTower(CollaborativeConfig(**shared), device="cpu")  # type: ignore[arg-type]
    weights = training_data.histories.weights()
    user, items = csr_array(weights[[3]]), np.arange(weights.shape[1])

    found = library.fit(training_data).fold_in(weights) @ library.item_embeddings.T
    other = own.fit(training_data).fold_in(weights) @ own.item_embeddings.T

    # Hu's targets are not Rendle's, yet what is liked is the same
    assert np.corrcoef(found.ravel(), other.ravel())[0, 1] > 0.95
    parts = library.attribute(user, items).sum(axis=0)
    np.testing.assert_allclose(parts, found[3], rtol=1e-4, atol=1e-5)


def test_the_library_implicit_needs_one_penalty_for_all() -> None:
    with pytest.raises(ValueError, match="regularization_exponent to 0"):
        CollaborativeConfig(solver="implicit")
