"""Checks that name what is wrong with a dataset, and the fixes that mend it."""

from hybridrec.data.quality.checking import Check, Fix, Flagged, Inspection, quality_check
from hybridrec.data.quality.checks import CHECKS
from hybridrec.data.quality.config import QualityConfig
from hybridrec.data.quality.fixes import drop_rows
from hybridrec.data.quality.ledger import Ledger, LedgerEntry
from hybridrec.data.quality.report import Finding, QualityReport

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Fix",
    "Flagged",
    "Inspection",
    "Ledger",
    "LedgerEntry",
    "QualityConfig",
    "QualityReport",
    "drop_rows",
    "quality_check",
]
