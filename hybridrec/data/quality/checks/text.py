"""What items say of themselves: titles, descriptions, and values written in several ways."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.data.quality.checking import (
    Fix,
    Flagged,
    Inspection,
    as_text,
    quality_check,
    rows_where,
)
from hybridrec.data.quality.fixes import blank_values, with_table
from hybridrec.data.quality.spelling import usual_spellings
from hybridrec.data.quality.wording import counted
from kg.analysis.cycles import closing_edges

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

MOJIBAKE = r"[\u00C2-\u00F4][\u0080-\u00BF‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œ€žŸŽ]|Ã |\uFFFD|[\u0080-\u009F]"
"""What UTF-8 read as another encoding may look like, and signs left of what could not be read."""
_TAGS = (
    "a|abbr|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|form|h[1-6]|head|hr|html|i|"
    "iframe|img|input|li|link|meta|ol|p|pre|s|script|small|span|strike|strong|style|sub|sup|svg|"
    "table|tbody|td|tfoot|th|thead|tr|tt|u|ul|video"
)
_TAG = rf"""(?i)</?(?:{_TAGS})(?:\s+[\w:-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+))*\s*/?>"""
_UNSEEN = r"(?is)<(script|style)\b[^>]*>.*?</\1\s*>|<!--.*?-->"
MARKUP = rf"{_TAG}|<!--|&(?:#\d+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]+);"
"""Tags and character references of HTML."""
BOILERPLATE_WORDS = 8
"""A description of fewer words, or Chinese characters, is a label such as the category's name."""


def _texts(inspection: Inspection) -> list[str]:
    """The catalogue's columns of strings, but for ids and for what was written for numbers."""
    schema = inspection.catalogue.schema
    texts = [c for c, dtype in schema.items() if dtype == pl.String and c != Columns.ITEM]
    return [column for column in texts if not column.endswith(as_given(""))]


