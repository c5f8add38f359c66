"""How many defects the checks find: each kind is put into Complete Journey and looked for.

    python -m benchmarks.data_mutations --save-table benchmarks/results/data-mutations.md

Each kind of defect is put into 0.1 %, 1 % and 5 % of the rows of its table. Recall is the share of
these rows that the check named after the defect flags; where a check names no rows, whether it
speaks up at all. Extra is how many more rows it flags than on the untouched data, beyond those put
in. What the checks find in the untouched data is listed after it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import markdown
from benchmarks.machine import describe
from hybridrec import Dataset
from hybridrec.data.quality import CHECKS, Flagged, Inspection, QualityConfig
from hybridrec.progress import track

SHARES = (0.001, 0.01, 0.05)
HIT = "_hit"
"""Marks the rows a defect was put into."""
Tables = dict[str, pl.DataFrame]
NOW = datetime(2018, 2, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Put:
    """Tables with a defect put in.

    Args:
        tables: the tables; the one that has the defect carries a column :data:`HIT`.
        table: which that is; ``None`` where no single rows are to blame.
    """

    tables: Tables
    table: str | None


Mutation = Callable[[Tables, float, np.random.Generator], Put]


def main() -> None:
    """Puts every defect in at every share and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only", nargs="+", choices=MUTATIONS, metavar="DEFECT", help="defects to look at"
    )
    parser.add_argument("--save-table", type=Path, help="Markdown file to write")
    arguments = parser.parse_args()
    untouched = Dataset.load("complete-journey")
    tables = plain_tables(untouched)
    config = QualityConfig(now=NOW)
    alarms = () if arguments.only else untouched.check(config=config).findings
    rows: list[list[str | float]] = []
    worst = 1.0
    chosen = {name: MUTATIONS[name] for name in arguments.only or MUTATIONS}
    for (code, detail), mutate in track(
        [(_split(name), mutation) for name, mutation in chosen.items()], "defects", len(chosen)
    ):
        recalls, extra = [], []
        for share in SHARES:
            random = np.random.default_rng(arguments.seed)
            put = mutate(dict(tables), share, random)
            recall, more = found(put, code, tables, config)
            recalls.append(recall)
            extra.append(more)
        worst = min(worst, *recalls)
        rows.append([code, detail, put.table or "–", *recalls, *extra])
    header = ["check", "defect", "table"]
    header += [f"recall at {share:.1%}" for share in SHARES]
    header += [f"extra at {share:.1%}" for share in SHARES]
    text = markdown.table(header, rows)
    if alarms:
        text += "\n\n### The untouched data\n\n" + markdown.table(
            ["check", "severity", "table", "column", "count", "what it says"],
            [[f.code, f.severity, f.table, f.column or "", f.count, f.detail] for f in alarms],
        )
    text += f"\n\n- {untouched}; {describe(arguments.seed)}\n"
    print(text)
    if arguments.save_table:
        arguments.save_table.write_text(text, encoding="utf-8")
    if worst < 0.95:
        raise SystemExit(f"the lowest recall is {worst:.3f}")


def _split(name: str) -> tuple[str, str]:
    code, _, detail = name.partition(": ")
    return code, detail


def plain_tables(data: Dataset) -> Tables:
    """The tables as a shop would hand them over."""
    assert data.triples is not None
    assert data.user_attributes is not None
    return {
        "events": data.events,
        "catalogue": data.catalogue,
        "triples": data.triples,
        "users": data.user_attributes,
    }


def dataset(tables: Tables) -> Dataset:
    """The tables read as a dataset."""
    return Dataset.from_frames(
        tables["events"],
        tables["catalogue"],
        triples=tables["triples"],
        users=tables["users"],
    )


