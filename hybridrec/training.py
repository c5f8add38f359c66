"""The fit, in order: towers up to a moment, rankers on what came after it, towers on everything."""

from __future__ import annotations

import hashlib
import inspect
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import islice

import numpy as np
import polars as pl
from scipy.sparse import csr_array

import hybridrec
from hybridrec.arrays import DoubleArray
from hybridrec.config import RecommenderConfig
from hybridrec.data import Dataset, Histories
from hybridrec.data.columns import Columns
from hybridrec.data.roles import attributes, text_columns
from hybridrec.data.texts import text_parts
from hybridrec.errors import DataError
from hybridrec.evaluation.validation import HeldOut
from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.example_store import ExampleStore
from hybridrec.fusion.item_to_item import ItemToItem
from hybridrec.fusion.meetings import Meetings
from hybridrec.fusion.moment import Moment
from hybridrec.fusion.neighbours import neighbours
from hybridrec.fusion.order import usual_order
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.prices import item_prices
from hybridrec.fusion.profiles import profile_weights, profiles
from hybridrec.fusion.signals.declaration import Scope, Signal
from hybridrec.fusion.signals.popularity import RECENT_DAYS, YEAR_DAYS, popularity
from hybridrec.fusion.transitions import transitions
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.curves import Curves
from hybridrec.learning.memory import give_back_memory
from hybridrec.learning.session import FitSession
from hybridrec.progress import stage
from hybridrec.towers.base import Tower, TrainingData
from kg import KnowledgeGraph
from kg.errors import KnowledgeGraphError

SHORTEST_SHARE = 0.2
"""Where the data span less than two horizons, the ranker learns from this share of the span."""
SHORTEST_PAST = 0.5
"""Share of the span that towers must have to learn from, at every moment that the ranker does."""


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
    signals: Sequence[Signal] = (),
) -> Fitted:
    """Fits towers and rankers.

    Args:
        data: events and catalogue.
        config: all settings.
        curves: where losses and validation metrics are recorded.
        checkpoints: where the fit is kept as it goes; one that was killed goes on from there.
        signals: a shop's own.

    Raises:
        DataError: too few events to hold any back for the ranker.
        ArtifactError: what is kept cannot be read, or has no room.
    """
    session = partial(FitSession, curves=curves, checkpoints=checkpoints)
    steps = moments(data, config)
    with stage("knowledge graph"):
        graph = build_graph(data)
    scope = scope_of(data, config, graph, steps[0][0])
    ranker_session = session("fusion ranker")
    known = ranker_session.result()
    spared = np.random.default_rng(config.seed).random(len(data.users)) < config.ranker.held_out
    towers: dict[str, Tower] = {}
    with ExampleStore.beside(checkpoints) as examples:
        for back, (before, after) in zip(range(len(steps), 0, -1), steps, strict=True):
            towers = new_towers(config, graph, text=has_text(data), earlier=towers)
            fusion = Fusion(towers, config, scope, signals)
            graph_before = graph if before.triples is data.triples else build_graph(before)
            moment = _moment(before, config, back)
            with stage(f"towers, {moment}"):
                training = training_data(before, graph_before, config, after)
                learn_towers(fusion.towers, training, session, moment)
                matrices = _matrices(training, config, session, moment)
            if known is not None:
                continue
            asked = asks(data, before, after, config)
            for number, (past, next_) in enumerate(asked):
                histories = _histories(past, config)
                _observe(fusion, past, replace(training, histories=histories), matrices)
                spared_here = spared[data.users.join(past.users.stored)]
                users, targets = math.ceil(config.ranker.users / len(asked)), _targets(past, next_)
                for question in config.questions:
                    find = partial(
                        fusion.examples, histories, targets, question, spared_here, users
                    )
                    examples.add(question, f"moment {back}, ask {number}", find)
            give_back_memory()
        with stage("fusion ranker"):
            if known is None:
                for question in config.questions:
                    # the rest of what is held out is not in memory while the ranker learns
                    telling = examples.held_out(question).learnable()
                    fusion.fit(question, examples.learnt_from(question), telling)
                    fusion.calibrate(question, examples.held_out(question))
                ranker_session.finish(fusion.ranker_state())
            else:
                fusion.restore_rankers(known)
            examples.clear()
    with stage("towers, on everything"):
        training = training_data(data, graph, config)
        learn_towers(fusion.towers, training, session, "on everything")
        matrices = _matrices(training, config, session, "on everything")
    _observe(fusion, data, training, matrices)
    return Fitted(fusion, graph, training.histories)