def _rewriting(rewrite: Callable[[str], str]) -> Callable[[Inspection, list[Flagged]], Dataset]:
    """A fix that passes the texts flagged through a function."""

    def mend(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
        catalogue = inspection.catalogue
        for found in flagged:
            assert found.column is not None
            assert found.rows is not None
            texts = catalogue[found.column]
            mended = [rewrite(text) for text in texts.gather(found.rows).to_list()]
            catalogue = catalogue.with_columns(
                texts.clone().scatter(found.rows, pl.Series(mended, dtype=pl.String))
            )
        return with_table(inspection.data, "catalogue", catalogue)

    return mend


def _rewritten(
    inspection: Inspection, column: str, pattern: str, rewrite: Callable[[str], str]
) -> pl.Series:
    """The rows whose text looks like what a function rewrites, and is changed by it."""
    texts = inspection.catalogue[column]
    suspects = rows_where(inspection.catalogue, pl.col(column).str.contains(pattern))
    changed = [rewrite(text) != text for text in texts.gather(suspects).to_list()]
    return suspects.filter(pl.Series(changed, dtype=pl.Boolean))


def _to_the_end(rewrite: Callable[[str], str], text: str) -> str:
    """The text rewritten until that changes nothing more."""
    while (rewritten := rewrite(text)) != text:
        text = rewritten
    return text


def _decoded(text: str) -> str:
    from ftfy import fix_encoding

    return _to_the_end(fix_encoding, text.replace("\ufffd", ""))


@quality_check(
    "mojibake",
    table="catalogue",
    severity="warning",
    why="text read in the wrong encoding: people cannot read it, nor can the encoder",
    fix=Fix("reads it again in the right encoding (ftfy)", _rewriting(_decoded)),
)
def mojibake(inspection: Inspection) -> Iterator[Flagged]:
    """Texts that were UTF-8 and were read as something else."""
    for column in _texts(inspection):
        rows = _rewritten(inspection, column, MOJIBAKE, _decoded)
        yield Flagged(rows, f"{counted(rows.len(), 'text')} read in a wrong encoding", column)


def _unmarked(text: str) -> str:
    return _to_the_end(_without_markup, text)


def _without_markup(text: str) -> str:
    if not re.search(MARKUP, text):
        return text
    seen = re.sub(_TAG, " ", re.sub(_UNSEEN, " ", text))
    plain = html.unescape(seen)
    return text if plain == text else " ".join(plain.split())


@quality_check(
    "markup-in-text",
    table="catalogue",
    severity="warning",
    why="tags and character references are read to customers, and to the encoder, as words",
    fix=Fix("takes the tags out, resolves the references", _rewriting(_unmarked)),
)
def markup_in_text(inspection: Inspection) -> Iterator[Flagged]:
    """Texts with HTML in them."""
    for column in _texts(inspection):
        rows = _rewritten(inspection, column, MARKUP, _unmarked)
        yield Flagged(rows, f"{counted(rows.len(), 'text')} with HTML", column)


@quality_check(
    "empty-text",
    table="catalogue",
    severity="note",
    why="without a title people see an id, and the text tower sees nothing",
    needs=(Columns.TITLE,),
)
def empty_text(inspection: Inspection) -> Flagged:
    """Items without a title."""
    title = as_text(inspection.catalogue, Columns.TITLE)
    rows = rows_where(inspection.catalogue, title.is_null() | ~title.str.contains(r"[\p{L}\p{N}]"))
    return Flagged(rows, f"{counted(rows.len(), 'item')} without a title", Columns.TITLE)


@quality_check(
    "short-text",
    table="catalogue",
    severity="note",
    why="a title of a few letters says nothing of the product",
    needs=(Columns.TITLE,),
)
def short_text(inspection: Inspection) -> Flagged:
    """Items whose title has hardly a letter."""
    least = inspection.config.short_text
    # a Chinese character says as much as several letters
    title = as_text(inspection.catalogue, Columns.TITLE)
    letters = title.str.replace_all(r"\p{Han}", "xxx")
    n = letters.str.replace_all(r"[^\p{L}\p{N}]", "").str.len_chars()
    rows = rows_where(inspection.catalogue, (n > 0) & (n < least))
    return Flagged(
        rows,
        f"{counted(rows.len(), 'title')} with fewer than {least} letters or digits",
        Columns.TITLE,
    )


@quality_check(
    "boilerplate-text",
    table="catalogue",
    severity="warning",
    why="a text that many items share makes them alike to the text tower though they are not",
    fix=blank_values("catalogue"),
    needs=(Columns.DESCRIPTION, Columns.TITLE),
)
def boilerplate_text(inspection: Inspection) -> Flagged | None:
    """Long descriptions that many items with different titles share word for word."""
    catalogue, config = inspection.catalogue, inspection.config
    text = pl.col(Columns.DESCRIPTION)
    if catalogue.schema[Columns.DESCRIPTION] != pl.String:
        return None
    long = text.str.count_matches(r"\p{Han}|[\p{L}\p{N}]+") >= BOILERPLATE_WORDS
    least = max(10, round(config.boilerplate_share * catalogue.height))
    title = as_text(catalogue, Columns.TITLE)
    titles = title.n_unique().over(Columns.DESCRIPTION)
    rows = rows_where(catalogue, long & (titles >= least))
    return Flagged(
        rows,
        f"{rows.len():,} items with the description of {least:,} or more others",
        Columns.DESCRIPTION,
    )


def _usual(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
    catalogue = inspection.catalogue
    for found in flagged:
        assert found.column is not None
        right = _misspelled(inspection, found.column)
        values = catalogue[found.column].replace(right["value"], right["usual"])
        catalogue = catalogue.with_columns(values)
    return with_table(inspection.data, "catalogue", catalogue)


def _misspelled(inspection: Inspection, column: str) -> pl.DataFrame:
    values = inspection.catalogue[column]
    return usual_spellings(values, inspection.config.spelling_frequency)


@quality_check(
    "attribute-spelling",
    table="catalogue",
    severity="warning",
    why="'ACME', 'Acme' and 'Amce' are three brands for a graph and for caps=",
    fix=Fix("puts the usual spelling in their place", _usual),
)
def attribute_spelling(inspection: Inspection) -> Iterator[Flagged]:
    """Values of attributes that differ from a more usual one in case, punctuation or a letter."""
    catalogue = inspection.catalogue
    for column in _attributes(inspection):
        wrong = _misspelled(inspection, column)
        rows = rows_where(catalogue, pl.col(column).is_in(wrong["value"].implode()))
        counts = catalogue[column].alias("value").value_counts(name="items")
        examples = wrong.join(counts, on="value", how="left")
        yield Flagged(
            rows,
            f"{counted(wrong.height, 'value')} in another spelling than the usual one",
            column,
            examples=examples.sort("items", "value", descending=[True, False]),
        )


def _attributes(inspection: Inspection) -> list[str]:
    """Columns of strings that name things items share."""
    data = inspection.data
    roles = dict(data.roles.select("column", "role").iter_rows())
    return [c for c in _texts(inspection) if roles.get(c) in ("category", "category_path")]


def _paths(inspection: Inspection) -> list[str]:
    """Columns of strings that may hold paths of categories."""
    roles = dict(inspection.data.roles.select("column", "role").iter_rows())
    kinds = ("category", "category_path", "multi_label")
    return [c for c in _texts(inspection) if roles.get(c) in kinds]


@quality_check(
    "category-cycles",
    table="catalogue",
    severity="warning",
    why="a category that lies within itself has no top; walking up from it never ends",
)
def category_cycles(inspection: Inspection) -> Iterator[Flagged]:
    """Paths that lead from a category back to itself, alone or with more usual paths."""
    catalogue = inspection.catalogue
    for column in _paths(inspection):
        paths = catalogue.select(pl.col(column).str.split("||").alias("path")).with_row_index("row")
        if not catalogue[column].str.contains(" > ", literal=True).any():
            continue
        levels = (
            paths.explode("path")
            .with_row_index("n")
            .with_columns(pl.col("path").str.split(" > "))
            .explode("path")
            .with_columns(pl.col("path").str.strip_chars().str.to_lowercase())
            .filter(pl.col("path") != "")
        )
        above = pl.col("path").shift(1).over("n")
        steps = levels.with_columns(above.alias("above")).drop_nulls()
        # a level named like the one above it, "Soap > Soap", leads nowhere else
        steps = steps.filter(pl.col("above") != pl.col("path"))
        items = steps.group_by("above", "path").agg(pl.col("row").n_unique().alias("items"))
        items = items.sort("items", "above", "path", descending=[True, False, False])
        wrong = closing_edges(items["above"], items["path"])
        rows = steps.join(wrong, left_on=["above", "path"], right_on=["head", "tail"], how="semi")
        found = rows["row"].unique().sort()
        yield Flagged(
            found,
            f"{counted(found.len(), 'item')} with a path that leads a category into itself",
            column,
            examples=catalogue[found]
            .select(Columns.ITEM, column)
            .unique(column, keep="first", maintain_order=True),
        )
