"""The alternation: one objective for all solvers and for implicit; sweeps, shards, extremes."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, csr_matrix

from hybridrec.devices import single_threaded_blas
from hybridrec.errors import DivergedError, NotEnoughMemoryError
from hybridrec.towers.collaborative import alternation as module
from hybridrec.towers.collaborative import exact
from hybridrec.towers.collaborative.alternation import Alternation, Factors, Solving
from hybridrec.towers.collaborative.exact import ExactRows, multiplying, row_batches
from hybridrec.towers.collaborative.objective import Objective, gram, rotated

DIM = 6
OBJECTIVE = Objective(regularization=0.3, exponent=0.7, unobserved_weight=0.2)
FAR = [Solving("cg", relaxation=1.9), Solving("cholesky", relaxation=1.9)]
SOLVERS = [Solving("cg", cg_steps=3), Solving("cholesky"), Solving("cg", 3, memory_gb=3e-6)]


@pytest.fixture(scope="module")
def confidences() -> csr_array:
    """50 users, 40 items, some of them long, one user and one item without anything."""
    random = np.random.default_rng(0)
    dense = random.exponential(size=(50, 40)) * (random.random((50, 40)) < 0.1)
    dense[3] = random.exponential(size=40)
    dense[:, 7] = random.exponential(size=50)
    dense[11] = 0
    dense[:, 9] = 0
    return csr_array(dense.astype(np.float32))


def start(confidences: csr_array, dim: int = DIM) -> np.ndarray:
    shape = (confidences.shape[1], dim)
    return np.random.default_rng(5).normal(size=shape).astype(np.float32) * np.float32(0.1)


def factors_after(
    confidences: csr_array, sweeps: int, solving: Solving, objective: Objective = OBJECTIVE
) -> tuple[Alternation, Factors]:
    alternation = Alternation(confidences, DIM, objective, solving)
    factors = Factors.of(start(confidences))
    for _ in range(sweeps):
        factors = alternation.sweep(factors)
    return alternation, factors


def penalties_by_hand(dense: np.ndarray, objective: Objective) -> np.ndarray:
    met = np.count_nonzero(dense.any(axis=0))
    totals = dense.sum(axis=1) + objective.unobserved_weight * met
    return objective.regularization * totals**objective.exponent


def loss_by_hand(
    dense: np.ndarray, users: np.ndarray, items: np.ndarray, targets: np.ndarray
) -> float:
    total = 0.0
    for user in range(dense.shape[0]):
        for item in range(dense.shape[1]):
            score = users[user] @ items[item]
            total += OBJECTIVE.unobserved_weight * score**2
            total += dense[user, item] * (targets[user, item] - score) ** 2
    total += penalties_by_hand(dense, OBJECTIVE) @ (users**2).sum(axis=1)
    total += penalties_by_hand(dense.T, OBJECTIVE) @ (items**2).sum(axis=1)
    return float(total)


@pytest.mark.parametrize("memory_gb", [None, 3e-6])
def test_the_loss_is_the_sum_over_all_pairs(
    confidences: csr_array, memory_gb: float | None
) -> None:
    random = np.random.default_rng(0)
    users = random.normal(size=(50, DIM)).astype(np.float32)
    targets = 1 + OBJECTIVE.unobserved_weight / confidences.data
    objective = replace(OBJECTIVE, hu=True)
    alternation = Alternation(confidences, DIM, objective, Solving(memory_gb=memory_gb))
    dense_targets = csr_array((targets, confidences.indices, confidences.indptr), (50, 40))

    value = alternation.loss(Factors.of(start(confidences), users))

    expected = loss_by_hand(
        confidences.toarray(), users, start(confidences), dense_targets.toarray()
    )
    assert alternation.streams == (memory_gb is not None)
    assert value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("solving", SOLVERS)
def test_the_loss_after_a_sweep_is_that_of_its_factors(
    confidences: csr_array, solving: Solving
) -> None:
    alternation, factors = factors_after(confidences, 2, solving)
    users, items = factors.unrotated()
    assert users is not None

    expected = loss_by_hand(confidences.toarray(), users, items, np.ones(confidences.shape))
    assert alternation.loss(factors) == pytest.approx(expected, rel=1e-4)


def test_rows_solve_the_normal_equations(confidences: csr_array) -> None:
    items = start(confidences)
    penalties = OBJECTIVE.penalties(confidences, 39)
    dense = confidences.toarray().astype(np.float64)
    targets = np.random.default_rng(1).random(confidences.nnz).astype(np.float32)
    wanted = csr_array((targets, confidences.indices, confidences.indptr), (50, 40)).toarray()
    expected = []
    for row, target, penalty in zip(
        dense, wanted, penalties_by_hand(dense, OBJECTIVE), strict=True
    ):
        system = items.T @ ((OBJECTIVE.unobserved_weight + row)[:, None] * items)
        expected.append(np.linalg.solve(system + penalty * np.eye(DIM), items.T @ (row * target)))

    system = ExactRows(torch.from_numpy(items).double(), OBJECTIVE.unobserved_weight)
    solved = system.solve(confidences, penalties, targets)

    assert np.diff(confidences.indptr).max() > DIM  # both kinds of systems are met
    assert not solved[11].any()
    np.testing.assert_allclose(solved.numpy(), expected, rtol=1e-5, atol=1e-7)


def test_rows_are_solved_alike_in_batches_of_any_size(
    confidences: csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = torch.from_numpy(start(confidences)).double()
    penalties = OBJECTIVE.penalties(confidences, 39)
    whole = ExactRows(items, 0.2).solve(confidences, penalties)
    monkeypatch.setitem(exact.BATCH_FLOATS, "cpu", 100)  # less than the longest row takes

    batches = list(row_batches(confidences, DIM, 100))

    assert sorted(np.concatenate(batches)) == [row for row in range(50) if row != 11]
    torch.testing.assert_close(ExactRows(items, 0.2).solve(confidences, penalties), whole)


def test_no_batch_mixes_rows_that_are_solved_in_different_ways(confidences: csr_array) -> None:
    longer = np.diff(confidences.indptr) > DIM

    batches = list(row_batches(confidences, DIM, 10**6))

    assert longer.any()
    assert [longer[batch].all() for batch in batches] == [False, True]
    assert [longer[batch].any() for batch in batches] == [False, True]


def test_no_nearby_rows_have_a_smaller_loss(confidences: csr_array) -> None:
    random = np.random.default_rng(2)
    items = start(confidences)
    alternation = Alternation(confidences, DIM, OBJECTIVE)
    system = ExactRows(torch.from_numpy(items), OBJECTIVE.unobserved_weight)
    users = system.solve(confidences, OBJECTIVE.penalties(confidences, 39)).numpy()
    best = alternation.loss(Factors.of(items, users))

    for _ in range(10):
        nearby = users + np.float32(0.05) * random.normal(size=users.shape).astype(np.float32)
        assert alternation.loss(Factors.of(items, nearby)) > best


@pytest.mark.parametrize("solving", SOLVERS + FAR)
def test_every_sweep_lowers_the_loss(confidences: csr_array, solving: Solving) -> None:
    alternation, factors = factors_after(confidences, 1, solving)
    losses = [alternation.loss(factors)]
    for _ in range(8):
        factors = alternation.sweep(factors)
        losses.append(alternation.loss(factors))

    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.95 * losses[0]


@pytest.mark.parametrize("solving", SOLVERS)
def test_all_solvers_reach_the_same_answer(confidences: csr_array, solving: Solving) -> None:
    expected_alternation, exactly = factors_after(confidences, 30, Solving("cholesky"))
    alternation, factors = factors_after(confidences, 30, solving)

    assert alternation.loss(factors) == pytest.approx(expected_alternation.loss(exactly), rel=1e-3)
    np.testing.assert_allclose(*(_scores(found) for found in (factors, exactly)), atol=0.02)


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_going_further_than_the_solution_takes_fewer_sweeps(
    confidences: csr_array, solver: Literal["cg", "cholesky"]
) -> None:
    def losses(relaxation: float) -> list[float]:
        solving = Solving(solver, relaxation=relaxation)
        alternation, factors = factors_after(confidences, 1, solving)
        found = [alternation.loss(factors)]
        for _ in range(9):
            factors = alternation.sweep(factors)
            found.append(alternation.loss(factors))
        return found

    further, straight = losses(1.4), losses(1.0)

    assert further[0] == straight[0]  # the first sweep has nowhere to go further from
    assert further[6] < straight[9]


def test_shards_change_nothing(confidences: csr_array) -> None:
    whole, together = factors_after(confidences, 4, Solving("cg", 2))
    cut, apart = factors_after(confidences, 4, Solving("cg", 2, memory_gb=3e-6))

    assert len(whole._users.shards) == len(whole._users.blocks) == 1
    assert len(cut._users.shards) > 1
    assert len(cut._users.blocks) > 1
    np.testing.assert_allclose(_scores(apart), _scores(together), rtol=1e-3, atol=1e-4)


def test_blocks_of_rows_change_nothing(
    confidences: csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = factors_after(confidences, 3, Solving())[1]
    monkeypatch.setitem(module.BLOCK_FLOATS, "cpu", 7 * DIM)
    cut, factors = factors_after(confidences, 3, Solving())

    blocks = cut._users.blocks
    assert len(blocks) > 7
    assert [block.stop for block in blocks[:-1]] == [block.start for block in blocks[1:]]
    assert (blocks[0].start, blocks[-1].stop) == (0, 50)
    np.testing.assert_allclose(_scores(factors), _scores(whole), rtol=1e-3, atol=1e-4)


def test_factors_keep_the_coordinates_of_the_start(confidences: csr_array) -> None:
    """A sweep rotates; unrotated, factors are those of a solver that never did."""
    rotated = factors_after(confidences, 3, Solving("cg", 12))[1].unrotated()
    straight = factors_after(confidences, 3, Solving("cholesky"))[1].unrotated()

    for one, other in zip(rotated, straight, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-3)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_the_frequency_of_rows_scales_their_penalty(exponent: float) -> None:
    weights = csr_array(np.array([[1, 1, 0, 0], [0.5, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32))

    found = Objective(2.0, exponent, unobserved_weight=0.25).penalties(weights, 4)

    # 2 (c + 0.25 · 4)^exponent
    assert found.tolist() == ([2.0] * 3 if exponent == 0 else [6.0, 3.0, 2.0])


@pytest.mark.parametrize("solver", ["cg", "cholesky", "implicit"])
def test_implicit_reaches_the_same_loss_and_the_same_top_ten(solver: str) -> None:
    """With targets 1 + α₀/c the objective is Hu's own, which implicit minimises."""
    from implicit.cpu.als import AlternatingLeastSquares

    random = np.random.default_rng(3)
    taste = random.integers(4, size=300), random.integers(4, size=120)
    same = taste[0][:, None] == taste[1][None]
    met = random.random((300, 120)) < np.where(same, 0.3, 0.02)
    weights = csr_array((met * random.exponential(size=met.shape)).astype(np.float32))
    unobserved, penalty, dim, sweeps = 0.5, 1.5, 8, 80  # until neither moves any more
    begin = random.random((120, dim), dtype=np.float32) * np.float32(0.1)
    objective = Objective(penalty, 0.0, unobserved, hu=True)
    alternation = Alternation(weights, dim, objective, Solving(solver, cg_steps=3))  # type: ignore[arg-type]
    own = Factors.of(begin)
    for _ in range(sweeps):
        own = alternation.sweep(own)
    model = AlternatingLeastSquares(
        factors=dim, regularization=penalty / unobserved, alpha=1.0, iterations=sweeps,
        num_threads=1,
    )  # fmt: skip
    model.item_factors, model.user_factors = begin.copy(), np.zeros((300, dim), np.float32)
    matrix = csr_matrix(weights)
    matrix.data = matrix.data / np.float32(unobserved) + 1
    with single_threaded_blas():
        model.fit(matrix, show_progress=False)
    peer = Factors.of(model.item_factors, model.user_factors)

    assert alternation.loss(own) == pytest.approx(alternation.loss(peer), rel=0.003)
    tops = [np.argsort(-_scores(factors), axis=1)[:, :10] for factors in (own, peer)]
    shared = [len(set(one) & set(other)) for one, other in zip(*tops, strict=True)]
    assert np.mean(shared) > 9.3