def scope_of(
    data: Dataset, config: RecommenderConfig, graph: KnowledgeGraph | None, earliest: Dataset
) -> Scope:
    """What a model of the data can have signals of.

    Args:
        data: everything.
        config: all settings.
        graph: the knowledge graph.
        earliest: the data up to the first moment that the ranker learns from.
    """
    parts: dict[str, object] = {
        **new_towers(config, graph, text=has_text(data)),
        "neighbours": config.neighbours,
        "transitions": config.transitions,
    }
    span = timedelta(0)
    if earliest.as_of is not None and earliest.since is not None:
        span = earliest.as_of - earliest.since
    return Scope(
        scorers=tuple(name for name, part in parts.items() if part is not None),
        profiles=tuple(profiles(config)),
        relations=tuple(Affinity.of(graph).links),
        timed=data.as_of is not None,
        priced=item_prices(data) is not None,
        seasonal=span > timedelta(days=YEAR_DAYS + RECENT_DAYS),
        own_moments=data.as_of is not None
        and config.ranker.horizon_days is None
        and config.ranker.folds is None,
    )


def fingerprint(data: Dataset, config: RecommenderConfig, signals: Sequence[Signal] = ()) -> str:
    """What a fit rests on, as a hash: release, settings, signals and every table, row by row.

    Of the shop's own signals it is the declaration and the source of the function, where Python
    finds it; not what the function reads.
    """
    own = [(s.name, s.group, s.absolute, s.relative, _source(s)) for s in signals]
    parts = [hybridrec.__version__, config.to_yaml(), data.as_of, own]
    digest = hashlib.sha256("\n".join(map(str, parts)).encode())
    for table in (data.events, data.catalogue, data.triples, data.roles):
        content = io.BytesIO()
        if table is not None:  # Parquet: the same bytes however the rows lie in memory
            table.rechunk().write_parquet(content, compression="uncompressed")
        digest.update(content.getbuffer())
    return digest.hexdigest()


def _source(signal: Signal) -> str | None:
    try:
        return inspect.getsource(signal.compute)  # type: ignore[arg-type]
    except (OSError, TypeError):  # typed at a prompt, or no function but an object
        return None


def build_graph(data: Dataset) -> KnowledgeGraph | None:
    """The knowledge graph of the catalogue's attributes and the triples.

    Items are named by their titles, unless these are declared ``ignored`` or ``personal``.

    Returns:
        The graph, or ``None`` if it has no edges.

    Raises:
        DataError: triples that cannot be joined to the catalogue.
    """
    unnamed = pl.col("role").is_in(["ignored", "personal"])
    named = Columns.TITLE in data.roles.filter(~unnamed)["column"]
    try:
        graph = KnowledgeGraph.from_catalogue(
            data.catalogue,
            name=Columns.TITLE if named else None,
            attributes=attributes(data.roles),
            triples=data.triples,
        )
    except KnowledgeGraphError as error:
        raise DataError(f"{error}. data.check() tells more, and data.clean() mends it") from error
    return graph if graph.n_triples else None


