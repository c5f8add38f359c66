"""The collaborative tower beside implicit's ALS: accuracy, seconds to the same loss, folding in.

    python -m benchmarks.collaborative --data DIR --accuracy --speed --fold-in

Leave one out on the Amazon sets (full catalogue, history excluded); the last 28 days of Complete
Journey, items that 5 households bought before, of which those new to the household count.
``--tune N`` measures N settings of each model on the validation part and opens no test: how those
in ``CHOSEN`` were found.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import markdown
from benchmarks.collaborative_speed import folding_in, speed
from benchmarks.collaborative_task import (
    METRICS,
    SEED,
    Task,
    fitted,
    implicit_model,
    peer_weights,
)
from benchmarks.machine import describe, peak_memory_gb
from hybridrec.evaluation.metrics import Estimate

TUNING_USERS = 4_000
"""Users of the validation part that settings are compared on."""
SETS = ("amazon-beauty", "amazon-toys", "complete-journey")

CHOSEN: dict[str, tuple[dict[str, Any], float | None, dict[str, Any]]] = {
    "amazon-beauty": (
        {
            "embedding_dim": 256,
            "iterations": 4,
            "unobserved_weight": 0.0944,
            "regularization": 0.0132,
            "regularization_exponent": 0.5,
            "half_life_events": 1000.0,
        },
        1.5,
        {"factors": 256, "iterations": 16, "alpha": 37.7, "regularization": 3.08},
    ),
    "amazon-toys": (
        {
            "embedding_dim": 256,
            "iterations": 16,
            "unobserved_weight": 0.0227,
            "regularization": 0.00178,
            "regularization_exponent": 1.0,
            "half_life_events": 6.0,
        },
        3.0,
        {"factors": 256, "iterations": 8, "alpha": 37.7, "regularization": 3.08},
    ),
    "complete-journey": (
        {
            "embedding_dim": 128,
            "iterations": 12,
            "unobserved_weight": 0.25,
            "regularization": 0.006,
            "regularization_exponent": 1.0,
            "half_life_days": 60.0,
        },
        120.0,
        {"factors": 128, "iterations": 16, "alpha": 2.42, "regularization": 61.2},
    ),
}
"""For each set, as found on validation: settings of the tower, the half-life of the histories it
folds in (in events on the Amazon sets, in days on Complete Journey), settings of implicit, to
which ``logarithm`` adds whether it gets ``log2(1 + count)`` in place of counts."""


def main() -> None:
    """Measures what was asked for, prints it and writes it down."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--dataset", choices=SETS, nargs="+", default=SETS)
    parser.add_argument("--accuracy", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--fold-in", action="store_true")
    parser.add_argument("--tune", type=int, metavar="N", help="settings of each model to try")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--events", type=float, default=1e6, help="synthetic events; 1e7 on CUDA")
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    parts = []
    if arguments.tune:
        for name in arguments.dataset:
            parts += [f"## Validation, {name}", tuning(name, arguments.data, arguments.tune)]
    if arguments.accuracy:
        parts += ["## Accuracy", accuracy(arguments.dataset, arguments.data)]
    if arguments.speed:
        parts += [
            "## Seconds to the same loss",
            speed(arguments.dataset, arguments.data, int(arguments.events)),
        ]
    if arguments.fold_in:
        parts += ["## Folding in, Beauty", folding_in(arguments.data)]
    parts.append(
        f"- {arguments.threads} threads; peak memory {peak_memory_gb():.1f} GB\n- {describe(SEED)}"
    )
    text = "\n\n".join(parts) + "\n"
    print(text)
    if arguments.save_table:
        arguments.save_table.write_text(text, encoding="utf-8")


def accuracy(names: list[str], folder: Path | None) -> str:
    """Both models with the settings chosen for them, on the test."""
    rows = []
    for name in names:
        settings, half_life, peer = CHOSEN[name]
        task = Task.load(name, folder, validate=False)
        started = time.perf_counter()
        model = implicit_model(peer_weights(task, peer), peer)
        peer_seconds = time.perf_counter() - started
        rival = task.score(model.user_factors[task.users], model.item_factors)
        started = time.perf_counter()
        tower = fitted(task, settings)
        seconds = time.perf_counter() - started
        plain = task.score(tower.fold_in(task.weights(None)), tower.item_embeddings)
        decayed = task.score(tower.fold_in(task.weights(half_life)), tower.item_embeddings)
        label = f"tower, half-life {half_life:g} {'days' if task.timed else 'events'}"
        for model_name, scores, took in (
            ("implicit", rival, peer_seconds),
            ("tower, history not weighted", plain, seconds),
            (label, decayed, seconds),
        ):
            cells: list[object] = [f"{name} ({task.users.size:,})", model_name]
            for metric in METRICS:
                cells += [_written(scores[metric]), _lead(decayed[metric] - scores[metric])]
            rows.append([*cells, round(took, 1)])
    header = ["set (users)", "model", "recall@10", "lead", "ndcg@10", "lead", "fit seconds"]
    note = "Mean ± standard error over users; lead of the last line, in paired standard errors."
    return markdown.table(header, rows) + f"\n\n{note}"


def tuning(name: str, folder: Path | None, n: int) -> str:
    """Random settings of both models, measured on the validation part; the best ten first.

    Both get ``n`` fits and ``n`` measurements on the same users, with factors and sweeps in
    common; what only the tower has, half-lives above all, is drawn within its ``n``.
    """
    task = Task.load(name, folder, validate=True).sampled(TUNING_USERS)
    random = np.random.default_rng(SEED)
    n_users, n_items = task.seen.shape
    found: list[tuple[float, list[object]]] = []

    def between(low: float, high: float) -> float:
        return float(np.exp(random.uniform(np.log(low), np.log(high))))

    def note(what: str, settings: str, scores: dict[str, np.ndarray]) -> None:
        values = [float(scores[metric].mean()) for metric in METRICS]
        found.append((values[0], [what, settings, *(round(value, 4) for value in values)]))

    for _ in range(n):
        dim = int(random.choice([64, 128] if task.timed else [128, 256]))
        sweeps = int(random.choice([4, 8, 12, 16]))
        settings: dict[str, Any] = {
            "embedding_dim": dim, "iterations": sweeps, "unobserved_weight": between(0.02, 0.5),
            "regularization_exponent": float(random.choice([0.0, 0.5, 1.0])),
        }  # fmt: skip
        per_row = between(1, 60) if task.timed else between(0.15, 2)
        frequency = task.seen.nnz / n_users + settings["unobserved_weight"] * n_items
        exponent = settings["regularization_exponent"]
        settings["regularization"] = per_row / frequency**exponent
        life = random.choice([60, 120, 240] if task.timed else [3, 4, 6, 1000])
        settings["half_life_days" if task.timed else "half_life_events"] = float(life)
        tower = fitted(task, settings)
        lives = (None, 120.0, 30.0) if task.timed else (None, 3.0, 1.5, 1.0)
        half_life = lives[random.integers(len(lives))]
        scores = task.score(tower.fold_in(task.weights(half_life)), tower.item_embeddings)
        note("tower", f"{settings}, folded in with {half_life}", scores)
        peer = {
            "logarithm": bool(random.integers(2)),
            "factors": dim, "iterations": sweeps,
            "alpha": between(1, 100), "regularization": between(0.5, 200),
        }  # fmt: skip
        model = implicit_model(peer_weights(task, peer), peer)
        note("implicit", str(peer), task.score(model.user_factors[task.users], model.item_factors))
    best = []
    for what in ("tower", "implicit"):
        ranked = sorted((f for f in found if f[1][0] == what), key=lambda f: -f[0])
        best += [row for _, row in ranked[:10]]
    return markdown.table(["model", "settings", *METRICS], best)


def _written(values: np.ndarray) -> str:
    estimate = Estimate.of(values)
    return f"{estimate.value:.4f} ± {estimate.standard_error:.4f}"


def _lead(difference: np.ndarray) -> str:
    estimate = Estimate.of(difference)
    return f"{estimate.value / estimate.standard_error:+.1f}" if difference.any() else ""


if __name__ == "__main__":
    main()
