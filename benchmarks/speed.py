"""How fast a fitted recommender is, on The Complete Journey, beside implicit and beside its goals.

    python -m benchmarks.speed --model models/demo

The model is one that ``hybridrec demo`` or ``Recommender.save`` left. In one process, warm: users a
second in a batch of all, the fusion with all its signals beside ``implicit.recommend`` of factors
of as many dimensions on the same users and items; one user asked alone, and what takes the time;
one explanation, and 1,000 in one call; one new event taken in; one load; ``import hybridrec`` in
fresh processes; the collaborative tower's fit to the loss that implicit reaches in ten sweeps, from
the same start. Writes ``benchmarks/results/speed.md``. Seconds of whole fits stand in the tables of
:mod:`benchmarks.accuracy`, growth in those of :mod:`benchmarks.scaling`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from cProfile import Profile
from datetime import timedelta
from functools import partial
from pathlib import Path
from pstats import Stats
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.collaborative_speed import race, seconds
from benchmarks.machine import describe, peak_memory_gb
from benchmarks.markdown import table
from hybridrec import Recommender
from hybridrec.config import Exclude
from hybridrec.data.columns import Columns
from hybridrec.shop import Shop

RESULTS = Path(__file__).parent / "results" / "speed.md"
K = 10
QUESTIONS: tuple[Exclude, ...] = ("none", "seen")
WORDS: dict[Exclude, str] = {"none": "repeats included", "seen": "seen items left out"}
PARTS = {
    "histories weighed under each profile": ["profile_weights"],
    "folding in, and scores of all items by every scorer": ["of_all"],
    "the best of these": ["best_of_rows"],
    "signals of the candidates": ["compute_signals"],
    "the ranker": ["standardise", "score_inputs"],
}
"""Parts of a request, and the functions that do them, none within another."""


class Figure(NamedTuple):
    """A row of the table of goals: what was timed, how it came out, in words, and the goal."""

    what: str
    measured: str
    goal: str


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
    figures = [
        *batches(recommender),
        *alone(recommender, asked),
        *explanations(recommender, asked[: n // 10]),
        new_events(arguments.model, asked),
        Figure("a saved model loaded", f"{loaded:.2f} s", "2 s"),
        imported(),
        collaborative_fit(recommender.shop),
    ]
    rankers = recommender.fusion.rankers.values()
    signals = " and ".join(str(len(ranker.signals)) for ranker in rankers)
    parts = [
        "# Speed",
        f"{describe(arguments.seed)}\n\n{len(recommender.users):,} users, "
        f"{len(recommender.items):,} items, {signals} signals; "
        f"peak memory {peak_memory_gb():.2f} GB",
        table(["what", "measured", "goal"], figures),
        table(
            ["what takes the time of one user, by the profiler", "share"],
            where_time_goes(recommender, asked[:300]),
        ),
    ]
    text = "\n\n".join(parts) + "\n"
    print(text)
    arguments.save_table.parent.mkdir(parents=True, exist_ok=True)
    arguments.save_table.write_text(text, encoding="utf-8")


def batches(recommender: Recommender) -> list[Figure]:
    """Users a second, all asked at once, ours and implicit's."""
    users, rows = recommender.users, list[Figure]()
    peer = implicit_recommend(recommender.shop)
    for question in QUESTIONS:
        theirs = len(users) / best_of(partial(peer, question))
        ours = len(users) / best_of(partial(recommender.recommend, users, k=K, exclude=question))
        rows.append(
            Figure(
                f"batch ranking of all users, {WORDS[question]}",
                f"{ours:,.0f} users/s, {ours / theirs:.1%} of implicit's {theirs:,.0f}",
                "100 % of implicit's",
            )
        )
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


def alone(recommender: Recommender, asked: Sequence[Any]) -> list[Figure]:
    """Of users asked one by one."""
    rows = []
    for question in QUESTIONS:
        answer = partial(recommender.recommend, k=K, exclude=question)
        times = [seconds(partial(answer, user)) for user in asked]
        rows.append(Figure(f"one user, {WORDS[question]}", quantiles(times), "p50 3, p99 10 ms"))
    return rows


def explanations(recommender: Recommender, asked: Sequence[Any]) -> list[Figure]:
    """Of one explanation, from scratch and right after the user's list, and of 1,000 in one call.

    The 1,000 are lists of ten of 100 users.
    """
    firsts = [(user, recommender.recommend(user, k=1)[0].item_id) for user in asked]
    times = [seconds(partial(recommender.explain, user, item)) for user, item in firsts]
    of_lists = []
    for user, item in firsts:
        recommender.recommend(user, k=K)
        of_lists.append(seconds(partial(recommender.explain, user, item)))
    recs = recommender.recommend(asked[:100], k=K)
    pairs = [(rec.user_id, rec.item_id) for rec in recs]
    together = best_of(lambda: recommender.explain_pairs(pairs)) * 1000 / len(pairs)
    return [
        Figure("one explanation", quantiles(times), "p50 10 ms"),
        Figure("one explanation of a list just asked for", quantiles(of_lists), "p50 10 ms"),
        Figure("1,000 explanations in one call", f"{together:.2f} s", "3 s"),
    ]


def new_events(model: Path, asked: Sequence[Any]) -> Figure:
    """Of one new event of a known user taken in; on a model of its own, which it changes."""
    recommender = Recommender.load(model)
    moment = recommender.shop.as_of
    assert moment is not None
    times = []
    for place, user in enumerate(asked):
        event = pl.DataFrame(
            {
                Columns.USER: [user],
                Columns.ITEM: [recommender.items[place % len(recommender.items)]],
                Columns.TIMESTAMP: [moment + timedelta(seconds=place + 1)],
                Columns.EVENT: ["purchase"],
                Columns.VALUE: [1.0],
            }
        )
        times.append(seconds(partial(recommender.update, event)))
    return Figure("one new event taken in", quantiles(times), "p50 2 ms")


def imported() -> Figure:
    """Of ``import hybridrec``, beyond what an empty process takes; the best of five each."""
    empty, full = (
        best_of(partial(subprocess.run, [sys.executable, "-c", code], check=True), 5)
        for code in ("pass", "import hybridrec")
    )
    return Figure("import hybridrec", f"{full - empty:.2f} s", "0.3 s")


def collaborative_fit(shop: Shop) -> Figure:
    """Of the collaborative tower's fit, to the loss implicit reaches in ten sweeps."""
    _, theirs, ours, ratio, _ = race(shop.histories.weights(), 128, torch.device("cpu"))
    return Figure(
        "collaborative fit, 128 factors, to the same loss",
        f"{ours} s, {ratio} × implicit's {theirs} s",
        "1.05 × implicit's",
    )


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


def best_of(work: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of several runs."""
    return min(seconds(work) for _ in range(times))


def quantiles(times: Sequence[float]) -> str:
    """Median and 99th percentile of seconds, in words."""
    middle, late = 1e3 * np.quantile(times, [0.5, 0.99])
    return f"p50 {middle:.1f}, p99 {late:.1f} ms"


if __name__ == "__main__":
    main()
