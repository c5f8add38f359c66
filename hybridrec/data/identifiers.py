"""Shop ids of any hashable type ⇄ row numbers."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

import numpy as np
import polars as pl

from hybridrec.arrays import IntArray
from hybridrec.errors import DataError

_NATIVE = (pl.String, pl.Int64, pl.UInt64)
FEW = 100


@dataclass(frozen=True, slots=True)
class IdCodec:
    """How ids of one Python type are kept in a table column, and read back.

    Integers and strings stay what they are; a UUID is kept as its text and a tuple as JSON.
    """

    name: str

    @classmethod
    def of(cls, value: Hashable) -> IdCodec:
        """The codec for ids of this value's type.

        Raises:
            DataError: if ids of this type cannot be told apart again once they are stored.
        """
        if isinstance(value, bool) or not isinstance(value, (str, int, UUID, tuple)):
            raise DataError(
                f"an id of type {type(value).__name__} ({value!r}) cannot be stored; "
                "use int, str, uuid.UUID or a tuple of those"
            )
        if isinstance(value, tuple):
            for part in value:
                if isinstance(part, bool) or not isinstance(part, (str, int, UUID)):
                    raise DataError(
                        f"an id of type tuple with a {type(part).__name__} ({value!r}) cannot be "
                        "stored; a tuple may hold int, str and uuid.UUID"
                    )
        kinds = (str, int, UUID, tuple)
        return cls(next(kind.__name__ for kind in kinds if isinstance(value, kind)))

    def encode(self, value: Hashable) -> str | int:
        """The stored form of one id."""
        if isinstance(value, tuple):
            IdCodec.of(value)
            return json.dumps([{"uuid": str(p)} if isinstance(p, UUID) else p for p in value])
        if isinstance(value, UUID):
            return str(value)
        if isinstance(value, (str, np.str_)):
            return str(value)
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            return int(value)
        raise DataError(f"id {value!r} is not of type {self.name}")

    def decode(self, value: str | int) -> Hashable:
        """The shop's own form of one stored id."""
        match self.name:
            case "UUID":
                return UUID(str(value))
            case "tuple":
                parts = json.loads(str(value))
                return tuple(UUID(p["uuid"]) if isinstance(p, dict) else p for p in parts)
            case _:
                return value


def normalise_ids(column: pl.Series) -> tuple[pl.Series, IdCodec]:
    """A column of ids in stored form (string or integer), and the codec that reads them back.

    Raises:
        DataError: if the column is empty of ids, holds floats with fractions or mixes types.
    """
    if column.dtype.is_float():
        column = column.fill_nan(None)  # how pandas writes null
    if column.null_count() == column.len():
        raise DataError(f"column {column.name!r} holds no id at all: every value is null")
    if column.dtype in (pl.Categorical, pl.Enum):
        column = column.cast(pl.String)
    if column.dtype.is_integer():
        # one type for all integers, so that tables meet; only what is above Int64 stays unsigned
        least, most = int(column.min()), int(column.max())  # type: ignore[arg-type]
        if least < -(2**63) or most >= 2**64 or (least < 0 and most >= 2**63):
            raise DataError(
                f"column {column.name!r} runs from {least} to {most}, which 64 bits cannot hold; "
                "give the ids as strings"
            )
        return column.cast(pl.Int64 if most < 2**63 else pl.UInt64), IdCodec("int")
    if column.dtype == pl.String:
        return column, IdCodec("str")
    if column.dtype.is_float():
        # pandas turns integers into floats as soon as one is missing
        values = column.drop_nulls()
        whole = values.cast(pl.Int64, strict=False)
        fractional = values.filter((whole.cast(column.dtype) != values).fill_null(True))
        if fractional.len():
            raise DataError(
                f"column {column.name!r} holds fractional numbers such as {fractional[0]!r}; "
                "ids are whole numbers, strings, UUIDs or tuples"
            )
        return column.cast(pl.Int64), IdCodec("int")
    raw = [tuple(v) if isinstance(v, list) else v for v in column.to_list()]
    codec = IdCodec.of(next(v for v in raw if v is not None))
    other = next((v for v in raw if v is not None and IdCodec.of(v) != codec), None)
    if other is not None:
        raise DataError(
            f"column {column.name!r} mixes ids of type {codec.name} with {other!r}; give one type"
        )
    stored = [None if v is None else codec.encode(v) for v in raw]
    return pl.Series(column.name, stored), codec


