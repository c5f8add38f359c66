"""What a figure was measured on."""

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.machine import peak_memory_gb, reset_peak_memory

TOLD = "from benchmarks.machine import peak_memory_gb; print(peak_memory_gb())"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's own peak")
def test_memory_is_the_process_s_own_and_can_be_told_anew() -> None:
    held = np.ones(100_000_000)  # 0.8 GB
    size = held.nbytes / 1e9

    started = subprocess.run([sys.executable, "-c", TOLD], capture_output=True, check=True)

    assert float(started.stdout) < size < peak_memory_gb()
    del held
    before = peak_memory_gb()
    reset_peak_memory()
    assert peak_memory_gb() < before - size / 2
