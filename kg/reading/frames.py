"""Any dataframe as polars."""

import re
from typing import TYPE_CHECKING, TypeAlias, Union

import polars as pl

from kg.errors import TableError

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

IDENTIFIER_NAME = re.compile(r"(^|[_\s])id$", re.IGNORECASE)
"""What columns are called whose numbers are names."""

Frame: TypeAlias = Union[pl.DataFrame, pl.LazyFrame, "IntoFrame"]
"""A dataframe of polars, pandas, pyarrow or whatever else narwhals reads."""


def as_polars(frame: Frame, table: str) -> pl.DataFrame:
    """A dataframe of any library as polars; lazy ones are collected.

    Args:
        frame: The dataframe.
        table: What it is, for messages.

    Raises:
        TableError: When it is no dataframe, or polars cannot hold it.
    """
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    import narwhals as nw

    try:
        native = nw.from_native(frame)
        eager = native.collect() if isinstance(native, nw.LazyFrame) else native
        read = eager.to_polars()
    except (TypeError, ValueError, ImportError, pl.exceptions.PolarsError) as error:
        raise TableError(
            f"the {table} cannot be read as a table, being of type {type(frame).__name__}: "
            f"{error}; accepted are dataframes of polars, pandas, pyarrow and others that "
            "narwhals reads"
        ) from error
    return read.with_columns(
        pl.col(name).cast(pl.Int64)
        for name, dtype in read.schema.items()
        if dtype.is_float()
        and IDENTIFIER_NAME.search(name)
        and _is_of_integers(read.get_column(name))
    )


def _is_of_integers(numbers: pl.Series) -> bool:
    """Whether floats are integers with gaps, which pandas has no other type for."""
    given = numbers.drop_nulls()
    return bool(0 < given.len() < numbers.len() and (given == given.floor()).all())
