"""Quantities, prices, and what is sold though it is no product."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hybridrec import Dataset
from hybridrec.data.quality import QualityConfig
from hybridrec.data.quality.robust import log_deviations

FIRST = datetime(2024, 3, 1, 12, tzinfo=UTC)


def bought(catalogue: pl.DataFrame | None = None, **columns: list[Any]) -> Dataset:
    n = len(next(iter(columns.values())))
    base = {
        "user_id": [f"u{row % 3}" for row in range(n)],
        "item_id": ["i1"] * n,
        "timestamp": [FIRST + timedelta(hours=row) for row in range(n)],
    }
    return Dataset.from_frames(pl.DataFrame(base | columns, strict=False), catalogue)


def rows_of(data: Dataset, code: str, **config: Any) -> list[int]:
    [finding] = data.check(config=QualityConfig(**config))[code]
    assert finding.severity == "warning"
    assert finding.rows is not None
    assert finding.count == finding.rows.len()
    return finding.rows.to_list()


def test_sound_purchases_raise_nothing() -> None:
    random = np.random.default_rng(0)
    data = bought(
        quantity=random.integers(1, 6, 60).tolist(),
        price=random.normal(5, 0.3, 60).round(2).tolist(),
    )
    assert {f.code for f in data.check().findings} <= {"one-event-users"}


def test_non_positive_quantities_go() -> None:
    data = bought(quantity=[1, 0, 2, None, 3, -1, 2], event=["purchase"] * 6 + ["return"])
    assert rows_of(data, "non-positive-quantity") == [1, 5]
    clean = data.clean(["non-positive-quantity"])
    assert_frame_equal(clean.events, data.events[[0, 2, 3, 4, 6]])
    assert [(e.rows_in, e.rows_out, e.rows_changed) for e in clean.ledger] == [(7, 5, 0)]


def test_non_positive_prices_are_emptied_in_both_tables() -> None:
    catalogue = pl.DataFrame({"item_id": ["i1", "i2", "i3"], "price": [1.0, 0.0, -2.0]})
    data = bought(catalogue, price=[1.0, 0.0, None, -3.0])
    assert rows_of(data, "non-positive-price") == [1, 3]
    assert rows_of(data, "non-positive-catalogue-price") == [1, 2]
    clean = data.clean(["non-positive-price", "non-positive-catalogue-price"])
    assert clean.events["price"].to_list() == [1.0, None, None, None]
    assert clean.catalogue["price"].to_list() == [1.0, None, None]
    assert [(e.table, e.rows_in, e.rows_out, e.rows_changed) for e in clean.ledger] == [
        ("events", 4, 4, 2),
        ("catalogue", 3, 3, 2),
    ]


@pytest.mark.parametrize("column", ["quantity", "price"])
def test_outliers_give_way_to_the_items_usual_value(column: str) -> None:
    values = [2, 3, 2, 2000, 3, 2, 3, 2]
    data = bought(**{column: values})
    assert rows_of(data, f"{column}-outliers") == [3]
    clean = data.clean([f"{column}-outliers"])
    assert clean.events[column].to_list() == [2, 3, 2, 2, 3, 2, 3, 2]
    assert clean.events.schema[column] == data.events.schema[column]
    assert [(e.rows_in, e.rows_out, e.rows_changed) for e in clean.ledger] == [(8, 8, 1)]
    assert not clean.check()[f"{column}-outliers"]


def test_small_prices_are_outliers_as_large_ones_are() -> None:
    assert rows_of(bought(price=[10.0, 11.0, 0.01, 10.5, 10.0, 9.5]), "price-outliers") == [2]


def test_items_with_few_events_are_held_against_all() -> None:
    items = [*["i1"] * 6, "rare", "rare"]
    data = bought(item_id=items, quantity=[1, 2, 1, 2, 1, 2, 1, 5000])
    assert rows_of(data, "quantity-outliers") == [7]
    clean = data.clean(["quantity-outliers"])
    assert clean.events["quantity"].to_list() == [1, 2, 1, 2, 1, 2, 1, 1]


def test_an_outlier_without_anything_usual_is_emptied() -> None:
    data = bought(item_id=[*["i1"] * 6, "rare"], quantity=[1, 2, 1, 2, 1, 2, 5000])
    assert data.clean(["quantity-outliers"]).events["quantity"].to_list() == [
        1,
        2,
        1,
        2,
        1,
        2,
        None,
    ]


def test_thresholds_of_outliers_are_settings() -> None:
    data = bought(quantity=[2, 3, 2, 20, 3, 2, 3, 2])
    assert not data.check()["quantity-outliers"]
    assert rows_of(data, "quantity-outliers", outlier_ratio=5, outlier_deviations=5) == [3]


def test_returned_quantities_keep_their_sign() -> None:
    data = bought(quantity=[2, 2, -3000, 2, 3, 2, 3], event=["purchase"] * 2 + ["return"] * 5)
    assert data.clean(["quantity-outliers"]).events["quantity"].to_list()[2] == -2


@pytest.mark.parametrize("values", [[None] * 4, [0] * 4, [5, None, None, None]])
def test_columns_without_anything_to_compare(values: list[int | None]) -> None:
    report = bought(quantity=values, price=values).check()
    assert not report["quantity-outliers"]
    assert not report["price-outliers"]


def test_deviations_are_distances_from_the_groups_median() -> None:
    values = pl.Series([1.0, np.e, np.e**2, 100.0, 0.0, None])
    away = log_deviations(values, [pl.Series([1, 1, 1, 2, 2, 1])], min_size=1)
    assert away["distance"].to_list() == pytest.approx([-1, 0, 1, 0, None, None], nan_ok=True)
    spread = 1.4826
    assert away["deviations"].to_list()[:4] == pytest.approx([-1 / spread, 0, 1 / spread, 0])


def test_rare_items_are_held_against_their_category() -> None:
    """A sofa costs more than a hundred cups of tea; a cup at the price of a sofa is an outlier."""
    items = [f"sofa{n}" for n in range(6)] + [f"tea{n}" for n in range(60)]
    prices = [900.0, 1100.0, 1000.0, 950.0, 1050.0, 990.0] + [2.0 + n % 3 for n in range(60)]
    catalogue = {
        "item_id": items,
        "category": ["Home > Sofas"] * 6 + ["Food > Tea"] * 60,
    }
    events = {"user_id": "u", "item_id": items, "price": prices, "timestamp": range(66)}
    rare = Dataset.from_frames(pl.DataFrame(events), pl.DataFrame(catalogue))
    assert not rare.check()["price-outliers"]
    wrong = pl.DataFrame(events | {"price": [*prices[:-1], 900.0]})
    assert rows_of(Dataset.from_frames(wrong, pl.DataFrame(catalogue)), "price-outliers") == [65]
    without = Dataset.from_frames(pl.DataFrame(events))
    assert rows_of(without, "price-outliers") == [0, 1, 2, 3, 4, 5]


SERVICES = [
    "POSTAGE", "Manual", "AMAZON FEE", "Bank Charges", "Adjust bad debt", "CARRIAGE", "Discount",
    "SAMPLES", "Dotcomgiftshop Gift Voucher £10.00", "DOTCOM POSTAGE", "CRUK Commission",
    "Next Day Carriage", " postage ", "P&P",
]  # fmt: skip
PRODUCTS = [
    "Manual coffee grinder", "Gift card holder", "Postage stamp album", "Test tube vase",
    "VAT 69 whisky", "Sample book of wallpaper", "Discount coupon wallet", "Feeding bowl", "Taxi",
    "Delivery van toy", None, "",
]  # fmt: skip


def shop_of(titles: list[str | None], ids: list[Any] | None = None, sold: int = 99) -> Dataset:
    ids = ids or [f"{20_000 + n}" for n in range(len(titles))]
    catalogue = pl.DataFrame({"item_id": ids, "title": titles})
    some = ids[:sold]
    return bought(catalogue, item_id=[*some, *some])


@pytest.mark.parametrize("title", SERVICES)
def test_services_by_their_title(title: str) -> None:
    data = shop_of(["Mug", title, "Plate"])
    [finding] = data.check()["service-items"]
    assert (finding.table, finding.column, finding.severity) == ("events", "item_id", "warning")
    assert finding.rows is not None
    assert finding.rows.to_list() == [1, 4]
    clean = data.clean(["service-items"])
    assert_frame_equal(clean.events, data.events[[0, 2, 3, 5]])
    assert_frame_equal(clean.catalogue, data.catalogue[[0, 2]])
    assert {(e.table, e.rows_in, e.rows_out) for e in clean.ledger} == {
        ("events", 6, 4),
        ("catalogue", 3, 2),
    }
    assert not clean.check()["service-items"]


@pytest.mark.parametrize("title", PRODUCTS)
def test_products_that_sound_like_services(title: str | None) -> None:
    assert not shop_of(["Mug", title, "Plate"]).check()["service-items"]


def test_services_that_nobody_bought_yet() -> None:
    data = shop_of(["Mug", "Plate", "POSTAGE"], sold=2)
    [finding] = data.check()["service-items"]
    assert finding.rows is not None
    assert (finding.table, finding.rows.to_list()) == ("catalogue", [2])
    assert data.clean(["service-items"]).catalogue["title"].to_list() == ["Mug", "Plate"]


def test_words_among_numbers_are_services_where_no_title_tells() -> None:
    ids = [f"{20_000 + n}" for n in range(40)]
    data = bought(item_id=[*ids, "POST", "71053B"])
    assert rows_of(data, "service-items") == [40]
    titled = shop_of([*["Mug"] * 40, None, "Vase"], [*ids, "POST", "VASE"])
    [finding] = titled.check()["service-items"]
    assert finding.count == 2
    assert finding.examples["item_id"].to_list() == ["POST"]


def test_random_ids_without_a_digit_are_no_services() -> None:
    random = np.random.default_rng(0)
    signs = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    ids = ["".join(random.choice(signs, 12)) for _ in range(1_000)]
    assert sum(not any(map(str.isdigit, one)) for one in ids) > 5
    assert not bought(item_id=ids).check()["service-items"]


def test_the_first_of_an_items_rows_says_whether_it_is_a_service() -> None:
    catalogue = pl.DataFrame(
        {"item_id": ["1", "1", "2", "2", None], "title": ["Mug", "Discount", "Fee", "Vase", "Tax"]}
    )
    data = bought(catalogue, item_id=["1", "2", "1"])
    assert rows_of(data, "service-items") == [1]
    clean = data.clean(["service-items"])
    assert clean.catalogue["title"].to_list() == ["Mug", "Discount", "Tax"]


@pytest.mark.parametrize(
    "titles", [[1, 2], [["Postage"], ["Mug"]], pl.Series(["Postage", "Mug"], dtype=pl.Categorical)]
)
def test_titles_of_other_types(titles: list[Any]) -> None:
    data = bought(pl.DataFrame({"item_id": [1, 2], "title": titles}), item_id=[1, 2])
    assert bool(data.check()["service-items"]) == (not isinstance(titles[0], int))
