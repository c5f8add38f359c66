"""States of a fit on disk, so that a killed fit goes on where it was."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hybridrec.arrays import NamedArrays
from hybridrec.errors import ArtifactError

FORMAT = "hybridrec checkpoints 1"
HEADER = "fit.json"


class Checkpoints:
    """A directory with one safetensors file a model, each written aside and renamed into place.

    Whenever the process is killed, every file in it is whole.

    Args:
        directory: where; made when missing.
        fingerprint: what is fitted on what; checkpoints of another fit are refused.
    """

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self.directory = directory
        self.fingerprint = fingerprint

    @classmethod
    def open(cls, directory: str | Path, fingerprint: str) -> Self:
        """Opens a directory of checkpoints, a new one or that of an earlier run of the same fit.

        Raises:
            ArtifactError: the directory holds something else, or checkpoints of another fit.
        """
        directory = Path(directory)
        header = directory / HEADER
        if directory.exists() and not directory.is_dir():
            raise ArtifactError(f"{directory} is a file; give a directory for checkpoints")
        if directory.exists() and not header.is_file() and any(_settled(directory)):
            raise ArtifactError(
                f"{directory} exists and holds no checkpoints; give a new directory for them"
            )
        directory.mkdir(parents=True, exist_ok=True)
        if header.is_file():
            try:
                found = json.loads(header.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ArtifactError(f"{header} is damaged; delete {directory}") from error
            if found != {"format": FORMAT, "fingerprint": fingerprint}:
                raise ArtifactError(
                    f"the checkpoints in {directory} are of other data, settings or release; "
                    "delete the directory to start afresh, or give another"
                )
        else:
            content = json.dumps({"format": FORMAT, "fingerprint": fingerprint})
            with _written_aside(header) as aside:
                aside.write_text(content, encoding="utf-8")
        return cls(directory, fingerprint)

    def save(
        self, name: str, arrays: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
    ) -> None:
        """Writes one model's state in place of its earlier one.

        Raises:
            ArtifactError: there is no room for it, or the directory cannot be written to.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        ordered = {key: np.asarray(value, order="C") for key, value in arrays.items()}
        file = self._file(name)
        try:
            with _written_aside(file) as aside:
                save_file(ordered, aside, dict(metadata))
        except (SafetensorError, OSError) as error:
            size = sum(value.nbytes for value in ordered.values()) / 1e9
            raise ArtifactError(
                f"{file}, {size:.1f} GB, cannot be written ({error}); give checkpoints= a "
                "directory with room for it"
            ) from error

    def load(self, name: str) -> tuple[NamedArrays, dict[str, str]] | None:
        """The state and metadata last saved under a name; ``None`` if there is none.

        Raises:
            ArtifactError: the file cannot be read.
        """
        from safetensors import SafetensorError, safe_open

        file = self._file(name)
        if not file.is_file():
            return None
        try:
            with safe_open(file, framework="numpy") as opened:
                arrays = {key: np.asarray(opened.get_tensor(key)) for key in opened.keys()}  # noqa: SIM118
                metadata = dict(opened.metadata() or {})
        except (SafetensorError, OSError) as error:
            raise ArtifactError(
                f"the checkpoint {file} cannot be read ({error}); delete it to start that model "
                "afresh"
            ) from error
        return arrays, metadata

    def has(self, name: str) -> bool:
        """Whether a state was saved under a name."""
        return self._file(name).is_file()

    def remove(self, beginning: str) -> None:
        """Removes every state whose name begins so."""
        for file in self.directory.glob(f"{self._file(beginning).stem}*.safetensors"):
            file.unlink()

    def clear(self) -> None:
        """Removes the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self.directory / f"{re.sub('[^a-z0-9]+', '-', name.lower())}.safetensors"


def _settled(directory: Path) -> list[Path]:
    """Files that are no leftovers of a killed write."""
    return [path for path in directory.iterdir() if path.suffix != ".partial"]


@contextmanager
def _written_aside(file: Path) -> Iterator[Path]:
    """A file to write, which takes its place once it is whole and on the disk."""
    aside = file.with_name(f"{file.name}.partial")
    try:
        yield aside
        with aside.open("r+b") as opened:
            os.fsync(opened.fileno())
        aside.replace(file)
    except Exception:
        aside.unlink(missing_ok=True)  # it may take the last of the room
        raise
