"""Public data sets by name."""

from hybridrec.data.public.registry import SETS, load

__all__ = ["SETS", "load"]
