"""One user: what is recommended, why, and what would have to be different."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from hybridrec.explain.evidence import PastItem
from hybridrec.recommendations import Recommendations

EVIDENCE = 10
"""Past items of each contribution that JSON names."""


@dataclass(frozen=True, slots=True)
class UserReport:
    """What the report shows of one user.

    Args:
        user_id: the user; ``None`` for a visitor.
        recommendations: the list, each with its explanation.
        kind: who that is in a few words: ``buys the same again``.
        segment: the name of the user's segment by language; empty where there is none.
        recent: the items the user met last, latest first; only names and dates are shown.
        discoveries: a second list, of items new to the user, each with its explanation.
        removals: by list, for some of its items the titles of the fewest past items without which
            they would not be among the first by score alone; ``None`` where no such set is found.
    """

    user_id: Hashable | None
    recommendations: Recommendations
    kind: str = ""
    segment: Mapping[str, str] = field(default_factory=dict)
    recent: Sequence[PastItem] = ()
    discoveries: Recommendations | None = None
    removals: Mapping[str, Mapping[Hashable, tuple[str, ...] | None]] = field(default_factory=dict)

    @property
    def lists(self) -> dict[str, Recommendations]:
        """The lists by what they are: ``recommended`` and, where there is one, ``discoveries``."""
        lists = {"recommended": self.recommendations}
        if self.discoveries is not None:
            lists["discoveries"] = self.discoveries
        return lists

    @property
    def days(self) -> list[tuple[str | None, list[PastItem]]]:
        """The latest items by date, ``None`` for those without one."""
        dated = groupby(self.recent, lambda item: item.last and f"{item.last:%Y-%m-%d}")
        return [(day, list(items)) for day, items in dated]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; of past items those that weigh most."""
        return {
            "user_id": self.user_id,
            "kind": self.kind,
            "segment": dict(self.segment) or None,
            **{
                name: [
                    row | {"without": self._removal(name, row["item_id"])}
                    for row in recommended.to_dicts(EVIDENCE)
                ]
                for name, recommended in self.lists.items()
            },
        }

    def _removal(self, name: str, item: Hashable) -> list[str] | None:
        titles = self.removals.get(name, {}).get(item)
        return None if titles is None else list(titles)
