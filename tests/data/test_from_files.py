"""Files of every kind that can be read give the dataset that was written into them."""

import gzip
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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

Writer = Callable[[pl.DataFrame, Path], object]

WRITERS: dict[str, Writer] = {
    "csv": pl.DataFrame.write_csv,
    "tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "parquet": pl.DataFrame.write_parquet,
    "jsonl": pl.DataFrame.write_ndjson,
    "ndjson": pl.DataFrame.write_ndjson,
    "CSV": pl.DataFrame.write_csv,
    "csv.gz": lambda frame, path: frame.lazy().sink_csv(path, compression="gzip"),
    "csv.zst": lambda frame, path: frame.lazy().sink_csv(path, compression="zstd"),
    "tsv.gz": lambda frame, path: frame.lazy().sink_csv(path, compression="gzip", separator="\t"),
    "jsonl.gz": lambda frame, path: frame.lazy().sink_ndjson(path, compression="gzip"),
    "jsonl.zst": lambda frame, path: frame.lazy().sink_ndjson(path, compression="zstd"),
}


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", WRITERS)
def test_files_of_every_kind_give_the_same_dataset(kind: str, tmp_path: Path) -> None:
    events, catalogue = tmp_path / f"events.{kind}", tmp_path / f"catalogue.{kind}"
    WRITERS[kind](EVENTS, events)
    WRITERS[kind](CATALOGUE, catalogue)

    data = Dataset.from_files(events, str(catalogue))
    expected = Dataset.from_frames(EVENTS, CATALOGUE)

    assert data.events.to_dicts() == expected.events.to_dicts()
    assert data.events.schema == expected.events.schema
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


class TestSeveralFiles:
    def parts(self, folder: Path) -> None:
        EVENTS.head(1).write_csv(folder / "1.csv")
        EVENTS.slice(1, 1).select(reversed(EVENTS.columns)).write_parquet(folder / "2.parquet")
        EVENTS.tail(1).write_ndjson(folder / "3.jsonl")

    @pytest.mark.parametrize("pattern", ["*.*", "**/[123].*", "?.*"])
    def test_of_a_pattern_are_one_table(self, pattern: str, tmp_path: Path) -> None:
        self.parts(tmp_path)

        data = Dataset.from_files(tmp_path / pattern)

        assert data.events.equals(Dataset.from_frames(EVENTS).events)

    def test_of_a_list_are_one_table(self, tmp_path: Path) -> None:
        self.parts(tmp_path)

        data = Dataset.from_files([tmp_path / "1.csv", str(tmp_path / "[2-3].*")])

        assert data.events.equals(Dataset.from_frames(EVENTS).events)

    def test_may_have_columns_of_their_own(self, tmp_path: Path) -> None:
        csv(tmp_path / "1.csv", "user_id,item_id", "a,x")
        csv(tmp_path / "2.csv", "item_id,user_id,value", "y,b,2")

        data = Dataset.from_files(tmp_path / "*.csv")

        assert data.events.rows() == [("a", "x", None), ("b", "y", 2)]

    def test_have_one_type_of_ids(self, tmp_path: Path) -> None:
        csv(tmp_path / "1.csv", "user_id,item_id", "1,7")
        csv(tmp_path / "2.csv", "user_id,item_id", "2,07")

        data = Dataset.from_files(tmp_path / "*.csv")

        assert data.events.rows() == [(1, "7"), (2, "07")]

    def test_that_do_not_go_together_are_refused(self, tmp_path: Path) -> None:
        pl.DataFrame({"user_id": [1], "item_id": [2], "tag": [["x"]]}).write_parquet(
            tmp_path / "1.parquet"
        )
        pl.DataFrame({"user_id": [1], "item_id": [2], "tag": [1.5]}).write_parquet(
            tmp_path / "2.parquet"
        )

        with pytest.raises(DataError, match=r"events: 1\.parquet and 1 more do not go together"):
            Dataset.from_files(tmp_path / "*.parquet")

    def test_a_pattern_without_files_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"events: no file at .*\*\.csv"):
            Dataset.from_files(tmp_path / "*.csv")

    def test_an_empty_list_is_refused(self) -> None:
        with pytest.raises(DataError, match="events: an empty list"):
            Dataset.from_files([])

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
    def test_a_name_that_looks_like_a_pattern_is_a_name(self, kind: str, tmp_path: Path) -> None:
        WRITERS[kind](EVENTS, tmp_path / f"events[1].{kind}")
        WRITERS[kind](EVENTS.head(1), tmp_path / f"events1.{kind}")

        assert Dataset.from_files(tmp_path / f"events[1].{kind}").events.height == 3


