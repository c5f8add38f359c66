"""Items that foretell each other, from who met them and from what they have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from scipy.sparse import csr_array, diags_array, vstack

from hybridrec.config import NeighboursConfig
from hybridrec.data.histories import Histories
from hybridrec.data.texts import text_parts, words
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.item_to_item import ItemToItem
from hybridrec.fusion.slim import slim

COMMON: Final = 0.1
"""Words and entities that more of the catalogue has than this tell little, and cost most; in a
small catalogue, where few items have them, they are kept."""
FEW: Final = 100


def neighbours(
    histories: Histories,
    affinity: Affinity,
    catalogue: pl.DataFrame,
    text_columns: Sequence[str],
    config: NeighboursConfig,
) -> ItemToItem:
    """A sparse linear model from items to items; see :func:`hybridrec.fusion.slim.slim`.

    It learns from users' histories as rows and, beside them, from the entities and the words that
    items share, each a row as well: what belongs together is what the same people choose, and what
    says the same of itself. Items that nobody has met yet are foretold by the latter alone.

    Args:
        histories: who met what, up to a moment.
        affinity: what items are joined to.
        catalogue: one row an item.
        text_columns: those that are read.
        config: settings.
    """
    met = histories.weights()
    met.data = np.ones_like(met.data)
    rows = [met]
    if config.shared_weight:
        said = [_entities(affinity, histories.n_items), _terms(catalogue, text_columns)]
        shared = [_shared_by_few(each) for each in said]
        if config.shared_rows == "telling":
            shared = [_telling(each) for each in shared]
        rows += [csr_array(config.shared_weight * each.T) for each in shared]
    found = slim(csr_array(vstack(rows)), config.neighbours, config.regularization)
    return ItemToItem.strongest(found, config.neighbours)


def _entities(affinity: Affinity, n_items: int) -> csr_array:
    """Which items are joined to which entities, ``(n_items, n_entities)``, over all relations."""
    items, entities, width = [], [], 0
    for links in affinity.links.values():
        items.append(np.repeat(np.arange(n_items), np.diff(links.indptr)))
        entities.append(links.indices.astype(np.int64) + width)
        width += links.shape[1]
    if not items:
        return csr_array(np.zeros((n_items, 0), dtype=np.float32))
    places = (np.concatenate(items), np.concatenate(entities))
    ones = np.ones(places[0].size, dtype=np.float32)
    return csr_array((ones, places), shape=(n_items, width))


def _terms(catalogue: pl.DataFrame, columns: Sequence[str]) -> csr_array:
    """Which items hold which words and pairs of neighbouring words, ``(n_items, n_terms)``."""
    said = text_parts(catalogue, columns).list.join("\n")
    first = words(said).to_frame("word").with_row_index("item").explode("word").drop_nulls()
    after = pl.col("word").shift(-1).over("item")
    pairs = first.with_columns(word=pl.col("word") + " " + after).drop_nulls()
    held = pl.concat([first, pairs]).unique()
    terms = held["word"].rank("dense").to_numpy().astype(np.int64) - 1
    shape = (catalogue.height, int(terms.max(initial=-1)) + 1)
    items = held["item"].to_numpy().astype(np.int64)
    return csr_array((np.ones(terms.size, dtype=np.float32), (items, terms)), shape=shape)


def _shared_by_few(held: csr_array) -> csr_array:
    """Without the columns that one item alone holds, or so many that they tell little.

    Args:
        held: ``(n_items, n)`` ones where an item holds something.
    """
    counts = np.bincount(held.indices, minlength=held.shape[1])
    kept = np.flatnonzero((counts > 1) & (counts <= max(COMMON * held.shape[0], FEW)))
    return csr_array(held[:, kept])


def _telling(held: csr_array) -> csr_array:
    """Columns by inverse document frequency, rows of unit length.

    Args:
        held: ``(n_items, n)`` ones where an item holds something that others hold too.
    """
    counts = np.bincount(held.indices, minlength=held.shape[1])
    told = csr_array(held @ diags_array(np.log(held.shape[0] / counts)))
    norms = np.sqrt(np.asarray(told.multiply(told).sum(axis=1)).ravel())
    return csr_array(diags_array(1 / np.maximum(norms, 1e-9)) @ told)
