"""Whatever bytes a file holds, it gives a dataset or an error that names file and line."""

import gzip
import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hybridrec.data import Dataset
from hybridrec.errors import DataError

CSV = (
    b"user_id,item_id,timestamp,event,value,note\n"
    b"u1,10,2024-01-01 08:00:00,view,1.5,plain\n"
    b'u2,11,2024-01-02T09:30:00Z,purchase,2,"two\nlines, ""quoted"""\n'
    b"\xc3\xa7elik,012,1704200000,cart,-3e2,\xe8\x8c\xb6\n"
    b"u1,10,2024-01-03,,,\n"
)
JSON_LINES = (
    b'{"user_id": "u1", "item_id": 10, "timestamp": "2024-01-01", "value": 1.5, "tags": ["a"]}\n'
    b'{"user_id": "u2", "item_id": 11, "timestamp": "2024-01-02T09:30:00Z", "value": 2}\n'
    b'{"user_id": "\xc3\xa7elik", "item_id": 12, "price": null, "tags": [], "more": {"a": 1}}\n'
    b'{"user_id": null, "item_id": 10, "value": "three", "tags": ["b", "c"]}\n'
)
PIECES = [
    *(b'"', b",", b"\n", b"\r", b"\r\n", b"\t", b"\\", b"\0", b"\xff", b"\xef\xbb\xbf", b" "),
    *(b"{", b"}", b"[", b"]", b":", b"null", b"true", b"NaN", b"1e999", b"-", b"00", b"9" * 25),
    *(
        b'""',
        b'"\n"',
        b"{}",
        b"[[1]]",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\\ud800",
        b"user_id",
        b"\x1f\x8b",
    ),
]
EDITS = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.integers(0, 12),
        st.one_of(st.sampled_from(PIECES), st.binary(max_size=4)),
    ),
    min_size=1,
    max_size=6,
)
PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78")
"""How packed files begin: what is wrong with them is in no line."""
LINE = re.compile(r"line (\d+): \S")


def edited(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """The content with bytes from a place on replaced by others, several times."""
    for place, removed, put in edits:
        place %= len(content) + 1
        content = content[:place] + put + content[place + removed :]
    return content


def read_or_refused(content: bytes, name: str) -> Dataset | str:
    """The dataset of a file, or the message that refuses it, once that names the file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return Dataset.from_files(path)
        except DataError as error:
            message = str(error)
            assert name in message
            if path.suffix in (".csv", ".jsonl"):
                n_lines = content.count(b"\n") + 1
                assert all(1 <= int(line) <= n_lines for line in LINE.findall(message))
            return message


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.zst"])
@given(content=st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(kind: str, content: bytes) -> None:
    read_or_refused(content, f"events.{kind}")


@given(edits=EDITS)
@settings(deadline=None, max_examples=300)
@example(edits=[(43, 0, b'"')])
@example(edits=[(0, 1, b"")])
@example(edits=[(CSV.index(b'"two'), 0, b"\r")])
def test_an_edited_csv_is_read_or_refused_by_line(edits: list[tuple[int, int, bytes]]) -> None:
    content = edited(CSV, edits)
    read = read_or_refused(content, "events.csv")

    if isinstance(read, str) and "cannot read /" in read and not content.startswith(PACKED):
        assert LINE.search(read)


@given(edits=EDITS)
@settings(deadline=None, max_examples=300)
@example(edits=[(30, 4, b"")])
def test_edited_json_lines_are_read_or_refused_by_line(edits: list[tuple[int, int, bytes]]) -> None:
    content = edited(JSON_LINES, edits)
    read = read_or_refused(content, "events.jsonl")

    if isinstance(read, str) and "cannot read /" in read and not content.startswith(PACKED):
        assert LINE.search(read)


@given(edits=EDITS)
@settings(deadline=None)
def test_an_edited_catalogue_is_read_or_refused(edits: list[tuple[int, int, bytes]]) -> None:
    with TemporaryDirectory() as folder:
        events, catalogue = Path(folder) / "events.csv", Path(folder) / "catalogue.csv"
        events.write_bytes(CSV)
        catalogue.write_bytes(edited(CSV, edits).replace(b"user_id", b"title"))
        try:
            Dataset.from_files(events, catalogue)
        except DataError as error:
            assert re.search(r"catalogue\.csv|type", str(error))  # noqa: PT017


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_an_edited_packed_file_is_read_or_refused(put: bytes) -> None:
    packed = gzip.compress(CSV)
    for place in (0, 12, len(packed) // 2, len(packed) - 4):
        read_or_refused(edited(packed, [(place, len(put), put)]), "events.csv.gz")


@given(
    good=st.integers(0, 20),
    bad=st.sampled_from(
        [b"a,b,c", b'a,"b"c', b"a,\xff", b'a,b"', b'"a,b'],
    ),
    more=st.integers(1, 20),
)
@settings(deadline=None)
def test_the_line_named_is_the_line_put_in(good: int, bad: bytes, more: int) -> None:
    content = b"\n".join([b"user_id,item_id", *[b"a,b"] * good, bad, *[b"a,b"] * more])

    message = read_or_refused(content, "events.csv")

    assert isinstance(message, str)
    assert f"line {good + 2}: " in message
