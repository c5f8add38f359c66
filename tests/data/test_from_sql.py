"""Queries of a database give the dataset that its tables hold."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.errors import DataError

duckdb = pytest.importorskip("duckdb")
sqlalchemy = pytest.importorskip("sqlalchemy")

TABLES = (
    "create table events (visitor text, item_id integer, timestamp timestamp, value float)",
    "insert into events values ('ana', 3, '2024-01-02 08:30:00', 1.5), "
    "('bo', 4, '2024-01-01 08:30:00', 2.5), ('ana', 4, '2024-01-03 08:30:00', null)",
    "create table items (item_id integer, title text)",
    "insert into items values (4, 'Tea, 100% green'), (3, 'Cup: large')",
    "create table app (visitor text, item_id integer, timestamp timestamp)",
    "insert into app values ('a7', 3, '2024-01-04 08:30:00')",
    "create table people (platform text, platform_user_id text, user_id text)",
    "insert into people values ('web', 'ana', 'u1'), ('app', 'a7', 'u1')",
)
EXPECTED = Dataset.from_frames(
    pl.DataFrame(
        {
            "user_id": ["ana", "bo", "ana"],
            "item_id": [3, 4, 4],
            "timestamp": [datetime(2024, 1, day, 8, 30) for day in (2, 1, 3)],
            "value": [1.5, 2.5, None],
        }
    ),
    pl.DataFrame({"item_id": [4, 3], "title": ["Tea, 100% green", "Cup: large"]}),
)


@pytest.fixture(params=["duckdb", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    path = tmp_path / f"shop.{request.param}"
    if request.param == "duckdb":
        with duckdb.connect(str(path)) as connection:
            for statement in TABLES:
                connection.execute(statement)
    else:
        engine = sqlalchemy.create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            for statement in TABLES:
                connection.exec_driver_sql(statement)
        engine.dispose()
    return f"{request.param}:///{path}"


def assert_is_read(url: str) -> None:
    """Whether a database that holds the tables gives the dataset, whole and merged."""
    names = {"visitor": "user_id"}
    data = Dataset.from_sql(
        url,
        events="select * from events where visitor <> ' :nobody' and visitor not like '%z'",
        catalogue="select * from items order by item_id desc",
        columns=names,
    )

    assert data.events.equals(EXPECTED.events, null_equal=True)
    assert data.catalogue.to_dicts() == EXPECTED.catalogue.to_dicts()
    assert data.items.values == [4, 3]
    assert data.as_of == datetime(2024, 1, 3, 8, 30, tzinfo=UTC)

    merged = Dataset.from_sql(
        url,
        {"web": "select * from events", "app": "select * from app"},
        identities="select * from people",
        columns={"events": names},
    )
    assert merged.users.values == ["u1", "web:bo"]
    assert merged.events["platform"].to_list() == ["web", "web", "web", "app"]


def test_a_database_gives_the_dataset_of_its_tables(url: str) -> None:
    assert_is_read(url)


def test_reading_leaves_no_connection(url: str) -> None:
    assert_is_read(url)

    path = url.split("///")[1]
    with duckdb.connect(path) if "duckdb" in url else sqlalchemy.create_engine(url).begin() as it:
        (it.execute if "duckdb" in url else it.exec_driver_sql)("drop table events")


def test_a_failed_query_names_table_and_reason(url: str) -> None:
    with pytest.raises(DataError, match=r"catalogue: the query failed: .*nowhere"):
        Dataset.from_sql(
            url,
            "select visitor as user_id, item_id from events",
            catalogue="select * from nowhere",
        )


def test_a_statement_that_gives_no_table_is_refused_and_undone(url: str) -> None:
    with pytest.raises(DataError, match=r"events: the query (gives no table|failed)"):
        Dataset.from_sql(url, "delete from events")

    assert_is_read(url)


def test_an_empty_answer_is_refused(url: str) -> None:
    with pytest.raises(DataError, match="events: the table has no rows"):
        Dataset.from_sql(url, "select visitor as user_id, item_id from events where 1 = 0")


def test_columns_of_one_name_are_refused_or_told_apart(url: str) -> None:
    query = "select visitor as user_id, item_id, item_id from events"

    if url.startswith("duckdb"):
        assert Dataset.from_sql(url, query).items.values == [3, 4]
    else:
        with pytest.raises(DataError, match=r"events: the query failed: .*item_id"):
            Dataset.from_sql(url, query)


def test_values_of_several_types_come_as_text(tmp_path: Path) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table events (user_id, item_id, value)")
        connection.exec_driver_sql(
            "insert into events values (1, 'x', 2), ('u2', 'y', 2.5), (null, 'z', 'two')"
        )
    engine.dispose()

    data = Dataset.from_sql(f"sqlite:///{tmp_path / 'shop.db'}", "select * from events")

    assert data.events["user_id"].to_list() == ["1", "u2", None]
    assert data.events["value"].to_list() == [2.0, 2.5, None]
    assert data.events["value_as_given"].to_list() == ["2", "2.5", "two"]


def test_more_rows_than_one_batch_are_read(tmp_path: Path) -> None:
    count = 250_001
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    rows = pl.DataFrame({"user_id": range(count), "item_id": 1})
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table events (user_id, item_id, late)")
        connection.exec_driver_sql("insert into events values (?, ?, null)", rows.rows())
        connection.exec_driver_sql("update events set late = 'x' where user_id = 250000")
    engine.dispose()

    events = Dataset.from_sql(url, "select * from events").events

    assert events["user_id"].to_list() == list(range(count))
    assert events["late"].drop_nulls().to_list() == ["x"]


def as_postgres(command: list[str], folder: Path) -> None:
    """Runs a command of PostgreSQL, which refuses to be run by root."""
    user = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=60, **user)


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server that was started for this test."""
    if os.environ.get("HYBRIDREC_TEST_POSTGRESQL") != "1":
        pytest.skip("HYBRIDREC_TEST_POSTGRESQL=1 starts a PostgreSQL server")
    pytest.importorskip("psycopg")
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        pytest.skip("no PostgreSQL server here: apt-get install postgresql")
    with TemporaryDirectory() as name, socket.socket() as free:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody", "nogroup")
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        (folder / "password").write_text("geheim@to/o:")
        (folder / "password").chmod(0o644)
        data = ["-D", str(folder / "data")]
        login = ["-U", "shop", "-A", "scram-sha-256", f"--pwfile={folder / 'password'}"]
        as_postgres([str(programs / "initdb"), *data, *login, "-E", "UTF8"], folder)
        control = [str(programs / "pg_ctl"), *data, "-w", "-l", str(folder / "log")]
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        as_postgres([*control, "-o", options, "start"], folder)
        try:
            yield f"postgresql://shop:geheim%40to%2Fo%3A@127.0.0.1:{port}/postgres"
        finally:
            as_postgres([*control, "-m", "immediate", "stop"], folder)


