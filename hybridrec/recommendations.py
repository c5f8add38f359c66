"""What ``recommend`` gives back."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import polars as pl

from hybridrec.arrays import DoubleArray, IntArray
from hybridrec.data.identifiers import IdMap, ids_column
from hybridrec.errors import RequestError

if TYPE_CHECKING:
    import pandas as pd

    from hybridrec.explain.explanation import Explanation
    from hybridrec.explain.phrases import Language, Voice
    from hybridrec.fusion.policy import Placed


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item for one user.

    Args:
        user_id: the user; ``None`` for a visitor known by a history alone.
        item_id: the item.
        rank: 1 for the best.
        score: what it was ranked by; comparable within a user.
        explanation: why, where it was asked for.
        placed_by: ``pin`` or ``exploration`` where a policy gave it its rank; ``None`` where its
            score did.
        probability: how likely the user is to meet the item within the ranker's horizon
            (``ranker.horizon_days``; with null or without times: as the next event). It is a
            forecast by the ranker's own score among the user's candidates: no boost, pin,
            diversity or exploration moves it. ``None`` where too few users were held out to learn
            it from, and for users who have no event.
    """

    user_id: Hashable | None
    item_id: Hashable
    rank: int
    score: float
    explanation: Explanation | None = None
    placed_by: Literal["pin", "exploration"] | None = None
    probability: float | None = None


class Recommendations(Sequence[Recommendation]):
    """Recommendations, users in the order asked, best first within a user."""

    def __init__(self, rows: Sequence[Recommendation]) -> None:
        self._rows = tuple(rows)

    @overload
    def __getitem__(self, index: int) -> Recommendation: ...
    @overload
    def __getitem__(self, index: slice) -> Recommendations: ...
    def __getitem__(self, index: int | slice) -> Recommendation | Recommendations:
        if isinstance(index, slice):
            return Recommendations(self._rows[index])
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return f"Recommendations({len(self):,} items)\n{self.to_polars()}"

    def to_dicts(self, most: int | None = None) -> list[dict[str, Any]]:
        """One dictionary a row; an explanation becomes one of its own.

        Args:
            most: past items of a contribution at most; all when ``None``.
        """
        return [
            {
                "user_id": row.user_id,
                "item_id": row.item_id,
                "rank": row.rank,
                "score": row.score,
                **({} if row.probability is None else {"probability": row.probability}),
                **({"placed_by": row.placed_by} if row.placed_by else {}),
                **({"explanation": row.explanation.to_dict(most)} if row.explanation else {}),
            }
            for row in self
        ]

    def to_polars(self, *, probability: bool = False) -> pl.DataFrame:
        """A frame of ``user_id``, ``item_id``, ``rank`` and ``score``.

        Args:
            probability: whether a column ``probability`` is added; null where it is not known.
        """
        frame = pl.DataFrame(
            {
                "user_id": ids_column([row.user_id for row in self]),
                "item_id": ids_column([row.item_id for row in self]),
                "rank": pl.Series([row.rank for row in self], dtype=pl.Int64),
                "score": pl.Series([row.score for row in self], dtype=pl.Float64),
            }
        )
        if not probability:
            return frame
        known = pl.Series("probability", [row.probability for row in self], dtype=pl.Float64)
        return frame.with_columns(known)

    def to_pandas(self, *, probability: bool = False) -> pd.DataFrame:
        """The same as a pandas frame; needs pandas and pyarrow."""
        return self.to_polars(probability=probability).to_pandas()

    def to_reasons(self, language: Language = "en", voice: Voice = "merchandiser") -> pl.DataFrame:
        """A sheet of reasons, a row a recommendation, to be written as CSV or Excel.

        Args:
            language: of the sentence.
            voice: of the sentence.

        Returns:
            ``user_id``, ``item_id``, ``rank``, ``title``, ``reasons`` (the sentence), ``path``
            (through the knowledge graph; null without one), ``score``, ``base``, and a column for
            each signal group with what it gives: base and groups sum to the score.

        Raises:
            RequestError: recommendations without explanations, or a language or voice that there
                are no words for.
        """
        whys = [row.explanation for row in self if row.explanation is not None]
        if len(whys) < len(self):
            raise RequestError("reasons: ask for recommendations with explain=True")
        groups = dict.fromkeys(part.group for why in whys for part in why.contributions)
        given = [{part.group: part.value for part in why.contributions} for why in whys]
        return self.to_polars().select(
            "user_id",
            "item_id",
            "rank",
            pl.Series("title", [why.title for why in whys], dtype=pl.String),
            pl.Series("reasons", [why.narrative(language, voice) for why in whys], dtype=pl.String),
            pl.Series(
                "path", [why.paths[0].text if why.paths else None for why in whys], pl.String
            ),
            "score",
            pl.Series("base", [why.base for why in whys], dtype=pl.Float64),
            *(pl.Series(group, [g.get(group, 0.0) for g in given], pl.Float64) for group in groups),
        )


def checked_k(k: object, most: int) -> int:
    """The length of a list that was asked for.

    Args:
        k: a whole number, NumPy's too.
        most: how many items there are.

    Raises:
        RequestError: no whole number, below 1 or above ``most``.
    """
    number = k if isinstance(k, (int, np.integer)) and not isinstance(k, bool) else 0
    if not 1 <= number <= most:
        raise RequestError(f"k={k!r}: k is a whole number from 1 to {most:,}, the items there are")
    return int(number)


def ranked_rows(
    user_id: Hashable | None,
    items: IdMap,
    rows: IntArray,
    placed: Placed,
    explanations: Sequence[Explanation] | None = None,
    probabilities: DoubleArray | None = None,
) -> list[Recommendation]:
    """Recommendations of one user.

    Args:
        user_id: whose.
        items: ids of the item rows.
        rows: ``(n,)`` item rows in order of rank.
        placed: scores, and what gave the ranks.
        explanations: why, in the same order.
        probabilities: ``(n,)`` in the same order.
    """
    why: Sequence[Explanation | None] = explanations or [None] * rows.size
    scores = placed.scores.tolist()
    likely = [None] * rows.size if probabilities is None else probabilities.tolist()
    return [
        Recommendation(user_id, item, rank, score, reasons, by, probability)
        for rank, (item, score, reasons, by, probability) in enumerate(
            zip(items.ids_of(rows), scores, why, placed.by, likely, strict=True), start=1
        )
    ]
