"""Explaining paths in a large product graph: milliseconds a request, bytes a triple.

    python -m benchmarks.kg_paths --triples 100_000 1_000_000 10_000_000

Makes two graphs of each size. ``shop`` is a catalogue: brands, tags and suppliers of Zipf-like
frequency, a category tree of four levels, sizes, colours that a tenth of all items share, items
bought together, and edges among what is no item (brand to maker to country, tag to topic). ``web``
is what a public knowledge base looks like: items with two or three facts each, in a dense net of
other entities with a few hubs, where most paths are long. A request is a history of 50 items and
one target, all drawn by popularity, for the best three paths of at most four edges. A graph is
built and saved by one process and measured by another, so that memory is its own. Answers are
compared with trying every path, in small graphs of both shapes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

import networkx
import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks import markdown
from benchmarks.machine import describe
from kg import KnowledgeGraph
from kg.walking.paths import best_paths_of_pairs

HISTORY = 50
TARGETS_PER_HISTORY = 20
TRIPLES_PER_ITEM = 8
SMALL, SMALL_GRAPHS, REQUESTS_EACH = 240, 20, 10
ATTRIBUTES = ("brand", "category", "tags", "package_size", "colour", "supplier_id")
UNITS = ("OZ", "ML", "CT", "G", "FT")
SPEED = ("median ms", "p95 ms", "p99 ms", "max ms", "paths found", "batch pairs/s")
MEMORY = ("adjacency s", "store B/triple", "with adjacency", "RSS B/triple", "RSS with adjacency")

IntArray = npt.NDArray[np.int64]
Answer = TypeVar("Answer")


def main() -> None:
    """Builds and measures each graph and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sizes = [100_000, 1_000_000, 10_000_000]
    parser.add_argument("--triples", type=int, nargs="+", default=sizes)
    parser.add_argument("--shapes", nargs="+", choices=["shop", "web"], default=["shop", "web"])
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make is not None:
        print(json.dumps(made(given.make, given.shapes[0], given.triples[0], given.seed)))
    elif given.measure is not None:
        print(json.dumps(measured(given.measure, given.requests, given.seed)))
    else:
        report(given.shapes, given.triples, given.requests, given.seed, given.save_table)


def report(
    shapes: list[str], sizes: list[int], n_requests: int, seed: int, path: Path | None
) -> None:
    """Runs every step in a fresh process and prints what they found."""
    command = [sys.executable, "-m", "benchmarks.kg_paths", "--seed", str(seed)]
    speed, memory = [], []
    for shape, size in ((shape, size) for shape in shapes for size in sizes):
        with tempfile.TemporaryDirectory() as folder:
            kind = ["--shapes", shape, "--triples", str(size)]
            built = _answer([*command, "--make", folder, *kind])
            found = _answer([*command, "--measure", folder, "--requests", str(n_requests)])
        triples, entities = int(found["triples"]), int(found["entities"])
        speed.append([shape, triples, *(found[name] for name in SPEED)])
        memory.append(
            [shape, triples, entities, built["seconds"], *(found[name] for name in MEMORY)]
        )
    random = np.random.default_rng(seed)
    exact = [(shape, *differences(shape, SMALL_GRAPHS, random)) for shape in shapes]
    text = "\n\n".join(
        (
            markdown.table(["small graphs", "answers that differ", "requests"], exact),
            markdown.table(["graph", "triples", *SPEED], speed),
            markdown.table(["graph", "triples", "entities", "build s", *MEMORY], memory),
            f"- {n_requests} requests of {HISTORY} items and a target, max_length 4, k 3; in the "
            f"batch form {TARGETS_PER_HISTORY} targets share a history\n"
            "- store: bytes of the triples and of the entities' table; RSS: how much the process "
            "grew, right after loading with buffers that are not given back yet\n"
            f"- {describe(seed)}\n",
        )
    )
    print(text)
    if path is not None:
        path.write_text(text, encoding="utf-8")


def _answer(command: list[str]) -> dict[str, float]:
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return answer