def found(put: Put, code: str, before: Tables, config: QualityConfig) -> tuple[float, int]:
    """Recall of the rows put in, and how many rows more than before are flagged."""
    data = dataset(put.tables)
    hit = None
    if put.table is not None:
        field = "user_attributes" if put.table == "users" else put.table
        table = getattr(data, field)
        hit = table[HIT].fill_null(False).to_numpy()
        data = replace(data, **{field: table.drop(HIT)})
    flagged = _flagged(data, code, config)
    if hit is None:
        return float(bool(flagged)), 0
    rows = np.zeros(hit.size, dtype=bool)
    for finding in flagged:
        assert finding.rows is not None
        rows[finding.rows.to_numpy()] = True
    usual = sum(len(f.rows) for f in _flagged(dataset(before), code, config) if f.rows is not None)
    return round(float(rows[hit].mean()), 4), max(0, int((rows & ~hit).sum()) - usual)


def _flagged(data: Dataset, code: str, config: QualityConfig) -> list[Flagged]:
    inspection = Inspection(data, config)
    return [found for one in CHECKS if one.code == code for found in one.flagged(inspection)]


def _some(frame: pl.DataFrame, share: float, random: np.random.Generator) -> pl.Series:
    """Which rows are hit: ``share`` of them, one at least."""
    n = max(1, round(share * frame.height))
    hit = np.zeros(frame.height, dtype=bool)
    hit[random.choice(frame.height, n, replace=False)] = True
    return pl.Series(HIT, hit)


def _joined(tables: Tables, table: str, made: pl.DataFrame) -> Put:
    """The table with rows that are the defect."""
    marked = [
        tables[table].with_columns(pl.lit(False).alias(HIT)),
        made.with_columns(pl.lit(True).alias(HIT)),
    ]
    return Put(tables | {table: pl.concat(marked, how="vertical_relaxed")}, table)


def setting(table: str, column: str, value: pl.Expr, only: pl.Expr | None = None) -> Mutation:
    """Puts another value into a column of some rows, those that ``only`` allows."""

    def mutate(tables: Tables, share: float, random: np.random.Generator) -> Put:
        frame = tables[table].with_columns(_some(tables[table], share, random))
        if only is not None:
            frame = frame.with_columns((pl.col(HIT) & only).fill_null(False).alias(HIT))
        changed = pl.when(HIT).then(value).otherwise(pl.col(column)).alias(column)
        return Put(tables | {table: frame.with_columns(changed)}, table)

    return mutate


def appending(
    table: str,
    make: Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame],
    only: pl.Expr | None = None,
) -> Mutation:
    """Adds rows made from some that are there."""

    def mutate(tables: Tables, share: float, random: np.random.Generator) -> Put:
        frame = tables[table]
        source = frame if only is None else frame.filter(only.fill_null(False))
        n = min(source.height, max(1, round(share * frame.height)))
        made = make(source[np.sort(random.choice(source.height, n, replace=False))], random)
        return _joined(tables, table, made)

    return mutate


def _as_text(tables: Tables) -> pl.DataFrame:
    """The events with their times as text in UTC."""
    written = pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return tables["events"].with_columns(written)


def writing_times(value: pl.Expr) -> Mutation:
    """Writes some times, given as text, in another way."""

    def mutate(tables: Tables, share: float, random: np.random.Generator) -> Put:
        return setting("events", "timestamp", value)(
            tables | {"events": _as_text(tables)}, share, random
        )

    return mutate


