"""Whether explanations add up, and hold up: what they name is what moves the score.

    python -m benchmarks.explanations --dataset amazon-beauty-70-30 --data DIR \
        --checkpoints DIR --save-table FILE.md

A recommender is fitted on what the table of the set learns from (``--checkpoints`` takes over the
fit that ``benchmarks.accuracy`` left there), and explains the recommendations of random users.

Sums: base and contributions against the score, splits against their contribution, as shares of
``|score|``. Deletion: past items are taken out of the history in the order that the explanation
gives, and in other orders; every shortened history is folded in and ranked again. Paths: whether
every edge is in the graph that was learnt from; LIR, SEP and PTD as in Balloccu et al., "Post
Processing Recommender Systems with Knowledge Graphs for Recency, Popularity, and Diversity of
Explanations" (SIGIR 2022). Sanity: a ranker of random weights must give other explanations (Adebayo
et al., NeurIPS 2018), and taking out an item that weighs nothing much must change little.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr, ttest_rel

from benchmarks import markdown
from benchmarks.accuracy.__main__ import CONFIGS, fusion
from benchmarks.accuracy.table import notes
from benchmarks.accuracy.tasks import PROTOCOLS, Task, load, tasks
from benchmarks.machine import describe
from hybridrec import Recommender, RecommenderConfig
from hybridrec.arrays import BoolArray, DoubleArray, IntArray
from hybridrec.config import Exclude
from hybridrec.data.histories import Histories
from hybridrec.explain.attribution import attribute
from hybridrec.explain.counterfactual import without
from hybridrec.explain.evidence import PastItem
from hybridrec.explain.explanation import Explanation
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.policy import Boost, Pin, Policy
from hybridrec.progress import show_progress, stage, track

K = 10
NEVER = datetime.min
SHARES = np.linspace(0.0, 1.0, 11)
"""Of the history that is taken out."""
FEW = 0.2
"""Of the history, for comprehensiveness and sufficiency."""
TOLERANCE = 1e-4
"""Of the score, that a sum may be off."""
LEAST_PAST = 5
"""Different items in a history that is taken apart."""
LIME_SAMPLES = 100
LIME_RIDGE = 1.0
EXPLANATION = "this explanation"


def main() -> None:
    """Fits or takes over, measures, prints; ends with status 1 where a sum is off."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dataset", choices=PROTOCOLS, required=True)
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--model", type=Path, help="a recommender fitted on just this")
    parser.add_argument("--checkpoints", type=Path, help="that benchmarks.accuracy left")
    parser.add_argument("--sums", type=int, default=250, help="users whose lists are added up")
    parser.add_argument("--deletions", type=int, default=200, help="histories taken apart")
    parser.add_argument("--save-table", type=Path, metavar="FILE.md", help="Markdown to write")
    parser.add_argument("--save-plot", type=Path, metavar="FILE.svg",
        help="of the deletion; needs pip install 'hybridrec[benchmarks]'")  # fmt: skip
    parser.set_defaults(promotions=False)
    arguments = parser.parse_args()
    show_progress("lines")
    task = tasks([arguments.dataset], load([arguments.dataset], arguments.data))[0]
    config = RecommenderConfig.from_yaml(CONFIGS / task.protocol.settings)
    recommender, _ = fusion(arguments, task, config)
    random = np.random.default_rng(config.seed)
    users = random.permutation(task.question.users)
    ids = task.train.users.ids_of(users[: arguments.sums])
    sums, worst = sums_and_paths(recommender, ids, task.protocol.exclude)
    text = "\n\n".join(
        [
            f"### {task.name}",
            sums,
            faithfulness(
                recommender, task, users, arguments.deletions, random, arguments.save_plot
            ),
            notes({"settings": task.protocol.settings, "measured on": describe(config.seed)}),
        ]
    )
    print(text)
    if arguments.save_table:
        arguments.save_table.parent.mkdir(parents=True, exist_ok=True)
        arguments.save_table.write_text(text, encoding="utf-8")
    if worst > TOLERANCE:
        raise SystemExit(f"a sum is off by {worst:.1e} of the score, more than {TOLERANCE:.0e}")


