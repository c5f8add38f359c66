"""The graph tower: a GNN over interactions and knowledge graph together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from hybridrec.arrays import FloatArray, IntArray, NamedArrays
from hybridrec.devices import resolve_device
from hybridrec.learning.loop import Validation, learn
from hybridrec.learning.schedules import warmup_cosine
from hybridrec.learning.session import FitSession
from hybridrec.towers.base import HistoryMeanTower, TrainingData
from hybridrec.towers.graph.adjacency import Adjacency
from hybridrec.towers.graph.collaborative_graph import CollaborativeGraph
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.evidence import log_lifts
from hybridrec.towers.graph.identities import keys_as_arrays, keys_from_arrays, places_of
from hybridrec.towers.graph.model import GraphModel, without_taste
from hybridrec.towers.graph.moments import Moment, hidden_moments, next_moments
from hybridrec.towers.graph.new_items import messages_to
from hybridrec.towers.graph.unmet import PREFIX, Touched, UnmetItems, shortened
from hybridrec.towers.graph.unmet_training import (
    SHARES_TO_COME,
    FirstMeetings,
    fair_level,
    learn_unmet,
)
from kg import KnowledgeGraph

if TYPE_CHECKING:  # torch-geometric takes seconds to import, and a saved tower needs none of it
    from hybridrec.towers.graph.encoders import Encoder
    from hybridrec.towers.graph.training import Trainer

FASTER = 10.0
"""A handful of shares and scales for the whole graph may move faster than embeddings."""
SMALLEST_GRADIENT = 1e-3
"""Adam's epsilon for these: shares of relations with a handful of edges hear noise alone."""
OF_RELATIONS = ("relation_logits", "rarity", "queries", "gates")
"""Parameters with a row for each relation."""


