"""Values that are one word written in several ways, and words that only look like it."""

from random import Random

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.data.quality.spelling import usual_spellings
from kg.text import normalised


def usual(counts: dict[str | None, int], frequency: float = 10.0) -> dict[str, str]:
    values = [value for value, n in counts.items() for _ in range(n)]
    found = usual_spellings(pl.Series(values, dtype=pl.String), frequency)
    return dict(found.iter_rows())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Crème   BRÛLÉE! ", "creme brulee"),
        ("A+", "a+"),
        ("C#", "c#"),
        ("50% off", "50% off"),
        ("H&M", "h m"),
        ("ガス", "ガス"),
        ("カス", "カス"),
        ("दूध", "दूध"),
        ("Чай", "чай"),
        ("红色", "红色"),
        ("…", ""),
        (None, None),
    ],
)
def test_normalised(text: str | None, expected: str | None) -> None:
    frame = pl.DataFrame({"text": [text]}, schema={"text": pl.String})
    assert frame.select(normalised(pl.col("text"))).item() == expected


def test_case_accents_and_punctuation_give_way_to_the_most_frequent() -> None:
    assert usual({"Nestlé": 3, "NESTLE": 2, "nestle.": 1, "Acme": 1, None: 5}) == {
        "NESTLE": "Nestlé",
        "nestle.": "Nestlé",
    }


def test_of_equally_frequent_spellings_one_is_chosen_always() -> None:
    assert usual({"acme": 2, "Acme": 2}) == usual({"Acme": 2, "acme": 2}) == {"acme": "Acme"}


@pytest.mark.parametrize("wrong", ["Colgatte", "Colgte", "Colgaet", "Cokgate", "COLGTE"])
def test_one_letter_away(wrong: str) -> None:
    assert usual({"Colgate": 10, wrong: 1}) == {wrong: "Colgate"}


def test_two_letters_of_a_short_word_in_each_others_place() -> None:
    assert usual({"Juice": 10, "Jucie": 1}) == {"Jucie": "Juice"}


def test_a_space_too_many() -> None:
    assert usual({"Coca Cola": 20, "CocaCola": 1}) == {"CocaCola": "Coca Cola"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("16 OZ", "15 OZ"),
        ("Model 1000", "Model 2000"),
        ("Vitamin C", "Vitamin D"),
        ("red mug", "bed mug"),
        ("Tea", "Sea"),
        ("Shirts", "Shorts"),
        ("From", "Form"),
        ("Size M", "Size L"),
        ("红色连衣裙", "白色连衣裙"),
        ("バスケット", "ガスケット"),
        ("Colgate", "Kolkate"),
        ("Grade A", "Grade A+"),
        ("iPhone 6", "iPhone 6+"),
        ("Type AB", "Type A B"),
    ],
)
def test_other_words_stay(one: str, other: str) -> None:
    expected = {"Type A B": "Type AB"} if one == "Type AB" else {}
    assert usual({one: 1_000, other: 1}) == expected


def test_how_much_more_frequent_is_a_setting() -> None:
    assert usual({"Colgate": 9, "Colgatte": 1}) == {}
    assert usual({"Colgate": 10, "Colgatte": 1}) == {"Colgatte": "Colgate"}
    assert usual({"Colgate": 20, "Colgatte": 2}) == {"Colgatte": "Colgate"}
    assert usual({"Colgate": 9, "Colgatte": 3}, frequency=3) == {"Colgatte": "Colgate"}


def test_spellings_of_a_misspelling() -> None:
    assert usual({"Colgate": 30, "Colgatte": 1, "COLGATTE": 1}) == {
        "Colgatte": "Colgate",
        "COLGATTE": "Colgate",
    }


def test_the_most_frequent_of_several_right_ones() -> None:
    assert usual({"Flowers": 200, "Blowers": 100, "Plowers": 1}) == {"Plowers": "Flowers"}


def test_counts_add_up_until_nothing_more_is_rare() -> None:
    # 18 and two ones are 20, ten times two
    assert usual({"Colgate": 18, "Colgat": 1, "Colgte": 1, "Kolgate": 2}) == {
        "Colgat": "Colgate",
        "Colgte": "Colgate",
        "Kolgate": "Colgate",
    }


def test_nothing_to_compare() -> None:
    assert usual({}) == {}
    assert usual({None: 3}) == {}
    assert usual({"!!!": 2, "???": 9}) == {}


words = st.sampled_from(
    ["Colgate", "colgate", "Colgatte", "Kolgate", "Colgat", "Colgate 1", "Colgate 2", "Kolgat",
     "Mint", "Mind", "Coca Cola", "CocaCola", "Coca-Cola", "红色", "", None]
)  # fmt: skip
columns = st.lists(st.tuples(words, st.integers(1, 30)), max_size=12)


@given(columns, st.sampled_from([1.0, 2.0, 10.0]))
def test_what_is_put_right_stays_right(counts: list[tuple[str | None, int]], times: float) -> None:
    values = pl.Series([v for v, n in counts for _ in range(n)], dtype=pl.String)
    right = usual_spellings(values, times)
    assert right["value"].is_unique().all()
    assert set(right["value"]) <= set(values)
    mended = values.replace(right["value"], right["usual"])
    assert set(mended) <= set(values)
    assert usual_spellings(mended, times).is_empty()


@given(columns, st.randoms(use_true_random=False))
def test_the_order_of_values_is_nothing(
    counts: list[tuple[str | None, int]], random: Random
) -> None:
    values = [v for v, n in counts for _ in range(n)]
    first = usual_spellings(pl.Series(values, dtype=pl.String), 3.0)
    random.shuffle(values)
    again = usual_spellings(pl.Series(values, dtype=pl.String), 3.0)
    assert sorted(first.rows()) == sorted(again.rows())
