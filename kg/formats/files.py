"""Files read whole, files written aside, and tables of text that know their lines."""

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Literal, cast

import numpy as np
import polars as pl

from kg.assembly import Int64Array
from kg.errors import GraphFileError

GZIP = ".gz"
_GZIP_LEVEL = 6
"""That of the gzip program."""
_NEWLINE, _RETURN, _QUOTE = b'\n\r"'
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
        path: The file.
        frame: Its rows; all columns are String where the file is text.
        lines: The line that each row begins on, counted from 1; None where a file has no lines.
    """

    path: Path
    frame: pl.DataFrame
    lines: Int64Array | None = None

    def place(self, row: int) -> str:
        """Where a row stands, for an error message."""
        if self.lines is None:
            return f"{self.path}, row {row + 1}"
        return f"{self.path}, line {self.lines[row]}"

    def refuse(self, wrong: pl.Series, what: str, found: pl.Series | None = None) -> None:
        """Refuses the first row that is ``wrong``, if any, and tells what was ``found`` there.

        Raises:
            GraphFileError: When there is one.
        """
        rows = wrong.arg_true()
        if len(rows):
            value = "" if found is None else f", found is {found[rows[0]]!r}"
            raise GraphFileError(f"{self.place(rows[0])}: {what}{value}")

    def texts(self, *columns: str) -> pl.DataFrame:
        """Some columns as text.

        Raises:
            GraphFileError: When one is missing, or holds neither text nor whole numbers.
        """
        for column in columns:
            if column not in self.frame.columns:
                raise GraphFileError(
                    f"{self.path} has no column {column!r}; needed are {', '.join(columns)}, "
                    f"found are {', '.join(self.frame.columns)}"
                )
            dtype = self.frame.schema[column]
            if not (dtype.is_integer() or dtype in (pl.String, pl.Categorical, pl.Enum)):
                raise GraphFileError(
                    f"{self.path} has {dtype} in column {column!r}; needed are text or integers"
                )
        return self.frame.select(pl.col(*columns).cast(pl.String))


def read_bytes(path: Path) -> bytes:
    """What a file holds, unpacked where its name ends in ``.gz``.

    Raises:
        GraphFileError: When it cannot be read or unpacked.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == GZIP else data
    except (OSError, EOFError, zlib.error) as error:
        raise GraphFileError(f"{path} cannot be read: {error}") from error


