"""Peers with known answers, and whole tables of a small made shop."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from benchmarks.accuracy import __main__ as command
from benchmarks.accuracy import baselines, chosen, search
from benchmarks.accuracy.answers import (
    ABLATIONS,
    UNTOUCHED,
    Answer,
    ablations,
    fit,
    take_over,
)
from benchmarks.accuracy.results import Value, load, rows_of, save
from benchmarks.accuracy.table import lead, section, written
from benchmarks.accuracy.tasks import PROTOCOLS, Task, tasks
from benchmarks.peers.running import PEERS as LIBRARIES
from hybridrec import Dataset, RecommenderConfig
from hybridrec.data import Histories
from hybridrec.errors import RequestError
from hybridrec.training import fingerprint

SMALL = """
seed: 5
device: cpu
towers:
  collaborative: {embedding_dim: 8, iterations: 2}
  graph: {embedding_dim: 8, steps: 3, batch_size: 16}
  text: null
ranker: {users: 60, epochs: 1}
"""


def histories(rows: list[list[int]], n_items: int) -> Histories:
    """Histories without times, items in the order given."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    ages = np.concatenate([np.arange(len(row))[::-1] for row in rows]).astype(np.float64)
    items = np.concatenate([np.array(row, dtype=np.int64) for row in rows])
    strengths = np.ones(items.size, dtype=np.float32)
    return Histories(indptr, items, ages, strengths, n_items, False)


PAIRED = histories([[0, 1], [0, 1], [1, 0], [2, 3], [3, 2], [2, 3], [0], [2]], 5)
"""Items 0 and 1 go together, and so do 2 and 3; nobody met 4."""


class TestBaselines:
    def test_popularity_counts_users_not_events(self) -> None:
        met = histories([[0, 0, 0], [1], [1]], 3)

        assert baselines.popularity(met)(met.of([0])).tolist() == [[1, 2, 0]]

    def test_own_counts_are_the_users_own(self) -> None:
        met = histories([[0, 0, 1], [2]], 3)

        assert baselines.own_counts()(met).tolist() == [[2, 1, 0], [0, 0, 1]]

    @pytest.mark.parametrize("rows", ["binary", "logarithms"])
    @pytest.mark.parametrize(
        ("peer", "settings"),
        [
            ("item-kNN", {"weighting": "cosine", "neighbours": 3}),
            ("item-kNN", {"weighting": "tfidf", "neighbours": 3}),
            ("item-kNN", {"weighting": "bm25", "neighbours": 3}),
            ("EASE", {"regularization": 1.0}),
            (
                "implicit ALS",
                {"factors": 4, "alpha": 5.0, "regularization": 0.1, "iterations": 15},
            ),
        ],
    )
    def test_peers_find_what_goes_together(
        self, peer: str, settings: dict[str, Any], rows: str
    ) -> None:
        scores = chosen.fitted(peer, PAIRED, {**settings, "rows": rows})(PAIRED.of([6, 7]))

        assert scores.shape == (2, 5)
        assert np.delete(scores[0], 0).argmax() + 1 == 1
        assert np.delete(scores[1], 2).argmax() == 2  # item 3, once item 2 is left out

    def test_ease_is_its_closed_form(self) -> None:
        rows = PAIRED.weights()
        gram = (rows.T @ rows).toarray() + 2.0 * np.eye(5)
        inverse = np.linalg.inv(gram)
        expected = inverse / -np.diag(inverse)
        np.fill_diagonal(expected, 0)

        for product in (baselines.ease_by_items, baselines.ease_by_users):
            weights = product(rows, 2.0)(csr_array(np.eye(5)))
            np.testing.assert_allclose(weights, expected, atol=1e-6)

    def test_ease_on_a_recent_history_weighs_steps(self) -> None:
        plain = baselines.ease(PAIRED, regularization=1.0)
        recent = baselines.ease(PAIRED, regularization=1.0, recent=True)
        first, last = plain(PAIRED.of([6])), plain(PAIRED.of([7]))

        both = histories([[0, 2]], 5)
        np.testing.assert_allclose(recent(both), 0.8 * first + last, rtol=1e-5)
        np.testing.assert_allclose(plain(both), first + last, rtol=1e-5)


