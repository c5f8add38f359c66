"""What is read of an item: templates, and what missing parts take with them."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.errors import DataError
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.template import ItemTexts, Part, template_parts

CATALOGUE = pl.DataFrame(
    {
        "item_id": [1, 2, 3, 4],
        "title": [" Tea ", "Milk", "", None],
        "description": ["hot", "  ", None, None],
        "brand": ["Acme", None, "Bloom", None],
        "category": ["Food > Drinks > Hot || Food > Gifts", "Food", None, ""],
        "tags": [["new", "new", None], None, [], ["sale"]],
        "grams": [100, None, None, 5],
    }
)


def texts(template: str, **columns: tuple[str, ...]) -> list[str]:
    chosen = {"texts": ("title", "description"), "attributes": ("brand", "category")} | columns
    return ItemTexts(template, chosen["texts"], chosen["attributes"]).of(CATALOGUE)


def test_columns_of_text_come_in_their_order() -> None:
    assert texts("{texts}") == ["Tea. hot", "Milk", "", ""]
    assert texts("{texts}", texts=("description", "title")) == ["hot. Tea", "Milk", "", ""]


def test_attributes_are_written_value_by_value_each_once() -> None:
    assert texts("{attributes}") == ["Acme. Food, Drinks, Hot, Gifts", "Food", "Bloom", ""]
    assert texts("{tags}; {grams}") == ["new; 100", "", "", "sale; 5"]


def test_missing_parts_drop_out_with_their_punctuation() -> None:
    assert texts("{title} ({brand}). {category}") == [
        "Tea (Acme). Food, Drinks, Hot, Gifts",
        "Milk. Food",
        "(Bloom)",
        "",
    ]
    assert texts("{title}, brand: {brand}.") == ["Tea, brand: Acme.", "Milk", "brand: Bloom.", ""]


def test_a_column_named_by_itself_is_not_read_twice() -> None:
    assert texts("{brand}: {texts}. {attributes}")[0] == "Acme: Tea. hot. Food, Drinks, Hot, Gifts"


def test_columns_that_new_rows_lack_say_nothing() -> None:
    reader = ItemTexts("{title}. {brand}", ("title",))

    assert reader.of(pl.DataFrame({"brand": ["Acme"]})) == ["Acme"]
    assert reader.of(pl.DataFrame({"other": [1, 2]})) == ["", ""]
    assert reader.parts_of(pl.DataFrame({"other": [1, 2]})) == [[], []]


def test_parts_are_those_that_say_something() -> None:
    reader = ItemTexts("{texts}. {attributes}", ("title",), ("brand", "category"))

    assert reader.parts_of(CATALOGUE)[1:] == [["Milk", "Food"], ["Bloom"], []]


def test_a_template_is_taken_apart() -> None:
    assert template_parts("{{{title}}} by {brand}") == [
        Part("title", "{", "}"),
        Part("brand", " by "),
    ]


@pytest.mark.parametrize("template", ["", "no column", "{title", "{}", "{title:>9}", "{title!r}"])
def test_templates_that_cannot_be_read_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"template|column|format|'}'"):
        TextConfig(template=template)


def test_a_catalogue_must_have_what_the_template_names() -> None:
    with pytest.raises(DataError, match=r"names 'blurb'; the catalogue has 'item_id', 'title'"):
        ItemTexts("{title} {blurb}", ()).check(CATALOGUE)
    with pytest.raises(DataError, match="no text; it needs a column 'title' or 'description'"):
        ItemTexts("{texts}", ("title", "description")).check(pl.DataFrame({"item_id": [1]}))
    with pytest.raises(DataError, match="blank in every row"):
        ItemTexts("{texts}", ("title",)).check(pl.DataFrame({"title": ["", None]}))


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), min_size=1, max_size=4))
def test_values_are_kept_whatever_they_hold(rows: list[tuple[str, str]]) -> None:
    catalogue = pl.DataFrame({"title": [a for a, _ in rows], "brand": [b for _, b in rows]})

    read = ItemTexts("{title} ~ {brand}", ()).of(catalogue)

    for (title, brand), text in zip(rows, read, strict=True):
        if "||" in title + brand or " > " in title + brand:
            continue
        said = [part.strip() for part in (title, brand)]
        bare = [catalogue.select(pl.lit(s).str.strip_chars()).item() for s in said]
        assert text == " ~ ".join(part for part in bare if part) or not all(bare)
