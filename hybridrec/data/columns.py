"""The column names of the tables, in one place."""

from __future__ import annotations

from typing import Final


class Columns:
    """Names of the columns hybridrec gives a meaning; every other column is the shop's own."""

    USER: Final = "user_id"
    ITEM: Final = "item_id"
    TIMESTAMP: Final = "timestamp"
    EVENT: Final = "event"
    VALUE: Final = "value"
    QUANTITY: Final = "quantity"
    SESSION: Final = "session_id"
    PLATFORM: Final = "platform"
    TITLE: Final = "title"
    DESCRIPTION: Final = "description"
    BRAND: Final = "brand"
    CATEGORY: Final = "category"
    PRICE: Final = "price"
    AVAILABLE_FROM: Final = "available_from"
    AVAILABLE_TO: Final = "available_to"
    HEAD: Final = "head"
    RELATION: Final = "relation"
    TAIL: Final = "tail"

    TEXT: Final = (TITLE, DESCRIPTION)
    """Catalogue columns the text tower reads, in this order."""
    OF_ITEMS: Final = (TITLE, DESCRIPTION, BRAND, CATEGORY)
    """Columns that speak of the item even where they stand beside its events."""
    NUMBERS: Final = (VALUE, QUANTITY, PRICE)
    """Columns that hold numbers, in whatever table they stand."""


def as_given(column: str) -> str:
    """The column that keeps what was written where ``column`` could not be read.

    >>> as_given("timestamp")
    'timestamp_as_given'
    """
    return f"{column}_as_given"
