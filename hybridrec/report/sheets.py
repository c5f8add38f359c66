"""A report as tables: CSV files, or the sheets of a workbook."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from hybridrec.errors import ConfigError
from hybridrec.explain.fragment import words_of
from hybridrec.explain.phrases import Language
from hybridrec.report.items import ItemReport

if TYPE_CHECKING:
    from hybridrec.report.report import Report

_NO_XLSXWRITER = "workbooks need XlsxWriter: pip install 'hybridrec[excel]', or write CSV"


def sheets(report: Report, language: Language) -> dict[str, pl.DataFrame]:
    """The tables of a report by name; those that would be empty are left out.

    ``recommendations`` and ``discoveries`` (see :meth:`.Recommendations.to_reasons`), ``items``
    (a row an item, and in columns what each signal group gives), ``item_reasons``,
    ``item_segments``, ``item_boosts``, ``segments`` (a column for the share of each group),
    ``segment_items``, ``exposure`` (a row an item of the catalogue).

    Raises:
        RequestError: a language there are no words for.
    """
    words_of(language)
    tables: dict[str, pl.DataFrame] = {}
    for name in ("recommendations", "discoveries"):
        lists = [getattr(user, name) for user in report.users]
        frames = [found.to_reasons(language) for found in lists if found]
        if frames:
            tables[name] = pl.concat(frames, how="diagonal_relaxed")
    items = report.items
    tables["items"] = _frame([_item(item) for item in items])
    tables["item_reasons"] = _frame(
        [
            {"item_id": item.item_id, "past_item_id": reason.item_id, "title": reason.title,
             "users": reason.users, "path": reason.path and reason.path.text}
            for item in items
            for reason in item.reasons
        ]
    )  # fmt: skip
    tables["item_segments"] = _frame(
        [
            {"item_id": item.item_id, "segment": segment.names[language], "users": segment.users,
             "listed": segment.listed, **segment.parts}
            for item in items
            for segment in item.segments
        ]
    )  # fmt: skip
    tables["item_boosts"] = _frame(
        [
            {"item_id": item.item_id, **step}
            for item in items
            if item.reach is not None
            for step in item.reach.to_dict()["boosts"]
        ]
    )
    tables["segments"] = _frame(
        [{"segment": segment.names[language], "users": segment.users, "share": segment.share,
          **segment.raising} for segment in report.segments]
    )  # fmt: skip
    tables["segment_items"] = _frame(
        [{"segment": segment.names[language], **row}
         for segment in report.segments for row in segment.to_dict()["items"]]
    )  # fmt: skip
    if report.catalogue is not None:
        tables["exposure"] = report.catalogue.exposure
    return {name: frame for name, frame in tables.items() if not frame.is_empty()}


def write_workbook(tables: Mapping[str, pl.DataFrame], path: Path) -> None:
    """Writes tables as the sheets of a workbook, which appears complete or not at all.

    Raises:
        ConfigError: XlsxWriter is not installed.
    """
    try:
        from xlsxwriter import Workbook
    except ImportError as error:
        raise ConfigError(_NO_XLSXWRITER) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as aside:
        complete = Path(aside) / path.name
        # what begins with = is a title, not a formula
        with Workbook(str(complete), {"strings_to_formulas": False}) as workbook:
            for name, frame in tables.items():
                frame.write_excel(workbook, name, freeze_panes=(1, 0), autofit=True)
        complete.replace(path)


def _item(item: ItemReport) -> dict[str, Any]:
    values = {
        name: value
        for name, value in item.to_dict().items()
        if name not in ("parts", "reasons", "segments", "reach", "missing")
    }
    lacks = {} if item.reach is None else item.reach.lacks
    return {
        **values,
        "missing": ", ".join(item.missing),
        **item.parts,
        **{f"lacks_{group}": value for group, value in lacks.items()},
    }


def _frame(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, infer_schema_length=None)