def sums_and_paths(
    recommender: Recommender, users: Sequence[Hashable], question: Exclude
) -> tuple[str, float]:
    """How far sums are off, what paths there are and how long it takes, and the greatest error."""
    started = time.perf_counter()
    recs = recommender.recommend(list(users), k=K, exclude=question)
    ranked = time.perf_counter() - started
    started = time.perf_counter()
    recs = recommender.recommend(list(users), k=K, exclude=question, explain=True)
    explained = time.perf_counter() - started
    whys = [rec.explanation for rec in recs if rec.explanation is not None]
    with_policy = recommender.recommend(
        list(users), k=K, exclude=question, policy=mixed_policy(recommender), explain=True
    )
    under_policy = [rec.explanation for rec in with_policy if rec.explanation is not None]
    contributions = max(map(_error_of_sum, whys))
    of_policy = max(map(_error_of_sum, under_policy))
    splits = max(_error_of_splits(why) for why in [*whys, *under_policy])
    one = _seconds_alone(recommender, [(why.user_id, why.item_id) for why in whys[:200]], question)
    rows: list[tuple[str, str]] = [
        ("explanations", f"{len(whys):,}"),
        ("largest error of base + contributions, share of the score", f"{contributions:.1e}"),
        (
            f"the same of {len(under_policy):,} under a policy of boosts, diversity, exploration "
            "and pins",
            f"{of_policy:.1e}",
        ),
        ("largest error of a split over past items, likewise", f"{splits:.1e}"),
        ("1,000 in one call, with the ranking", f"{1000 * explained / len(whys):.2f} s"),
        ("the ranking alone", f"{1000 * ranked / len(whys):.2f} s"),
        ("one alone, p50", f"{1000 * np.quantile(one, 0.5):.1f} ms"),
        ("one alone, p99", f"{1000 * np.quantile(one, 0.99):.1f} ms"),
        *_paths(recommender, whys),
    ]
    return markdown.table(("what", "measured"), rows), max(contributions, of_policy, splits)


def mixed_policy(recommender: Recommender) -> Policy:
    """A policy of every step that has a part in a score, or changes which items there are."""
    met = recommender.fusion.moment.statistics["popularity"]
    popular = [recommender.items[row] for row in np.argsort(-met, kind="stable")[:100]]
    return Policy(
        boosts=[Boost(by=0.5, items=popular[:50]), Boost(by=-0.25, items=popular[25:75])],
        diversity=0.3,
        exploration=0.1,
        pins=[Pin(item=popular[-1], rank=3)],
    )


def _error_of_sum(why: Explanation) -> float:
    total = why.base + sum(part.value for part in why.contributions)
    return abs(total - why.score) / max(abs(why.score), 1e-3)


def _error_of_splits(why: Explanation) -> float:
    errors = [
        abs(sum(past.weight for past in part.evidence) - part.value)
        for part in why.contributions
        if part.evidence
    ]
    return max(errors, default=0.0) / max(abs(why.score), 1e-3)


def _seconds_alone(
    recommender: Recommender, pairs: Sequence[tuple[Hashable, Hashable]], question: Exclude
) -> DoubleArray:
    seconds = []
    for user, item in pairs:
        started = time.perf_counter()
        recommender.explain(user, item, exclude=question)
        seconds.append(time.perf_counter() - started)
    return np.array(seconds)


def _paths(recommender: Recommender, whys: Sequence[Explanation]) -> Iterator[tuple[str, str]]:
    """Validity, coverage, and how recent, how popular and how diverse paths are."""
    graph = recommender.shop.graph
    if graph is None:
        return
    (heads, tails), kinds = graph.edge_index()
    keys, names = graph.entities["key"].to_list(), [r.name for r in graph.relations]
    facts = {
        (keys[head], names[kind], keys[tail])
        for head, tail, kind in zip(heads.tolist(), tails.tolist(), kinds.tolist(), strict=True)
    }
    paths = [(why, path) for why in whys for path in why.paths]
    valid = [bool(path.edges) and set(path.edges) <= facts for _, path in paths]
    yield "recommendations with a path", f"{len(paths) / len(whys):.2%}"
    for reason, times in Counter(why.no_path for why in whys if why.no_path).items():
        yield f"without, since {reason}", f"{times / len(whys):.2%}"
    yield "paths of which every edge is in the graph", f"{np.mean(valid):.2%}"
    recency = []
    for why, path in paths:
        past = sorted(
            (item for item in why.evidence if isinstance(item, PastItem) and item.last),
            key=lambda item: item.last or NEVER,
        )
        places = [n for n, item in enumerate(past) if item.title == path.source_title]
        if places and len(past) > 1:
            recency.append(places[-1] / (len(past) - 1))
    if recency:
        yield "LIR: how late the past item is, 0 first to 1 last", f"{np.mean(recency):.2f}"
    shares = [path.share for _, path in paths if path.share is not None]
    yield "SEP: share of the catalogue with what is shared, median", f"{np.median(shares):.2%}"
    kinds_of: dict[Hashable, set[str | None]] = {}
    lengths: dict[Hashable, int] = {}
    for why, path in paths:
        kinds_of.setdefault(why.user_id, set()).add(path.relation)
        lengths[why.user_id] = lengths.get(why.user_id, 0) + 1
    types = len({path.relation for _, path in paths})
    diversity = [len(kinds_of[u]) / min(lengths[u], types) for u in kinds_of]
    yield "PTD: kinds of path in a list, share of those possible", f"{np.mean(diversity):.2f}"


