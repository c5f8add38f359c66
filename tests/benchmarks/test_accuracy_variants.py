"""Data in another dress: what stays, what changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks.accuracy.variants import Renaming, with_shuffled_graph, with_shuffled_ties
from hybridrec import Dataset
from hybridrec.errors import RequestError
from kg import KnowledgeGraph

DAY = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def shop(made_shop: Any) -> Dataset:
    triples = pl.DataFrame(
        {
            "head": [f"i{item:02}" for item in range(40)],
            "relation": ["made_in"] * 20 + ["goes_with"] * 20,
            "tail": [f"country {item % 4}" for item in range(20)]
            + [f"i{item:02}" for item in range(20)],
            "tail_type": ["country"] * 20 + ["item"] * 20,
        }
    )
    users = pl.DataFrame({"user_id": [f"u{user:02}" for user in range(60)], "age": ["x", "y"] * 30})
    return Dataset.from_frames(made_shop.events, made_shop.catalogue, triples=triples, users=users)


def sequences(data: Dataset) -> dict[str, list[str]]:
    grouped = data.events.group_by("user_id", maintain_order=True).agg("item_id")
    return dict(grouped.iter_rows())


@pytest.mark.parametrize("timed", [True, False])
class TestRenaming:
    @staticmethod
    def both(shop: Dataset, timed: bool) -> tuple[Dataset, Renaming, Dataset]:
        if not timed:
            shop = replace(shop, events=shop.events.drop("timestamp"), as_of=None)
        renaming = Renaming.drawn(shop, 3)
        return shop, renaming, renaming.applied(shop)

    def test_keeps_who_met_what_in_which_order(self, shop: Dataset, timed: bool) -> None:
        old, renaming, new = self.both(shop, timed)
        named = {
            renaming.users[user]: [renaming.items[item] for item in items]
            for user, items in sequences(new).items()
        }

        assert named == sequences(old)
        assert new.sound() is new

    def test_shares_no_id_and_no_order_with_the_set(self, shop: Dataset, timed: bool) -> None:
        old, renaming, new = self.both(shop, timed)

        assert not set(new.users.values) & set(old.users.values)
        assert not set(new.items.values) & set(old.items.values)
        assert [renaming.users[str(user)] for user in new.users.values] != old.users.values
        assert [renaming.items[str(item)] for item in new.items.values] != old.items.values

    def test_names_items_alike_in_catalogue_and_triples(self, shop: Dataset, timed: bool) -> None:
        old, renaming, new = self.both(shop, timed)
        title = dict(old.catalogue.select("item_id", "title").iter_rows())
        assert old.triples is not None
        assert new.triples is not None

        for item, name in new.catalogue.select("item_id", "title").iter_rows():
            assert title[renaming.items[item]] == name
        heads = [renaming.items[head] for head in new.triples["head"]]
        tails = [renaming.items.get(tail, tail) for tail in new.triples["tail"]]
        assert heads == old.triples["head"].to_list()
        assert tails == old.triples["tail"].to_list()
        assert not set(new.triples["tail"]) & set(old.items.values)

    def test_keeps_what_is_known_of_users(self, shop: Dataset, timed: bool) -> None:
        old, renaming, new = self.both(shop, timed)
        assert old.user_attributes is not None
        assert new.user_attributes is not None
        known = {renaming.users[user]: age for user, age in new.user_attributes.iter_rows()}

        assert known == dict(old.user_attributes.iter_rows())

    def test_is_undone_for_recommendations(self, shop: Dataset, timed: bool) -> None:
        _, renaming, new = self.both(shop, timed)
        recs = new.events.select("user_id", "item_id").head(5)

        back = renaming.original(recs)
        assert back["user_id"].to_list() == [renaming.users[user] for user in recs["user_id"]]
        assert back["item_id"].to_list() == [renaming.items[item] for item in recs["item_id"]]

    def test_differs_between_seeds(self, shop: Dataset, timed: bool) -> None:
        old, renaming, _ = self.both(shop, timed)

        assert Renaming.drawn(old, 3) == renaming
        assert Renaming.drawn(old, 4) != renaming


class TestShuffledTies:
    @staticmethod
    def data() -> Dataset:
        rows = [
            (f"u{user:02}", f"{letter}{n}", DAY + timedelta(days=day))
            for day, letter in enumerate("ab")
            for user in range(30)
            for n in range(4)
        ]
        frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
        return Dataset.from_frames(frame)

    def test_keeps_days_in_order(self) -> None:
        for items in sequences(with_shuffled_ties(self.data(), 1)).values():
            assert sorted(items[:4]) == ["a0", "a1", "a2", "a3"]
            assert sorted(items[4:]) == ["b0", "b1", "b2", "b3"]

    def test_puts_any_event_of_the_day_last(self) -> None:
        last = [items[-1] for items in sequences(with_shuffled_ties(self.data(), 1)).values()]

        assert set(last) == {"b0", "b1", "b2", "b3"}

    def test_depends_on_the_seed_alone(self) -> None:
        one, again, other = (with_shuffled_ties(self.data(), seed) for seed in (1, 1, 2))

        assert one.events.equals(again.events)
        assert not one.events.equals(other.events)

    def test_needs_days(self) -> None:
        untimed = replace(self.data(), as_of=None)
        with pytest.raises(RequestError, match="no times"):
            with_shuffled_ties(untimed, 1)
        later = self.data().events.with_columns(pl.col("timestamp") + timedelta(hours=1))
        with pytest.raises(RequestError, match="finer than days"):
            with_shuffled_ties(Dataset.from_frames(later), 1)


class TestShuffledGraph:
    def test_keeps_how_often_each_fact_is_told(self, shop: Dataset) -> None:
        shuffled = with_shuffled_graph(shop)
        assert shop.triples is not None
        assert shuffled.triples is not None
        facts = ["relation", "tail", "tail_type"]

        assert shuffled.triples["head"].equals(shop.triples["head"])
        assert (
            shuffled.triples.select(facts)
            .sort(facts)
            .equals(shop.triples.select(facts).sort(facts))
        )
        for column in ("category", "brand"):
            assert shuffled.catalogue[column].sort().equals(shop.catalogue[column].sort())

    def test_tells_facts_of_other_items(self, shop: Dataset) -> None:
        shuffled = with_shuffled_graph(shop)
        assert shop.triples is not None
        assert shuffled.triples is not None

        assert (shuffled.triples["tail"] != shop.triples["tail"]).mean() > 0.5
        assert (shuffled.catalogue["category"] != shop.catalogue["category"]).mean() > 0.5
        together = shuffled.catalogue.select("category", "brand").to_numpy()
        assert (together != shop.catalogue.select("category", "brand").to_numpy()).any(axis=1).any()

    def test_leaves_events_and_words_alone(self, shop: Dataset) -> None:
        shuffled = with_shuffled_graph(shop)

        assert shuffled.events.equals(shop.events)
        for column in ("item_id", "title", "description", "price"):
            assert shuffled.catalogue[column].equals(shop.catalogue[column])

    def test_makes_a_graph_of_the_same_size(self, shop: Dataset) -> None:
        sizes = []
        for data in (shop, with_shuffled_graph(shop)):
            graph = KnowledgeGraph.from_catalogue(
                data.catalogue, attributes=["category", "brand"], triples=data.triples
            )
            sizes.append((graph.n_entities, np.bincount(graph.edge_index()[1]).tolist()))

        assert sizes[0] == sizes[1]
