"""The loop: early stopping, and going on after a kill as if nothing had been."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hybridrec.errors import ArtifactError, DivergedError
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.curves import Curves
from hybridrec.learning.loop import Validation, learn
from hybridrec.learning.schedules import warmup_cosine
from hybridrec.learning.session import FitSession

STEPS = 30


class Killed(BaseException):
    """Stands for the signal."""


class Line:
    """A line fitted to noisy points; what a step draws depends on its number alone."""

    def __init__(self, learning_rate: float = 0.1) -> None:
        self.slope = torch.nn.Parameter(torch.zeros(2))
        self.optimizer = torch.optim.AdamW([self.slope], lr=learning_rate)
        self.schedule = warmup_cosine(self.optimizer, STEPS)
        self.kill_at: int | None = None

    def loss(self, step: int) -> Tensor:
        if step == self.kill_at:
            raise Killed
        random = np.random.default_rng([1, step])
        x = torch.from_numpy(random.normal(size=(16, 2))).float()
        y = x @ torch.tensor([2.0, -1.0])
        return ((x @ self.slope - y) ** 2).mean()

    def measure(self) -> float:
        return -float((self.slope.detach() - torch.tensor([2.0, -1.0])).square().sum())

    def learn(self, session: FitSession, validation: Validation | None = None) -> int:
        parameters = {"slope": self.slope}
        return learn(
            self.loss, parameters, self.optimizer, self.schedule, STEPS, session, validation
        )


@pytest.fixture
def every_step_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hybridrec.learning.session.CHECKPOINT_SECONDS", 0.0)


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize("kill_at", [1, 13, STEPS - 1])
def test_a_killed_fit_comes_out_where_it_would_have(
    tmp_path: Path, every_step_kept: None, validated: bool, kill_at: int
) -> None:
    def validation(line: Line) -> Validation | None:
        return Validation(line.measure, every=4, patience=10) if validated else None

    whole, curves = Line(), Curves()
    expected = whole.learn(FitSession("line", curves), validation(whole))

    killed = Line()
    killed.kill_at = kill_at
    with pytest.raises(Killed):
        killed.learn(_session(tmp_path), validation(killed))
    resumed, session = Line(), _session(tmp_path)
    resumed.kill_at = kill_at - 1  # must not be computed again
    steps = resumed.learn(session, validation(resumed))

    assert steps == expected
    torch.testing.assert_close(resumed.slope, whole.slope, rtol=0, atol=0)
    columns = ["name", "step"]
    assert session.curves.to_polars()[columns].equals(curves.to_polars()[columns])


def test_the_best_step_is_kept_and_learning_ends_when_patience_runs_out() -> None:
    line = Line()
    metrics = iter([0.1, 0.2, 0.5, 0.4, 0.3, 0.9])
    seen: list[Tensor] = []

    def measure() -> float:
        seen.append(line.slope.detach().clone())
        return next(metrics)

    curves = Curves()
    steps = line.learn(
        FitSession("line", curves), Validation(measure, every=3, patience=2, metric="m")
    )

    assert steps == 6
    torch.testing.assert_close(line.slope.detach(), seen[2])
    measured = curves.to_polars().filter(name="m")
    assert measured["step"].to_list() == [0, 3, 6, 9, 12]
    assert measured["value"].to_list() == [0.1, 0.2, 0.5, 0.4, 0.3]


def test_where_no_step_helps_the_model_stays_as_it_was() -> None:
    line = Line()
    metrics: Callable[[], float] = iter([1.0, *[0.0] * STEPS]).__next__

    assert line.learn(FitSession(), Validation(metrics, every=1, patience=5)) == 0
    torch.testing.assert_close(line.slope.detach(), torch.zeros(2))


def test_a_loss_that_is_no_number_is_an_error_that_names_the_setting() -> None:
    line = Line()
    line.loss = lambda step: line.slope.sum() * float("nan")  # type: ignore[method-assign]

    with pytest.raises(DivergedError, match=r"text tower: the loss is nan after 1 .*learning_rate"):
        line.learn(FitSession("text tower"))


def test_a_fit_without_checkpoints_starts_from_the_beginning() -> None:
    assert FitSession("line").resume() is None
    assert not FitSession("line").checkpoint_due


class TestCheckpoints:
    def test_give_back_what_was_saved(self, tmp_path: Path) -> None:
        checkpoints = Checkpoints.open(tmp_path / "new" / "folder", "a")
        checkpoints.save("text tower", {"x": np.arange(6).reshape(2, 3).T}, {"note": "é"})

        found = Checkpoints.open(tmp_path / "new" / "folder", "a").load("text tower")

        assert found is not None
        np.testing.assert_array_equal(found[0]["x"], np.arange(6).reshape(2, 3).T)
        assert found[1] == {"note": "é"}

    def test_of_another_fit_are_refused(self, tmp_path: Path) -> None:
        Checkpoints.open(tmp_path, "a")

        with pytest.raises(ArtifactError, match="other data, settings or release"):
            Checkpoints.open(tmp_path, "b")

    def test_never_go_into_a_directory_of_something_else(self, tmp_path: Path) -> None:
        (tmp_path / "holiday.jpg").write_bytes(b"x")

        with pytest.raises(ArtifactError, match="holds no checkpoints"):
            Checkpoints.open(tmp_path, "a")

    def test_are_found_after_a_write_was_killed(self, tmp_path: Path) -> None:
        checkpoints = Checkpoints.open(tmp_path, "a")
        checkpoints.save("m", {"x": np.ones(2)}, {})
        (tmp_path / "m.safetensors.partial").write_bytes(b"half")

        found = Checkpoints.open(tmp_path, "a").load("m")

        assert found is not None
        np.testing.assert_array_equal(found[0]["x"], 1.0)

    def test_a_directory_whose_first_write_was_killed_can_be_used(self, tmp_path: Path) -> None:
        (tmp_path / "fit.json.partial").write_bytes(b"{")

        assert Checkpoints.open(tmp_path, "a").load("m") is None

    def test_without_room_the_earlier_state_is_kept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        checkpoints = Checkpoints.open(tmp_path, "a")
        checkpoints.save("m", {"x": np.ones(2)}, {})

        def full(file: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(ArtifactError, match=r"cannot be written .*No space left"):
            checkpoints.save("m", {"x": np.zeros(2)}, {})

        found = checkpoints.load("m")
        assert found is not None
        np.testing.assert_array_equal(found[0]["x"], 1.0)
        assert not list(tmp_path.glob("*.partial"))

    def test_that_are_damaged_are_named(self, tmp_path: Path) -> None:
        checkpoints = Checkpoints.open(tmp_path, "a")
        (tmp_path / "m.safetensors").write_bytes(b"no")

        with pytest.raises(ArtifactError, match=r"m\.safetensors cannot be read"):
            checkpoints.load("m")


def _session(directory: Path) -> FitSession:
    return FitSession("line", Curves(), Checkpoints.open(directory, "the same fit"))
