"""What the accuracy tables learn from and ask, on small made data."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.accuracy.tasks import (
    PROTOCOLS,
    SOLD_AS,
    Task,
    given_parts,
    invoices_of_last_days,
    last_days,
    leave_one_out,
    load,
    purchases,
    random_parts,
    tasks,
)
from hybridrec import Dataset
from hybridrec.errors import RequestError

START = datetime(2024, 1, 1, tzinfo=UTC)


def in_order(users: int = 20, events: int = 6) -> Dataset:
    """Every user meets items 0, 1, 2 … in this order, without times."""
    rows = [(f"u{user:02}", f"i{step}") for user in range(users) for step in range(events)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row")
    return Dataset.from_frames(frame)


def pairs(data: Dataset) -> set[tuple[str, str]]:
    return set(data.events.select("user_id", "item_id").iter_rows())


@pytest.mark.parametrize(("validate", "asked", "left"), [(False, "i5", 5), (True, "i4", 4)])
def test_leave_one_out_asks_for_the_last_event_or_the_one_before(
    validate: bool, asked: str, left: int
) -> None:
    train, test = leave_one_out(in_order(), validate)

    assert set(test.events["item_id"]) == {asked}
    assert train.events.height == 20 * left
    assert not pairs(train) & pairs(test)


class TestGivenParts:
    events = pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "v", "v"],
            "item_id": ["a", "b", "c", "a", "c"],
            "part": ["train", "valid", "test", "train", "test"],
        }
    )

    def test_may_learn_from_the_validation_part_before_the_test(self) -> None:
        train, test = given_parts(Dataset.from_frames(self.events), False)

        assert pairs(train) == {("u", "a"), ("u", "b"), ("v", "a")}
        assert pairs(test) == {("u", "c"), ("v", "c")}

    def test_hide_the_test_while_validating(self) -> None:
        train, test = given_parts(Dataset.from_frames(self.events), True)

        assert pairs(train) == {("u", "a"), ("v", "a")}
        assert pairs(test) == {("u", "b")}


class TestRandomParts:
    @staticmethod
    def data(events: int = 10) -> Dataset:
        whole = in_order(events=events)
        part = (pl.col("item_id") == f"i{events - 1}").replace_strict(
            {True: "test", False: "train"}
        )
        return Dataset.from_frames(whole.events.with_columns(part.alias("part")))

    def test_are_those_the_set_came_with(self) -> None:
        train, test = random_parts(self.data(), False)

        assert set(test.events["item_id"]) == {"i9"}
        assert train.events.height == 180

    def test_draw_a_share_of_each_user_to_validate(self) -> None:
        train, test = random_parts(self.data(), True)

        # 30 % of the 9 events that are not the test's, rounded down
        assert set(test.events.group_by("user_id").len()["len"]) == {2}
        assert set(train.events.group_by("user_id").len()["len"]) == {7}
        assert not pairs(train) & pairs(test)
        assert "i9" not in set(train.events["item_id"]) | set(test.events["item_id"])

    def test_draw_one_event_where_the_share_is_less(self) -> None:
        train, test = random_parts(self.data(events=3), True)

        assert set(test.events.group_by("user_id").len()["len"]) == {1}
        assert set(train.events.group_by("user_id").len()["len"]) == {1}

    def test_leave_single_events_to_learn_from(self) -> None:
        frame = self.data(events=3).events
        single = pl.DataFrame({"user_id": ["z"], "item_id": ["i0"], "part": ["train"]})
        train, test = random_parts(Dataset.from_frames(pl.concat([frame, single])), True)

        assert ("z", "i0") in pairs(train)
        assert "z" not in set(test.events["user_id"])

    @pytest.mark.parametrize("validate", [False, True])
    def test_tell_nothing_by_their_order(self, validate: bool) -> None:
        """Each user's last event, which the ranker learns from, is any of them."""
        train, _ = random_parts(self.data(), validate)
        last = train.events.group_by("user_id", maintain_order=True).agg(pl.col("item_id").last())

        assert last["item_id"].n_unique() > 3

    def test_are_the_same_every_time(self) -> None:
        first, second = random_parts(self.data(), True)[1], random_parts(self.data(), True)[1]

        assert first.events.equals(second.events)


