"""What a test set asks, and how a recommender and its rivals answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.config import Exclude
from hybridrec.data import Dataset, Histories
from hybridrec.data.columns import Columns
from hybridrec.errors import DataError
from hybridrec.evaluation.metrics import Estimate, greatest_cut, per_user
from hybridrec.evaluation.ranking import top_items
from hybridrec.evaluation.slices import (
    HISTORY_LENGTHS,
    ITEM_AGES_DAYS,
    check_slices,
    ranges,
)
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.profiles import Scorer, profile_weights, profiles
from hybridrec.shop import Shop

BLOCK_USERS = 256


@dataclass(frozen=True)
class Question:
    """The users of a test set and what they met in it.

    Args:
        users: ``(n,)`` user rows with something to foretell.
        relevant: sparse ``(n, n_items)``, true where the user met the item in the test.
        histories: what they did before, in the same order.
        exclude: ``seen`` asks for items the user had not met before.
    """

    users: IntArray
    relevant: csr_array
    histories: Histories
    exclude: Exclude

    @classmethod
    def of(cls, shop: Shop, test: Dataset, exclude: Exclude) -> Question:
        """The question a test set asks of a shop; users and items it does not know are left out.

        Raises:
            DataError: if no known user met any known item.
        """
        users = shop.users.join(test.events[Columns.USER])
        items = shop.items.join(test.events[Columns.ITEM])
        known = (users >= 0) & (items >= 0)
        shape = (len(shop.users), len(shop.items))
        met = csr_array((np.ones(known.sum()), (users[known], items[known])), shape=shape) > 0
        if exclude == "seen":
            before = shop.histories.weights() > 0
            met = met > met.multiply(before)
        met = csr_array(met)
        met.eliminate_zeros()
        asked = np.flatnonzero(np.diff(met.indptr))
        if asked.size == 0:
            raise DataError(
                "the test set holds no event that could be foretold: none of its users and items "
                "are both known" + (" and new to each other" if exclude == "seen" else "")
            )
        return cls(asked, met[asked], shop.histories.of(asked), exclude)

    def of_users(self, rows: IntArray) -> tuple[Question, IntArray]:
        """The question asked of some of the users, and these."""
        part = replace(
            self,
            users=self.users[rows],
            relevant=self.relevant[rows],
            histories=self.histories.of(rows),
        )
        return part, rows

    def of_items(self, chosen: BoolArray) -> tuple[Question, IntArray]:
        """The question with these items alone relevant, and the rows of the users it leaves."""
        kept = chosen[self.relevant.indices]
        rows = np.repeat(np.arange(self.users.size), np.diff(self.relevant.indptr))[kept]
        entries = (np.ones(rows.size, dtype=bool), (rows, self.relevant.indices[kept]))
        relevant = csr_array(entries, shape=self.relevant.shape)
        return replace(self, relevant=relevant).of_users(np.unique(rows))

    def hits(self, top: IntArray) -> BoolArray:
        """Which places of ``(n, k)`` item rows (−1 for none) are relevant."""
        rows = np.repeat(np.arange(top.shape[0]), top.shape[1])
        found = np.asarray(self.relevant[rows, np.maximum(top, 0).ravel()]).ravel() > 0
        return found.reshape(top.shape) & (top >= 0)

    def score(self, top: IntArray, metric: str) -> DoubleArray:
        """One metric for every user, from ``(n, k)`` item rows in order of rank."""
        return per_user(metric, self.hits(top), np.diff(self.relevant.indptr))


def fusion_top(fusion: Fusion, question: Question, k: int) -> IntArray:
    """The fusion's best items, ``(n, k)``; −1 where a user has fewer."""
    top = np.full((question.users.size, k), -1, dtype=np.int64)
    for users, candidates in fusion.blocks(question.histories, question.exclude):
        best = candidates.pairs.top(candidates.scores, k)
        of_user = candidates.pairs.users[best]
        first = np.searchsorted(of_user, of_user, side="left")
        top[users[of_user], np.arange(best.size) - first] = candidates.pairs.items[best]
    return top


