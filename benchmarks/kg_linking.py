"""How well names written differently are linked to the right entity, and unknown names to none.

    python -m benchmarks.kg_linking --data DIR --save-table benchmarks/results/kg-linking.md

A fifth of the names (brands of amazon-beauty, lowest categories of complete-journey) is held out of
the graph. Names that stay are asked for as people miswrite them and must be found first; the names
held out must not be found at all. The default score was chosen on the first set.
"""

from __future__ import annotations

import argparse
import random
import string
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from benchmarks import markdown
from benchmarks.machine import describe
from hybridrec import Dataset
from kg import KnowledgeGraph
from kg.linking import MIN_SCORE, EntityLinker
from kg.text import normalised

HELD_OUT = 0.2
THRESHOLDS = (0.75, 0.8, 0.85, 0.9, 0.95, 0.98)
N_KNOWN, N_ASKED = 30_000, 100_000

Change = Callable[[str, random.Random], str]


def other_case(name: str, chance: random.Random) -> str:
    """All letters small, or all great."""
    return chance.choice((str.upper, str.lower, str.swapcase))(name)


def other_signs(name: str, chance: random.Random) -> str:
    """Punctuation left out, or other punctuation for spaces."""
    bare = "".join(sign for sign in name if sign.isalnum() or sign in " +#%")
    return chance.choice((bare, name.replace(" ", "-"), name.replace(" ", " / "), name + "."))


def no_spaces(name: str, _: random.Random) -> str:
    """All words in one."""
    return name.replace(" ", "")


def other_order(name: str, chance: random.Random) -> str:
    """The words in another order."""
    words = name.split()
    chance.shuffle(words)
    return " ".join(words)


def one_typo(name: str, chance: random.Random) -> str:
    """One letter left out, added, changed or swapped with the next."""
    places = [place for place, sign in enumerate(name) if sign.isalpha()]
    place = chance.choice(places) if places else 0
    before, sign, after = name[:place], name[place], name[place + 1 :]
    letter = chance.choice(string.ascii_lowercase)
    written = (after, letter + sign + after, letter + after, after[:1] + sign + after[1:])
    return before + chance.choice(written)


def two_typos(name: str, chance: random.Random) -> str:
    """Two such, anywhere."""
    return one_typo(one_typo(name, chance), chance)


CHANGES: dict[str, Change] = {
    "case": other_case,
    "punctuation": other_signs,
    "no spaces": no_spaces,
    "order of words": other_order,
    "one letter": one_typo,
    "two letters": two_typos,
}


def main() -> None:
    """Measures and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    beauty = Dataset.load("amazon-beauty", data_dir=arguments.data).catalogue
    journey = Dataset.load("complete-journey").catalogue
    lowest = pl.col("category").str.split(" > ").list.last()
    tables = []
    for title, catalogue in (
        ("amazon-beauty, brands", beauty.select("item_id", name="brand")),
        ("complete-journey, lowest categories", journey.select("item_id", name=lowest)),
    ):
        tables.append(f"## {title}\n\n{quality(catalogue, arguments.seed)}")
    tables.append(f"## Speed\n\n{speed(journey, arguments.seed)}\n\n- {describe(arguments.seed)}\n")
    text = "\n\n".join(tables)
    print(text)
    if arguments.save_table:
        arguments.save_table.write_text(text, encoding="utf-8")


def quality(catalogue: pl.DataFrame, seed: int) -> str:
    """Right and wrong links by what was changed and by the least score."""
    chance = random.Random(seed)
    names = catalogue["name"].drop_nulls().unique().sort()
    read = pl.DataFrame({"name": names}).with_columns(reading=normalised(pl.col("name")))
    readings = read["reading"].unique().sort().to_list()
    held = set(chance.sample(readings, round(HELD_OUT * len(readings))))
    unknown = read.filter(pl.col("reading").is_in(held))["name"].to_list()
    known = read.filter(~pl.col("reading").is_in(held))["name"].to_list()
    kept = catalogue.with_columns(pl.when(pl.col("name").is_in(known)).then("name").alias("name"))
    graph = KnowledgeGraph.from_catalogue(kept, name=None, attributes={"name": "values"})
    linker = EntityLinker(graph, types=["name"])

    asked = {
        what: [(written, name) for name in known if (written := change(name, chance)) != name]
        for what, change in CHANGES.items()
    }
    asked["held out, as it is"] = [(name, "") for name in unknown]
    asked["held out, one letter"] = [(one_typo(name, chance), "") for name in unknown]
    rows = []
    for what, pairs in asked.items():
        first = firsts(linker, pairs)
        row: list[object] = [what, len(pairs)]
        for threshold in THRESHOLDS:
            above = first.filter(pl.col("score") >= threshold)
            right, wrong = (above["right"].sum(), (~above["right"]).sum())
            row.append(f"{right / len(pairs):.1%} / {wrong / len(pairs):.1%}")
        rows.append(row)
    header = ["changed", "mentions"]
    header += [f"≥ {score}" + (" (default)" if score == MIN_SCORE else "") for score in THRESHOLDS]
    table = markdown.table(header, rows)
    return (
        f"{len(known):,} names in the graph, {len(unknown):,} held out. "
        f"Right / wrong first links, by the least score:\n\n{table}"
    )


def firsts(linker: EntityLinker, pairs: list[tuple[str, str]]) -> pl.DataFrame:
    """The first link of each mention: its ``score`` and whether it is ``right``."""
    truth = pl.DataFrame(pairs, schema=["mention", "truth"], orient="row").with_row_index("row")
    found = linker.link_many(truth["mention"], k=1, min_score=0.0)
    right = normalised(pl.col("name")) == normalised(pl.col("truth"))
    return found.join(truth, on="row").select("score", right=right)


def speed(catalogue: pl.DataFrame, seed: int) -> str:
    """Seconds for many mentions, when nearly all are names and when none is."""
    chance = random.Random(seed)
    items = catalogue.drop_nulls("title").unique("title", maintain_order=True).head(N_KNOWN)
    graph = KnowledgeGraph.from_catalogue(items, attributes=["manufacturer"])
    started = time.perf_counter()
    linker = EntityLinker(graph)
    ready = time.perf_counter()
    rows: list[list[object]] = []
    titles = items["title"].to_list()
    for what, share in (("names in another case, 1 % with a typo", 0.01), ("all with typos", 1.0)):
        mentions = [
            (two_typos if chance.random() < share else other_case)(name, chance)
            for name in chance.choices(titles, k=N_ASKED)
        ]
        begun = time.perf_counter()
        found = linker.link_many(mentions, k=1)
        took = time.perf_counter() - begun
        rows.append([what, len(mentions), len(set(mentions)), round(took, 1), found.height])
    query = "red running shoes size 42"
    begun = time.perf_counter()
    for _ in range(100):
        linker.mentions(query)
    each = (time.perf_counter() - begun) * 10
    table = markdown.table(["mentions", "how many", "distinct", "seconds", "linked"], rows)
    return (
        f"{graph.n_entities:,} entities, read in {ready - started:.2f} s; `mentions` of a query of "
        f"five words takes {each:.0f} ms.\n\n{table}"
    )


if __name__ == "__main__":
    main()
