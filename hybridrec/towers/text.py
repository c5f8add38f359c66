"""The text tower: a BERT encoder fine-tuned on what people choose together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from hybridrec.config import TextConfig
from hybridrec.data.columns import Columns
from hybridrec.data.histories import Histories
from hybridrec.devices import resolve_device
from hybridrec.errors import DataError
from hybridrec.progress import track
from hybridrec.towers.base import Arrays, FloatArray, HistoryMeanTower, IntArray, TrainingData
from hybridrec.towers.text_encoder import TextEncoder
from kg import KnowledgeGraph


class TextTower(HistoryMeanTower):
    """Item embeddings from the item's own words.

    The encoder is fine-tuned contrastively (multiple negatives ranking, Henderson et al. 2017) on
    pairs of items that one user met close together: of all items in the batch, tell the one that
    belongs. Scores are corrected for how often an item is drawn, so that popular items are not
    pushed away, and items of the same text or history are no negatives of each other. Embeddings
    are centred on the catalogue's mean, which all of a shop's texts share.
    """

    name: ClassVar[str] = "text"

    def __init__(self, config: TextConfig, seed: int = 0, device: str = "auto") -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.device = resolve_device(device)
        self._encoder: TextEncoder | None = None
        self._trained: dict[str, Tensor] = {}
        self._mean: FloatArray | None = None
        self._lower_states: tuple[list[str], list[Tensor]] | None = None
        self.losses: list[float] = []
        """Training loss of every step of the latest fit."""

    def fit(self, data: TrainingData) -> Self:
        """Fine-tunes the encoder and embeds the catalogue; fitted before, it goes on from there.

        Raises:
            DataError: if the catalogue has no text.
        """
        texts = item_texts(data.catalogue)
        distinct, text_of_item = np.unique(np.array(texts, dtype=object), return_inverse=True)
        states = self._frozen_states(distinct.tolist())
        steps = self.config.steps if not self._trained else self.config.steps // 2
        pairs = co_met_pairs(data.histories, self.config.pair_window)
        pairs = pairs[:, text_of_item[pairs[0]] != text_of_item[pairs[1]]]
        if steps and pairs.shape[1] >= self.config.batch_size:
            self._fine_tune(states, text_of_item, pairs, steps)
        embeddings = self.encoder.encode_states(states)[text_of_item]
        self._mean = embeddings.mean(axis=0)
        self._item_embeddings = self._centred(embeddings)
        return self

    @property
    def encoder(self) -> TextEncoder:
        """The encoder, loaded when first asked for."""
        if self._encoder is None:
            config = self.config
            self._encoder = TextEncoder(
                config.encoder, config.max_tokens, config.frozen_layers, self.device
            )
            parameters = self._encoder.trained_parameters()
            with torch.no_grad():
                for name, value in self._trained.items():
                    parameters[name].copy_(value)
        return self._encoder

    def embed_items(
        self, catalogue: pl.DataFrame, graph: KnowledgeGraph | None, entities: IntArray
    ) -> FloatArray:
        """Embeddings of new items from their words; see :meth:`Tower.embed_items`."""
        return self._centred(self.encoder.encode(item_texts(catalogue)))

    def state(self) -> Arrays:
        """Embeddings, and the layers that fine-tuning changed; the rest is the encoder's own."""
        assert self._mean is not None
        arrays: Arrays = {"item_embeddings": self.item_embeddings, "mean": self._mean}
        arrays |= {f"encoder.{name}": value.numpy() for name, value in self._trained.items()}
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on a saved :meth:`state`; the encoder is loaded only when new texts come."""
        self._item_embeddings = np.asarray(arrays["item_embeddings"])
        self._mean = np.asarray(arrays["mean"])
        self._trained = {
            name.removeprefix("encoder."): torch.from_numpy(np.array(value))
            for name, value in arrays.items()
            if name.startswith("encoder.")
        }
        self._encoder = None
        return self

    def _centred(self, embeddings: FloatArray) -> FloatArray:
        centred = embeddings - self._mean
        norms = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.maximum(norms, 1e-6), dtype=np.float32)

    def _frozen_states(self, texts: list[str]) -> list[Tensor]:
        """What the frozen layers make of the texts; kept, for a refit reads the same texts."""
        if self._lower_states is None or self._lower_states[0] != texts:
            encoder = self.encoder
            self._lower_states = (texts, encoder.lower(encoder.tokens(texts)))
        return self._lower_states[1]

    def _fine_tune(
        self, states: list[Tensor], text_of_item: IntArray, pairs: IntArray, steps: int
    ) -> None:
        random = np.random.default_rng(self.seed)
        torch.manual_seed(self.seed)
        config, encoder = self.config, self.encoder
        parameters = encoder.trained_parameters()
        optimizer = torch.optim.AdamW(
            parameters.values(), lr=config.learning_rate, weight_decay=0.01
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, config.learning_rate, total_steps=max(steps, 2), pct_start=0.1
        )
        drawn = np.bincount(text_of_item[pairs[1]], minlength=len(states)) / pairs.shape[1]
        log_drawn = torch.from_numpy(np.log(np.maximum(drawn, 1e-9))).float().to(self.device)
        self.losses = []
        for _ in track(range(steps), "text tower: fine-tuning", steps):
            batch = pairs[:, random.integers(pairs.shape[1], size=config.batch_size)]
            texts = text_of_item[batch]
            distinct, place = np.unique(texts, return_inverse=True)
            embedded = encoder.upper([states[text] for text in distinct])
            anchors, partners = embedded[torch.from_numpy(place.reshape(texts.shape))]
            partner_texts = torch.from_numpy(texts[1]).to(self.device)
            anchor_texts = torch.from_numpy(texts[0]).to(self.device)
            scores = anchors @ partners.T / config.temperature - log_drawn[partner_texts]
            same = (partner_texts[:, None] == partner_texts) | (
                anchor_texts[:, None] == partner_texts
            )
            same.fill_diagonal_(False)
            scores = scores.masked_fill(same, -torch.inf)
            target = torch.arange(config.batch_size, device=self.device)
            loss = torch.nn.functional.cross_entropy(scores, target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            self.losses.append(loss.item())
        self._trained = {
            name: value.detach().cpu().clone() for name, value in parameters.items()
        }


def item_texts(catalogue: pl.DataFrame) -> list[str]:
    """What an item says of itself: its title, then its description.

    Raises:
        DataError: if the catalogue has neither column, or both are blank everywhere.
    """
    columns = [column for column in Columns.TEXT if column in catalogue.columns]
    if not columns:
        raise DataError(
            f"the catalogue has no text; it needs a column {' or '.join(map(repr, Columns.TEXT))}"
        )
    parts = [pl.col(column).cast(pl.String).str.strip_chars() for column in columns]
    filled = [pl.when(part != "").then(part) for part in parts]
    texts = catalogue.select(pl.concat_str(filled, separator=". ", ignore_nulls=True)).to_series()
    if (texts.fill_null("") == "").all():
        raise DataError(f"the catalogue's text columns are blank in every row: {columns}")
    return texts.fill_null("").to_list()


def co_met_pairs(histories: Histories, window: int) -> IntArray:
    """Pairs of different items that one user met at most ``window`` events apart.

    Returns:
        ``(2, n_pairs)`` item rows: every event with each later one in its window.
    """
    users, items = histories.users, histories.items
    pairs = []
    for apart in range(1, window + 1):
        near = (users[apart:] == users[:-apart]) & (items[apart:] != items[:-apart])
        pairs.append(np.stack([items[:-apart][near], items[apart:][near]]))
    one_way = np.concatenate(pairs, axis=1) if pairs else np.zeros((2, 0), dtype=np.int64)
    return np.concatenate([one_way, one_way[::-1]], axis=1)
