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
    SESSION: Final = "session_id"
    TITLE: Final = "title"
    DESCRIPTION: Final = "description"
    PRICE: Final = "price"
    HEAD: Final = "head"
    RELATION: Final = "relation"
    TAIL: Final = "tail"

    TEXT: Final = (TITLE, DESCRIPTION)
    """Catalogue columns the text tower reads, in this order."""
