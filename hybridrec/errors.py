"""Errors a caller can act on: each names the value that was refused and what would be accepted."""

from __future__ import annotations

from collections.abc import Iterable


class HybridrecError(Exception):
    """Base of every error hybridrec raises on purpose."""


class DataError(HybridrecError, ValueError):
    """A table cannot be read as what it was given for."""


class UnknownUserError(HybridrecError, LookupError):
    """A user id the recommender was never fitted on."""


class UnknownItemError(HybridrecError, LookupError):
    """An item id the catalogue lacks."""


class RequestError(HybridrecError, ValueError):
    """A call asks for something that cannot be given, such as ``k=0``."""


class ConfigError(HybridrecError, ValueError):
    """A setting is unknown or out of its range."""


class ArtifactError(HybridrecError, ValueError):
    """A directory on disk is not an intact recommender."""


class DivergedError(HybridrecError, ArithmeticError):
    """Learning ran away: a loss is no number."""


class NotEnoughMemoryError(HybridrecError, MemoryError):
    """Work asks for more memory than there is; found before it is begun."""


class NotFittedError(HybridrecError, RuntimeError):
    """A model was asked before it was fitted."""


def examples(values: Iterable[object], limit: int = 5) -> str:
    """The first few values, for a message that stays readable.

    >>> examples(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = list(values)
    text = ", ".join(repr(value) for value in shown[:limit])
    rest = len(shown) - limit
    return f"{text} and {rest:,} more" if rest > 0 else text
