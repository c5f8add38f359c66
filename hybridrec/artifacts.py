"""A directory on disk ⇄ a fitted recommender. Nothing is pickled, nothing damaged is loaded.

manifest.json            format version, sha256 and size of every other file
config.yaml              all settings
ids.json                 how user and item ids are read back, and the moment of the data
users.parquet            user ids in row order
catalogue.parquet        the catalogue in row order
ledger.json              what cleaning changed in the data before the fit
histories.safetensors    everything every user did
statistics.safetensors   how popular items are and how surely met again, what they cost, usual order
matrices/NAME.safetensors which items foretell which
attributes/              what users who share attributes chose; users known by these alone
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
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.sparse import csr_array

from hybridrec.config import RecommenderConfig
from hybridrec.data import Histories, IdMap
from hybridrec.data.columns import Columns
from hybridrec.data.identifiers import IdCodec
from hybridrec.data.live import LiveHistories
from hybridrec.data.quality import Ledger
from hybridrec.errors import ArtifactError, examples
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.attributes import AttributePopularity
from hybridrec.fusion.item_to_item import ItemToItem
from hybridrec.fusion.meetings import Meetings
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.signals.declaration import Scope, Signal
from hybridrec.learning.curves import Curves
from hybridrec.shop import FitMoment, Shop
from hybridrec.training import new_towers
from kg import KnowledgeGraph

FORMAT = "hybridrec"
VERSION = 7
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
    directory = directory.resolve()  # a link stays one
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


def load(
    directory: Path, signals: Sequence[Signal] = ()
) -> tuple[RecommenderConfig, Fusion, Shop, Curves]:
    """Reads a recommender after checking every file.

    Args:
        directory: where it was saved.
        signals: the shop's own, which it was fitted with.

    Raises:
        ArtifactError: the directory is none, is of another format, or a file is missing, damaged
            or not listed; or it was fitted with other signals of the shop's own.
    """
    _put_back(directory)
    check(directory)
    config = RecommenderConfig.from_yaml(directory / "config.yaml")
    ids = json.loads((directory / "ids.json").read_text(encoding="utf-8"))
    catalogue = pl.read_parquet(directory / "catalogue.parquet", glob=False)
    users = pl.read_parquet(directory / "users.parquet", glob=False)[Columns.USER]
    graph = KnowledgeGraph.load(directory / "graph") if (directory / "graph").is_dir() else None
    events = _read_arrays(directory / "histories.safetensors")
    as_of = _read_time(ids["as_of"])
    histories = Histories(
        events["indptr"],
        events["items"],
        events["ages"],
        events["strengths"],
        len(catalogue),
        as_of is not None,
    )
    shop = Shop(
        IdMap(users, IdCodec(ids["user_codec"])),
        catalogue,
        IdMap(catalogue[Columns.ITEM], IdCodec(ids["item_codec"])),
        LiveHistories.of_histories(histories, as_of, events["marks"]),
        as_of,
        graph,
        Ledger.from_dicts(json.loads((directory / "ledger.json").read_text(encoding="utf-8"))),
        ids["value_means"],
        _fit_moment(ids.get("fitted")),
        *_read_users(directory / "attributes", catalogue.height),
    )
    towers = {
        name: tower.restore(_read_arrays(directory / "towers" / f"{name}.safetensors"))
        for name, tower in new_towers(config, graph, text="text" in ids["towers"]).items()
        if name in ids["towers"]
    }
    scope = Scope.from_dict(ids["scope"])
    fusion = Fusion(towers, config, scope, _own_signals(ids["signals"], signals))
    statistics = _read_arrays(directory / "statistics.safetensors")
    prices, order = statistics.pop("prices", None), statistics.pop("order", None)
    counted = _read_time(ids.get("counted", ids["as_of"]))
    meetings = None
    if scope.own_moments and as_of is not None and counted is not None:
        meetings = Meetings.of(shop.histories, (as_of - counted) / timedelta(days=1))
    matrices = {
        name: ItemToItem.from_arrays(_read_arrays(directory / "matrices" / f"{name}.safetensors"))
        for name in scope.scorers
        if name not in towers
    }
    affinity = Affinity.of(graph).only(scope.relations)
    fusion.observe(
        Moment(catalogue, affinity, matrices, statistics, prices, counted, order, meetings)
    )
    fusion.restore_rankers(_read_arrays(directory / "rankers.safetensors"))
    curves = Curves.from_polars(pl.read_parquet(directory / "curves.parquet", glob=False))
    return config, fusion, shop, curves


def _own_signals(names: Sequence[str], signals: Sequence[Signal]) -> list[Signal]:
    """The shop's own signals in the order they were fitted in."""
    given = {signal.name: signal for signal in signals}
    if set(given) != set(names):
        raise ArtifactError(
            f"the model was fitted with the shop's own signals {sorted(names)}, and is given "
            f"{sorted(given)}; load it with signals=[…] as it was fitted"
        )
    return [given[name] for name in names]


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
        if _file_digest(file) != expected:
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
        "as_of": _written_time(shop.as_of),
        "counted": _written_time(fusion.moment.as_of),
        "towers": list(fusion.towers),
        "scope": asdict(fusion.scope),
        "signals": [signal.name for signal in fusion.extra_signals],
        "value_means": dict(shop.value_means),
        "fitted": _written_moment(shop.fitted),
    }
    (directory / "ids.json").write_text(json.dumps(ids, indent=2), encoding="utf-8")
    ledger = json.dumps(shop.ledger.to_dicts(), indent=2, ensure_ascii=False)
    (directory / "ledger.json").write_text(ledger, encoding="utf-8")
    shop.users.stored.alias(Columns.USER).to_frame().write_parquet(directory / "users.parquet")
    shop.catalogue.write_parquet(directory / "catalogue.parquet")
    live = shop.live.all_settled()
    events = live.closed()
    _write_arrays(
        directory / "histories.safetensors",
        {
            "indptr": events.indptr,
            "items": events.items,
            "ages": events.ages,
            "strengths": events.strengths,
            "marks": live.settled.marks,
        },
    )
    _write_users(shop, directory / "attributes")
    moment = fusion.moment
    further = {"prices": moment.prices, "order": moment.order}
    known = {name: values for name, values in further.items() if values is not None}
    _write_arrays(directory / "statistics.safetensors", {**moment.statistics, **known})
    for name, matrix in moment.matrices.items():
        _write_arrays(directory / "matrices" / f"{name}.safetensors", matrix.arrays())
    if shop.graph is not None:
        shop.graph.save(directory / "graph")
    for name, tower in fusion.towers.items():
        _write_arrays(directory / "towers" / f"{name}.safetensors", tower.state())
    _write_arrays(directory / "rankers.safetensors", fusion.ranker_state())
    curves.to_polars().write_parquet(directory / "curves.parquet")
    listed = {name: _file_digest(directory / name) for name in _files(directory)}
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "files": listed,
        "seal": _digest(json.dumps(listed, sort_keys=True).encode()),
    }
    (directory / MANIFEST).write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _write_users(shop: Shop, folder: Path) -> None:
    """What users who share attributes chose, and the users known by attributes alone."""
    if shop.attributes is None or shop.newcomers is None:
        return
    folder.mkdir()
    popularity = shop.attributes
    popularity.groups.write_parquet(folder / "groups.parquet")
    shop.newcomers.write_parquet(folder / "newcomers.parquet")
    counts = popularity.counts
    arrays = {"counts": counts.data, "items": counts.indices, "indptr": counts.indptr}
    _write_arrays(folder / "counts.safetensors", {**arrays, "overall": popularity.overall})