class TestChosen:
    def test_every_table_has_settings_of_peers(self) -> None:
        assert set(chosen.CHOSEN) == set(PROTOCOLS)
        for name, settings in chosen.CHOSEN.items():
            known = {*chosen.PEERS, *LIBRARIES}
            assert {"item-kNN", "implicit ALS"} <= set(settings) <= known, name

    def test_settings_are_among_those_tried(self) -> None:
        for name, choices in chosen.CHOSEN.items():
            repeats = name.startswith(("complete-journey", "online-retail"))
            for peer, choice in choices.items():
                if peer in LIBRARIES:
                    tried = [dict(settings) for settings in LIBRARIES[peer].grid]
                else:
                    tried = search.configurations(peer, repeats=repeats)
                assert choice.settings in tried, (name, peer)
                assert choice.tried <= len(tried), (name, peer)

    def test_the_search_measures_every_table_of_the_set(self, dataset: Dataset) -> None:
        both = tasks(["complete-journey-all", "complete-journey-new"], dataset, validate=True)
        questions = {task.name: search.of_users(task.question, 20) for task in both}
        found = list(search.search(both[0].train, questions, ["item-kNN"], limit=3))

        assert [question.users.size for question in questions.values()] == [20, 20]
        assert [table for table, _, _, _ in found] == [task.name for task in both] * 3
        for table, peer, value, line in found:
            assert peer == line[0] == "item-kNN"
            assert str(line[2]).startswith(f"{value:.4f} ± ")
            assert 0 < value < 1, table

    def test_repeats_are_seen(self) -> None:
        assert search.has_repeats(histories([[0, 1, 0]], 2))
        assert not search.has_repeats(PAIRED)


@pytest.fixture
def task(dataset: Dataset) -> Task:
    return tasks(["complete-journey-new"], dataset)[0]


class TestSection:
    def test_leads_are_those_of_the_fusion(self, task: Task) -> None:
        found = task.question.relevant.toarray().argmax(axis=1)
        right = np.full((found.size, 10), -1)
        right[:, 0] = found
        nothing = np.full((found.size, 10), -1)
        half = np.where(np.arange(found.size)[:, None] % 2, right, nothing)
        answers = [Answer("half", half, 1.0, 2.0, 0.5), Answer("fusion", right, None, 0.5, 0.5)]
        values = [task.question.score(top, "ndcg@10") for top in (half, right)]
        text = section(rows_of(task, answers))

        lines = [line for line in text.splitlines() if line.startswith(("| half", "| fusion"))]
        cells = [cell.strip() for cell in lines[0].split("|")]
        assert cells[4:6] == ["", ""] or cells[3].startswith("+")
        told = Value.of(values[0], values[1])
        assert written(told) in lines[0]
        assert told.lead > 0
        assert lead(told) in lines[0]
        assert written(Value.of(values[1])) in lines[1]
        assert "+" not in lines[1]
        assert f"({found.size} users)" in text

    def test_without_the_fusion_has_no_leads(self, task: Task) -> None:
        nothing = np.full((task.question.users.size, 10), -1)
        text = section(rows_of(task, [Answer("nothing", nothing, 1.0, 2.0, 0.5)]))

        assert "0.0000 ± 0.0000 |  | 0.0000 ± 0.0000 |  |" in text

    def test_in_percent(self, task: Task) -> None:
        half = replace(task.protocol, percent=True)
        nothing = np.full((task.question.users.size, 10), -1)
        answers = [Answer("none", nothing, 1.0, 2.0, 0.5)]
        text = section(rows_of(replace(task, protocol=half), answers))

        assert "recall@10, %" in text
        assert "0.00 ± 0.00" in text