class TestIds:
    @pytest.mark.parametrize("kind", ["csv", "tsv", "csv.gz"])
    def test_keep_their_leading_zeros(self, kind: str, tmp_path: Path) -> None:
        events = pl.DataFrame({"user_id": ["u1", "u2"], "item_id": ["00123", "0045"]})
        WRITERS[kind](events, tmp_path / f"events.{kind}")

        assert Dataset.from_files(tmp_path / f"events.{kind}").items.values == ["00123", "0045"]

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            (["1", "-20", "300"], [1, -20, 300]),
            (["1", "+2"], ["1", "+2"]),
            (["1", "2.0"], ["1", "2.0"]),
            (["1", " 2"], ["1", " 2"]),
            (["1", "-0"], ["1", "-0"]),
            (["9223372036854775807"], [9223372036854775807]),
            (["1", "9223372036854775808"], ["1", "9223372036854775808"]),
            (["true", "1e3"], ["true", "1e3"]),
            (["1", '""', "3"], [1, None, 3]),
        ],
    )
    def test_are_integers_only_where_all_are_written_so(
        self, written: list[str], read: list[object], tmp_path: Path
    ) -> None:
        rows = [f"{value},{value},{value}" for value in written]
        path = csv(tmp_path / "events.csv", "user_id,item_id,session_id", *rows)

        data = Dataset.from_files(path)

        for column in ("user_id", "item_id", "session_id"):
            assert data.events[column].to_list() == read

    def test_of_events_and_catalogue_meet(self, tmp_path: Path) -> None:
        events = csv(tmp_path / "events.csv", "user_id,item_id", "a,7", "a,8")
        catalogue = csv(tmp_path / "catalogue.csv", "sku,title", "7,Tea", "8,Cup", "09,Pot")

        data = Dataset.from_files(events, catalogue, columns={"sku": "item_id"}).sound()

        assert data.items.values == ["7", "8", "09"]

    def test_of_a_typed_file_meet_those_of_a_written_one(self, tmp_path: Path) -> None:
        for ids, expected in (([7, 8], [7, 8]), (["7", "8"], ["7", "8"])):
            pl.DataFrame({"user_id": ["a", "b"], "item_id": ids}).write_parquet(
                tmp_path / "events.parquet"
            )
            catalogue = csv(tmp_path / "catalogue.csv", "item_id", "7", "8")

            data = Dataset.from_files(tmp_path / "events.parquet", catalogue).sound()

            assert data.items.values == expected

    def test_of_a_typed_file_become_text_where_a_written_one_needs_it(self, tmp_path: Path) -> None:
        pl.DataFrame({"user_id": [1], "item_id": [7]}).write_parquet(tmp_path / "events.parquet")
        users = csv(tmp_path / "users.csv", "user_id,town", "1,Ulm", "x2,Bonn")

        data = Dataset.from_files(tmp_path / "events.parquet", users=users)

        assert data.users.values == ["1"]
        assert data.items.values == [7]

    def test_too_long_for_integers_are_text(self, tmp_path: Path) -> None:
        rows = [{"user_id": 10**25, "item_id": 1}, {"user_id": 2, "item_id": 1}]
        path = csv(tmp_path / "events.jsonl", *map(json.dumps, rows))

        assert Dataset.from_files(path).users.values == [str(10**25), "2"]


