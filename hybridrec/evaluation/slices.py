"""Parts of a test set that are worth a look of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hybridrec.arrays import BoolArray, DoubleArray
from hybridrec.errors import RequestError

HISTORY_LENGTHS = (1, 50, 200, 800)
"""Events a user has had, from which each slice begins."""
ITEM_AGES_DAYS = (0, 28, 90, 180)
"""Days since an item was first met, from which each slice begins."""
SLICES = ("history_length", "item_age")


def check_slices(by: Sequence[str], *, timed: bool) -> None:
    """Refuses slices that cannot be made.

    Raises:
        RequestError: an unknown name, or ``item_age`` where the data have no times.
    """
    for name in by:
        if name not in SLICES:
            raise RequestError(f"by={name!r}: slices that can be asked for: {', '.join(SLICES)}")
        if name == "item_age" and not timed:
            raise RequestError("by='item_age': the data have no times, so items have no age")


def ranges(
    name: str, values: DoubleArray, starts: Sequence[int]
) -> Iterator[tuple[str, BoolArray]]:
    """Labels of the slices, and which values lie in each.

    >>> [label for label, _ in ranges("item_age", np.zeros(1), (0, 28))]
    ['item_age 0–27', 'item_age 28+']
    """
    ends = [*starts[1:], np.inf]
    for start, end in zip(starts, ends, strict=True):
        label = f"{name} {start}+" if np.isinf(end) else f"{name} {start}–{int(end) - 1}"
        yield label, (values >= start) & (values < end)
