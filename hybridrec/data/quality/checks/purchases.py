"""What was bought, for how much, and what of it was undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.quality.checking import (
    CANCELLATIONS,
    Fix,
    Flagged,
    Inspection,
    as_text,
    quality_check,
    rows_where,
)
from hybridrec.data.quality.fixes import (
    blanking,
    drop_rows,
    flagged_rows,
    is_among,
    with_table,
)
from hybridrec.data.quality.netting import Netted, netted
from hybridrec.data.quality.robust import log_deviations
from hybridrec.data.quality.wording import counted

if TYPE_CHECKING:
    from hybridrec.data.dataset import Dataset

MOST_DIGITS = 2 / 3
"""Ids whose letters and digits are digits by this share, in the median, are numbers."""


@quality_check(
    "non-positive-quantity",
    table="events",
    severity="warning",
    why="nothing was bought: these are corrections of the stock, samples or slips",
    fix=drop_rows("events"),
    needs=(Columns.QUANTITY,),
)
def non_positive_quantity(inspection: Inspection) -> Flagged:
    """Purchases with a quantity of zero or less that are no cancellations."""
    nothing = (pl.col(Columns.QUANTITY) <= 0) & inspection.buys & ~inspection.cancels
    rows = rows_where(inspection.events, nothing)
    return Flagged(
        rows,
        f"{counted(rows.len(), 'quantity', 'quantities')} of zero or less, and no cancellation",
        Columns.QUANTITY,
    )


@quality_check(
    "non-positive-price",
    table="events",
    severity="warning",
    why="gifts, samples and bookings; as prices they would pull medians down",
    fix=Fix("empties the price, keeps the event", blanking("events")),
    needs=(Columns.PRICE,),
)
def non_positive_price(inspection: Inspection) -> Flagged:
    """Events with a price of zero or less."""
    rows = rows_where(inspection.events, pl.col(Columns.PRICE) <= 0)
    return Flagged(rows, f"{counted(rows.len(), 'price')} of zero or less", Columns.PRICE)


@quality_check(
    "non-positive-catalogue-price",
    table="catalogue",
    severity="warning",
    why="nothing is sold for it; conditions such as where='price < 5' would let it through",
    fix=Fix("empties the price, keeps the item", blanking("catalogue")),
    needs=(Columns.PRICE,),
)
def non_positive_catalogue_price(inspection: Inspection) -> Flagged:
    """Items with a price of zero or less."""
    rows = rows_where(inspection.catalogue, pl.col(Columns.PRICE) <= 0)
    return Flagged(rows, f"{counted(rows.len(), 'price')} of zero or less", Columns.PRICE)


def _outliers(inspection: Inspection, column: str) -> Flagged:
    """Values far from the median of their item, in deviations and in ratio.

    Items with few values are held against their category.
    """
    config, events = inspection.config, inspection.events
    groups = [inspection.coded[Columns.ITEM], *_categories(inspection)]
    away = log_deviations(events[column].abs(), groups, config.outlier_min_events)
    far = (pl.col("deviations").abs() > config.outlier_deviations) & (
        pl.col("distance").abs() > np.log(config.outlier_ratio)
    )
    rows = rows_where(away, far)
    found = events[rows].with_columns(
        (events[column].gather(rows).abs() / away["distance"].gather(rows).exp())
        .round(2)
        .alias(f"usual {column}")
    )
    return Flagged(
        rows,
        f"{counted(rows.len(), 'value')} over {config.outlier_ratio:g} times above or below what "
        f"is usual for the item, and over {config.outlier_deviations:g} robust deviations away",
        column,
        examples=found.sort(pl.col(column).abs(), descending=True),
    )


def _categories(inspection: Inspection) -> list[pl.Series]:
    """The category of each event's item, as numbers, null without one; nothing without paths."""
    catalogue, roles = inspection.catalogue, inspection.data.roles
    paths = roles.filter(
        (pl.col("role") == "category_path") & pl.col("column").is_in(catalogue.columns)
    )
    if paths.is_empty():
        return []
    path = as_text(catalogue, paths["column"][0])
    items = catalogue.select(Columns.ITEM, path.rank("dense").alias("category"))
    items = items.unique(Columns.ITEM, keep="first")
    met = inspection.events.select(Columns.ITEM)
    return [met.join(items, on=Columns.ITEM, how="left", maintain_order="left")["category"]]


