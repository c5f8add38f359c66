"""hybridrec: recommendations with reasons, from a history table and a catalogue table."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hybridrec.config import RecommenderConfig
    from hybridrec.data import Dataset
    from hybridrec.errors import HybridrecError
    from hybridrec.fusion.policy import Policy
    from hybridrec.fusion.signals.declaration import Signal
    from hybridrec.recommender import Recommender

__version__ = "0.1.0"

__all__ = ["Dataset", "HybridrecError", "Policy", "Recommender", "RecommenderConfig", "Signal"]

_HOMES = {
    "Dataset": "hybridrec.data",
    "HybridrecError": "hybridrec.errors",
    "Policy": "hybridrec.fusion.policy",
    "Recommender": "hybridrec.recommender",
    "RecommenderConfig": "hybridrec.config",
    "Signal": "hybridrec.fusion.signals.declaration",
}


def __getattr__(name: str) -> Any:
    """Loads what is asked for when it is asked for, so that the import itself costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'hybridrec' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
