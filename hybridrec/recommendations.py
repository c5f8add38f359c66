"""What ``recommend`` gives back."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import polars as pl

from hybridrec.arrays import FloatArray, IntArray
from hybridrec.data.identifiers import IdMap

if TYPE_CHECKING:
    import pandas as pd

    from hybridrec.explain.explanation import Explanation


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One item for one user.

    Args:
        user_id: the user; ``None`` for a visitor known by a history alone.
        item_id: the item.
        rank: 1 for the best.
        score: what it was ranked by; comparable within a user.
        explanation: why, where it was asked for.
    """

    user_id: Hashable | None
    item_id: Hashable
    rank: int
    score: float
    explanation: Explanation | None = None


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

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary a row; an explanation becomes one of its own."""
        return [
            {
                "user_id": row.user_id,
                "item_id": row.item_id,
                "rank": row.rank,
                "score": row.score,
                **({"explanation": row.explanation.to_dict()} if row.explanation else {}),
            }
            for row in self
        ]

    def to_polars(self) -> pl.DataFrame:
        """A frame of ``user_id``, ``item_id``, ``rank`` and ``score``."""
        return pl.DataFrame(
            {
                "user_id": _column([row.user_id for row in self]),
                "item_id": _column([row.item_id for row in self]),
                "rank": pl.Series([row.rank for row in self], dtype=pl.Int64),
                "score": pl.Series([row.score for row in self], dtype=pl.Float64),
            }
        )

    def to_pandas(self) -> pd.DataFrame:
        """The same as a pandas frame; needs pandas and pyarrow."""
        return self.to_polars().to_pandas()


def _column(ids: list[Hashable | None]) -> pl.Series:
    plain = all(isinstance(value, (str, int)) or value is None for value in ids)
    return pl.Series(ids) if plain else pl.Series(ids, dtype=pl.Object)


def ranked_rows(
    user_id: Hashable | None,
    items: IdMap,
    rows: IntArray,
    scores: FloatArray,
) -> list[Recommendation]:
    """Recommendations of one user from item rows in order of rank."""
    ids = items.ids_of(rows)
    return [
        Recommendation(user_id, item, rank, float(score))
        for rank, (item, score) in enumerate(zip(ids, scores, strict=True), start=1)
    ]
