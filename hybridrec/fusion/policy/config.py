"""What a shop demands of its lists, as settings: YAML in, YAML out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias
from uuid import UUID

import yaml
from pydantic import AfterValidator, Field, field_validator, model_validator

from hybridrec.data.times import in_utc
from hybridrec.settings import Settings

ItemId: TypeAlias = str | int | UUID | tuple[str | int | UUID, ...]
"""An item's id, as the shop writes it."""
Moment: TypeAlias = date | datetime
"""A day, or a moment; without a zone it is in UTC."""
Items = Annotated[Sequence[ItemId], AfterValidator(tuple)]
Conditions: TypeAlias = str | Annotated[Sequence[str], AfterValidator(tuple)]
DiversityMethod = Literal["mmr", "dpp"]


class _Dated(Settings):
    """A rule of a merchandiser that holds from one day until another."""

    note: str = ""
    """Why, in words; shown in the explanation."""
    valid_from: Moment | None = None
    """First day, or first moment, it holds; null for always before."""
    valid_until: Moment | None = None
    """Last day, the whole of it, or last moment; null for always after."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from is not None and self.valid_until is not None:
            start = moment(self.valid_from)
            if not (start <= moment(self.valid_until) or self.holds(start)):
                raise ValueError(
                    f"valid_until={self.valid_until} lies before valid_from={self.valid_from}"
                )
        return self

    def holds(self, at: datetime) -> bool:
        """Whether it holds at a moment."""
        if self.valid_from is not None and at < moment(self.valid_from):
            return False
        if self.valid_until is None:
            return True
        if isinstance(self.valid_until, datetime):
            return at <= moment(self.valid_until)
        return at < moment(self.valid_until) + timedelta(days=1)


class Boost(_Dated):
    """Items raised or lowered by a fixed part of a score."""

    by: float = Field(allow_inf_nan=False)
    """What is added to the score, in its units; below zero to lower."""
    where: str | None = None
    """Which items: a condition over catalogue columns; or"""
    items: Items = ()
    """which items, by id; raised ones become candidates of everyone."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.where is None) == (not self.items):
            raise ValueError("a boost needs either where or items, not both and not neither")
        return self

    @field_validator("where")
    @classmethod
    def _parses(cls, where: str | None) -> str | None:
        return None if where is None else _checked(where, "where")


class Pin(_Dated):
    """An item put at a rank."""

    item: ItemId
    """Which."""
    rank: int = Field(ge=1)
    """Where: 1 is the top."""


class Policy(Settings):
    """What may be shown, and how lists are mixed.

    The steps are applied in the order of the fields: filters, boosts, diversity, caps,
    exploration, pins; ``docs/policy.md`` says how each works.

    >>> policy = Policy(where="price < 5", boosts=[Boost(by=0.5, where="brand = 'X'")])
    >>> policy.boosts[0].by
    0.5
    """

    where: Conditions | None = None
    """A condition over catalogue columns, or several that must all hold."""
    allow: Items | None = None
    """The only items that may be shown; null for all."""
    deny: Items = ()
    """Items that are never shown."""
    available_only: bool = True
    """Whether items are hidden before their ``available_from`` and after their ``available_to``,
    where the catalogue has these columns."""
    boosts: Annotated[Sequence[Boost], AfterValidator(tuple)] = ()
    """Items raised or lowered; those on the same item add up."""
    diversity: float = Field(0.0, ge=0, le=1)
    """0 for relevance alone, to 1: how much likeness to the other items of the list costs."""
    diversity_method: DiversityMethod = "mmr"
    """``mmr``: the greatest likeness to one item counts; ``dpp``: likeness to all of them together
    (a determinantal point process)."""
    caps: Mapping[str, Annotated[int, Field(ge=1)]] = {}
    """For catalogue columns how often one value may stand in a list."""
    exploration: float = Field(0.0, ge=0, le=1)
    """The share of places given to candidates that few users have met."""
    pins: Annotated[Sequence[Pin], AfterValidator(tuple)] = ()
    """Items put at a rank."""
    seed: int = Field(0, ge=0)
    """Which items are explored, and where, follows from this and the user."""

    @field_validator("where")
    @classmethod
    def _parses(cls, where: Conditions | None) -> Conditions | None:
        for text in (where,) if isinstance(where, str) else where or ():
            _checked(text, "where")
        return where

    @property
    def conditions(self) -> tuple[str, ...]:
        """All of ``where``."""
        if self.where is None:
            return ()
        return (self.where,) if isinstance(self.where, str) else tuple(self.where)

    def to_yaml(self) -> str:
        """The policy as YAML that :meth:`from_yaml` reads back; ids that YAML lacks, as text."""
        plain = _plain(self.model_dump())
        return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True)


def moment(when: Moment) -> datetime:
    """A day's first moment, or the moment itself, in UTC.

    >>> moment(date(2024, 5, 31)).isoformat()
    '2024-05-31T00:00:00+00:00'
    """
    if not isinstance(when, datetime):
        when = datetime.combine(when, time())
    return in_utc(when)


def _checked(where: str, name: str) -> str:
    # lark is slow to import, and most policies are read without a condition
    from hybridrec.fusion.policy.parsing import parse

    parse(where, name)
    return where


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, UUID) else value
