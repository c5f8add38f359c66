"""A report of a shop's recommendations: users, items, segments, the whole catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import polars as pl

from hybridrec.config import Exclude
from hybridrec.explain.explanation import Explanation
from hybridrec.explain.phrases import Language
from hybridrec.report.accuracy import AccuracyTable
from hybridrec.report.catalogue import CatalogueReport
from hybridrec.report.items import ItemReport
from hybridrec.report.segments import SegmentReport
from hybridrec.report.users import UserReport


@dataclass(frozen=True)
class Report:
    """What is recommended to whom and why; each part may be left out.

    Args:
        shop_name: the heading.
        facts: label and value of what is worth knowing, such as ``{"users": 2461}``.
        exclude: what lists leave out: ``seen`` or ``none``.
        k: places of a list.
        users: users asked for, with their lists.
        items: items asked for.
        segments: segments of users.
        catalogue: the whole catalogue.
        accuracy: how well the models foretell.
        shown: rows of a table on the page.
    """

    shop_name: str
    facts: Mapping[str, str | int | datetime | None] = field(default_factory=dict)
    exclude: Exclude = "none"
    k: int = 10
    users: tuple[UserReport, ...] = ()
    items: tuple[ItemReport, ...] = ()
    segments: tuple[SegmentReport, ...] = ()
    catalogue: CatalogueReport | None = None
    accuracy: tuple[AccuracyTable, ...] = ()
    shown: int = 15

    def to_html(
        self, path: str | Path, language: Language = "en", *, show_users: bool = False
    ) -> None:
        """Writes it as one HTML file that needs nothing beside it: no network, font or script.

        The file appears complete or not at all.

        Args:
            path: where to; an earlier file is replaced.
            language: English (``en``) or Chinese (``zh``).
            show_users: whether the page names the users' ids; it numbers the users otherwise.

        Raises:
            RequestError: another language, nothing to show, a recommendation without an
                explanation, or an accuracy table that is not as ``compare`` returns it.
        """
        from hybridrec.pages import write_in_one_step
        from hybridrec.report.page import report_page

        write_in_one_step(Path(path), report_page(self, language, show_users))

    def to_frames(self, language: Language = "en") -> dict[str, pl.DataFrame]:
        """The same as tables by name: what :meth:`write_csv` and :meth:`write_excel` write.

        Raises:
            RequestError: another language than English (``en``) or Chinese (``zh``).
        """
        from hybridrec.report.sheets import sheets

        return sheets(self, language)

    def write_csv(self, directory: str | Path, language: Language = "en") -> None:
        """Writes a CSV file a table into a directory.

        Values stand as they are: what reads them must not take a title that begins with ``=`` for
        a formula, as spreadsheets do. The workbook of :meth:`write_excel` is made for those.

        Raises:
            RequestError: another language than English (``en``) or Chinese (``zh``).
        """
        directory, frames = Path(directory), self.to_frames(language)
        directory.mkdir(parents=True, exist_ok=True)
        for name, frame in frames.items():
            frame.write_csv(directory / f"{name}.csv")

    def write_excel(self, path: str | Path, language: Language = "en") -> None:
        """Writes a workbook with a sheet a table.

        Raises:
            ConfigError: XlsxWriter is not installed.
            RequestError: another language than English (``en``) or Chinese (``zh``).
        """
        from hybridrec.report.sheets import write_workbook

        write_workbook(self.to_frames(language), Path(path))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; :meth:`json_schema` says which."""
        return {
            "shop_name": self.shop_name,
            "facts": {
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in self.facts.items()
            },
            "exclude": self.exclude,
            "k": self.k,
            "users": [user.to_dict() for user in self.users],
            "items": [item.to_dict() for item in self.items],
            "segments": [segment.to_dict() for segment in self.segments],
            "catalogue": None if self.catalogue is None else self.catalogue.to_dict(),
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, default=str)

    @staticmethod
    def json_schema() -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of :meth:`to_dict`, that of explanations within it."""
        file = resources.files("hybridrec.report") / "report.schema.json"
        schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        own = Explanation.json_schema()
        schema["$defs"] |= own.pop("$defs") | {"explanation": own}
        return schema
