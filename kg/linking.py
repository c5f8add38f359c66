"""Mentions in free text, linked to the entities that they speak of.

A mention is looked for in four ways, the surer first:

- ``exact``: it is an entity's name, or, but for items, its key: score 1;
- ``normalised``: it is one without case, accents, punctuation and spaces: score 0.99;
- ``alias``: it is, so normalised, on the list of other names that the caller gave: score 0.98;
- ``fuzzy``, when it is none of these: it is one misspelt, with its words in another order, or with
  other spaces: score 0.97 * (1 - letters apart / letters of the longer one).

Misspelt are two letters at most, in different words, each of seven letters or more (five for two
letters in each other's place). Digits never differ, and no sign of a script whose signs are
syllables or words, such as Chinese: one of them makes another word.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from kg.errors import LinkRequestError, UnknownEntityError, examples
from kg.schema import ITEM
from kg.text import SHORTEST_SWAPPED, SYLLABLES, may_be_misspelt, normalised

if TYPE_CHECKING:
    from kg.graph import KnowledgeGraph

How = Literal["exact", "normalised", "alias", "fuzzy"]

SCORES: dict[How, float] = {"exact": 1.0, "normalised": 0.99, "alias": 0.98, "fuzzy": 0.97}
"""What a link found so scores, at most."""
MIN_SCORE = 0.8
"""Links that score less are left out unless asked for; see ``benchmarks/kg_linking.py``."""
MOST_LETTERS = 2
"""Letters that a misspelt name may differ in."""

_BLOCK = 1_000
_WORD = rf"{SYLLABLES}[\p{{M}}ﾞﾟ]*|[\p{{L}}\p{{M}}\p{{N}}+#%--{SYLLABLES}]+"
_LINK = ("entity", "type", "key", "name", "score", "how")


@dataclass(frozen=True, slots=True)
class Link:
    """An entity that a mention may speak of.

    Attributes:
        entity: Its index.
        type: Its type, such as ``"brand"``.
        key: Its key.
        name: Its name.
        score: How sure the link is, from 0 to 1; see :mod:`kg.linking`.
        how: In which way it was found.
    """

    entity: int
    type: str
    key: str
    name: str
    score: float
    how: How


@dataclass(frozen=True, slots=True)
class Mention:
    """A part of a text that speaks of an entity.

    Attributes:
        start: Where it begins, in characters.
        end: Where it ends: ``text[start:end]`` is the mention.
        links: What it may speak of, best first.
    """

    start: int
    end: int
    links: tuple[Link, ...]


class EntityLinker:
    """Links what people write to the entities of a graph.

    Args:
        graph: Whose entities to link to.
        aliases: Other names, each with what it stands for: the name (or key) of all entities so
            called, or ``(type, key)`` of one.
        types: The types of entities to link to; all when None.

    Raises:
        UnknownEntityError: When an alias stands for nothing in the graph, or the graph has no
            entities of a type.

    >>> from kg import KnowledgeGraph
    >>> catalogue = pl.DataFrame(
    ...     {"item_id": [1, 2], "title": ["Red lipstick", "Soap"], "brand": ["L'Oréal", "Dove"]}
    ... )
    >>> linker = EntityLinker(KnowledgeGraph.from_catalogue(catalogue), {"OAP": "L'Oréal"})
    >>> for mention in ("Dove", "L'OREAL", "oap", "lipstik red", "Nivea"):
    ...     print(mention, [(link.name, link.how) for link in linker.link(mention)])
    Dove [('Dove', 'exact')]
    L'OREAL [("L'Oréal", 'normalised')]
    oap [("L'Oréal", 'alias')]
    lipstik red [('Red lipstick', 'fuzzy')]
    Nivea []
    """

    def __init__(
        self,
        graph: "KnowledgeGraph",
        aliases: Mapping[str, str | tuple[str, str]] | None = None,
        types: Iterable[str] | None = None,
    ) -> None:
        self._types = _checked_types(types, graph.entities["type"].unique().sort().to_list())
        self._entities = graph.entities.with_columns(degree=graph.degree)
        names = _names(graph.entities)
        others = _aliases(graph, names, aliases or {})
        forms = pl.concat(
            [
                names.with_columns(how=pl.lit("normalised")),
                others.with_columns(how=pl.lit("alias")),
            ]
        ).join(graph.entities.select("entity", "type"), on="entity", maintain_order="left")
        self._forms = _compared(forms.filter(pl.col("type").is_in(self._types)), "written")
        words = 1 + self._forms.get_column("reading").str.count_matches(" ")
        self._most_words = max(words, default=0)

    def link(
        self,
        mention: str,
        *,
        types: Iterable[str] | None = None,
        k: int = 5,
        min_score: float = MIN_SCORE,
    ) -> list[Link]:
        """The entities that a mention may speak of.

        Args:
            mention: What was written.
            types: Types of the entities to link to; those of the linker when None.
            k: How many links to return at most.
            min_score: Links that score less are left out.

        Returns:
            Best first: by score, then the entity with more triples, then type and key. Empty
            when there is none, as for a blank mention.

        Raises:
            UnknownEntityError: When the linker has no entities of a type.
            LinkRequestError: When ``k`` is below one or ``min_score`` not from 0 to 1.
            ImportError: When rapidfuzz is not installed and the links may be fuzzy.
        """
        found = self.link_many([mention], types=types, k=k, min_score=min_score)
        return [Link(*row) for row in found.select(_LINK).iter_rows()]

    def link_many(
        self,
        mentions: Sequence[str | None] | pl.Series,
        *,
        types: Iterable[str] | None = None,
        k: int = 5,
        min_score: float = MIN_SCORE,
    ) -> pl.DataFrame:
        """What :meth:`link` finds for each of many mentions, at once.

        Args:
            mentions: What was written; null speaks of nothing.
            types: As in :meth:`link`.
            k: As in :meth:`link`, for each mention.
            min_score: As in :meth:`link`.

        Returns:
            One row a link: ``row``, the place of the mention among all, from 0; ``mention``;
            ``entity``, ``type``, ``key``, ``name``, ``score`` and ``how`` as in :class:`Link`.
            In the order of the mentions, and for each the best first; a mention without links has
            no row.

        Raises:
            UnknownEntityError, LinkRequestError, ImportError: As in :meth:`link`.
        """
        if k < 1:
            raise LinkRequestError(f"k is {k}; it must be 1 or more")
        if not 0 <= min_score <= 1:
            raise LinkRequestError(f"min_score is {min_score}; it must be from 0 to 1")
        forms = self._forms.filter(pl.col("type").is_in(_checked_types(types, self._types)))
        rows = pl.DataFrame({"mention": pl.Series(mentions, dtype=pl.String)}).with_row_index("row")
        distinct = rows.select("mention").drop_nulls().unique(maintain_order=True)
        asked = _compared(distinct, "mention")
        found = _found(asked, forms)
        if min_score <= SCORES["fuzzy"]:
            missed = asked.join(found, on="mention", how="anti", maintain_order="left")
            found = pl.concat([found, _fuzzily_found(missed, forms)])
        ranked = (
            found.filter(pl.col("score") >= min_score)
            .sort("score", descending=True)
            .unique(["mention", "entity"], keep="first", maintain_order=True)
            .join(self._entities, on="entity")
            .sort(
                *("mention", "score", "degree", "type", "key"),
                descending=[False, True, True, False, False],
            )
            .group_by("mention", maintain_order=True)
            .head(k)
        )
        return rows.join(ranked, on="mention", maintain_order="left_right").select(
            "row", "mention", *_LINK
        )

    def mentions(
        self,
        text: str,
        *,
        types: Iterable[str] | None = None,
        k: int = 5,
        min_score: float = MIN_SCORE,
    ) -> list[Mention]:
        """The parts of a text that speak of entities, such as ``"nike"`` in ``"red nike shoes"``.

        Mentions consist of whole words (of single signs in Chinese, Japanese and Korean) and do not
        overlap: of two that would, the one of more words is taken, then the surer one, then the
        first.

        Args:
            text: A query, or any other text.
            types: As in :meth:`link`.
            k: As in :meth:`link`, for each mention.
            min_score: As in :meth:`link`; above 0.97 nothing is linked fuzzily.

        Returns:
            In the order of the text; empty when nothing in it is known.

        Raises:
            UnknownEntityError, LinkRequestError, ImportError: As in :meth:`link`.
        """
        spans = list(_spans(text, self._most_words))
        parts = [text[start:end] for _, start, end in spans]
        found = self.link_many(parts, types=types, k=k, min_score=min_score)
        links: dict[int, list[Link]] = {}
        for row, *link in found.select("row", *_LINK).iter_rows():
            links.setdefault(row, []).append(Link(*link))
        chosen: list[Mention] = []
        for row in sorted(links, key=lambda row: (-spans[row][0], -links[row][0].score, row)):
            _, start, end = spans[row]
            if all(end <= other.start or other.end <= start for other in chosen):
                chosen.append(Mention(start, end, tuple(links[row])))
        return sorted(chosen, key=lambda mention: mention.start)


def _checked_types(types: Iterable[str] | None, known: Sequence[str]) -> list[str]:
    """The types asked for, or all that are known."""
    asked = list(known if types is None else types)
    unknown = [kind for kind in asked if kind not in known]
    if unknown:
        raise UnknownEntityError(
            f"there are no entities of type {unknown[0]!r}; the types are {', '.join(known)}"
        )
    return asked


def _names(entities: pl.DataFrame) -> pl.DataFrame:
    """What entities are called: ``written``, and who, ``entity``."""
    keyed = entities.filter(pl.col("type") != ITEM)
    return pl.concat(
        [
            entities.select(pl.col("name").alias("written"), "entity"),
            keyed.select(pl.col("key").alias("written"), "entity"),
        ]
    ).unique(maintain_order=True)


def _aliases(
    graph: "KnowledgeGraph", names: pl.DataFrame, aliases: Mapping[str, str | tuple[str, str]]
) -> pl.DataFrame:
    """What entities are also called, as :func:`_names` has it."""
    keyed = [
        (alias, graph.entity_index(*target))
        for alias, target in aliases.items()
        if not isinstance(target, str)
    ]
    called = pl.DataFrame(
        [(alias, target) for alias, target in aliases.items() if isinstance(target, str)],
        schema={"written": pl.String, "target": pl.String},
        orient="row",
    ).join(names, left_on="target", right_on="written", how="left", maintain_order="left")
    unknown = called.filter(pl.col("entity").is_null())
    if unknown.height:
        raise UnknownEntityError(
            f"the graph has nothing called {examples(unknown['target'])}, for which the aliases "
            f"{examples(unknown['written'])} stand"
        )
    one = pl.DataFrame(keyed, schema={"written": pl.String, "entity": pl.Int32}, orient="row")
    return pl.concat([one, called.select("written", "entity")])


def _compared(texts: pl.DataFrame, written: str) -> pl.DataFrame:
    """Texts with what they are compared by, the shorter first.

    Args:
        texts: A row a text.
        written: Its column.

    Returns:
        With ``reading``, the normalised words, every sign that is a syllable a word of its own;
        ``digits`` of it, sorted; and where it is enough to be misspelt: ``spelt``, the same again,
        ``joined``, without spaces, and ``ordered``, its words sorted, when there are several.
    """
    spaced = normalised(pl.col(written)).str.replace_all(SYLLABLES, " $0 ")
    reading = pl.col("reading")
    enough = (reading.str.len_chars() >= SHORTEST_SWAPPED) & ~reading.str.contains(SYLLABLES)
    spelt = pl.when(enough).then(reading)
    words = pl.when(reading.str.contains(" ")).then(spelt).str.split(" ")
    return (
        texts.with_columns(reading=spaced.str.replace_all(" +", " ").str.strip_chars())
        .with_columns(
            digits=reading.str.extract_all(r"\pN").list.sort().list.join(""),
            spelt=spelt,
            joined=spelt.str.replace_all(" ", ""),
            ordered=words.list.sort().list.join(" "),
        )
        .sort(reading.str.len_chars(), maintain_order=True)
    )


def _found(asked: pl.DataFrame, forms: pl.DataFrame) -> pl.DataFrame:
    """Links of mentions that are names or aliases: ``mention``, ``entity``, ``score``, ``how``."""
    names = forms.filter(pl.col("how") == "normalised").select("written", "entity")
    exact = asked.join(names, left_on="mention", right_on="written").with_columns(
        how=pl.lit("exact")
    )
    alike = asked.filter(pl.col("reading") != "").join(forms, on="reading")
    both = pl.concat([frame.select("mention", "entity", "how") for frame in (exact, alike)])
    score = pl.col("how").replace_strict(SCORES, return_dtype=pl.Float64)
    return both.select("mention", "entity", score.alias("score"), "how")


def _fuzzily_found(missed: pl.DataFrame, forms: pl.DataFrame) -> pl.DataFrame:
    """Links of mentions that are names or aliases misspelt, as :func:`_found` has them."""
    found = [missed.join(forms, on="joined").select("mention", "entity", likeness=1.0)]
    for column in ("spelt", "ordered"):
        near = missed.join(_near(missed, forms, column), left_on=column, right_on="asked")
        linked = near.join(forms, left_on="known", right_on=column)
        found.append(linked.select("mention", "entity", "likeness"))
    return pl.concat(found).select(
        "mention", "entity", score=SCORES["fuzzy"] * pl.col("likeness"), how=pl.lit("fuzzy")
    )


def _near(missed: pl.DataFrame, forms: pl.DataFrame, column: str) -> pl.DataFrame:
    """Texts that may be known ones, misspelt: ``asked``, ``known`` and their ``likeness``."""
    try:
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import cdist
    except ImportError as error:
        raise ImportError(
            "fuzzy links need rapidfuzz: pip install rapidfuzz, or ask for a min_score above "
            f"{SCORES['fuzzy']}"
        ) from error
    near = []
    asked, known = (
        side.drop_nulls(column)
        .group_by("digits", maintain_order=True)
        .agg(pl.col(column).unique(maintain_order=True))
        for side in (missed, forms)
    )
    for texts, others in (
        asked.join(known, on="digits").select(column, f"{column}_right").iter_rows()
    ):
        lengths = np.array([len(other) for other in others])
        for start in range(0, len(texts), _BLOCK):
            block = texts[start : start + _BLOCK]
            reach = (len(block[0]) - MOST_LETTERS, len(block[-1]) + MOST_LETTERS + 1)
            names = others[slice(*np.searchsorted(lengths, reach))]
            away = cdist(
                block, names, scorer=OSA.distance, score_cutoff=MOST_LETTERS, dtype=np.uint8
            )
            for row, place in np.argwhere(away <= MOST_LETTERS).tolist():
                one, other, apart = block[row], names[place], int(away[row, place])
                if may_be_misspelt(one, other, apart):
                    near.append((one, other, 1 - apart / max(len(one), len(other))))
    schema = {"asked": pl.String, "known": pl.String, "likeness": pl.Float64}
    return pl.DataFrame(near, schema=schema, orient="row")


def _spans(text: str, most_words: int) -> Iterator[tuple[int, int, int]]:
    """Runs of up to so many words of a text: how many, where the first begins, the last ends."""
    places = []
    end = 0
    for word in pl.select(pl.lit(text).str.extract_all(_WORD)).item():
        start = text.index(word, end)
        end = start + len(word)
        places.append((start, end))
    for first, (start, _) in enumerate(places):
        for words, (_, end) in enumerate(places[first : first + most_words], start=1):
            yield words, start, end