def unreadable_prices(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Words where prices should be."""
    events = tables["events"].with_columns(pl.col("price").cast(pl.String))
    return setting("events", "price", pl.lit("n/a"), pl.col("price").is_not_null())(
        tables | {"events": events}, share, random
    )


def copied_sessions(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Whole baskets a second time, under other numbers."""
    events = tables["events"]
    sizes = events.group_by("session_id", maintain_order=True).len().filter(pl.col("len") > 1)
    order = random.permutation(sizes.height)
    total = np.cumsum(sizes["len"].to_numpy()[order])
    n = int(np.searchsorted(total, share * events.height)) + 1
    chosen = sizes[np.sort(order[:n])]
    copies = events.join(chosen, on="session_id", how="semi", maintain_order="left")
    copies = copies.with_columns(pl.format("{}-again", "session_id").alias("session_id"))
    return _joined(tables | {"events": events}, "events", copies)


def services(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Postage among the products."""
    titles = ["POSTAGE", "Bank Charges", "Manual", "Gift voucher £10", "Discount"]
    ids = ["POST", "BANK", "M", "GIFT10", "D"]
    rows = pl.DataFrame({"item_id": ids, "title": titles})
    catalogue = pl.concat([tables["catalogue"], rows], how="diagonal")
    draws = pl.Series(random.choice(ids, tables["events"].height))
    return setting("events", "item_id", pl.lit(draws))(
        tables | {"catalogue": catalogue}, share, random
    )


def programs(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Bots: 1,000 events a day on products drawn at random."""
    events = tables["events"]
    n = max(2_000, round(share * events.height / 2_000) * 2_000)
    items = tables["catalogue"]["item_id"]
    start = pl.lit(events["timestamp"].mean())
    seconds = np.arange(n) // 1_000 % 32 * 86_400 + random.integers(0, 40_000, n)
    after = pl.duration(seconds=pl.lit(pl.Series(seconds)))
    made = events[random.integers(0, events.height, n)].with_columns(
        pl.format("bot {}", pl.Series(np.arange(n) // 2_000)).alias("user_id"),
        items.gather(random.integers(0, items.len(), n)).alias("item_id"),
        (start + after).cast(events.schema["timestamp"]).alias("timestamp"),
    )
    return _joined(tables, "events", made)


def traders(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Resellers: a third of the assortment each, over the whole year."""
    events, items = tables["events"], tables["catalogue"]["item_id"]
    each = items.len() // 3
    n = max(each, round(share * events.height / each) * each)
    picked = np.concatenate(
        [random.choice(items.len(), each, replace=False) for _ in range(n // each)]
    )
    made = events[random.integers(0, events.height, n)].with_columns(
        pl.format("trader {}", pl.Series(np.arange(n) // each)).alias("user_id"),
        items.gather(picked).alias("item_id"),
    )
    return _joined(tables | {"events": events}, "events", made)


def outside(column: str, days: int) -> Mutation:
    """Dates of availability for every product, and events before or after them."""

    def mutate(tables: Tables, share: float, random: np.random.Generator) -> Put:
        met = (
            tables["events"]
            .group_by("item_id")
            .agg(
                pl.col("timestamp").min().alias("available_from"),
                pl.col("timestamp").max().alias("available_to"),
            )
        )
        catalogue = tables["catalogue"].join(met, on="item_id", how="left", maintain_order="left")
        bound = tables["events"].join(met, on="item_id", how="left", maintain_order="left")
        bound = bound.with_columns(_some(bound, share, random))
        moved = pl.when(HIT).then(pl.col(column) + timedelta(days=days)).otherwise("timestamp")
        events = bound.with_columns(moved.alias("timestamp"))
        events = events.drop("available_from", "available_to")
        return Put(tables | {"catalogue": catalogue, "events": events}, "events")

    return mutate


def contradicting_ratings(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Reviews, each of its own words, and some that say the same with the opposite rating."""
    n = tables["events"].height
    rated = random.integers(1, 6, n)
    events = tables["events"].with_columns(
        pl.format("review number {}", pl.int_range(pl.len())).alias("text"),
        pl.Series("value", rated.astype(float)),
    )
    hit = np.sort(random.choice(n // 2, max(1, round(share * n / 2)), replace=False)) * 2
    marked = np.zeros(n, dtype=bool)
    marked[np.concatenate([hit, hit + 1])] = True
    rated[hit], rated[hit + 1] = 1, 5
    word = np.arange(n)
    word[hit + 1] = hit
    events = events.with_columns(
        pl.format("Review, number {}!", pl.Series(word)).alias("text"),
        pl.Series("value", rated.astype(float)),
        pl.Series(HIT, marked),
    )
    return Put(tables | {"events": events}, "events")


def wrong_encoding(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Titles with accents, some of them UTF-8 read as Windows-1252."""
    words = ["Crème brûlée", "Käse", "Jalapeño", "Pâté", "Smörgås", "Café"]
    drawn = random.choice(words, tables["catalogue"].height)
    right = tables["catalogue"].with_columns(
        pl.format("{} {}", pl.col("title"), pl.Series(drawn)).alias("title")
    )
    broken = pl.Series([word.encode().decode("cp1252") for word in drawn])
    wrong = pl.format("{} {}", tables["catalogue"]["title"], broken)
    given = pl.col("title").is_not_null()
    return setting("catalogue", "title", wrong, given)(tables | {"catalogue": right}, share, random)


def misspelled(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Product types in capitals, or with two letters in the other's place."""
    catalogue = tables["catalogue"].with_columns(pl.col("description").alias("kind"))
    frequent = pl.len().over("kind") >= 200
    long = pl.col("kind").str.len_chars() >= 8
    catalogue = catalogue.with_columns((frequent & long).alias("_fit"))
    swapped = pl.col("kind").str.replace(r"^(.{3})([a-z])([a-z])", "$1$3$2")
    changed = (
        pl.when(pl.Series(random.random(catalogue.height) < 0.5))
        .then(pl.col("kind").str.to_uppercase())
        .otherwise(swapped)
    )
    put = setting("catalogue", "kind", changed, pl.col("_fit") & (changed != pl.col("kind")))(
        tables | {"catalogue": catalogue}, share, random
    )
    return replace(put, tables=put.tables | {"catalogue": put.tables["catalogue"].drop("_fit")})


def priced(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """A catalogue with prices, some of them zero."""
    price = pl.Series("price", np.round(random.lognormal(1, 0.5, tables["catalogue"].height), 2))
    return setting("catalogue", "price", pl.lit(0.0))(
        tables | {"catalogue": tables["catalogue"].with_columns(price)}, share, random
    )


def two_makers(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """A maker for every product, and a second one for some."""
    items = tables["catalogue"]["item_id"]
    # at five per cent exactly no relation would be functional for 95 % of its heads any more
    n = max(1, round(min(share, 0.045) * items.len()))
    made = pl.DataFrame(
        {
            "head": items,
            "relation": "made_by",
            "tail": [f"maker {n}" for n in random.integers(0, 500, items.len())],
        }
    )
    chosen = made[np.sort(random.choice(made.height, n, replace=False))]
    second = chosen.with_columns(pl.lit("another maker").alias("tail"))
    facts = pl.concat([made, second]).with_columns(
        pl.col("head").is_in(chosen["head"].implode()).alias(HIT)
    )
    return Put(tables | {"triples": facts}, "triples")


def circles(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Shelves below halls below floors, and some floors below shelves."""
    n = 10_000
    shelves = pl.DataFrame(
        {
            "head": [f"shelf {k}" for k in range(n)] + [f"hall {k}" for k in range(n)],
            "relation": "parent",
            "tail": [f"hall {k}" for k in range(n)] + [f"floor {k}" for k in range(n)],
            "head_type": "place",
            "tail_type": "place",
        }
    )
    chosen = np.sort(random.choice(n, max(1, round(share * n)), replace=False))
    back = pl.DataFrame(
        {
            "head": [f"floor {k}" for k in chosen],
            "relation": "parent",
            "tail": [f"shelf {k}" for k in chosen],
            "head_type": "place",
            "tail_type": "place",
        }
    )
    return _joined(tables | {"triples": shelves}, "triples", back)


def bestseller(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Two in three events on a hundred products."""
    few = pl.Series(tables["catalogue"]["item_id"].gather(random.integers(0, 100, 1 << 16)))
    n = tables["events"].height
    drawn = few.gather(random.integers(0, few.len(), n))
    moved = pl.when(pl.Series(random.random(n) < 0.66)).then(drawn).otherwise("item_id")
    return Put(tables | {"events": tables["events"].with_columns(moved.alias("item_id"))}, None)


def lost_days(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Days whose events were never loaded."""
    days = tables["events"]["timestamp"].dt.date().unique().sort()
    n = max(1, round(share * days.len()))
    gone = days.gather(random.choice(np.arange(5, days.len() - 5), n, replace=False))
    kept = ~pl.col("timestamp").dt.date().is_in(gone.implode())
    return Put(tables | {"events": tables["events"].filter(kept)}, None)


def lost_half(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Nine in ten events of the first half of the year lost."""
    early = pl.col("timestamp") < datetime(2017, 7, 1, tzinfo=UTC)
    kept = ~early | pl.Series(random.random(tables["events"].height) < 0.1)
    return Put(tables | {"events": tables["events"].filter(kept)}, None)


def new_assortment(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Only non-food in the last quarter of the year."""
    food = tables["catalogue"].filter(pl.col("category").str.starts_with("Grocery"))["item_id"]
    late = pl.col("timestamp") >= datetime(2017, 10, 1, tzinfo=UTC)
    gone = late & pl.col("item_id").is_in(food.implode())
    return Put(tables | {"events": tables["events"].filter(~gone)}, None)


def bare(tables: Tables, share: float, random: np.random.Generator) -> Put:
    """Items of which nothing is known but the title."""
    table = tables["catalogue"].with_columns(_some(tables["catalogue"], share, random))
    known = [c for c in tables["catalogue"].columns if c not in ("item_id", "title")]
    emptied = table.with_columns(pl.when(~pl.col(HIT)).then(pl.col(c)).alias(c) for c in known)
    gone = emptied.filter(HIT)["item_id"]
    kept = tables["triples"].filter(
        ~(pl.col("head").is_in(gone.implode()) & (pl.col("head_type") == "item"))
    )
    return Put(tables | {"catalogue": emptied, "triples": kept}, "catalogue")


_BOILERPLATE = "Order now and save with free delivery on all orders over twenty pounds"

MUTATIONS: dict[str, Mutation] = {
    "missing-user: null": setting("events", "user_id", pl.lit(None)),
    "missing-user: blank": setting("events", "user_id", pl.lit("  ")),
    "missing-item: null": setting("events", "item_id", pl.lit(None)),
    "placeholder-ids: 'NULL' as user": setting("events", "user_id", pl.lit("NULL")),
    "padded-ids: a space before the user": setting(
        "events", "user_id", pl.format(" {}", "user_id")
    ),
    "padded-ids: a space after the catalogue's id": setting(
        "catalogue", "item_id", pl.format("{} ", "item_id")
    ),
    "missing-time: null": setting("events", "timestamp", pl.lit(None)),
    "unreadable-time: '2017-13-45'": writing_times(pl.lit("2017-13-45T10:00:00Z")),
    "unreadable-time: words": writing_times(pl.lit("yesterday")),
    "future-time: the year 2107": setting(
        "events", "timestamp", pl.col("timestamp").dt.offset_by("90y")
    ),
    "zero-time: 1970-01-01": setting(
        "events", "timestamp", pl.lit(datetime(1970, 1, 1, tzinfo=UTC))
    ),
    "zero-time: 1900-01-01": setting(
        "events", "timestamp", pl.lit(datetime(1900, 1, 1, tzinfo=UTC))
    ),
    "mixed-time-zones: no zone named": writing_times(pl.col("timestamp").str.strip_suffix("Z")),
    "mixed-time-zones: +05:30": writing_times(
        pl.col("timestamp").str.replace("Z", "+05:30", literal=True)
    ),
    "unreadable-number: 'n/a' as price": unreadable_prices,
    "exact-duplicates: row twice": appending("events", lambda rows, _: rows),
    "duplicated-sessions: basket twice": copied_sessions,
    "non-positive-quantity: zero": setting("events", "quantity", pl.lit(0)),
    "non-positive-price: zero": setting("events", "price", pl.lit(0.0)),
    "non-positive-price: negative": setting(
        "events", "price", -pl.col("price"), pl.col("price") > 0
    ),
    "non-positive-catalogue-price: zero": priced,
    "quantity-outliers: 1,000 times": setting(
        "events", "quantity", pl.col("quantity") * 1_000, pl.col("quantity") > 0
    ),
    "price-outliers: 100 times": setting(
        "events", "price", pl.col("price") * 100, pl.col("price") > 0
    ),
    "price-outliers: a hundredth": setting(
        "events", "price", pl.col("price") / 100, pl.col("price") > 0
    ),
    "cancellations: invoice C…": appending(
        "events",
        lambda rows, _: rows.with_columns(
            pl.format("C{}", "session_id").alias("session_id"),
            -pl.col("quantity"),
            pl.col("timestamp").dt.offset_by("1d"),
        ),
    ),
    "cancellations: kind 'return'": appending(
        "events", lambda rows, _: rows.with_columns(pl.lit("return").alias("event"))
    ),
    "service-items: postage and charges": services,
    "bots: 1,000 events a day": programs,
    "resellers: a third of the assortment": traders,
    "one-event-users: visitors": setting(
        "events", "user_id", pl.format("visitor {}", pl.int_range(pl.len()))
    ),
    "unknown-items: id not in the catalogue": setting(
        "events", "item_id", pl.format("x{}", "item_id")
    ),
    "before-available: a month early": outside("available_from", -30),
    "after-withdrawn: a month late": outside("available_to", 30),
    "label-conflicts: same words, 1 and 5 stars": contradicting_ratings,
    "missing-catalogue-id: null": setting("catalogue", "item_id", pl.lit(None)),
    "duplicate-catalogue-rows: row twice": appending("catalogue", lambda rows, _: rows),
    "conflicting-catalogue-rows: another brand": appending(
        "catalogue", lambda rows, _: rows.with_columns(pl.lit("Other").alias("brand"))
    ),
    "never-seen-items: new products": appending(
        "catalogue",
        lambda rows, _: rows.with_columns(pl.format("new {}", "item_id").alias("item_id")),
    ),
    "id-spelling: full stop behind the id": appending(
        "catalogue",
        lambda rows, _: rows.with_columns(pl.format("{}.", "item_id").alias("item_id")),
        pl.col("title").is_not_null(),
    ),
    "near-duplicate-items: new id, title in capitals": appending(
        "catalogue",
        lambda rows, _: rows.with_columns(
            pl.format("n{}", "item_id").alias("item_id"), pl.col("title").str.to_uppercase()
        ),
        ~pl.struct(pl.exclude("item_id")).is_duplicated() & pl.col("title").is_not_null(),
    ),
    "mojibake: UTF-8 read as Windows-1252": wrong_encoding,
    "markup-in-text: tags": setting(
        "catalogue", "title", pl.format("<b>{}</b>", "title"), pl.col("title").is_not_null()
    ),
    "markup-in-text: references": setting(
        "catalogue", "title", pl.format("{} &amp; more", "title"), pl.col("title").is_not_null()
    ),
    "empty-text: blank": setting("catalogue", "title", pl.lit(" ")),
    "short-text: one letter": setting("catalogue", "title", pl.lit("x")),
    "boilerplate-text: one text for all": setting("catalogue", "description", pl.lit(_BOILERPLATE)),
    "attribute-spelling: capitals and swapped letters": misspelled,
    "category-cycles: top two levels swapped": setting(
        "catalogue",
        "category",
        pl.col("category").str.replace(r"^(.*?) > (.*?) > ", "$2 > $1 > "),
        pl.col("category").str.count_matches(" > ") == 2,
    ),
    "missing-values: a third of the brands": lambda tables, share, random: replace(
        setting("catalogue", "brand", pl.lit(None))(tables, 0.33, random)
    ),
    "repeated-user-rows: row twice": appending("users", lambda rows, _: rows),
    "identifiable-users: a value of its own": setting(
        "users", "income", pl.format("{} dollars", pl.int_range(pl.len()))
    ),
    "malformed-triples: no tail": setting("triples", "tail", pl.lit(None)),
    "self-loops: head as tail": appending(
        "triples",
        lambda rows, _: rows.with_columns(
            pl.col("head").alias("tail"), pl.col("head_type").alias("tail_type")
        ),
    ),
    "dangling-items: item not in the catalogue": setting(
        "triples", "head", pl.format("x{}", "head"), pl.col("head_type") == "item"
    ),
    "duplicate-triples: row twice": appending("triples", lambda rows, _: rows),
    "contradicting-facts: a second maker": two_makers,
    "relation-cycles: floors below shelves": circles,
    "orphan-items: no attributes": bare,
    "popularity-concentration: two thirds on 100 products": bestseller,
    "missing-days: days not loaded": lost_days,
    "volume-drift: nine tenths of a half-year lost": lost_half,
    "mix-drift: groceries gone": new_assortment,
}

if __name__ == "__main__":
    main()
