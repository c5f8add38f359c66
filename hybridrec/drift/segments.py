"""Groups of users who behave alike, named by what they buy more than others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.config import RecommenderConfig
from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import ids_column
from hybridrec.drift.categories import Categories, chosen_categories
from hybridrec.drift.clustering import adjusted_rand, k_means, nearest_centre, silhouette
from hybridrec.drift.config import SegmentsConfig
from hybridrec.errors import RequestError
from hybridrec.fusion.interest import entity_shares, entropy
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.profiles import profile_weights
from hybridrec.shop import Shop

JOINED = {"en": (" and ", "Mixed"), "zh": ("与", "综合")}
"""How the categories of a name are joined, and what a segment without any is called."""


@dataclass(frozen=True)
class Segments:
    """The segments of a shop's users.

    Args:
        users: a row a user: ``user_id`` and ``segment``, null for users who met no item with a
            category.
        table: a row a segment, the greatest first: ``segment`` (from 0), ``name_en``, ``name_zh``,
            ``users``, ``share`` of the users, ``categories`` (the most over-represented),
            ``lifts`` (how many times the shop's share they have) and the means of every habit.
        stability: mean adjusted Rand index with clusterings of other draws of users, 1 the same,
            0 as by chance; ``None`` if not measured.
        criterion: the silhouette by number of segments, for those tried.
        categories: what the mix is measured over.
    """

    users: pl.DataFrame
    table: pl.DataFrame
    stability: float | None
    criterion: dict[int, float]
    categories: Categories

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "table": self.table.to_dicts(),
            "users": self.users.to_dicts(),
            "stability": self.stability,
            "criterion": self.criterion,
            "categories": self.categories.described,
        }


def user_segments(
    shop: Shop,
    config: RecommenderConfig,
    settings: SegmentsConfig | None = None,
    *,
    number: int | None = None,
    fusion: Fusion | None = None,
) -> Segments:
    """Clusters the users by their mix of categories and their habits (k-means).

    Args:
        shop: histories and catalogue.
        config: what the long profile is; the seed.
        settings: how many segments, of what.
        number: how many segments, whatever the settings say.
        fusion: fitted towers, for shops whose items have no categories.

    Raises:
        RequestError: more segments than users with a history; nothing to serve as category.
        ConfigError: scikit-learn is not installed.
    """
    settings = settings or SegmentsConfig()
    if number is not None:
        if number < 2:
            raise RequestError(f"number={number}: 2 segments or more")
        settings = settings.model_copy(update={"segments": number})
    embeddings = None
    if fusion is not None and fusion.towers:
        embeddings = fusion.likeness_embeddings(np.arange(shop.histories.n_items))
    categories = chosen_categories(shop, settings.categories, embeddings, config.seed)
    mixes = entity_shares(profile_weights(shop.histories, config)["long"], categories.links)
    known = np.diff(mixes.indptr) > 0
    least = settings.segments or 2
    if int(known.sum()) < least:
        raise RequestError(
            f"segments={least}: only {int(known.sum())} users met an item with a category; "
            "there are at most as many segments as such users"
        )
    mixes = csr_array(mixes[np.flatnonzero(known)])
    habits = user_habits(shop, mixes, known)
    points = _points(mixes, habits, settings)
    labels, centres, criterion = _clustered(points, settings, config.seed)
    stability = _stability(points, labels, len(centres), settings.bootstraps, config.seed)
    size = np.bincount(labels, minlength=len(centres))
    order = np.argsort(-size, kind="stable")
    order = order[size[order] > 0]
    place = np.full(len(centres), -1, dtype=np.int64)
    place[order] = np.arange(order.size)
    labels = place[labels]
    of_user = np.full(known.size, -1, dtype=np.int64)
    of_user[known] = labels
    users = pl.DataFrame(
        {
            "user_id": ids_column(shop.users.values),
            "segment": pl.Series(of_user).replace(-1, None),
        }
    )
    table = _table(categories, mixes, habits, labels, settings.names)
    return Segments(users, table, stability, criterion, categories)


def user_habits(shop: Shop, mixes: csr_array, known: BoolArray) -> dict[str, DoubleArray]:
    """How users shop, ``(n_known,)`` each.

    Args:
        shop: histories and catalogue.
        mixes: ``(n_known, n_categories)`` rows that sum to 1.
        known: ``(n_users,)`` whose habits are asked for.

    Returns:
        ``events``, ``breadth`` (how many equally frequent categories the mix is worth),
        ``repeat_share`` (events on items met before); ``days_since_last`` and ``days_between``
        (days with events) where the data have times, and ``price`` (mean of the catalogue's, of
        items that have one) where the catalogue has prices.
    """
    histories = shop.histories.of(np.flatnonzero(known))
    users, n = histories.users, histories.n_users
    events = np.bincount(users, minlength=n).astype(np.float64)
    different = np.unique(users * histories.n_items + histories.items) // histories.n_items
    habits: dict[str, DoubleArray] = {
        "events": events,
        "breadth": np.exp2(entropy(mixes)),
        "repeat_share": 1 - np.bincount(different, minlength=n) / np.maximum(events, 1),
    }
    if histories.timed:
        oldest, newest = np.zeros(n), np.full(n, np.inf)
        np.maximum.at(oldest, users, histories.ages)
        np.minimum.at(newest, users, histories.ages)
        days = np.unique(users * 1_000_000 + np.floor(histories.ages).astype(np.int64)) // 1_000_000
        active = np.bincount(days, minlength=n)
        habits["days_since_last"] = newest
        habits["days_between"] = (oldest - newest) / np.maximum(active - 1, 1)
    if Columns.PRICE in shop.catalogue.columns:
        prices = shop.catalogue[Columns.PRICE].cast(pl.Float64, strict=False).to_numpy()
        priced = np.isfinite(prices[histories.items])
        sums = np.bincount(users[priced], prices[histories.items[priced]], minlength=n)
        counts = np.bincount(users[priced], minlength=n)
        mean = float(sums.sum() / max(counts.sum(), 1))
        habits["price"] = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
    return habits


def _points(
    mixes: csr_array, habits: dict[str, DoubleArray], settings: SegmentsConfig
) -> DoubleArray:
    """Where users lie, ``(n_users, dim)``: the mix with variance 1 in all, habits with less.

    Roots of shares lie as far apart as mixes do by Hellinger's distance.
    """
    roots = mixes.copy()
    roots.data = np.sqrt(roots.data)
    taste = _reduced(roots, settings.dimensions)
    taste = taste / max(float(np.sqrt(taste.var(axis=0).sum())), 1e-12)
    columns = []
    for name, values in habits.items():
        scaled = values if name == "repeat_share" else np.log1p(np.maximum(values, 0.0))
        spread = float(scaled.std())
        if spread > 1e-9:
            columns.append((scaled - scaled.mean()) / spread)
    if not columns or settings.habits_weight == 0:
        return taste
    share = np.sqrt(settings.habits_weight / len(columns))
    return np.concatenate([taste, np.stack(columns, axis=1) * share], axis=1)


def _reduced(roots: csr_array, dimensions: int) -> DoubleArray:
    """The centred rows in the directions they vary in most, ``(n_users, dim)``.

    Exact, by the eigenvectors of the small covariance matrix; signs are settled.
    """
    mean = np.asarray(roots.mean(axis=0)).ravel()
    products = np.asarray((roots.T @ roots).todense()) / roots.shape[0]
    values, vectors = np.linalg.eigh(products - np.outer(mean, mean))
    kept = vectors[:, np.argsort(-values)[: min(dimensions, values.size)]]
    signs = np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    kept = kept * np.where(signs == 0, 1.0, signs)
    return np.asarray(roots @ kept - mean @ kept, dtype=np.float64)


def _clustered(
    points: DoubleArray, settings: SegmentsConfig, seed: int
) -> tuple[IntArray, DoubleArray, dict[int, float]]:
    """Labels, centres, and the silhouette of every number tried."""
    if settings.segments is not None:
        numbers = [settings.segments]
    else:
        most = max(min(settings.most_segments, points.shape[0] - 1), 2)
        numbers = list(range(min(settings.least_segments, most), most + 1))
    criterion: dict[int, float] = {}
    best: tuple[float, IntArray, Any] | None = None
    for number in numbers:
        labels, centres = k_means(points, number, seed)
        criterion[number] = silhouette(points, labels, seed)
        if best is None or criterion[number] > best[0]:
            best = criterion[number], labels, centres
    assert best is not None
    return best[1], best[2], criterion


def _stability(
    points: DoubleArray, labels: IntArray, clusters: int, bootstraps: int, seed: int
) -> float | None:
    """How far clusterings of users drawn anew agree on all users, on average."""
    if not bootstraps:
        return None
    random = np.random.default_rng(seed)
    agreement = []
    for turn in range(bootstraps):
        drawn = random.integers(0, labels.size, labels.size)
        _, centres = k_means(points[drawn], clusters, seed + 1 + turn)
        agreement.append(adjusted_rand(labels, nearest_centre(points, centres)))
    return float(np.mean(agreement))


def _table(
    categories: Categories,
    mixes: csr_array,
    habits: dict[str, DoubleArray],
    labels: IntArray,
    names: int,
) -> pl.DataFrame:
    """A row a segment; named by the categories that set it apart most, in its share of them."""
    n = int(labels.max()) + 1
    sizes = np.bincount(labels, minlength=n)
    belongs = csr_array((1.0 / sizes[labels], (labels, np.arange(labels.size))), (n, labels.size))
    shares = np.asarray((belongs @ mixes).todense())
    overall = np.asarray(mixes.mean(axis=0)).ravel()
    ratio = np.divide(shares, overall, out=np.ones_like(shares), where=overall > 0)
    # how much a category tells of the segment: its part of the relative entropy
    telling = shares * np.log2(np.maximum(ratio, 1e-12))
    order = np.argsort(-telling, axis=1, kind="stable")[:, :names]
    chosen = [[c for c in row if telling[segment, c] > 0] for segment, row in enumerate(order)]
    titles = [[categories.names[c] for c in row] for row in chosen]
    columns: dict[str, Any] = {"segment": np.arange(n)}
    for language, (joint, nothing) in JOINED.items():
        columns[f"name_{language}"] = _unlike([joint.join(row) or nothing for row in titles])
    columns |= {
        "users": sizes,
        "share": sizes / labels.size,
        "categories": pl.Series(titles, dtype=pl.List(pl.String)),
        "lifts": pl.Series(
            [[float(ratio[segment, c]) for c in row] for segment, row in enumerate(chosen)],
            dtype=pl.List(pl.Float64),
        ),
    }
    columns |= {name: _means(values, labels, sizes) for name, values in habits.items()}
    return pl.DataFrame(columns)


def _means(values: DoubleArray | FloatArray, labels: IntArray, sizes: IntArray) -> DoubleArray:
    return np.asarray(np.bincount(labels, values, minlength=sizes.size) / np.maximum(sizes, 1))


def _unlike(names: list[str]) -> list[str]:
    """The names, numbered where one stands twice.

    >>> _unlike(["Tea", "Books", "Tea"])
    ['Tea (1)', 'Books', 'Tea (2)']
    """
    met: dict[str, int] = {}
    out = []
    for name in names:
        met[name] = met.get(name, 0) + 1
        out.append(name if names.count(name) == 1 else f"{name} ({met[name]})")
    return out
