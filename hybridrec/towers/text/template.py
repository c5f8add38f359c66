"""What the encoder reads of an item: catalogue columns put together by a template."""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter
from typing import Final

import polars as pl

from hybridrec.data.texts import PART_SEPARATOR, text_parts
from hybridrec.errors import DataError, examples
from kg.reading.columns import PATH_SEPARATOR, VALUES_SEPARATOR

TEXTS: Final = "texts"
"""Stands in a template for all columns of text."""
ATTRIBUTES: Final = "attributes"
"""Stands in a template for all columns of attributes."""
STEP_SEPARATOR: Final = ", "
"""Between the values of a list and the steps of a path."""
_CLOSING = ")]}>»”’\"'）】》」』"
_BETWEEN = " \t\n.,;:|/·•–—-。，、；："


@dataclass(frozen=True)
class Part:
    """One column in a template, and what is written around it where it says something.

    Args:
        column: of the catalogue.
        before: written before it; without what merely separates when it comes first.
        after: written after it, such as a closing bracket.
    """

    column: str
    before: str = ""
    after: str = ""


def template_parts(template: str) -> list[Part]:
    """A template taken apart.

    Raises:
        ValueError: no column is named, a brace is not closed, or a field asks for a format.

    >>> template_parts("{title} ({brand}). {category}")
    [Part(column='title', before='', after=''), Part(column='brand', before=' (', after=')'),
     Part(column='category', before='. ', after='')]
    """
    parts: list[Part] = []
    before = ""
    for literal, field, form, conversion in Formatter().parse(template):
        rest = literal.lstrip(_CLOSING) if parts else literal
        if parts and field is None:
            rest = ""  # what ends the template belongs to its last column
        if parts and len(rest) < len(literal):
            last = parts[-1]
            parts[-1] = Part(last.column, last.before, literal[: len(literal) - len(rest)])
        before += rest
        if field is None:
            continue
        if not field.strip() or form or conversion:
            raise ValueError(f"write fields as {{column}}, not as in {template!r}")
        parts.append(Part(field.strip(), before))
        before = ""
    if not parts:
        raise ValueError(f"{template!r} names no column; write one as {{title}}")
    return parts


@dataclass(frozen=True)
class ItemTexts:
    """Reads items' texts from catalogues.

    Args:
        template: as the setting of the text tower.
        texts: the columns that ``{texts}`` stands for.
        attributes: the columns that ``{attributes}`` stands for.
    """

    template: str
    texts: tuple[str, ...]
    attributes: tuple[str, ...] = ()

    def check(self, catalogue: pl.DataFrame) -> None:
        """Checks that there is something to read.

        Raises:
            DataError: the template names a column that the catalogue lacks, or nothing that it
                names says anything.
        """
        named = [part.column for part in template_parts(self.template)]
        own = [column for column in named if column not in (TEXTS, ATTRIBUTES)]
        unknown = [column for column in own if column not in catalogue.columns]
        if unknown:
            raise DataError(
                f"the text tower's template names {examples(unknown)}; the catalogue has "
                f"{examples(catalogue.columns, 12)}"
            )
        columns = [part.column for part in self._parts()]
        present = [column for column in columns if column in catalogue.columns]
        if not present:
            wanted = columns or [TEXTS]
            raise DataError(
                f"the catalogue has no text; it needs a column {' or '.join(map(repr, wanted))}"
            )
        if not any(self.of(catalogue)):
            raise DataError(f"the catalogue's text columns are blank in every row: {present}")

    def of(self, catalogue: pl.DataFrame) -> list[str]:
        """The text of every row, ``(n_items,)``; empty where it has none."""
        parts = self._parts()
        present = [part for part in parts if part.column in catalogue.columns]
        if not present:
            return [""] * catalogue.height
        values = catalogue.select(
            _written(catalogue, part.column).alias(str(place)) for place, part in enumerate(present)
        )
        text = pl.lit("")
        for place, part in enumerate(present):
            said, start = pl.col(str(place)), pl.lit(part.before.lstrip(_BETWEEN))
            joint = pl.when(text == "").then(start).otherwise(pl.lit(part.before))
            more = pl.concat_str(joint, said, pl.lit(part.after))
            text = text + pl.when(said == "").then(pl.lit("")).otherwise(more)
        return values.select(text.alias("text")).to_series().to_list()

    def parts_of(self, catalogue: pl.DataFrame) -> list[list[str]]:
        """What every column says of every row, blank ones left out: texts to alter."""
        columns = [part.column for part in self._parts() if part.column in catalogue.columns]
        if not columns:
            return [[]] * catalogue.height
        written = catalogue.select(_written(catalogue, column) for column in columns)
        parts: list[list[str]] = text_parts(written, columns).to_list()
        return parts

    def _parts(self) -> list[Part]:
        """The template's parts, those of many columns spelt out."""
        wide = {TEXTS: self.texts, ATTRIBUTES: self.attributes}
        found = template_parts(self.template)
        named = {part.column for part in found}
        parts: list[Part] = []
        for part in found:
            if part.column not in wide:
                parts.append(part)
                continue
            columns = [column for column in wide[part.column] if column not in named]
            last = len(columns) - 1
            parts += [
                Part(
                    column,
                    PART_SEPARATOR if place else part.before,
                    part.after if place == last else "",
                )
                for place, column in enumerate(columns)
            ]
        return parts


def _written(catalogue: pl.DataFrame, column: str) -> pl.Expr:
    """A column as text: the values of lists and the steps of paths in a row, each once."""
    value = pl.col(column)
    if isinstance(catalogue.schema[column], pl.List | pl.Array):
        said = value.cast(pl.List(pl.String)).list.join(VALUES_SEPARATOR, ignore_nulls=True)
    else:
        said = value.cast(pl.String)
    steps = said.str.replace_all(VALUES_SEPARATOR, PATH_SEPARATOR, literal=True)
    steps = steps.str.split(PATH_SEPARATOR).list.eval(pl.element().str.strip_chars())
    steps = steps.list.eval(pl.element().filter(pl.element() != ""))
    return (
        steps.list.unique(maintain_order=True).list.join(STEP_SEPARATOR).fill_null("").alias(column)
    )
