"""What people meet next, after each item."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array

from hybridrec.config import TransitionsConfig
from hybridrec.data.histories import Histories
from hybridrec.fusion.item_to_item import ItemToItem


def transitions(histories: Histories, config: TransitionsConfig) -> ItemToItem:
    """How often one item follows another, from the former to the latter.

    An item that comes ``s`` events after another, up to ``config.steps``, counts ``1 / s``. What
    follows everything tells little: counts are divided by ``(1 + √n)`` of both items, ``n`` being
    the events of an item. Each item keeps its ``config.followers`` of most weight.

    Args:
        histories: what every user did, in order.
        config: settings.
    """
    items = histories.items
    before, after, counts = [], [], []
    for step in range(1, config.steps + 1):
        first = histories.followed(step)
        before.append(items[first])
        after.append(items[first + step])
        counts.append(np.full(first.size, 1 / step, dtype=np.float32))
    shape = (histories.n_items, histories.n_items)
    places = (np.concatenate(before), np.concatenate(after))
    follows: csr_array = csr_array((np.concatenate(counts), places), shape=shape)
    follows.setdiag(0)
    follows.eliminate_zeros()
    events = np.bincount(items, minlength=histories.n_items)
    usual = diags_array((1 / (1 + np.sqrt(events))).astype(np.float32))
    weighed = csr_array(usual @ follows @ usual, dtype=np.float32)
    return ItemToItem.strongest(weighed, config.followers)
