"""The text tower: a BERT encoder fine-tuned on what people choose together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from hybridrec.arrays import DoubleArray, FloatArray, IntArray, NamedArrays
from hybridrec.config import TextConfig
from hybridrec.data.columns import Columns
from hybridrec.data.histories import Histories
from hybridrec.devices import resolve_device
from hybridrec.errors import DataError
from hybridrec.progress import track
from hybridrec.schedules import warmup_cosine
from hybridrec.towers.base import HistoryMeanTower, TrainingData
from hybridrec.towers.text_encoder import TextEncoder
from kg import KnowledgeGraph


class TextTower(HistoryMeanTower):
    """Item embeddings from the item's own words.

    The encoder is fine-tuned contrastively (multiple negatives ranking, Henderson et al. 2017) on
    pairs of texts whose items users met close together: of all texts in the batch, tell the one
    that belongs. Scores are corrected for how often a text is drawn, so that popular ones are not
    pushed away, and equal texts are no negatives of each other. Embeddings are centred on the
    catalogue's mean, which all of a shop's texts share.
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
        pairs = paired_texts(
            data.histories, text_of_item, self.config.pair_window, self.config.pair_min_count
        )
        if steps and pairs.chances.size >= self.config.batch_size:
            self._fine_tune(states, pairs, steps)
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
        embeddings = super().embed_items(catalogue, graph, entities)
        texts = _joined_texts(catalogue)
        filled = np.flatnonzero([text != "" for text in texts])
        if filled.size:
            encoded = self.encoder.encode([texts[row] for row in filled])
            embeddings[filled] = self._centred(encoded)
        return embeddings

    def state(self) -> NamedArrays:
        """Embeddings, and the layers that fine-tuning changed; the rest is the encoder's own."""
        arrays: NamedArrays = {"item_embeddings": self.item_embeddings}
        assert self._mean is not None
        arrays["mean"] = self._mean
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
        assert self._mean is not None
        centred = embeddings - self._mean
        norms = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.maximum(norms, 1e-6), dtype=np.float32)

    def _frozen_states(self, texts: list[str]) -> list[Tensor]:
        """What the frozen layers make of the texts; kept, for a refit reads the same texts."""
        if self._lower_states is None or self._lower_states[0] != texts:
            encoder = self.encoder
            self._lower_states = (texts, encoder.lower(encoder.tokens(texts)))
        return self._lower_states[1]

    def _fine_tune(self, states: list[Tensor], pairs: TextPairs, steps: int) -> None:
        random = np.random.default_rng(self.seed)
        config, encoder = self.config, self.encoder
        parameters = encoder.trained_parameters()
        optimizer = torch.optim.AdamW(
            parameters.values(), lr=config.learning_rate, weight_decay=0.01
        )
        schedule = warmup_cosine(optimizer, steps)
        drawn = np.bincount(pairs.texts[1], pairs.chances, minlength=len(states))
        log_drawn = torch.from_numpy(np.log(np.maximum(drawn, 1e-9))).float().to(self.device)
        cumulated = np.cumsum(pairs.chances)
        self.losses = []
        for _ in track(range(steps), "text tower: fine-tuning", steps):
            draws = random.random(config.batch_size)
            texts = pairs.texts[:, np.searchsorted(cumulated, draws * cumulated[-1], side="right")]
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
        self._trained = {name: value.detach().cpu().clone() for name, value in parameters.items()}


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
    texts = _joined_texts(catalogue)
    if not any(texts):
        raise DataError(f"the catalogue's text columns are blank in every row: {columns}")
    return texts


def _joined_texts(catalogue: pl.DataFrame) -> list[str]:
    """Title and description of every row, empty where it has neither."""
    columns = [column for column in Columns.TEXT if column in catalogue.columns]
    if not columns:
        return [""] * catalogue.height
    parts = [pl.col(column).cast(pl.String).str.strip_chars() for column in columns]
    filled = [pl.when(part != "").then(part) for part in parts]
    texts = catalogue.select(pl.concat_str(filled, separator=". ", ignore_nulls=True)).to_series()
    return texts.fill_null("").to_list()


@dataclass(frozen=True)
class TextPairs:
    """Pairs of texts whose items the same people choose together.

    Args:
        texts: ``(2, n_pairs)`` text numbers, each pair once in each direction.
        chances: ``(n_pairs,)`` how often to draw each; they sum to 1.
    """

    texts: IntArray
    chances: DoubleArray


def paired_texts(
    histories: Histories, text_of_item: IntArray, window: int, min_count: int
) -> TextPairs:
    """Pairs of different texts that users met at most ``window`` events apart.

    A pair is drawn in proportion to the cosine of its counts, ``n_ab / √(n_a n_b)``: what belongs
    together, rather than what is merely popular.
    """
    users, texts = histories.users, text_of_item[histories.items]
    n_texts = int(text_of_item.max()) + 1
    met: list[IntArray] = []
    for apart in range(1, window + 1):
        near = (users[apart:] == users[:-apart]) & (texts[apart:] != texts[:-apart])
        low, high = np.sort(np.stack([texts[:-apart][near], texts[apart:][near]]), axis=0)
        met.append(low * n_texts + high)
    codes, counts = np.unique(np.concatenate(met), return_counts=True)
    codes, counts = codes[counts >= min_count], counts[counts >= min_count]
    low, high = codes // n_texts, codes % n_texts
    events = np.bincount(texts, minlength=n_texts)
    cosine = counts / np.sqrt(events[low] * events[high])
    both = np.concatenate([np.stack([low, high]), np.stack([high, low])], axis=1)
    chances = np.tile(cosine, 2)
    return TextPairs(both, chances / max(chances.sum(), 1e-12))