class TestColumnsOfText:
    def catalogue_of(self, values: list[str], tmp_path: Path, name: str = "weight") -> pl.Series:
        events = csv(tmp_path / "events.csv", "user_id,item_id", "a,0")
        rows = [f"{row},{value}" for row, value in enumerate(values)]
        catalogue = csv(tmp_path / "catalogue.csv", f"item_id,{name}", *rows)
        return Dataset.from_files(events, catalogue).catalogue[name]

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            (["1", "2", ""], [1, 2, None]),
            (["1", "2.5", "1e3"], [1.0, 2.5, 1000.0]),
            (["0.5", "-0.25"], [0.5, -0.25]),
            (["true", "False", ""], [True, False, None]),
            (["00123", "456"], ["00123", "456"]),
            (["+49731", "49731"], ["+49731", "49731"]),
            (["1.5", "12345678901234567890"], ["1.5", "12345678901234567890"]),
            (["1", "2", "unknown"], ["1", "2", "unknown"]),
            (["nan", "inf"], ["nan", "inf"]),
            (["", ""], [None, None]),
            (["2024-01-31"], ["2024-01-31"]),
        ],
    )
    def test_are_what_all_their_values_are(
        self, written: list[str], read: list[object], tmp_path: Path
    ) -> None:
        found = self.catalogue_of(written, tmp_path).to_list()

        assert found == read
        assert [type(value) for value in found] == [type(value) for value in read]

    @pytest.mark.parametrize("late", ["2.5", "12 kg", "007"])
    def test_are_read_to_the_end(self, late: str, tmp_path: Path) -> None:
        found = self.catalogue_of(["1"] * 20_000 + [late], tmp_path)

        assert found.dtype == (pl.Float64 if late == "2.5" else pl.String)
        assert str(found[-1]) == late

    def test_may_begin_blank(self, tmp_path: Path) -> None:
        found = self.catalogue_of([""] * 20_000 + ["7"], tmp_path)

        assert found.drop_nulls().to_list() == [7]

    @pytest.mark.parametrize("name", ["title", "brand", "category", "description"])
    def test_that_name_things_stay_text(self, name: str, tmp_path: Path) -> None:
        assert self.catalogue_of(["1984", "2001"], tmp_path, name).to_list() == ["1984", "2001"]

    @pytest.mark.parametrize("name", ["value", "quantity", "price"])
    def test_one_value_that_is_no_number_is_kept(self, name: str, tmp_path: Path) -> None:
        rows = [f"u,i,{number}" for number in range(9)]
        path = csv(tmp_path / "events.csv", f"user_id,item_id,{name}", *rows, "u,i,n/a")

        events = Dataset.from_files(path).events

        assert events[name].to_list() == [*range(9), None]
        assert events[f"{name}_as_given"].to_list()[-1] == "n/a"

    def test_one_value_that_is_no_time_is_kept(self, tmp_path: Path) -> None:
        rows = [f"u,i,2024-01-0{day}" for day in range(1, 9)]
        path = csv(tmp_path / "events.csv", "user_id,item_id,timestamp", *rows, "u,i,soon")

        events = Dataset.from_files(path).events

        assert events["timestamp"].null_count() == 1
        assert events.filter(pl.col("timestamp").is_null())["timestamp_as_given"].item() == "soon"

    def test_times_may_be_seconds(self, tmp_path: Path) -> None:
        path = csv(tmp_path / "events.csv", "user_id,item_id,timestamp", "u,i,0", "u,i,86400")

        assert Dataset.from_files(path).as_of == datetime(1970, 1, 2, tzinfo=UTC)

    def test_times_of_digits_are_read_by_their_format(self, tmp_path: Path) -> None:
        path = csv(tmp_path / "events.csv", "user_id,item_id,timestamp", "u,i,20240131")

        data = Dataset.from_files(path, time_format="%Y%m%d")

        assert data.as_of == datetime(2024, 1, 31, tzinfo=UTC)


