"""An explanation as a fragment of HTML, and what every page says of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from hybridrec.errors import RequestError
from hybridrec.explain.drawing import Scale
from hybridrec.explain.evidence import GraphPath
from hybridrec.explain.phrases import Language, phrases_of
from hybridrec.explain.words import WORDS
from hybridrec.pages import percent, templates

if TYPE_CHECKING:
    from jinja2 import Environment

    from hybridrec.explain.explanation import Explanation

_RELATION = re.compile(" (—[^—→]+→|←[^—]+—) ")


def explanation_html(explanation: Explanation, language: Language = "en") -> str:
    """An explanation as a fragment of HTML that brings its own styles.

    Args:
        explanation: what to show.
        language: English (``en``) or Chinese (``zh``).

    Raises:
        RequestError: another language.
    """
    words = words_of(language)
    return _TEMPLATES.get_template("explanation.html.j2").render(
        words=words,
        language=language,
        explanation=explanation,
        scale=Scale.over([explanation]),
    )


def words_of(language: Language) -> Mapping[str, Any]:
    """The fixed words of pages.

    Raises:
        RequestError: a language there are none for.
    """
    if language not in WORDS:
        raise RequestError(f"language {language!r} is not there; use {' or '.join(WORDS)}")
    return WORDS[language]


def explaining_templates(*packages: str) -> Environment:
    """The templates of packages that show explanations."""
    found = templates(*packages)
    found.globals |= {"reasons": _reasons, "steps": _steps}
    found.filters["percent"] = percent
    return found


def _reasons(explanation: Explanation, language: Language) -> str:
    """The reasons as a sentence of their own; the title stands above it."""
    given = explanation.reasons(language)
    if not given:
        return explanation.narrative(language)
    return f"{given[:1].upper()}{given[1:]}{WORDS[language]['stop']}"


def _steps(path: GraphPath, language: Language = "en") -> list[tuple[str, str]]:
    """The chain of a path: each node with the relation that leads on from it, none from the last.

    >>> path = GraphPath("Cola —brand→ Acme ←brand— Soda", "Cola", "brand", "Acme", 0.1, 1.0)
    >>> _steps(path)
    [('Cola', '—brand→'), ('Acme', '←brand—'), ('Soda', '')]
    >>> _steps(path, "zh")
    [('Cola', '—品牌→'), ('Acme', '←品牌—'), ('Soda', '')]
    """
    names = phrases_of(language, "merchandiser").relations
    pieces = _RELATION.split(path.text)
    relations = []
    for arrow in pieces[1::2]:
        name = arrow.strip("—→←")
        relations.append(arrow.replace(name, names.get(name, name)))
    return list(zip_longest(pieces[::2], relations, fillvalue=""))


_TEMPLATES = explaining_templates("hybridrec.explain")