def measured(folder: Path, n_requests: int, seed: int) -> dict[str, float]:
    """Loads a graph and times requests; seconds, milliseconds and bytes a triple."""
    small = pl.DataFrame({"head": ["1"], "relation": ["brand"], "tail": ["Acme"]})
    with tempfile.TemporaryDirectory() as other:
        KnowledgeGraph.from_triples(small).save(other)
        KnowledgeGraph.load(other)
    before = _resident_bytes()
    graph = KnowledgeGraph.load(folder)
    loaded = _resident_bytes()
    store = graph.entities.estimated_size() + sum(array.nbytes for array in graph.triples)
    adjacency, seconds = timed(lambda: graph.adjacency)
    beside = sum(getattr(adjacency, field.name).nbytes for field in fields(adjacency))
    graph.paths(graph.item_entities[:2], graph.item_entities[0])
    walked = _resident_bytes()
    random = np.random.default_rng(seed)
    items = graph.item_entities
    histories = items[zipf(random, graph.n_items, (n_requests, HISTORY))]
    targets = items[zipf(random, graph.n_items, n_requests)].tolist()
    answers = [
        timed(lambda s=sources, t=target: graph.paths(s, t))  # type: ignore[misc]
        for sources, target in zip(histories, targets, strict=True)
    ]
    # Other pairs than before, so that none is met for a second time.
    n_groups = -(-n_requests // TARGETS_PER_HISTORY)
    groups = items[zipf(random, graph.n_items, (n_groups, HISTORY))]
    shared = list(np.repeat(groups, TARGETS_PER_HISTORY, axis=0))
    ends = items[zipf(random, graph.n_items, len(shared))].tolist()
    _, batch = timed(lambda: best_paths_of_pairs(graph, shared, ends, max_length=4, k=3))
    quantiles = np.quantile([1e3 * spent for _, spent in answers], [0.5, 0.95, 0.99, 1.0])
    bytes_each = np.array([store, store + beside, loaded - before, walked - before])
    figures = (
        *quantiles.round(2).tolist(),
        sum(len(paths) for paths, _ in answers),
        round(len(ends) / batch),
        round(seconds, 2),
        *(bytes_each / graph.n_triples).round(1).tolist(),
    )
    counts = {"triples": graph.n_triples, "entities": graph.n_entities}
    return counts | dict(zip((*SPEED, *MEMORY), figures, strict=True))


def timed(call: Callable[[], Answer]) -> tuple[Answer, float]:
    """What a call returns, and the seconds it took."""
    started = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - started


def _resident_bytes() -> int:
    """The memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def made(folder: Path, shape: str, n_triples: int, seed: int) -> dict[str, float]:
    """Builds a graph with about that many triples and saves it; seconds to build."""
    graph, seconds = graph_of(shape, n_triples, np.random.default_rng(seed))
    graph.save(folder)
    return {"seconds": round(seconds, 1)}


def graph_of(
    shape: str, n_triples: int, random: np.random.Generator
) -> tuple[KnowledgeGraph, float]:
    """A graph, and the seconds that building it took once its tables were there."""
    if shape == "shop":
        catalogue, triples = shop(n_triples // TRIPLES_PER_ITEM, random)
        return timed(
            lambda: KnowledgeGraph.from_catalogue(catalogue, attributes=ATTRIBUTES, triples=triples)
        )
    facts = web(n_triples, random)
    return timed(lambda: KnowledgeGraph.from_triples(facts))


def differences(shape: str, n_graphs: int, random: np.random.Generator) -> tuple[int, int]:
    """How many requests to small graphs are answered otherwise than by trying every path.

    Returns:
        Requests that differ, and all requests.
    """
    asked = wrong = 0
    for _ in range(n_graphs):
        graph, _ = graph_of(shape, SMALL, random)
        for target in graph.item_entities[:REQUESTS_EACH].tolist():
            history = random.choice(graph.item_entities, 5)
            found = [
                (-round(path.score, 12), len(path), path.nodes)
                for path in graph.paths(history, target)
            ]
            asked += 1
            wrong += found != every_path(graph, set(history.tolist()) - {target}, target)[:3]
    return wrong, asked


def every_path(
    graph: KnowledgeGraph, sources: set[int], target: int
) -> list[tuple[float, int, tuple[int, ...]]]:
    """All paths of at most four edges as networkx finds them, scored one by one; best first."""
    edges, _ = graph.edge_index()
    walk = networkx.Graph(edges.T.tolist())
    walk.add_nodes_from(range(graph.n_entities))
    items = set(graph.item_entities.tolist())
    found = []
    for source in sources:
        part = walk.subgraph(set(walk) - (items - {source, target}))
        for nodes in networkx.all_simple_paths(part, source, target, 4):
            inner = sorted(1 / math.log2(2 + graph.degree[node]) for node in nodes[1:-1])
            score = 0.9 ** (len(nodes) - 1) * math.prod(inner)
            found.append((-round(score, 12), len(nodes) - 1, tuple(nodes)))
    return sorted(found)


def shop(n_items: int, random: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A catalogue and the triples it does not hold itself."""
    n_brands, n_tags = max(n_items // 40, 20), max(n_items // 50, 50)
    n_makers, n_leaves = max(n_brands // 8, 5), max(n_items // 150, 30)
    words = random.integers(0, 2_000, (n_items, 3))
    leaf = pl.Series("leaf", zipf(random, n_leaves, n_items))
    amounts = np.round(2.0 ** random.uniform(0, 9, n_items)).astype(np.int64)
    units = pl.Series([UNITS[unit] for unit in zipf(random, len(UNITS), n_items)])
    colour = pl.Series(zipf(random, 16, n_items)).cast(pl.String)
    levels = (leaf % 12, leaf % 60, leaf % 600, leaf)
    catalogue = pl.select(
        item_id=pl.format("sku-{}", pl.Series(np.arange(n_items))),
        title=pl.format("word{} word{} word{}", *(pl.Series(column) for column in words.T)),
        brand=pl.format("Brand {}", pl.Series(zipf(random, n_brands, n_items))),
        category=pl.format("Hall {} > Aisle {} > Shelf {} > Kind {}", *levels),
        tags=pl.Series(zipf(random, n_tags, (n_items, 3))).cast(pl.List(pl.String)),
        package_size=pl.format("{} {}", pl.Series(amounts), units),
        colour=pl.when(pl.Series(random.random(n_items) < 0.8)).then(colour),
        supplier_id=pl.Series(zipf(random, max(n_items // 400, 10), n_items)),
    )
    bought = zipf(random, n_items, (2, n_items))
    bought = bought[:, bought[0] != bought[1]]
    brands, makers, tags = np.arange(n_brands), np.arange(n_makers), np.arange(n_tags)
    countries, topics = zipf(random, 30, n_makers), zipf(random, 200, n_tags)
    triples = [
        _edges("bought_with", ("item", "sku-{}", bought[0]), ("item", "sku-{}", bought[1])),
        _edges("made_by", ("brand", "Brand {}", brands), ("maker", "{}", brands % n_makers)),
        _edges("from", ("maker", "{}", makers), ("country", "{}", countries)),
        _edges("about", ("tags", "{}", tags), ("topic", "{}", topics)),
    ]
    return catalogue, pl.concat(triples)


def web(n_triples: int, random: np.random.Generator) -> pl.DataFrame:
    """Triples of items with few facts, in a net of other entities."""
    n_items, n_others, n_facts = n_triples // 10, n_triples // 4, n_triples // 4
    heads, tails = random.integers(0, n_others, 3 * n_facts), zipf(random, n_others, 3 * n_facts)
    joined = heads != tails
    items, facts = random.integers(0, n_items, n_facts), zipf(random, n_others, n_facts)
    return pl.concat(
        (
            _edges("has", ("item", "{}", items), ("thing", "{}", facts)),
            _edges("knows", ("thing", "{}", heads[joined]), ("thing", "{}", tails[joined])),
        )
    )


def _edges(
    relation: str, head: tuple[str, str, IntArray], tail: tuple[str, str, IntArray]
) -> pl.DataFrame:
    """Triples from one type to another, whose entities are called by a pattern and a number."""
    (head_type, head_name, heads), (tail_type, tail_name, tails) = head, tail
    return pl.select(
        head=pl.format(head_name, pl.Series(heads)),
        relation=pl.lit(relation),
        tail=pl.format(tail_name, pl.Series(tails)),
        head_type=pl.lit(head_type),
        tail_type=pl.lit(tail_type),
    )


def zipf(random: np.random.Generator, n: int, shape: int | tuple[int, ...]) -> IntArray:
    """Numbers below ``n``, the k-th as frequent as ``(k + 3)^-0.8``."""
    weights = np.cumsum((np.arange(n) + 3.0) ** -0.8)
    return np.asarray(np.searchsorted(weights, random.random(shape) * weights[-1]), dtype=np.int64)


if __name__ == "__main__":
    main()
