"""What each public set becomes: on made tables of its layout, and on the real files if there."""

import os
from pathlib import Path

import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.data.public import SETS, amazon
from hybridrec.data.public.book_crossing import book_crossing
from hybridrec.data.public.movielens import movielens_100k
from hybridrec.data.public.online_retail import online_retail
from hybridrec.errors import DataError
from hybridrec.training import build_graph

FOLDER = os.environ.get("HYBRIDREC_DATA", "")
needs_files = pytest.mark.skipif(not FOLDER, reason="HYBRIDREC_DATA names no folder of the sets")
NO_FACTS = pl.DataFrame(schema={"head": pl.String, "relation": pl.String, "tail": pl.String})


def triples_of(data: Dataset) -> set[tuple[str, ...]]:
    assert data.triples is not None
    return set(data.triples.select("head", "relation", "tail").iter_rows())


class TestAmazon:
    ITEMS = pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "title": ["Red car", "Blue car", "Doll", "Ball"],
            "categories": ["Toys > Cars", "Toys > Cars || Gifts", "Toys > Dolls", "Toys"],
            # 2 names what Cars does, 3 what Dolls does; 4 joins a car and a doll
            "s3rec_attributes": ["1 2", "4 2", "4 3", "1 5"],
        }
    )

    def test_events_of_one_day_keep_their_order(self) -> None:
        days = pl.Series([2, 1, 1, 1]).cast(pl.Datetime("us"))
        interactions = pl.DataFrame(
            {
                "user_id": ["u", "u", "u", "v"],
                "item_id": ["a", "c", "b", "d"],
                "timestamp": days,
                "position": [2, 1, 0, 0],
            }
        )
        data = amazon.beauty(interactions, self.ITEMS)

        mine = data.events.filter(pl.col("user_id") == "u")
        assert mine["item_id"].to_list() == ["b", "c", "a"]
        assert data.triples is None

    def test_attributes_that_name_the_items_of_a_category_add_nothing(self) -> None:
        interactions = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "position": [0]})

        data = amazon.toys(interactions, self.ITEMS)

        assert triples_of(data) == {
            ("b", "attribute", "4"),
            ("c", "attribute", "4"),
            ("d", "attribute", "5"),
        }
        assert data.as_of is None
        assert data.catalogue.columns == ["item_id", "title", "categories"]

    def test_co_purchases_come_only_with_the_set_that_names_them(self) -> None:
        split = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "part": ["train"]})
        facts = pl.DataFrame(
            {
                "head": ["a", "a", "b", "c", "c"],
                "relation": [
                    "also_bought",
                    "also_viewed",
                    "bought_together",
                    "also_bought",
                    "produced_by",
                ],
                "tail": ["elsewhere", "b", "c", "c", "Acme"],
            }
        )

        alone = amazon.beauty_random(split, self.ITEMS)
        data = amazon.beauty_random_with_co_purchases(split, self.ITEMS, facts)

        assert alone.triples is None
        assert alone.events["part"].to_list() == ["train"]
        assert data.triples is not None
        assert data.triples.select("head", "tail", "tail_type").rows() == [
            ("a", "elsewhere", "product"),
            ("a", "b", "item"),
            ("b", "c", "item"),
        ]
        assert build_graph(data) is not None


def test_books_go_by_their_own_id_in_the_facts() -> None:
    interactions = pl.DataFrame({"user_id": ["u"], "item_id": ["isbn1"], "part": ["train"]})
    links = pl.DataFrame({"item_id": ["isbn1", "isbn2"], "entity_id": ["7", "8"]})
    facts = pl.DataFrame(
        {"head": ["7", "9", "7"], "relation": ["0", "1", "2"], "tail": ["9", "8", "8"]}
    )

    data = book_crossing(interactions, links, facts)

    assert data.triples is not None
    columns = ("head", "head_type", "relation", "tail", "tail_type")
    assert data.triples.select(columns).rows() == [
        ("isbn1", "item", "relation_0", "9", "entity"),
        ("9", "entity", "relation_1", "isbn2", "item"),
        ("isbn1", "item", "relation_2", "isbn2", "item"),
    ]
    graph = build_graph(data)
    assert graph is not None
    assert graph.n_items == 2
    assert graph.n_triples == 3


