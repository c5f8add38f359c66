"""Titles, descriptions and attribute values: damage found and mended, sound text left alone."""

from typing import Any

import ftfy.bad_codecs  # noqa: F401 -- brings the encodings that browsers use
import polars as pl
import pytest

from hybridrec import Dataset
from hybridrec.data.quality import Finding, QualityConfig

SOUND = [
    "Gâteau à la crème brûlée", "Château d’Yquem", "Âge tendre", "T-shirt «Été»", "L’« été »",
    "Größe für Mädchen", "Straße", "ÄRMELLOSE BLUSE", "SÃO PAULO", "MAÇÃ VERDE", "“AMANHÔ",
    "LÃ “PURA”", "DIVÃ – SOFÁ", "MELÃ…", "Pão de açúcar", "El Niño", "ÑANDÚ", "Žižek", "Łódź",
    "Trà đá Việt Nam", "Þórr Ð", "красный чай", "中文 书籍", "日本茶", "한국 김치", "½ l, 5 °C",
    "£5 voucher", "100 €", "a ± b × c", "Fish & Chips", "AT&T", "R&B; Soul", "a < b and c > d",
    "5 <XL> 6", "x <b and c> y", "&unbekannt;", "plain",
]  # fmt: skip


def described(**columns: list[Any]) -> Dataset:
    n = len(next(iter(columns.values())))
    catalogue = pl.DataFrame({"item_id": [f"i{row}" for row in range(n)], **columns}, strict=False)
    return Dataset.from_frames(pl.DataFrame({"user_id": "u", "item_id": ["i0"]}), catalogue)


def the_finding(data: Dataset, code: str, column: str = "title") -> Finding:
    [finding] = data.check()[code]
    assert (finding.table, finding.column) == ("catalogue", column)
    assert finding.of == data.catalogue.height
    return finding


def rows_of(data: Dataset, code: str, column: str = "title") -> list[int]:
    rows = the_finding(data, code, column).rows
    assert rows is not None
    return rows.to_list()


def assert_mended(data: Dataset, code: str, column: str, expected: list[Any], changed: int) -> None:
    before = data.catalogue.clone()
    clean = data.clean([code])
    assert clean.catalogue[column].to_list() == expected
    assert clean.catalogue.drop(column).equals(before.drop(column))
    assert data.catalogue.equals(before)
    [entry] = clean.ledger
    assert (entry.code, entry.table) == (code, "catalogue")
    assert entry.rows_in == entry.rows_out == before.height
    assert entry.rows_changed == changed
    assert not clean.check()[code]
    assert clean.clean([code]) is clean


def test_sound_texts_raise_nothing() -> None:
    data = described(title=SOUND, description=[f"{title} for everyone" for title in SOUND])
    codes = {finding.code for finding in data.check().findings}
    assert not codes & {"mojibake", "markup-in-text", "empty-text", "boilerplate-text"}
    assert not codes & {"id-spelling", "near-duplicate-items", "attribute-spelling"}


@pytest.mark.parametrize("encoding", ["latin-1", "sloppy-windows-1252"])
@pytest.mark.parametrize(
    "title",
    ["Gâteau à la crème", "L’été à Âge", "Größe für Mädchen", "Öl", "中文 书籍 红色连衣裙",
     "日本茶", "красный чай", "Товар для дома", "한국 김치", "São Paulo", "El Niño", "Žižek",
     "Łódź", "5 €"],
)  # fmt: skip
def test_utf8_read_in_another_encoding(title: str, encoding: str) -> None:
    damaged = title.encode().decode(encoding)
    assert damaged != title
    data = described(title=["Sound", damaged, title, None], color=[None, "", damaged, "red"])
    found = {f.column: f for f in data.check()["mojibake"]}
    assert found.keys() == {"title", "color"}
    assert found["title"].severity == "warning"
    clean = data.clean(["mojibake"])
    assert clean.catalogue["title"].to_list() == ["Sound", title, title, None]
    assert clean.catalogue["color"].to_list() == [None, "", title, "red"]
    assert [entry.rows_changed for entry in clean.ledger] == [2]
    assert not clean.check()["mojibake"]


