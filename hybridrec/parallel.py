"""Pieces of work side by side, each on one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch

from hybridrec.devices import single_threaded_blas

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_POOL: ContextVar[ThreadPoolExecutor | None] = ContextVar("pool", default=None)


def side_by_side(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], device: torch.device
) -> list[Result]:
    """Results of all pieces, in their order.

    On CPU as many pieces run at once as torch has threads, and none splits its operations: small
    operations gain less from threads than waiting for these costs, above all on a busy machine.
    Elsewhere one piece follows the other.
    """
    with one_pool(device) as pool:
        if pool is None or len(pieces) <= 1:
            return [work(piece) for piece in pieces]
        return list(pool.map(work, pieces))


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Operations in here are not split, by torch or by BLAS: for many small ones."""
    with _WHOLE.operations(), single_threaded_blas():
        yield


@contextmanager
def one_pool(device: torch.device) -> Iterator[ThreadPoolExecutor | None]:
    """Threads for all that goes side by side in here; ``None`` where there is one, or no CPU.

    Meanwhile torch splits nothing itself. Threads of its own would spin after each operation, in
    wait of the next, on the cores that these need.
    """
    pool, threads = _POOL.get(), torch.get_num_threads()
    if pool is not None or device.type != "cpu" or threads == 1:
        yield pool
        return
    with _WHOLE.operations(), ThreadPoolExecutor(threads) as pool:
        token = _POOL.set(pool)
        try:
            yield pool
        finally:
            _POOL.reset(token)


class _WholeOperations(threading.local):
    """Keeps torch from splitting operations of this thread, and of threads that start meanwhile.

    What torch is told is what threads that start later begin with, too. Where requests on threads
    of their own overlap, the number that the first found is put back by each.
    """

    held = False
    _lock = threading.Lock()
    _holders = 0
    _threads = 1

    @contextmanager
    def operations(self) -> Iterator[None]:
        """Operations in here are not split."""
        if self.held:
            yield
            return
        shared = type(self)
        with shared._lock:
            if not shared._holders:
                shared._threads = torch.get_num_threads()
            shared._holders += 1
            torch.set_num_threads(1)
        self.held = True
        try:
            yield
        finally:
            self.held = False
            with shared._lock:
                shared._holders -= 1
                torch.set_num_threads(shared._threads)


_WHOLE = _WholeOperations()
