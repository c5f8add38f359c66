"""The files of a public set: where they lie, and proof that they are the ones measured with."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import polars as pl

from hybridrec.data.dataset import Dataset
from hybridrec.errors import DataError

FOLDER_VARIABLE = "HYBRIDREC_DATA"
"""The environment variable that names the folder of all public sets."""


@dataclass(frozen=True)
class PublicFile:
    """A Parquet file of a public set.

    Args:
        path: where it lies in the folder of all sets, ``amazon-toys/items.parquet``.
        columns: what it holds.
        size: its bytes.
        sha256: its checksum.
    """

    path: str
    columns: str
    size: int
    sha256: str

    def read(self, folder: Path) -> pl.DataFrame:
        """The table, once it is certain that it is the one all figures were measured on.

        Raises:
            DataError: another size or checksum.
        """
        file = folder / self.path
        content = file.read_bytes()
        if len(content) != self.size:
            raise DataError(
                f"{file} has {len(content):,} bytes, expected {self.size:,}: it is incomplete "
                "or another version"
            )
        found = sha256(content).hexdigest()
        if found != self.sha256:
            raise DataError(
                f"{file} has sha256 {found}, expected {self.sha256}: it is damaged or another "
                "version"
            )
        return pl.read_parquet(BytesIO(content))


@dataclass(frozen=True)
class PublicSet:
    """A public set: what it is made of, where that comes from, how it becomes a dataset.

    Args:
        dataset: called with a table for each of ``files``, in their order.
        origin: who published the data, and where.
        terms: what the publishers allow, as far as they say.
        files: what has to lie in the folder; none where a package brings the data.
    """

    dataset: Callable[..., Dataset]
    origin: str
    terms: str
    files: tuple[PublicFile, ...] = ()

    def load(self, name: str, data_dir: str | Path | None) -> Dataset:
        """The dataset; see :meth:`Dataset.load`.

        Raises:
            DataError: no folder is named, or files are missing, incomplete or damaged.
        """
        if not self.files:
            return self.dataset()
        place = data_dir or os.environ.get(FOLDER_VARIABLE)
        if not place:
            raise DataError(
                f"{name}: say which folder holds the public sets, with data_dir= or the "
                f"environment variable {FOLDER_VARIABLE}\n{self._needs(name)}"
            )
        folder = Path(place)
        missing = [file.path for file in self.files if not (folder / file.path).is_file()]
        if missing:
            raise DataError(f"{name}: no {', no '.join(missing)} in {folder}\n{self._needs(name)}")
        return self.dataset(*(file.read(folder) for file in self.files))

    def _needs(self, name: str) -> str:
        layout = "\n".join(f"  {file.path}: {file.columns}" for file in self.files)
        return (
            f"{name} comes from {self.origin} (terms: {self.terms}); "
            f"the folder needs, as Parquet with these columns,\n{layout}"
        )
