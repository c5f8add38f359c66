"""The one contract of all towers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray, IntArray, NamedArrays
from hybridrec.data.columns import Columns
from hybridrec.data.histories import Histories
from hybridrec.errors import NotFittedError
from hybridrec.learning.session import FitSession
from kg import KnowledgeGraph


@dataclass(frozen=True)
class TrainingData:
    """What a tower may learn from.

    Args:
        histories: who met what, and how long ago.
        catalogue: one row an item, in the order of the item rows.
        graph: the knowledge graph, or ``None`` where the catalogue has no attributes.
        text_columns: the catalogue's columns of text, in the order they are read.
        validate: how good a tower's answers are by a metric, higher is better; towers stop
            learning early by it. ``None`` where nothing is held back: a tower then learns for as
            long as was best when it last could tell.
        reference_embeddings: ``(n_items, dim)`` of a tower fitted before, from which hard
            negatives may be drawn.
        attribute_columns: the catalogue's columns of brands, categories and the like.
    """

    histories: Histories
    catalogue: pl.DataFrame
    graph: KnowledgeGraph | None
    text_columns: tuple[str, ...] = Columns.TEXT
    validate: Validator | None = None
    reference_embeddings: FloatArray | None = None
    attribute_columns: tuple[str, ...] = ()


class Validator(Protocol):
    """Measures a tower on what was held back from it."""

    @property
    def metric(self) -> str:
        """What is measured, such as ``ndcg@10``."""
        ...

    def __call__(self, tower: Tower) -> float:
        """The metric of a tower's present item embeddings and user vectors."""
        ...


class Tower(ABC):
    """A model that gives every item an embedding and every weighted history a user vector.

    A score is the inner product of the two. Weighted histories are sparse matrices
    ``(n_users, n_items)`` of weights above 0, as :meth:`Histories.weights` makes them.
    """

    name: ClassVar[str]

    def __init__(self) -> None:
        self._item_embeddings: FloatArray | None = None

    @abstractmethod
    def fit(self, data: TrainingData, session: FitSession | None = None) -> Self:
        """Learns from the data; fitted before, it starts from where it was.

        Args:
            data: what to learn from, and how to tell when to stop.
            session: records curves and keeps checkpoints; run again with the checkpoints of a
                killed fit, it goes on where that was.
        """

    def reuse(self, earlier: Tower) -> None:  # noqa: B027 (most towers have nothing to take over)
        """Takes over what another tower of these settings found that no event has a part in.

        Nothing, unless a tower computes any such thing.

        Args:
            earlier: fitted on other events of the shop.
        """

    @abstractmethod
    def fold_in(self, weights: csr_array) -> FloatArray:
        """User vectors of weighted histories, ``(n_users, embedding_dim)``."""

    def scores(self, weights: csr_array) -> FloatArray:
        """What weighted histories give every item, ``(n_users, n_items)``."""
        return np.asarray(self.fold_in(weights) @ self.item_embeddings.T)

    def attribute(
        self, weights: csr_array, items: IntArray, among: IntArray | None = None
    ) -> FloatArray:
        """How much each past item gives to a user's scores.

        Args:
            weights: the weighted history of one user, ``(1, n_items)``.
            items: ``(n,)`` item rows that were scored.
            among: item rows; what the past gives to their mean is taken off.

        Returns:
            ``(n_past_items, n)``, rows in the order of ``weights.indices``; each column sums to
            the score of its item, less the mean score of those it is ``among``.
        """
        return self.attribute_each([weights], items, among)[0]

    def attribute_each(
        self, weights: Sequence[csr_array], items: IntArray, among: IntArray | None = None
    ) -> list[FloatArray]:
        """The same for several weighted histories of one user, such as profiles."""
        vectors = self.item_embeddings[items]
        if among is not None:
            vectors = vectors - self.item_embeddings[among].mean(axis=0)
        return [self.attribute_vectors(each, vectors) for each in weights]

    @abstractmethod
    def attribute_vectors(self, weights: csr_array, vectors: FloatArray) -> FloatArray:
        """How much each past item gives to a user vector's inner products with others.

        Args:
            weights: the weighted history of one user, ``(1, n_items)``.
            vectors: ``(n, embedding_dim)``.

        Returns:
            ``(n_past_items, n)``, rows in the order of ``weights.indices``.
        """

    @abstractmethod
    def state(self) -> NamedArrays:
        """All that is needed to score again, as named arrays."""

    @abstractmethod
    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on a saved :meth:`state`."""

    def embed_items(
        self, catalogue: pl.DataFrame, graph: KnowledgeGraph | None, entities: IntArray
    ) -> FloatArray:
        """Embeddings of items that were never fitted on, ``(n, embedding_dim)``.

        Zeros, which score nothing, unless the tower can tell more from the catalogue.

        Args:
            catalogue: the new rows.
            graph: the knowledge graph with the new items in it.
            entities: ``(n,)`` the entity of each new row.
        """
        return np.zeros((catalogue.height, self.item_embeddings.shape[1]), dtype=np.float32)

    @property
    def item_embeddings(self) -> FloatArray:
        """Embeddings of all items, ``(n_items, embedding_dim)``."""
        if self._item_embeddings is None:
            raise NotFittedError(f"the {self.name} tower is not fitted yet; call fit first")
        return self._item_embeddings

    def extend(self, embeddings: FloatArray) -> None:
        """Appends the embeddings of further items."""
        self._item_embeddings = np.concatenate([self.item_embeddings, embeddings])


class HistoryMeanTower(Tower):
    """A tower whose user vector is the weighted mean of the items in the history.

    Weights count by their logarithm, ``log(1 + weight)``, and sum to 1, so that what is bought
    daily does not drown the rest.
    """

    def __init__(self) -> None:
        super().__init__()
        self._brought: tuple[FloatArray, FloatArray] | None = None

    @property
    def history_embeddings(self) -> FloatArray:
        """What each item brings to a user vector, ``(n_items, embedding_dim)``."""
        embeddings = self.item_embeddings
        if self._brought is None or self._brought[0] is not embeddings:
            self._brought = embeddings, self.brought_by(embeddings)
        return self._brought[1]

    def brought_by(self, embeddings: FloatArray) -> FloatArray:
        """What items of these embeddings bring to user vectors: these, unless a tower says other.

        Args:
            embeddings: those of all items; another array whenever they change.
        """
        return embeddings

    def fold_in(self, weights: csr_array) -> FloatArray:
        """User vectors of weighted histories, ``(n_users, embedding_dim)``."""
        return np.asarray(mean_weights(weights) @ self.history_embeddings, dtype=np.float32)

    def attribute_vectors(self, weights: csr_array, vectors: FloatArray) -> FloatArray:
        """How much each past item gives; see :meth:`Tower.attribute_vectors`."""
        shares = mean_weights(weights)
        given = self.history_embeddings[shares.indices] @ vectors.T
        return np.asarray(given * shares.data[:, None], dtype=np.float32)


def mean_weights(weights: csr_array) -> csr_array:
    """Weights turned into shares of a mean: logarithms that sum to 1 in every row not empty."""
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    logs = np.log1p(weights.data.astype(np.float64))  # the inverse of long decayed is no float32
    totals = np.bincount(rows, logs, minlength=weights.shape[0]).astype(np.float64)
    scale = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0)
    shares = (logs * scale[rows]).astype(np.float32)
    # a product would reorder the indices, and to build a matrix anew costs a visitor more
    means = copy(weights)
    means.data = shares
    return means
