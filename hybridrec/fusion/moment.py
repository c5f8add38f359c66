"""The shop as of a moment: what candidates and signals are computed from, beside the towers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
import polars as pl
from scipy.sparse import csr_array, diags_array

from hybridrec.arrays import DoubleArray, FloatArray
from hybridrec.fusion.affinity import Affinity, path_relation
from hybridrec.fusion.item_to_item import ItemToItem
from hybridrec.fusion.meetings import Meetings
from hybridrec.fusion.prices import price_levels, told_prices
from kg.schema import PARENT

HANDFUL = 4
"""Entities by which a relation sorts hardly at all, such as own brand and others."""


@dataclass(frozen=True)
class Moment:
    """The shop as of a moment.

    Args:
        catalogue: one row an item.
        affinity: what items share.
        matrices: which items foretell which, by name.
        statistics: how popular items are, ``(n_items,)`` each.
        prices: ``(n_items,)`` NaN where unknown; ``None`` without any.
        as_of: when what is popular was counted; ``None`` where the data have no times.
        order: where each item stands in the usual order, ``(n_items,)`` 0 to 1; ``None`` where
            the order of events means nothing.
        meetings: when each item was met; ``None`` where that is not asked.
    """

    catalogue: pl.DataFrame
    affinity: Affinity
    matrices: Mapping[str, ItemToItem]
    statistics: Mapping[str, FloatArray]
    prices: DoubleArray | None = None
    as_of: datetime | None = None
    order: FloatArray | None = None
    meetings: Meetings | None = None

    @cached_property
    def popular(self) -> FloatArray:
        """How popular items are now: in the last 28 days, or ever where there are no times."""
        return self.statistics.get("recent", self.statistics["popularity"])

    @cached_property
    def price_levels(self) -> FloatArray | None:
        """How dear each item is for its category; ``None`` without prices."""
        return None if self.prices is None else price_levels(self.prices, self.categories)

    @cached_property
    def categories(self) -> csr_array | None:
        """The relation that sorts items broadly, ``(n_items, n_entities)``; ``None`` without any.

        Where items lie at the end of paths, what is one step above the end; else, of the relations
        that most items have, the one with the fewest entities that are not a mere handful.
        """
        held = {
            name: links
            for name, links in self.affinity.links.items()
            if (np.diff(links.indptr) > 0).mean() > 0.5
        }
        above = f"{path_relation(self.affinity.links)}{PARENT}"
        if above in held:
            return held[above]
        several = [links for links in held.values() if links.shape[1] > HANDFUL]
        return min(several or held.values(), key=lambda links: links.shape[1], default=None)

    @cached_property
    def popular_by_category(self) -> csr_array | None:
        """How many users each category's items have now, ``(n_entities, n_items)``."""
        if self.categories is None:
            return None
        users = diags_array(np.expm1(self.popular))
        return csr_array((users @ self.categories).T)

    def extended(self, rows: pl.DataFrame, catalogue: pl.DataFrame, affinity: Affinity) -> Moment:
        """With more items, whom nobody has met yet.

        Args:
            rows: the new items.
            catalogue: all items, the new ones last.
            affinity: of all.
        """
        n = rows.height
        return replace(
            self,
            catalogue=catalogue,
            affinity=affinity,
            matrices={name: matrix.extended(n) for name, matrix in self.matrices.items()},
            statistics={
                name: np.concatenate([column, np.zeros(n, np.float32)])
                for name, column in self.statistics.items()
            },
            prices=None
            if self.prices is None
            else np.concatenate([self.prices, told_prices(rows)]),
            order=None if self.order is None else np.pad(self.order, (0, n), constant_values=0.5),
            meetings=None
            if self.meetings is None
            else replace(self.meetings, n_items=self.meetings.n_items + n),
        )