@dataclass(frozen=True)
class Taken:
    """A history to take apart.

    Args:
        history: of one user.
        item: the item explained.
        past: ``(n_past,)`` its item rows.
        weights: ``(n_past,)`` what the explanation says of each, over all contributions.
    """

    history: Histories
    item: int
    past: IntArray
    weights: DoubleArray


def taken(fusion: Fusion, history: Histories, question: Exclude) -> Taken | None:
    """The best item of a history and what its explanation says; ``None`` for too short a one."""
    past = np.unique(history.items)
    if past.size < LEAST_PAST:
        return None
    candidates = fusion.candidates(history, question)
    [place] = candidates.pairs.top(candidates.scores, 1)
    item = int(candidates.pairs.items[place])
    return Taken(history, item, past, weights_of(fusion, history, question, item, past))


def weights_of(
    fusion: Fusion, history: Histories, question: Exclude, item: int, past: IntArray
) -> DoubleArray:
    """What the explanation of an item says of each past item, over all contributions."""
    candidates = fusion.candidates(history, question, include=np.array([item]))
    place = np.flatnonzero(candidates.pairs.items == item)
    parts = attribute(fusion, candidates, 0, place)
    weights = np.zeros(past.size)
    weights[np.searchsorted(past, parts.past_items)] = sum(
        (split[0] for split in parts.splits.values()), np.zeros(parts.past_items.size)
    )
    return weights


def margins(fusion: Fusion, question: Exclude, one: Taken, removals: BoolArray) -> DoubleArray:
    """How far the item stands above the mean candidate without each set of past items, ``(n,)``."""
    found = np.zeros(len(removals))
    histories = without(one.history, one.past, removals)
    include = np.array([one.item])
    for users, block in fusion.blocks(histories, question, include=include):
        means = block.pairs.means(block.scores[:, None])[:, 0]
        at = block.pairs.items == one.item
        found[users] = block.scores[at] - means
    return found


def orders(
    fusion: Fusion, question: Exclude, one: Taken, random: np.random.Generator
) -> Mapping[str, IntArray]:
    """Past items in the order in which each explainer names them, ``(n_past,)`` places each."""
    ages = np.full(one.past.size, np.inf)
    np.minimum.at(ages, np.searchsorted(one.past, one.history.items), one.history.ages)
    likeness = fusion.item_similarity(one.item)[one.past]
    return {
        EXPLANATION: np.argsort(-one.weights, kind="stable"),
        "surrogate (LIME)": np.argsort(-lime(fusion, question, one, random), kind="stable"),
        "likeness to the item": np.argsort(-likeness, kind="stable"),
        "latest first": np.argsort(ages, kind="stable"),
        "random": random.permutation(one.past.size),
    }


def lime(fusion: Fusion, question: Exclude, one: Taken, random: np.random.Generator) -> DoubleArray:
    """Weights of a linear surrogate on random parts of the history (Ribeiro et al., KDD 2016)."""
    left_out = random.random((LIME_SAMPLES, one.past.size)) < random.random((LIME_SAMPLES, 1))
    scores = margins(fusion, question, one, left_out)
    present = (~left_out).astype(np.float64)
    near = np.exp(-((left_out.mean(axis=1) / 0.5) ** 2))
    centred = present - np.average(present, axis=0, weights=near)
    target = scores - np.average(scores, weights=near)
    gram = (centred * near[:, None]).T @ centred + LIME_RIDGE * np.eye(one.past.size)
    return np.asarray(np.linalg.solve(gram, (centred * near[:, None]).T @ target))


