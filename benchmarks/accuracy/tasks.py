"""What each table learns from and what it asks: its set, its split, its metrics, its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from hybridrec import Dataset
from hybridrec.config import Exclude
from hybridrec.data.columns import Columns
from hybridrec.data.public import SETS
from hybridrec.data.public.online_retail import online_retail
from hybridrec.errors import RequestError
from hybridrec.evaluation.protocols import Question
from hybridrec.shop import Shop

TEST_DAYS = 28
WARM_USERS = 5
"""An item bought by fewer users before the test is cold, and not asked for."""
HELD_OUT_SHARE = 0.3
"""Of each user's events, in the random split."""
SPLIT_SEED = 7
"""Draws the validation part of the random split."""
SOLD_AS = "sold_as"
"""The description on an invoice line, a column of the events."""
CO_PURCHASES = "-with-co-purchases"
"""What is added to a set's name for the one whose relations leak the test."""

Parts = tuple[Dataset, Dataset]
_QUESTIONS: tuple[tuple[str, Exclude], ...] = (("all", "none"), ("new", "seen"))


@dataclass(frozen=True)
class Protocol:
    """How a table is made.

    Args:
        dataset: the name of the public set.
        split: what is learnt from and what is asked for, from the set; where ``validate`` is true
            one step earlier, so that the test stays closed.
        exclude: ``seen`` asks for items new to the user.
        metrics: those of the table.
        settings: the file in ``configs/`` that was chosen for it.
        percent: whether the table is written in percent.
        ordered: whether the order of a user's events means anything.
        capped_recall: whether the referee's recall divides by ``min(10, relevant)``.
    """

    dataset: str
    split: Callable[[Dataset, bool], Parts]
    exclude: Exclude
    metrics: tuple[str, ...]
    settings: str
    percent: bool = False
    ordered: bool = True
    capped_recall: bool = False


@dataclass(frozen=True)
class Task:
    """A table's question, ready to be answered.

    Args:
        name: of the table.
        protocol: how it is made.
        train: what may be learnt from.
        test: what is asked for.
    """

    name: str
    protocol: Protocol
    train: Dataset
    test: Dataset

    @cached_property
    def question(self) -> Question:
        """The users asked for, what each met in the test, and their histories."""
        shop = Shop.of(self.train, self.train.histories(), None)
        return Question.of(shop, self.test, self.protocol.exclude)

    @property
    def timed(self) -> bool:
        """Whether the data have times."""
        return self.train.as_of is not None


def leave_one_out(data: Dataset, validate: bool) -> Parts:
    """Each user's last event is asked for; the one before it to validate."""
    train, test = data.split_leave_last_out()
    return train.split_leave_last_out() if validate else (train, test)


def given_parts(data: Dataset, validate: bool) -> Parts:
    """The part called test is asked for; the one called valid to validate, both hidden."""
    train, test = data.split_by_group("part", test=["test"])
    if validate:
        train, test = train.split_by_group("part", test=["valid"])
    return without_order(train), test


def random_parts(data: Dataset, validate: bool) -> Parts:
    """The part called test is asked for; to validate, a draw from the rest of the same kind."""
    train, test = data.split_by_group("part", test=["test"])
    if not validate:
        return without_order(train), test
    draw = np.random.default_rng(SPLIT_SEED).permutation(train.events.height)
    place = pl.Series("place", draw).rank("ordinal")
    n = pl.len().over(Columns.USER)
    wanted = (n * HELD_OUT_SHARE).floor().clip(lower_bound=1)
    held_out = (pl.col("place").rank("ordinal").over(Columns.USER) <= wanted) & (n > 1)
    part = pl.when(held_out).then(pl.lit("test")).otherwise(pl.lit("train")).alias("part")
    events = train.events.with_columns(place).with_columns(part).drop("place")
    train, test = replace(train, events=events).split_by_group("part", test=["test"])
    return without_order(train), test


def without_order(data: Dataset) -> Dataset:
    """Events in random order, where it is not to tell anything.

    A file may well hold each user's events by time, which the parts that were drawn from it do not
    follow: who learns from each user's last one learns something else than is asked.
    """
    return replace(data, events=data.events.sample(fraction=1.0, shuffle=True, seed=SPLIT_SEED))


def last_days(data: Dataset, validate: bool) -> Parts:
    """The last 28 days are asked for, of items that 5 users bought before; else those before."""
    train, test = data.split_by_time(test_days=TEST_DAYS)
    if validate:
        train, test = train.split_by_time(test_days=TEST_DAYS)
    return train.keep_items(min_users=WARM_USERS), test


