"""Memory that was freed goes back to the system."""

import platform
from pathlib import Path

import pytest

from hybridrec.learning.memory import give_back_memory

BLOCK, BLOCKS = 4_000, 25_000


def held() -> int:
    """Bytes of this process that lie in memory."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what is freed")
def test_what_small_blocks_held_is_given_back() -> None:
    blocks = [bytes(BLOCK) for _ in range(BLOCKS)]
    del blocks[:-1]  # the last one lies above all others
    before = held()
    give_back_memory()

    assert before - held() > BLOCK * BLOCKS / 2


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(_: object) -> None:
        raise OSError

    monkeypatch.setattr("ctypes.CDLL", no_library)
    give_back_memory()
