"""Whose interest moved, on real histories, shuffled ones and ones spliced from two users.

    python -m benchmarks.drift --data DIR
    python -m benchmarks.drift --data DIR --model models/demo

Shuffled histories have no change: what is found there is a false alarm. Days are shuffled whole,
or single events. A spliced history is the first half of one user's occasions and the second half
of another's with about as many: what is found there should lie at the seam. The detector's two
numbers of the shop are estimated from each set of histories anew. With ``--model``, the
accuracy of a ranker fitted on all but the last 28 days of The Complete Journey, by users who moved
and users who did not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array

from benchmarks import markdown
from benchmarks.machine import describe
from hybridrec import Dataset, Recommender, RecommenderConfig
from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.config import Exclude
from hybridrec.data.histories import Histories
from hybridrec.drift.categories import chosen_categories
from hybridrec.drift.config import DriftConfig
from hybridrec.drift.detection import detect_changes
from hybridrec.drift.occasions import Likeness, Occasions
from hybridrec.drift.segments import user_segments
from hybridrec.evaluation.metrics import Estimate
from hybridrec.evaluation.protocols import Question, dense_top, fusion_top, rivals
from hybridrec.shop import Shop
from hybridrec.training import build_graph

SETS = ("complete-journey", "amazon-beauty")
LEAST_SPLICED = 6
"""Occasions of users whose histories are spliced."""
NEAR = 3
"""A change found within so many occasions of the seam is at the right place."""
TEST_DAYS = 28
METRICS = ("recall@10", "ndcg@10")
QUESTIONS: dict[str, Exclude] = {"all": "none", "new": "seen"}


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--dataset", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--expected", type=float, nargs="+", default=[100.0, 20.0],
                        help="occasions between changes, as the detector expects them")  # fmt: skip
    parser.add_argument("--model", type=Path, help="a saved recommender, for accuracy by users")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    parts = []
    for name in arguments.dataset:
        data = Dataset.load(name, data_dir=arguments.data)
        shop = Shop.of(data, data.histories(), build_graph(data))
        parts.append(f"## {name}\n\n" + detection(shop, arguments.expected, arguments.seed))
        parts.append(segment_table(shop, arguments.seed))
    if arguments.model:
        parts.append("## Accuracy by users\n\n" + accuracy(arguments.model, arguments.data))
    text = "\n\n".join([*parts, f"- {describe(arguments.seed)}\n"])
    print(text)
    if arguments.save_table:
        arguments.save_table.write_text(text, encoding="utf-8")


def detection(shop: Shop, expected: Sequence[float], seed: int) -> str:
    """What is found in real, shuffled and spliced histories, a row a setting."""
    settings = DriftConfig()
    categories = chosen_categories(shop, settings.categories)
    random = np.random.default_rng(seed)
    real = Occasions.of(shop.histories, categories, shop.as_of)
    loose = Occasions.of(shuffled_events(shop.histories, random), categories, shop.as_of)
    joined, seams = spliced(real, random)
    known = np.diff(real.indptr) >= 2
    rows = []
    for occasions_between in expected:
        change = settings.change.model_copy(update={"occasions_between_changes": occasions_between})

        sets = (real, real.shuffled(random), loose, joined)
        found, seconds = [], []
        for occasions in sets:
            started = time.perf_counter()
            found.append(detect_changes(occasions, Likeness.of(occasions), change))
            seconds.append(time.perf_counter() - started)
        shares = [
            np.mean(changes.probability[known] >= change.probability) for changes in found[:3]
        ]
        caught = found[3].probability >= change.probability
        off = np.abs(found[3].occasion - seams)[caught]
        near = f"{np.mean(off <= NEAR):.1%}" if off.size else "–"
        rows.append([
            f"{occasions_between:g}", f"{int(known.sum()):,}",
            *(f"{share:.1%}" for share in shares),
            f"{caught.mean():.1%} of {caught.size:,}", near, f"{seconds[0]:.1f}",
        ])  # fmt: skip
    header = ["occasions between changes", "users", "moved", "days shuffled", "events shuffled",
              "spliced: found", f"of these within {NEAR} occasions", "seconds"]  # fmt: skip
    likeness = Likeness.of(real)
    median = np.median(np.diff(real.indptr))
    return (
        f"Categories: {categories.described}, {len(categories.names)}; occasions a user: median "
        f"{median:.0f}; correlation of events within an occasion {likeness.within_occasion:.3f}, "
        f"within a user {likeness.within_user:.3f}.\n\n" + markdown.table(header, rows)
    )


def shuffled_events(histories: Histories, random: np.random.Generator) -> Histories:
    """Every user's items dealt out anew to the moments of the same user's events."""
    order = np.lexsort((random.random(histories.items.size), histories.users))
    return replace(histories, items=histories.items[order])


def spliced(occasions: Occasions, random: np.random.Generator) -> tuple[Occasions, IntArray]:
    """Histories of two users each, and the first occasion of the second user in each."""
    lengths = np.diff(occasions.indptr)
    users = np.flatnonzero(lengths >= LEAST_SPLICED)
    users = users[np.argsort(lengths[users] + random.random(users.size) / 2)]
    pairs = users[: users.size // 2 * 2].reshape(-1, 2)
    pairs = random.permuted(pairs, axis=1)
    starts, seams = occasions.indptr[:-1], lengths[pairs[:, 0]] // 2
    rows = [
        np.concatenate([
            np.arange(starts[one], starts[one] + seam),
            np.arange(starts[other] + lengths[other] // 2, starts[other] + lengths[other]),
        ])
        for (one, other), seam in zip(pairs, seams, strict=True)
    ]  # fmt: skip
    order = np.concatenate(rows)
    indptr = np.concatenate([[0], np.cumsum([row.size for row in rows])]).astype(np.int64)
    joined = Occasions(
        indptr, occasions.ages[order], csr_array(occasions.counts[order]), occasions.events[order]
    )
    return joined, seams


def segment_table(shop: Shop, seed: int) -> str:
    """The segments, and how far they hold."""
    started = time.perf_counter()
    segments = user_segments(shop, RecommenderConfig(seed=seed))
    seconds = time.perf_counter() - started
    rows = [
        [row["name_en"], row["users"], ", ".join(f"{lift:.1f}" for lift in row["lifts"])]
        for row in segments.table.iter_rows(named=True)
    ]
    tried = ", ".join(f"{n}: {value:.3f}" for n, value in segments.criterion.items())
    return (
        markdown.table(["segment", "users", "lifts"], rows)
        + f"\n\nStability {segments.stability:.2f} (adjusted Rand over 10 draws); silhouette by "
        f"number: {tried}; {seconds:.1f} seconds."
    )


def accuracy(model: Path, folder: Path | None) -> str:
    """A saved ranker and its rivals, by users who moved before the test and users who did not."""
    recommender = Recommender.load(model)
    fusion, shop = recommender.fusion, recommender.shop
    frame = recommender.drift().users.frame
    moved = (frame["verdict"] == "moved").to_numpy()
    data = Dataset.load("complete-journey", data_dir=folder)
    _, test = data.split_by_time(test_days=TEST_DAYS)
    parts = []
    for name, exclude in QUESTIONS.items():
        question = Question.of(shop, test, exclude)
        tops = {
            model: dense_top(question, score, 10, fusion.config.seed)
            for model, score in rivals(fusion, exclude).items()
        }
        tops["fusion"] = fusion_top(fusion, question, 10)
        for metric in METRICS:
            scores = {model: question.score(top, metric) for model, top in tops.items()}
            table = by_moved(scores, moved[question.users], "fusion")
            parts.append(f"`{name}`, {metric}\n\n{table}")
    return "\n\n".join(parts)


def by_moved(scores: Mapping[str, DoubleArray], moved: BoolArray, ours: str) -> str:
    """A metric by users who moved and users who did not, as Markdown.

    Args:
        scores: model → the metric of every user, ``(n_users,)``.
        moved: ``(n_users,)`` who moved.
        ours: the model whose paired lead over each other is given, in standard errors.
    """
    groups = {"moved": moved, "steady": ~moved}
    header = ["model"]
    for group, members in groups.items():
        header += [f"{group} ({int(members.sum()):,})", "lead"]
    rows = []
    for model, values in scores.items():
        row = [model]
        for members in groups.values():
            if not members.any():
                row += ["–", ""]
                continue
            estimate = Estimate.of(values[members])
            lead = Estimate.of(scores[ours][members] - values[members])
            told = f"{lead.value / lead.standard_error:+.1f}" if lead.standard_error else ""
            row += [f"{estimate.value:.4f} ± {estimate.standard_error:.4f}", told]
        rows.append(row)
    return markdown.table(header, rows)


if __name__ == "__main__":
    main()
