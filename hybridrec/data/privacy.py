"""What a dataset tells of single people: ids under a key, and attributes few people share."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.data.identifiers import IdCodec
from hybridrec.errors import DataError, examples

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

PERSONAL: Final = "personal"
"""The role of columns that are about one person and that no model may read."""
SHORTEST_KEY: Final = 16
"""Bytes of a key that nobody finds by trying."""
PSEUDONYM_LENGTH: Final = 32
"""Hexadecimal characters of a pseudonym: 128 bits, so that no two users get the same."""


@dataclass(frozen=True)
class KAnonymity:
    """How many users share each combination of attributes.

    Args:
        k: what was asked for: every combination is to be shared by at least so many users.
        columns: the attributes that were combined.
        smallest: users of the rarest combination.
        users_below: users whose combination fewer than ``k`` share.
        groups: those combinations, the rarest first: the attributes and ``users``, how many.
    """

    k: int
    columns: tuple[str, ...]
    smallest: int
    users_below: int
    groups: pl.DataFrame

    @property
    def holds(self) -> bool:
        """Whether nobody stands out of a group of ``k``."""
        return self.users_below == 0


def pseudonymise(data: Dataset, key: bytes | str) -> Dataset:
    """This dataset with pseudonyms for user ids and without columns declared ``personal``.

    A pseudonym is 32 hexadecimal characters of the HMAC-SHA256 of the id: the same id under
    the same key is always the same pseudonym, so that tables and later deliveries still meet.
    Nobody without the key can compute or try out ids. Whoever has the key can, so keep it
    apart from the data. It does not hide what users did: unusual events, times and
    attributes may still give a person away (see :func:`k_anonymity`), and so may names in
    columns that are not declared, in session ids or in triples.

    Args:
        data: the tables.
        key: at least 16 bytes that nobody can guess; text is taken as UTF-8.

    Returns:
        The same rows in the same order; ids of users are strings.

    Raises:
        DataError: a shorter key, or ``item_id`` or ``timestamp`` declared personal.

    >>> from hybridrec import Dataset
    >>> events = pl.DataFrame({"user_id": ["ann", "bob"], "item_id": "a", "phone": "555"})
    >>> data = Dataset.from_frames(events, roles={"phone": "personal"})
    >>> data.pseudonymise("a key that is no secret").events.columns
    ['user_id', 'item_id']
    """
    secret = key.encode() if isinstance(key, str) else key
    if len(secret) < SHORTEST_KEY:
        raise DataError(
            f"the key has {len(secret)} bytes; give at least {SHORTEST_KEY} that nobody can guess, "
            "such as secrets.token_bytes(32)"
        )
    personal = _personal(data)
    for column in (Columns.ITEM, Columns.TIMESTAMP):
        if column in personal:
            raise DataError(f"{column!r} is declared personal, but no model can do without it")
    users = data.user_attributes
    tables = [data.events] if users is None else [data.events, users]
    known = pl.concat([table[Columns.USER].cast(pl.String) for table in tables]).unique()
    pseudonyms = {value: _pseudonym(value, secret) for value in known.drop_nulls().to_list()}
    gone = [*personal, *map(as_given, personal)]

    def without_names(table: pl.DataFrame) -> pl.DataFrame:
        user = pl.col(Columns.USER).cast(pl.String)
        user = user.replace_strict(pseudonyms, default=None, return_dtype=pl.String)
        return table.with_columns(user).drop(gone, strict=False)

    return replace(
        data,
        events=without_names(data.events),
        catalogue=data.catalogue.drop(gone, strict=False),
        user_attributes=None if users is None else without_names(users),
        user_codec=IdCodec("str"),
        declared_roles={
            column: role for column, role in data.declared_roles.items() if column not in personal
        },
    )


def k_anonymity(data: Dataset, columns: Sequence[str] | None = None, k: int = 5) -> KAnonymity:
    """Whether every combination of user attributes is shared by at least ``k`` users.

    Numbers and dates are combined as they are: round them first.

    Args:
        data: the tables.
        columns: attributes that somebody could know of a person; all of the user table that
            are not declared ``personal`` when ``None``.
        k: how many users are to share each combination.

    Raises:
        DataError: no table of users, no such attribute, ``k`` below 1.

    >>> from hybridrec import Dataset
    >>> events = pl.DataFrame({"user_id": ["u", "v", "w"], "item_id": "a"})
    >>> users = pl.DataFrame({"user_id": ["u", "v", "w"], "town": ["Ulm", "Ulm", "Bonn"]})
    >>> found = Dataset.from_frames(events, users=users).k_anonymity(k=2)
    >>> found.holds, found.users_below, found.groups.rows()
    (False, 1, [('Bonn', 1)])
    """
    table = data.user_attributes
    if table is None:
        raise DataError("there is no table of users; give one with Dataset.from_frames(users=…)")
    if k < 1:
        raise DataError(f"k={k}: a group has at least one user")
    hidden = {Columns.USER, *_personal(data)}
    attributes = [column for column in table.columns if column not in hidden]
    named = attributes if columns is None else list(columns)
    strange = [column for column in named if column not in table.columns or column == Columns.USER]
    if strange or not named:
        problem = f"no attribute {examples(strange)}" if strange else "no attribute to look at"
        raise DataError(f"users: {problem}; there are {examples(attributes, 12)}")
    groups = (
        table.filter(pl.col(Columns.USER).is_not_null())
        .group_by(named, maintain_order=True)
        .agg(pl.col(Columns.USER).unique())
        .with_columns(pl.col(Columns.USER).list.len().alias("users"))
        .sort("users", maintain_order=True)
    )
    below = groups.filter(pl.col("users") < k)
    return KAnonymity(
        k=k,
        columns=tuple(named),
        smallest=int(groups["users"][0]),
        users_below=below[Columns.USER].explode().n_unique(),
        groups=below.drop(Columns.USER),
    )


def _personal(data: Dataset) -> list[str]:
    return [
        column
        for column, role in data.declared_roles.items()
        if role == PERSONAL and column != Columns.USER
    ]


def _pseudonym(value: str, key: bytes) -> str:
    return hmac.digest(key, value.encode(), "sha256").hex()[:PSEUDONYM_LENGTH]
