"""Conditions over catalogue columns."""

from datetime import UTC, date, datetime
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridrec.errors import RequestError
from hybridrec.fusion.policy.where import matching_items

CATALOGUE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "brand": ["X", "X", "Y", None],
        "price": [1.0, 6.0, 3.0, None],
        "list_price": [2, 6, 2, 9],
        "stock": [9007199254740993, 2, -3, None],
        "tags": [["red"], ["red", "big"], [], None],
        "sizes": [[1, 2], [3], [None], None],
        "category": ["Beauty > Makeup > Face", "Beauty > Makeup Tools", "Beauty>Makeup", "Toys"],
        "since": [date(2024, 1, 1), date(2024, 6, 1), None, date(2025, 1, 1)],
        "seen": [datetime(2024, 1, 1, hour, tzinfo=UTC) for hour in (0, 6, 12, 18)],
        "local": pl.Series([datetime(2024, 7, 1, hour) for hour in (0, 6, 12, 18)]).dt
        .replace_time_zone("Europe/Berlin"),
        "on sale": [True, False, None, True],
        "价格": [1, 2, 3, 4],
        "weight": [float("nan"), 1.0, 2.0, 3.0],
        "cheap": pl.Series([4.99, 1, 2, 3], dtype=pl.Float32),
        "kind": pl.Series(["u", "v", None, "u"], dtype=pl.Categorical),
        "empty": [None] * 4,
        "box": [{"width": 1}] * 4,
    }
)  # fmt: skip


