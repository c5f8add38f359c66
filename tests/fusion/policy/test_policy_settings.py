"""A policy as settings: YAML in, YAML out, dates."""

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.errors import ConfigError
from hybridrec.fusion.policy import Boost, Pin, Policy

EXAMPLES = sorted((Path(__file__).parents[3] / "configs" / "policy").glob("*.yaml"))

DATES = st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1))
IDS = st.text("abc1 ", min_size=1) | st.integers(0, 99) | st.tuples(st.integers(), st.text("ab"))
DATED = {"note": st.text(max_size=5), "valid_from": DATES}
BOOSTS = st.builds(
    Boost, by=st.floats(-9, 9), items=st.lists(IDS, min_size=1, max_size=3), **DATED
) | st.builds(Boost, by=st.floats(-9, 9), where=st.just("price < 5"), **DATED)
POLICIES = st.builds(
    Policy,
    where=st.sampled_from([None, "price < 5", ("price < 5", "brand = '它'")]),
    allow=st.none() | st.lists(IDS, max_size=3),
    deny=st.lists(IDS, max_size=3),
    boosts=st.lists(BOOSTS, max_size=2),
    diversity=st.floats(0, 1),
    caps=st.dictionaries(st.text("ab", min_size=1), st.integers(1, 9), max_size=2),
    exploration=st.floats(0, 1),
    pins=st.lists(st.builds(Pin, item=IDS, rank=st.integers(1, 9), **DATED), max_size=2),
)


@given(POLICIES)
def test_yaml_round_trips(tmp_path_factory: pytest.TempPathFactory, policy: Policy) -> None:
    path = tmp_path_factory.getbasetemp() / "policy.yaml"
    path.write_text(policy.to_yaml(), encoding="utf-8")
    assert Policy.from_yaml(path) == policy


def test_ids_that_yaml_lacks_are_written_as_text() -> None:
    item = UUID("12345678123456781234567812345678")
    assert f"- {item}" in Policy(deny=[item]).to_yaml()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_ready_policies_round_trip(path: Path, tmp_path: Path) -> None:
    policy = Policy.from_yaml(path)
    (tmp_path / "again.yaml").write_text(policy.to_yaml(), encoding="utf-8")
    assert Policy.from_yaml(tmp_path / "again.yaml") == policy


def test_there_is_a_ready_policy() -> None:
    assert EXAMPLES


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"cap": {"brand": 2}}, "unknown key 'cap'; accepted there: .*caps"),
        ({"boosts": [{"bye": 1, "by": 1, "where": "a = 1"}]}, r"unknown key 'boosts\.0\.bye'"),
        ({"boosts": [{"by": 1}]}, "either where or items"),
        ({"boosts": [{"by": 1, "where": "a = 1", "items": [1]}]}, "either where or items"),
        ({"boosts": [{"by": float("nan"), "items": [1]}]}, r"boosts\.0\.by"),
        ({"boosts": [{"by": 1, "where": "a ="}]}, r"(?s)boosts\.0\.where.*cannot stand.*\^"),
        ({"pins": [{"item": 1, "rank": 0}]}, r"pins\.0\.rank = 0"),
        ({"caps": {"brand": 0}}, r"caps\.brand = 0"),
        ({"diversity": 1.5}, "diversity = 1.5"),
        ({"exploration": -0.1}, "exploration = -0.1"),
        ({"diversity_method": "knn"}, "'knn'.*'mmr' or 'dpp'"),
        ({"deny": "i1"}, "deny = 'i1'"),
        ({"where": "price <"}, r"(?s)where.*the end cannot stand here.*\^"),
        ({"where": ["price < 5", "("]}, r"(?s)where.*the end cannot stand here.*\^"),
        (
            {"pins": [{"item": 1, "rank": 1, "valid_from": "2024-02-01",
                       "valid_until": "2024-01-31"}]},
            "2024-01-31 lies before valid_from=2024-02-01",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Policy.from_mapping(settings)


@pytest.mark.parametrize(
    ("start", "end", "at", "expected"),
    [
        (None, None, datetime(2024, 5, 1), True),
        (date(2024, 5, 1), None, datetime(2024, 4, 30, 23, 59), False),
        (date(2024, 5, 1), None, datetime(2024, 5, 1), True),
        (None, date(2024, 5, 1), datetime(2024, 5, 1, 23, 59), True),
        (None, date(2024, 5, 1), datetime(2024, 5, 2), False),
        (date(2024, 5, 1), date(2024, 5, 1), datetime(2024, 5, 1, 12), True),
        (datetime(2024, 5, 1, 9), None, datetime(2024, 5, 1, 8), False),
        (None, datetime(2024, 5, 1, 9), datetime(2024, 5, 1, 9), True),
        (None, datetime(2024, 5, 1, 9), datetime(2024, 5, 1, 9, 1), False),
        (datetime(2024, 5, 1, 9), date(2024, 5, 1), datetime(2024, 5, 1, 10), True),
        (None, datetime(2024, 5, 1, 9, tzinfo=timezone(timedelta(hours=2))),
         datetime(2024, 5, 1, 8), False),
    ],
)  # fmt: skip
def test_rules_hold_from_their_first_day_to_the_end_of_their_last(
    start: date | None, end: date | None, at: datetime, expected: bool
) -> None:
    rule = Pin(item="a", rank=1, valid_from=start, valid_until=end)
    assert rule.holds(at.replace(tzinfo=UTC)) is expected
