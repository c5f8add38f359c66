"""The graph tower: a GNN over interactions and knowledge graph together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from scipy.sparse import csr_array
from torch import Tensor

from hybridrec.arrays import BoolArray, DoubleArray, FloatArray, IntArray, NamedArrays
from hybridrec.data.histories import Histories
from hybridrec.devices import resolve_device
from hybridrec.learning.schedules import warmup_cosine
from hybridrec.learning.session import FitSession
from hybridrec.progress import track
from hybridrec.towers.base import (
    HistoryMeanTower,
    TrainingData,
    mean_weights,
)
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.propagation import (
    LAYER_GAIN,
    RelationalLightGCN,
    multiply,
    normalised_adjacency,
    sparse_tensor,
)
from kg import KnowledgeGraph

MOMENT_SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3)
"""Training moments lie where these shares of all events are still to come."""


@dataclass(frozen=True)
class Moment:
    """A past moment to learn from: what users had done by then, and did next."""

    users: IntArray
    profiles: csr_array
    targets: csr_array


class GraphTower(HistoryMeanTower):
    """Item embeddings by light propagation over users, items and entities.

    A user is the mean of the items in the history, so unseen users fold in without training. The
    embeddings learn to tell, at several past moments, what each user chose next, by a softmax over
    items. Items without any event keep no embedding of their own: theirs is what their catalogue
    edges bring. The last coordinate of an item embedding is the item's bias.
    """

    name: ClassVar[str] = "graph"

    def __init__(self, config: GraphConfig, seed: int = 0, device: str = "auto") -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.device = resolve_device(device)
        self._learned: NamedArrays | None = None
        self._entity_states: FloatArray | None = None
        self._degrees: DoubleArray | None = None
        self.relation_weights: dict[str, float] = {}
        """The share of each relation in what a propagation step passes on; they sum to 1."""

    def fit(self, data: TrainingData, session: FitSession | None = None) -> Self:
        """Learns embeddings; fitted before on the same items and entities, it goes on from them."""
        histories, graph = data.histories, data.graph
        n_items = histories.n_items
        n_entities = graph.n_entities if graph is not None else n_items
        half_life = self.config.half_life_days if histories.timed else None
        weights = histories.weights(half_life)
        relations, edges = _edges(weights, graph, n_entities)
        n_nodes = n_entities + histories.n_users
        adjacencies = [normalised_adjacency(*edge, n_nodes) for edge in edges]
        sparse = [sparse_tensor(matrix, self.device) for matrix, _ in adjacencies]

        met = torch.zeros(n_nodes)
        met[torch.from_numpy(np.unique(weights.indices)).long()] = 1.0
        met[n_items:n_entities] = 1.0
        popularity = np.log1p(np.bincount(weights.indices, minlength=n_items))
        generator = torch.Generator().manual_seed(self.seed)
        model = RelationalLightGCN(
            met,
            len(relations),
            torch.from_numpy(popularity).float(),
            self.config.embedding_dim,
            self.config.layers,
            generator,
        )
        steps = self.config.steps
        if self._resume(model, n_entities):
            steps = max(1, steps // 2)
        self._train(model.to(self.device), sparse, _moments(histories, half_life), steps)

        with torch.no_grad():
            states = model.layer_states(sparse)
            items = model.combined(states)[:n_items] * model.scale.abs().sqrt()
            embeddings = torch.cat([items, model.bias[:, None]], dim=1)
        self._item_embeddings = embeddings.cpu().numpy()
        kept = torch.stack([state[:n_entities] for state in states[:-1]])
        self._entity_states = kept.cpu().numpy()
        self._degrees = np.stack([degrees[:n_entities] for _, degrees in adjacencies])
        shares = model.relation_weights.detach().cpu().tolist()
        self.relation_weights = dict(zip(relations, shares, strict=True))
        self._learned = {
            "embedding": model.embedding.detach()[:n_entities].cpu().numpy(),
            "relation_logits": model.relation_logits.detach().cpu().numpy(),
            "layer_logits": model.layer_logits.detach().cpu().numpy(),
            "scale": model.scale.detach().cpu().numpy(),
        }
        return self

    @property
    def history_embeddings(self) -> FloatArray:
        """Item embeddings with 1 for the bias, so that a mean of them asks for one bias."""
        embeddings = self.item_embeddings.copy()
        embeddings[:, -1] = 1.0
        return embeddings

    def embed_items(
        self, catalogue: pl.DataFrame, graph: KnowledgeGraph | None, entities: IntArray
    ) -> FloatArray:
        """Embeddings of new items from their catalogue edges; see :meth:`Tower.embed_items`.

        The propagation is that of the fit, one step from each layer's states of the entities.
        """
        width = self.item_embeddings.shape[1]
        embeddings = np.zeros((catalogue.height, width), dtype=np.float32)
        if graph is None or self._entity_states is None or self._degrees is None:
            return embeddings
        assert self._learned is not None
        known = self._entity_states.shape[1]
        row_of = np.full(graph.n_entities, -1, dtype=np.int64)
        row_of[entities] = np.arange(entities.size)
        edges, kinds = graph.edge_index()
        step = csr_array((entities.size, known))
        for place, (name, share) in enumerate(self.relation_weights.items()):
            of_name = np.array([label == name for label in relation_labels(graph)])[kinds]
            heads, tails = edges[:, of_name]
            wanted = (row_of[heads] >= 0) & (tails < known)
            rows, tails = row_of[heads[wanted]], tails[wanted]
            own = np.bincount(rows, minlength=entities.size)[rows]
            value = share / np.sqrt(own * np.maximum(self._degrees[place, tails], 1.0))
            step = step + csr_array((value, (rows, tails)), shape=step.shape)
        logits = torch.from_numpy(self._learned["layer_logits"])
        shares = torch.softmax(logits, 0).numpy()
        gain = LAYER_GAIN * np.sqrt(np.abs(self._learned["scale"]))
        for share, state in zip(shares[1:], self._entity_states, strict=True):
            embeddings[:, :-1] += gain * share * (step @ state)
        return embeddings

    def state(self) -> NamedArrays:
        """Embeddings, and the entity states that embed new items."""
        arrays: NamedArrays = {"item_embeddings": self.item_embeddings}
        assert self._learned is not None
        arrays |= {f"learned.{name}": value for name, value in self._learned.items()}
        assert self._entity_states is not None
        assert self._degrees is not None
        arrays["entity_states"] = self._entity_states
        arrays["degrees"] = self._degrees
        # the rows of degrees are in this order, which named arrays do not keep
        for place, (name, weight) in enumerate(self.relation_weights.items()):
            arrays[f"relation.{name}"] = np.array([place, weight], dtype=np.float64)
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on a saved :meth:`state`."""
        self._item_embeddings = np.asarray(arrays["item_embeddings"])
        self._entity_states = np.asarray(arrays["entity_states"])
        self._degrees = np.asarray(arrays["degrees"])
        self._learned = {
            name.removeprefix("learned."): np.asarray(value)
            for name, value in arrays.items()
            if name.startswith("learned.")
        }
        named = [(name, value) for name, value in arrays.items() if name.startswith("relation.")]
        self.relation_weights = {
            name.removeprefix("relation."): float(value[1])
            for name, value in sorted(named, key=lambda pair: float(pair[1][0]))
        }
        return self

    def _resume(self, model: RelationalLightGCN, n_entities: int) -> bool:
        """Puts what an earlier fit learned into the model, where its shape is the same."""
        learned = self._learned
        if learned is None or learned["embedding"].shape[0] != n_entities:
            return False
        if learned["relation_logits"].shape[0] != model.relation_logits.shape[0]:
            return False
        with torch.no_grad():
            model.embedding[:n_entities] = torch.from_numpy(learned["embedding"])
            for name in ("relation_logits", "layer_logits", "scale"):
                getattr(model, name).copy_(torch.from_numpy(learned[name]))
        return True

    def _train(
        self,
        model: RelationalLightGCN,
        adjacencies: list[Tensor],
        moments: list[Moment],
        steps: int,
    ) -> None:
        random = np.random.default_rng(self.seed)
        rate = self.config.learning_rate
        # a handful of shares and scales for the whole graph may move faster than embeddings
        few = [model.relation_logits, model.layer_logits, model.scale]
        many = [model.embedding, model.bias]
        optimizer = torch.optim.Adam(
            [{"params": few, "lr": 10 * rate}, {"params": many, "lr": rate}]
        )
        schedule = warmup_cosine(optimizer, steps)
        for step in track(range(steps), "graph tower", steps):
            moment = moments[step % len(moments)]
            size = min(self.config.batch_size, moment.users.size)
            users = random.choice(moment.users, size, replace=False)
            loss = self._loss(model, adjacencies, moment, users, random)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()

    def _loss(
        self,
        model: RelationalLightGCN,
        adjacencies: list[Tensor],
        moment: Moment,
        users: IntArray,
        random: np.random.Generator,
    ) -> Tensor:
        """Softmax cross-entropy of what each user chose next, from half of the history."""
        items = model.combined(model.layer_states(adjacencies))[: model.bias.shape[0]]
        profiles = csr_array(moment.profiles[users])
        profiles.data = profiles.data * (random.random(profiles.nnz) >= self.config.history_dropout)
        profiles = mean_weights(profiles)
        vectors = multiply(
            sparse_tensor(profiles, self.device),
            items,
            sparse_tensor(csr_array(profiles.T), self.device),
        )
        targets = moment.targets[users].tocoo()
        columns = targets.col.astype(np.int64)
        bias: Tensor = model.bias
        if bias.shape[0] > self.config.negatives:
            sampled = random.choice(bias.shape[0], self.config.negatives, replace=False)
            classes = np.union1d(sampled, columns)
            columns = np.searchsorted(classes, columns)
            chosen = torch.from_numpy(classes).to(self.device)
            items, bias = items[chosen], bias[chosen]
        scores = model.scale.abs() * vectors @ items.T + bias
        log_odds = torch.log_softmax(scores, dim=1)
        rows = torch.from_numpy(targets.row.astype(np.int64)).to(self.device)
        picked = log_odds[rows, torch.from_numpy(columns).to(self.device)]
        share = torch.from_numpy(targets.data.astype(np.float32)).to(self.device)
        return -(picked * share).sum() / users.size


