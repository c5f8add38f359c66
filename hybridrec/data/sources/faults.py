"""The line of a text file that is to blame where the file cannot be read.

Slow and thorough: it is asked only once reading has failed.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl

GZIP: Final = b"\x1f\x8b"
ZSTANDARD: Final = b"\x28\xb5\x2f\xfd"

LONGEST_FIELD: Final = 2**31 - 1
"""Characters of one value; Python's own limit of 131,072 would be blamed in place of the fault."""
_JSON_LINES_AT_ONCE: Final = 10_000

UNREADABLE: Final = (
    pl.exceptions.PolarsError,
    pl.exceptions.PanicException,
    OSError,
    EOFError,
    zlib.error,
    ValueError,
    RecursionError,
)
"""What polars, gzip and json raise on files that are not what they should be."""

Fault = Callable[[Path], str | None]
"""Finds in a file what to blame, such as ``line 3: not UTF-8``; ``None`` when no line is."""


def in_separated(separator: str) -> Fault:
    """The first fault of a file of rows with this separator."""
    return partial(_outside_compression, partial(_row_fault, separator=separator))


def in_json_lines(path: Path) -> str | None:
    """The first line of a file that is no JSON object."""
    return _outside_compression(_json_fault, path)


def _outside_compression(find: Callable[[Iterator[bytes]], str | None], path: Path) -> str | None:
    try:
        return find(lines_of(path))
    except UNREADABLE:
        return None  # what is compressed is damaged, no line of it


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked where it is compressed."""
    with path.open("rb") as file:
        magic = file.read(len(ZSTANDARD))
    if magic == ZSTANDARD:
        # Python has no zstandard before 3.14. Polars writes � for bytes that are no UTF-8; a byte
        # that is none stands for them again
        text = pl.read_csv(
            path,
            has_header=False,
            separator="\0",
            quote_char=None,
            schema={"line": pl.String},
            encoding="utf8-lossy",
            empty_string_is_null=False,
            truncate_ragged_lines=True,
            glob=False,
        ).to_series()
        yield from (f"{line}\n".encode().replace("�".encode(), b"\xff") for line in text)
        return
    compressed = magic.startswith(GZIP)
    with gzip.open(path) if compressed else path.open("rb") as lines:
        yield from lines


def _row_fault(lines: Iterator[bytes], separator: str) -> str | None:
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        return _bad_row(lines, separator)
    finally:
        csv.field_size_limit(limit)


def _bad_row(lines: Iterator[bytes], separator: str) -> str | None:
    record: list[str] = []

    def text() -> Iterator[str]:
        for line in lines:
            # elsewhere than before a line feed, a carriage return is a sign like any other
            record.append(line.decode().replace("\r\n", "\n").replace("\r", " "))
            yield record[-1]

    rows = csv.reader(text(), delimiter=separator, strict=True)
    width = 0
    while True:
        first = rows.line_num + 1
        record.clear()
        try:
            row = next(rows, None)
        except UnicodeDecodeError as error:
            return f"line {rows.line_num + 1}: byte {error.object[error.start]:#04x} is not UTF-8"
        except csv.Error as error:
            return f"line {first}: {error}"
        if row is None:
            return None
        width = width or len(row)
        if len(row) > width:
            return f"line {first}: {len(row)} values where the header names {width} columns"
        if "".join(record).count('"') % 2:
            return f"line {first}: a quote inside a value that is not quoted"


def _json_fault(lines: Iterator[bytes]) -> str | None:
    before = 0
    while batch := list(islice(lines, _JSON_LINES_AT_ONCE)):
        if _json_error(b"".join(batch)):
            for number, line in enumerate(batch, before + 1):
                if error := _json_error(line):
                    return f"line {number}: {error}"
        before += len(batch)
    return None


def _json_error(lines: bytes) -> str | None:
    try:
        lines.decode()
        pl.read_ndjson(io.BytesIO(lines), schema={"": pl.String})
    except UnicodeDecodeError as error:
        return f"byte {error.object[error.start]:#04x} is not UTF-8"
    except UNREADABLE as error:
        return " ".join(str(error).split())
    return None
