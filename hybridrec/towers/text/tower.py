"""The text tower: a BERT encoder fine-tuned on what people choose together."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import polars as pl
import torch

from hybridrec.arrays import FloatArray, IntArray, NamedArrays
from hybridrec.data.texts import WORD
from hybridrec.devices import resolve_device
from hybridrec.errors import NotFittedError
from hybridrec.learning.session import FitSession
from hybridrec.towers.base import HistoryMeanTower, Tower, TrainingData
from hybridrec.towers.text.augmentation import Synonyms, text_variants, text_versions
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.contrast import Contrast
from hybridrec.towers.text.corpus import Corpus
from hybridrec.towers.text.encoder import TextEncoder
from hybridrec.towers.text.examples import BLANK
from hybridrec.towers.text.finetuning import FineTuning, drawn_from, text_means
from hybridrec.towers.text.lexicon import Lexicon
from hybridrec.towers.text.projection import Projection
from hybridrec.towers.text.store import EmbeddingStore, fingerprint
from hybridrec.towers.text.template import ItemTexts
from kg import KnowledgeGraph

log = logging.getLogger("hybridrec")


class TextTower(HistoryMeanTower):
    """Item embeddings from the item's own words.

    The encoder and a linear map behind it are fine-tuned contrastively: from what a user met, or
    from one item, tell what belongs with it, of all that the shop's users met (see
    :class:`hybridrec.towers.text.contrast.Contrast`). Equal texts count as one. Where the settings
    ask for it, altered copies stand in for texts at random. Embeddings are of the texts as they
    are, centred on the catalogue's mean, which all of a shop's texts share, and of unit length;
    those of items without text are zeros, which score nothing.
    """

    name: ClassVar[str] = "text"

    def __init__(self, config: TextConfig, seed: int = 0, device: str = "auto") -> None:
        super().__init__()
        self.config = config
        self.seed = seed
        self.device = resolve_device(device)
        self.best_steps: int | None = None
        """Gradient steps after which the first validated fit was best."""
        self._encoder: TextEncoder | None = None
        self._projection: Projection | None = None
        self._kept: dict[str, NamedArrays] = {}
        self._reader: ItemTexts | None = None
        self._lexicon: Lexicon | None = None
        self._corpus: Corpus | None = None

    def fit(self, data: TrainingData, session: FitSession | None = None) -> Self:
        """Fine-tunes the encoder and embeds the catalogue; fitted before, it goes on from there.

        A catalogue in which users met nothing that belongs together leaves the encoder as it is.

        Raises:
            DataError: the catalogue has no text.
            ConfigError: the encoder cannot be loaded.
            NotEnoughMemoryError: there is less than the fit would take.
            DivergedError: the loss is no longer a number.
        """
        session = session or FitSession(f"{self.name} tower")
        again = self._item_embeddings is not None
        self._reader = ItemTexts(self.config.template, data.text_columns, data.attribute_columns)
        self._reader.check(data.catalogue)
        texts = np.array(self._reader.of(data.catalogue), dtype=object)
        filled = texts != ""
        distinct, first, of_filled = np.unique(
            texts[filled], return_index=True, return_inverse=True
        )
        text_of_item = np.full(texts.size, BLANK)
        text_of_item[filled] = of_filled
        rows = np.flatnonzero(filled)[first]
        embedded = self._learnt(data, session, distinct, text_of_item, rows, again)
        self._embed(embedded, text_of_item)
        return self

    def reuse(self, earlier: Tower) -> None:
        """Takes over what the frozen layers made of the texts."""
        if isinstance(earlier, TextTower):
            self._corpus = earlier._corpus

    @property
    def reader(self) -> ItemTexts:
        """What reads items' texts from a catalogue as it was at the fit."""
        if self._reader is None:
            raise NotFittedError(f"the {self.name} tower is not fitted yet; call fit first")
        return self._reader

    @property
    def encoder(self) -> TextEncoder:
        """The encoder, loaded when first asked for."""
        if self._encoder is None:
            self._encoder = TextEncoder(self.config, self.device)
            parameters = self._encoder.trained_parameters()
            with torch.no_grad():
                for name, value in self._kept.get("encoder", {}).items():
                    parameters[name].copy_(torch.from_numpy(value))
            self._encoder.changed()
        return self._encoder

    @property
    def projection(self) -> Projection:
        """What maps the encoder's embeddings to those that score."""
        if self._projection is None:
            kept = self._kept.get("projection", {})
            if kept:
                given = kept["matrix"].shape[0]
            else:
                given = self.encoder.dim + (0 if self.lexicon is None else self.lexicon.width)
            self._projection = Projection(self.config, given, self.device, self.seed)
            if kept:
                self._projection.restore(kept)
        return self._projection

    def brought_by(self, embeddings: FloatArray) -> FloatArray:
        """What items bring to user vectors; see :class:`Projection`."""
        return self.projection.histories_of(embeddings)

    def encode(self, texts: list[str]) -> FloatArray:
        """Embeddings of texts before centring, the encoder's and beside them the lexicon's.

        The encoder's are kept on disk if asked.

        Args:
            texts: none of them empty.

        Returns:
            ``(n, dim)``.
        """
        encoded = self._encoded(texts)
        if self.lexicon is None:
            return encoded
        return np.hstack([encoded, self.lexicon.embed(self.encoder.tokens(texts))])

    def _encoded(self, texts: list[str]) -> FloatArray:
        encoder = self.encoder
        if self.config.cache_dir is None:
            return encoder.encode(texts)
        settings = (encoder.max_tokens, encoder.precision)
        weights = dict(encoder.model.named_parameters())
        store = EmbeddingStore(self.config.cache_dir, fingerprint(weights, settings))
        return store.encode(texts, encoder.encode)

    @property
    def lexicon(self) -> Lexicon | None:
        """What tells words one by one; ``None`` where the settings want none."""
        kept = self._kept.get("lexicon")
        if self._lexicon is None and kept:
            self._lexicon = Lexicon.restored(self.encoder, kept)
        return self._lexicon

    def embed_items(
        self, catalogue: pl.DataFrame, graph: KnowledgeGraph | None, entities: IntArray
    ) -> FloatArray:
        """Embeddings of new items from their words; see :meth:`Tower.embed_items`."""
        embeddings = super().embed_items(catalogue, graph, entities)
        texts = self.reader.of(catalogue)
        filled = np.flatnonzero([text != "" for text in texts])
        if filled.size:
            encoded = self.encode([texts[row] for row in filled])
            embeddings[filled] = self.projection.apply_to(encoded)
        return embeddings

    def word_effects(self, text: str, vectors: FloatArray) -> tuple[list[str], FloatArray]:
        """What each word of a text gives to scores: what they lose when it is taken out.

        A word that stands in several places is taken out of all.

        Args:
            text: of an item, from :attr:`reader`.
            vectors: ``(n, dim)`` user vectors, from :meth:`fold_in`.

        Returns:
            The words that are read, in order and in lower case, and what each gives to each
            vector's score, ``(n_words, n)``. They do not sum to the score: words tell things
            together.
        """
        text = text[: self.encoder.longest]
        found: dict[str, list[re.Match[str]]] = {}
        for match in re.finditer(WORD, text):
            found.setdefault(match.group().lower(), []).append(match)
        versions = [text]
        for matches in found.values():
            kept = list(text)
            for match in matches:
                kept[match.start() : match.end()] = [""] * (match.end() - match.start())
            versions.append("".join(kept))
        embeddings = np.zeros((len(versions), self.item_embeddings.shape[1]), dtype=np.float32)
        filled = [place for place, version in enumerate(versions) if re.search(WORD, version)]
        if filled:
            encoded = self.encode([versions[place] for place in filled])
            embeddings[filled] = self.projection.apply_to(encoded)
        scores = embeddings @ vectors.T
        return list(found), scores[:1] - scores[1:]

    def state(self) -> NamedArrays:
        """Embeddings, and what fine-tuning changed; the rest is the encoder's own."""
        arrays: NamedArrays = {"item_embeddings": self.item_embeddings}
        reader = [self.reader.template, self.reader.texts, self.reader.attributes]
        written = json.dumps(reader, ensure_ascii=False)
        arrays["reader"] = np.frombuffer(written.encode(), dtype=np.uint8)
        arrays["best_steps"] = np.array(-1 if self.best_steps is None else self.best_steps)
        kept = self._kept | {"projection": self.projection.state()}
        return arrays | {
            f"{part}.{name}": value for part in kept for name, value in kept[part].items()
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Takes on a saved :meth:`state`; the encoder is loaded only when new texts come."""
        self._item_embeddings = np.asarray(arrays["item_embeddings"])
        template, texts, attributes = json.loads(np.asarray(arrays["reader"]).tobytes())
        self._reader = ItemTexts(template, tuple(texts), tuple(attributes))
        steps = int(arrays["best_steps"])
        self.best_steps = None if steps < 0 else steps
        self._kept = {
            part: {
                name.removeprefix(f"{part}."): np.array(value)
                for name, value in arrays.items()
                if name.startswith(f"{part}.")
            }
            for part in ("projection", "lexicon", "encoder")
        }
        self._encoder = self._projection = self._corpus = self._lexicon = None
        return self

    def _learnt(
        self,
        data: TrainingData,
        session: FitSession,
        distinct: npt.NDArray[np.object_],
        text_of_item: IntArray,
        rows: IntArray,
        again: bool,
    ) -> FloatArray:
        """The encoder's embeddings of the distinct texts, after fine-tuning if there is any.

        Args:
            data: what is learnt from.
            session: of the fit.
            distinct: the texts.
            text_of_item: ``(n_items,)`` the text of each item.
            rows: ``(n_texts,)`` a row of the catalogue with each text.
            again: whether the tower was fitted before.
        """
        if not again and self.config.lexical:
            tokens = self.encoder.tokens(distinct.tolist())
            self._lexicon = Lexicon.of(self.encoder, tokens, self.seed)
            self._kept["lexicon"] = self._lexicon.state()
        steps = self._steps(again, data.validate is not None)
        examples = drawn_from(data.histories, text_of_item, distinct.size, self.config)
        if steps and not examples.size:
            log.info(
                "text tower: nothing that belongs together was met; the encoder stays as it is"
            )
        if not steps or not examples.size or not self._trains:
            embedded = self.encode(distinct.tolist())
            if not again:
                self.projection.start(embedded[text_of_item[text_of_item != BLANK]])
            return embedded
        met = np.flatnonzero(examples.met)
        altered = self._altered(data.catalogue[rows[met]])
        corpus = self._corpus_of([*distinct, *chain.from_iterable(altered)])
        corpus.join(self.lexicon)
        contrast = Contrast(
            corpus,
            self.projection,
            examples,
            text_versions(met, altered, distinct.size),
            text_means(data.reference_embeddings, text_of_item),
            self.config,
            self.seed,
            self.device,
        )
        if not again:
            first = contrast.refresh()
            self.projection.start(first[text_of_item[text_of_item != BLANK]])
        tuning = FineTuning(self.encoder, self.projection, corpus, contrast, self.config)
        measure = None
        if data.validate is not None:
            validate = data.validate

            def measure(embeddings: FloatArray) -> float:
                self._embed(embeddings, text_of_item)
                return validate(self)

        best = tuning.run(steps, session, measure, getattr(data.validate, "metric", ""))
        if data.validate is not None:
            self.best_steps = best
        self._kept["encoder"] = {
            name: value.detach().cpu().numpy().copy()
            for name, value in self.encoder.trained_parameters().items()
        }
        self.encoder.changed()
        # where it was validated, all texts were encoded at the best step
        return contrast.remembered.cpu().numpy() if data.validate else contrast.refresh()

    def _embed(self, embedded: FloatArray, text_of_item: IntArray) -> None:
        """Sets the items' embeddings from the encoder's embeddings of the distinct texts."""
        filled = text_of_item != BLANK
        self.projection.centre(embedded[text_of_item[filled]])
        embeddings = np.zeros((filled.size, self.projection.out_dim), dtype=np.float32)
        embeddings[filled] = self.projection.apply_to(embedded)[text_of_item[filled]]
        self._item_embeddings = embeddings

    @property
    def _trains(self) -> bool:
        return self.config.tuning != "none" or self.config.projection

    def _steps(self, again: bool, validated: bool) -> int:
        """Gradient steps of this fit at most."""
        if validated or not again:
            return self.config.steps
        return self.config.steps // 2 if self.best_steps is None else self.best_steps

    def _corpus_of(self, texts: list[str]) -> Corpus:
        """The corpus of these texts, that of the last fit if it read the same ones."""
        if self._corpus is None or self._corpus.texts != tuple(texts):
            self._corpus = Corpus(self.encoder, texts, self.config.state_cache_gb)
        self._corpus.encoder = self.encoder
        return self._corpus

    def _altered(self, rows: pl.DataFrame) -> list[list[str]]:
        """Altered copies of the text of every row, as many of each as the settings ask for."""
        settings = self.config.augmentation
        if settings is None:
            return [[]] * rows.height
        synonyms = Synonyms.of(settings.synonyms)
        parts = self.reader.parts_of(rows)
        return [text_variants(each, settings, synonyms, self.seed) for each in parts]
