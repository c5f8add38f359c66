"""Embeddings on disk by content, so that no text is encoded twice."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from hybridrec.arrays import FloatArray
from hybridrec.errors import ConfigError
from hybridrec.progress import track

FILE = "text-embeddings.sqlite"
CHUNK = 2_048
"""Texts that are encoded and then kept together; a killed run loses no more."""
WAIT_SECONDS = 60.0
"""For another process that writes to the same directory."""


def fingerprint(weights: Mapping[str, Tensor], settings: Sequence[object]) -> bytes:
    """A digest of all that an embedding depends on besides its text.

    Args:
        weights: the encoder's, by name.
        settings: what else matters, such as the longest text.
    """
    digest = hashlib.sha256(repr(tuple(settings)).encode())
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].detach().cpu().contiguous().numpy().tobytes())
    return digest.digest()


class EmbeddingStore:
    """A directory with one SQLite file, whose transactions outlive a killed process whole.

    Args:
        directory: where; made when missing.
        fingerprint: as :func:`fingerprint`; embeddings of others are not seen.
    """

    def __init__(self, directory: str | Path, fingerprint: bytes) -> None:
        self.directory = Path(directory).expanduser()
        self._fingerprint = fingerprint

    def encode(self, texts: Sequence[str], encode: Callable[[list[str]], FloatArray]) -> FloatArray:
        """Embeddings of texts, ``(n, dim)``: those kept, the others encoded and then kept.

        Raises:
            ConfigError: the directory cannot be written to, or holds a file of another kind.
        """
        keys = [hashlib.sha256(self._fingerprint + text.encode()).digest() for text in texts]
        try:
            with self._open() as database:
                found = _kept(database, keys)
                missing = [n for n, key in enumerate(keys) if key not in found]
                starts = range(0, len(missing), CHUNK)
                for start in track(starts, "text tower: encoding what is new", len(starts)):
                    chunk = missing[start : start + CHUNK]
                    made = encode([texts[n] for n in chunk]).astype(np.float32)
                    rows = [(keys[n], row.tobytes()) for n, row in zip(chunk, made, strict=True)]
                    with database:
                        database.executemany("insert or ignore into embeddings values (?, ?)", rows)
                    found |= dict(rows)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"towers.text.cache_dir {str(self.directory)!r} cannot be used: {error}"
            ) from error
        return np.stack([np.frombuffer(found[key], dtype=np.float32) for key in keys])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self.directory.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.directory / FILE, timeout=WAIT_SECONDS)) as database:
            database.execute(
                "create table if not exists embeddings (key blob primary key, value blob not null)"
                " without rowid"
            )
            yield database


def _kept(database: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, bytes]:
    database.execute("create temporary table asked (key blob primary key) without rowid")
    asked: Any = ((key,) for key in keys)
    database.executemany("insert or ignore into asked values (?)", asked)
    rows = database.execute("select key, value from embeddings join asked using (key)")
    return dict(rows.fetchall())
