"""Settings of a report."""

from __future__ import annotations

from pydantic import Field

from hybridrec.fusion.attributes import FEWEST_USERS
from hybridrec.settings import Settings


class ReportConfig(Settings):
    """What a report looks at, and what it calls new or popular.

    >>> ReportConfig(new_days=14).users
    5000
    """

    users: int = Field(5_000, ge=1)
    """Users whose lists are looked at for items, segments and the catalogue; drawn where there
    are more."""
    new_days: float = Field(28.0, gt=0)
    """An item first met in the last so many days is new, and so is one that nobody has met."""
    popularity_alone: float = Field(0.5, gt=0, le=1)
    """An item lives on popularity where this is so much of what raises its score, on the mean over
    the lists it is in."""
    reach_users: int = Field(1_000, ge=1)
    """Users of these for whom each item asked for is ranked, to see what would raise it."""
    nearest: int = Field(100, ge=FEWEST_USERS)
    """Users whose lists an item just misses, of whom it is asked what it lacks; where they are
    fewer than 5, nothing is told."""
    reasons: int = Field(5, ge=1)
    """Past items named that bring an item into lists."""
    shown: int = Field(15, ge=1)
    """Rows of a table on the page; sheets have all."""
    counterfactuals: int = Field(3, ge=0)
    """Items of each list for which it is sought what would drop them out, but for those that the
    policy placed; each is ranked with every past item left out."""