def _usual_value(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
    """The median of the item's values that are no outliers, or null, for each outlier."""
    events = inspection.events
    for found in flagged:
        assert found.column is not None
        assert found.rows is not None
        column = found.column
        frame = pl.DataFrame(
            [
                events[column].alias("value"),
                is_among(events, found.rows).alias("hit"),
                inspection.coded[Columns.ITEM],
            ]
        )
        kept = pl.when(~pl.col("hit")).then(pl.col("value").abs())
        usual = kept.median().over(Columns.ITEM) * pl.col("value").sign()
        mended = pl.when("hit").then(usual).otherwise("value").cast(events.schema[column])
        events = events.with_columns(frame.select(mended.alias(column)).to_series())
    return with_table(inspection.data, "events", events)


@quality_check(
    "quantity-outliers",
    table="events",
    severity="warning",
    why="a slip of the keys outweighs a thousand customers wherever quantities count",
    fix=Fix("puts the item's usual quantity in their place", _usual_value),
    needs=(Columns.QUANTITY,),
)
def quantity_outliers(inspection: Inspection) -> Flagged:
    """Quantities far above or below what is usual for the item."""
    return _outliers(inspection, Columns.QUANTITY)


@quality_check(
    "price-outliers",
    table="events",
    severity="warning",
    why="a misplaced point makes a cheap product dear, and the user's price range with it",
    fix=Fix("puts the item's usual price in their place", _usual_value),
    needs=(Columns.PRICE,),
)
def price_outliers(inspection: Inspection) -> Flagged:
    """Prices far above or below what is usual for the item."""
    return _outliers(inspection, Columns.PRICE)


def _net(inspection: Inspection) -> Netted:
    return netted(inspection.events, inspection.coded, inspection.cancels, inspection.buys)


def _net_out(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
    """Cancelled quantities taken off their purchases; what nothing is left of goes."""
    left = _net(inspection)
    events = inspection.events
    if Columns.QUANTITY in events.columns:
        dtype = events.schema[Columns.QUANTITY]
        quantity = pl.when(left.reduced).then(left.quantity).otherwise(pl.col(Columns.QUANTITY))
        events = events.with_columns(quantity.cast(dtype).alias(Columns.QUANTITY))
    gone = is_among(events, flagged_rows(flagged)) | left.undone
    return with_table(inspection.data, "events", events.filter(~gone))


@quality_check(
    CANCELLATIONS,
    table="events",
    severity="warning",
    why="a return is no second purchase, and what was returned was not wanted",
    fix=Fix("takes them off the purchases they undo, latest first, and drops both", _net_out),
)
def cancellations(inspection: Inspection) -> Flagged:
    """Events that undo earlier ones, and what becomes of those."""
    rows = rows_where(inspection.events, inspection.cancels)
    if not rows.len():
        return Flagged(rows)
    left = _net(inspection)
    reduced = int((left.reduced & ~left.undone).sum())
    return Flagged(
        rows,
        f"{counted(rows.len(), 'event')} that cancel or return others: they undo "
        f"{counted(int(left.undone.sum()), 'purchase')} whole and {reduced:,} in part; "
        f"{left.unmatched:,} find no purchase before them",
    )


def service_rows(inspection: Inspection) -> pl.Series:
    """The catalogue rows of items that are no products, an item once."""
    config, catalogue = inspection.config, inspection.catalogue
    item = pl.col(Columns.ITEM)
    title = pl.lit(None, dtype=pl.String)
    if Columns.TITLE in catalogue.columns:
        title = as_text(catalogue, Columns.TITLE).str.strip_chars()
    is_service = title.str.contains(config.service_titles).fill_null(False)
    if _numbered(catalogue[Columns.ITEM].drop_nulls().unique(), config.digits_in_ids):
        unnamed = ~title.str.contains(r"\p{L}").fill_null(False)
        is_service = is_service | (unnamed & ~item.str.contains(r"\d"))
    # of several rows the first is the item's own; stray ones say "adjustment" of any product
    return rows_where(catalogue, item.is_not_null() & item.is_first_distinct() & is_service)


def _numbered(items: pl.Series, share: float) -> bool:
    """Whether ids are numbers, maybe with a letter or two, so that words among them stand out.

    In ids of random letters and digits some have no digit by chance.
    """
    if items.dtype != pl.String or items.is_empty():
        return False
    digits = items.str.count_matches(r"\d")
    signs = items.str.count_matches(r"[\p{L}\p{N}]")
    of_numbered = (digits / signs).filter(digits > 0).median()
    with_digit = (digits > 0).sum() / items.len()
    return with_digit >= share and cast(float, of_numbered) >= MOST_DIGITS


def _without_services(inspection: Inspection, flagged: list[Flagged]) -> Dataset:
    services = inspection.catalogue[service_rows(inspection)][Columns.ITEM]
    is_service = pl.col(Columns.ITEM).is_in(services.implode()).fill_null(False)
    data = drop_rows("events").mend(inspection, flagged)
    return with_table(data, "catalogue", inspection.catalogue.filter(~is_service))


@quality_check(
    "service-items",
    table="events",
    severity="warning",
    why="postage and bank charges sell well and should never be recommended",
    fix=Fix(
        "drops their events and their rows of the catalogue",
        _without_services,
    ),
)
def service_items(inspection: Inspection) -> Flagged:
    """Events on items that are services or bookings, by their title or by their id."""
    services = service_rows(inspection)
    named = inspection.catalogue[services]
    rows = rows_where(inspection.events, pl.col(Columns.ITEM).is_in(named[Columns.ITEM].implode()))
    counts = inspection.events[rows][Columns.ITEM].value_counts(name="events")
    counts = counts.sort("events", Columns.ITEM, descending=[True, False])
    if Columns.TITLE in named.columns:
        titles = named.select(Columns.ITEM, Columns.TITLE)
        counts = counts.join(titles, on=Columns.ITEM, how="left", maintain_order="left")
    return Flagged(
        rows,
        f"{counted(named.height, 'item')} named like a service or a booking, "
        f"in {counted(rows.len(), 'event')}",
        Columns.ITEM,
        examples=counts,
    )


@quality_check(
    "service-items",
    table="catalogue",
    severity="warning",
    why="what nobody has bought yet may be recommended, too",
    fix=drop_rows("catalogue"),
)
def unsold_service_items(inspection: Inspection) -> Flagged:
    """Services and bookings in the catalogue that have no event."""
    services = service_rows(inspection)
    items = inspection.catalogue[Columns.ITEM].gather(services)
    rows = services.filter(~items.is_in(inspection.events[Columns.ITEM].unique().implode()))
    return Flagged(
        rows,
        f"{counted(rows.len(), 'item')} named like a service or a booking, without an event",
        Columns.ITEM,
    )
