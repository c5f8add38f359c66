"""New events in a fitted recommender: recognised, refused, or folded in at once."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridrec import Dataset, Recommender
from hybridrec.data import arrivals
from hybridrec.errors import DataError, UnknownItemError, UnknownUserError
from hybridrec.shop import Shop

LATER = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def own(recommender: Recommender, tmp_path: Path) -> Recommender:
    recommender.save(tmp_path / "model")
    return Recommender.load(tmp_path / "model")


def events_of(items: list[str], user: str = "u00", moment: datetime = LATER) -> pl.DataFrame:
    times = [moment + timedelta(minutes=n) for n in range(len(items))]
    return pl.DataFrame({"user_id": user, "item_id": items, "timestamp": times})


def lists(recommender: Recommender) -> list[dict[str, object]]:
    return [
        row
        for exclude in ("none", "seen")
        for row in recommender.recommend(recommender.users, k=10, exclude=exclude).to_dicts()  # type: ignore[arg-type]
    ]


class TestKnownEvents:
    def test_the_same_table_twice_is_the_same_as_once(self, own: Recommender) -> None:
        events = events_of(["i01", "i05", "i01"])
        once = lists(own.update(events))

        assert lists(own.update(events)) == once

    def test_the_data_of_the_fit_change_nothing(self, own: Recommender, dataset: Dataset) -> None:
        before = lists(own)

        own.update(dataset.events)

        assert lists(own) == before
        assert own.shop.histories.items.size == dataset.events.height

    def test_the_same_item_at_another_time_counts_again(self, own: Recommender) -> None:
        n = own.shop.histories.items.size
        own.update(events_of(["i01", "i01"]))
        assert own.shop.histories.items.size == n + 2
        own.update(events_of(["i01"], moment=LATER + timedelta(microseconds=1)))
        assert own.shop.histories.items.size == n + 3

    def test_repeats_are_recognised_after_saving_and_loading(
        self, own: Recommender, tmp_path: Path
    ) -> None:
        events = events_of(["i01", "i05"], user="fresh")
        own.update(events).save(tmp_path / "again")
        loaded = Recommender.load(tmp_path / "again")
        assert lists(loaded) == lists(own)

        n = loaded.shop.histories.items.size
        loaded.update(events)
        assert loaded.shop.histories.items.size == n

    @pytest.mark.parametrize(
        ("columns", "counted"),
        [
            ({}, 4),
            ({"session_id": ["s1", "s2"]}, 2),
            ({"session_id": ["s1", None]}, 3),
            ({"session_id": ["s1", "s1"]}, 1),
        ],
    )
    def test_without_times_the_session_tells_or_nothing_does(
        self, columns: dict[str, list[str | None]], counted: int
    ) -> None:
        fitted = pl.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"]})
        data = Dataset.from_frames(fitted)
        shop = Shop.of(data, data.histories(), None)
        events = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["b", "b"], **columns})

        twice = shop.with_events(events, {}).with_events(events, {})

        assert twice.histories.items.size == 2 + counted

    @pytest.mark.parametrize(
        ("column", "other"),
        [("user_id", "v"), ("item_id", "b"), ("event", "view"), ("event", None), ("value", 2.5)],
    )
    def test_events_that_differ_in_anything_are_two(self, column: str, other: object) -> None:
        row = {"user_id": "u", "item_id": "a", "timestamp": LATER, "event": "buy", "value": 2.0}
        more = pl.DataFrame({"user_id": ["v"], "item_id": ["b"], "timestamp": [LATER]})
        data = Dataset.from_frames(pl.concat([pl.DataFrame([row]), more], how="diagonal"))
        shop = Shop.of(data, data.histories(), None)

        same = shop.with_events(pl.DataFrame([row]), {})
        different = shop.with_events(pl.DataFrame([{**row, column: other}]), {})

        assert same.histories.items.size == 2
        assert different.histories.items.size == 3


class TestOrder:
    def test_late_events_find_their_place_and_the_moment_stays(self, own: Recommender) -> None:
        moment = own.shop.as_of
        assert moment is not None
        first = moment - timedelta(days=400)

        own.update(events_of(["i63"], moment=first))

        history = own.shop.histories_of([own.shop.users.row("u00")])
        assert own.shop.as_of == moment
        assert own.shop.items.ids_of([int(history.items[0])]) == ["i63"]
        assert history.ages[0] == pytest.approx(400)
        assert (np.diff(history.ages) <= 0).all()

    def test_the_moment_moves_on_with_the_last_event_or_as_asked(self, own: Recommender) -> None:
        own.update(events_of(["i01"]))
        assert own.shop.as_of == LATER
        own.update(events_of(["i02"]), as_of=LATER + timedelta(days=3))
        assert own.shop.as_of == LATER + timedelta(days=3)
        assert own.shop.histories.ages.min() == pytest.approx(3)

    def test_what_is_popular_follows_once_a_day_has_passed(self, own: Recommender) -> None:
        def recent(item: str) -> float:
            return float(own.fusion.moment.statistics["recent"][own.items.index(item)])

        assert own.shop.as_of is not None
        before = recent("i07")
        soon = own.shop.as_of + timedelta(hours=3)
        crowd = [events_of(["i07"], f"new{n}", soon) for n in range(30)]
        own.update(pl.concat(crowd))
        assert recent("i07") == before

        own.update(events_of(["i01"], moment=soon + timedelta(days=1)))

        assert np.expm1(recent("i07")) >= 30
        assert own.fusion.moment.as_of == own.shop.as_of
        assert own.recommend("u00", k=3)

    def test_hours_add_up_to_a_day_across_saves(self, own: Recommender, tmp_path: Path) -> None:
        assert own.shop.as_of is not None
        moment, there = own.shop.as_of, own
        for hours in (20, 40):
            there.update(events_of(["i07"], f"new{hours}", moment + timedelta(hours=hours)))
            there.save(tmp_path / f"after{hours}")
            there = Recommender.load(tmp_path / f"after{hours}")

        assert there.fusion.moment.as_of == there.shop.as_of == moment + timedelta(hours=40)

    def test_a_saved_model_answers_as_the_live_one_where_users_have_their_own_moments(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        config = {
            "towers": {"collaborative": {"embedding_dim": 4}, "graph": None, "text": None},
            "neighbours": None,
            "ranker": {"epochs": 1, "moments": 1, "horizon_days": None},
        }
        live = Recommender.from_config(config).fit(dataset)
        assert live.shop.as_of is not None
        live.update(events_of(["i07"], "new", live.shop.as_of + timedelta(hours=20)))
        live.save(tmp_path / "model")

        assert lists(Recommender.load(tmp_path / "model")) == lists(live)

    def test_no_events_change_nothing_but_the_moment(self, own: Recommender) -> None:
        nothing = events_of([])
        before = lists(own)
        assert lists(own.update(nothing)) == before
        own.update(nothing, as_of=LATER)
        assert own.shop.as_of == LATER

    def test_without_times_in_the_fit_times_order_the_new_events_alone(self) -> None:
        data = Dataset.from_frames(pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"]}))
        shop = Shop.of(data, data.histories(), None)
        events = pl.DataFrame(
            {"user_id": "u", "item_id": ["a", "b"], "timestamp": ["2024-06-02", "2024-06-01"]}
        )
        moved = shop.with_events(events, {})
        assert moved.as_of is None
        assert moved.histories.items.tolist() == [0, 1, 1, 0]
        assert moved.histories.ages.tolist() == [3, 2, 1, 0]

    def test_naive_times_are_of_the_zone_given(self, own: Recommender) -> None:
        events = events_of(["i01"]).with_columns(timestamp=pl.lit("2024-06-01 08:00:00"))
        own.update(events, time_zone="Asia/Shanghai")
        assert own.shop.as_of == LATER


class TestRefused:
    @pytest.fixture
    def untouched(self, own: Recommender):  # type: ignore[no-untyped-def]
        """What was refused has left no trace."""
        before, shop = lists(own), own.shop
        yield own
        assert own.shop is shop
        assert lists(own) == before

    def test_events_of_the_future(self, untouched: Recommender) -> None:
        soon = datetime.now(UTC) + arrivals.CLOCK_TOLERANCE + timedelta(minutes=5)
        events = pl.concat([events_of(["i01", "i02"]), events_of(["i03"], moment=soon)])
        with pytest.raises(DataError, match=r"1 events are of the future: rows 2, .* 15 hours"):
            untouched.update(events)

    def test_events_after_the_moment_asked_for(self, untouched: Recommender) -> None:
        with pytest.raises(DataError, match=r"rows 1, .*2024-06-01 00:01 UTC.*as_of"):
            untouched.update(events_of(["i01", "i02"]), as_of=LATER)

    def test_a_moment_that_goes_back(self, untouched: Recommender) -> None:
        with pytest.raises(DataError, match="only move on"):
            untouched.update(events_of([]), as_of=datetime(2023, 1, 1))

    def test_unknown_items_are_named_and_nothing_is_taken_in(self, untouched: Recommender) -> None:
        with pytest.raises(UnknownItemError, match=r"'gone', 'lost'; .*add_items"):
            untouched.update(events_of(["i01", "gone", "lost", "gone"], user="fresh"))
        with pytest.raises(UnknownUserError):
            untouched.recommend("fresh")

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"timestamp": None}, "no column 'timestamp'"),
            ({"item_id": None}, "no column 'item_id'"),
            ({"item_id": [1, 2, 3]}, "'item_id' is of type int"),
            ({"user_id": [1, 2, 3]}, "'user_id' is of type int"),
            ({"user_id": ["u00", " ", None]}, "2 rows lack a user.*rows 1, 2"),
            ({"timestamp": ["2024-06-01", "2024-06-01", "never"]}, "rows 2"),
            ({"timestamp": ["then", "now", "never"]}, "cannot read 3 of 3 times"),
        ],
    )
    def test_tables_that_cannot_be_read(
        self, untouched: Recommender, change: dict[str, list[object] | None], said: str
    ) -> None:
        events = events_of(["i01", "i02", "i03"])
        for column, values in change.items():
            events = events.drop(column)
            if values is not None:
                events = events.with_columns(pl.Series(column, values))
        with pytest.raises(DataError, match=said):
            untouched.update(events)

    def test_no_table_at_all(self, untouched: Recommender) -> None:
        with pytest.raises(DataError, match="expected a dataframe"):
            untouched.update([{"user_id": "u00"}])

    def test_times_for_a_shop_that_has_none(self) -> None:
        data = Dataset.from_frames(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}))
        shop = Shop.of(data, data.histories(), None)
        with pytest.raises(DataError, match="without times"):
            shop.with_events(pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}), {}, as_of=LATER)


def test_a_user_with_one_event_gets_a_list_and_reasons(own: Recommender) -> None:
    own.update(events_of(["i01"], user="fresh"))
    recs = own.recommend("fresh", k=5, exclude="seen", explain=True)
    assert len(recs) == 5
    assert "i01" not in {rec.item_id for rec in recs}
    for rec in recs:
        assert rec.explanation is not None
        assert {past.item_id for past in rec.explanation.evidence if hasattr(past, "item_id")} <= {
            "i01"
        }


def test_integer_ids_beyond_63_bits_can_join() -> None:
    data = Dataset.from_frames(pl.DataFrame({"user_id": [1, 2], "item_id": [7, 8]}))
    shop = Shop.of(data, data.histories(), None)
    wide = pl.DataFrame({"user_id": [2**63 + 1, 2], "item_id": [7, 7]})
    moved = shop.with_events(wide, {})
    assert moved.users.values == [1, 2, 2**63 + 1]
    assert moved.histories.items.tolist() == [0, 1, 0, 0]
