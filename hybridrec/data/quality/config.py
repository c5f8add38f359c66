"""What the checks take for wrong; every threshold in one place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from hybridrec.settings import Settings


class QualityConfig(Settings):
    """Thresholds of the checks and choices of the fixes.

    >>> QualityConfig(periods=12).periods
    12
    """

    now: datetime | None = None
    """Times after this moment are in the future; the moment of the check when null."""

    cancellation_sessions: str | None = r"^C\d"
    """Sessions (invoices) whose id matches this regular expression cancel earlier purchases."""
    cancellation_events: tuple[str, ...] = (
        "cancel", "cancellation", "cancelled", "return", "returned", "refund", "refunded",
    )  # fmt: skip
    """Kinds of event that undo a purchase."""
    purchase_events: tuple[str, ...] = (
        "purchase", "purchased", "buy", "bought", "order", "ordered", "sale", "transaction",
    )  # fmt: skip
    """Kinds of event that can be undone, where the data have any of them."""

    outlier_deviations: float = Field(5.0, gt=0)
    """Quantities and prices this many robust standard deviations from the item's median, on a
    logarithmic scale, are outliers …"""
    outlier_ratio: float = Field(10.0, gt=1)
    """… if they are also this many times above or below the median."""
    outlier_min_events: int = Field(5, ge=2)
    """Items with fewer priced or counted events are held against their category, and where that
    has no more, against all items together."""

    service_titles: str = (
        r"(?i)^\W*(?:dotcom |next day |express |free )?(?:postage|carriage|shipping|delivery|"
        r"p ?& ?p|manual|(?:adjust )?bad debts?|adjust\w*|discount|bank charges?|amazon fees?|"
        r"fees?|(?:\w+ )?commission|vouchers?|"
        r"(?:\w+ )?gift ?(?:vouchers?|cards?)(?: \W?\d[\d.,]*)?|samples?|"
        r"deposit|donations?|tax|vat|test(?: product| item)?|packing charge|surcharge)"
        r"(?: (?:charges?|costs?|fees?|by .*))?\W*$"
    )
    """Items whose title is one of these words are services or bookings, not products."""
    digits_in_ids: float = Field(0.95, gt=0, le=1)
    """Where this share of the item ids holds a digit, one without is a service code, if the item
    has no title to tell."""

    bot_deviations: float = Field(6.0, gt=0)
    """Users this many robust standard deviations above the median events of an active day (on a
    logarithmic scale) are no people …"""
    bot_events_a_day: int = Field(200, ge=1)
    """… if that is also at least so many events …"""
    bot_items_a_day: int = Field(100, ge=1)
    """… on at least so many different items."""
    reseller_deviations: float = Field(3.5, gt=0)
    """Users this many robust standard deviations above the median of different items met, on a
    logarithmic scale, buy for others …"""
    reseller_share: float = Field(0.1, gt=0, le=1)
    """… if they also met this share of all items."""

    near_duplicates_at_most: int = Field(3, ge=2)
    """More items under one title than these are a way of naming, not duplicates."""
    short_text: int = Field(4, ge=1)
    """Titles of fewer characters say too little."""
    boilerplate_share: float = Field(0.0005, gt=0, le=1)
    """A description that this share of the items has (and at least ten) is boilerplate."""
    spelling_frequency: float = Field(10.0, ge=1)
    """A value this many times rarer than one that differs by a letter is a misspelling of it."""
    missing_share: float = Field(0.2, ge=0, le=1)
    """Columns that lack more values than this are named."""
    functional_share: float = Field(0.95, gt=0.5, le=1)
    """A relation of which this share of the heads has one tail only is taken to allow one."""

    concentration_share: float = Field(0.5, gt=0, le=1)
    """Named when the most popular percent of the items has this share of the events."""
    drift_psi: float = Field(0.25, gt=0)
    """Population stability index above which two periods differ; 0.1 to 0.25 is called moderate
    in the field."""
    periods: int = Field(8, ge=2)
    """How many equally long periods the time is cut into to look for drift."""

    k_anonymity: int = Field(5, ge=2)
    """Attribute values shared by fewer users than this may tell who a user is."""

    unknown_items: Literal["add", "drop"] = "add"
    """Items of events that the catalogue lacks: added without attributes, or dropped with their
    events."""

    @property
    def moment(self) -> datetime:
        """The moment after which times are in the future."""
        now = self.now or datetime.now(UTC)
        return now if now.tzinfo else now.replace(tzinfo=UTC)
