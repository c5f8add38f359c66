"""Ids of any type go in and the same ids come out."""

import uuid
from collections.abc import Hashable
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.data import Dataset, IdMap
from hybridrec.data.identifiers import IdCodec, normalise_ids
from hybridrec.errors import DataError

INTEGERS = st.integers(-(2**63), 2**63 - 1)
ID_LISTS = st.one_of(
    st.lists(INTEGERS, min_size=1, unique=True),
    st.lists(st.text(), min_size=1, unique=True),
    st.lists(st.uuids(), min_size=1, unique=True),
    st.lists(st.tuples(st.text(), INTEGERS), min_size=1, unique=True),
)
WRITTEN = st.text(st.characters(exclude_categories=["Cs"])).filter(str.strip)
PARTS = st.one_of(INTEGERS, st.text(), st.uuids())
SHOP_IDS = {
    "int": st.lists(INTEGERS, min_size=1, unique=True),
    "str": st.lists(WRITTEN, min_size=1, unique=True),
    "UUID": st.lists(st.uuids(), min_size=1, unique=True),
    "tuple": st.lists(
        st.lists(PARTS, max_size=3).map(tuple), min_size=1, unique_by=lambda id_: repr(id_)
    ),
}
"""Ids that a shop could have, of each type; a blank text is none."""


def id_map(ids: list[Hashable]) -> IdMap:
    stored, codec = normalise_ids(pl.Series("id", ids, dtype=_dtype(ids[0])))
    return IdMap(stored, codec)


def shop_of(ids: list[Hashable]) -> Dataset:
    """A dataset in which each id is the user of one event, and its item."""
    column = pl.Series("id", ids, dtype=_dtype(ids[0]))
    return Dataset.from_frames(pl.DataFrame({"user_id": column, "item_id": column}))


def _dtype(value: Hashable) -> type[pl.DataType]:
    return {int: pl.Int64, str: pl.String}.get(type(value), pl.Object)


@given(ID_LISTS)
def test_ids_round_trip_through_rows(ids: list[Hashable]) -> None:
    known = id_map(ids)

    assert known.values == ids
    assert [type(value) for value in known.values] == [type(value) for value in ids]
    assert known.rows_of(ids).tolist() == list(range(len(ids)))


@given(ID_LISTS)
def test_the_join_of_a_column_gives_the_rows_of_its_ids(ids: list[Hashable]) -> None:
    known = id_map(ids)
    backwards = list(reversed(ids))
    column, _ = normalise_ids(pl.Series("id", backwards, dtype=_dtype(ids[0])))

    assert known.join(column).tolist() == known.rows_of(backwards).tolist()


@given(ids=ID_LISTS, row=st.integers(0))
def test_ids_left_out_are_unknown(ids: list[Hashable], row: int) -> None:
    out = ids[row % len(ids)]
    kept = [value for value in ids if value != out]
    if not kept:
        return
    known = id_map(kept)

    assert known.rows_of([out]).tolist() == [-1]
    assert out not in known
    assert all(value in known for value in kept)


@pytest.mark.parametrize("kind", SHOP_IDS)
@given(data=st.data())
def test_a_dataset_knows_its_users_and_items_by_their_own_ids(
    kind: str, data: st.DataObject
) -> None:
    ids: list[Hashable] = data.draw(SHOP_IDS[kind])
    shop = shop_of(ids)

    assert shop.user_codec == shop.item_codec == IdCodec(kind)
    assert shop.items.values == ids
    assert shop.users.ids_of(shop.users.join(shop.events["user_id"])) == ids
    assert [type(value) for value in shop.items.values] == [type(value) for value in ids]
    assert shop.items.rows_of(ids).tolist() == list(range(len(ids)))
    rows = shop.users.rows_of(ids)
    assert sorted(rows) == list(range(len(ids)))
    assert shop.users.ids_of(rows) == ids


@pytest.mark.parametrize("kind", SHOP_IDS)
@given(data=st.data())
def test_ids_of_events_survive_a_file(kind: str, data: st.DataObject) -> None:
    ids: list[Hashable] = data.draw(SHOP_IDS[kind])
    shop = shop_of(ids)
    file = BytesIO()
    shop.events.write_parquet(file)
    file.seek(0)
    events = pl.read_parquet(file)

    assert [shop.user_codec.decode(value) for value in events["user_id"]] == ids
    assert shop.items.join(events["item_id"]).tolist() == list(range(len(ids)))
    if kind in ("int", "str"):
        assert Dataset.from_frames(events).items.values == ids


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0", "\u3000"])
def test_a_blank_text_is_no_id(blank: str) -> None:
    events = pl.DataFrame({"user_id": ["u", blank], "item_id": ["x", "y"]})

    assert Dataset.from_frames(events).events["user_id"].to_list() == ["u", None]


