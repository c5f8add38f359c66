"""Other libraries are asked through files, each in an environment of its own."""

import sys
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import torch

from benchmarks.accuracy.tasks import PROTOCOLS, Task
from benchmarks.peers import running
from benchmarks.peers.environments import REQUIREMENTS, python_of
from benchmarks.peers.running import PEERS, Peer, run
from hybridrec.data import Dataset
from hybridrec.errors import ConfigError, HybridrecError
from hybridrec.fusion.affinity import Affinity
from hybridrec.training import build_graph

POPULARITY = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, {models!r})
from exchange import answer

def fit(asked):
    met = np.asarray(asked.matrix().sum(axis=0)).ravel() * asked.settings["times"]
    assert asked.features().shape[1] > asked.sizes["n_items"]
    return lambda users: np.tile(met, (len(users), 1))

answer(Path(sys.argv[1]), fit, "popularity 1.0")
"""


@pytest.fixture(scope="module")
def task(dataset: Dataset) -> Task:
    train, test = dataset.split_leave_last_out()
    return Task("made", PROTOCOLS["amazon-beauty"], train, test)


def asked_as(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A peer called made that runs a script in this environment."""
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    monkeypatch.setitem(PEERS, "made", Peer("made", str(tmp_path / "script.py"), ()))
    monkeypatch.setattr(running, "python_of", lambda _: sys.executable)


def test_a_peer_answers_with_its_best_items_that_are_new(task, tmp_path, monkeypatch):
    asked_as(POPULARITY.format(models=str(running.MODELS)), tmp_path, monkeypatch)
    answer = run("made", task, {"times": 2}, seed=1)

    histories = task.train.histories()
    met = np.asarray((histories.weights() > 0).sum(axis=0)).ravel()
    assert answer.version == "popularity 1.0"
    assert answer.top.shape == (task.question.users.size, 10)
    for user, items in zip(task.question.users, answer.top, strict=True):
        seen = set(histories.of([user]).items.tolist())
        assert not seen & set(items.tolist())
        others = np.setdiff1d(np.arange(histories.n_items), list(seen))
        assert met[items].tolist() == sorted(met[others], reverse=True)[:10]
    assert answer.fit_seconds >= 0
    assert answer.peak_gb > 0


def test_a_peer_s_memory_is_its_own(task, tmp_path, monkeypatch):
    asked_as(POPULARITY.format(models=str(running.MODELS)), tmp_path, monkeypatch)
    held = np.ones(100_000_000)  # 0.8 GB

    answer = run("made", task, {"times": 1}, seed=1)

    assert answer.peak_gb < held.nbytes / 1e9


def test_equal_scores_are_in_random_order(task, tmp_path, monkeypatch):
    asked_as(POPULARITY.format(models=str(running.MODELS)), tmp_path, monkeypatch)
    one, same, other = (run("made", task, {"times": 0}, seed).top for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.5


def test_a_peer_that_fails_says_why(task, tmp_path, monkeypatch):
    asked_as("raise ValueError('no such loss')", tmp_path, monkeypatch)
    with pytest.raises(HybridrecError, match=r"made failed:[\s\S]*no such loss"):
        run("made", task, {}, seed=1)


def test_what_cannot_be_installed_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("HYBRIDREC_PEERS", str(tmp_path))
    monkeypatch.setitem(REQUIREMENTS, "made", (str(tmp_path / "nothing-here"),))
    with pytest.raises(ConfigError, match=r"made: cannot install .*nothing-here"):
        python_of("made")


def test_every_peer_is_tried_as_often_and_has_its_files():
    assert len({len(peer.grid) for peer in PEERS.values()}) == 1
    for peer in PEERS.values():
        assert peer.environment in REQUIREMENTS
        assert (running.MODELS / peer.script).is_file()


def test_links_tell_by_which_relation_items_share_a_thing(task):
    links, n_things = running._links(task)
    affinity = Affinity.of(build_graph(task.train)).links
    ends = np.cumsum([matrix.shape[1] for matrix in affinity.values()])
    assert len(affinity) > 1
    assert n_things == ends[-1]
    assert np.bincount(links[:, 2]).tolist() == [matrix.nnz for matrix in affinity.values()]
    for relation, (end, matrix) in enumerate(zip(ends, affinity.values(), strict=True)):
        items, things, _ = links[links[:, 2] == relation].T
        assert (matrix.toarray()[items, things - (end - matrix.shape[1])] > 0).all()


def test_means_of_groups_are_zero_where_there_are_none():
    scatter_mean = run_path(str(running.MODELS / "torch_scatter.py"))["scatter_mean"]
    rows = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], requires_grad=True)

    means = scatter_mean(src=rows, index=torch.tensor([2, 0, 2]), dim_size=4, dim=0)

    assert means.tolist() == [[3.0, 4.0], [0.0, 0.0], [3.0, 4.0], [0.0, 0.0]]
    means.sum().backward()
    assert rows.grad.tolist() == [[0.5, 0.5], [1.0, 1.0], [0.5, 0.5]]
