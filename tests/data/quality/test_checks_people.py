"""Users that are no people, sessions loaded twice, ratings that contradict each other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hybridrec import Dataset
from hybridrec.data.quality import Finding, QualityConfig

FIRST = datetime(2024, 3, 1, tzinfo=UTC)


def people(n_users: int = 30, n_items: int = 12, a_day: int = 3, days: int = 2) -> pl.DataFrame:
    """Users with ``a_day`` events on each of some days."""
    return pl.DataFrame(
        [
            (
                f"u{user}",
                f"i{(user + 5 * n) % n_items}",
                FIRST + timedelta(days=n // a_day, hours=user),
            )
            for user in range(n_users)
            for n in range(a_day * days)
        ],
        schema=["user_id", "item_id", "timestamp"],
        orient="row",
    )


def robot(name: str = "bot", n: int = 300, n_items: int = 150) -> pl.DataFrame:
    moments = [FIRST + timedelta(minutes=4 * row) for row in range(n)]
    items = [f"i{row % n_items}" for row in range(n)]
    return pl.DataFrame({"user_id": name, "item_id": items, "timestamp": moments})


def the_finding(data: Dataset, code: str, **config: Any) -> Finding:
    [finding] = data.check(config=QualityConfig(**config))[code]
    return finding


def flagged_users(data: Dataset, code: str, **config: Any) -> set[str]:
    rows = the_finding(data, code, **config).rows
    assert rows is not None
    users = data.events["user_id"]
    named = set(users.gather(rows))
    assert users.is_in(list(named)).sum() == rows.len()
    return named


def test_people_raise_nothing() -> None:
    report = Dataset.from_frames(people()).check()
    assert report.findings == ()


def test_bots_are_found_and_dropped() -> None:
    data = Dataset.from_frames(pl.concat([people(), robot(), robot("second", 250)]))
    assert flagged_users(data, "bots") == {"bot", "second"}
    assert the_finding(data, "bots").severity == "warning"
    assert "theirs are 550 events" in the_finding(data, "bots").detail
    clean = data.clean(["bots"])
    assert_frame_equal(clean.events, Dataset.from_frames(people()).events)
    assert [(e.rows_in, e.rows_out, e.rows_changed) for e in clean.ledger] == [(730, 180, 0)]
    assert not clean.check()["bots"]
    assert clean.clean(["bots"]) is clean


@pytest.mark.parametrize("one", [robot(n=150), robot(n_items=80)])
def test_busy_people_are_no_bots(one: pl.DataFrame) -> None:
    assert not Dataset.from_frames(pl.concat([people(), one])).check()["bots"]


def test_bots_hidden_behind_bots() -> None:
    config = {"bot_events_a_day": 2, "bot_items_a_day": 2, "bot_deviations": 3.0}
    one_a_day = people(30, a_day=1, days=1)
    hidden = robot("hidden", 4)
    crowd = [robot(f"bot{n}", 300) for n in range(25)]
    data = Dataset.from_frames(pl.concat([one_a_day, hidden, *crowd]))
    clean = data.clean(["bots"], config=QualityConfig(**config))  # type: ignore[arg-type]
    assert not clean.check(config=QualityConfig(**config))["bots"]  # type: ignore[arg-type]


def test_resellers_are_noted_and_left() -> None:
    data = Dataset.from_frames(pl.concat([people(), robot(n=90, n_items=90)]))
    assert flagged_users(data, "resellers") == {"bot"}
    finding = the_finding(data, "resellers")
    assert (finding.severity, finding.by_default) == ("note", False)
    clean = data.clean(["resellers"])
    assert_frame_equal(clean.events, Dataset.from_frames(people()).events)
    assert not clean.check()["resellers"]


def test_one_event_users() -> None:
    single = pl.DataFrame({"user_id": ["a", "b", None], "item_id": "i1", "timestamp": FIRST})
    data = Dataset.from_frames(pl.concat([people(), single]))
    assert flagged_users(data, "one-event-users") == {"a", "b"}
    finding = the_finding(data, "one-event-users")
    assert (finding.severity, finding.count, finding.of) == ("note", 2, 32)
    assert data.clean(["one-event-users"]).events["user_id"].null_count() == 1


def sessions(*rows: tuple[str | None, str | None, str, int]) -> Dataset:
    frame = pl.DataFrame(rows, schema=["user_id", "session_id", "item_id", "hour"], orient="row")
    moment = pl.lit(FIRST) + pl.duration(hours=pl.col("hour"))
    return Dataset.from_frames(frame.with_columns(moment.alias("timestamp")).drop("hour"))


def test_sessions_loaded_twice() -> None:
    first = [("u", "s1", "a", 1), ("u", "s1", "b", 1)]
    again = [("u", "s2", "b", 1), ("u", "s2", "a", 1)]
    others = [("v", "s3", "a", 1), ("v", "s3", "b", 1), ("u", "s4", "a", 2), ("u", "s4", "b", 2)]
    short = [("u", "s5", "a", 3), ("u", "s6", "a", 3), ("u", "s7", "a", 1), ("u", None, "b", 1)]
    data = sessions(*first, *again, *others, *short)
    finding = the_finding(data, "duplicated-sessions")
    assert finding.rows is not None
    assert set(data.events["session_id"].gather(finding.rows)) == {"s2"}
    assert finding.count == 2
    clean = data.clean(["duplicated-sessions"])
    assert_frame_equal(clean.events, data.events.filter(~pl.col("session_id").eq_missing("s2")))
    assert [(e.rows_in, e.rows_out) for e in clean.ledger] == [(12, 10)]
    assert not clean.check()["duplicated-sessions"]


def test_sessions_numbered_anew_for_each_user() -> None:
    doubled = [("u", s, item, 1) for s in ("1", "2") for item in "ab"]
    single = [("v", "1", "a", 1), ("v", "1", "c", 1), ("v", "2", "b", 5), ("v", "2", "c", 5)]
    data = sessions(*doubled, *single)
    finding = the_finding(data, "duplicated-sessions")
    assert finding.rows is not None
    found = data.events[finding.rows]
    assert found.select("user_id", "session_id").unique().rows() == [("u", "2")]


def rated(texts: list[Any], values: list[int]) -> Dataset:
    n = len(texts)
    users = [f"u{row // 2}" for row in range(n)]
    events = {"user_id": users, "item_id": ["i"] * n, "text": texts, "value": values}
    return Dataset.from_frames(pl.DataFrame(events, strict=False))


def test_label_conflicts() -> None:
    texts = ["Great!", "great", "GREAT", "fine", "fine.", "bad", "", "", None, None]
    data = rated(texts, [5, 1, 5, 4, 3, 1, 5, 1, 5, 1])
    finding = the_finding(data, "label-conflicts")
    assert finding.rows is not None
    assert (finding.rows.to_list(), finding.column) == ([0, 1, 2], "text")
    assert (finding.severity, finding.by_default) == ("warning", False)
    clean = data.clean(["label-conflicts"])
    assert clean.events.height == 7
    assert not clean.check()["label-conflicts"]


@pytest.mark.parametrize("texts", [[1, 1], [["a"], ["a"]], [None, None], [b"a", b"a"]])
def test_label_conflicts_of_texts_of_other_types(texts: list[Any]) -> None:
    found = rated(texts, [1, 5]).check()["label-conflicts"]
    assert len(found) == (texts[0] in (1, ["a"]))


def with_users(**columns: list[Any]) -> Dataset:
    users = pl.DataFrame(columns, strict=False)
    return Dataset.from_frames(people(), users=users, roles={})


def test_repeated_user_rows() -> None:
    data = with_users(user_id=["a", "b", "a", None, " "], town=["X", "X", "Y", "X", "X"])
    finding = the_finding(data, "repeated-user-rows")
    assert finding.rows is not None
    assert (finding.severity, finding.rows.to_list()) == ("error", [2, 3, 4])
    clean = data.clean(["repeated-user-rows"])
    assert clean.user_attributes is not None
    assert clean.user_attributes.rows() == [("a", "X"), ("b", "X")]
    assert [(e.table, e.rows_in, e.rows_out) for e in clean.ledger] == [("users", 5, 2)]


def test_identifiable_users() -> None:
    users = [f"u{n}" for n in range(9)]
    data = with_users(user_id=users, town=["X"] * 5 + ["Y"] * 3 + [None])
    finding = the_finding(data, "identifiable-users")
    assert finding.rows is not None
    assert (finding.severity, finding.rows.to_list()) == ("note", [5, 6, 7])
    assert not finding.by_default
    assert not data.check(config=QualityConfig(k_anonymity=3))["identifiable-users"]
    clean = data.clean(["identifiable-users"])
    assert clean.user_attributes is not None
    assert clean.user_attributes["town"].to_list() == ["X"] * 5 + [None] * 4
    assert [(e.rows_in, e.rows_out, e.rows_changed) for e in clean.ledger] == [(9, 9, 3)]
    assert clean.clean(["identifiable-users"]) is clean


def test_attributes_that_are_personal_or_nested_or_none() -> None:
    users = pl.DataFrame({"user_id": ["u1", "u2"], "phone": ["1", "2"]})
    personal = Dataset.from_frames(people(), users=users, roles={"phone": "personal"})
    assert not personal.check()["identifiable-users"]
    assert not with_users(user_id=["u1"]).check()["identifiable-users"]
    nested = with_users(user_id=["u1", "u2"], likes=[["a"], ["b"]])
    assert the_finding(nested, "identifiable-users").count == 2
