"""The fit, in order: towers up to a moment, rankers on what came after it, towers on everything."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import numpy as np
import polars as pl
from scipy.sparse import csr_array

import hybridrec
from hybridrec.config import RecommenderConfig
from hybridrec.data import Dataset, Histories
from hybridrec.data.columns import Columns
from hybridrec.data.roles import attributes, text_columns
from hybridrec.data.texts import text_parts
from hybridrec.evaluation.validation import HeldOut
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.neighbours import Neighbours
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.profiles import profile_weights
from hybridrec.fusion.signals import ItemStatistics
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.curves import Curves
from hybridrec.learning.session import FitSession
from hybridrec.progress import stage
from hybridrec.towers.base import Tower, TrainingData
from kg import KnowledgeGraph

SHORTEST_SHARE = 0.2
"""Where the data span less than two horizons, the ranker learns from this share of the span."""


@dataclass(frozen=True)
class Fitted:
    """What a fit leaves."""

    fusion: Fusion
    graph: KnowledgeGraph | None
    histories: Histories


def fit(
    data: Dataset,
    config: RecommenderConfig,
    curves: Curves | None = None,
    checkpoints: Checkpoints | None = None,
) -> Fitted:
    """Fits towers and rankers.

    Args:
        data: events and catalogue.
        config: all settings.
        curves: where losses and validation metrics are recorded.
        checkpoints: where the fit is kept as it goes; one that was killed goes on from there.

    Raises:
        DataError: too few events to hold any back for the ranker.
    """
    session = partial(FitSession, curves=curves, checkpoints=checkpoints)
    before, after = split_for_ranker(data, config)
    with stage("knowledge graph"):
        graph = build_graph(data)
        graph_before = graph if before.triples is data.triples else build_graph(before)
    towers = new_towers(config, graph, text=has_text(data))
    relations = tuple(Affinity.of(graph).links)
    fusion = Fusion(towers, config, timed=data.as_of is not None, relations=relations)

    moment = f"up to {_moment(before)}"
    with stage(f"towers, {moment}"):
        training = training_data(before, graph_before, config, after)
        learn_towers(towers, training, session, moment)
        neighbours = _neighbours(training, config, session, moment)
    with stage("fusion ranker"):
        _observe(fusion, training, neighbours)
        ranker_session = session("fusion ranker")
        known = ranker_session.result()
        if known is None:
            fusion.fit(training.histories, _targets(before, after))
            ranker_session.finish(fusion.ranker_state())
        else:
            fusion.restore_rankers(known)
    with stage("towers, on everything"):
        training = training_data(data, graph, config)
        learn_towers(towers, training, session, "on everything")
        neighbours = _neighbours(training, config, session, "on everything")
    _observe(fusion, training, neighbours)
    return Fitted(fusion, graph, training.histories)


def fingerprint(data: Dataset, config: RecommenderConfig) -> str:
    """What a fit rests on, as a hash: release, settings and every table, row by row."""
    digest = hashlib.sha256(f"{hybridrec.__version__}\n{config.to_yaml()}".encode())
    for table in (data.events, data.catalogue, data.triples, data.roles):
        content = io.BytesIO()
        if table is not None:
            table.write_ipc(content)
        digest.update(content.getbuffer())
    return digest.hexdigest()


def build_graph(data: Dataset) -> KnowledgeGraph | None:
    """The knowledge graph of the catalogue's attributes and the triples.

    Items are named by their titles, unless these are declared ``ignored`` or ``personal``.

    Returns:
        The graph, or ``None`` if it has no edges.
    """
    unnamed = pl.col("role").is_in(["ignored", "personal"])
    named = Columns.TITLE in data.roles.filter(~unnamed)["column"]
    graph = KnowledgeGraph.from_catalogue(
        data.catalogue,
        name=Columns.TITLE if named else None,
        attributes=attributes(data.roles),
        triples=data.triples,
    )
    return graph if graph.n_triples else None


def new_towers(
    config: RecommenderConfig, graph: KnowledgeGraph | None, *, text: bool
) -> dict[str, Tower]:
    """Unfitted towers by name: those configured that have something to learn from.

    Args:
        config: all settings.
        graph: the knowledge graph, or ``None`` without one.
        text: whether items have text.
    """
    towers: dict[str, Tower] = {}
    chosen = config.towers
    if chosen.collaborative is not None:
        from hybridrec.towers.collaborative.tower import CollaborativeTower

        towers["collaborative"] = CollaborativeTower(
            chosen.collaborative, config.seed, config.device
        )
    if chosen.graph is not None and graph is not None:
        from hybridrec.towers.graph.tower import GraphTower

        towers["graph"] = GraphTower(chosen.graph, config.seed, config.device)
    if chosen.text is not None and text:
        from hybridrec.towers.text.tower import TextTower

        towers["text"] = TextTower(chosen.text, config.seed, config.device)
    return towers


def training_data(
    data: Dataset,
    graph: KnowledgeGraph | None,
    config: RecommenderConfig,
    after: Dataset | None = None,
) -> TrainingData:
    """What towers learn from.

    Args:
        data: the events they may see, and the catalogue.
        graph: its knowledge graph.
        config: all settings.
        after: what happened next, to measure towers on while they learn; ``None`` for no measuring.
    """
    histories = data.histories(config.event_strengths, config.value_exponent)
    held_out = None
    if after is not None:
        weights = profile_weights(histories, config)
        held_out = HeldOut.sampled(weights, _targets(data, after), config.validation, config.seed)
    return TrainingData(
        histories,
        data.catalogue,
        graph,
        text_columns=text_columns(data.roles),
        attribute_columns=tuple(attributes(data.roles)),
        validate=held_out,
    )


def learn_towers(
    towers: Mapping[str, Tower],
    training: TrainingData,
    session: Callable[[str], FitSession],
    moment: str,
) -> None:
    """Fits all towers in turn; those that an earlier run of the fit finished are taken over.

    Args:
        towers: by name; the collaborative one, where it is in, comes first.
        training: what they learn from.
        session: makes the session of a model.
        moment: up to when the data go, for the names of the models.
    """
    for name, tower in towers.items():
        with stage(f"{name} tower"):
            tower_session = session(f"{name} tower, {moment}")
            known = tower_session.result()
            if known is None:
                tower.fit(training, tower_session)
                tower_session.finish(tower.state())
            else:
                tower.restore(known)
        if name == "collaborative":
            training = replace(training, reference_embeddings=tower.item_embeddings)


def _neighbours(
    training: TrainingData,
    config: RecommenderConfig,
    session: Callable[[str], FitSession],
    moment: str,
) -> Neighbours | None:
    """Which items foretell which; taken over where an earlier run of the fit found it."""
    if config.neighbours is None:
        return None
    with stage("neighbours"):
        own_session = session(f"neighbours, {moment}")
        known = own_session.result()
        if known is not None:
            return Neighbours.from_arrays(known)
        found = Neighbours.of(
            training.histories,
            Affinity.of(training.graph),
            training.catalogue,
            training.text_columns,
            config.neighbours,
        )
        own_session.finish(found.arrays())
        return found


def _observe(fusion: Fusion, training: TrainingData, neighbours: Neighbours | None) -> None:
    """Takes on the state of the shop as of the end of the training data."""
    affinity = Affinity.of(training.graph).only(fusion.relations)
    fusion.observe(ItemStatistics.of(training.histories), affinity, neighbours)


def split_for_ranker(data: Dataset, config: RecommenderConfig) -> tuple[Dataset, Dataset]:
    """The data up to the moment the ranker and early stopping learn from, and what came after."""
    days = config.ranker.horizon_days
    if data.as_of is None or days is None:
        return data.split_leave_last_out(1)
    span = data.as_of - (data.since or data.as_of)
    horizon = timedelta(days=days)
    if span < 2 * horizon:
        horizon = span * SHORTEST_SHARE
    return data.split_by_time(at=data.as_of - horizon)


def _targets(before: Dataset, after: Dataset) -> csr_array:
    """Who met what after the moment, ``(n_users, n_items)``, rows as in the data before it."""
    users = before.users.join(after.events[Columns.USER])
    items = before.items.join(after.events[Columns.ITEM])
    known = (users >= 0) & (items >= 0)
    shape = (len(before.users), len(before.items))
    return csr_array((np.ones(known.sum()), (users[known], items[known])), shape=shape)


def has_text(data: Dataset) -> bool:
    """Whether any item has any text."""
    return bool(text_parts(data.catalogue, text_columns(data.roles)).list.len().sum())


def _moment(data: Dataset) -> str:
    return f"{data.as_of:%Y-%m-%d}" if data.as_of else "the last event of each user"
