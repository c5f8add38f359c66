"""The face of the library: holds the parts together, contains no mathematics."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import polars as pl

from hybridrec import training
from hybridrec.arrays import IntArray
from hybridrec.config import Exclude, RecommenderConfig
from hybridrec.data import Dataset, Histories
from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import normalise_ids
from hybridrec.data.sources import read_frame
from hybridrec.errors import (
    DataError,
    NotFittedError,
    RequestError,
    UnknownItemError,
    UnknownUserError,
    examples,
)
from hybridrec.fusion.pipeline import Candidates, Fusion
from hybridrec.fusion.policy import cap_values, matching_items, mixed_order
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.curves import Curves
from hybridrec.progress import stage
from hybridrec.recommendations import Recommendation, Recommendations, ranked_rows
from hybridrec.shop import Shop

if TYPE_CHECKING:
    from hybridrec.explain.explanation import Explanation


class Recommender:
    """Recommendations with reasons, from three towers and a learned ranker.

    Args:
        config: all settings; the defaults suit a shop where people buy again.
    """

    def __init__(self, config: RecommenderConfig | None = None) -> None:
        self.config = config or RecommenderConfig()
        self._fusion: Fusion | None = None
        self._shop: Shop | None = None
        self._curves = Curves()

    @classmethod
    def from_config(cls, config: str | Path | Mapping[str, Any]) -> Self:
        """A recommender with settings from a YAML file or nested dictionaries.

        Raises:
            ConfigError: no such file, an unknown key or a value out of range.
        """
        if isinstance(config, Mapping):
            return cls(RecommenderConfig.from_mapping(config))
        return cls(RecommenderConfig.from_yaml(config))

    @classmethod
    def of(cls, config: RecommenderConfig, fusion: Fusion, shop: Shop, curves: Curves) -> Self:
        """A recommender from parts that are fitted already."""
        recommender = cls(config)
        recommender._fusion, recommender._shop = fusion, shop
        recommender._curves = curves
        return recommender

    def fit(
        self,
        data: Dataset,
        *,
        checkpoints: str | Path | None = None,
        tensorboard: str | Path | None = None,
    ) -> Self:
        """Learns towers and rankers from events and catalogue.

        Args:
            data: the shop's tables.
            checkpoints: a directory to keep the fit in as it goes. A fit that was killed, called
                again with the same data, settings and directory, goes on where it was. The
                directory may be deleted once the recommender is saved.
            tensorboard: a folder to send the training curves to as well.

        Raises:
            DataError: too few events to learn from.
            ArtifactError: ``checkpoints`` holds something else, or another fit.
            NotEnoughMemoryError: a tower would need more than there is; says what lowers it.
            ConfigError: ``tensorboard`` is given and not installed.
        """
        curves = Curves(None if tensorboard is None else Path(tensorboard))
        kept = None
        if checkpoints is not None:
            kept = Checkpoints.open(checkpoints, training.fingerprint(data, self.config))
        try:
            with stage("fit"):
                fitted = training.fit(data, self.config, curves, kept)
        finally:
            curves.close()
        self._fusion = fitted.fusion
        self._shop = Shop.of(data, fitted.histories, fitted.graph)
        self._curves = curves
        return self

    def recommend(
        self,
        users: Hashable | Sequence[Hashable] | None = None,
        *,
        history: Sequence[Hashable] | None = None,
        k: int = 10,
        exclude: Exclude | None = None,
        where: str | None = None,
        caps: Mapping[str, int] | None = None,
        diversity: float = 0.0,
        explain: bool = False,
    ) -> Recommendations:
        """The best items for each user.

        Args:
            users: one user id or a list of them; or
            history: the items a visitor met, oldest first, all just now.
            k: how many items a user gets; fewer where fewer are left.
            exclude: ``seen`` leaves out what the user has met; ``none`` nothing; the config's
                setting when ``None``.
            where: a condition in SQL over catalogue columns, ``"price < 5 and brand != 'X'"``.
            caps: for catalogue columns how often one value may stand in a list, ``{"brand": 2}``.
            diversity: 0 (relevance alone) to 1: how much likeness to items above costs.
            explain: whether each recommendation carries its explanation.

        Raises:
            UnknownUserError: a user the recommender was not fitted on.
            UnknownItemError: an item of ``history`` that the catalogue lacks.
            RequestError: neither or both of users and history, ``k`` below 1 or above the
                catalogue, a ``where`` or cap that cannot be applied.
        """
        shop = self._fitted_shop
        question = self._question(exclude)
        if not isinstance(k, int) or not 1 <= k <= len(shop.items):
            raise RequestError(f"k={k!r}: k runs from 1 to {len(shop.items)}, the items known")
        if not 0 <= diversity <= 1:
            raise RequestError(f"diversity={diversity!r}: diversity runs from 0 to 1")
        ids, histories = self._histories(users, history)
        allowed = matching_items(shop.catalogue, where) if where else None
        values = cap_values(shop.catalogue, caps or {})
        rows: list[Recommendation] = []
        for block_users, candidates in self._fitted_fusion.blocks(histories, question, allowed):
            scores = candidates.scores
            for user, user_row in enumerate(block_users):
                at = candidates.pairs.of(user)
                items = candidates.pairs.items[at]
                if items.size == 0:
                    continue
                if diversity or caps:
                    embeddings = self._fitted_fusion.likeness_embeddings(items)
                    places = mixed_order(
                        items, scores[at], k, embeddings, diversity, caps or {}, values
                    )
                else:
                    places = np.argsort(-scores[at], kind="stable")[:k]
                ranked = ranked_rows(ids[user_row], shop.items, items[places], scores[at][places])
                if explain:
                    reasons = self._explain(candidates, user, places, ids[user_row], question, k)
                    ranked = [
                        replace(row, explanation=reason)
                        for row, reason in zip(ranked, reasons, strict=True)
                    ]
                rows += ranked
        return Recommendations(rows)

    def explain(
        self,
        user: Hashable | None = None,
        item: Hashable = None,
        *,
        history: Sequence[Hashable] | None = None,
        exclude: Exclude | None = None,
        k: int = 10,
    ) -> Explanation:
        """Why an item has the score it has for a user.

        Args:
            user: the user id; or
            history: the items a visitor met, oldest first.
            item: the item id; one that no source would bring up is scored beside those it would.
            exclude: which ranker is asked; the config's setting when ``None``.
            k: length of the list that a counterfactual speaks of.

        Raises:
            UnknownUserError, UnknownItemError: an id the recommender does not know.
        """
        question = self._question(exclude)
        row = self._item_row(item)
        ids, histories = self._histories(None if user is None else [user], history)
        candidates = self._fitted_fusion.candidates(histories, question, include=row)
        place = np.flatnonzero(candidates.pairs.items == row)
        return self._explain(candidates, 0, place, ids[0], question, k)[0]

    def similar_items(self, item: Hashable, k: int = 10) -> pl.DataFrame:
        """The items nearest to one in the towers' embeddings.

        Returns:
            ``item_id``, ``title`` and ``similarity`` (mean cosine over the towers, −1 to 1).

        Raises:
            UnknownItemError: an item the catalogue lacks.
            RequestError: ``k`` below 1 or above the other items known.
        """
        shop = self._fitted_shop
        row = self._item_row(item)
        if not 1 <= k < len(shop.items):
            raise RequestError(f"k={k!r}: k runs from 1 to {len(shop.items) - 1}")
        similarity = self._fitted_fusion.item_similarity(row)
        similarity[row] = -np.inf
        best = np.argsort(-similarity, kind="stable")[:k]
        return pl.DataFrame(
            {
                "item_id": shop.items.ids_of(best),
                "title": [shop.titles[r] for r in best],
                "similarity": similarity[best],
            }
        )

    def add_items(self, rows: Any) -> Self:
        """Takes new products in without retraining; towers that read the catalogue embed them.

        Args:
            rows: a dataframe with the columns of the catalogue.

        Raises:
            DataError: no ``item_id``, or items that are known already.
        """
        shop = self._fitted_shop
        frame = read_frame(rows, "new items")
        if Columns.ITEM not in frame.columns or frame.is_empty():
            raise DataError(
                f"new items: need at least one row and a column 'item_id'; got {frame.columns}"
            )
        column, codec = normalise_ids(frame[Columns.ITEM])
        frame = frame.with_columns(column)
        known = [
            value for value in frame[Columns.ITEM] if shop.items.join(pl.Series([value]))[0] >= 0
        ]
        if known or codec != shop.items.codec:
            raise DataError(f"new items: already in the catalogue: {examples(known)}")
        extended = shop.with_items(frame)
        self._fitted_fusion.add_items(frame, extended.graph)
        self._shop = extended
        return self

    def update(self, events: Any) -> Self:
        """Takes new events in: the touched users fold in again, new users become known.

        Args:
            events: a dataframe with the columns of the events.

        Raises:
            DataError: events that cannot be read, or on items the catalogue lacks.
        """
        self._shop = self._fitted_shop.with_events(
            events, self.config.event_strengths, self.config.value_exponent
        )
        return self

    def evaluate(
        self,
        test: Dataset,
        metrics: Sequence[str] = ("recall@10", "ndcg@10"),
        *,
        exclude: Exclude | None = None,
        by: Sequence[str] = (),
    ) -> pl.DataFrame:
        """How well the recommendations foretell the events of a test set.

        Args:
            test: what happened after the data the recommender was fitted on.
            metrics: such as ``recall@10``, ``ndcg@10``, ``hr@10``, ``precision@10``, ``mrr@10``.
            exclude: which question is asked; the config's setting when ``None``.
            by: slices to add: ``history_length`` (of users), ``item_age`` (days since first met).

        Returns:
            ``slice``, ``metric``, ``value``, ``standard_error`` and ``users``.
        """
        from hybridrec.evaluation.protocols import evaluate

        return evaluate(
            self._fitted_fusion, self._fitted_shop, test, metrics, self._question(exclude), by
        )

    def save(self, directory: str | Path) -> None:
        """Writes everything into a directory; see :mod:`hybridrec.artifacts`."""
        from hybridrec.artifacts import save

        shop, fusion = self._fitted_shop, self._fitted_fusion
        save(self.config, fusion, shop, self._curves, Path(directory))

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Reads a saved recommender.

        Raises:
            ArtifactError: the directory is none, or a file is missing or damaged.
        """
        from hybridrec.artifacts import load

        return cls.of(*load(Path(directory)))

    @property
    def users(self) -> list[Hashable]:
        """The user ids it knows."""
        return self._fitted_shop.users.values

    @property
    def items(self) -> list[Hashable]:
        """The item ids it knows."""
        return self._fitted_shop.items.values

    @property
    def towers(self) -> tuple[str, ...]:
        """The towers that are in."""
        return tuple(self._fitted_fusion.towers)

    @property
    def curves(self) -> Curves:
        """Losses and validation metrics of its fit, step by step."""
        return self._curves

    @property
    def fusion(self) -> Fusion:
        """The fitted towers and rankers."""
        return self._fitted_fusion

    @property
    def shop(self) -> Shop:
        """What it knows of the shop: ids, catalogue, graph and histories."""
        return self._fitted_shop

    @property
    def _fitted_fusion(self) -> Fusion:
        if self._fusion is None:
            raise NotFittedError("the recommender is not fitted yet; call fit(data) or load one")
        return self._fusion

    @property
    def _fitted_shop(self) -> Shop:
        if self._shop is None:
            raise NotFittedError("the recommender is not fitted yet; call fit(data) or load one")
        return self._shop

    def _question(self, exclude: Exclude | None) -> Exclude:
        question = exclude or self.config.exclude
        if question not in ("seen", "none"):
            raise RequestError(f"exclude={exclude!r}; use 'seen' or 'none'")
        return question

    def _histories(
        self, users: Hashable | Sequence[Hashable] | None, history: Sequence[Hashable] | None
    ) -> tuple[list[Hashable | None], Histories]:
        """The ids asked for, and their histories."""
        shop = self._fitted_shop
        if (users is None) == (history is None):
            raise RequestError("give either users or history=[items], not both and not neither")
        if history is not None:
            return [None], shop.visitor([self._item_row(item) for item in history])
        many = isinstance(users, Sequence) and not isinstance(users, (str, bytes, tuple))
        ids = list(users) if many else [users]  # type: ignore[arg-type]
        rows = shop.users.rows_of(ids)
        unknown = [user for user, row in zip(ids, rows, strict=True) if row < 0]
        if unknown:
            raise UnknownUserError(
                f"unknown users: {examples(unknown)}; known are {len(shop.users):,}, such as "
                f"{examples(shop.users.ids_of([0]))}. For a new visitor give history=[item ids]"
            )
        return ids, shop.histories.of(rows)

    def _item_row(self, item: Hashable) -> int:
        shop = self._fitted_shop
        row = shop.items.row(item)
        if row < 0:
            raise UnknownItemError(
                f"unknown item {item!r}; known are {len(shop.items):,}, such as "
                f"{examples(shop.items.ids_of([0]))}. Take new products in with add_items(rows)"
            )
        return row

    def _explain(
        self,
        candidates: Candidates,
        user: int,
        places: IntArray,
        user_id: Hashable | None,
        question: Exclude,
        k: int,
    ) -> list[Explanation]:
        from hybridrec.explain.explanation import explain_candidates

        return explain_candidates(
            self._fitted_fusion, self._fitted_shop, candidates, user, places, user_id, question, k
        )
