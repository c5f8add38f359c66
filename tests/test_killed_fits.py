"""A fit that is killed leaves nothing broken, and run again it comes out where it would have."""

import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridrec import Dataset, Recommender, RecommenderConfig
from hybridrec.arrays import FloatArray
from hybridrec.errors import ArtifactError
from hybridrec.fusion.signals.declaration import Asked, Signal
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.session import FitSession
from hybridrec.training import _moment, fingerprint, moments

SETTINGS = """
device: cpu
towers:
  collaborative: {embedding_dim: 8}
  graph: {embedding_dim: 16, steps: 30}
  text: null
ranker: {epochs: 3, moments: 2}
"""


class Killed(BaseException):
    """Stands for the signal."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("settings") / "config.yaml"
    file.write_text(SETTINGS)
    return file


@pytest.fixture(scope="module")
def unharmed(dataset: Dataset, settings: Path) -> list[dict[str, object]]:
    """What a fit that nobody kills recommends."""
    recommender = Recommender.from_config(settings).fit(dataset)
    return recommender.recommend(recommender.users, k=5).to_dicts()


@pytest.mark.parametrize("finished", [1, 3, 5, 6, 7, 9, 10])
def test_goes_on_after_any_part_of_it(
    finished: int,
    dataset: Dataset,
    settings: Path,
    unharmed: list[dict[str, object]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    finish = FitSession.finish

    def counted(session: FitSession, *arguments: object) -> None:
        finish(session, *arguments)  # type: ignore[arg-type]
        done.append(session.model)
        if len(done) == finished:
            raise Killed

    monkeypatch.setattr(FitSession, "finish", counted)
    with pytest.raises(Killed):
        Recommender.from_config(settings).fit(dataset, checkpoints=tmp_path / "fit")
    resumed = Recommender.from_config(settings).fit(dataset, checkpoints=tmp_path / "fit")

    # two towers and the neighbours at two moments and on everything, and the ranker, each once
    assert len(done) == len(set(done)) == 10
    assert resumed.recommend(resumed.users, k=5).to_dicts() == unharmed
    assert {point.model for point in resumed.curves.of(done[1])} == {done[1]}


def test_checkpoints_of_other_settings_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    Checkpoints.open(tmp_path / "fit", "of something else")

    with pytest.raises(ArtifactError, match="other data, settings or release"):
        Recommender().fit(dataset, checkpoints=tmp_path / "fit")


def test_signals_at_any_moment_break_nothing(
    dataset: Dataset, settings: Path, unharmed: list[dict[str, object]], tmp_path: Path
) -> None:
    dataset.events.write_parquet(tmp_path / "events.parquet")
    dataset.catalogue.write_parquet(tmp_path / "catalogue.parquet")
    model = tmp_path / "models" / "today"
    command = [sys.executable, "-c", "from hybridrec.cli import app; app()", "-q", "fit"]
    command += [
        tmp_path / "events.parquet",
        model,
        "--catalogue",
        tmp_path / "catalogue.parquet",
        "--config",
        settings,
    ]
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - started

    moments = random.Random(3)
    for _ in range(3):
        fit = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(moments.uniform(0.4, 1.0) * seconds)
        fit.send_signal(signal.SIGKILL)
        fit.wait()
        # the model that was there before is there still, whole
        loaded = Recommender.load(model)
        assert loaded.recommend(loaded.users, k=5).to_dicts() == unharmed
    subprocess.run(command, check=True, capture_output=True)

    loaded = Recommender.load(model)
    assert loaded.recommend(loaded.users, k=5).to_dicts() == unharmed
    assert not list(model.parent.glob(".today-fit-*"))


def test_moments_that_fall_on_one_day_are_kept_apart(dataset: Dataset, tmp_path: Path) -> None:
    one_day = dataset.events.with_columns(pl.col("timestamp").max())
    data = replace(dataset, events=one_day)
    config = {
        "towers": {"collaborative": {"embedding_dim": 8}, "graph": None, "text": None},
        "neighbours": None,
        "ranker": {"epochs": 1, "moments": 3, "horizon_days": None},
    }

    kept = Recommender.from_config(config).fit(data, checkpoints=tmp_path / "fit")

    assert len(list((tmp_path / "fit").glob("collaborative-tower-*"))) == 4
    plain = Recommender.from_config(config).fit(data)
    users = plain.users
    assert kept.recommend(users, k=5).to_dicts() == plain.recommend(users, k=5).to_dicts()


def test_the_same_data_are_known_however_they_lie_in_memory(dataset: Dataset) -> None:
    """As they lie differently where another number of threads has read them."""

    def in_pieces(table: pl.DataFrame) -> pl.DataFrame:
        half, rest = table.height // 2, table.height - table.height // 2
        turned = pl.concat([table[half:], table[:half]], rechunk=True)
        rewritten = turned.with_columns((pl.col(pl.String) + "").name.keep())
        return pl.concat([rewritten[rest:], rewritten[:rest]], rechunk=False)

    pieces = replace(
        dataset, events=in_pieces(dataset.events), catalogue=in_pieces(dataset.catalogue)
    )
    config = RecommenderConfig()

    assert pieces.events.n_chunks() > 1
    assert fingerprint(pieces, config) == fingerprint(dataset, config)
    assert fingerprint(replace(dataset, events=dataset.events[1:]), config) != fingerprint(
        dataset, config
    )


def test_a_file_is_no_place_for_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "fit").write_text("mine")

    with pytest.raises(ArtifactError, match="fit is a file; give a directory"):
        Checkpoints.open(tmp_path / "fit", "x")
    assert (tmp_path / "fit").read_text() == "mine"


def test_another_function_of_a_signal_is_another_fit(dataset: Dataset) -> None:
    def ones(asked: Asked) -> FloatArray:
        return np.ones(len(asked.pairs), dtype=np.float32)

    def items(asked: Asked) -> FloatArray:
        return asked.items.astype(np.float32)

    config = RecommenderConfig()
    found = {
        fingerprint(dataset, config, [signal])
        for signal in (
            Signal("own", "own", "", compute=ones),
            Signal("own", "own", "", compute=items),
            Signal("own", "own", "", absolute=True, compute=ones),
            Signal("own", "own", "", compute=partial(ones)),  # no source to read
        )
    }

    assert len(found) == 4
    again = fingerprint(dataset, config, [Signal("own", "own", "", compute=ones)])
    assert again in found


def test_moments_within_a_day_are_kept_apart() -> None:
    config = RecommenderConfig.from_mapping({"ranker": {"horizon_days": 0.25}})
    data = Dataset.from_frames(
        pl.DataFrame(
            {
                "user_id": ["u"] * 400,
                "item_id": [f"i{n % 7}" for n in range(400)],
                "timestamp": [datetime(2024, 1, 1) + timedelta(hours=n / 10) for n in range(400)],
            }
        )
    )

    names = {_moment(before, config, 0) for before, _ in moments(data, config)}

    assert len(names) == 3