def test_invoice_lines_stay_as_they_are() -> None:
    lines = pl.DataFrame(
        {
            "invoice_id": ["536365", "C536379", "536380"],
            "item_id": ["85123A", "D", "85123A"],
            "description": ["HEART HOLDER", "Discount", "CREAM HEART HOLDER"],
            "quantity": [6.0, -1.0, 2.0],
            "timestamp": pl.Series(["2010-12-01 08:26", "2011-07-01 09:00", "2011-07-01 09:01"])
            .str.to_datetime()
            .cast(pl.Datetime("us")),
            "unit_price": [2.55, 27.5, 2.95],
            "user_id": ["17850", None, "14527"],
            "country": ["United Kingdom"] * 3,
        }
    )

    data = online_retail(lines)

    assert data.events["user_id"].to_list() == ["17850", None, "14527"]
    assert data.events["session_id"].to_list() == ["536365", "C536379", "536380"]
    assert data.events["quantity"].to_list() == [6.0, -1.0, 2.0]
    assert data.events["price"].to_list() == [2.55, 27.5, 2.95]
    assert data.events["event"].to_list() == ["purchase"] * 3
    # London is an hour ahead of UTC in summer
    assert data.events["timestamp"].dt.hour().to_list() == [8, 8, 8]
    assert data.catalogue.rows() == [
        ("85123A", "HEART HOLDER"),
        ("85123A", "CREAM HEART HOLDER"),
        ("D", "Discount"),
    ]
    with pytest.raises(DataError, match=r"data\.clean"):
        data.sound()


class TestMovieLens:
    RATINGS = pl.DataFrame({"user_id": ["u"], "item_id": ["1"], "rating": [4.0], "timestamp": [9]})
    FILMS = pl.DataFrame(
        {
            "item_id": ["1", "2"],
            "title": ["Toy Story", "unkonwn"],
            "year": ["1995", "unkonwn"],
            "genres": ["Children's Sci-Fi", "unknown"],
            "description": ["Toys live.", None],
        }
    )

    def test_ratings_are_events_and_what_is_unknown_is_null(self) -> None:
        data = movielens_100k(self.RATINGS, self.FILMS, NO_FACTS.clear(1))

        assert data.events.select("event", "value").rows() == [("rating", 4.0)]
        assert data.catalogue.drop("description").rows() == [
            ("1", "Toy Story", "1995", ["Children's", "Sci-Fi"]),
            ("2", None, None, None),
        ]

    @pytest.mark.parametrize(
        ("address", "name"),
        [
            ("http://dbpedia.org/resource/Category:1990s_comedy_films", "1990s comedy films"),
            ("http://dbpedia.org/resource/Category:HIV/AIDS_in_film", "HIV/AIDS in film"),
            ("http://dbpedia.org/resource/Jean-Claude_Carrière", "Jean-Claude Carrière"),
            ("http://www.imdb.com/name/nm0700641/", "www.imdb.com/name/nm0700641"),
            ("http://www.africanfilmlibrary.com/", "www.africanfilmlibrary.com"),
        ],
    )
    def test_resources_have_readable_names(self, address: str, name: str) -> None:
        facts = pl.DataFrame({"head": ["1"], "relation": ["subject"], "tail": [address]})

        data = movielens_100k(self.RATINGS, self.FILMS, facts)

        assert data.triples is not None
        assert data.triples.select("tail", "tail_name").rows() == [(address, name)]

    def test_an_actor_who_directs_is_one_person(self) -> None:
        someone = "http://dbpedia.org/resource/Mel_Smith"
        facts = pl.DataFrame(
            {"head": ["1", "2"], "relation": ["starring", "director"], "tail": [someone] * 2}
        )

        graph = build_graph(movielens_100k(self.RATINGS, self.FILMS, facts))

        assert graph is not None
        makers = graph.entities.filter(pl.col("type") == "maker")
        assert makers["name"].to_list() == ["Mel Smith"]


