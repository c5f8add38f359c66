"""Where the mathematics runs: the device of torch, and the threads of BLAS libraries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

from hybridrec.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from threadpoolctl import ThreadpoolController


def resolve_device(name: str) -> torch.device:
    """The torch device of a setting.

    Args:
        name: ``auto`` (CUDA where there is a GPU, else CPU), ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        ConfigError: no such device, or it is not on this machine.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"device {name!r} is unknown; use auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise ConfigError(f"device {name!r} is not supported; use auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name!r} is not on this machine, which has {torch.cuda.device_count()} "
            "CUDA devices; use auto or cpu"
        )
    return device


@contextmanager
def single_threaded_blas() -> Iterator[None]:
    """One BLAS thread, for what brings threads of its own: torch, implicit.

    The limit holds for the whole process. Where requests on threads of their own overlap, the first
    sets and lifts it: were each to put back what it found, the last would leave the limit behind.
    """
    if not _LIMITED.acquire(blocking=False):
        yield
        return
    try:
        with _thread_pools().limit(limits=1, user_api="blas"):
            yield
    finally:
        _LIMITED.release()


_LIMITED: Final = threading.Lock()
"""Held while the limit is."""


@cache
def _thread_pools() -> ThreadpoolController:
    """The libraries with threads, sought once: that takes milliseconds."""
    import scipy.linalg  # noqa: F401  brings a BLAS of its own, to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
