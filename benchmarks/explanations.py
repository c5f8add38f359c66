"""Whether explanations add up, on random recommendations.

    python -m benchmarks.explanations --model models/demo

For each of ``--sample`` recommendations: the error of base + contributions against the score, and
of each split over past items against its contribution; the tolerance is 1e-4 · |score| + 1e-6.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks.machine import describe
from hybridrec import Recommender
from hybridrec.config import Exclude


def main() -> None:
    """Measures and prints; ends with status 1 where a sum is off."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, default=Path("models/demo"))
    parser.add_argument("--sample", type=int, default=1000, help="recommendations to take apart")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    recommender = Recommender.load(arguments.model)
    random = np.random.default_rng(arguments.seed)
    worst = {"contributions": 0.0, "split over past items": 0.0}
    seconds, checked, with_path = 0.0, 0, 0
    questions: tuple[Exclude, ...] = ("none", "seen")
    for question in questions:
        n_users = -(-arguments.sample // 20)
        picked = random.choice(len(recommender.users), n_users, replace=False)
        users = [recommender.users[row] for row in picked]
        started = time.perf_counter()
        recs = recommender.recommend(users, k=10, exclude=question, explain=True)
        seconds += time.perf_counter() - started
        for rec in recs:
            why = rec.explanation
            assert why is not None
            tolerance = 1e-4 * abs(why.score) + 1e-6
            total = why.base + sum(part.value for part in why.contributions)
            _note(worst, "contributions", abs(total - why.score) / tolerance)
            for part in why.contributions:
                if part.evidence:
                    split = sum(past.weight for past in part.evidence)
                    _note(worst, "split over past items", abs(split - part.value) / tolerance)
            checked += 1
            with_path += bool(why.paths)
    for name, error in worst.items():
        print(f"{name}: largest error {error:.4f} of the tolerance")
    print(f"{checked:,} explanations, {1000 * seconds / checked:.1f} ms each, ranking included")
    print(f"{with_path / checked:.1%} carry a knowledge-graph path")
    print(describe(arguments.seed))
    if max(worst.values()) > 1:
        raise SystemExit(1)


def _note(worst: dict[str, float], name: str, error: float) -> None:
    worst[name] = max(worst[name], error)


if __name__ == "__main__":
    main()