@needs_files
class TestRealFiles:
    SIZES = (
        ("amazon-beauty", 198_502, 22_363, 12_101, 0),
        ("amazon-beauty-random", 198_502, 22_363, 12_101, 0),
        ("amazon-beauty-random-with-co-purchases", 198_502, 22_363, 12_101, 1_055_552),
        ("amazon-toys", 167_597, 19_412, 11_924, 9_545),
        ("book-crossing", 24_644, 11_017, 9_058, 151_500),
        ("ml-100k", 100_000, 943, 1_682, 36_805),
    )

    @pytest.mark.parametrize(("name", "events", "users", "items", "triples"), SIZES)
    def test_have_their_published_sizes_and_a_graph(
        self, name: str, events: int, users: int, items: int, triples: int
    ) -> None:
        data = Dataset.load(name)

        assert data.events.height == events
        assert len(data.users) == users
        assert len(data.items) == items
        assert (0 if data.triples is None else data.triples.height) == triples
        graph = build_graph(data)
        assert graph is not None
        assert graph.n_items == items

    def test_every_set_with_files_is_tested(self) -> None:
        tested = {name for name, *_ in self.SIZES} | {"online-retail"}

        assert tested == {name for name, record in SETS.items() if record.files}

    @pytest.mark.parametrize("name", ["amazon-beauty", "amazon-toys"])
    def test_histories_are_in_the_published_order(self, name: str) -> None:
        published = pl.read_parquet(Path(FOLDER) / name / "interactions.parquet")
        published = published.sort("user_id", "position").select("user_id", "item_id")
        data = Dataset.load(name)

        train, test = data.split_leave_last_out(1)

        loaded = data.events.sort("user_id", maintain_order=True).select("user_id", "item_id")
        assert loaded.equals(published)
        last = published.unique("user_id", keep="last").sort("user_id")
        assert test.events.sort("user_id").select("user_id", "item_id").equals(last)
        assert train.events.height == published.height - last.height

    def test_attributes_of_amazon_beauty_repeat_brand_and_categories(self) -> None:
        """Why its dataset has no triples: only 18 items of a blank brand would be left."""
        items = pl.read_parquet(Path(FOLDER) / "amazon-beauty/items.parquet")
        paths = items.with_columns(
            pl.concat_str("categories", "brand", separator=" || ", ignore_nulls=True)
        )

        assert amazon._attribute_triples(paths).height == 18

    def test_amazon_tables_hold_no_relation_that_leaks(self) -> None:
        for name in ("amazon-beauty", "amazon-beauty-random", "amazon-toys"):
            data = Dataset.load(name)
            relations = [] if data.triples is None else data.triples["relation"].unique().to_list()

            assert not set(relations) & set(amazon.CO_PURCHASES)
            assert set(data.catalogue.columns) <= {"item_id", "title", "categories", "brand"}

    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            ("amazon-beauty-random", {"train": 149_844, "test": 48_658}),
            ("book-crossing", {"train": 18_751, "valid": 2_164, "test": 3_729}),
        ],
    )
    def test_parts_are_those_published(self, name: str, parts: dict[str, int]) -> None:
        found = Dataset.load(name).events["part"].value_counts()

        assert dict(found.iter_rows()) == parts

    def test_online_retail_is_raw(self) -> None:
        data = Dataset.load("online-retail")

        assert data.events.height == 541_909
        assert data.events["user_id"].null_count() == 135_080
        assert data.events["session_id"].str.starts_with("C").sum() == 9_288
        assert data.catalogue["item_id"].n_unique() == 4_070
        assert data.catalogue["item_id"].is_duplicated().any()
        with pytest.raises(DataError, match="135,080 rows lack a user"):
            data.sound()
