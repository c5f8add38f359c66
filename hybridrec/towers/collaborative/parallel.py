"""Pieces of work side by side, each on one thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], device: torch.device
) -> list[Result]:
    """Results of all pieces, in their order.

    On CPU as many pieces run at once as torch has threads, and none splits its operations: small
    operations gain less from threads than waiting for these costs, above all on a busy machine.
    Elsewhere one piece follows the other.
    """
    threads = torch.get_num_threads()
    if device.type != "cpu" or threads == 1 or len(pieces) <= 1:
        return [work(piece) for piece in pieces]
    torch.set_num_threads(1)  # of threads that start from here on, and of this one
    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, pieces))
    finally:
        torch.set_num_threads(threads)