class TestPostgresql:
    """A server of Debian's package, where the environment asks for one."""

    @pytest.fixture
    def url(self, postgresql: str) -> str:
        engine = sqlalchemy.create_engine(postgresql.replace("://", "+psycopg://"))
        with engine.begin() as connection:
            for statement in TABLES:
                connection.execution_options(no_parameters=True).exec_driver_sql(statement)
        engine.dispose()
        return postgresql

    def test_a_server_gives_the_dataset_of_its_tables(self, url: str) -> None:
        assert_is_read(url)
        assert_is_read(url.replace("://", "+psycopg://"))

    def test_its_types_are_read(self, url: str) -> None:
        query = """
            select ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid as user_id,
                   i as item_id,
                   timestamptz '2024-01-01 12:00+02' + i * interval '1 s' as timestamp,
                   (i / 8.0)::numeric as value, array['a', 'b'] as tags, i % 2 = 0 as even
            from generate_series(1, 150000) as i"""

        data = Dataset.from_sql(url, query)

        assert data.events.height == 150_000
        assert data.users.values[0] == UUID(int=1)
        assert data.since == datetime(2024, 1, 1, 10, 0, 1, tzinfo=UTC)
        assert data.events["value"].to_list() == [i / 8 for i in range(1, 150_001)]
        assert data.events["tags"][-1].to_list() == ["a", "b"]
        assert data.events["even"].to_list()[:2] == [False, True]

    def test_errors_are_the_servers_without_the_password(self, url: str) -> None:
        for query, bad, named in (
            ("select * from nowhere", url, 'relation "nowhere" does not exist'),
            ("select 1", url.replace("shop:", "thief:"), "password authentication failed"),
            ("select 1 / 0 as user_id", url, "division by zero"),
        ):
            with pytest.raises(DataError, match=named) as caught:
                Dataset.from_sql(bad, query)
            assert "geheim" not in str(caught.value)


class TestUrls:
    @pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
    @pytest.mark.parametrize("name", ["shop.db", ""])
    def test_a_missing_database_is_not_made(self, kind: str, name: str, tmp_path: Path) -> None:
        path = tmp_path / name

        with pytest.raises(DataError, match="no database at"):
            Dataset.from_sql(f"{kind}:///{path}", "select 1")

        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "duckdb:///:memory:"])
    def test_a_database_in_memory_holds_nothing(self, url: str) -> None:
        with pytest.raises(DataError, match="no database at"):
            Dataset.from_sql(url, "select 1")

    def test_a_relative_path_is_told_from_an_absolute_one(self) -> None:
        with pytest.raises(DataError, match="an absolute path takes four slashes"):
            Dataset.from_sql("duckdb:///tmp/none.duckdb", "select 1")

    @pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
    def test_a_file_of_another_kind_is_refused(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "shop.db"
        path.write_bytes(b"no database" * 1000)

        with pytest.raises(DataError, match="database"):
            Dataset.from_sql(f"{kind}:///{path}", "select * from events")

    @pytest.mark.parametrize(
        ("url", "named"),
        [
            ("foo://u:geheim@h/x", "no database 'foo' is known; write duckdb:///"),
            ("shop.db", "the URL of the database cannot be read; write duckdb:///"),
            ("postgresql://u:geheim@to@o:x/y", "the URL of the database cannot be read"),
            ("mssql+nothing://u:geheim@h/x", "no database 'mssql.nothing' is known"),
            ("postgresql://u:geheim@localhost:1/x", r"cannot open .*u:\*\*\*@localhost:1/x: "),
        ],
    )
    def test_that_lead_nowhere_are_refused_without_the_password(self, url: str, named: str) -> None:
        with pytest.raises(DataError, match=named) as caught:
            Dataset.from_sql(url, "select 1")

        assert "geheim" not in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "package"),
        [
            ("duckdb:///{}", "duckdb"),
            ("duckdb:///{}", "pyarrow"),
            ("sqlite:///{}", "sqlalchemy"),
            ("postgresql://u:geheim@localhost/x", "psycopg"),
        ],
    )
    def test_a_missing_package_is_named(
        self, url: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "shop.db"
        path.touch()
        monkeypatch.setitem(sys.modules, package, None)

        with pytest.raises(DataError, match=r"needs .*package.*pip install 'hybridrec\[sql\]'"):
            Dataset.from_sql(url.format(path), "select 1")