def test_mojibake_rows_and_what_was_lost_for_good() -> None:
    data = described(title=["CafÃ©", "caf\ufffd", "Café", "twice Ã\u0083Â©", None, "n\x96n"])
    assert rows_of(data, "mojibake") == [0, 1, 3, 5]
    assert_mended(
        data, "mojibake", "title", ["Café", "caf", "Café", "twice é", None, "n–n"], changed=4
    )


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("<b>Mug</b> &amp; cup", "Mug & cup"),
        ("Tea<br/>pot", "Tea pot"),
        ('<p class="x">Tea</p><a href=y>', "Tea"),
        ("Tea &amp;amp; milk", "Tea & milk"),
        ("&lt;b&gt;Tea&lt;/b&gt;", "Tea"),
        ("&frac12; litre &#8211; &#x41;", "½ litre – A"),
        ("A<script>alert(1)</script>B<!-- c -->D", "A B D"),
        ("I &lt;3 tea", "I <3 tea"),
    ],
)
def test_markup(marked: str, plain: str) -> None:
    data = described(title=["Sound", marked, None])
    assert rows_of(data, "markup-in-text") == [1]
    assert_mended(data, "markup-in-text", "title", ["Sound", plain, None], changed=1)


def test_empty_and_short_titles() -> None:
    data = described(title=["Tea pot", None, " ", "—", "ab", "茶", "红茶", "a-b-c", "abcd"])
    assert rows_of(data, "empty-text") == [1, 2, 3]
    assert rows_of(data, "short-text") == [4, 5, 7]
    assert {f.severity for f in data.check().findings if f.code.endswith("-text")} == {"note"}
    assert data.check(config=QualityConfig(short_text=3))["short-text"][0].count == 1


@pytest.mark.parametrize("titles", [[12, 3, None], [["Tea", "pot"], ["a"], None]])
def test_titles_of_other_types_are_read_as_written(titles: list[Any]) -> None:
    data = described(title=titles)
    assert rows_of(data, "empty-text") == [2]
    assert rows_of(data, "short-text") == ([0, 1] if titles[0] == 12 else [1])


@pytest.mark.parametrize("dtype", [pl.Binary, pl.Duration, pl.Null, pl.Categorical])
def test_columns_without_text(dtype: pl.DataType) -> None:
    empty = pl.Series([None, None], dtype=dtype)
    data = described(title=empty, description=empty)  # type: ignore[arg-type]
    assert rows_of(data, "empty-text") == [0, 1]


def test_boilerplate() -> None:
    same = "The best product you can buy for money."
    descriptions = (
        [same] * 12 + ["In a box"] * 12 + [f"All about number {n} of us" for n in range(6)]
    )
    data = described(title=[f"Thing {n}" for n in range(30)], description=descriptions)
    assert rows_of(data, "boilerplate-text", "description") == list(range(12))
    expected = [None] * 12 + descriptions[12:]
    assert_mended(data, "boilerplate-text", "description", expected, changed=12)


def test_a_description_of_few_titles_is_no_boilerplate() -> None:
    same = "The best product you can buy for money."
    data = described(title=[f"Thing {n % 9}" for n in range(30)], description=[same] * 30)
    assert not data.check()["boilerplate-text"]


def test_spellings_of_attributes() -> None:
    brands = ["Colgate"] * 20 + ["COLGATE", "Colgte", None, "Signal", "Signal"]
    data = described(brand=brands, title=[f"Number {n}" for n in range(25)])
    finding = the_finding(data, "attribute-spelling", "brand")
    assert finding.rows is not None
    assert finding.rows.to_list() == [20, 21]
    assert finding.examples.sort("value").rows() == [
        ("COLGATE", "Colgate", 1),
        ("Colgte", "Colgate", 1),
    ]
    expected = ["Colgate"] * 22 + [None, "Signal", "Signal"]
    assert_mended(data, "attribute-spelling", "brand", expected, changed=2)


@pytest.mark.parametrize("name", ["items", "usual", "period", "volume"])
def test_attributes_may_have_any_name(name: str) -> None:
    data = described(**{name: ["Colgate"] * 20 + ["COLGATE"]})
    assert rows_of(data, "attribute-spelling", name) == [20]
    assert_mended(data, "attribute-spelling", name, ["Colgate"] * 21, changed=1)


def test_category_cycles() -> None:
    paths = [
        *["Home > Kitchen > Pots"] * 5,
        "Pots > Home",
        "Toys > Dolls > toys",
        "Soap > Soap",
        "Garden > Tools||Garden > Pots",
        None,
        " > ",
    ]
    data = described(category=paths)
    finding = the_finding(data, "category-cycles", "category")
    assert finding.rows is not None
    assert finding.rows.to_list() == [5, 6]
    assert finding.fix is None


def test_arrows_in_sentences_are_no_categories() -> None:
    sentence = "Press Menu > Settings and from there Settings > Menu, as often as you like, again"
    data = described(description=[sentence, "See Settings > Menu > Settings"], title=["A > A", "b"])
    assert not data.check()["category-cycles"]


def test_paths_of_nothing_but_separators() -> None:
    assert not described(category=[" > ", " >  > "]).check()["category-cycles"]
