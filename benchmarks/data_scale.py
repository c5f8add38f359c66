"""Reading, checking and cleaning many events: seconds and peak memory of each step.

    python -m benchmarks.data_scale --events 10_000_000

Makes a synthetic shop (power-law users and items, baskets, prices by item, one row in a hundred
dirty), writes it as Parquet and CSV, and reads, checks and cleans each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import markdown
from benchmarks.machine import describe, peak_memory_gb
from hybridrec import Dataset
from hybridrec.arrays import IntArray

DAYS = 365
START = 1_704_067_200
"""2024-01-01 in seconds since 1970."""
DIRT = 0.01


def main() -> None:
    """Makes the files, measures each format and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make is not None:
        make(arguments.make, arguments.events, arguments.seed)
    elif arguments.measure is not None:
        print(json.dumps(measured(arguments.measure)))
    else:
        report(arguments.events, arguments.seed, arguments.save_table)


def report(n_events: int, seed: int, path: Path | None) -> None:
    """Runs every step in fresh processes, so that memory is each one's own."""
    command = [sys.executable, "-m", "benchmarks.data_scale"]
    sizes = ["--events", str(n_events), "--seed", str(seed)]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*command, "--make", folder, *sizes], check=True)
        rows = []
        for kind in ("parquet", "csv"):
            file = Path(folder) / f"events.{kind}"
            run = subprocess.run(
                [*command, "--measure", str(file)], check=True, stdout=subprocess.PIPE, text=True
            )
            figures = json.loads(run.stdout.splitlines()[-1])
            rows.append([kind, round(file.stat().st_size / 1e6), *figures.values()])
    header = [
        "format", "MB on disk", "read s", "peak GB", "check s", "clean s", "all s", "peak GB",
        "findings", "events left",
    ]  # fmt: skip
    text = f"{markdown.table(header, rows)}\n\n- {n_events:,} events; {describe(seed)}\n"
    print(text)
    if path is not None:
        path.write_text(text, encoding="utf-8")


def measured(events: Path) -> dict[str, float]:
    """Reads, checks and cleans one file of events with its catalogue."""
    started = time.perf_counter()
    data = Dataset.from_files(events, events.with_name("catalogue.parquet"))
    read, read_memory = time.perf_counter(), peak_memory_gb()
    report = data.check()
    checked = time.perf_counter()
    cleaned = data.clean()
    done = time.perf_counter()
    return {
        "read": round(read - started, 1),
        "read peak": round(read_memory, 2),
        "check": round(checked - read, 1),
        "clean": round(done - checked, 1),
        "all": round(done - started, 1),
        "peak": round(peak_memory_gb(), 2),
        "findings": len(report.findings),
        "left": cleaned.sound().events.height,
    }


def make(folder: Path, n_events: int, seed: int) -> None:
    """Writes ``events.parquet``, ``events.csv`` and ``catalogue.parquet``."""
    random = np.random.default_rng(seed)
    n_items, n_users = max(n_events // 100, 100), max(n_events // 20, 20)
    items = _power_law(random, n_items, n_events)
    session = np.repeat(np.arange(n_events // 4 + 1), 4)[:n_events]
    users = _power_law(random, n_users, session[-1] + 1)[session]
    moment = START + np.sort(random.integers(0, DAYS * 86_400, session[-1] + 1))[session]
    price = np.round(np.exp(random.normal(1.5, 0.8, n_items)), 2)[items]
    frame = pl.DataFrame(
        {
            "user_id": users,
            "item_id": items,
            "timestamp": moment,
            "event": random.choice(["view", "cart", "purchase"], n_events, p=[0.7, 0.1, 0.2]),
            "session_id": session,
            "quantity": random.geometric(0.6, n_events),
            "price": price,
        }
    )
    dirty = random.random(n_events) < DIRT
    kind = random.integers(0, 5, n_events)
    frame = frame.with_columns(
        pl.when(~pl.Series(dirty & (kind == 0))).then(pl.format("u{}", "user_id")).alias("user_id"),
        pl.format("sku-{}", "item_id").alias("item_id"),
        pl.from_epoch("timestamp").alias("timestamp"),
        pl.format("b{}", "session_id").alias("session_id"),
        pl.when(pl.Series(dirty & (kind == 1))).then(-1).otherwise("quantity").alias("quantity"),
        pl.when(pl.Series(dirty & (kind == 2)))
        .then(pl.col("price") * 100)
        .otherwise("price")
        .alias("price"),
        pl.when(pl.Series(dirty & (kind == 3)))
        .then(pl.lit("return"))
        .otherwise("event")
        .alias("event"),
    )
    frame = pl.concat([frame, frame.filter(pl.Series(dirty & (kind == 4)))])
    frame.write_parquet(folder / "events.parquet")
    frame.write_csv(folder / "events.csv")
    words = np.array([f"word{n}" for n in range(2_000)])
    chosen = words[random.integers(0, words.size, (n_items, 4))]
    pl.DataFrame(
        {
            "item_id": [f"sku-{item}" for item in range(n_items)],
            "title": [f"{' '.join(row)} {item}" for item, row in enumerate(chosen)],
            "brand": [f"Brand {n}" for n in random.integers(0, 5_000, n_items)],
            "category": [f"Hall {n % 20} > Shelf {n}" for n in random.integers(0, 400, n_items)],
        }
    ).write_parquet(folder / "catalogue.parquet")


def _power_law(random: np.random.Generator, n: int, size: int) -> IntArray:
    """Numbers below ``n``, the k-th as frequent as ``(k + 10)^-0.8``."""
    weights = np.cumsum((np.arange(n) + 10.0) ** -0.8)
    return np.asarray(np.searchsorted(weights, random.random(size) * weights[-1]), dtype=np.int64)


if __name__ == "__main__":
    main()