def relation_labels(graph: KnowledgeGraph) -> list[str]:
    """The name of each relation; with its types where several of one name join different ones."""
    counts = Counter(relation.name for relation in graph.relations)
    return [
        relation.name
        if counts[relation.name] == 1
        else f"{relation.name} ({relation.head_type} → {relation.tail_type})"
        for relation in graph.relations
    ]


def _edges(
    weights: csr_array, graph: KnowledgeGraph | None, n_entities: int
) -> tuple[list[str], list[tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Names of the relations, and for each its heads, tails and weights over all nodes."""
    met = weights.tocoo()
    interactions = (met.col.astype(np.int64), met.row + n_entities, np.log1p(met.data))
    if graph is None:
        return ["met by"], [interactions]
    edges, kinds = graph.edge_index()
    facts = [
        (edges[0, kinds == kind], edges[1, kinds == kind], np.ones(np.count_nonzero(kinds == kind)))
        for kind in range(len(graph.relations))
    ]
    return ["met by", *relation_labels(graph)], [interactions, *facts]


def _moments(histories: Histories, half_life: float | None) -> list[Moment]:
    """Past moments with what users had done by then (weights) and did next (shares of a user).

    Where events are too few for that, one moment at the end: the history foretells itself.
    """
    cuts = np.unique(np.quantile(histories.ages, MOMENT_SHARES))
    horizons = np.diff(np.concatenate([[0.0 if histories.timed else -1.0], cuts]))
    moments = []
    for cut, horizon in zip(cuts, horizons, strict=True):
        before, after = histories.ages > cut, histories.ages <= cut
        after &= histories.ages > cut - horizon
        moments.append(_moment(histories, before, after, cut, half_life))
    everything = np.ones(histories.items.size, dtype=bool)
    return [moment for moment in moments if moment.users.size] or [
        _moment(histories, everything, everything, 0.0, half_life)
    ]


def _moment(
    histories: Histories,
    before: BoolArray,
    after: BoolArray,
    cut: float,
    half_life: float | None,
) -> Moment:
    shape = (histories.n_users, histories.n_items)
    users, items = histories.users, histories.items
    decay = np.exp2(-(histories.ages - cut) / half_life) if half_life else np.ones(items.size)
    weights = (histories.strengths * decay)[before].astype(np.float32)
    profiles = csr_array((weights, (users[before], items[before])), shape=shape)
    profiles.sum_duplicates()
    targets = csr_array((np.ones(after.sum()), (users[after], items[after])), shape=shape)
    targets.sum_duplicates()
    targets.data[:] = 1.0
    chosen = np.diff(targets.indptr)
    targets.data /= np.repeat(np.maximum(chosen, 1), chosen)
    ready = np.flatnonzero((chosen > 0) & (np.diff(profiles.indptr) > 0))
    return Moment(ready, profiles, targets)
