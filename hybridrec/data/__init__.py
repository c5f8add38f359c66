"""Tables in, a checked :class:`Dataset` out."""

from hybridrec.data.dataset import Dataset
from hybridrec.data.histories import Histories
from hybridrec.data.identifiers import IdMap

__all__ = ["Dataset", "Histories", "IdMap"]
