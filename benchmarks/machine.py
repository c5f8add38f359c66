"""What a figure was measured on: goes under every table."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe(seed: int) -> str:
    """Machine, versions, commit and seed in one line."""
    import torch

    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = models[0].split(":")[1].strip() if models else cpu
    gpu = f", {torch.cuda.get_device_name(0)}" if torch.cuda.is_available() else ""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "implicit", "numpy"))
    return (
        f"{cpu}, {os.cpu_count()} cores{gpu}; Python {platform.python_version()}, {packages}; "
        f"commit {commit()}; seed {seed}"
    )


def commit() -> str:
    """The short commit hash, marked where the tree has changes."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=9"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or "unknown"


def peak_memory_gb() -> float:
    """The most memory this process has held, in GB, which are 10⁹ bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # what getrusage tells is no less than the peak of the process that started this one
        [peak] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(peak.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def reset_peak_memory() -> None:
    """Lets :func:`peak_memory_gb` speak of what comes from here on; does nothing but on Linux."""
    control = Path("/proc/self/clear_refs")
    if control.exists():
        control.write_text("5")