def dense_top(
    question: Question,
    scores: Callable[[Histories], FloatArray],
    k: int,
    seed: int = 0,
) -> IntArray:
    """The best items by a score for every (user, item), ``(n, k)``; ties broken at random.

    Args:
        question: users and histories.
        scores: gives ``(n_users, n_items)`` for a block of histories.
        k: how many.
        seed: for the ties.
    """
    random = np.random.default_rng(seed)
    top = []
    for users in np.array_split(
        np.arange(question.users.size), -(-question.users.size // BLOCK_USERS)
    ):
        block = question.histories.of(users)
        order = random.permutation(block.n_items)
        values = np.asarray(scores(block), dtype=np.float32)[:, order]
        met = (np.ones(block.items.size, dtype=bool), block.items, block.indptr)
        seen = csr_array(met, values.shape) if question.exclude == "seen" else None
        top.append(top_items(values, k, order, seen))
    return np.concatenate(top)


def rivals(fusion: Fusion, exclude: Exclude) -> Mapping[str, Callable[[Histories], FloatArray]]:
    """Simple models that the fusion must beat: what is popular, own counts, each scorer alone."""
    statistics = fusion.moment.statistics
    models: dict[str, Callable[[Histories], FloatArray]] = {
        "popularity": lambda block: np.tile(statistics["popularity"], (block.n_users, 1))
    }
    if "recent" in statistics:
        models["popular in the last 28 days"] = lambda block: np.tile(
            statistics["recent"], (block.n_users, 1)
        )
    if exclude == "none":
        models["own counts"] = lambda block: block.weights().toarray()
        if "recent" in statistics:
            models["own counts, half-life 60 days"] = lambda block: block.weights(60.0).toarray()
    for (name, profile), alone in scorers_alone(fusion).items():
        kind = " tower" if name in fusion.towers else ""
        models[f"{name}{kind}, {profile} profile"] = alone
    return models


def scorers_alone(
    fusion: Fusion,
) -> Mapping[tuple[str, str], Callable[[Histories], FloatArray]]:
    """Each scorer by itself, under each profile: keys are ``(scorer, profile)``."""
    models: dict[tuple[str, str], Callable[[Histories], FloatArray]] = {}
    for name, scorer in fusion.scorers.items():
        for profile in profiles(fusion.config):

            def alone(
                block: Histories, scorer: Scorer = scorer, profile: str = profile
            ) -> FloatArray:
                return scorer.scores(profile_weights(block, fusion.config)[profile])

            models[name, profile] = alone
    return models


def evaluate(
    fusion: Fusion,
    shop: Shop,
    test: Dataset,
    metrics: Sequence[str],
    exclude: Exclude,
    by: Sequence[str] = (),
) -> pl.DataFrame:
    """The fusion on a test set; see :meth:`Recommender.evaluate`."""
    check_slices(by, timed=fusion.scope.timed)
    k = greatest_cut(metrics)
    question = Question.of(shop, test, exclude)
    top = fusion_top(fusion, question, k)
    everyone = np.arange(question.users.size)
    slices = [("all", question, everyone)]
    if "history_length" in by:
        lengths = np.diff(question.histories.indptr).astype(np.float64)
        for label, chosen in ranges("history_length", lengths, HISTORY_LENGTHS):
            slices.append((label, *question.of_users(np.flatnonzero(chosen))))
    if "item_age" in by:
        # a float32 logarithm is some seconds off, and slices begin at whole days
        ages = np.expm1(-fusion.moment.statistics["newness"].astype(np.float64)).round(4)
        for label, chosen in ranges("item_age", ages, ITEM_AGES_DAYS):
            slices.append((label, *question.of_items(chosen)))
    rows = []
    for label, part, users in slices:
        if users.size == 0:
            continue
        for metric in metrics:
            estimate = Estimate.of(part.score(top[users], metric))
            rows.append(
                {
                    "slice": label,
                    "metric": metric,
                    "value": estimate.value,
                    "standard_error": estimate.standard_error,
                    "users": estimate.users,
                }
            )
    return pl.DataFrame(rows)


def compare(
    fusion: Fusion,
    shop: Shop,
    test: Dataset,
    exclude: Exclude,
    metrics: Sequence[str] = ("recall@10", "ndcg@10"),
) -> pl.DataFrame:
    """The fusion beside its rivals on a test set.

    Returns:
        A row a model, the fusion last: ``model``, and for each metric its mean, its standard
        error over users, and how many standard errors of the paired difference the fusion is
        ahead (``ndcg@10 lead``; null for the fusion itself).

    Raises:
        RequestError: no metric, or an unknown one.
        DataError: the test holds nothing that could be foretold.
    """
    k = greatest_cut(metrics)
    question = Question.of(shop, test, exclude)
    tops = {
        name: dense_top(question, model, k, fusion.config.seed)
        for name, model in rivals(fusion, exclude).items()
    }
    tops["fusion"] = fusion_top(fusion, question, k)
    rows = []
    for name, top in tops.items():
        row: dict[str, object] = {"model": name}
        for metric in metrics:
            values = question.score(top, metric)
            estimate = Estimate.of(values)
            row[metric], row[f"{metric} se"] = estimate.value, estimate.standard_error
            ahead = Estimate.of(question.score(tops["fusion"], metric) - values)
            sure = ahead.standard_error > 0
            row[f"{metric} lead"] = ahead.value / ahead.standard_error if sure else None
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        pl.lit(question.users.size).alias("users")
    )
