"""What is known of every user's change of interest: when, from what, to what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.config import RecommenderConfig
from hybridrec.data.identifiers import ids_column
from hybridrec.drift.categories import Categories
from hybridrec.drift.config import ChangeConfig
from hybridrec.drift.detection import Changes, detect_changes
from hybridrec.drift.occasions import Likeness, Occasions
from hybridrec.fusion.interest import (
    concentration,
    divergence,
    embedding_distance,
    entity_shares,
)
from hybridrec.fusion.profiles import profile_weights
from hybridrec.shop import Shop

LEAST_OCCASIONS = 2
"""With fewer, nothing can have changed yet."""


@dataclass(frozen=True)
class UserDrift:
    """The changes of all users.

    Args:
        frame: a row a user: ``user_id``, ``verdict`` (``moved``, ``steady`` or ``unknown``),
            ``probability`` of a change, ``since``, ``earliest`` and ``latest`` (the moment of the
            change and between which it lies with 80 %; null without times), ``events_ago``,
            ``occasions``, ``from`` and ``to`` (the categories that lost and gained most), their
            shares before and after (``from_before``, ``from_after``, ``to_before``, ``to_after``),
            ``distance`` (of the short from the long profile over categories, 0 to 1),
            ``embedding_distance`` (over the embeddings of all towers; null without) and
            ``concentration`` of the long profile. What was before and after is told of the most
            probable change, for steady users too.
        false_alarms: the share of shuffled histories that would be called moved, of those with two
            occasions or more; ``None`` if not measured.
        moved_share: the same of the histories as they are.
    """

    frame: pl.DataFrame
    false_alarms: float | None
    moved_share: float

    @property
    def moved(self) -> pl.DataFrame:
        """The users who moved, most certain first."""
        return self.frame.filter(verdict="moved").sort("probability", descending=True)


def user_drift(
    shop: Shop,
    categories: Categories,
    occasions: Occasions,
    config: RecommenderConfig,
    settings: ChangeConfig,
    embeddings: FloatArray | None = None,
) -> UserDrift:
    """When the interest of each user changed, and from what to what.

    Args:
        shop: ids and histories.
        categories: of its items.
        occasions: of all its users.
        config: what the long and the short profile are; the seed of the shuffles.
        settings: of the detector.
        embeddings: ``(n_items, dim)``.
    """
    likeness = Likeness.of(occasions)
    changes = detect_changes(occasions, likeness, settings)
    lengths = np.diff(occasions.indptr)
    known = lengths >= LEAST_OCCASIONS
    moved = known & (changes.probability >= settings.probability)
    told = likeness.effective(occasions.counts)
    before, after = _mixes(occasions, told, changes.occasion)
    weights = profile_weights(shop.histories, config)
    links = categories.links
    lasting = entity_shares(weights["long"], links)
    numbers: dict[str, pl.Series] = {
        "user_id": ids_column(shop.users.values),
        "verdict": pl.Series(np.where(moved, "moved", np.where(known, "steady", "unknown"))),
        "probability": pl.Series(np.where(known, changes.probability, np.nan)).fill_nan(None),
    }
    numbers |= _moments(shop, occasions, changes, known)
    numbers["occasions"] = pl.Series(lengths)
    numbers |= _movement(categories, before, after, known)
    unknown = pl.Series([None] * len(shop.users), dtype=pl.Float32)
    numbers |= {"distance": unknown, "embedding_distance": unknown}
    if "short" in weights:
        present = entity_shares(weights["short"], links)
        numbers["distance"] = pl.Series(divergence(lasting, present))
        if embeddings is not None:
            table = embeddings.astype(np.float32)
            apart = embedding_distance(weights["long"], weights["short"], table)
            numbers["embedding_distance"] = pl.Series(apart)
    numbers["concentration"] = pl.Series(concentration(lasting))
    share = float(moved.sum() / max(known.sum(), 1))
    alarms = false_alarms(occasions, likeness, settings, config.seed) if known.any() else None
    return UserDrift(pl.DataFrame(numbers), alarms, share)


def false_alarms(
    occasions: Occasions, likeness: Likeness, settings: ChangeConfig, seed: int
) -> float | None:
    """The share of users called moved once their occasions are shuffled: nothing changed there.

    Returns:
        Of users with two occasions or more; ``None`` where no shuffles are asked for.
    """
    if not settings.shuffles:
        return None
    random = np.random.default_rng(seed)
    known = np.diff(occasions.indptr) >= LEAST_OCCASIONS
    called = 0
    for _ in range(settings.shuffles):
        found = detect_changes(occasions.shuffled(random), likeness, settings)
        called += int((known & (found.probability >= settings.probability)).sum())
    return called / max(int(known.sum()) * settings.shuffles, 1)


def _mixes(occasions: Occasions, told: csr_array, change: IntArray) -> tuple[csr_array, csr_array]:
    """Each user's mix before and after the change, ``(n_users, n_categories)`` each."""
    users = occasions.users
    within = np.arange(users.size) - occasions.indptr[users]
    late = within >= change[users]
    mixes = []
    for side in (~late, late):
        rows = csr_array(
            (np.ones(int(side.sum())), (users[side], np.flatnonzero(side))),
            shape=(occasions.n_users, users.size),
        )
        sums = csr_array(rows @ told)
        totals = np.asarray(sums.sum(axis=1)).ravel()
        sums.data = sums.data / np.repeat(totals, np.diff(sums.indptr))
        mixes.append(sums)
    return mixes[0], mixes[1]