@pytest.mark.parametrize("solving", SOLVERS)
def test_users_and_items_without_events_stay_zero(confidences: csr_array, solving: Solving) -> None:
    begin = start(confidences)
    begin[9] = 0
    alternation = Alternation(confidences, DIM, OBJECTIVE, solving)
    users, items = alternation.sweep(Factors.of(begin)).unrotated()

    assert users is not None
    assert not users[11].any()
    assert not items[9].any()
    assert users[[3]].any()


@pytest.mark.parametrize("solving", SOLVERS)
@pytest.mark.parametrize(
    "matrix",
    [
        np.ones((1, 1)),
        np.ones((1, 5)),
        np.ones((5, 1)),
        np.ones((7, 4)),
        np.zeros((3, 2)),
        np.full((4, 4), 128.0),
        np.array([[1e-38, 128.0], [128.0, 1e-38]]),
    ],
)
def test_extreme_matrices_give_numbers(matrix: np.ndarray, solving: Solving) -> None:
    met = csr_array(matrix.astype(np.float32))
    for objective in (OBJECTIVE, Objective(1e-6, 1.0, 1e-6), Objective(1e30, 1.0, 1e3)):
        alternation, factors = (
            Alternation(met, DIM, objective, solving),
            Factors.of(start(met)),
        )
        for _ in range(5):
            factors = alternation.sweep(factors)
        assert np.isfinite(_scores(factors)).all()
        assert np.isfinite(alternation.loss(factors))


