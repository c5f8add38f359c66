"""What the checks count in the raw online-retail invoices, beside figures worked out without them.

    python -m benchmarks.data_quality --data DIR --html reports/online-retail.html

Every figure stands beside one computed from the same file by plain polars, numpy and Python loops
that share no code with hybridrec. Ends with status 1 where two differ.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import markdown
from benchmarks.machine import describe
from hybridrec import Dataset
from hybridrec.data.quality import QualityConfig, QualityReport

SERVICES = (
    "POST", "DOT", "M", "m", "C2", "D", "S", "B", "BANK CHARGES", "AMAZONFEE", "CRUK", "23444",
    "23574", "23595", "22016", "gift_0001_10", "gift_0001_20", "gift_0001_30", "gift_0001_40",
    "gift_0001_50",
)  # fmt: skip
"""Item ids whose usual description is a service or a booking: found by reading all 4,070."""


def main() -> None:
    """Counts twice and compares."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; else HYBRIDREC_DATA")
    parser.add_argument("--html", type=Path, help="where the report's page goes")
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    started = time.perf_counter()
    data = Dataset.load("online-retail", data_dir=arguments.data)
    report = data.check()
    checked = time.perf_counter()
    cleaned = data.clean()
    done = time.perf_counter()
    print(report)
    print(cleaned.ledger)

    folder = arguments.data or Path(os.environ["HYBRIDREC_DATA"])
    raw = pl.read_parquet(folder / "online-retail" / "transactions.parquet")
    netted = netted_by_hand(raw)
    rows = [
        [what, ours, independent, "" if ours == independent else "**differs**"]
        for what, ours, independent in [
            *counts(data, report, raw),
            *zip(netted, netting(data), netted.values(), strict=True),
        ]
    ]
    text = markdown.table(["what", "hybridrec", "worked out without it", ""], rows)
    text += "\n\n### What cleaning changed\n\n"
    text += markdown.table(
        ["fix", "table", "rows before", "rows after", "rows changed", "found"],
        [[e.code, e.table, e.rows_in, e.rows_out, e.rows_changed, e.found] for e in cleaned.ledger],
    )
    text += (
        f"\n\n- {data}; cleaned: {cleaned}\n- read and checked in {checked - started:.1f} s, "
        f"cleaned in {done - checked:.1f} s\n- {describe(0)}\n"
    )
    print(text)
    if arguments.html:
        report.to_html(arguments.html)
    if arguments.save_table:
        arguments.save_table.write_text(text, encoding="utf-8")
    if any(row[3] for row in rows):
        raise SystemExit("a figure differs")


def counts(data: Dataset, report: QualityReport, raw: pl.DataFrame) -> list[tuple[str, int, int]]:
    """What is counted, by the report and from the file."""
    cancelled = raw["invoice_id"].str.starts_with("C")
    described = (
        raw.drop_nulls("description").group_by("item_id").agg(pl.col("description").n_unique())
    )
    service = raw["item_id"].is_in(SERVICES)
    conflicting = report["conflicting-catalogue-rows"][0].rows
    assert conflicting is not None
    several = data.catalogue[conflicting]
    return [
        ("cancellations (rows)", _count(report, "cancellations"), int(cancelled.sum())),
        ("missing customers (rows)", _count(report, "missing-user"), raw["user_id"].null_count()),
        ("service codes (rows)", _count(report, "service-items"), int(service.sum())),
        (
            "items under several descriptions",
            several["item_id"].n_unique(),
            described.filter(pl.col("description") > 1).height,
        ),
        (
            "exact duplicates, description apart (rows)",
            _count(report, "exact-duplicates"),
            raw.height - raw.drop("description").unique().height,
        ),
        (
            "quantities of zero or less, no cancellations",
            _count(report, "non-positive-quantity"),
            raw.filter((pl.col("quantity") <= 0) & ~cancelled).height,
        ),
        (
            "prices of zero or less",
            _count(report, "non-positive-price"),
            raw.filter(pl.col("unit_price") <= 0).height,
        ),
        (
            "quantity outliers",
            _count(report, "quantity-outliers"),
            outliers_by_hand(raw, "quantity"),
        ),
        ("price outliers", _count(report, "price-outliers"), outliers_by_hand(raw, "unit_price")),
    ]


def _count(report: QualityReport, code: str) -> int:
    return sum(finding.count for finding in report[code])


def outliers_by_hand(raw: pl.DataFrame, column: str) -> int:
    """Values far from their item's median, by a loop over the items."""
    config = QualityConfig()
    by_item = defaultdict(list)
    for item, value in raw.select("item_id", pl.col(column).abs()).iter_rows():
        if value > 0:
            by_item[item].append(math.log(value))
    every = np.concatenate([np.array(values) for values in by_item.values()])
    overall = float(np.median(every))
    overall_spread = float(np.median(np.abs(every - overall)))
    total = 0
    for values in by_item.values():
        logs = np.array(values)
        centre, spread = overall, overall_spread
        if logs.size >= config.outlier_min_events:
            centre = float(np.median(logs))
            spread = float(np.median(np.abs(logs - centre)))
        away = np.abs(logs - centre)
        far = away / max(1.4826 * spread, 0.1) > config.outlier_deviations
        total += int((far & (away > math.log(config.outlier_ratio))).sum())
    return total


def netting(data: Dataset) -> list[int]:
    """Purchases undone whole, in part, and cancellations that find none, by the library."""
    from hybridrec.data.quality import Inspection
    from hybridrec.data.quality.netting import netted

    inspection = Inspection(data, QualityConfig())
    left = netted(inspection.events, inspection.coded, inspection.cancels)
    whole = int(left.undone.sum())
    return [whole, int(left.reduced.sum()) - whole, left.unmatched]


def netted_by_hand(raw: pl.DataFrame) -> dict[str, int]:
    """Cancellations set off against purchases, by a stack for each customer and item."""
    stacks: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    touched: dict[int, list[float]] = {}
    unmatched = 0
    columns = raw.select("invoice_id", "user_id", "item_id", "quantity", "timestamp")
    for row, (invoice, user, item, quantity, _) in enumerate(
        columns.sort("timestamp", maintain_order=True).iter_rows()
    ):
        if not invoice.startswith("C"):
            if user is not None and quantity > 0:
                stacks[user, item].append([quantity, quantity, row])
            continue
        owed = abs(quantity)
        stack = stacks[user, item] if user is not None else []
        while owed > 0 and stack:
            taken = min(owed, stack[-1][1])
            owed -= taken
            stack[-1][1] -= taken
            touched[int(stack[-1][2])] = stack[-1]
            if stack[-1][1] == 0:
                stack.pop()
        unmatched += owed > 0
    whole = sum(left == 0 for _, left, _ in touched.values())
    return {
        "purchases cancelled whole": whole,
        "purchases cancelled in part": len(touched) - whole,
        "cancellations of more than was bought": unmatched,
    }


if __name__ == "__main__":
    main()