def _movement(
    categories: Categories, before: csr_array, after: csr_array, known: np.ndarray
) -> dict[str, pl.Series]:
    """What lost and what gained most, and their shares on either side."""
    difference = csr_array(after - before)
    difference.sum_duplicates()
    users = np.repeat(np.arange(difference.shape[0]), np.diff(difference.indptr))
    columns: dict[str, pl.Series] = {}
    for name, sign in (("from", 1.0), ("to", -1.0)):
        order = np.lexsort((difference.indices, sign * difference.data, users))
        owners, first = np.unique(users[order], return_index=True)
        best = np.full(known.size, -1, dtype=np.int64)
        place = order[first]
        moving = sign * difference.data[place] < 0
        best[owners[moving]] = difference.indices[place[moving]]
        best[~known] = -1
        told = best >= 0
        names = np.array([*categories.names, None], dtype=object)[best]
        columns[name] = pl.Series(names.tolist(), dtype=pl.String)
        for moment, mix in (("before", before), ("after", after)):
            shares = np.asarray(mix[np.arange(known.size), np.maximum(best, 0)]).ravel()
            columns[f"{name}_{moment}"] = pl.Series(np.where(told, shares, np.nan)).fill_nan(None)
    return columns


def _moments(
    shop: Shop, occasions: Occasions, changes: Changes, known: np.ndarray
) -> dict[str, pl.Series]:
    """When the change was: the moment and its interval, and how many events ago."""
    starts = occasions.indptr[:-1]
    cumulated = np.concatenate([[0], np.cumsum(occasions.events)])
    ends = cumulated[occasions.indptr[1:]]
    last = np.maximum(occasions.ages.size - 1, 0)
    columns: dict[str, pl.Series] = {}
    for name, occasion in (
        ("since", changes.occasion), ("earliest", changes.earliest), ("latest", changes.latest)
    ):  # fmt: skip
        place = np.minimum(starts + occasion, last)
        moments: list[object] = [None] * known.size
        if shop.as_of is not None:
            moments = [
                shop.as_of - timedelta(days=float(age)) if there else None
                for age, there in zip(occasions.ages[place], known, strict=True)
            ]
        columns[name] = pl.Series(moments, dtype=pl.Datetime("us", "UTC"))
    ago = ends - cumulated[np.minimum(starts + changes.occasion, occasions.ages.size)]
    columns["events_ago"] = pl.Series(np.where(known, ago, -1)).replace(-1, None)
    return columns
