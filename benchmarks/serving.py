"""How fast a fitted recommender answers, on The Complete Journey, beside implicit's ``recommend``.

    python -m benchmarks.serving --model models/demo

The model is one that ``hybridrec demo`` or ``Recommender.save`` left. In one process, warm: users a
second in a batch of all, the fusion with all its signals beside ``implicit.recommend`` of factors
of as many dimensions on the same users and items; the time of one user asked alone, and what takes
it; one explanation, and 1,000 in one call; one load. Writes ``benchmarks/results/serving.md``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from cProfile import Profile
from functools import partial
from pathlib import Path
from pstats import Stats
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.machine import describe, peak_memory_gb
from benchmarks.markdown import table
from hybridrec import Recommender
from hybridrec.config import Exclude
from hybridrec.shop import Shop

RESULTS = Path(__file__).parent / "results" / "serving.md"
K = 10
QUESTIONS: tuple[Exclude, ...] = ("none", "seen")
PARTS = {
    "histories weighed under each profile": ["profile_weights"],
    "folding in, and scores of all items by every scorer": ["of_all"],
    "the best of these": ["best_of_rows"],
    "signals of the candidates": ["compute_signals"],
    "the ranker": ["standardise", "score_inputs"],
}
"""Parts of a request, and the functions that do them, none within another."""


def main() -> None:
    """Measures, prints, and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=Path("models/demo"))
    parser.add_argument("--users", type=int, default=2000, help="users asked alone")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--save-table", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    random = np.random.default_rng(arguments.seed)
    started = time.perf_counter()
    recommender = Recommender.load(arguments.model)
    loaded = time.perf_counter() - started
    n = min(arguments.users, len(recommender.users))
    asked = [recommender.users[row] for row in random.permutation(len(recommender.users))[:n]]
    rows = [*batches(recommender)]
    alone = [
        *single_users(recommender, asked),
        (
            "1,000 explanations in one call",
            round(1e3 * explanations(recommender, asked)),
            None,
            3000,
        ),
        ("load a saved model", round(1e3 * loaded), None, 2000),
    ]
    parts = [
        "# Answers a second",
        f"{describe(arguments.seed)}\n\n{len(recommender.users):,} users, "
        f"{len(recommender.items):,} items, {len(recommender.fusion.rankers['none'].signals)} and "
        f"{len(recommender.fusion.rankers['seen'].signals)} signals; "
        f"peak memory {peak_memory_gb():.2f} GB",
        "Goal of the batch: as many users a second as implicit.",
        table(["all users at once, top 10", "users/s", "of implicit's"], rows),
        table(["one at a time", "p50 (ms)", "p99 (ms)", "goal (ms)"], alone),
        table(
            ["what takes the time of one user, by the profiler", "share"],
            where_time_goes(recommender, asked[:300]),
        ),
    ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    arguments.save_table.parent.mkdir(parents=True, exist_ok=True)
    arguments.save_table.write_text(text, encoding="utf-8")


def batches(recommender: Recommender) -> list[tuple[str, int, float | None]]:
    """Users a second, all asked at once, ours and implicit's."""
    users, rows = recommender.users, list[tuple[str, int, float | None]]()
    peer = implicit_recommend(recommender.shop)
    for question in QUESTIONS:
        theirs = len(users) / best_of(partial(peer, question))
        ours = len(users) / best_of(partial(recommender.recommend, users, k=K, exclude=question))
        words = "seen items left out" if question == "seen" else "repeats included"
        rows.append((f"hybridrec, {words}", round(ours), round(ours / theirs, 3)))
        rows.append((f"implicit.recommend, {words}", round(theirs), None))
    return rows


def implicit_recommend(shop: Shop) -> Callable[[Exclude], Any]:
    """The answer of implicit for all users, from factors of 128 dimensions after two sweeps."""
    from implicit.cpu.als import AlternatingLeastSquares

    met = csr_matrix(shop.histories.weights())
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=128, iterations=2, random_state=0)
        model.fit(met, show_progress=False)
    users = np.arange(met.shape[0])

    def answer(question: Exclude) -> Any:
        with threadpool_limits(1, "blas"):
            return model.recommend(users, met, N=K, filter_already_liked_items=question == "seen")

    return answer


def single_users(
    recommender: Recommender, asked: list[Any]
) -> list[tuple[str, float, float | None, float]]:
    """Milliseconds of one user asked alone, and of one explanation: median and 99th percentile."""
    rows = list[tuple[str, float, float | None, float]]()
    for question in QUESTIONS:
        times = []
        for user in asked:
            started = time.perf_counter()
            recommender.recommend(user, k=K, exclude=question)
            times.append(time.perf_counter() - started)
        words = "seen items left out" if question == "seen" else "repeats included"
        rows.append((f"one user, {words}", *quantiles(times), 3))
    times = []
    for user in asked[: len(asked) // 10]:
        item = recommender.recommend(user, k=1)[0].item_id
        started = time.perf_counter()
        recommender.explain(user, item)
        times.append(time.perf_counter() - started)
    rows.append(("one explanation", *quantiles(times), 10))
    return rows


def explanations(recommender: Recommender, asked: list[Any]) -> float:
    """Seconds of 1,000 explanations in one call: lists of ten of 100 users."""
    recs = recommender.recommend(asked[:100], k=K)
    pairs = [(rec.user_id, rec.item_id) for rec in recs]
    seconds = best_of(lambda: recommender.explain_pairs(pairs))
    return 1000 * seconds / len(pairs)


def where_time_goes(recommender: Recommender, asked: list[Any]) -> list[tuple[str, str]]:
    """The share of each part of the work in requests of one user each."""
    profiler = Profile()
    profiler.enable()
    for user in asked:
        recommender.recommend(user, k=K)
    profiler.disable()
    spent: dict[str, float] = {}
    for (_, _, function), (*_, cumulative, _) in Stats(profiler).stats.items():  # type: ignore[attr-defined]
        spent[function] = spent.get(function, 0.0) + cumulative
    shares = [(part, sum(spent[f] for f in of) / spent["recommend"]) for part, of in PARTS.items()]
    shares.append(("the rest: candidates joined, lists, objects", 1 - sum(s for _, s in shares)))
    return [(part, f"{share:.0%}") for part, share in sorted(shares, key=lambda row: -row[1])]


def best_of(answer: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of several runs."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        answer()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def quantiles(seconds: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, in milliseconds."""
    found = 1e3 * np.quantile(seconds, [0.5, 0.99])
    return round(float(found[0]), 2), round(float(found[1]), 2)


if __name__ == "__main__":
    main()
