"""How much memory there is, asked before much of it is taken; and memory given back."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hybridrec.errors import NotEnoughMemoryError

if TYPE_CHECKING:
    import torch

CGROUP = Path("/sys/fs/cgroup")
"""Where Linux keeps the limits of a container."""
GIGABYTE = 1e9


def require_memory(needed: float, device: torch.device, what: str, remedy: str) -> None:
    """Checks that an allocation can be met before it is tried.

    Args:
        needed: bytes, estimated.
        device: where they are to lie.
        what: what they are for: ``"the graph tower's embeddings"``.
        remedy: the setting that lowers it: ``"lower towers.graph.embedding_dim (64)"``.

    Raises:
        NotEnoughMemoryError: there is less; names both amounts and the remedy.
    """
    available = available_memory(device)
    if needed > available:
        raise NotEnoughMemoryError(
            f"{what} would take {needed / GIGABYTE:,.1f} GB and {device} has "
            f"{available / GIGABYTE:,.1f} GB free; {remedy}"
        )


def available_memory(device: torch.device) -> float:
    """Bytes that are free on a device, within the limits of the container."""
    if device.type == "cuda":
        import torch

        return float(torch.cuda.mem_get_info(device)[0])
    import psutil

    free: float = psutil.virtual_memory().available
    try:
        limit = (CGROUP / "memory.max").read_text().strip()
        used = float((CGROUP / "memory.current").read_text())
        lines = (CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return free
    # pages of files that were read are given up when memory is asked for
    used -= sum(float(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    return free if limit == "max" else min(free, float(limit) - used)


def give_back_memory() -> None:
    """Gives what was freed back to the system, where the C library keeps it: glibc does.

    A stage of a fit frees gigabytes in pieces, between which small ones live on; without this they
    count as taken through all later stages.
    """
    with suppress(AttributeError, OSError, TypeError):  # other systems know no such call
        ctypes.CDLL(None).malloc_trim(0)