def new_towers(
    config: RecommenderConfig,
    graph: KnowledgeGraph | None,
    *,
    text: bool,
    earlier: Mapping[str, Tower] | None = None,
) -> dict[str, Tower]:
    """Unfitted towers by name: those configured that have something to learn from.

    Args:
        config: all settings.
        graph: the knowledge graph, or ``None`` without one.
        text: whether items have text.
        earlier: those of another moment, which hand on what no event has a part in.
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
    for name, tower in (earlier or {}).items():
        towers[name].reuse(tower)
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
    histories = _histories(data, config)
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
        give_back_memory()
        if name == "collaborative":
            training = replace(training, reference_embeddings=tower.item_embeddings)


def _matrices(
    training: TrainingData,
    config: RecommenderConfig,
    session: Callable[[str], FitSession],
    moment: str,
) -> dict[str, ItemToItem]:
    """Which items foretell which; taken over where an earlier run of the fit found it."""
    matrices: dict[str, ItemToItem] = {}
    if config.neighbours is not None:
        with stage("neighbours"):
            own_session = session(f"neighbours, {moment}")
            known = own_session.result()
            if known is None:
                found = neighbours(
                    training.histories,
                    Affinity.of(training.graph),
                    training.catalogue,
                    training.text_columns,
                    config.neighbours,
                )
                own_session.finish(found.arrays())
            else:
                found = ItemToItem.from_arrays(known)
            matrices["neighbours"] = found
    if config.transitions is not None:
        matrices["transitions"] = transitions(training.histories, config.transitions)
    return matrices


def _observe(
    fusion: Fusion, data: Dataset, training: TrainingData, matrices: Mapping[str, ItemToItem]
) -> None:
    """Takes on the state of the shop as of the end of the data."""
    scope = fusion.scope
    fusion.observe(
        Moment(
            data.catalogue,
            Affinity.of(training.graph).only(scope.relations),
            matrices,
            popularity(training.histories, seasonal=scope.seasonal),
            _prices(data) if scope.priced else None,
            data.as_of,
            usual_order(training.histories) if "transitions" in matrices else None,
            Meetings.of(training.histories) if scope.own_moments else None,
        )
    )


def _prices(data: Dataset) -> DoubleArray:
    """Prices up to the moment; NaN for all of them where none was told yet."""
    prices = item_prices(data)
    return np.full(len(data.items), np.nan) if prices is None else prices


def moments(data: Dataset, config: RecommenderConfig) -> list[tuple[Dataset, Dataset]]:
    """The moments that the ranker and early stopping learn from, the earliest first.

    Returns:
        For each the data up to it, and what came after it, up to the next; where events are
        dealt into folds, all without those of one fold, and those of it.
    """
    ranker = config.ranker
    if ranker.folds is not None and (ranker.horizon_days is None or data.as_of is None):
        folds = data.cross_validation(ranker.folds, config.seed)
        return list(islice(folds, ranker.moments))
    steps = [split_for_ranker(data, config)]
    while len(steps) < ranker.moments:
        before = steps[0][0]
        if ranker.horizon_days is not None and data.as_of and data.since and before.as_of:
            past = before.as_of - timedelta(days=ranker.horizon_days) - data.since
            if past < (data.as_of - data.since) * SHORTEST_PAST:
                break
        try:
            earlier = split_for_ranker(before, config)
        except DataError:  # nothing happened just before, or nobody did more: fewer moments
            break
        steps.insert(0, earlier)
    return steps


def asks(
    data: Dataset, before: Dataset, after: Dataset, config: RecommenderConfig
) -> list[tuple[Dataset, Dataset]]:
    """When the ranker is asked with the towers of one moment: then, and later with the same ones.

    Args:
        data: everything.
        before: the data up to the moment.
        after: what came after it, up to the next.
        config: all settings.

    Returns:
        For each ask the data up to it, and what came after it, over the same span each time; the
        spans of asks ``ranker.stride_days`` apart overlap.
    """
    asked, stride = [(before, after)], config.ranker.stride_days
    if stride is None or config.ranker.horizon_days is None:
        return asked
    if data.as_of is None or before.as_of is None or after.as_of is None:
        return asked
    span = after.as_of - before.as_of
    at = before.as_of + timedelta(days=stride)
    while at < after.as_of and at + span <= data.as_of:
        past, rest = data.split_by_time(at=at)
        until = rest.events[Columns.TIMESTAMP] <= at + span
        if until.any():
            asked.append((past, replace(rest, events=rest.events.filter(until))))
        at += timedelta(days=stride)
    return asked


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


def _histories(data: Dataset, config: RecommenderConfig) -> Histories:
    return data.histories(config.event_strengths, config.value_exponent)


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


def _moment(data: Dataset, config: RecommenderConfig, back: int) -> str:
    """A name of its own for each moment: users' last events lie on one day as well as on many."""
    if data.as_of is None or config.ranker.horizon_days is None:
        if config.ranker.folds is None:
            return f"without each user's last {back}"
        return f"fold {config.ranker.moments - back + 1} of {config.ranker.folds}"
    if config.ranker.horizon_days < 1:
        return f"up to {data.as_of:%Y-%m-%d %H:%M:%S}"
    return f"up to {data.as_of:%Y-%m-%d}"