def test_systems_that_are_singular_in_single_precision_are_solved_in_double() -> None:
    """Three equal columns, and nearly no penalty: only their sum is known, and it is shared."""
    columns = torch.ones(3, 3)
    met = csr_array(np.full((1, 3), 100.0, dtype=np.float32))

    solved = ExactRows(columns, 1e-9).solve(met, torch.tensor([1e-9]))

    np.testing.assert_allclose(solved.numpy(), np.full((1, 3), 1 / 3), rtol=1e-3)


def test_what_no_precision_can_solve_is_refused() -> None:
    met = csr_array(np.ones((1, 2), dtype=np.float32))

    with pytest.raises(DivergedError, match="raise its regularization"):
        ExactRows(torch.zeros(2, 2), 1.0).solve(met, torch.tensor([0.0]))


def test_more_memory_than_there_is_is_refused_with_the_setting_that_lowers_it(
    confidences: csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybridrec.learning.memory.available_memory", lambda _: 1000.0)

    with pytest.raises(NotEnoughMemoryError, match=r"embedding_dim \(6\)"):
        Alternation(confidences, DIM, OBJECTIVE)


def test_factors_are_multiplied_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    factors = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 3)))
    rotation = torch.linalg.qr(factors[:3])[0]
    monkeypatch.setattr("hybridrec.towers.collaborative.objective.PART_ROWS", 7)

    torch.testing.assert_close(gram(factors), factors.T @ factors)
    torch.testing.assert_close(rotated(factors, rotation), factors @ rotation)


def test_multiplying_leaves_the_setting_of_cuda_as_it_was() -> None:
    before = torch.backends.cuda.matmul.allow_tf32
    with multiplying(not before):
        assert torch.backends.cuda.matmul.allow_tf32 is not before
    assert torch.backends.cuda.matmul.allow_tf32 is before


def _scores(factors: Factors) -> np.ndarray:
    assert factors.users is not None
    return (factors.users @ factors.items.T).numpy()