def daily(days: int = 100, users: int = 6) -> Dataset:
    """Every user meets item "common" each day; user 0 alone meets "rare"."""
    rows = [
        (f"u{user}", "rare" if user == 0 and day % 2 else "common", START + timedelta(days=day))
        for day in range(days)
        for user in range(users)
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Dataset.from_frames(frame)


@pytest.mark.parametrize("validate", [False, True])
def test_last_days_are_28_and_leave_out_what_few_bought(validate: bool) -> None:
    train, test = last_days(daily(), validate)
    end = START + timedelta(days=99 - 28 * validate)

    assert train.as_of == end - timedelta(days=28)
    assert test.events["timestamp"].min() == end - timedelta(days=27)
    assert test.events["timestamp"].max() == end
    assert train.items.values == ["common"]


class TestInvoices:
    @staticmethod
    def lines() -> pl.DataFrame:
        days = 80
        rows = [
            (
                f"{day:04}{user}",
                "10001",
                "LANTERN" if day < 60 else "LAMP",
                1.0,
                datetime(2024, 1, 1, 9) + timedelta(days=day),
                2.5,
                f"{user}",
                "France",
            )
            for day in range(days)
            for user in range(6)
        ]
        last = datetime(2024, 3, 1, 10)
        rows += [
            ("C1", "10001", "LANTERN", 1.0, last, 2.5, "1", "France"),
            ("2", "10001", "LANTERN", -1.0, last, 2.5, "1", "France"),
            ("3", "POST", "POSTAGE", 1.0, last, 2.5, "1", "France"),
            ("4", "10001", "LANTERN", 1.0, last, 2.5, "", "France"),
            ("5", "10001", "LANTERN", 1.0, last, 2.5, None, "France"),
        ]
        names = "invoice_id item_id description quantity timestamp unit_price user_id country"
        return pl.DataFrame(rows, schema=names.split(), orient="row")

    def test_are_purchases_of_products_by_known_customers(self) -> None:
        data = purchases(self.lines())

        assert data.events.height == 480
        assert set(data.events["item_id"]) == {"10001"}
        assert data.sound() is data

    def test_name_products_as_they_were_called_before_the_test(self) -> None:
        frame = self.lines().with_columns(
            pl.when(pl.col("timestamp") > datetime(2024, 1, 20)).then(pl.lit("LAMP"))
            .otherwise("description").alias("description")
        )  # fmt: skip
        train, test = invoices_of_last_days(purchases(frame), False)
        assert train.catalogue["title"].to_list() == ["LAMP"]

        train, test = invoices_of_last_days(purchases(self.lines()), False)
        assert train.catalogue["title"].to_list() == ["LANTERN"]
        assert set(test.events[SOLD_AS]) == {"LANTERN", "LAMP"}


class TestTasks:
    def test_ask_every_user_of_the_test(self) -> None:
        task = tasks(["amazon-toys"], in_order())[0]

        assert task.question.users.size == 20
        assert np.diff(task.question.relevant.indptr).tolist() == [1] * 20
        assert not task.timed

    def test_of_one_set_share_what_is_learnt_from(self) -> None:
        both = ["complete-journey-all", "complete-journey-new"]
        habits, discoveries = tasks(both, daily())

        assert habits.train is discoveries.train
        assert (habits.protocol.exclude, discoveries.protocol.exclude) == ("none", "seen")

    def test_of_two_sets_are_refused(self) -> None:
        with pytest.raises(RequestError, match="of one set alone, not of amazon-toys, book-cross"):
            load(["book-crossing", "amazon-toys"], None)

    def test_co_purchases_are_known_of_one_set(self) -> None:
        with pytest.raises(RequestError, match="amazon-toys has no co-purchase relations"):
            load(["amazon-toys"], None, co_purchases=True)

    def test_have_the_names_of_the_referee_and_the_quick_one(self) -> None:
        assert set(PROTOCOLS) == {
            "amazon-beauty",
            "amazon-toys",
            "amazon-beauty-70-30",
            "book-crossing",
            "complete-journey-all",
            "complete-journey-new",
            "online-retail-all",
            "online-retail-new",
            "ml-100k",
        }
        assert isinstance(tasks(["book-crossing"], TestRandomParts.data())[0], Task)
