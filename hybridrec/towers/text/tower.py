"""The text tower: a BERT encoder fine-tuned on what people choose together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor

from hybridrec.arrays import DoubleArray, FloatArray, IntArray, NamedArrays
from hybridrec.data.columns import Columns
from hybridrec.data.histories import Histories
from hybridrec.data.texts import PART_SEPARATOR, text_parts
from hybridrec.devices import resolve_device
from hybridrec.errors import DataError
from hybridrec.learning.schedules import warmup_cosine
from hybridrec.learning.session import FitSession
from hybridrec.progress import track
from hybridrec.towers.base import HistoryMeanTower, TrainingData
from hybridrec.towers.text.augmentation import Synonyms, text_variants
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.encoder import TextEncoder
from kg import KnowledgeGraph


class TextTower(HistoryMeanTower):
    """Item embeddings from the item's own words.

    The encoder is fine-tuned contrastively (multiple negatives ranking, Henderson et al. 2017) on
    pairs of texts whose items users met close together: of all texts in the batch, tell the one
    that belongs. Scores are corrected for how often a text is drawn, so that popular ones are not
    pushed away, and equal texts are no negatives of each other. Where the settings ask for it,
    altered copies stand in for texts at random, and count as the texts they are made from.
    Embeddings are of the texts as they are, centred on the catalogue's mean, which all of a shop's
    texts share.
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
        self._text_columns: tuple[str, ...] = Columns.TEXT
        self._lower_states: dict[str, Tensor] = {}
        self.losses: list[float] = []
        """Training loss of every step of the latest fit."""

    def fit(self, data: TrainingData, session: FitSession | None = None) -> Self:
        """Fine-tunes the encoder and embeds the catalogue; fitted before, it goes on from there.

        Raises:
            DataError: if the catalogue has no text.
        """
        self._text_columns = data.text_columns
        texts = np.array(item_texts(data.catalogue, data.text_columns), dtype=object)
        distinct, first, text_of_item = np.unique(texts, return_index=True, return_inverse=True)
        steps = self.config.steps if not self._trained else self.config.steps // 2
        pairs = paired_texts(
            data.histories, text_of_item, self.config.pair_window, self.config.pair_min_count
        )
        if not steps or pairs.chances.size < self.config.batch_size:
            states = self._frozen_states(distinct.tolist())
        else:
            paired = np.unique(pairs.texts)
            altered = self._altered(data.catalogue[first[paired]])
            states = self._frozen_states([*distinct, *chain.from_iterable(altered)])
            self._fine_tune(states, pairs, text_versions(paired, altered, distinct.size), steps)
        embeddings = self.encoder.encode_states(states[: distinct.size])[text_of_item]
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
        texts = _joined_texts(catalogue, self._text_columns)
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
        columns = json.dumps(self._text_columns, ensure_ascii=False)
        arrays["text_columns"] = np.frombuffer(columns.encode(), dtype=np.uint8)
        arrays |= {f"encoder.{name}": value.numpy() for name, value in self._trained.items()}
        return arrays

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on a saved :meth:`state`; the encoder is loaded only when new texts come."""
        self._item_embeddings = np.asarray(arrays["item_embeddings"])
        self._mean = np.asarray(arrays["mean"])
        self._text_columns = tuple(json.loads(arrays["text_columns"].tobytes()))
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
        known = self._lower_states
        new = [text for text in dict.fromkeys(texts) if text not in known]
        computed = self.encoder.lower(self.encoder.tokens(new)) if new else []
        known = known | dict(zip(new, computed, strict=True))
        self._lower_states = {text: known[text] for text in texts}
        return [known[text] for text in texts]

    def _altered(self, rows: pl.DataFrame) -> list[list[str]]:
        """Altered copies of the text of every row, as many of each as the settings ask for."""
        settings = self.config.augmentation
        if settings is None:
            return [[]] * rows.height
        synonyms = Synonyms.of(settings.synonyms)
        parts = text_parts(rows, self._text_columns).to_list()
        return [text_variants(each, settings, synonyms, self.seed) for each in parts]

    def _fine_tune(
        self, states: list[Tensor], pairs: TextPairs, versions: IntArray, steps: int
    ) -> None:
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
            # a lone version is drawn without using up a random number
            version = random.integers(versions.shape[1], size=texts.shape)
            distinct, place = np.unique(versions[texts, version], return_inverse=True)
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


def item_texts(catalogue: pl.DataFrame, columns: Sequence[str] = Columns.TEXT) -> list[str]:
    """What an item says of itself: its title, then its description, or what these columns say.

    Raises:
        DataError: if the catalogue has none of the columns, or all are blank everywhere.
    """
    present = [column for column in columns if column in catalogue.columns]
    if not present:
        raise DataError(
            f"the catalogue has no text; it needs a column {' or '.join(map(repr, columns))}"
        )
    texts = _joined_texts(catalogue, columns)
    if not any(texts):
        raise DataError(f"the catalogue's text columns are blank in every row: {present}")
    return texts


def _joined_texts(catalogue: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """The texts of every row, empty where it has none."""
    return text_parts(catalogue, columns).list.join(PART_SEPARATOR).to_list()


@dataclass(frozen=True)
class TextPairs:
    """Pairs of texts whose items the same people choose together.

    Args:
        texts: ``(2, n_pairs)`` text numbers, each pair once in each direction.
        chances: ``(n_pairs,)`` how often to draw each; they sum to 1.
    """

    texts: IntArray
    chances: DoubleArray


def text_versions(paired: IntArray, altered: list[list[str]], n_texts: int) -> IntArray:
    """What may be drawn for each text: itself, or an altered copy where there are some.

    Args:
        paired: the texts with altered copies.
        altered: their copies, equally many of each.
        n_texts: how many texts there are; their copies are numbered from there.

    Returns:
        ``(n_texts, 1 + copies)`` numbers of texts and copies.

    >>> text_versions(np.array([0, 2]), [["a", "b"], ["c", "d"]], n_texts=3)
    array([[0, 3, 4],
           [1, 1, 1],
           [2, 5, 6]])
    """
    n_copies = len(altered[0]) if altered else 0
    versions = np.repeat(np.arange(n_texts)[:, None], 1 + n_copies, axis=1)
    copies = n_texts + np.arange(paired.size * n_copies)
    versions[paired, 1:] = copies.reshape(paired.size, n_copies)
    return versions


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
