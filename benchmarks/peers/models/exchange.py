"""What a peer is given and gives back. Runs in the peer's environment: numpy and scipy alone."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

BLOCK = 256


@dataclass(frozen=True)
class Asked:
    """A question in rows: events by user and, within one, in order of time.

    Args:
        users: ``(n_events,)`` user rows.
        items: ``(n_events,)`` item rows.
        links: ``(n_links, 3)`` items, what is known of them (brands, categories, words), and the
            number of the relation that says so.
        asked: ``(n_asked,)`` the users whose lists are wanted.
        sizes: ``n_users``, ``n_items``, ``n_links`` (different things known), ``k``, ``seed``,
            ``threads``.
        exclude: ``seen`` leaves out what the user has met.
        settings: of the model.
    """

    users: Any
    items: Any
    links: Any
    asked: Any
    sizes: dict[str, int]
    exclude: str
    settings: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Asked:
        """What was written for the peer."""
        arrays = {
            name: np.load(folder / f"{name}.npy", allow_pickle=False)
            for name in ("users", "items", "links", "asked")
        }
        return cls(**arrays, **json.loads((folder / "task.json").read_text(encoding="utf-8")))

    def matrix(self) -> csr_matrix:
        """Who met what, ``(n_users, n_items)`` ones."""
        shape = self.sizes["n_users"], self.sizes["n_items"]
        ones = np.ones(self.users.size, dtype=np.float32)
        met = csr_matrix((ones, (self.users, self.items)), shape=shape)
        met.data[:] = 1
        return met

    def features(self) -> csr_matrix:
        """What is known of each item, ``(n_items, n_items + n_links)``, the item itself first."""
        n_items, n_links = self.sizes["n_items"], self.sizes["n_links"]
        rows = np.concatenate([np.arange(n_items), self.links[:, 0]])
        columns = np.concatenate([np.arange(n_items), n_items + self.links[:, 1]])
        ones = np.ones(rows.size, dtype=np.float32)
        return csr_matrix((ones, (rows, columns)), shape=(n_items, n_items + n_links))


def answer(folder: Path, fit: Callable[[Asked], Callable[[Any], Any]], version: str) -> None:
    """Fits, ranks and writes the lists beside the seconds and the memory they took.

    Args:
        folder: where the question is, and the answer goes.
        fit: gives a function from user rows ``(n,)`` to a score for every item ``(n, n_items)``.
        version: of the library.
    """
    asked = Asked.read(folder)
    started = time.perf_counter()
    scores_of = fit(asked)
    fitted = time.perf_counter()
    top = np.concatenate(list(_tops(asked, scores_of)))
    ranked = time.perf_counter()
    np.save(folder / "top.npy", top, allow_pickle=False)
    told = {
        "version": version,
        "fit_seconds": fitted - started,
        "ranking_seconds": ranked - fitted,
        "peak_gb": _peak_gb(),
    }
    (folder / "result.json").write_text(json.dumps(told), encoding="utf-8")


def _peak_gb() -> float:
    """The most memory this process has held, in GB; ``benchmarks.machine`` cannot be had here."""
    status = Path("/proc/self/status")
    if status.is_file():
        [peak] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(peak.split()[1]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def _tops(asked: Asked, scores_of: Callable[[Any], Any]) -> Iterator[Any]:
    """The best items of each user, block by block; equal scores in random order."""
    random, met, k = np.random.default_rng(asked.sizes["seed"]), asked.matrix(), asked.sizes["k"]
    for users in np.array_split(asked.asked, max(asked.asked.size // BLOCK, 1)):
        scores = np.array(scores_of(users), dtype=np.float64)
        if asked.exclude == "seen":
            scores[met[users].nonzero()] = -np.inf
        ties = random.random(scores.shape)
        near = np.argpartition(-scores, 4 * k, axis=1)[:, : 4 * k]
        values = np.take_along_axis(scores, near, axis=1)
        order = np.lexsort((np.take_along_axis(ties, near, axis=1), -values))[:, :k]
        best = np.take_along_axis(near, order, axis=1)
        best[np.isneginf(np.take_along_axis(scores, best, axis=1))] = -1
        yield best
