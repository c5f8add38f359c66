"""Every setting of a recommender; those of each tower lie beside it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from hybridrec.errors import RequestError
from hybridrec.settings import Settings
from hybridrec.towers.collaborative.config import CollaborativeConfig
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.text.config import TextConfig

Exclude = Literal["seen", "none"]


class ProfileConfig(Settings):
    """One view of a user's history: how fast events fade in it."""

    half_life_days: float | None = Field(120.0, gt=0)
    """Age at which an event counts half, in days; null to count by later events instead."""
    half_life_events: float | None = Field(50.0, gt=0)
    """The same in later events of the user; used when the data have no times, too. Null counts
    events alike, however many came later."""


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


class ValidationConfig(Settings):
    """How towers are measured while they learn, so that each stops when it is best.

    What users did within the ranker's horizon and had not met before is held back from the towers'
    first fit; their refit on everything learns for as long as was best then.
    """

    users: int = Field(2_000, ge=0)
    """Users drawn to measure on; 0 for no measuring: towers then learn for all of their steps."""
    metric: str = Field("ndcg@10", pattern=r"^(recall|ndcg|hr|precision|mrr)@[1-9][0-9]*$")
    """What is measured, with its cut-off."""


class NeighboursConfig(Settings):
    """Which items foretell which: a sparse linear model from items to items (SLIM)."""

    neighbours: int = Field(100, ge=1)
    """Items that foretell an item, at most: the nearest to it."""
    regularization: float = Field(100.0, gt=0)
    """Holds weights small: what an item tells of another counts half when so many users met it."""
    shared_weight: float = Field(2.0, ge=0)
    """What the entities and words that items share count beside a user who met them; 0 leaves
    them out."""
    shared_rows: Literal["telling", "plain"] = "telling"
    """``telling``: rare entities and words count more, and all that an item shares counts the same
    together. ``plain``: each entity counts like a user who met all that it joins, so that items of
    which much is known share more; for knowledge graphs of few, chosen facts."""


class TransitionsConfig(Settings):
    """Which items follow which."""

    steps: int = Field(3, ge=1)
    """How many events later an item still counts as following another."""
    followers: int = Field(200, ge=1)
    """How many followers are kept of each item."""


class CandidatesConfig(Settings):
    """Which items reach the ranker."""

    per_source: int = Field(80, ge=1)
    """Best items of every tower under the long and the short profile, of every item-to-item matrix
    under the short and the last, of those popular now, and of those popular now in the user's
    categories."""
    search_dims: int | None = Field(96, ge=1)
    """Wider embeddings are searched on so many principal axes; candidates are scored in all
    dimensions. Null searches in all."""
    own: int = Field(200, ge=0)
    """The user's own items, most and latest bought first, where seen items are not excluded."""


class RankerConfig(Settings):
    """The learned fusion ranker."""

    horizon_days: float | None = Field(28.0, gt=0)
    """The ranker learns from what users did in this many days after the towers' training moment;
    null, or without times, from each user's last event: for shops whose users come seldom, and each
    at another time."""
    moments: int = Field(3, ge=1)
    """Such moments, a horizon apart, that the ranker learns from; towers are fitted for each."""
    stride_days: float | None = Field(7.0, gt=0)
    """The ranker is asked anew so many days after such a moment, and again until the next one, with
    the towers of the moment and what users did since; null for the moments alone."""
    folds: int | None = Field(None, ge=2)
    """Where there is no horizon: each user's events are dealt at random into so many folds, and the
    ranker learns from ``moments`` of these, each hidden in turn, in place of last events. For data
    whose order means nothing. The more folds, the less is hidden, and the more the towers that the
    ranker learns from are like those it works with."""
    users: int = Field(20_000, ge=1)
    """Users drawn to learn from at each moment, and all asks that follow it, of those who did
    anything then."""
    held_out: float = Field(0.1, ge=0, lt=1)
    """Share of these users by whom it is told when to stop, and how sure scores are."""
    others: int = Field(200, ge=1)
    """Candidates drawn for each user, beside those that were chosen."""
    form: Literal["network", "gated"] = "network"
    """``network``: two hidden layers over all signals. ``gated``: a sum over signal groups, each
    weighed by a gate that the user's context opens; exactly additive for one user."""
    hidden: int = Field(32, ge=1)
    """Width of the hidden layers: two of the network, one of the gates."""
    members: int = Field(6, ge=1)
    """Models trained side by side, whose scores are averaged."""
    epochs: int = Field(10, ge=1)
    """Passes over the examples, at most."""
    patience: int = Field(3, ge=1)
    """Passes without a better ranking of those held out that are waited for."""
    batch_size: int = Field(128, ge=1)
    """Users a step."""
    learning_rate: float = Field(0.003, gt=0)
    weight_decay: float = Field(0.1, ge=0)

    @model_validator(mode="after")
    def _enough_folds(self) -> Self:
        if self.folds is not None and self.moments > self.folds:
            raise ValueError(f"moments: {self.moments} is more than the folds, {self.folds}")
        return self


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
    questions: tuple[Exclude, ...] = ("none", "seen")
    """What ``exclude`` may be: a ranker is learnt for each. One alone takes half the time and half
    the memory of both."""
    event_strengths: dict[str, float] = Field(default_factory=dict)
    """What an event of each kind counts; kinds not named count 1."""
    value_exponent: float = Field(0.0, ge=0)
    """How much an event's ``value``, an amount or a rating, counts: the event counts
    ``(value / mean of its kind)^value_exponent`` times as much. 0 leaves values out."""
    long_profile: ProfileConfig = ProfileConfig()
    """The user's lasting interests."""
    short_profile: ProfileConfig | None = ProfileConfig(half_life_days=14.0, half_life_events=5.0)
    """The user's present interests; null where the order of events means nothing."""
    last_profile: ProfileConfig | None = ProfileConfig(half_life_days=2.0, half_life_events=0.5)
    """What the user met last."""
    towers: TowersConfig = TowersConfig()
    neighbours: NeighboursConfig | None = NeighboursConfig()
    """The items' neighbours; null leaves them out."""
    transitions: TransitionsConfig | None = TransitionsConfig()
    """Which items follow which; null leaves it out."""
    validation: ValidationConfig = ValidationConfig()
    candidates: CandidatesConfig = CandidatesConfig()
    ranker: RankerConfig = RankerConfig()

    @model_validator(mode="after")
    def _own_question(self) -> Self:
        if self.exclude not in self.questions:
            raise ValueError(f"exclude: {self.exclude!r} is none of questions {self.questions}")
        return self

    def question(self, exclude: Exclude | None) -> Exclude:
        """Which ranker answers a call: that of ``exclude``, of the setting where it is ``None``.

        Raises:
            RequestError: no ranker is learnt for it.
        """
        question = exclude or self.exclude
        if question not in self.questions:
            asked = " or ".join(map(repr, self.questions))
            raise RequestError(f"exclude={exclude!r}; use {asked}, as the settings' questions say")
        return question
