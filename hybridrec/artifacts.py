"""A directory on disk ⇄ a fitted recommender. Nothing is pickled, nothing damaged is loaded.

manifest.json            format version, sha256 and size of every other file
config.yaml              all settings
ids.json                 how user and item ids are read back, and the moment of the data
users.parquet            user ids in row order
catalogue.parquet        the catalogue in row order
ledger.json              what cleaning changed in the data before the fit
histories.safetensors    everything every user did
statistics.safetensors   how popular items are
graph/                   the knowledge graph
towers/NAME.safetensors  a tower each
rankers.safetensors      the rankers of all questions
curves.parquet           losses and validation metrics of the fit
"""

from __future__ import annotations

import glob
import hashlib
import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridrec.config import RecommenderConfig
from hybridrec.data import Histories, IdMap
from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import IdCodec
from hybridrec.data.quality import Ledger
from hybridrec.errors import ArtifactError, examples
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.neighbours import Neighbours
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.signals import ItemStatistics
from hybridrec.learning.curves import Curves
from hybridrec.shop import Shop
from hybridrec.training import new_towers
from kg import KnowledgeGraph

FORMAT = "hybridrec"
VERSION = 4
MANIFEST = "manifest.json"
OLD = "-old"

Arrays = Mapping[str, npt.NDArray[Any]]


def save(
    config: RecommenderConfig, fusion: Fusion, shop: Shop, curves: Curves, directory: Path
) -> None:
    """Writes a recommender; aside first, then in one step into place.

    Args:
        config: all settings.
        fusion: towers and rankers.
        shop: ids, catalogue, graph and histories.
        curves: those of the fit.
        directory: where to; an earlier recommender there is replaced, anything else is not.

    Raises:
        ArtifactError: ``directory`` exists and is no recommender.
    """
    if directory.exists() and not (directory / MANIFEST).is_file():
        raise ArtifactError(
            f"{directory} exists and is no saved recommender; give a new directory or an old one's"
        )
    _put_back(directory)
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = directory.with_name(f".{directory.name}-{uuid4().hex}")
    aside.mkdir()
    try:
        _write(config, fusion, shop, curves, aside)
        if directory.exists():
            old = aside.with_name(f"{aside.name}{OLD}")
            directory.rename(old)
            aside.rename(directory)
            shutil.rmtree(old)
        else:
            aside.rename(directory)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def load(directory: Path) -> tuple[RecommenderConfig, Fusion, Shop, Curves]:
    """Reads a recommender after checking every file.

    Raises:
        ArtifactError: the directory is none, is of another format, or a file is missing, damaged
            or not listed.
    """
    _put_back(directory)
    check(directory)
    config = RecommenderConfig.from_yaml(directory / "config.yaml")
    ids = json.loads((directory / "ids.json").read_text(encoding="utf-8"))
    catalogue = pl.read_parquet(directory / "catalogue.parquet")
    users = pl.read_parquet(directory / "users.parquet")[Columns.USER]
    graph = KnowledgeGraph.load(directory / "graph") if (directory / "graph").is_dir() else None
    events = _read_arrays(directory / "histories.safetensors")
    timed = ids["as_of"] is not None
    histories = Histories(
        events["indptr"],
        events["items"],
        events["ages"],
        events["strengths"],
        len(catalogue),
        timed,
    )
    shop = Shop(
        IdMap(users, IdCodec(ids["user_codec"])),
        catalogue,
        IdMap(catalogue[Columns.ITEM], IdCodec(ids["item_codec"])),
        histories,
        datetime.fromisoformat(ids["as_of"]) if timed else None,
        graph,
        Ledger.from_dicts(json.loads((directory / "ledger.json").read_text(encoding="utf-8"))),
        ids["value_means"],
    )
    towers = {
        name: tower.restore(_read_arrays(directory / "towers" / f"{name}.safetensors"))
        for name, tower in new_towers(config, graph, text="text" in ids["towers"]).items()
        if name in ids["towers"]
    }
    fusion = Fusion(towers, config, timed=timed, relations=tuple(ids["relations"]))
    statistics = ItemStatistics(_read_arrays(directory / "statistics.safetensors"))
    neighbours = None
    if config.neighbours is not None:
        neighbours = Neighbours.from_arrays(_read_arrays(directory / "neighbours.safetensors"))
    fusion.observe(statistics, Affinity.of(graph).only(fusion.relations), neighbours)
    fusion.restore_rankers(_read_arrays(directory / "rankers.safetensors"))
    curves = Curves.from_polars(pl.read_parquet(directory / "curves.parquet"))
    return config, fusion, shop, curves