class GraphTower(HistoryMeanTower):
    """Item embeddings by a graph neural network over users, items and entities.

    A user is the mean of the items in the history, so unseen users fold in without training. The
    embeddings learn to tell what each user chose next, by a softmax over items. Items without any
    event have no embedding of their own: theirs is made of their catalogue edges, as
    :class:`UnmetItems` learned to at moments when other items were new. The last coordinate of an
    item embedding is the item's bias.
    """

    name: ClassVar[str] = "graph"

    def __init__(self, config: GraphConfig, seed: int = 0, device: str = "auto") -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.device = resolve_device(device)
        self._learned: NamedArrays = {}
        self._keys = pl.Series("key", [], dtype=pl.String)
        self.relation_weights: dict[str, float] = {}
        """The share of each relation in what a propagation step passes on; they sum to 1."""

    def fit(self, data: TrainingData, session: FitSession | None = None) -> Self:
        """Learns embeddings; fitted before, it goes on from them.

        Items, entities and relations are recognised by their keys and names; those that are new
        start afresh.

        Raises:
            NotEnoughMemoryError: a step would not fit into memory.
            DivergedError: the loss is no longer a number.
        """
        from hybridrec.towers.graph.training import Trainer, wants_sampling

        session = session or FitSession("graph tower")
        histories, config = data.histories, self.config
        half_life = config.half_life_days if histories.timed else None
        weights = histories.weights(half_life)
        graph = CollaborativeGraph.of(weights, data.catalogue, data.graph, config.hops)
        sampled = wants_sampling(graph, config, self.device)
        popularity = np.log1p(np.bincount(weights.indices, minlength=graph.n_items))
        # entities that nothing else shares need a signature only where it is learned
        free = graph.shared | config.learn_embeddings
        free[: graph.n_items] = config.free_items & (popularity > 0)
        encoder = self._new_encoder(len(graph.relations), graph)
        encoder.private = not config.learn_embeddings
        with torch.no_grad():
            encoder.relation_logits.copy_(torch.from_numpy(log_lifts(graph, weights)))
        model = GraphModel(
            encoder,
            free,
            graph.n_users,
            popularity,
            self.seed,
            learn_embeddings=config.learn_embeddings,
        )
        self._resume(model, graph)
        for name in [name for name in self._learned if name.startswith(PREFIX)]:
            del self._learned[name]
        model.to(self.device)

        moments_of = hidden_moments if config.targets == "hidden" else next_moments
        moments = [moment for moment in moments_of(histories, half_life) if moment.users.size]
        trainer = Trainer(model, graph, weights, moments, config, self.seed, self.device, sampled)
        steps = config.steps
        if data.validate is None and "best_steps" in self._learned:
            steps = int(self._learned["best_steps"])
        best = steps
        if moments and steps:
            best = self._train(trainer, data, steps, session)
        self._take(trainer, best)
        if config.free_items and data.graph is not None:
            timely = config.targets == "next"
            past = next_moments(histories, half_life, SHARES_TO_COME) if timely else []
            self._learn_unmet(trainer, past, session)
        return self

    def _new_encoder(self, n_relations: int, graph: CollaborativeGraph) -> Encoder:
        config = self.config
        from hybridrec.towers.graph.encoders import FAMILIES

        family = FAMILIES[config.family]
        return family(n_relations, config.embedding_dim, config.layers, normalise=config.normalise)

    def brought_by(self, embeddings: FloatArray) -> FloatArray:
        """What items bring to user vectors: themselves, all users' taste, and 1 for the bias.

        Shares of a history sum to 1, so that a user asks for taste and bias once.
        """
        embeddings = embeddings.copy()
        if "unmet.met" in self._learned:
            # made to be ranked, and longer: in a history they are to count as any other
            known = np.pad(self._learned["unmet.met"], (0, len(embeddings)))[: len(embeddings)]
            length = float(self._learned["unmet.length"])
            embeddings[~known, :-1] = shortened(embeddings[~known, :-1], length)
        embeddings[:, :-1] += self._learned["taste"]
        embeddings[:, -1] = 1.0
        return embeddings

    def embed_items(
        self, catalogue: pl.DataFrame, graph: KnowledgeGraph | None, entities: IntArray
    ) -> FloatArray:
        """Embeddings of new items from their catalogue edges; see :meth:`Tower.embed_items`.

        Made as the fit makes those of items that nobody has met. Where these have no model of their
        own, by one propagation step from each layer's states of what they touch.
        """
        width = self.item_embeddings.shape[1]
        embeddings = np.zeros((catalogue.height, width), dtype=np.float32)
        if graph is None:
            return embeddings
        learned, relations = self._learned, list(self.relation_weights)
        messages = messages_to(graph, entities, self._keys, relations, learned["degrees"])
        if "unmet.states" in learned:
            touched = Touched.of(messages, entities.size)
            return UnmetItems.from_arrays(learned).embedded(touched, learned["taste"])
        if messages.targets.size == 0:
            return embeddings
        adjacency = Adjacency.of(messages, entities.size, learned["degrees"], torch.device("cpu"))
        encoder = self._learned_encoder()
        with torch.no_grad():
            known = torch.from_numpy(learned["states"])
            states = [torch.zeros(entities.size, width - 1)]
            states += [
                encoder.step(layer, known[layer], adjacency) for layer in range(known.shape[0])
            ]
            embedded = encoder.combined(states).numpy()
        half = np.sqrt(np.abs(learned["scale"]) * self.config.sharpness)
        return without_taste(half * embedded, learned["taste"])

    def state(self) -> NamedArrays:
        """Embeddings, what was learned, and the states that embed new items."""
        arrays: NamedArrays = {"item_embeddings": self.item_embeddings}
        arrays |= {f"learned.{name}": value for name, value in self._learned.items()}
        arrays |= keys_as_arrays(self._keys)
        # rows of relations are in this order, which named arrays do not keep
        for place, (name, weight) in enumerate(self.relation_weights.items()):
            arrays[f"relation.{name}"] = np.array([place, weight], dtype=np.float64)
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on a saved :meth:`state`."""
        self._item_embeddings = np.asarray(arrays["item_embeddings"])
        self._learned = {
            name.removeprefix("learned."): np.asarray(value)
            for name, value in arrays.items()
            if name.startswith("learned.")
        }
        self._keys = keys_from_arrays(arrays)
        named = [(name, value) for name, value in arrays.items() if name.startswith("relation.")]
        self.relation_weights = {
            name.removeprefix("relation."): float(value[1])
            for name, value in sorted(named, key=lambda pair: float(pair[1][0]))
        }
        return self

    def _train(self, trainer: Trainer, data: TrainingData, steps: int, session: FitSession) -> int:
        """Takes the steps; returns after how many the model was best."""
        model, config = trainer.model, self.config
        rate = config.learning_rate
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": model.few(),
                    "lr": FASTER * rate,
                    "weight_decay": 0.0,
                    "eps": SMALLEST_GRADIENT,
                },
                {"params": model.many(), "lr": rate, "weight_decay": config.weight_decay},
            ]
        )
        validation = None
        if data.validate is not None:
            validate = data.validate

            def measure() -> float:
                self._publish(trainer)
                return validate(self)

            validation = Validation(
                measure, config.evaluate_every, config.patience, validate.metric
            )
        return learn(
            trainer.loss,
            dict(model.named_parameters()),
            optimizer,
            warmup_cosine(optimizer, steps),
            steps,
            session,
            validation,
        )

    def _publish(self, trainer: Trainer) -> list[Tensor]:
        """Sets the item embeddings to those of the model; returns the states of every layer."""
        model = trainer.model
        with torch.no_grad():
            states = model.encoder.layer_states(model.first_states(), trainer.adjacency)
            items = model.encoder.combined([state[: trainer.graph.n_items] for state in states])
            # a score is scale · user · item, and taste · item
            half = (model.scale.abs() * self.config.sharpness).sqrt()
            embeddings = torch.cat([items * half, model.biases[:, None]], dim=1).cpu().numpy()
            unmet = model.popularity.cpu().numpy() == 0
            taste = model.taste / half
        self._learned["taste"] = taste.cpu().numpy()
        embeddings[unmet] = without_taste(embeddings[unmet, :-1], self._learned["taste"])
        self._item_embeddings = embeddings
        return states

    def _take(self, trainer: Trainer, best_steps: int) -> None:
        """Keeps all that is needed to score, to embed new items and to go on."""
        graph, model = trainer.graph, trainer.model
        states = self._publish(trainer)
        learned = {
            name.removeprefix("encoder."): value.detach().cpu().numpy()
            for name, value in model.named_parameters()
        }
        learned["taste_start"] = learned.pop("taste")
        learned["taste"] = self._learned["taste"]
        kept = torch.stack([state[: graph.n_free] for state in states[:-1]])
        learned["states"] = kept.cpu().numpy()
        learned["degrees"] = graph.degrees[:, : graph.n_free]
        learned["best_steps"] = np.array(best_steps)
        self._learned, self._keys = learned, graph.keys
        with torch.no_grad():
            shares = model.encoder.relation_shares(states[0], trainer.adjacency).cpu().tolist()
        self.relation_weights = dict(zip(graph.relations, shares, strict=True))

    def _learn_unmet(self, trainer: Trainer, moments: list[Moment], session: FitSession) -> None:
        """Learns what items that nobody has met are like, and embeds them."""
        graph, taste = trainer.graph, self._learned["taste"]
        touched = Touched.of(graph.messages, graph.n_items)
        if touched.nodes.size == 0:
            return
        embeddings = self.item_embeddings.copy()
        unmet = trainer.model.popularity.cpu().numpy() == 0
        model = UnmetItems.starting(touched, embeddings[:, :-1], ~unmet, len(graph.relations))
        model.to(self.device)
        meetings = [FirstMeetings.at(moment, embeddings[:, :-1]) for moment in moments]
        apart = FitSession(f"{session.model}, items nobody has met", session.curves)
        learn_unmet(model, touched, meetings, self.config, self.seed, apart)
        new = model.embedded(touched, taste)
        model.level = fair_level(moments, self.history_embeddings, embeddings, new, self.seed)
        new[:, -1] += model.level
        embeddings[unmet] = new[unmet]
        del self._learned["states"]  # what embeds new items where there is no such model
        lengths = np.linalg.norm(embeddings[~unmet, :-1], axis=1)
        length = np.median(lengths) if lengths.size else 0.0
        self._learned |= model.arrays()
        self._learned |= {"unmet.length": np.array(length), "unmet.met": ~unmet}
        self._item_embeddings = embeddings

    def _resume(self, model: GraphModel, graph: CollaborativeGraph) -> None:
        """Puts what an earlier fit learned into the model, wherever it is about the same things."""
        learned = self._learned
        if not learned or learned["embedding"].shape[1] != model.embedding.shape[1]:
            return
        before = list(self.relation_weights)
        old = places_of(graph.keys, self._keys)
        items = old[: graph.n_items]
        items = np.where(items < learned["bias"].shape[0], items, -1)
        relations = places_of(pl.Series(graph.relations), pl.Series(before, dtype=pl.String))
        rows = {"embedding": old, "bias": items} | dict.fromkeys(OF_RELATIONS, relations)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                name = name.removeprefix("encoder.")
                source = learned.get("taste_start" if name == "taste" else name)
                if source is None or (name == "embedding" and not parameter.requires_grad):
                    continue  # signatures are drawn anew: what is shared may have changed
                value = torch.from_numpy(np.array(source))
                if name in rows:
                    found = rows[name]
                    known = torch.from_numpy(np.flatnonzero(found >= 0))
                    parameter[known] = value[torch.from_numpy(found[found >= 0])]
                elif value.shape == parameter.shape:
                    parameter.copy_(value)

    def _learned_encoder(self) -> Encoder:
        """The encoder as it was learned, on the CPU."""
        from hybridrec.towers.graph.encoders import FAMILIES

        family = FAMILIES[self.config.family]
        width = self._learned["embedding"].shape[1]
        layers = self._learned["layer_logits"].size - 1
        encoder = family(len(self.relation_weights), width, layers, normalise=self.config.normalise)
        encoder.private = not self.config.learn_embeddings
        names = [name for name, _ in encoder.named_parameters()]
        encoder.load_state_dict({name: torch.from_numpy(self._learned[name]) for name in names})
        return encoder