def ids_column(ids: Sequence[Hashable | None]) -> pl.Series:
    """The shop's own ids as a column; of objects where they are neither text nor integers."""
    plain = all(isinstance(value, (str, int)) or value is None for value in ids)
    return pl.Series(ids) if plain else pl.Series(ids, dtype=pl.Object)


@dataclass(frozen=True)
class IdMap:
    """Row number ⇄ id, in a fixed order.

    Args:
        stored: the ids in stored form, one a row, unique.
        codec: how they are read back.

    >>> ids = IdMap(pl.Series(["b", "a"]), IdCodec("str"))
    >>> ids.rows_of(["a", "z"]).tolist()
    [1, -1]
    >>> ids.ids_of([0])
    ['b']
    """

    stored: pl.Series
    codec: IdCodec

    def __len__(self) -> int:
        return self.stored.len()

    def __contains__(self, item: object) -> bool:
        return self.row(item) >= 0

    @cached_property
    def _row_of(self) -> dict[str | int, int]:
        return {value: row for row, value in enumerate(self.stored.to_list())}

    def extended(self, fresh: pl.Series) -> IdMap:
        """With more ids, in stored form and none of them known, in the rows after all others.

        Raises:
            DataError: negative numbers here and numbers of 2⁶³ or more there.
        """
        if fresh.dtype == self.stored.dtype:
            return IdMap(pl.concat([self.stored, fresh.rename(self.stored.name)]), self.codec)
        for ids in (self.stored, fresh):
            least = ids.min()
            if isinstance(least, int) and least < 0:
                raise DataError(
                    f"ids {least} and 2**63 or more cannot stand together; give them as strings"
                )
        wide = [ids.cast(pl.UInt64).rename(self.stored.name) for ids in (self.stored, fresh)]
        return IdMap(pl.concat(wide), self.codec)

    def row(self, value: object) -> int:
        """The row of one id, -1 for an unknown one."""
        if not isinstance(value, Hashable):
            return -1
        try:
            return self._row_of.get(self.codec.encode(value), -1)
        except DataError:
            return -1

    def rows_of(self, ids: Iterable[object]) -> IntArray:
        """Rows of many ids, shape ``(n,)``; -1 where an id is unknown."""
        return np.fromiter((self.row(value) for value in ids), dtype=np.int64)

    def join(self, column: pl.Series) -> IntArray:
        """Rows of a stored column, shape ``(n,)``; -1 where an id is unknown."""
        if column.dtype != self.stored.dtype:
            return np.full(column.len(), -1, dtype=np.int64)
        table = pl.DataFrame({"id": self.stored, "row": np.arange(len(self), dtype=np.int64)})
        joined = (
            column.rename("id").to_frame().join(table, on="id", how="left", maintain_order="left")
        )
        return joined["row"].fill_null(-1).to_numpy()

    def ids_of(self, rows: Sequence[int] | IntArray) -> list[Hashable]:
        """The shop's own ids of these rows."""
        places = np.asarray(rows, dtype=np.int64)
        if places.size < FEW:  # polars looks up many at once, at a price
            stored = [self.stored[row] for row in places.tolist()]
        else:
            stored = self.stored.gather(places).to_list()
        if self.codec.name in ("int", "str"):
            return stored
        return [self.codec.decode(value) for value in stored]

    @cached_property
    def values(self) -> list[Hashable]:
        """Every id, in row order."""
        return self.ids_of(np.arange(len(self)))
