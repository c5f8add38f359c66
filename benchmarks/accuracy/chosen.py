"""Settings of the peers, each found on validation alone by :mod:`benchmarks.accuracy.search`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.accuracy import baselines
from benchmarks.accuracy.baselines import Scores
from hybridrec.data import Histories

Settings = Mapping[str, Any]

PEERS: dict[str, Callable[..., Scores]] = {
    "item-kNN": baselines.item_knn,
    "EASE": baselines.ease,
    "implicit ALS": baselines.implicit_als,
}
"""The models that have settings."""


@dataclass(frozen=True)
class Chosen:
    """The settings of a peer that were best for a table.

    Args:
        settings: arguments of its function in :mod:`benchmarks.accuracy.baselines`.
        tried: how many configurations were measured on validation.
    """

    settings: Settings
    tried: int

    def __str__(self) -> str:
        return f"{in_words(self.settings)}: best of {self.tried} on validation"


def fitted(peer: str, histories: Histories, settings: Settings) -> Scores:
    """A peer with these settings."""
    return PEERS[peer](histories, **settings)


def in_words(settings: Settings) -> str:
    """Settings in a line.

    >>> in_words({"weighting": "bm25", "neighbours": 20})
    'weighting bm25, neighbours 20'
    """
    return ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in settings.items()
    )


def _als(factors: int, alpha: float, regularization: float, **rows: str) -> Settings:
    known = {"factors": factors, "alpha": alpha, "regularization": regularization}
    return {**known, "iterations": 12, **rows}


def _lightfm(size: int, *, attributes: bool) -> Settings:
    shared = {"epochs": 30, "learning_rate": 0.05, "item_alpha": 1e-6, "user_alpha": 1e-6}
    return {"no_components": size, **shared, "attributes": attributes}


def _hopwise(model: str, **own: object) -> Settings:
    shared = {"model": model, "embedding_size": 64, "learning_rate": 0.001, "epochs": 100}
    return {**shared, **own}


CHOSEN: dict[str, dict[str, Chosen]] = {
    "amazon-beauty": {
        "item-kNN": Chosen({"weighting": "tfidf", "neighbours": 500}, 9),
        "EASE": Chosen({"regularization": 50.0}, 5),
        "implicit ALS": Chosen(_als(256, 30.0, 10.0), 15),
    },
    "amazon-toys": {
        "item-kNN": Chosen({"weighting": "bm25", "neighbours": 500}, 9),
        "EASE": Chosen({"regularization": 50.0}, 5),
        "implicit ALS": Chosen(_als(256, 30.0, 1.0), 18),
    },
    "amazon-beauty-70-30": {
        "item-kNN": Chosen({"weighting": "tfidf", "neighbours": 500}, 9),
        "EASE": Chosen({"regularization": 200.0}, 5),
        "implicit ALS": Chosen(_als(256, 30.0, 50.0), 16),
    },
    "book-crossing": {
        "item-kNN": Chosen({"weighting": "bm25", "neighbours": 100}, 9),
        "EASE": Chosen({"regularization": 50.0}, 5),
        "implicit ALS": Chosen(_als(64, 30.0, 10.0), 18),
        "LightFM, WARP": Chosen(_lightfm(64, attributes=True), 4),
        "LensKit item-kNN": Chosen({"max_nbrs": 100, "save_nbrs": 1000}, 4),
        "cornac BPR": Chosen(
            {"k": 64, "max_iter": 200, "learning_rate": 0.05, "lambda_reg": 0.01}, 4
        ),
        "hopwise LightGCN": Chosen(_hopwise("LightGCN", n_layers=2), 4),
        "hopwise KGIN": Chosen(_hopwise("KGIN", context_hops=1), 4),
        "hopwise KGAT": Chosen(_hopwise("KGAT", kg_embedding_size=64, layers=[64]), 4),
    },
    "ml-100k": {
        "item-kNN": Chosen({"weighting": "tfidf", "neighbours": 100}, 9),
        "EASE": Chosen({"regularization": 50.0}, 5),
        "implicit ALS": Chosen(_als(256, 3.0, 10.0), 18),
        "LightFM, WARP": Chosen(_lightfm(64, attributes=False), 4),
        "LensKit item-kNN": Chosen({"max_nbrs": 500, "save_nbrs": 1000}, 4),
        "cornac BPR": Chosen(
            {"k": 128, "max_iter": 200, "learning_rate": 0.05, "lambda_reg": 0.01}, 4
        ),
        "RecTools SASRec": Chosen(
            {
                "n_factors": 128,
                "n_blocks": 2,
                "n_heads": 1,
                "dropout_rate": 0.2,
                "session_max_len": 50,
                "epochs": 30,
                "loss": "softmax",
                "batch_size": 128,
            },
            4,
        ),
    },
    "complete-journey-all": {
        "item-kNN": Chosen({"weighting": "bm25", "neighbours": 500, "rows": "logarithms"}, 18),
        "EASE": Chosen({"regularization": 2.0, "rows": "logarithms"}, 14),
        "implicit ALS": Chosen(_als(256, 0.3, 10.0, rows="binary"), 8),
    },
    "complete-journey-new": {
        "item-kNN": Chosen({"weighting": "tfidf", "neighbours": 500, "rows": "logarithms"}, 18),
        "EASE": Chosen({"regularization": 500.0, "rows": "logarithms"}, 14),
        "implicit ALS": Chosen(_als(256, 0.3, 10.0, rows="binary"), 8),
    },
    "online-retail-all": {
        "item-kNN": Chosen({"weighting": "bm25", "neighbours": 500, "rows": "logarithms"}, 18),
        "EASE": Chosen({"regularization": 2.0, "rows": "logarithms"}, 12),
        "implicit ALS": Chosen(_als(256, 1.0, 10.0, rows="logarithms"), 36),
    },
    "online-retail-new": {
        "item-kNN": Chosen({"weighting": "bm25", "neighbours": 500, "rows": "logarithms"}, 18),
        "EASE": Chosen({"regularization": 200.0, "rows": "binary"}, 12),
        "implicit ALS": Chosen(_als(256, 1.0, 10.0, rows="logarithms"), 36),
    },
}
"""What each peer got, by table. The searches on the Amazon sets of leave-one-out and on Complete
Journey asked up to 5,000 users of the validation part, the others all."""
