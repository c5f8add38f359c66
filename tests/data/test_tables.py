"""Tables on their way in: numbers that are none, items described beside their events."""

from typing import Any

import polars as pl
import pytest

from hybridrec.data import Dataset
from hybridrec.data.tables import described_items, with_numbers
from hybridrec.errors import DataError


class TestNumbers:
    @pytest.mark.parametrize(
        ("given", "numbers"),
        [
            (["1", "2.5", "-3e2"], [1.0, 2.5, -300.0]),
            ([1, 2, 3], [1, 2, 3]),
            ([1.5, float("nan"), None], [1.5, None, None]),
            ([None, None, None], [None, None, None]),
        ],
        ids=str,
    )
    def test_are_read(self, given: list[Any], numbers: list[Any]) -> None:
        table = with_numbers(pl.DataFrame({"value": given}), "events")

        assert table.to_dict(as_series=False) == {"value": numbers}

    @pytest.mark.parametrize("column", ["value", "quantity", "price"])
    def test_that_are_none_are_null_and_kept_as_given(self, column: str) -> None:
        table = with_numbers(pl.DataFrame({column: ["1", "free", "inf", "4"]}), "events")

        assert table[column].to_list() == [1.0, None, None, 4.0]
        assert table[f"{column}_as_given"].to_list() == ["1", "free", "inf", "4"]

    def test_that_are_infinite_are_none(self) -> None:
        table = with_numbers(pl.DataFrame({"price": [1.0, float("inf")]}), "events")

        assert table["price"].to_list() == [1.0, None]
        assert table["price_as_given"].to_list() == ["1.0", "inf"]

    def test_of_other_columns_stay_as_they_are(self) -> None:
        table = pl.DataFrame({"size": ["12", "x"], "price": [1.0, 2.0]})

        assert with_numbers(table, "catalogue").equals(table)

    def test_that_are_mostly_none_are_refused(self) -> None:
        with pytest.raises(DataError, match=r"2 of 3 values of 'price' .* 'free' in row 1"):
            with_numbers(pl.DataFrame({"price": ["1", "free", "gift"]}), "events")

    @pytest.mark.parametrize("values", [[[1.0]], [pl.Series([1])]], ids=["list", "series"])
    def test_are_no_lists(self, values: list[Any]) -> None:
        with pytest.raises(DataError, match="'price' holds List"):
            with_numbers(pl.DataFrame({"price": values}), "catalogue")

    def test_are_read_in_events_and_catalogue(self) -> None:
        events = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["x", "x"], "value": ["1", "?"]})
        catalogue = pl.DataFrame({"item_id": ["x", "y"], "price": ["2.5", "?"]})
        data = Dataset.from_frames(events, catalogue)

        assert data.events["value"].to_list() == [1.0, None]
        assert data.catalogue["price"].to_list() == [2.5, None]
        assert data.catalogue["price_as_given"].to_list() == ["2.5", "?"]


class TestItemsDescribedBesideTheirEvents:
    events = pl.DataFrame(
        {
            "user_id": [1, 2, 3, 4, 5, 6],
            "item_id": ["b", "a", "b", "b", "c", None],
            "title": ["Tea old", "Cup", "Tea", "Tea", None, "Ghost"],
            "price": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        }
    )

    def test_become_the_catalogue_the_most_frequent_first(self) -> None:
        _, catalogue = described_items(self.events)

        assert catalogue.rows() == [("b", "Tea"), ("b", "Tea old"), ("a", "Cup"), ("c", None)]

    def test_leave_the_events_without_what_describes_items(self) -> None:
        events, _ = described_items(self.events)

        assert events.equals(self.events.drop("title"))

    def test_are_not_contradicted_by_rows_that_say_nothing(self) -> None:
        events = pl.DataFrame(
            {
                "item_id": ["a", "a", "a", "b"],
                "title": [None, None, "Cup", None],
                "brand": [None, None, "Acme", None],
            },
            schema_overrides={"brand": pl.String},
        )

        assert described_items(events)[1].rows() == [("a", "Cup", "Acme"), ("b", None, None)]

    def test_that_nothing_describes_are_only_ids(self) -> None:
        events = self.events.drop("title")

        assert described_items(events)[0].equals(events)
        assert described_items(events)[1].rows() == [("b",), ("a",), ("c",)]

    def test_make_a_dataset_with_titles(self) -> None:
        consistent = self.events.filter(pl.col("title") != "Tea old").drop_nulls()
        data = Dataset.from_frames(consistent)

        assert data.items.values == ["a", "b"]
        assert data.titles == ["Cup", "Tea"]
        assert data.events.columns == ["user_id", "item_id", "price"]

    def test_that_are_described_in_two_ways_are_dirt(self) -> None:
        data = Dataset.from_frames(self.events.drop_nulls())

        with pytest.raises(DataError, match="1 items have more than one row: 'b'"):
            data.sound()

    def test_stay_in_the_events_where_there_is_a_catalogue(self) -> None:
        data = Dataset.from_frames(self.events, pl.DataFrame({"item_id": ["a", "b", "c"]}))

        assert "title" in data.events.columns
        assert data.catalogue.columns == ["item_id"]
