"""Pseudonyms hide ids and nothing else; k-anonymity counts who stands out."""

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.data import Dataset
from hybridrec.errors import DataError

KEY = b"0123456789abcdef"
EVENTS = pl.DataFrame(
    {
        "user_id": ["bo", "ana", "bo", None],
        "item_id": ["x", "y", "y", "x"],
        "timestamp": [datetime(2024, 1, number, tzinfo=UTC) for number in (1, 2, 3, 4)],
        "phone": ["1", "2", "1", "3"],
        "value": [1.0, 2.0, 3.0, 4.0],
    }
)
CATALOGUE = pl.DataFrame({"item_id": ["x", "y"], "title": ["X", "Y"], "seller": ["ana", "cy"]})
USERS = pl.DataFrame(
    {"user_id": ["cy", "ana", "bo"], "email": ["c@x", "a@x", "b@x"], "town": ["Ulm"] * 3}
)
ROLES = {"phone": "personal", "email": "personal", "seller": "personal", "town": "ignored"}


@pytest.fixture
def data() -> Dataset:
    return Dataset.from_frames(EVENTS, CATALOGUE, users=USERS, roles=ROLES)


def pseudonym(user: str) -> str:
    return hmac.new(KEY, user.encode(), hashlib.sha256).hexdigest()[:32]


def test_ids_of_users_are_the_hmac_in_every_table(data: Dataset) -> None:
    hidden = data.pseudonymise(KEY)

    expected = [pseudonym("bo"), pseudonym("ana"), pseudonym("bo"), None]
    assert hidden.events["user_id"].to_list() == expected
    assert hidden.user_attributes is not None
    assert hidden.user_attributes["user_id"].to_list() == [
        pseudonym(u) for u in ("cy", "ana", "bo")
    ]
    assert hidden.events.drop("user_id").equals(data.events.drop("user_id", "phone"))


def test_personal_columns_leave_every_table(data: Dataset) -> None:
    hidden = data.pseudonymise(KEY)

    assert hidden.events.columns == ["user_id", "item_id", "timestamp", "value"]
    assert hidden.catalogue.columns == ["item_id", "title"]
    assert hidden.user_attributes is not None
    assert hidden.user_attributes.columns == ["user_id", "town"]
    assert dict(hidden.declared_roles) == {"town": "ignored"}


def test_what_was_written_in_a_personal_column_leaves_with_it() -> None:
    events = EVENTS.with_columns(value=pl.Series(["1", "secret", "3", "4"]))
    data = Dataset.from_frames(events, roles={"value": "personal"})

    assert "value_as_given" in data.events.columns
    assert data.pseudonymise(KEY).events.columns == ["user_id", "item_id", "timestamp", "phone"]


def test_the_original_keeps_its_ids(data: Dataset) -> None:
    data.pseudonymise(KEY)

    assert data.events.equals(Dataset.from_frames(EVENTS, CATALOGUE).events)


def test_a_model_reads_the_same_histories() -> None:
    data = Dataset.from_frames(EVENTS.drop_nulls(), CATALOGUE)
    hidden = data.pseudonymise(KEY.decode())

    rows = hidden.users.rows_of([pseudonym(str(user)) for user in data.users.values])
    weights = data.histories().weights().toarray()
    assert (hidden.histories().weights().toarray()[rows] == weights).all()


@given(
    users=st.one_of(
        st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"])), min_size=1),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1),
    ),
    keys=st.tuples(st.binary(min_size=16), st.binary(min_size=16)),
)
def test_one_id_one_pseudonym_under_one_key(users: list[Any], keys: tuple[bytes, bytes]) -> None:
    if not any(str(user).strip() for user in users):
        return
    given_users = pl.Series("user_id", users)
    data = Dataset.from_frames(pl.DataFrame([given_users]).with_columns(item_id=pl.lit("x")))
    ids = data.events["user_id"]
    one, other = (data.pseudonymise(key).events["user_id"] for key in keys)

    assert one.drop_nulls().n_unique() == ids.drop_nulls().n_unique()
    assert (
        pl.DataFrame({"id": ids, "one": one}).drop_nulls().n_unique() == one.drop_nulls().n_unique()
    )
    assert one.is_null().equals(ids.is_null())
    assert one.drop_nulls().str.contains(r"^[0-9a-f]{32}$").all()
    if keys[0].rstrip(b"\0") != keys[1].rstrip(b"\0") and max(map(len, keys)) <= 64:
        assert not set(one.drop_nulls()) & set(other.drop_nulls())


@pytest.mark.parametrize("ids", [[7, 9], [UUID(int=7), UUID(int=9)], [("a", 1), ("b", 2)]], ids=str)
def test_ids_of_every_type_become_text(ids: list[Any]) -> None:
    dtype = None if isinstance(ids[0], int) else pl.Object
    events = pl.DataFrame({"user_id": pl.Series(ids, dtype=dtype), "item_id": ["x", "y"]})
    hidden = Dataset.from_frames(events).pseudonymise(KEY)

    assert hidden.user_codec.name == "str"
    assert all(isinstance(user, str) and len(user) == 32 for user in hidden.users.values)
    assert len(hidden.users) == 2


