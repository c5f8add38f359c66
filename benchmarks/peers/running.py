"""A peer's answer to a table's question, from a process and an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import hstack

from benchmarks.accuracy.tasks import Task
from benchmarks.peers.environments import python_of
from hybridrec.arrays import IntArray
from hybridrec.errors import HybridrecError
from hybridrec.fusion.affinity import Affinity
from hybridrec.training import build_graph

MODELS = Path(__file__).parent / "models"
K = 10


@dataclass(frozen=True)
class Peer:
    """A model of another library.

    Args:
        environment: which it runs in.
        script: its file in ``models/``.
        grid: the settings tried on validation, the same number for each peer.
    """

    environment: str
    script: str
    grid: tuple[Mapping[str, Any], ...]


PEERS: dict[str, Peer] = {
    "LightFM, WARP": Peer(
        "lightfm",
        "lightfm_warp.py",
        tuple(
            {"no_components": size, "epochs": 30, "learning_rate": 0.05, "item_alpha": alpha,
             "user_alpha": alpha, "attributes": attributes}
            for size, alpha, attributes in ((64, 1e-6, False), (128, 1e-6, False),
                                            (64, 1e-6, True), (128, 1e-5, True))
        ),
    ),
    "LensKit item-kNN": Peer(
        "lenskit",
        "lenskit_knn.py",
        tuple({"max_nbrs": near, "save_nbrs": saved} for near, saved in
              ((20, 500), (50, 500), (100, 1000), (500, 1000))),
    ),
    "cornac BPR": Peer(
        "cornac",
        "cornac_bpr.py",
        tuple({"k": size, "max_iter": 200, "learning_rate": 0.05, "lambda_reg": lam}
              for size in (64, 128) for lam in (0.001, 0.01)),
    ),
    "RecTools SASRec": Peer(
        "rectools",
        "rectools_sasrec.py",
        tuple({"n_factors": size, "n_blocks": 2, "n_heads": 1, "dropout_rate": drop,
               "session_max_len": 50, "epochs": 30, "loss": "softmax", "batch_size": 128}
              for size in (64, 128) for drop in (0.2, 0.5)),
    ),
    "hopwise LightGCN": Peer(
        "hopwise",
        "hopwise_model.py",
        tuple({"model": "LightGCN", "embedding_size": 64, "n_layers": layers,
               "learning_rate": rate, "epochs": 100}
              for layers in (2, 3) for rate in (0.001, 0.005)),
    ),
    "hopwise CKE": Peer(
        "hopwise",
        "hopwise_model.py",
        tuple({"model": "CKE", "embedding_size": 64, "kg_embedding_size": 64,
               "reg_weights": [weight, weight], "learning_rate": rate, "epochs": 100}
              for weight in (0.01, 0.1) for rate in (0.001, 0.005)),
    ),
    "hopwise KGAT": Peer(
        "hopwise",
        "hopwise_model.py",
        tuple({"model": "KGAT", "embedding_size": 64, "kg_embedding_size": 64,
               "layers": layers, "learning_rate": rate, "epochs": 100}
              for layers in ([64], [64, 32]) for rate in (0.001, 0.005)),
    ),
    "hopwise KGIN": Peer(
        "hopwise",
        "hopwise_model.py",
        tuple({"model": "KGIN", "embedding_size": 64, "context_hops": hops,
               "learning_rate": rate, "epochs": 100}
              for hops in (1, 2) for rate in (0.001, 0.005)),
    ),
}  # fmt: skip
"""The models of other libraries that are run, by the name of their row."""


class PeerAnswer(NamedTuple):
    """What a peer gave: ``(n_asked, 10)`` item rows, −1 where fewer, and what it cost."""

    top: IntArray
    version: str
    fit_seconds: float
    ranking_seconds: float
    peak_gb: float


def run(name: str, task: Task, settings: Mapping[str, Any], seed: int) -> PeerAnswer:
    """A peer's lists for the users of a table.

    Args:
        name: of the peer.
        task: what is learnt from, and asked.
        settings: of the model.
        seed: of the model, and of ties.

    Raises:
        HybridrecError: the peer failed; what it said last.
    """
    peer = PEERS[name]
    python = python_of(peer.environment)
    with TemporaryDirectory() as folder:
        _write(Path(folder), task, settings, seed)
        threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())}
        done = subprocess.run(
            [python, MODELS / peer.script, folder],
            capture_output=True, text=True, check=False, env={**os.environ, **threads},
        )  # fmt: skip
        if done.returncode:
            last = "\n".join(done.stderr.strip().splitlines()[-12:])
            raise HybridrecError(f"{name} failed:\n{last}")
        told = json.loads((Path(folder) / "result.json").read_text(encoding="utf-8"))
        top = np.load(Path(folder) / "top.npy", allow_pickle=False)
    return PeerAnswer(top=top, **told)


def _write(folder: Path, task: Task, settings: Mapping[str, Any], seed: int) -> None:
    histories = task.train.histories()
    links, n_links = _links(task)
    arrays = {
        "users": histories.users,
        "items": histories.items,
        "links": links,
        "asked": task.question.users,
    }
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values, allow_pickle=False)
    sizes = {
        "n_users": histories.n_users, "n_items": histories.n_items, "n_links": n_links,
        "k": K, "seed": seed, "threads": torch.get_num_threads(),
    }  # fmt: skip
    told = {"sizes": sizes, "exclude": task.protocol.exclude, "settings": dict(settings)}
    (folder / "task.json").write_text(json.dumps(told), encoding="utf-8")


def _links(task: Task) -> tuple[IntArray, int]:
    """Items, what they share in the knowledge graph and by which relation; how much is shared."""
    links = Affinity.of(build_graph(task.train)).links
    if not links:
        return np.zeros((0, 3), dtype=np.int64), 0
    joined = hstack(list(links.values())).tocoo()
    ends = np.cumsum([matrix.shape[1] for matrix in links.values()])
    relations = np.searchsorted(ends, joined.col, side="right")
    return np.stack([joined.row, joined.col, relations], axis=1), int(joined.shape[1])