class TestJsonLines:
    def test_values_of_several_types_come_as_text(self, tmp_path: Path) -> None:
        rows: list[dict[str, Any]] = [
            {"user_id": "u", "item_id": number, "value": number, "tags": ["a", "b"]}
            for number in range(200)
        ]
        rows += [
            {"user_id": "u", "item_id": 200, "value": True, "tags": ["c"]},
            {"user_id": "u", "item_id": 201, "value": "two", "tags": []},
            {"user_id": "u", "item_id": 202, "value": 2.5, "tags": None, "note": "late"},
        ]
        path = csv(tmp_path / "events.jsonl", *map(json.dumps, rows))

        events = Dataset.from_files(path).events

        assert events["value"].to_list() == [*range(200), None, None, 2.5]
        assert events["value_as_given"].to_list()[-3:] == ["true", "two", "2.5"]
        assert events["tags"].to_list() == [row["tags"] for row in rows]
        assert events["note"].to_list() == [None] * 202 + ["late"]

    def test_blank_lines_are_no_rows(self, tmp_path: Path) -> None:
        path = csv(tmp_path / "events.jsonl", '{"user_id": 1, "item_id": 2}', "", "", "")

        assert Dataset.from_files(path).events.height == 1


class TestFaults:
    """What cannot be read is refused by file and line; the header is line 1."""

    ROWS: tuple[str, ...] = ("user_id,item_id", "a,x", 'b,"two\nlines"', "c,z")

    @pytest.mark.parametrize(
        ("row", "named"),
        [
            (b"b,y,z", r"3 values where the header names 2 columns"),
            (b'b,"y"z', r"delimiter|expected after"),
            (b'b,"y', r"unexpected end of data"),
            (b'b,5" pipe', r"a quote inside a value"),
            (b"b,\xffy", r"byte 0xff is not UTF-8"),
        ],
        ids=["long", "quote in quotes", "open quote", "loose quote", "no UTF-8"],
    )
    @pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
    def test_of_a_csv_name_the_line(
        self, row: bytes, named: str, packed: str, tmp_path: Path
    ) -> None:
        text = "\n".join(self.ROWS).encode() + b"\n" + row + b"\nd,z\n"
        path = write(tmp_path / f"events.csv{packed}", text)

        with pytest.raises(
            DataError, match=rf"^events: cannot read .*{path.name}, line 6: {named}"
        ):
            Dataset.from_files(path)

    @pytest.mark.parametrize(
        "line",
        [b'{"user_id": 1,', b"[1, 2]", b"7", b'{"user_id": "\xff"}', b'{"a": 1} {"a": 2}'],
        ids=["cut", "list", "number", "no UTF-8", "two in one"],
    )
    @pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
    def test_of_json_lines_name_the_line(self, line: bytes, packed: str, tmp_path: Path) -> None:
        good = b'{"user_id": 1, "item_id": 2}\n'
        path = write(tmp_path / f"events.jsonl{packed}", good + b"\n" + good + line + b"\n" + good)

        with pytest.raises(DataError, match=rf"^events: cannot read .*{path.name}, line 4: \S"):
            Dataset.from_files(path)

    def test_a_long_value_is_none(self, tmp_path: Path) -> None:
        lines = ["user_id,item_id,note", "a,x,y", f"a,x,{'long ' * 40_000}", 'b,"y']
        with pytest.raises(DataError, match=r"line 4: unexpected end of data"):
            Dataset.from_files(csv(tmp_path / "events.csv", *lines))

    def test_late_in_a_file_are_found(self, tmp_path: Path) -> None:
        for name, good, bad in (
            ("events.csv", "a,x", "a,x,y"),
            ("events.jsonl", '{"user_id": 1, "item_id": 2}', "{"),
        ):
            lines = ["user_id,item_id" if name.endswith("csv") else good, *[good] * 29_998, bad]
            with pytest.raises(DataError, match=rf"{name}, line 30000: "):
                Dataset.from_files(csv(tmp_path / name, *lines))

    def test_a_header_that_is_no_utf_8_is_line_1(self, tmp_path: Path) -> None:
        path = write(tmp_path / "events.csv", "user_id,item_id\na,b\n".encode("utf-16"))

        with pytest.raises(DataError, match=r"events\.csv, line 1: byte 0xff is not UTF-8"):
            Dataset.from_files(path)

    def test_the_sign_for_a_lost_character_is_a_character(self, tmp_path: Path) -> None:
        path = csv(tmp_path / "events.csv", "user_id,item_id,�", "a,x�,1")

        assert Dataset.from_files(path).items.values == ["x�"]

    def test_blank_lines_are_no_rows(self, tmp_path: Path) -> None:
        path = csv(tmp_path / "events.csv", "user_id,item_id", "a,x", "", "b,", "", "")

        assert Dataset.from_files(path).events.rows() == [("a", "x"), ("b", None)]

    def test_a_short_row_lacks_its_last_values(self, tmp_path: Path) -> None:
        path = csv(tmp_path / "events.csv", "user_id,item_id,value", "a,x,1", "b", "c,z")

        assert Dataset.from_files(path).events.rows() == [
            ("a", "x", 1),
            ("b", None, None),
            ("c", "z", None),
        ]

    def test_a_packed_file_cut_short_is_refused_by_name(self, tmp_path: Path) -> None:
        path = tmp_path / "events.csv.gz"
        path.write_bytes(gzip.compress(b"user_id,item_id\na,x\n")[:-9])

        with pytest.raises(DataError, match=r"events: cannot read .*events\.csv\.gz: "):
            Dataset.from_files(path)

    @pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv", "csv.gz", "jsonl.zst"])
    @pytest.mark.parametrize(
        "content", [b"", b"\xff\xfe\x00rubbish\x80\x81"], ids=["empty", "rubbish"]
    )
    def test_a_damaged_file_is_refused_by_name(
        self, kind: str, content: bytes, tmp_path: Path
    ) -> None:
        path = tmp_path / f"events.{kind}"
        path.write_bytes(content)

        with pytest.raises(DataError, match=rf"^events.*events\.{re.escape(kind)}"):
            Dataset.from_files(path)

    def test_behind_the_reading_name_the_file_too(self, tmp_path: Path) -> None:
        path = csv(tmp_path / "events.csv", "user_id,item_id", ",x", ",y")

        with pytest.raises(DataError, match=r"events \(events\.csv\): column 'user_id' holds no"):
            Dataset.from_files(path)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"events: no file at .*nowhere\.csv"):
            Dataset.from_files(tmp_path / "nowhere.csv")

    def test_a_directory_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="no file at"):
            Dataset.from_files(tmp_path)

    def test_a_missing_catalogue_is_named_as_such(self, tmp_path: Path) -> None:
        EVENTS.write_csv(tmp_path / "events.csv")

        with pytest.raises(DataError, match="catalogue: no file"):
            Dataset.from_files(tmp_path / "events.csv", tmp_path / "catalogue.csv")

    @pytest.mark.parametrize("name", ["events.xlsx", "events.parquet.gz", "events", "events.gz"])
    def test_another_kind_of_file_is_refused_with_those_accepted(
        self, name: str, tmp_path: Path
    ) -> None:
        (tmp_path / name).write_bytes(b"PK")

        with pytest.raises(DataError, match=rf"{re.escape(name)};.*\.parquet, \.csv.*\.gz"):
            Dataset.from_files(tmp_path / name)


