"""Examples on disk, where they wait for the ranker while further towers learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from hybridrec.config import Exclude
from hybridrec.fusion.examples import Examples
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.memory import give_back_memory

EXAMPLES: Final = "examples"
LEARNT, HELD_OUT = KINDS = ("learnt from", "held out")


class ExampleStore:
    """What rankers learn from at each moment, and what is held out of it.

    Args:
        checkpoints: where it is written.
    """

    def __init__(self, checkpoints: Checkpoints) -> None:
        self._checkpoints = checkpoints
        self._moments: dict[Exclude, list[str]] = {}

    @classmethod
    @contextmanager
    def beside(cls, checkpoints: Checkpoints | None) -> Iterator[Self]:
        """A store among the checkpoints of a fit; without any, in a folder for the time being."""
        if checkpoints is not None:
            yield cls(checkpoints)
            return
        with TemporaryDirectory(prefix="hybridrec-") as folder:
            yield cls(Checkpoints(Path(folder), fingerprint=""))

    def add(
        self, question: Exclude, moment: str, find: Callable[[], tuple[Examples, Examples]]
    ) -> None:
        """Keeps what is found at a moment; it is not sought where an earlier run kept it.

        Args:
            question: what is asked.
            moment: its name.
            find: gives what to learn from, and what is held out.
        """
        self._moments.setdefault(question, []).append(moment)
        names = [_name(kind, question, moment) for kind in KINDS]
        if not all(map(self._checkpoints.has, names)):
            for name, found in zip(names, find(), strict=True):
                self._checkpoints.save(name, found.arrays(), {})

    def learnt_from(self, question: Exclude) -> Examples:
        """All that is to be learnt from."""
        return self._joined(LEARNT, question)

    def held_out(self, question: Exclude) -> Examples:
        """All that is held out."""
        return self._joined(HELD_OUT, question)

    def clear(self) -> None:
        """Removes everything kept, by earlier runs too."""
        self._checkpoints.remove(EXAMPLES)

    def _joined(self, kind: str, question: Exclude) -> Examples:
        parts = []
        for moment in self._moments.get(question, []):
            known = self._checkpoints.load(_name(kind, question, moment))
            assert known is not None
            parts.append(Examples.from_arrays(known[0]))
            del known  # so that the list alone holds it
        joined = Examples.joined(parts)
        give_back_memory()
        return joined


def _name(kind: str, question: Exclude, moment: str) -> str:
    return f"{EXAMPLES} {kind} ({question}), {moment}"