def _read_users(
    folder: Path, n_items: int
) -> tuple[AttributePopularity, pl.DataFrame] | tuple[None, None]:
    if not folder.is_dir():
        return None, None
    groups = pl.read_parquet(folder / "groups.parquet", glob=False)
    newcomers = pl.read_parquet(folder / "newcomers.parquet", glob=False)
    arrays = _read_arrays(folder / "counts.safetensors")
    counts = csr_array(
        (arrays["counts"], arrays["items"], arrays["indptr"]), shape=(groups.height, n_items)
    )
    attributes = tuple(column for column in newcomers.columns if column != Columns.USER)
    return AttributePopularity(attributes, groups, counts, arrays["overall"]), newcomers


def _written_moment(fitted: FitMoment | None) -> dict[str, Any] | None:
    """The moment of the fit, ready for JSON."""
    if fitted is None:
        return None
    as_of, users, items = _written_time(fitted.as_of), fitted.n_users, fitted.n_items
    return {"as_of": as_of, "n_users": users, "n_items": items}


def _fit_moment(written: dict[str, Any] | None) -> FitMoment | None:
    """The moment of the fit as :func:`_written_moment` wrote it; earlier releases did not."""
    if written is None:
        return None
    return FitMoment(_read_time(written["as_of"]), written["n_users"], written["n_items"])


def _written_time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _read_time(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)


def _files(directory: Path) -> list[str]:
    files = (path for path in directory.rglob("*") if path.is_file())
    names = (path.relative_to(directory).as_posix() for path in files)
    return sorted(name for name in names if name != MANIFEST)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _file_digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _write_arrays(file: Path, arrays: Arrays) -> None:
    from safetensors.numpy import save_file

    file.parent.mkdir(exist_ok=True)
    save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, file)


def _read_arrays(file: Path) -> dict[str, npt.NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(file))
    except SafetensorError as error:
        raise ArtifactError(f"{file} cannot be read: {error}") from error
