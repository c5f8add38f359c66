"""Reports for those who decide what to promote: what is recommended to whom, and why."""

from hybridrec.report.accuracy import AccuracyTable
from hybridrec.report.config import ReportConfig
from hybridrec.report.making import make_report
from hybridrec.report.report import Report
from hybridrec.report.users import UserReport

__all__ = ["AccuracyTable", "Report", "ReportConfig", "UserReport", "make_report"]
