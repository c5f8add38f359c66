"""Settings of the collaborative tower."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from hybridrec.settings import Settings

Solver = Literal["auto", "cg", "cholesky", "implicit"]


class CollaborativeConfig(Settings):
    """iALS (Hu et al. 2008) with frequency-scaled regularisation (Rendle et al. 2021)."""

    embedding_dim: int = Field(128, ge=1)
    """Factors."""
    iterations: int = Field(10, ge=1)
    """Sweeps over users and items, at most."""
    patience: int = Field(2, ge=1)
    """Sweeps in a row without a better validation metric after which learning ends."""
    warm_iterations: int = Field(6, ge=1)
    """Sweeps, at most, where learning goes on from factors of an earlier fit and nothing is held
    back to measure it by."""
    regularization: float | None = Field(None, gt=0)
    """λ on the squared norm of all factors; null derives it from ``regularization_share``."""
    regularization_share: float = Field(0.15, gt=0)
    """Where λ is not given: what an average user is regularised by, as a share of the sum of that
    user's confidences. One share suits large and small catalogues, one λ does not."""
    regularization_exponent: float = Field(1.0, ge=0)
    """ν: a row is regularised by λ · (its confidences + unobserved weight · columns)^ν; 0 treats
    all rows alike, 1 frequent ones as much more as they count more in the objective."""
    unobserved_weight: float = Field(0.1, gt=0)
    """α₀: what a pair that never met counts, where one that met once counts 1."""
    half_life_days: float | None = Field(180.0, gt=0)
    """Age at which a training event counts half, for data with times; null for no decay."""
    half_life_events: float | None = Field(None, gt=0)
    """The same in later events of the user, for all data; null for no decay."""
    solver: Solver = "auto"
    """How rows are solved in training: ``cg`` by a few steps of conjugate gradients, ``cholesky``
    exactly; ``auto`` takes ``cg`` on CPU and ``cholesky`` on CUDA. ``implicit`` leaves the sweeps
    to the library of that name, on CPU: Hu's own form, which needs ``regularization_exponent: 0``.
    User vectors are exact in any case."""
    cg_steps: int = Field(2, ge=1)
    """Conjugate gradient steps a row and sweep."""
    relaxation: float = Field(1.4, ge=1, lt=2)
    """How far a sweep goes, as a multiple of the way to what it solves for (over-relaxation):
    above 1 fewer sweeps reach the same loss. The solver ``implicit`` goes by 1."""
    tf32: bool = False
    """Lets CUDA multiply factors with 10 bits of mantissa; sums and Gram matrices keep all."""
    memory_gb: float | None = Field(None, gt=0)
    """What factors may take on the device. Where they need more they stay in main memory and pass
    through in shards; null for 80 % of what is free on a GPU and no limit on CPU."""

    @model_validator(mode="after")
    def _known_to_the_solver(self) -> Self:
        if self.solver == "implicit" and self.regularization_exponent:
            raise ValueError(
                "the solver implicit has one λ for all rows; set regularization_exponent to 0, or "
                "choose another solver"
            )
        return self
