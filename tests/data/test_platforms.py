"""Events of several platforms are one history of each person, and no two people are made one."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.data import Dataset
from hybridrec.errors import DataError

WEB = pl.DataFrame(
    {
        "user_id": [4711, 4712, 4711],
        "item_id": ["x", "y", "z"],
        "timestamp": ["2024-01-01", "2024-01-03", "2024-01-05"],
    }
)
APP = pl.DataFrame(
    {
        "user_id": ["ann", "4711"],
        "item_id": ["y", "x"],
        "timestamp": ["2024-01-02", "2024-01-04"],
        "value": [1.5, 2.5],
    }
)
IDENTITIES = pl.DataFrame(
    {
        "platform": ["web", "app", "web"],
        "platform_user_id": ["4711", "ann", "4712"],
        "user_id": ["u1", "u1", "u2"],
    }
)


def merged(identities: Any = IDENTITIES, **more: Any) -> Dataset:
    return Dataset.from_frames({"web": WEB, "app": APP}, identities=identities, **more)


def test_platform_users_become_the_users_they_are() -> None:
    data = merged()

    assert data.events.select("user_id", "item_id", "platform", "value").rows() == [
        ("u1", "x", "web", None),
        ("u1", "y", "app", 1.5),
        ("u2", "y", "web", None),
        ("app:4711", "x", "app", 2.5),
        ("u1", "z", "web", None),
    ]
    assert data.events["timestamp"].is_sorted()
    assert data.users.values == ["app:4711", "u1", "u2"]


def test_repeated_identities_and_ids_of_any_type_do_no_harm() -> None:
    numbers = IDENTITIES.with_columns(user_id=pl.Series([1, 1, 2]))
    again = pl.concat([numbers, numbers])

    assert merged(again).users.values == ["1", "2", "app:4711"]


def test_user_attributes_meet_the_users() -> None:
    identities = IDENTITIES.with_columns(user_id=pl.Series([1, 1, 2]))
    users = pl.DataFrame({"user_id": [1, 2], "town": ["Ulm", "Bonn"]})

    data = merged(identities, users=users)

    assert data.user_attributes is not None
    assert data.user_attributes["user_id"].to_list() == ["1", "2"]


def test_an_event_without_a_user_stays_one() -> None:
    web = WEB.with_columns(user_id=pl.Series([4711, None, 4711]))

    data = Dataset.from_frames({"web": web, "app": APP}, identities=IDENTITIES)

    assert data.events.filter(pl.col("user_id").is_null())["item_id"].to_list() == ["y"]


def test_without_identities_one_id_is_one_user() -> None:
    app = APP.with_columns(user_id=pl.Series([4711, 1]))

    data = Dataset.from_frames({"web": WEB, "app": app})

    assert data.users.values == [1, 4711, 4712]
    assert data.events["platform"].to_list() == ["web", "app", "web", "app", "web"]


def test_one_table_may_name_the_platforms_itself() -> None:
    events = pl.concat(
        [WEB.with_columns(pl.col("user_id").cast(pl.String), platform=pl.lit("web")), APP],
        how="diagonal",
    ).with_columns(pl.col("platform").fill_null("app"))

    data = Dataset.from_frames(events, identities=IDENTITIES)

    assert data.events.drop("value").equals(merged().events.drop("value"), null_equal=True)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), min_size=1),
    st.dictionaries(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), st.integers(0, 3)),
)
def test_two_rows_are_one_user_only_where_an_identity_says_so(
    rows: list[tuple[str, int]], identities: dict[tuple[str, int], int]
) -> None:
    tables = {
        name: pl.DataFrame({"user_id": own, "item_id": own})
        for name in "ab"
        if (own := [user for platform, user in rows if platform == name])
    }
    identities = {key: user for key, user in identities.items() if key[0] in tables}
    identities[next(iter(tables)), 9] = 9
    table = pl.DataFrame(
        [(platform, own, user) for (platform, own), user in identities.items()],
        schema=["platform", "platform_user_id", "user_id"],
        orient="row",
    )

    events = Dataset.from_frames(tables, identities=table).events

    found = {
        (platform, item): user
        for user, item, platform in events.select("user_id", "item_id", "platform").rows()
    }
    for one, user in found.items():
        for other, same in found.items():
            known = one in identities and identities[one] == identities.get(other)
            assert (user == same) == (one == other or known)


class TestFiles:
    def test_of_platforms_are_merged(self, tmp_path: Path) -> None:
        (tmp_path / "web").mkdir()
        WEB.head(2).write_parquet(tmp_path / "web" / "1.parquet")
        WEB.tail(1).write_parquet(tmp_path / "web" / "2.parquet")
        APP.write_csv(tmp_path / "app.csv")
        IDENTITIES.write_csv(tmp_path / "identities.csv")

        data = Dataset.from_files(
            {"web": tmp_path / "web/*.parquet", "app": tmp_path / "app.csv"},
            identities=tmp_path / "identities.csv",
        )

        assert data.events.equals(merged().events)

    def test_name_their_columns_by_platform(self, tmp_path: Path) -> None:
        WEB.rename({"user_id": "visitor"}).write_csv(tmp_path / "web.csv")
        APP.rename({"user_id": "account", "item_id": "sku"}).write_csv(tmp_path / "app.csv")
        IDENTITIES.write_csv(tmp_path / "identities.csv")
        (tmp_path / "names.yaml").write_text(
            "events: {visitor: user_id}\napp: {account: user_id, sku: item_id}\n"
        )

        data = Dataset.from_files(
            {"web": tmp_path / "web.csv", "app": tmp_path / "app.csv"},
            identities=tmp_path / "identities.csv",
            columns=tmp_path / "names.yaml",
        )

        assert data.events.equals(merged().events)

    def test_that_cannot_be_read_are_named_with_their_platform(self, tmp_path: Path) -> None:
        WEB.write_csv(tmp_path / "web.csv")
        (tmp_path / "app.csv").write_text("user_id,item_id\n1,2,3\n")

        with pytest.raises(DataError, match=r"^events of 'app': cannot read .*app\.csv, line 2"):
            Dataset.from_files({"web": tmp_path / "web.csv", "app": tmp_path / "app.csv"})


@pytest.mark.parametrize(
    ("identities", "named"),
    [
        (IDENTITIES.drop("platform_user_id"), "identities: no column 'platform_user_id'"),
        (
            pl.concat([IDENTITIES, IDENTITIES.head(1).with_columns(user_id=pl.lit("u9"))]),
            "user '4711' of 'web' is 'u1', 'u9'; one platform user",
        ),
        (
            IDENTITIES.with_columns(platform=pl.Series(["web", "ios", "web"])),
            "no events of platform 'ios'; there are 'app', 'web'",
        ),
        (
            IDENTITIES.with_columns(user_id=pl.Series(["u1", None, "u2"])),
            "1 rows lack one of .* row 1: .*'app', 'ann', None",
        ),
        (
            IDENTITIES.with_columns(user_id=pl.Series(["u1", "u2", "app:4711"])),
            "the user 'app:4711' is named as a platform's user",
        ),
        (IDENTITIES.clear(), "identities: the table has no rows"),
    ],
)
def test_identities_that_make_no_sense_are_refused(identities: pl.DataFrame, named: str) -> None:
    with pytest.raises(DataError, match=named):
        merged(identities)


@pytest.mark.parametrize(
    ("events", "named"),
    [
        ({}, "an empty mapping"),
        ({"users": WEB}, "'users' cannot be a platform"),
        ({"a:b": WEB}, "'a:b' cannot be a platform"),
        ({7: WEB}, "7 cannot be a platform"),
        ({"web": WEB.drop("item_id")}, "events of 'web': no column 'item_id'"),
        ({"web": [1, 2]}, "events of 'web': expected a dataframe"),
        (
            {"web": WEB, "app": APP},
            "user ids are of type int in the events of 'web' and str in the events of 'app'",
        ),
        (
            {"web": WEB, "shop": WEB.drop("timestamp")},
            "'timestamp' is of type .* in events of 'web' and missing in events of 'shop'",
        ),
        (
            {"web": WEB.with_columns(platform=pl.lit("app"))},
            "events of 'web': the column 'platform' says otherwise",
        ),
        (
            {"web": WEB.with_columns(tag=1.5), "app": WEB.with_columns(tag=["x"])},
            "the platforms' columns do not go together",
        ),
    ],
)
def test_platforms_that_cannot_be_merged_are_refused(events: Any, named: str) -> None:
    with pytest.raises(DataError, match=named):
        Dataset.from_frames(events)


def test_identities_need_platforms() -> None:
    with pytest.raises(DataError, match="the events have no column 'platform'"):
        Dataset.from_frames(WEB, identities=IDENTITIES)

    lacking = WEB.with_columns(platform=pl.Series(["web", None, "web"]))
    with pytest.raises(DataError, match="1 rows have no platform, the first in row 1"):
        Dataset.from_frames(lacking, identities=IDENTITIES)