def test_a_tuple_gives_back_the_uuid_in_it() -> None:
    ids: list[Hashable] = [("shop", uuid.UUID(int=7)), ("shop", uuid.UUID(int=8))]

    assert id_map(ids).values == ids


@pytest.mark.parametrize("part", [b"x", object(), ("a", 1)])
def test_a_tuple_of_anything_else_is_refused_by_name(part: object) -> None:
    column = pl.Series("user_id", [("a", part)], dtype=pl.Object)

    with pytest.raises(DataError, match="tuple"):
        normalise_ids(column)


@pytest.mark.parametrize(
    "stranger", [None, 1.5, True, b"u1", ["u1"], ("u1", object()), uuid.UUID(int=1), object()]
)
@pytest.mark.parametrize("ids", [["u1", "u2"], [1, 2], [("u1", 1)], [uuid.UUID(int=5)]])
def test_values_of_other_types_are_unknown_never_an_error(
    ids: list[Hashable], stranger: object
) -> None:
    assert id_map(ids).row(stranger) == -1
    assert stranger not in id_map(ids)


def test_numpy_scalars_are_the_ids_they_equal() -> None:
    assert id_map([3, 4]).rows_of(np.array([4, 5])).tolist() == [1, -1]
    assert id_map(["a", "b"]).rows_of(np.array(["b", "c"])).tolist() == [1, -1]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("user_id", [1, "a"], dtype=pl.Object),
        pl.Series("user_id", ["a", uuid.UUID(int=1)], dtype=pl.Object),
        pl.Series("user_id", [uuid.UUID(int=1), "a"], dtype=pl.Object),
        pl.Series("user_id", [("a", 1), "a"], dtype=pl.Object),
    ],
    ids=["int and str", "str and uuid", "uuid and str", "tuple and str"],
)
def test_mixed_id_types_are_refused(column: pl.Series) -> None:
    with pytest.raises(DataError, match=r"'a'|UUID"):
        normalise_ids(column)


def test_mixed_id_types_of_pandas_are_refused() -> None:
    frame = pd.DataFrame({"user_id": ["a", 1], "item_id": ["x", "y"]})

    with pytest.raises(DataError, match="user_id"):
        Dataset.from_frames(frame)


def test_fractions_are_refused_by_value() -> None:
    with pytest.raises(DataError, match=r"2\.5"):
        normalise_ids(pl.Series("user_id", [1.0, 2.5]))


@pytest.mark.parametrize("value", [True, b"x", 1.5])
def test_types_without_a_codec_are_refused_by_name(value: Hashable) -> None:
    with pytest.raises(DataError, match=type(value).__name__):
        IdCodec.of(value)


def test_whole_floats_are_integers() -> None:
    stored, codec = normalise_ids(pl.Series("user_id", [3.0, None, 5.0]))

    assert stored.to_list() == [3, None, 5]
    assert codec == IdCodec("int")


@pytest.mark.parametrize("dtype", [pl.Int8, pl.UInt16, pl.Int32, pl.UInt32, pl.UInt64])
def test_integers_of_every_width_meet(dtype: type[pl.DataType]) -> None:
    events = pl.DataFrame({"user_id": [1, 2], "item_id": pl.Series([7, 8], dtype=dtype)})
    catalogue = pl.DataFrame({"item_id": [8, 7]})

    histories = Dataset.from_frames(events, catalogue).histories()

    assert histories.items.tolist() == [1, 0]


def test_unsigned_ids_above_the_signed_range_survive() -> None:
    ids = [2**63 + 5, 3]
    data = Dataset.from_frames(
        pl.DataFrame({"user_id": pl.Series(ids, dtype=pl.UInt64), "item_id": ["x", "y"]})
    )

    assert set(data.users.values) == set(ids)
    assert data.users.row(2**63 + 5) >= 0


class Key(NamedTuple):
    platform: str
    number: int


def test_named_tuples_are_tuples() -> None:
    known = id_map([Key("web", 7), Key("app", 8)])

    assert known.ids_of([1]) == [("app", 8)]
    assert known.row(("web", 7)) == 0


def test_missing_ids_of_floats_are_null() -> None:
    stored, codec = normalise_ids(pl.Series("id", [1.0, float("nan")]))

    assert stored.to_list() == [1, None]
    assert codec.name == "int"


@pytest.mark.parametrize(
    ("ids", "dtype"), [([2**64], pl.Int128), ([-1, 2**63], pl.Int128), ([-(2**63) - 1], pl.Int128)]
)
def test_integers_beyond_64_bits_are_refused(ids: list[int], dtype: Any) -> None:
    with pytest.raises(DataError, match="64 bits cannot hold; give the ids as strings"):
        normalise_ids(pl.Series("id", ids, dtype=dtype))