def faithfulness(
    recommender: Recommender,
    task: Task,
    users: IntArray,
    wanted: int,
    random: np.random.Generator,
    plot: Path | None,
) -> str:
    """Deletion and insertion curves, and sanity, as tables; the former as a plot, too."""
    fusion, question = recommender.fusion, task.protocol.exclude
    histories = recommender.shop.histories_of(users)
    find = partial(taken, fusion, question=question)
    deletion: dict[str, list[DoubleArray]] = {}
    insertion: dict[str, list[DoubleArray]] = {}
    stable: list[float] = []
    other: list[float] = []
    changed = untrained(fusion)
    found = (find(histories.of([row])) for row in range(users.size))
    with stage("histories taken apart"):
        some = islice((one for one in found if one is not None), wanted)
        for one in track(some, "deletion", wanted):
            for name, order in orders(fusion, question, one, random).items():
                ranks = np.empty(order.size)
                ranks[order] = np.arange(order.size)
                first = ranks[None] < np.round(SHARES * order.size)[:, None]
                margin = margins(fusion, question, one, np.concatenate([first, ~first]))
                curve = margin - margin[SHARES.size - 1]  # beyond what it has without a history
                deletion.setdefault(name, []).append(curve[: SHARES.size])
                insertion.setdefault(name, []).append(curve[SHARES.size :])
            least = np.arange(one.past.size) == np.argmin(np.abs(one.weights))
            shorter = without(one.history, one.past, least[None])
            again = weights_of(fusion, shorter, question, one.item, one.past)
            stable.append(_rank_correlation(one.weights[~least], again[~least]))
            random_weights = weights_of(changed, one.history, question, one.item, one.past)
            other.append(_rank_correlation(one.weights, random_weights))
    if plot is not None:
        from benchmarks.plots import lines

        percent = (100 * SHARES).tolist()
        left = {name: means.tolist() for name, means in mean_curves(deletion).items()}
        lines(plot, percent, left, "percent of the history taken out", "what it still gives")
    return "\n\n".join(
        [
            _curves(deletion, insertion),
            markdown.table(
                ("rank correlation of the past items' weights", "mean ± standard error"),
                [
                    ("without the item that weighs least", _mean(stable)),
                    ("with a ranker of random weights", _mean(other)),
                ],
            ),
        ]
    )


def mean_curves(deletion: Mapping[str, list[DoubleArray]]) -> Mapping[str, DoubleArray]:
    """The mean curve of each order, in shares of what the whole history gives."""
    means = {name: np.mean(curves, axis=0) for name, curves in deletion.items()}
    return {name: mean / means[EXPLANATION][0] for name, mean in means.items()}


def _curves(
    deletion: Mapping[str, list[DoubleArray]], insertion: Mapping[str, list[DoubleArray]]
) -> str:
    """Areas under the curves, with paired tests against the explanation's own."""
    few = int(np.argmin(abs(SHARES - FEW)))
    means = mean_curves(deletion)
    whole = float(np.mean([curve[0] for curve in deletion[EXPLANATION]]))
    own = _areas(deletion[EXPLANATION]) / whole
    rows: list[tuple[str, ...]] = []
    for name, each in deletion.items():
        dropped, grown = np.stack(each) / whole, np.stack(insertion[name]) / whole
        area = _areas(dropped)
        p = "" if name == EXPLANATION else f"{ttest_rel(own, area).pvalue:.1e}"
        gone = _mean(dropped[:, 0] - dropped[:, few])
        enough = _mean(dropped[:, 0] - grown[:, few])
        rows.append((name, _mean(area), p, _mean(_areas(grown)), gone, enough))
    header = (
        "order", "deletion ↓", "p", "insertion ↑",
        f"comprehensiveness at {FEW:.0%} ↑", f"sufficiency at {FEW:.0%} ↓",
    )  # fmt: skip
    table = markdown.table(header, rows)
    told = "share of the history taken out"
    shares = [f"{share:.0%}" for share in SHARES]
    curves = [(name, *(f"{value:.2f}" for value in mean)) for name, mean in means.items()]
    return f"{table}\n\n{markdown.table((told, *shares), curves)}"


def _areas(curves: Sequence[DoubleArray] | DoubleArray) -> DoubleArray:
    """The area under each curve, ``(n,)``: the mean over the shares taken out."""
    return np.asarray(np.asarray(curves).mean(axis=1))


def _rank_correlation(one: DoubleArray, other: DoubleArray) -> float:
    return float(spearmanr(one, other).statistic)


def _mean(values: Sequence[float] | DoubleArray) -> str:
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    return f"{known.mean():.3f} ± {known.std() / np.sqrt(known.size):.3f}"


def untrained(fusion: Fusion) -> Fusion:
    """The same towers, with rankers that have learnt nothing: their weights are as drawn."""
    other = Fusion(fusion.towers, fusion.config, fusion.scope, fusion.extra_signals)
    other.observe(fusion.moment)
    levels = {n: v for n, v in fusion.ranker_state().items() if n.endswith(".level")}
    other.restore_rankers({**other.ranker_state(), **levels})
    return other


if __name__ == "__main__":
    main()