def read_utf8(path: Path) -> bytes:
    """What a text file holds, without byte order mark and line ends at its end.

    Raises:
        GraphFileError: When it cannot be read, is empty or is not UTF-8.
    """
    data = read_bytes(path).removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n")
    if not data:
        raise GraphFileError(f"{path} is empty")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise GraphFileError(f"{path}, line {line}: not UTF-8 ({error.reason})") from error
    return data


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without their ends.

    Raises:
        GraphFileError: As :func:`read_utf8`.
    """
    return [line.removesuffix("\r") for line in read_utf8(path).decode("utf-8").split("\n")]


def read_matches(path: Path, pattern: str, what: str, *, header: bool = False) -> Table:
    """The groups of a pattern that every line of a file must match.

    Args:
        path: The file.
        pattern: Regular expression with named groups, which become the columns.
        what: What a line must be, for the error.
        header: Whether the first line is left out where it does not match.

    Raises:
        GraphFileError: When a line does not match, or as :func:`read_utf8`.
    """
    lines = pl.Series("line", read_lines(path), dtype=pl.String)
    groups = lines.str.extract_groups(pattern).struct.unnest()
    skipped = int(header and groups.to_series(0)[:1].has_nulls())
    table = Table(path, groups[skipped:], np.arange(skipped, len(lines)) + 1)
    table.refuse(table.frame.to_series(0).is_null(), f"a line must be {what}")
    return table


def read_delimited(
    path: Path, separator: str, required: tuple[str, ...], *, headless: bool = False
) -> Table:
    """Rows of text under a header, quoted as CSV is or not at all.

    A field that begins with ``"`` is quoted, a quote inside it is doubled, and it may hold
    separators and line ends. Where no field begins with a quote, quotes are plain characters.

    Args:
        path: The file.
        separator: One ASCII character.
        required: Columns that must be there.
        headless: Whether the header may be missing, where there are just the required columns.

    Raises:
        GraphFileError: When quotes do not pair up, a row has another number of fields than the
            first, a column is missing or there twice, or as :func:`read_utf8`.
    """
    data = read_utf8(path)
    lines, quoted = _row_lines(path, data, ord(separator))
    frame = pl.read_csv(
        data,
        has_header=False,
        separator=separator,
        quote_char='"' if quoted else None,
        infer_schema=False,
    ).fill_null("")
    table = Table(path, frame, lines)
    names = frame.row(0)
    if headless and frame.width == len(required) and not set(required) <= set(names):
        return replace(table, frame=frame.rename(dict(zip(frame.columns, required, strict=True))))
    if len(set(names)) < len(names):
        raise GraphFileError(f"{path}, line 1: two columns have the same name, {', '.join(names)}")
    missing = set(required) - set(names)
    if missing:
        raise GraphFileError(
            f"{path}, line 1: no column {min(missing)!r}; needed are {', '.join(required)}, found "
            f"are {', '.join(names)}"
        )
    header = dict(zip(frame.columns, names, strict=True))
    return Table(path, frame[1:].rename(header), lines[1:])


def _row_lines(path: Path, data: bytes, separator: int) -> tuple[Int64Array, bool]:
    """The line that each row begins on, and whether fields are quoted; see read_delimited."""
    characters = np.frombuffer(data, dtype=np.uint8)
    newlines = ends = np.flatnonzero(characters == _NEWLINE)
    separators = np.flatnonzero(characters == separator)
    quotes = np.flatnonzero(characters == _QUOTE)

    def line(place: int) -> int:
        return int(np.searchsorted(newlines, place)) + 1

    before = np.where(quotes > 0, characters[quotes - 1], _NEWLINE)
    quoted = bool(np.isin(before, (separator, _NEWLINE)).any())
    if quoted:
        after = np.append(characters, _NEWLINE)[quotes + 1]
        wrong = ~np.isin(before, (separator, _NEWLINE, _QUOTE))
        wrong[1::2] = ~np.isin(after[1::2], (separator, _NEWLINE, _RETURN, _QUOTE))
        if wrong.any():
            raise GraphFileError(
                f"{path}, line {line(quotes[wrong.argmax()])}: a quote inside a field; a field "
                'with quotes must stand in quotes, each of its own doubled: "5"" disk"'
            )
        if len(quotes) % 2:
            raise GraphFileError(
                f"{path}, line {line(quotes[-1])}: a quote is opened and never closed"
            )
        ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
        separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    fields = np.diff(np.searchsorted(separators, np.append(ends, len(data))), prepend=0) + 1
    lines = np.searchsorted(newlines, np.concatenate(([0], ends + 1))) + 1
    ragged = np.flatnonzero(fields != fields[0])
    if len(ragged):
        raise GraphFileError(
            f"{path}, line {lines[ragged[0]]}: {fields[ragged[0]]} fields, where line 1 has "
            f"{fields[0]}"
        )
    return lines, quoted


def write_delimited(frame: pl.DataFrame, file: Path, separator: str) -> None:
    """Writes what :func:`read_delimited` reads; null becomes an empty field."""
    header = pl.DataFrame({str(place): [name] for place, name in enumerate(frame.columns)})
    with opened_for_writing(file) as stream:
        for rows in (header, frame):
            rows.write_csv(
                stream, include_header=False, separator=separator, quote_style=_quote_style(rows)
            )


def _quote_style(frame: pl.DataFrame) -> Literal["necessary", "non_numeric"]:
    r"""Polars leaves ``\r`` unquoted, which at the end of a row is then taken for a line end."""
    texts = frame.select(pl.col(pl.String))
    returns = (texts[name].str.contains("\r", literal=True).any() for name in texts.columns)
    return "non_numeric" if any(returns) else "necessary"


def opened_for_writing(file: Path) -> BinaryIO:
    """A file to write bytes to, packed where its name ends in ``.gz``."""
    if file.suffix == GZIP:
        return cast(BinaryIO, gzip.open(file, "wb", compresslevel=_GZIP_LEVEL))
    return file.open("wb")


def write_lines(lines: pl.Series, stream: BinaryIO) -> None:
    """Writes texts as they are, a newline after each."""
    lines.to_frame().write_csv(stream, include_header=False, quote_style="never")


@contextmanager
def written_aside(main: Path, *others: Path) -> Iterator[tuple[Path, ...]]:
    """Files to write instead of ``main`` and ``others``, which they replace when all is written.

    The main file goes first and comes last: when writing breaks off, either the old files are
    there, or there is no main file.
    """
    paths = (main, *others)
    main.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".kg-", dir=main.parent) as folder:
        aside = tuple(Path(folder) / path.name for path in paths)
        yield aside
        if others:
            main.unlink(missing_ok=True)
        for file, path in reversed(list(zip(aside, paths, strict=True))):
            os.replace(file, path)
