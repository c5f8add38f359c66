"""What is popular among users who share an attribute: all there is to go by without any event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.arrays import DoubleArray, FloatArray, IntArray
from hybridrec.data.columns import Columns, as_given
from hybridrec.data.histories import Histories
from hybridrec.data.identifiers import IdMap
from hybridrec.errors import RequestError, examples
from hybridrec.fusion.signals.popularity import RECENT_DAYS

FEWEST_USERS: Final = 5
"""Groups of fewer users are not formed, and fewer users of a group choosing an item are not told
apart from none: what a single person chose is not to show, and five is what
:func:`hybridrec.data.privacy.k_anonymity` asks for by default."""
PRIOR_USERS: Final = 30.0
"""How many further users are taken to choose as everyone does; see :attr:`lifts`."""
READ_ROLES: Final = frozenset({"category", "multi_label", "size"})
"""Declared roles of user columns that are read; undeclared ones are read by their type."""


@dataclass(frozen=True)
class AttributePopularity:
    """How many users with each value of each attribute chose each item lately.

    Users count, not events, and where the data have times only the last 28 days.

    Args:
        attributes: the columns of the users table that are read.
        groups: a row a group: ``attribute``, ``value``, ``users`` and ``choices``, the items
            these chose, summed over them.
        counts: ``(n_groups, n_items)`` users of the group who chose the item, where at least
            :data:`FEWEST_USERS` did.
        overall: ``(n_items,)`` users who chose the item, of all.
    """

    attributes: tuple[str, ...]
    groups: pl.DataFrame
    counts: csr_array
    overall: DoubleArray

    @classmethod
    def of(
        cls, table: pl.DataFrame, roles: Mapping[str, str], users: IdMap, histories: Histories
    ) -> AttributePopularity:
        """Counts the choices of all users who have a row in the table.

        Args:
            table: ``user_id`` and attributes.
            roles: what columns are declared to be.
            users: ids of the user rows.
            histories: everything they did.
        """
        lately = histories.ages <= RECENT_DAYS if histories.timed else np.ones_like(histories.ages)
        met = np.flatnonzero(lately)
        at = np.unique(histories.users[met] * histories.n_items + histories.items[met])
        shape = (histories.n_users, histories.n_items)
        chosen = csr_array((np.ones(at.size), np.divmod(at, histories.n_items)), shape=shape)

        attributes = attribute_columns(table, roles)
        table = table.unique(Columns.USER, keep="first", maintain_order=True)
        rows = users.join(table[Columns.USER])
        active = np.diff(chosen.indptr) > 0
        there = (rows >= 0) & active[rows]
        rows, table = rows[there], as_text(table.filter(pl.Series(there)), attributes)
        groups, members = [], []
        for attribute in attributes:
            values = table.select(pl.col(attribute).alias("value")).with_row_index("row")
            found = values.drop_nulls().group_by("value").agg("row").sort("value")
            found = found.filter(pl.col("row").list.len() >= FEWEST_USERS)
            members += [rows[places.to_numpy()] for places in found["row"]]
            groups.append(
                found.select(
                    pl.lit(attribute).alias("attribute"),
                    "value",
                    pl.col("row").list.len().cast(pl.Int64).alias("users"),
                )
            )
        sizes = [group.size for group in members]
        of_group = csr_array(
            (
                np.ones(sum(sizes)),
                np.concatenate([np.zeros(0, dtype=np.int64), *members]),
                np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            ),
            shape=(len(members), histories.n_users),
        )
        counts = csr_array(of_group @ chosen)
        choices = pl.Series("choices", np.asarray(counts.sum(axis=1)).ravel(), dtype=pl.Float64)
        counts.data[counts.data < FEWEST_USERS] = 0
        counts.eliminate_zeros()
        schema = {"attribute": pl.String, "value": pl.String, "users": pl.Int64}
        every = pl.concat([pl.DataFrame(schema=schema), *groups]).with_columns(choices)
        overall: DoubleArray = np.asarray(chosen.sum(axis=0)).ravel()
        return cls(attributes, every, counts, overall)

    def extended(self, n: int) -> AttributePopularity:
        """With ``n`` more items that nobody has met yet."""
        counts = self.counts
        shape = (counts.shape[0], counts.shape[1] + n)
        grown = csr_array((counts.data, counts.indices, counts.indptr), shape=shape)
        return replace(self, counts=grown, overall=np.concatenate([self.overall, np.zeros(n)]))

    @cached_property
    def shares(self) -> DoubleArray:
        """Of all choices, the share that fell on each item, never 0, ``(n_items,)``."""
        smoothed = self.overall + 0.5
        return np.asarray(smoothed / smoothed.sum())

    @cached_property
    def _lifted(self) -> IntArray:
        """The items that any group may choose more or less often than everyone."""
        most = float(self.groups["choices"].max() or 0.0)  # type: ignore[arg-type]
        often = most * self.shares >= FEWEST_USERS - 1
        often[self.counts.indices] = True
        return np.flatnonzero(often)

    @cached_property
    def lifts(self) -> DoubleArray:
        """How much more often each group chooses an item than everyone, ``(n_groups, n_lifted)``.

        ``log((c + a) / (e + a))``: ``c`` users of the group chose it, ``e`` would have if the
        group's choices fell as everyone's do, and ``a`` (:data:`PRIOR_USERS`) draws both together
        where they are few (a gamma-Poisson shrinker, DuMouchel, The American Statistician 1999).
        Where fewer than :data:`FEWEST_USERS` chose it, ``c`` is ``e``, yet below that number.
        """
        expected = np.outer(self.groups["choices"].to_numpy(), self.shares[self._lifted])
        counted = self.counts[:, self._lifted].toarray()
        hidden = np.minimum(expected, FEWEST_USERS - 1)
        counted = np.where(counted > 0, counted, hidden)
        return np.asarray(np.log((counted + PRIOR_USERS) / (expected + PRIOR_USERS)))

    def groups_of(self, known: pl.DataFrame) -> IntArray:
        """The group of each user under each attribute, ``(n_users, n_attributes)``; -1 for none.

        Args:
            known: a row a user: the attributes, as text.
        """
        found = np.full((known.height, len(self.attributes)), -1, dtype=np.int64)
        numbered = self.groups.select("attribute", "value").with_row_index("group")
        for place, attribute in enumerate(self.attributes):
            own = numbered.filter(pl.col("attribute") == attribute)
            group = known[attribute].replace_strict(
                own["value"], own["group"], default=None, return_dtype=pl.Int64
            )
            found[:, place] = group.fill_null(-1).to_numpy()
        return found

    def scores(self, groups: IntArray) -> FloatArray:
        """Log of an item's share of all choices, and the mean lift over a user's groups.

        Args:
            groups: ``(n_users, n_attributes)`` as :meth:`groups_of` gives them.

        Returns:
            ``(n_users, n_items)``.
        """
        users, places = np.nonzero(groups >= 0)
        counts = np.maximum((groups >= 0).sum(axis=1), 1)
        shape = (groups.shape[0], self.groups.height)
        mean = csr_array((1 / counts[users], (users, groups[users, places])), shape=shape)
        scores = np.tile(np.log(self.shares), (groups.shape[0], 1))
        scores[:, self._lifted] += mean @ self.lifts
        return scores.astype(np.float32)

    def lift(self, group: int, item: int) -> float:
        """The lift of one item in one group; see :attr:`lifts`."""
        place = int(np.searchsorted(self._lifted, item))
        there = place < self._lifted.size and self._lifted[place] == item
        return float(self.lifts[group, place]) if there else 0.0

    def asked(self, attributes: Mapping[str, Any]) -> pl.DataFrame:
        """What is known of one visitor, as a row for :meth:`groups_of`; ``None`` is not known.

        Raises:
            RequestError: an attribute or a value that the recommender does not know.
        """
        strange = [name for name in attributes if name not in self.attributes]
        if strange:
            raise RequestError(
                f"attributes: unknown {examples(strange)}; known are "
                f"{examples(self.attributes, 12)}"
            )
        given = {name: _text(attributes.get(name)) for name in self.attributes}
        for name, value in given.items():
            values = self.groups.filter(pl.col("attribute") == name)["value"]
            if value is not None and value not in values:
                raise RequestError(
                    f"attributes: no {name} {attributes[name]!r} that at least {FEWEST_USERS} "
                    f"users share; such are {examples(values, 12)}. Leave out what is not known"
                )
        return pl.DataFrame(
            [pl.Series(name, [value], dtype=pl.String) for name, value in given.items()]
        )


def attribute_columns(table: pl.DataFrame, roles: Mapping[str, str]) -> tuple[str, ...]:
    """The columns of a users table that users can share values of.

    Text, categories, booleans and whole numbers, unless declared to be something else; never what
    is declared ``personal`` or ``ignored``.
    """
    kept = [as_given(column) for column in table.columns]
    return tuple(
        column
        for column, kind in table.schema.items()
        if column != Columns.USER
        and column not in kept
        and (kind in (pl.String, pl.Categorical, pl.Enum, pl.Boolean) or kind.is_integer())
        and roles.get(column, "category") in READ_ROLES
    )


def as_text(table: pl.DataFrame, attributes: tuple[str, ...]) -> pl.DataFrame:
    """The table's attributes as text, blank ones null."""
    stripped = pl.col(attributes).cast(pl.String).str.strip_chars()
    return table.with_columns(pl.when(stripped != "").then(stripped).name.keep())


def _text(value: Any) -> str | None:
    if value is None:
        return None
    text = str(pl.Series([value]).cast(pl.String)[0]).strip()
    return text or None
