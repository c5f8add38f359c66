"""Files of every kind that can be read give the dataset that was written into them."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.errors import DataError

EVENTS = pl.DataFrame(
    {
        "user_id": ["ana", "bo", "ana"],
        "item_id": [3, 4, 4],
        "timestamp": [datetime(2024, 1, day, 8, 30) for day in (2, 1, 3)],
        "value": [1.5, 2.5, 3.5],
    }
)
CATALOGUE = pl.DataFrame({"item_id": [4, 3], "title": ["Tea, green", 'A "quoted" name']})

WRITERS: dict[str, Callable[[pl.DataFrame, Path], object]] = {
    "csv": pl.DataFrame.write_csv,
    "tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "parquet": pl.DataFrame.write_parquet,
    "jsonl": pl.DataFrame.write_ndjson,
    "CSV": pl.DataFrame.write_csv,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_files_of_every_kind_give_the_same_dataset(kind: str, tmp_path: Path) -> None:
    events, catalogue = tmp_path / f"events.{kind}", tmp_path / f"catalogue.{kind}"
    WRITERS[kind](EVENTS, events)
    WRITERS[kind](CATALOGUE, catalogue)

    data = Dataset.from_files(events, str(catalogue))
    expected = Dataset.from_frames(EVENTS, CATALOGUE)

    assert data.events.to_dicts() == expected.events.to_dicts()
    assert data.catalogue.to_dicts() == expected.catalogue.to_dicts()
    assert data.as_of == datetime(2024, 1, 3, 8, 30, tzinfo=UTC)


def test_columns_and_triples_come_from_files_too(tmp_path: Path) -> None:
    EVENTS.rename({"user_id": "customer"}).write_csv(tmp_path / "events.csv")
    triples = pl.DataFrame({"head": ["3"], "relation": ["coupon"], "tail": ["c"]})
    triples.write_parquet(tmp_path / "triples.parquet")

    data = Dataset.from_files(
        tmp_path / "events.csv",
        triples=tmp_path / "triples.parquet",
        columns={"customer": "user_id"},
    )

    assert data.users.values == ["ana", "bo"]
    assert data.triples is not None
    assert data.triples.equals(triples)


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_ids_keep_their_leading_zeros(kind: str, tmp_path: Path) -> None:
    events = pl.DataFrame({"user_id": ["u1", "u2"], "item_id": ["00123", "0045"]})
    WRITERS[kind](events, tmp_path / f"events.{kind}")

    assert Dataset.from_files(tmp_path / f"events.{kind}").items.values == ["00123", "0045"]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"events: no file at .*nowhere\.csv"):
        Dataset.from_files(tmp_path / "nowhere.csv")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file at"):
        Dataset.from_files(tmp_path)


def test_a_missing_catalogue_is_named_as_such(tmp_path: Path) -> None:
    EVENTS.write_csv(tmp_path / "events.csv")

    with pytest.raises(DataError, match="catalogue: no file"):
        Dataset.from_files(tmp_path / "events.csv", tmp_path / "catalogue.csv")


def test_another_kind_of_file_is_refused_with_those_accepted(tmp_path: Path) -> None:
    (tmp_path / "events.xlsx").write_bytes(b"PK")

    with pytest.raises(DataError, match=r"events\.xlsx.*\.parquet, \.csv"):
        Dataset.from_files(tmp_path / "events.xlsx")


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00rubbish\x80\x81"], ids=["empty", "rubbish"])
def test_a_damaged_file_is_refused_by_name(kind: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"events.{kind}"
    path.write_bytes(content)

    with pytest.raises(DataError, match="events: "):
        Dataset.from_files(path)


def test_a_csv_with_a_row_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id\na,x\nb,y,z\n")

    with pytest.raises(DataError, match=r"events\.csv"):
        Dataset.from_files(tmp_path / "events.csv")
