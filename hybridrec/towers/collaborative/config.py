"""Settings of the collaborative tower."""

from __future__ import annotations

from pydantic import Field

from hybridrec.settings import Settings


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
