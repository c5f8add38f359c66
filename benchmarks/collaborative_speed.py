"""How fast the collaborative tower is beside implicit: to the same loss, and folding in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array, csr_matrix

from benchmarks import markdown
from benchmarks.collaborative_task import SEED, Task, fitted, implicit_model
from hybridrec.devices import single_threaded_blas
from hybridrec.towers.collaborative.alternation import Alternation, Factors, Solving
from hybridrec.towers.collaborative.objective import Objective


def speed(names: Sequence[str], folder: Path | None, events: int) -> str:
    """Seconds until the loss is what implicit reaches in ten sweeps; both from the same start."""
    rows = []
    for name in names:
        weights = Task.load(name, folder, validate=False).histories.weights()
        rows += [[name, dim, *race(weights, dim, torch.device("cpu"))] for dim in (64, 128, 256)]
    weights = synthetic(events)
    rows.append([f"synthetic, {events:,} events", 128,
                 *race(weights, 128, torch.device("cpu"))])  # fmt: skip
    text = "CUDA: not measured: no GPU"
    if torch.cuda.is_available():
        weights = synthetic(10_000_000)
        rows.append(["synthetic, 10,000,000 events, CUDA", 128,
                     *race(weights, 128, torch.device("cuda"))])  # fmt: skip
        text = "The tower's side of the last row ran on the GPU, implicit's on the CPU."
    header = ["set", "factors", "pairs", "implicit, s", "tower, s", "ratio", "sweeps"]
    return markdown.table(header, rows) + f"\n\n{text}"


def race(weights: csr_array, dim: int, device: torch.device) -> list[object]:
    """Pairs, implicit's seconds for ten sweeps, ours to the same loss, their ratio, our sweeps.

    Times without those of computing losses; medians of three runs, the two in turn.
    """
    unobserved, penalty, sweeps = 0.1, 1.0, 10
    weights = csr_array(weights, copy=True)
    weights.data = np.log2(1 + weights.data).astype(np.float32)
    matrix = csr_array(weights, copy=True)
    matrix.data = weights.data / np.float32(unobserved) + 1
    objective = Objective(penalty, 0.0, unobserved, hu=True)
    start = np.random.default_rng(SEED).random((weights.shape[1], dim), dtype=np.float32)
    start *= np.float32(0.01)
    settings = {"factors": dim, "regularization": penalty / unobserved, "iterations": sweeps}
    solving = Solving("cg" if device.type == "cpu" else "cholesky")
    runs = []
    for _ in range(3):
        began = time.perf_counter()
        peer = implicit_model(matrix, settings, start)
        theirs = time.perf_counter() - began
        began = time.perf_counter()
        alternation = Alternation(weights, dim, objective, solving, device)
        ours = time.perf_counter() - began
        goal = alternation.loss(Factors.of(peer.item_factors, peer.user_factors))
        factors, done, loss = Factors.of(start), 0, np.inf
        while loss > goal and done < 3 * sweeps:
            began = time.perf_counter()
            factors = alternation.sweep(factors)
            if device.type == "cuda":
                torch.cuda.synchronize()
            ours += time.perf_counter() - began
            done, loss = done + 1, alternation.loss(factors)
        runs.append((theirs, ours, ours / theirs, done))
    theirs, ours, ratio, done = np.median(runs, axis=0)
    return [weights.nnz, *(round(float(v), 2) for v in (theirs, ours, ratio)), int(done)]


def synthetic(n: int) -> csr_array:
    """Events of power-law users (n / 20) and items (n / 100), ids in no order."""
    random = np.random.default_rng(SEED)
    sides = []
    for size, power in ((n // 20, 2.5), (n // 100, 3.0)):
        drawn = (size * random.random(n) ** power).astype(np.int64)
        sides.append(random.permutation(size)[drawn])
    shape = (n // 20, n // 100)
    matrix = csr_array((np.ones(n, dtype=np.float32), (sides[0], sides[1])), shape=shape)
    matrix.sum_duplicates()
    return matrix


def folding_in(folder: Path | None) -> str:
    """One user at a time, and 10,000 in a batch, beside implicit's ``recalculate_user``."""
    task = Task.load("amazon-beauty", folder, validate=False)
    header = ["factors", "what", "tower", "implicit"]
    rows = [row for dim in (64, 256) for row in _folding_in(task, dim)]
    return markdown.table(header, rows)


def _folding_in(task: Task, dim: int) -> list[list[object]]:
    tower = fitted(task, {"embedding_dim": dim, "iterations": 2})
    model = implicit_model(task.histories.weights(), {"factors": dim, "iterations": 2})
    weights = task.weights(None)
    every = csr_matrix(weights)
    asked = np.arange(10)
    tower.fold_in(weights[[0]])
    with single_threaded_blas():
        model.recalculate_user(0, every[0])
    ours, theirs, attributed = [], [], []
    for row in range(2_000):
        one, same = csr_array(weights[[row]]), every[row]
        ours.append(seconds(partial(tower.fold_in, one)))
        attributed.append(seconds(partial(tower.attribute, one, asked)))
        with single_threaded_blas():
            theirs.append(seconds(partial(model.recalculate_user, row, same)))
    batch = seconds(partial(tower.fold_in, csr_array(weights[:10_000])))
    with single_threaded_blas():
        users = np.arange(10_000)
        peer = seconds(partial(model.recalculate_user, users, every[:10_000]))
    table: list[list[object]] = [[dim, "10,000 users, s", round(batch, 2), round(peer, 2)]]
    for percent in (50, 99):
        values = [float(np.percentile(v, percent)) * 1e3 for v in (ours, theirs)]
        table.append([dim, f"one user, p{percent}, ms", *(round(value, 2) for value in values)])
    median = float(np.median(attributed)) * 1e3
    return [*table, [dim, "attribution of 10 scores, p50, ms", round(median, 2), None]]


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one run."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
