"""The fit, in order: towers up to a moment, rankers on what came after it, towers on everything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from hybridrec.config import RecommenderConfig
from hybridrec.data import Dataset, Histories
from hybridrec.data.columns import Columns
from hybridrec.data.roles import attributes, text_columns
from hybridrec.data.texts import text_parts
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.signals import ItemStatistics
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


def fit(data: Dataset, config: RecommenderConfig) -> Fitted:
    """Fits towers and rankers.

    Args:
        data: events and catalogue.
        config: all settings.

    Raises:
        DataError: too few events to hold any back for the ranker.
    """
    before, after = _ranker_split(data, config)
    with stage("knowledge graph"):
        graph = build_graph(data)
        graph_before = graph if before.triples is data.triples else build_graph(before)
    towers = new_towers(config, graph, text=_has_text(data))
    fusion = Fusion(
        towers,
        config,
        timed=data.as_of is not None,
        relations=tuple(Affinity.of(graph).links),
    )
    with stage(f"towers, up to {_moment(before)}"):
        histories = _learn(fusion, before, graph_before, config)
    with stage("fusion ranker"):
        fusion.fit(histories, _targets(before, after))
    with stage("towers, on everything"):
        histories = _learn(fusion, data, graph, config)
    return Fitted(fusion, graph, histories)


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


def _learn(
    fusion: Fusion, data: Dataset, graph: KnowledgeGraph | None, config: RecommenderConfig
) -> Histories:
    """Fits all towers and observes the shop as of the end of the data."""
    histories = data.histories(config.event_strengths)
    training = TrainingData(histories, data.catalogue, graph, text_columns(data.roles))
    for name, tower in fusion.towers.items():
        with stage(f"{name} tower"):
            tower.fit(training)
    fusion.observe(ItemStatistics.of(histories), Affinity.of(graph).only(fusion.relations))
    return histories


def _ranker_split(data: Dataset, config: RecommenderConfig) -> tuple[Dataset, Dataset]:
    """The data up to the ranker's training moment, and what came after it."""
    if data.as_of is None:
        return data.split_leave_last_out(1)
    span = data.as_of - (data.since or data.as_of)
    horizon = timedelta(days=config.ranker.horizon_days)
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


def _has_text(data: Dataset) -> bool:
    return bool(text_parts(data.catalogue, text_columns(data.roles)).list.len().sum())


def _moment(data: Dataset) -> str:
    return f"{data.as_of:%Y-%m-%d}" if data.as_of else "the last event of each user"