def invoices_of_last_days(data: Dataset, validate: bool) -> Parts:
    """The last 28 days, as in last_days; an item has the description it went by most before them.

    Args:
        data: purchases, each with its description; see :func:`purchases`.
        validate: whether everything lies 28 days earlier.
    """
    train, test = last_days(data, validate)
    described = (
        train.events.filter(pl.col(SOLD_AS).is_not_null())
        .group_by(Columns.ITEM, SOLD_AS)
        .len()
        .sort(Columns.ITEM, "len", SOLD_AS, descending=[False, True, False])
        .unique(Columns.ITEM, keep="first", maintain_order=True)
        .select(Columns.ITEM, pl.col(SOLD_AS).alias(Columns.TITLE))
    )
    items = train.catalogue.select(Columns.ITEM)
    catalogue = items.join(described, on=Columns.ITEM, how="left", maintain_order="left")
    return replace(train, catalogue=catalogue), test


def purchases(transactions: pl.DataFrame) -> Dataset:
    """Online Retail's invoice lines that are purchases of products by known customers.

    Left out are cancellations, returns, lines without a customer, and codes such as ``POST`` that
    do not begin with five digits. Nothing else is mended, so that the test is the referee's.
    """
    bought = transactions.filter(
        pl.col("user_id").is_not_null(),
        pl.col("user_id") != "",
        pl.col("quantity") > 0,
        ~pl.col("invoice_id").str.starts_with("C"),
        pl.col("item_id").str.contains(r"^\d{5}"),
    )
    data = online_retail(bought.with_columns(pl.col("description").alias(SOLD_AS)))
    catalogue = data.catalogue.select(Columns.ITEM).unique(maintain_order=True)
    return replace(data, catalogue=catalogue)


PROTOCOLS: dict[str, Protocol] = {
    **{
        name: Protocol(name, leave_one_out, "seen", ("recall@10", "ndcg@10"), "next.yaml")
        for name in ("amazon-beauty", "amazon-toys", "ml-100k")
    },
    "amazon-beauty-70-30": Protocol(
        "amazon-beauty-random",
        random_parts,
        "seen",
        ("ndcg@10", "full_recall@10", "hr@10", "precision@10"),
        "unordered.yaml",
        percent=True,
        ordered=False,
    ),
    "book-crossing": Protocol(
        "book-crossing",
        given_parts,
        "seen",
        ("full_recall@10", "mrr@10"),
        "knowledge.yaml",
        ordered=False,
    ),
    **{
        f"{name}-{question}": Protocol(
            name, split, exclude, ("recall@10", "ndcg@10"), "default.yaml", capped_recall=True
        )
        for name, split in (
            ("complete-journey", last_days),
            ("online-retail", invoices_of_last_days),
        )
        for question, exclude in _QUESTIONS
    },
}
"""The tables, by name; ``ml-100k`` is the quick one, for development."""


def load(names: Sequence[str], folder: Path | None, *, co_purchases: bool = False) -> Dataset:
    """The one set that these tables are about; Online Retail as purchases alone.

    Args:
        names: tables of one set.
        folder: of all public sets; ``HYBRIDREC_DATA`` when ``None``.
        co_purchases: with the relations that leak the test; ``amazon-beauty-70-30`` alone has them.

    Raises:
        RequestError: tables of different sets, or relations that the set lacks.
        DataError: the set is missing or damaged.
    """
    sets = sorted({PROTOCOLS[name].dataset for name in names})
    if len(sets) > 1:
        raise RequestError(f"one fit answers questions of one set alone, not of {', '.join(sets)}")
    name = sets[0] + CO_PURCHASES * co_purchases
    if name not in SETS:
        raise RequestError(f"{sets[0]} has no co-purchase relations; amazon-beauty-70-30 has")
    if name == "online-retail":
        return replace(SETS[name], dataset=purchases).load(name, folder)
    return Dataset.load(name, data_dir=folder)


def tasks(names: Sequence[str], data: Dataset, *, validate: bool = False) -> list[Task]:
    """The tasks of a set, which share what is learnt from.

    Args:
        names: tables of the set.
        data: the set, from :func:`load`.
        validate: one step earlier, the test stays closed.
    """
    train, test = PROTOCOLS[names[0]].split(data, validate)
    return [Task(name, PROTOCOLS[name], train, test) for name in names]
