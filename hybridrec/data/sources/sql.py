"""Tables from databases: DuckDB, and whatever SQLAlchemy reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import polars as pl

from hybridrec.data.sources.faults import UNREADABLE
from hybridrec.data.sources.frames import Table, label_of
from hybridrec.errors import DataError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_DUCKDB: Final = "duckdb:///"
_ROWS_AT_ONCE: Final = 100_000
_INSTALL: Final = "pip install 'hybridrec[sql]'"
_ACCEPTED: Final = (
    "duckdb:///shop.duckdb, sqlite:///shop.db, postgresql://user:password@host/shop, "
    "or another that SQLAlchemy has a driver for"
)

Ask: TypeAlias = Callable[[str], pl.DataFrame | None]
"""Answers a query; ``None`` where it gives no table."""


def read_queries(url: str, queries: Mapping[str, str]) -> dict[str, Table]:
    """The answers of a database as tables.

    Args:
        url: ``duckdb:///shop.duckdb`` (four slashes before an absolute path), or a URL that
            SQLAlchemy reads, such as ``sqlite:///shop.db`` or
            ``postgresql://user:password@host/shop``. Files are opened to be read only.
        queries: name of the table → its query.

    Raises:
        DataError: a URL that nothing reads, a package that is missing, a database that is not
            there, a query that fails or gives no table. Messages never hold the password.
    """
    connect = _duckdb if url.startswith(_DUCKDB) else _sqlalchemy
    tables = {}
    with connect(url) as ask:
        for name, query in queries.items():
            label = label_of(name)
            try:
                frame = ask(query)
            except _QueryError as error:
                raise DataError(f"{label}: the query failed: {error}") from error
            if frame is None:
                raise DataError(f"{label}: the query gives no table: {query}")
            tables[name] = Table(label, frame)
    return tables


class _QueryError(Exception):
    """A query that failed, in the database's words."""


@contextmanager
def _duckdb(url: str) -> Iterator[Ask]:
    path = _existing(url.removeprefix(_DUCKDB))
    for package in ("duckdb", "pyarrow"):  # DuckDB hands its answers over through pyarrow
        if find_spec(package) is None:
            raise DataError(f"reading DuckDB needs the package {package}: {_INSTALL}")
    import duckdb

    def ask(query: str) -> pl.DataFrame | None:
        try:
            answer = connection.sql(query)
            return None if answer is None else pl.DataFrame(answer.pl())
        except (duckdb.Error, *UNREADABLE) as error:
            raise _QueryError(error) from error

    try:
        connection = duckdb.connect(path, read_only=True)
    except duckdb.Error as error:
        raise DataError(f"cannot open {path}: {error}") from error
    with closing(connection):
        yield ask


@contextmanager
def _sqlalchemy(url: str) -> Iterator[Ask]:
    try:
        import sqlalchemy
    except ImportError as error:
        raise DataError(f"reading databases needs the package sqlalchemy: {_INSTALL}") from error

    def ask(query: str) -> pl.DataFrame | None:
        try:
            return _answer(connection, query)
        except (sqlalchemy.exc.SQLAlchemyError, TypeError, *UNREADABLE) as error:
            raise _QueryError(_said(error, address)) from error

    address = _address(url)
    engine = _engine(address)
    try:
        connection = engine.connect()
    except (sqlalchemy.exc.SQLAlchemyError, TypeError) as error:
        raise DataError(f"cannot open {address}: {_said(error, address)}") from error
    try:
        with connection:
            yield ask
    finally:
        engine.dispose()


def _address(url: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # its message may hold the password
        raise DataError(
            f"the URL of the database cannot be read; write {_ACCEPTED}. Signs such as @ and : in "
            "a password are written %40 and %3A"
        ) from None
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    path = address.database or ""
    if address.get_backend_name() == "sqlite" and not path.startswith("file:"):
        _existing(path)
    return address


def _engine(address: URL) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    try:
        return create_engine(address)
    except NoSuchModuleError as error:
        raise DataError(
            f"no database {address.drivername!r} is known; write {_ACCEPTED}"
        ) from error
    except ImportError as error:
        raise DataError(
            f"{address.drivername} needs the package {error.name!r}; {_INSTALL} brings those for "
            "DuckDB and PostgreSQL"
        ) from error
    except (SQLAlchemyError, TypeError) as error:
        raise DataError(f"cannot open {address}: {_said(error, address)}") from error


def _answer(connection: Connection, query: str) -> pl.DataFrame | None:
    """The rows of a query, in batches where the database can hand them out so."""
    # to the driver as it is: neither ":name" nor "%" in it stands for a parameter
    options = {"stream_results": True, "no_parameters": True}
    result = connection.execution_options(**options).exec_driver_sql(query)
    if not result.returns_rows:
        return None
    names = list(result.keys())
    frames = [
        pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None, strict=False)
        for rows in result.partitions(_ROWS_AT_ONCE)
    ]
    return pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame(schema=names)


def _existing(path: str) -> str:
    """The path of a database, once it is certain that opening it creates none.

    Raises:
        DataError: there is no such file.
    """
    if not Path(path).is_file():
        hint = "" if path.startswith("/") else f"; an absolute path takes four slashes: ////{path}"
        raise DataError(f"no database at {path!r}{hint}")
    return path


def _said(error: BaseException, address: URL) -> str:
    """The database's own words, without the password."""
    words = str(getattr(error, "orig", None) or error).strip()
    password = str(address.password or "")
    return words.replace(password, "***") if password else words
