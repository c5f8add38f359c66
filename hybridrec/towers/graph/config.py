"""Settings of the graph tower."""

from __future__ import annotations

from pydantic import Field

from hybridrec.settings import Settings


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
