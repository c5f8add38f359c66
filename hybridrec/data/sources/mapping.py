"""The shop's column names → hybridrec's: one mapping for all tables, one a table, or a file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from hybridrec.data.sources.frames import TABLES, Table
from hybridrec.data.tables import renamed
from hybridrec.errors import DataError, examples

ColumnNames: TypeAlias = Mapping[str, str] | Mapping[str, Mapping[str, str]] | str | Path | None
"""The shop's name → hybridrec's, for all tables or table by table, or a YAML file with that."""


def named_by(columns: ColumnNames, tables: Mapping[str, Table]) -> dict[str, Table]:
    """The tables under hybridrec's column names.

    Args:
        columns: ``{"sku": "item_id"}`` for all tables, or ``{"catalogue": {"sku": "item_id"}}``
            for some of them, or the path of a YAML file that holds either. ``events`` are the
            events of all platforms; a platform's own mapping comes before it. Tables that are
            named but not given are passed over.
        tables: the tables by name.

    Raises:
        DataError: a mapping of another shape, an unknown table, a column that no table has, a
            name that would be there twice, a file that is missing or no YAML.
    """
    given = _read(columns) if isinstance(columns, str | Path) else dict(columns or {})
    nested = {name: names for name, names in given.items() if isinstance(names, Mapping)}
    if nested and len(nested) == len(given):
        names_of = _by_table(nested, tables)
    else:
        names = _checked(given, "columns")
        _require_some(names, tables.values())
        names_of = dict.fromkeys(tables, names)
    return {
        name: replace(table, frame=renamed(table.frame, names_of.get(name, {})))
        for name, table in tables.items()
    }


def _by_table(
    nested: Mapping[str, Mapping[Any, Any]], tables: Mapping[str, Table]
) -> dict[str, dict[str, str]]:
    platforms = [name for name in tables if name not in TABLES]
    known = [*TABLES, *platforms]
    names_of = {}
    for name, names in nested.items():
        if name not in known:
            raise DataError(f"columns: no table {name!r}{_near(name, known)}")
        names_of[name] = _checked(names, f"columns of {name!r}")
        meant = platforms if name == "events" and platforms else [name]
        _require_some(names_of[name], [tables[table] for table in meant if table in tables])
    shared = names_of.get("events", {})
    return names_of | {name: {**shared, **names_of.get(name, {})} for name in platforms}


def _read(path: str | Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"columns: no file at {path}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"columns: cannot read {path}: {error}") from error
    if not isinstance(read, dict):
        raise DataError(f"columns: {path} holds {read!r}; write lines such as `sku: item_id`")
    return read


def _checked(names: Mapping[Any, Any], what: str) -> dict[str, str]:
    for old, new in names.items():
        if not isinstance(old, str) or not isinstance(new, str):
            raise DataError(
                f"{what}: {old!r} → {new!r} is no pair of names; map text to text, such as "
                '"sku": "item_id", either for all tables or for each table by its name'
            )
    return dict(names)


def _require_some(names: Mapping[str, str], tables: Collection[Table]) -> None:
    """Refuses names of columns that none of the tables has.

    Raises:
        DataError: naming the column and those that are near.
    """
    present = list(dict.fromkeys(column for table in tables for column in table.frame.columns))
    for old in names if tables else ():
        if old not in present:
            where = " or ".join(table.label for table in tables)
            raise DataError(f"columns: no column {old!r} in {where}{_near(old, present)}")


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    return f"; did you mean {examples(near)}?" if near else f"; there are {examples(known, 12)}"
