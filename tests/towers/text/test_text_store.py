"""Embeddings on disk by content."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridrec.errors import ConfigError
from hybridrec.towers.text.store import FILE, EmbeddingStore, fingerprint


class Counting:
    """Encodes a text as its length, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


def test_no_text_is_encoded_twice(tmp_path: Path) -> None:
    store, first, second = EmbeddingStore(tmp_path / "new", b"a"), Counting(), Counting()

    made = store.encode(["rose", "tea"], first)
    again = EmbeddingStore(tmp_path / "new", b"a").encode(["tea", "coffee", "rose"], second)

    np.testing.assert_array_equal(made, [[4, 1], [3, 1]])
    np.testing.assert_array_equal(again, [[3, 1], [6, 1], [4, 1]])
    assert first.asked == ["rose", "tea"]
    assert second.asked == ["coffee"]


def test_embeddings_of_another_encoder_are_not_taken(tmp_path: Path) -> None:
    EmbeddingStore(tmp_path, b"a").encode(["rose"], Counting())
    other = Counting()

    EmbeddingStore(tmp_path, b"b").encode(["rose"], other)

    assert other.asked == ["rose"]


def test_a_fingerprint_tells_weights_and_settings_apart() -> None:
    weights = {"a": torch.arange(3.0), "b": torch.ones(2)}
    same = fingerprint({name: weights[name].clone() for name in ("b", "a")}, [48])

    assert same == fingerprint(weights, [48])
    assert same != fingerprint(weights, [64])
    assert same != fingerprint(weights | {"b": torch.zeros(2)}, [48])


def test_a_directory_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"cache_dir .*file.* cannot be used"):
        EmbeddingStore(tmp_path / "file", b"a").encode(["rose"], Counting())
    (tmp_path / FILE).write_text("no database, but long enough to be looked at as one" * 50)
    with pytest.raises(ConfigError, match="not a database"):
        EmbeddingStore(tmp_path, b"a").encode(["rose"], Counting())


def test_a_killed_run_leaves_what_was_whole(tmp_path: Path) -> None:
    script = f"""
import os, signal
import numpy as np
from hybridrec.towers.text import store
store.CHUNK = 2
def encode(texts):
    if "die" in texts:
        os.kill(os.getpid(), signal.SIGKILL)
    return np.ones((len(texts), 2), dtype=np.float32)
store.EmbeddingStore({str(tmp_path)!r}, b"a").encode(["rose", "tea", "die"], encode)
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    counting = Counting()

    made = EmbeddingStore(tmp_path, b"a").encode(["rose", "tea", "die"], counting)

    assert counting.asked == ["die"]
    np.testing.assert_array_equal(made, [[1, 1], [1, 1], [3, 1]])
