"""What a signal is, and what it is computed from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self, TypeAlias

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray
from hybridrec.data.histories import Histories
from hybridrec.errors import DataError, examples
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.profiles import Scores


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal's declaration; with ``compute``, a shop's own.

    >>> def margin(asked):
    ...     return asked.catalogue("margin")
    >>> Signal("margin", "margin", "what the shop earns on it", compute=margin).group
    'margin'

    Args:
        name: unique.
        group: what it speaks for in explanations: a scorer's profile (``text/short``),
            ``affinity``, ``popularity``, ``price``, ``repeat``, or a name of the shop's own
            without a slash.
        meaning: in words, for people.
        absolute: whether its own level counts.
        relative: whether its place among the user's candidates counts. What is the same for all of
            them, such as the length of the history, has none: it is context, which the ranker
            weighs the others by, and speaks for no group.
        compute: gives the values of a shop's own signal, ``(n_pairs,)`` for what is
            :class:`Asked`; ``None`` for those of the library.
    """

    name: str
    group: str
    meaning: str
    absolute: bool = False
    relative: bool = True
    compute: Callable[[Asked], FloatArray] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Scope:
    """What a model can have signals of; what the data lack is absent, never zero.

    Args:
        scorers: towers and item-to-item matrices, by name.
        profiles: by name.
        relations: of the knowledge graph, from items to other entities.
        timed: whether the data have times.
        priced: whether prices are known.
        seasonal: whether the data reach back more than a year.
        own_moments: whether each user is asked at a moment of the user's own, that of the last
            event, and not all at that of the shop.
    """

    scorers: tuple[str, ...]
    profiles: tuple[str, ...]
    relations: tuple[str, ...]
    timed: bool
    priced: bool = False
    seasonal: bool = False
    own_moments: bool = False

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What :func:`dataclasses.asdict` gave, back from JSON."""
        parsed: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**parsed)


@dataclass(frozen=True)
class Asked:
    """Some users, their candidates, and the shop as of the moment.

    Args:
        histories: the users' own histories, ages as of the moment.
        weights: their weighted histories ``(n_users, n_items)``, by profile.
        pairs: the candidates.
        scores: what the scorers give them.
        moment: the shop.
    """

    histories: Histories
    weights: Mapping[str, csr_array]
    pairs: Pairs
    scores: Scores
    moment: Moment

    @cached_property
    def users(self) -> IntArray:
        """The user of every pair, ``(n_pairs,)``, from 0."""
        return self.pairs.users

    @property
    def items(self) -> IntArray:
        """The item row of every pair, ``(n_pairs,)``."""
        return self.pairs.items

    @cached_property
    def latest(self) -> tuple[IntArray, BoolArray]:
        """The item row of each user's last event, and whether there is one, ``(n_users,)``."""
        histories = self.histories
        known = np.diff(histories.indptr) > 0
        rows = np.zeros(known.size, dtype=np.int64)
        rows[known] = histories.items[histories.indptr[1:][known] - 1]
        return rows, known

    @cached_property
    def last_ages(self) -> DoubleArray:
        """The age of each user's last event, ``(n_users,)``; 0 without any."""
        histories = self.histories
        known = np.diff(histories.indptr) > 0
        ages = np.zeros(known.size)
        ages[known] = histories.ages[histories.indptr[1:][known] - 1]
        return ages

    def catalogue(self, column: str) -> FloatArray:
        """A column of numbers of the catalogue, for every pair, ``(n_pairs,)``; NaN where unknown.

        Raises:
            DataError: no such column, or one of other things than numbers.
        """
        table = self.moment.catalogue
        if column not in table.columns or not table.schema[column].is_numeric():
            numbers = [name for name, kind in table.schema.items() if kind.is_numeric()]
            raise DataError(
                f"signal: {column!r} is no column of numbers of the catalogue; "
                f"those are {examples(numbers, 12)}"
            )
        values = table[column].cast(pl.Float32).fill_null(np.nan).to_numpy()
        return np.asarray(values[self.items], dtype=np.float32)


Values: TypeAlias = Mapping[str, FloatArray]
"""Values of signals by name, ``(n_pairs,)`` each."""


@dataclass(frozen=True, slots=True)
class Family:
    """Signals that are computed together.

    Args:
        declare: the signals that a scope has; ``repeats`` tells whether items that the user has met
            may be recommended again.
        compute: the values of those of its signals that are wanted, by name; more do no harm.
    """

    declare: Callable[[Scope, bool], Sequence[Signal]]
    compute: Callable[[Asked, Collection[str]], Values]
