"""Settings of the graph tower."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hybridrec.settings import Settings

Family = Literal["light", "attention"]


class GraphConfig(Settings):
    """A graph neural network over interactions and knowledge graph."""

    family: Family = "light"
    """``light``: linear propagation with a share for each relation. ``attention``: every edge has
    a weight of its own, and a relation says what passes along it."""
    embedding_dim: int = Field(64, ge=1)
    """Width of the learned embeddings."""
    layers: int = Field(2, ge=1)
    """Propagation steps."""
    hops: int | None = Field(None, ge=1)
    """Edges between an item and the farthest entities that are learned from; null for any number.
    Graphs from outside hold much that lies far from every item."""
    free_items: bool = True
    """Whether items that were met have an embedding of their own. Without, an item is what its
    edges bring: better where items are met a few times each and the graph must carry."""
    learn_embeddings: bool = True
    """Whether embeddings are learned. Without, they stay orthogonal signatures, as nearly as their
    width allows, whose inner products tell what is shared; shares of relations and layers are
    learned. For histories too few to learn from; wants a large ``embedding_dim``. What a single
    item touches then joins no new item to it."""
    normalise: bool = False
    """Whether item embeddings have unit length, and every layer too before they are mixed."""
    sharpness: float = Field(1.0, gt=0)
    """How many times as much likeness counts beside popularity when ranking as in training.
    What is learned is calibrated on means of histories, and a mean holds less of each item the
    longer the history: rankings of short histories of rarely met items gain from 2 to 8."""
    targets: Literal["next", "hidden"] = "next"
    """What is foretold in training: ``next`` what users met after a past moment, ``hidden`` the
    part of their history that was hidden, wherever in it; for histories of very few events, or
    whose order means nothing."""
    steps: int = Field(40, ge=1)
    """Gradient steps, at most where learning stops early."""
    batch_size: int = Field(512, ge=1)
    """Users a step."""
    learning_rate: float = Field(0.01, gt=0)
    """Of embeddings; the few shares and scales of the whole graph learn ten times as fast."""
    weight_decay: float = Field(0.0, ge=0)
    """Share, times the learning rate, that embeddings lose at every step."""
    history_dropout: float = Field(0.5, ge=0, lt=1)
    """Share of each history hidden in a training step."""
    item_dropout: float = Field(0.0, ge=0, lt=1)
    """Share of items whose own embedding is hidden in a training step, so that their edges learn
    to speak for them, and for items that nobody has met."""
    negatives: int = Field(32_768, ge=1)
    """Items a softmax is taken over; all of them where the catalogue is no larger. Drawn by
    popularity, and corrected for it."""
    unmet_steps: int = Field(30, ge=0)
    """Gradient steps more, by which entities learn what items that nobody has met are like. They
    look back at moments when other items were new; without them, or before anything was new,
    entities bring the mean of their items. Only where ``free_items`` is set: otherwise all items
    are what their edges bring."""
    half_life_days: float | None = Field(90.0, gt=0)
    """Age at which a training event counts half; null for no decay."""
    evaluate_every: int = Field(10, ge=1)
    """Gradient steps between two measurements, where something is held back to measure on."""
    patience: int = Field(4, ge=1)
    """Measurements without a new best after which learning ends."""
    sampling: Literal["auto", "always", "never"] = "auto"
    """Whether a step sees sampled neighbours instead of the whole graph; ``auto`` where the whole
    graph would not fit into memory."""
    neighbours: int = Field(16, ge=1)
    """Neighbours sampled for each node, relation and layer."""