def met(where: str) -> str:
    """The items that meet a condition, such as ``ac``."""
    return "".join(CATALOGUE["item_id"].filter(pl.Series(matching_items(CATALOGUE, where))))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("price < 5", "ac"),
        ("price<5 AND brand<>'X'", "c"),
        ("price < 5 and brand != 'X'", "c"),
        ("brand = 'X' or price > 2", "abc"),
        ("brand == 'X'", "ab"),
        ("5 > price", "ac"),
        ("price < list_price", "a"),
        ("stock = 9007199254740993", "a"),
        ("stock < 2.5", "bc"),
        ("stock >= -3 and stock <= +2", "bc"),
        ("brand in ('Y', 'Z')", "c"),
        ("brand not in ('Y', 'Z')", "ab"),
        ("price in (1, 6)", "ab"),
        ("brand is null", "d"),
        ("brand is not null", "abc"),
        ("item_id like 'a%'", "a"),
        ("category like '%_akeup%'", "abc"),
        ("brand ilike 'x'", "ab"),
        ("category not like '%Makeup%'", "d"),
        ("category like 'Beauty'", None),
        ("price between 3 and 6", "bc"),
        ("price not between 3 and 6 and price > 0", "a"),
        ("category contains 'Makeup'", "abc"),
        ("category ends with 'Face'", "a"),
        ("category starts with 'Beauty'", "abc"),
        ("category starts with 'Beauty > Makeup'", "ac"),
        ("category under 'Beauty > Makeup'", "ac"),
        ("category under 'Beauty'", "abc"),
        ("category under 'Beau'", None),
        ("tags contains 'red'", "ab"),
        ("not tags contains 'red'", "c"),
        ("tags not contains 'big'", "ac"),
        ("sizes contains 3", "b"),
        ("not sizes contains 3", "ac"),
        ("tags starts with 'b'", "b"),
        ("since >= '2024-06-01'", "bd"),
        ("since = '2024-06-01'", "b"),
        ("seen < '2024-01-01T12:00'", "ab"),
        ("seen <= '2024-01-01T13:00+01:00'", "abc"),
        ("seen between '2024-01-01T05:00' and '2024-01-01T12:00'", "bc"),
        ("local = '2024-07-01T06:00'", "b"),
        ("local = '2024-07-01T04:00Z'", "b"),
        ('"on sale"', "ad"),
        ("not `on sale`", "b"),
        ("`on sale` = false", "b"),
        ("价格 > 2", "cd"),
        ("`价格` = 1 or \"价格\" = 4", "ad"),
        ("weight > 0", "bcd"),
        ("weight is null", "a"),
        ("cheap = 4.99", "a"),
        ("kind = 'u'", "ad"),
        ("empty is null", "abcd"),
        ("not (empty = 1) or price < 2", "a"),
        ("box is not null", "abcd"),
        ("brand = 'X' and not (price < 5)", "b"),
        ("not (brand = 'X' and price < 5)", "bc"),
        ("price > 5 or brand = 'Y' and price < 5", "bc"),
        ("(price > 5 or brand = 'Y') and price < 5", "c"),
        ("not not price < 5", "ac"),
        ("\n price\t<\n5 ", "ac"),
        ("brand = 'it''s' or price < 2", "a"),
    ],
)  # fmt: skip
def test_keeps_the_rows_that_meet_the_condition(where: str, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(RequestError, match="no item of the catalogue meets"):
            met(where)
    else:
        assert met(where) == expected


@pytest.mark.parametrize(
    ("where", "problem", "marked"),
    [
        ("price <", "the end cannot stand here", " " * 7 + "^"),
        ("no such thing", "'such' cannot stand here", "   ^^^^"),
        ("select 1", "'1' cannot stand here", " " * 7 + "^"),
        ("price < 5; drop table x", "';' cannot stand here", " " * 9 + "^"),
        ("(((", "the end cannot stand here", "   ^"),
        ("max(price) < 5", r"'\('", "   ^"),
        ("price + 1", r"'\+' cannot stand here", "      ^"),
        ("brand = 'X", "never closed", " " * 8 + "^"),
        ("prize < 5", "no column 'prize'; did you mean 'price'", "^^^^^"),
        ("价格 > 1 and prize < 5", "no column 'prize'", " " * 13 + "^^^^^"),
        ('brand = "X"', "no column 'X'.*single quotes", " " * 8 + "^^^"),
        ("price", "'price' alone is no condition", "^^^^^"),
        ("brand", "'brand' alone is no condition", "^^^^^"),
        ("5", "5 is no condition", "^"),
        ("price < 5 and true", "true is no condition", " " * 14 + "^^^^"),
        ("5 < 6", "names no column", "^^^^^"),
        ("price > 'cheap'", "'price' holds numbers.*'cheap' is text", " " * 8 + "^" * 7),
        ("price in (1, 'x')", "'price' holds numbers", " " * 13 + "^^^"),
        ("brand > 5", "'brand' holds text", " " * 8 + "^"),
        ("brand = true", "true is a truth value", " " * 8 + "^^^^"),
        ("price = true", "true is a truth value", " " * 8 + "^^^^"),
        ("brand < price", "they do not compare", " " * 8 + "^^^^^"),
        ("`on sale` > true", "no order", " " * 12 + "^^^^"),
        ("`on sale` = 1", "true and false", " " * 12 + "^"),
        ("since > 5", "dates are written '2024-05-31'", " " * 8 + "^"),
        ("since > 'soon'", "'soon' is none", " " * 8 + "^" * 6),
        ("tags = 'red'", "write tags contains 'red'", "^^^^"),
        ("tags in ('red')", "write tags contains 'red'", "^^^^"),
        ("tags contains 5", "'tags' holds text", " " * 14 + "^"),
        ("price like '1%'", "'like' reads text", "^^^^^"),
        ("brand like 5", "needs a text", " " * 11 + "^"),
        ("brand = null", "write brand is null", " " * 8 + "^^^^"),
        ("box = 1", "cannot compare", " " * 6 + "^"),
        ("price < 1e999", "1e999 is out of range", " " * 8 + "^" * 5),
        ("price < 99999999999999999999", "out of range", " " * 8 + "^" * 20),
        ("price < 5 and\nprize < 5", "no column 'prize'", "^^^^^"),
    ],
)
def test_faults_are_underlined(where: str, problem: str, marked: str) -> None:
    with pytest.raises(RequestError, match=rf"^where: .*{problem}") as caught:
        met(where)
    *_, line, caret = str(caught.value).split("\n")
    assert line[4:] in where.split("\n")
    assert caret[4:] == marked


@pytest.mark.parametrize("where", ["", "  \n"])
def test_an_empty_condition_is_refused(where: str) -> None:
    with pytest.raises(RequestError, match="the condition is empty"):
        met(where)


def test_a_missing_column_is_named_with_those_there() -> None:
    with pytest.raises(RequestError, match=r"'prize'.*'item_id', 'brand', 'price'"):
        met("prize < 5")


def test_the_name_of_a_condition_leads_its_errors() -> None:
    with pytest.raises(RequestError, match=r"^boosts\[3\]\.where: no column"):
        matching_items(CATALOGUE, "prize < 5", "boosts[3].where")


def test_conditions_end_somewhere() -> None:
    nested = "price < 5 or not (" * 60 + "price < 5" + ")" * 60
    with pytest.raises(RequestError, match="nested more than 50 levels"):
        met(nested)
    with pytest.raises(RequestError, match="10,000 at most"):
        met("price < 5 or " * 1000 + "price < 5")
    # brackets alone and double negations are no levels
    assert met("(" * 2000 + "price < 5" + ")" * 2000) == "ac"
    assert met("not " * 1000 + "price < 5") == "ac"
    assert met(" or ".join(["price < 5"] * 700)) == "ac"


# Both languages say the same: ours, and the SQL of an independent engine.

SHELF = pl.DataFrame(
    {
        "n": [1, 2, 3, None, -4, 2],
        "m": [2, 2, None, None, 0, 5],
        "x": [0.5, 2.0, None, -1.5, 3.0, 2.0],
        "s": ["ab", "b%", None, "a_b", "", "AB"],
        "d": [date(2024, 1, 1), None, date(2024, 2, 29), date(2023, 5, 5), None, date(2025, 1, 1)],
        "b": [True, False, None, True, False, None],
        "t": [["p"], ["p", "q"], [], None, ["r"], ["q"]],
        "two words": [1, None, 2, 3, 4, 5],
    }
)
NUMBERS = st.sampled_from(["n", "m", "x", '"two words"'])
COMPARATORS = st.sampled_from(["=", "!=", "<>", "<", "<=", ">", ">="])
NUMBER = st.one_of(st.integers(-5, 6).map(str), st.sampled_from(["0.5", "2.0", "-1.5", "1e0"]))
TEXT = st.text("ab%_B'", max_size=3).map(lambda text: "'" + text.replace("'", "''") + "'")
DAY = st.sampled_from(["'2024-01-01'", "'2023-05-05'", "'2024-02-29'", "'1999-01-01'"])
NOT = st.sampled_from(["", "not "])
Pair = tuple[str, str]


@st.composite
def simple(draw: st.DrawFn) -> Pair:
    """A test on columns: in our language, and in DuckDB's."""
    kind = draw(st.integers(0, 10))
    number, sign, no = draw(NUMBERS), draw(COMPARATORS), draw(NOT)
    match kind:
        case 0:
            same = f"{number} {sign} {draw(NUMBER)}"
        case 1:
            same = f"{draw(NUMBER)} {sign} {number}"
        case 2:
            same = f"{number} {sign} {draw(NUMBERS)}"
        case 3:
            same = f"s {sign} {draw(TEXT)}"
        case 4:
            same = f"d {sign} {draw(DAY)}"
            return same, f"d {sign} date {same.split()[-1]}"
        case 5:
            values = ", ".join(draw(st.lists(NUMBER, min_size=1, max_size=3)))
            same = f"{number} {no}in ({values})"
        case 6:
            same = f"{number} {no}between {draw(NUMBER)} and {draw(NUMBER)}"
        case 7:
            column = draw(st.sampled_from(["n", "x", "s", "d", "b", "t"]))
            same = f"{column} is {no}null"
        case 8:
            same = f"s {no}{draw(st.sampled_from(['like', 'ilike']))} {draw(TEXT)}"
        case 9:
            value = draw(st.sampled_from(["'p'", "'q'", "'z'"]))
            return f"t {no}contains {value}", f"{no}list_contains(t, {value})"
        case _:
            word, function = draw(
                st.sampled_from(
                    [("contains", "contains"), ("starts with", "starts_with"),
                     ("ends with", "ends_with")]
                )
            )  # fmt: skip
            text = draw(TEXT)
            return f"s {no}{word} {text}", f"{no}{function}(s, {text})"
    return same, same


def joined(parts: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def join(word: str, several: list[Pair]) -> Pair:
        ours, theirs = zip(*several, strict=True)
        return f"({f' {word} '.join(ours)})", f"({f' {word} '.join(theirs)})"

    several = st.lists(parts, min_size=2, max_size=4)
    negated = parts.map(lambda pair: (f"not ({pair[0]})", f"not ({pair[1]})"))
    return st.builds(join, st.sampled_from(["and", "or"]), several) | negated


CONDITIONS = st.recursive(simple() | st.just(("b", "b")), joined, max_leaves=8)


@given(CONDITIONS)
@settings(max_examples=400)
def test_agrees_with_sql(pair: Pair) -> None:
    ours, theirs = pair
    expected = _by_duckdb(theirs)
    if expected.any():
        assert matching_items(SHELF, ours).tolist() == expected.tolist()
    else:
        with pytest.raises(RequestError, match="no item of the catalogue meets"):
            matching_items(SHELF, ours)


def _by_duckdb(condition: str) -> np.ndarray[Any, Any]:
    shelf = SHELF.to_arrow()
    rows = duckdb.sql(f"select coalesce({condition}, false) from shelf").fetchall()
    assert shelf.num_rows == len(rows)
    return np.array([row[0] for row in rows])


TOKENS = st.sampled_from(
    ["price", "brand", "tags", "since", "`on sale`", '"价格"', "价格", "box", "empty", "prize",
     "and", "or", "not", "in", "between", "is", "null", "like", "ilike", "contains", "starts with",
     "ends with", "under", "true", "false", "(", ")", ",", "=", "!=", "<", ">=", "5", "-1.5",
     "1e400", "'X'", "'2024-01-01'", "''", "'Beauty > Makeup'", "'", '"', "`", ";", "--", "/*",
     "select", "\\", "\x00", "，", "😀", "%"]
)  # fmt: skip


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(TOKENS, max_size=12).map(" ".join),
        CONDITIONS.map(lambda pair: pair[0].replace("n", "price").replace("s", "brand")),
    )
)
@settings(max_examples=1000)
def test_any_text_gives_items_or_an_error_that_shows_it(where: str) -> None:
    found, problem = None, "where: "
    try:
        found = matching_items(CATALOGUE, where)
    except RequestError as error:
        problem = str(error)
    assert problem.startswith("where: ")
    if found is not None:
        assert found.dtype == bool
        assert found.shape == (4,)
        assert found.any()
