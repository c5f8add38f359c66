"""Settings of drift and segments."""

from __future__ import annotations

from pydantic import Field

from hybridrec.settings import Settings


class CategoriesConfig(Settings):
    """What serves as the category of an item."""

    relation: str | None = None
    """A relation of the knowledge graph, such as ``category`` or ``brand``, or ``embeddings`` for
    clusters of item embeddings; null chooses: paths first, then what covers the most events."""
    level: int | None = Field(None, ge=1)
    """Of a path, how many names from the top; null for the deepest that is not too fine."""
    most_categories: float = Field(150.0, gt=1)
    """A level is too fine above so many effective categories (the exponential of the entropy of
    the events)."""
    least_categories: float = Field(1.5, ge=1)
    """A column that tells no more than so many effective categories apart is passed over."""
    least_coverage: float = Field(0.5, ge=0, le=1)
    """A column that covers less than this share of the events is passed over."""
    clusters: int = Field(20, ge=2)
    """How many clusters, where embeddings stand in."""


class ChangeConfig(Settings):
    """When a user's interest changed: Bayesian online change-point detection."""

    occasions_between_changes: float = Field(100.0, gt=1)
    """How many occasions (days with events) lie between two changes, before any data are seen."""
    probability: float = Field(0.9, gt=0.5, lt=1)
    """A user has moved where the posterior probability of a change is at least this."""
    categories_a_user: int = Field(16, ge=1)
    """Of a user's categories, those met most are told apart; the others count as one."""
    longest: int = Field(400, ge=2)
    """Of longer histories, the last so many occasions are looked at."""
    shuffles: int = Field(1, ge=0)
    """How often all histories are shuffled to measure false alarms; 0 for no measuring."""


class MixConfig(Settings):
    """How the shop's mix moves, and when a refit is due."""

    period_days: float | None = Field(None, gt=0)
    """Days a period; null for the shortest of 1, 7, 28, 91 and 364 that gives few periods."""
    most_periods: int = Field(16, ge=2)
    """How few that is."""
    permutations: int = Field(100, ge=20)
    """How often occasions are dealt out to the periods anew, to see what chance alone does."""
    confidence: float = Field(0.99, gt=0.5, lt=1)
    """The noise floor is this quantile of what chance alone does."""
    least_events: int = Field(200, ge=1)
    """With fewer events since the fit nothing is said of them."""
    least_divergence: float = Field(0.01, ge=0, le=1)
    """A move of the mix smaller than this (bits) is of no account, however certain."""
    new_item_share: float = Field(0.2, gt=0, le=1)
    """A refit is due where this share of the events since is on items nobody had met at the fit."""
    unknown_item_share: float = Field(0.05, gt=0, le=1)
    """… on items that the catalogue lacks."""
    new_user_share: float = Field(0.3, gt=0, le=1)
    """… of users first seen since."""
    volume_share: float = Field(0.25, gt=0)
    """… or where there are so many events since, by those learnt from."""


class DriftConfig(Settings):
    """All settings of drift."""

    categories: CategoriesConfig = CategoriesConfig()
    change: ChangeConfig = ChangeConfig()
    mix: MixConfig = MixConfig()


class SegmentsConfig(Settings):
    """Groups of users who behave alike."""

    categories: CategoriesConfig = CategoriesConfig()
    segments: int | None = Field(None, ge=2)
    """How many; null for the number with the best silhouette."""
    least_segments: int = Field(4, ge=2)
    """How few are tried; the silhouette likes two best wherever users do not fall apart, and two
    segments help nobody."""
    most_segments: int = Field(10, ge=2)
    """How many are tried at most."""
    dimensions: int = Field(12, ge=1)
    """The mix of categories is reduced to so many by a singular value decomposition."""
    habits_weight: float = Field(0.5, ge=0)
    """The variance of all habits together, where that of the mix is 1."""
    bootstraps: int = Field(10, ge=0)
    """How often the clustering is done again with other users drawn, to see if it holds."""
    names: int = Field(2, ge=1)
    """How many categories name a segment."""