def _put_back(directory: Path) -> None:
    """Puts the earlier recommender back where a save was killed between its two renames."""
    olds = directory.parent.glob(f".{glob.escape(directory.name)}-*{OLD}")
    old = max(olds, key=lambda path: path.stat().st_mtime, default=None)
    if old is not None and not directory.exists():
        old.rename(directory)


def check(directory: Path) -> None:
    """Compares every file with the manifest.

    Raises:
        ArtifactError: naming the file and what is wrong with it.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
        kind, version, listed = manifest["format"], manifest["version"], manifest["files"]
    except OSError as error:
        raise ArtifactError(f"{directory} is no saved recommender: no {MANIFEST} in it") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{directory / MANIFEST} is damaged: {error!r}") from error
    if kind != FORMAT or version != VERSION:
        raise ArtifactError(
            f"{directory} holds {kind!r} of version {version!r}; "
            f"this release reads {FORMAT!r} of version {VERSION}"
        )
    if _digest(json.dumps(listed, sort_keys=True).encode()) != manifest.get("seal"):
        raise ArtifactError(f"{directory / MANIFEST} is damaged: its seal does not match")
    for name, expected in listed.items():
        file = directory / name
        if not file.is_file():
            raise ArtifactError(f"{directory}: the file {name} is missing")
        if _digest(file.read_bytes()) != expected:
            raise ArtifactError(f"{directory}: the file {name} is damaged (sha256 does not match)")
    foreign = set(_files(directory)) - set(listed)
    if foreign:
        raise ArtifactError(f"{directory}: files that do not belong there: {examples(foreign)}")


def _write(
    config: RecommenderConfig, fusion: Fusion, shop: Shop, curves: Curves, directory: Path
) -> None:
    (directory / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    ids = {
        "user_codec": shop.users.codec.name,
        "item_codec": shop.items.codec.name,
        "as_of": None if shop.as_of is None else shop.as_of.isoformat(),
        "towers": list(fusion.towers),
        "relations": list(fusion.relations),
        "value_means": dict(shop.value_means),
    }
    (directory / "ids.json").write_text(json.dumps(ids, indent=2), encoding="utf-8")
    ledger = json.dumps(shop.ledger.to_dicts(), indent=2, ensure_ascii=False)
    (directory / "ledger.json").write_text(ledger, encoding="utf-8")
    shop.users.stored.alias(Columns.USER).to_frame().write_parquet(directory / "users.parquet")
    shop.catalogue.write_parquet(directory / "catalogue.parquet")
    events = shop.histories
    _write_arrays(
        directory / "histories.safetensors",
        {
            "indptr": events.indptr,
            "items": events.items,
            "ages": events.ages,
            "strengths": events.strengths,
        },
    )
    _write_arrays(directory / "statistics.safetensors", fusion.statistics.columns)
    if fusion.neighbours is not None:
        _write_arrays(directory / "neighbours.safetensors", fusion.neighbours.arrays())
    if shop.graph is not None:
        shop.graph.save(directory / "graph")
    for name, tower in fusion.towers.items():
        _write_arrays(directory / "towers" / f"{name}.safetensors", tower.state())
    _write_arrays(directory / "rankers.safetensors", fusion.ranker_state())
    curves.to_polars().write_parquet(directory / "curves.parquet")
    listed = {name: _digest((directory / name).read_bytes()) for name in _files(directory)}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "files": listed,
        "seal": _digest(json.dumps(listed, sort_keys=True).encode()),
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _files(directory: Path) -> list[str]:
    files = (path for path in directory.rglob("*") if path.is_file())
    names = (path.relative_to(directory).as_posix() for path in files)
    return sorted(name for name in names if name != MANIFEST)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write_arrays(file: Path, arrays: Arrays) -> None:
    from safetensors.numpy import save as serialised

    file.parent.mkdir(exist_ok=True)
    content = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    file.write_bytes(serialised(content))


def _read_arrays(file: Path) -> dict[str, npt.NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(file))
    except SafetensorError as error:
        raise ArtifactError(f"{file} cannot be read: {error}") from error
