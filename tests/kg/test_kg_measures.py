"""Sizes and numbers, sorted into bands."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.reading.measures import band_name, band_numbers, quantile_edges, size_bands


@pytest.mark.parametrize(
    ("size", "band"),
    [
        ("16 OZ", "16–32 OZ"),
        ("15.99 oz", "8–16 OZ"),
        ("22 LB", "256–512 OZ"),
        (".5 oz.", "0.5–1 OZ"),
        ("1.5 L", "1–2 L"),
        ("1,5 l", "1–2 L"),
        ("750ML", "0.5–1 L"),
        ("330 ml", "250–500 ML"),
        ("1/2 GAL", "1–2 L"),
        ("12 FL. OZ", "250–500 ML"),
        ("2 KG", "2–4 KG"),
        ("12 PK", "8–15 PK"),
        ("1 CT", "1 CT"),
        ("1 DZ", "8–15 CT"),
        ("148.5 SQ FT", "128–256 SQ FT"),
        ("8 CT/3.5 CM", None),
        ("EX   16 OZ", None),
        ("0 OZ", None),
        ("1/0 OZ", None),
        ("1.5 PK", None),
        ("999999 PK", None),
        ("OZ", None),
        ("12", None),
        ("", None),
        (None, None),
    ],
)
def test_known_sizes(size, band):
    assert size_bands(pl.Series("size", [size], dtype=pl.String)).to_list() == [band]


@given(st.floats(0.01, 9999).map(lambda amount: round(amount, 2)))
@settings(max_examples=30, deadline=None)
def test_a_band_holds_its_amount(amount):
    name = size_bands(pl.Series([f"{amount:.2f} OZ"]))[0]
    low, high = (float(text) for text in name.removesuffix(" OZ").split("–"))
    assert low - 1e-6 <= amount <= high + 1e-6
    assert math.isclose(high, 2 * low, rel_tol=1e-3)


@given(st.lists(st.text()))
@settings(max_examples=30, deadline=None)
def test_any_text_is_read_or_left(texts):
    assert size_bands(pl.Series([*texts, "1 OZ"], dtype=pl.String)).to_list()[-1] == "1–2 OZ"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
@settings(max_examples=100, deadline=None)
def test_numbers_lie_in_their_band(numbers):
    array = np.array(numbers)
    edges = quantile_edges(array, 5)
    bands = band_numbers(array, edges)
    lows, highs = np.array(edges)[bands], np.array(edges)[bands + 1]
    assert ((lows <= array) & (array <= highs)).all()
    assert len(edges) <= 6


def test_bands_leave_out_what_is_no_number():
    assert quantile_edges(np.array([np.nan, np.inf]), 5) == ()
    assert quantile_edges(np.array([3.0, np.nan]), 5) == (3.0, 3.0)


@pytest.mark.parametrize(
    ("low", "high", "name"),
    [
        (2.49, 3.99, "price 2.49–3.99"),
        (5.0, 5.0, "price 5"),
        (1.0, 2500.0, "price 1–2500"),
        (0.001, 0.0025, "price 0.001–0.0025"),
    ],
)
def test_band_names_read_well(low, high, name):
    assert band_name("price", low, high) == name
