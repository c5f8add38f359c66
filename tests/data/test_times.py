"""Times in every way of writing become the moments that were meant."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.data.times import with_times
from hybridrec.errors import DataError


def read(times: list[Any], **arguments: Any) -> pl.DataFrame:
    return with_times(pl.DataFrame({"timestamp": times}, strict=False), "events", **arguments)


def moments(times: list[Any], **arguments: Any) -> list[datetime | None]:
    return read(times, **arguments)["timestamp"].to_list()


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


def test_every_way_of_writing_is_read_by_itself() -> None:
    times = [
        "2024-03-13",
        "13/3/2024 10:30",
        "2024-03-13T10:30:00Z",
        " 2024-03-13 10:30:00+02:00 ",
        "2024-03-13T10:30:00.25-05:00",
        None,
    ]

    assert moments(times) == [
        utc(2024, 3, 13),
        utc(2024, 3, 13, 10, 30),
        utc(2024, 3, 13, 10, 30),
        utc(2024, 3, 13, 8, 30),
        utc(2024, 3, 13, 15, 30, 0, 250_000),
        None,
    ]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (["12/13/2010 8:00", "1/12/2010 8:00"], [utc(2010, 12, 13, 8), utc(2010, 1, 12, 8)]),
        (["1/12/2010", "12/31/2010"], [utc(2010, 1, 12), utc(2010, 12, 31)]),
        (["3/15/2024 10:00 PM", "3/6/2024 1:00 AM"], [utc(2024, 3, 15, 22), utc(2024, 3, 6, 1)]),
        (["13/12/2010", "1/12/2010"], [utc(2010, 12, 13), utc(2010, 12, 1)]),
        (["1/12/2010", "2/12/2010"], [utc(2010, 12, 1), utc(2010, 12, 2)]),
    ],
    ids=["month first", "month first, days", "am and pm", "day first", "undecided is day first"],
)
def test_a_day_above_twelve_says_where_the_month_stands(
    times: list[str], expected: list[datetime]
) -> None:
    assert moments(times) == expected


class TestZones:
    def test_of_the_row_count_more_than_that_of_the_column(self) -> None:
        times = ["2024-07-01 12:00:00+02:00", "2024-07-01 12:00:00"]

        assert moments(times, time_zone="Asia/Tokyo") == [utc(2024, 7, 1, 10), utc(2024, 7, 1, 3)]

    @pytest.mark.parametrize(
        "given", [datetime(2024, 7, 1, 12), "2024-07-01 12:00:00", "1/7/2024 12:00"], ids=str
    )
    def test_that_are_not_named_are_that_of_the_shop(self, given: Any) -> None:
        assert moments([given], time_zone="Europe/Berlin") == [utc(2024, 7, 1, 10)]

    def test_make_days_start_at_their_own_midnight(self) -> None:
        assert moments([date(2024, 7, 1)], time_zone="Asia/Tokyo") == [utc(2024, 6, 30, 15)]

    def test_do_not_move_seconds_since_1970(self) -> None:
        assert moments([0], time_zone="Asia/Tokyo") == [utc(1970, 1, 1)]

    def test_do_not_move_times_that_name_one(self) -> None:
        given = [datetime(2024, 7, 1, 12, tzinfo=ZoneInfo("Asia/Tokyo"))]

        assert moments(given, time_zone="Europe/Berlin") == [utc(2024, 7, 1, 3)]

    def test_mixed_in_a_column_are_kept_as_given(self) -> None:
        times = ["2024-03-01T10:30:00+02:00", "2024-03-01T10:30:00-05:00"]

        assert read(times)["timestamp_as_given"].to_list() == times
        assert read(times[:1]).columns == ["timestamp"]

    @pytest.mark.parametrize("as_text", [False, True])
    def test_skip_an_hour_in_spring_and_repeat_one_in_autumn(self, as_text: bool) -> None:
        local = [
            datetime(2024, 3, 31, 2, 30),
            datetime(2024, 3, 31, 3, 30),
            datetime(2024, 10, 27, 2, 30),
            datetime(2024, 10, 27, 3, 30),
        ]
        given = [str(moment) for moment in local] if as_text else local

        table = read(given, time_zone="Europe/Berlin")

        assert table["timestamp"].to_list() == [
            None,  # never was
            utc(2024, 3, 31, 1, 30),
            utc(2024, 10, 27, 0, 30),  # the first of two
            utc(2024, 10, 27, 2, 30),
        ]
        assert table["timestamp_as_given"][0].startswith("2024-03-31 02:30:00")

    @pytest.mark.parametrize(
        "given", ["2024-07-01", date(2024, 7, 1), datetime(2024, 7, 1)], ids=str
    )
    def test_that_do_not_exist_are_refused_by_name(self, given: Any) -> None:
        with pytest.raises(
            DataError, match=r"events: no time zone 'Mars/Base'; .* 'Europe/Berlin'"
        ):
            moments([given], time_zone="Mars/Base")


class TestFormats:
    def test_decide_what_else_would_be_guessed(self) -> None:
        assert moments(["01/02/2024"], time_format="%m/%d/%Y") == [utc(2024, 1, 2)]
        assert moments(["01/02/2024"], time_format="%d/%m/%Y") == [utc(2024, 2, 1)]

    def test_may_name_the_zone(self) -> None:
        times = ["2024-07-01 10:00 +0200", "2024-07-01 10:00 -0200"]
        form = "%Y-%m-%d %H:%M %z"

        assert moments(times, time_format=form, time_zone="Asia/Tokyo") == [
            utc(2024, 7, 1, 8),
            utc(2024, 7, 1, 12),
        ]

    def test_are_of_the_shops_zone_otherwise(self) -> None:
        form = "%d.%m.%y, %H:%M"

        assert moments(["01.07.24, 10:00"], time_format=form, time_zone="Asia/Tokyo") == [
            utc(2024, 7, 1, 1)
        ]

    def test_leave_null_what_is_written_otherwise(self) -> None:
        times = ["01.07.24", "02.07.24", "2024-07-03"]
        table = read(times, time_format="%d.%m.%y")

        assert table["timestamp"].to_list() == [utc(2024, 7, 1), utc(2024, 7, 2), None]
        assert table["timestamp_as_given"].to_list() == times

    def test_that_fit_nothing_are_refused(self) -> None:
        with pytest.raises(DataError, match=r"2 of 2 .* '2024-07-01' in row 0.* time_format="):
            moments(["2024-07-01", "2024-07-02"], time_format="%d.%m.%Y")


class TestWhatCannotBeRead:
    @pytest.mark.parametrize(
        ("times", "unread"),
        [
            (["2024-02-28", "2024-02-30"], [1]),
            (["0000-00-00", "2024-01-01", "n/a", "2024-01-02"], [0, 2]),
            ([1e9, float("inf"), 1e9], [1]),
            ([1e9, 1e13], [1]),
        ],
        ids=str,
    )
    def test_is_null_and_kept_as_given(self, times: list[Any], unread: list[int]) -> None:
        table = read(times)

        assert table["timestamp"].is_null().arg_true().to_list() == unread
        assert table["timestamp_as_given"].to_list() == [str(time) for time in times]

    def test_is_not_what_is_missing(self) -> None:
        assert read(["2024-01-01", None, None, None]).columns == ["timestamp"]
        assert read([1e9, float("nan"), float("nan")]).columns == ["timestamp"]
        assert moments([None, None]) == [None, None]

    @pytest.mark.parametrize(
        ("times", "named"),
        [
            (["2024-01-01", "soon", "later"], r"2 of 3 times in 'timestamp', .* 'soon' in row 1"),
            ([1_700_000_000_000, 1], None),
            ([1_700_000_000_000, 1_700_000_000_001, 1], "1700000000000 in row 0; are these milli"),
        ],
    )
    def test_is_refused_where_it_is_most(self, times: list[Any], named: str | None) -> None:
        if named is None:
            assert moments(times)[0] is None
            return
        with pytest.raises(DataError, match=named):
            moments(times)

    @pytest.mark.parametrize("value", [True, time(1, 2), timedelta(1), [1]], ids=str)
    def test_is_refused_by_type(self, value: Any) -> None:
        with pytest.raises(DataError, match=r"events: times of type .* cannot be read"):
            moments([value])


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Tokyo", "America/St_Johns"])
FORMS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z", "%Y/%m/%d %H:%M:%S")


@given(
    written=st.lists(
        st.tuples(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.sampled_from(FORMS)),
        min_size=1,
        max_size=12,
    ),
    offset=st.integers(-12, 14),
)
def test_what_is_written_is_what_is_read(written: list[tuple[datetime, str]], offset: int) -> None:
    zone = timezone(timedelta(hours=offset))
    exact = [(moment.replace(microsecond=0), form) for moment, form in written]
    texts = [moment.replace(tzinfo=zone).strftime(form) for moment, form in exact]
    expected = [
        (moment.replace(tzinfo=zone) if "%z" in form else moment.replace(tzinfo=UTC))
        for moment, form in exact
    ]

    assert moments(texts) == expected


@given(moment=st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)), zone=ZONES)
def test_local_times_are_those_of_the_zone_database(moment: datetime, zone: str) -> None:
    local = moment.replace(tzinfo=ZoneInfo(zone), fold=0)
    there_and_back = local.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    expected = local.astimezone(UTC) if there_and_back == moment else None

    assert moments([moment, datetime(2000, 1, 1)], time_zone=zone)[0] == expected


@pytest.mark.parametrize("written", [20240301, "20240301"])
def test_year_month_and_day_in_one_number_are_a_date(written: object) -> None:
    frame = pl.DataFrame({"timestamp": [written, written]})

    read = with_times(frame, "events")

    assert read["timestamp"].to_list() == [datetime(2024, 3, 1, tzinfo=UTC)] * 2


def test_seconds_written_as_text_are_read_beside_a_word() -> None:
    frame = pl.DataFrame({"timestamp": ["1709289000", "1709289001", "soon"]})

    read = with_times(frame, "events")

    assert read["timestamp"].to_list() == [
        datetime(2024, 3, 1, 10, 30, tzinfo=UTC),
        datetime(2024, 3, 1, 10, 30, 1, tzinfo=UTC),
        None,
    ]
    assert read["timestamp_as_given"].to_list() == ["1709289000", "1709289001", "soon"]


@pytest.mark.parametrize("written", ["2024-03-01 10:30 +02:00", "2024-03-01 08:30:00 UTC"])
def test_a_zone_may_stand_apart(written: str) -> None:
    read = with_times(pl.DataFrame({"timestamp": [written]}), "events")

    assert read["timestamp"].to_list() == [datetime(2024, 3, 1, 8, 30, tzinfo=UTC)]


def test_a_format_that_cannot_be_is_refused() -> None:
    with pytest.raises(DataError, match=r"no time format '%d\.%m\.%Y %Hh'"):
        with_times(
            pl.DataFrame({"timestamp": ["1.3.2024 10h"]}), "events", time_format="%d.%m.%Y %Hh"
        )