class TestAblations:
    def test_take_one_part_out_each(self, dataset: Dataset, tmp_path: Path) -> None:
        config = _config(tmp_path)
        found = ablations(ABLATIONS, dataset, config, ["collaborative", "graph"])

        # the fusion has no text tower to take out
        assert list(found) == [row for row in ABLATIONS if row != "without-text"]
        assert found["without-graph"][2].towers.graph is None
        assert found["without-graph"][2].towers.collaborative == config.towers.collaborative
        assert found["without-neighbours"][2].neighbours is None
        assert found["without-transitions"][2].transitions is None
        assert found["without-transitions"][2].neighbours == config.neighbours
        assert found["without-neighbours"][2].towers == config.towers
        assert found["without-graph"][1]() is dataset
        steady = found["without-drift"][2]
        assert steady.short_profile is steady.last_profile is None
        assert steady.towers == config.towers
        assert found["shuffled-graph"][2] == config
        shuffled = found["shuffled-graph"][1]()
        assert not shuffled.catalogue["brand"].equals(dataset.catalogue["brand"])

    def test_have_no_drift_to_leave_out_where_there_is_one_profile(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        one = {"short_profile": None, "last_profile": None}
        steady = _config(tmp_path).model_copy(update=one)

        found = ablations(ABLATIONS, dataset, steady, ["collaborative", "graph"])

        assert "without-drift" not in found
        assert "without-graph" in found

    def test_leave_at_least_one_tower(self, dataset: Dataset, tmp_path: Path) -> None:
        config = _config(tmp_path)
        alone = config.model_copy(
            update={"towers": config.towers.model_copy(update={"graph": None})}
        )

        assert "without-collaborative" not in ablations(
            ABLATIONS, dataset, alone, ["collaborative"]
        )

    def test_take_over_what_learns_the_same(self, dataset: Dataset, tmp_path: Path) -> None:
        config = _config(tmp_path)
        fit(dataset, config, tmp_path / "whole")
        lacking = config.model_copy(update={"neighbours": None})

        rests_on = fingerprint(dataset, lacking)
        take_over(UNTOUCHED["without-neighbours"], tmp_path / "whole", tmp_path / "own", rests_on)

        taken = {file.stem.split("-")[0] for file in (tmp_path / "own").glob("*.safetensors")}
        assert taken == {"collaborative", "graph"}
        resumed, _ = fit(dataset, lacking, tmp_path / "own")
        afresh, _ = fit(dataset, lacking)
        users = afresh.users[:5]
        assert resumed.recommend(users).to_dicts() == afresh.recommend(users).to_dicts()


def _config(folder: Path) -> RecommenderConfig:
    file = folder / "small.yaml"
    file.write_text(SMALL)
    return RecommenderConfig.from_yaml(file)


def run(monkeypatch: pytest.MonkeyPatch, data: Dataset, folder: Path, *options: str) -> str:
    """Runs the command on made data, and gives the Markdown it wrote."""
    _config(folder)
    monkeypatch.setattr(command, "load", lambda names, folder, co_purchases: data)
    given = ["--config", str(folder / "small.yaml"), "--save-table", str(folder / "table.md")]
    command.main([*options, *given])
    return (folder / "table.md").read_text()


class TestCommand:
    def test_writes_recommendations_that_score_as_it_says(
        self,
        dataset: Dataset,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        names = ["complete-journey-all", "complete-journey-new"]
        text = run(
            monkeypatch, dataset, tmp_path, "--dataset", *names,
            "--save-recommendations", str(tmp_path / "recs"),
        )  # fmt: skip
        lines = capsys.readouterr().out.splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]

        assert [figures["table"] for figures in told] == names
        for name, figures in zip(names, told, strict=True):
            recs = pl.read_parquet(tmp_path / "recs" / f"{name}.parquet")
            assert referee(recs, tasks([name], dataset)[0]) == {
                key: figures[key] for key in ("users", "recall@10", "hr@10", "mrr@10")
            }
        for row in ("popularity", "own counts", "fusion"):
            assert f"\n| {row} |" in text
        for peer in chosen.PEERS:
            assert (f"\n| {peer} |" in text) == any(peer in chosen.CHOSEN.get(n, {}) for n in names)
        for part in ("collaborative tower alone", "graph tower alone"):
            assert text.count(f"\n| {part}, ") == 2
        assert "EASE, complete-journey-all" in text
        assert "seed 5" in text

    def test_permuted_ids_come_back_as_they_were(
        self, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "recs.parquet"
        text = run(
            monkeypatch, dataset, tmp_path, "--dataset", "complete-journey-new", "--rows", "fusion",
            "--permute-ids", "3", "--save-recommendations", str(file),
        )  # fmt: skip
        recs = pl.read_parquet(file)

        assert set(recs["user_id"]) <= set(dataset.users.values)
        assert set(recs["item_id"]) <= set(dataset.items.values)
        train = tasks(["complete-journey-new"], dataset)[0].train.events
        assert recs.join(train, on=["user_id", "item_id"], how="semi").is_empty()
        assert "ids permuted with seed 3" in text

    def test_validation_says_so_and_ablations_are_rows(
        self, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = run(
            monkeypatch, dataset, tmp_path, "--dataset", "complete-journey-new", "--validate",
            "--rows", "fusion", "without-graph", "shuffled-graph",
        )  # fmt: skip

        assert "validation, the test closed" in text
        rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
        assert rows[1:] == [
            "fusion",
            "fusion without the graph tower",
            "fusion, knowledge graph shuffled",
        ]

    def test_drift_is_told_by_who_moved(
        self, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        text = run(
            monkeypatch, dataset, tmp_path, "--dataset", "complete-journey-new",
            "--rows", "fusion", "without-drift", "--validate",
        )  # fmt: skip

        by_users = text.partition("by users whose interest moved")[2]
        assert "moved (0)" in by_users  # of none nothing is told
        assert "nan" not in by_users
        assert "steady (" in by_users
        assert by_users.count("| fusion |") == by_users.count("| fusion without drift") == 2

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            (["--dataset", "book-crossing", "amazon-toys"], "of one set alone"),
            (["--dataset", "amazon-toys", "--co-purchases"], "has no co-purchase relations"),
            (["--dataset", "amazon-toys", "--rows", "fusion", "--promotions"], "tells of none"),
            (["--dataset", "amazon-toys", "--rows", "ease", "--save-recommendations", "f.parquet"],
             "add it to --rows"),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_said(
        self, options: list[str], problem: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            command.main(options)
        assert problem in capsys.readouterr().err


def referee(recs: pl.DataFrame, task: Task) -> dict[str, float | int]:
    """Some figures of a table, straight from the files, as the project's referee has them."""
    train = task.train.events.select("user_id", "item_id").unique()
    test = task.test.events.select("user_id", "item_id").unique()
    test = test.join(train, on="user_id", how="semi")
    test = test.filter(pl.col("item_id").is_in(task.train.items.values))
    if task.protocol.exclude == "seen":
        test = test.join(train, on=["user_id", "item_id"], how="anti")
    hits = recs.join(test, on=["user_id", "item_id"], how="semi")
    recall, hit, first = [], [], []
    for user, wanted in test.group_by("user_id").len().iter_rows():
        ranks = hits.filter(pl.col("user_id") == user)["rank"].to_list()
        recall.append(len(ranks) / min(10, wanted))
        hit.append(float(bool(ranks)))
        first.append(1 / min(ranks) if ranks else 0.0)
    means = {"recall@10": recall, "hr@10": hit, "mrr@10": first}
    figures = {name: round(float(np.mean(values)), 5) for name, values in means.items()}
    return {"users": len(recall), **figures}


def test_rows_are_read_as_they_were_written(task: Task, tmp_path: Path) -> None:
    nothing = np.full((task.question.users.size, 10), -1)
    answers = [Answer("none", nothing, None, 2.0, 0.5), Answer("fusion", nothing, 1.0, 2.0, 0.5)]
    rows = rows_of(task, answers, {"seed": 7})
    save(rows, tmp_path / "results.jsonl")
    assert load(tmp_path / "results.jsonl") == rows

    (tmp_path / "other.jsonl").write_text('{"table": "x"}\n', encoding="utf-8")
    with pytest.raises(RequestError, match=r"other.jsonl, line 1: no row of results"):
        load(tmp_path / "other.jsonl")


def test_the_best_peer_and_ours_are_set_side_by_side_on_parts(task: Task) -> None:
    question = task.question
    found = question.relevant.toarray().argmax(axis=1)
    right = np.full((found.size, 10), -1)
    right[:, 0] = found
    nothing = np.full((found.size, 10), -1)
    answers = [
        Answer("worse", nothing, 1.0, 2.0, 0.5),
        Answer("best", right, 1.0, 2.0, 0.5),
        Answer("a tower alone", right, None, 2.0, 0.5),
        Answer("fusion", right, 1.0, 2.0, 0.5),
    ]
    rows = rows_of(task, answers)
    parts = [row for row in rows if row.part is not None]

    assert {row.model for row in parts} == {"best", "fusion"}
    by_length = [row for row in parts if row.model == "best" and row.part.startswith("users with")]
    assert sum(row.users for row in by_length) == found.size
    head, tail = (row for row in parts if row.model == "best" and row.part.endswith("items"))
    assert head.part.endswith("most popular items")
    assert max(head.users, tail.users) <= found.size <= head.users + tail.users
    assert all(row.metrics["recall@10"].mean > 0 for row in by_length)
    assert "| part | users |" in section(rows)