@pytest.mark.parametrize("key", [b"", "short", b"0" * 15])
def test_a_short_key_is_refused_and_not_shown(data: Dataset, key: bytes | str) -> None:
    with pytest.raises(DataError, match=f"{len(key)} bytes; give at least 16") as refused:
        data.pseudonymise(key)
    assert not key or str(key) not in str(refused.value)


@pytest.mark.parametrize("column", ["item_id", "timestamp"])
def test_a_column_nobody_can_do_without_is_not_removed(data: Dataset, column: str) -> None:
    with pytest.raises(DataError, match=f"'{column}' is declared personal"):
        replace(data, declared_roles={column: "personal"}).pseudonymise(KEY)


class TestKAnonymity:
    users = pl.DataFrame(
        {
            "user_id": ["a", "b", "c", "d", "e", "f"],
            "town": ["Ulm", "Ulm", "Ulm", "Bonn", None, None],
            "age": [30, 30, 40, 30, 30, 30],
            "email": list("abcdef"),
        }
    )

    def data(self, **roles: str) -> Dataset:
        events = pl.DataFrame({"user_id": ["a"], "item_id": ["x"]})
        return Dataset.from_frames(events, users=self.users, roles={"email": "personal", **roles})

    def test_counts_who_shares_all_attributes(self) -> None:
        found = self.data().k_anonymity(k=2)

        assert found.columns == ("town", "age")
        assert (found.k, found.smallest, found.users_below, found.holds) == (2, 1, 2, False)
        assert found.groups.columns == ["town", "age", "users"]
        assert set(found.groups.rows()) == {("Ulm", 40, 1), ("Bonn", 30, 1)}

    def test_holds_where_every_group_is_large_enough(self) -> None:
        found = self.data(age="personal").k_anonymity(k=1)

        assert found.holds
        assert (found.smallest, found.users_below, found.groups.height) == (1, 0, 0)

    def test_takes_the_columns_named(self) -> None:
        found = self.data().k_anonymity(["age"], k=5)

        assert found.groups.rows() == [(40, 1)]

    def test_a_user_in_two_rows_is_one(self) -> None:
        events = pl.DataFrame({"user_id": ["a"], "item_id": ["x"]})
        users = pl.DataFrame({"user_id": ["a", "a", "b", None], "town": ["Ulm"] * 4})
        found = Dataset.from_frames(events, users=users).k_anonymity(k=3)

        assert found.groups.rows() == [("Ulm", 2)]
        assert found.users_below == 2

    def test_lists_are_attributes_too(self) -> None:
        events = pl.DataFrame({"user_id": ["a"], "item_id": ["x"]})
        users = pl.DataFrame({"user_id": ["a", "b", "c"], "likes": [["x"], ["x"], ["x", "y"]]})
        found = Dataset.from_frames(events, users=users).k_anonymity(k=2)

        assert found.groups.rows() == [(["x", "y"], 1)]

    @given(
        towns=st.lists(st.sampled_from(["Ulm", "Bonn", None]), min_size=1, max_size=20),
        k=st.integers(1, 6),
    )
    def test_is_what_counting_by_hand_gives(self, towns: list[str | None], k: int) -> None:
        events = pl.DataFrame({"user_id": [0], "item_id": ["x"]})
        users = pl.DataFrame(
            {"user_id": range(len(towns)), "town": pl.Series(towns, dtype=pl.String)}
        )
        found = Dataset.from_frames(events, users=users).k_anonymity(k=k)

        counts = {town: towns.count(town) for town in set(towns)}
        assert found.smallest == min(counts.values())
        assert found.users_below == sum(count for count in counts.values() if count < k)
        assert dict(found.groups.rows()) == {t: n for t, n in counts.items() if n < k}

    def test_needs_a_table_of_users(self) -> None:
        with pytest.raises(DataError, match="no table of users"):
            Dataset.from_frames(EVENTS).k_anonymity()

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ({"columns": ["shoe"]}, "no attribute 'shoe'; there are 'town', 'age'"),
            ({"columns": ["user_id"]}, "no attribute 'user_id'"),
            ({"columns": []}, "no attribute to look at"),
            ({"k": 0}, "k=0"),
        ],
    )
    def test_refuses_what_it_cannot_count(self, arguments: dict[str, Any], named: str) -> None:
        with pytest.raises(DataError, match=named):
            self.data().k_anonymity(**arguments)

    def test_refuses_a_table_of_nothing_but_names(self) -> None:
        with pytest.raises(DataError, match="no attribute to look at"):
            self.data(town="personal", age="personal").k_anonymity()