def write(path: Path, content: bytes) -> Path:
    """The content in a file, packed as the file's name says."""
    if path.suffix == ".gz":
        content = gzip.compress(content)
    if path.suffix == ".zst":
        zstandard = pytest.importorskip("pyarrow").Codec("zstd")
        content = zstandard.compress(content, asbytes=True)
    path.write_bytes(content)
    return path


class TestColumnNames:
    EVENTS: Mapping[str, list[object]] = {"customer": [1], "sku": [2], "when": ["2024-01-01"]}
    CATALOGUE: Mapping[str, list[object]] = {"sku": [2], "name": ["Tea"], "when": ["2020-01-01"]}

    def named(self, columns: Any) -> Dataset:
        return Dataset.from_frames(
            pl.DataFrame(self.EVENTS), pl.DataFrame(self.CATALOGUE), columns=columns
        )

    def test_may_differ_from_table_to_table(self) -> None:
        data = self.named(
            {
                "events": {"customer": "user_id", "sku": "item_id", "when": "timestamp"},
                "catalogue": {"sku": "item_id", "name": "title", "when": "available_from"},
                "triples": {"from": "head"},
            }
        )

        assert data.events.columns == ["user_id", "item_id", "timestamp"]
        assert data.catalogue.columns == ["item_id", "title", "available_from"]

    @pytest.mark.parametrize("nested", [True, False])
    def test_may_come_from_a_file(self, nested: bool, tmp_path: Path) -> None:
        flat = ["customer: user_id", "sku: item_id"]
        deep = ["events:", *(f"  {line}" for line in flat), "catalogue: {sku: item_id}"]
        path = csv(tmp_path / "names.yaml", *(deep if nested else flat))

        for columns in (path, str(path)):
            assert self.named(columns).events.columns == ["user_id", "item_id", "when"]

    def test_serve_files_too(self, tmp_path: Path) -> None:
        pl.DataFrame(self.EVENTS).write_csv(tmp_path / "events.csv")
        names = csv(tmp_path / "names.yaml", "events: {customer: user_id, sku: item_id}")

        data = Dataset.from_files(tmp_path / "events.csv", columns=names)

        assert data.events.rows() == [(1, 2, "2024-01-01")]

    @pytest.mark.parametrize(
        ("columns", "named"),
        [
            ({"custommer": "user_id"}, r"no column 'custommer'.*did you mean 'customer'"),
            ({"price paid": "price"}, r"no column 'price paid' in events or catalogue; there are"),
            ({"event": {"sku": "item_id"}}, r"no table 'event'; did you mean 'events'"),
            ({"web": {"sku": "item_id"}}, r"no table 'web'; there are 'events'"),
            ({"events": {"name": "title"}}, r"no column 'name' in events;"),
            ({"sku": 3}, r"'sku' → 3 is no pair of names"),
            ({3: "item_id"}, r"3 → 'item_id' is no pair of names"),
            ({"events": {"sku": None}}, r"columns of 'events': 'sku' → None is no pair"),
            ({"events": {"sku": "item_id"}, "name": "title"}, r"'events' → .* is no pair of names"),
            ({"sku": "user_id", "customer": "user_id"}, "that name is taken"),
        ],
    )
    def test_that_make_no_sense_are_refused(self, columns: Any, named: str) -> None:
        with pytest.raises(DataError, match=named):
            self.named(columns)

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            (b"sku: [item_id", r"cannot read .*names\.yaml"),
            (b"- sku", r"names\.yaml holds \['sku'\]"),
            (b"", r"names\.yaml holds None"),
            (b"sku: \xff", r"cannot read .*names\.yaml"),
            (b"no: item_id", r"False → 'item_id'"),
        ],
    )
    def test_a_file_that_holds_none_is_refused(
        self, content: bytes, named: str, tmp_path: Path
    ) -> None:
        (tmp_path / "names.yaml").write_bytes(content)

        with pytest.raises(DataError, match=named):
            self.named(tmp_path / "names.yaml")

    def test_a_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"columns: no file at .*names\.yaml"):
            self.named(tmp_path / "names.yaml")
