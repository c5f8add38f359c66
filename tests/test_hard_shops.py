"""Shops that have hardly anything, or too much of one thing: an answer or a clear error."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from hybridrec import Dataset, Recommender
from hybridrec.errors import ConfigError, DataError, HybridrecError, NotEnoughMemoryError

WORDS = ("rose", "spade", "coffee", "bean", "shoe", "trail", "puzzle", "dice")


@pytest.fixture
def settings(tiny_encoder: Path) -> dict[str, Any]:
    return {
        "device": "cpu",
        "towers": {
            "collaborative": {"embedding_dim": 4, "iterations": 3},
            "graph": {"embedding_dim": 4, "steps": 4},
            "text": {"encoder": str(tiny_encoder), "frozen_layers": 1, "steps": 3, "batch_size": 8},
        },
        "ranker": {"epochs": 1},
    }


def _events(users: list[str], items: list[str], seconds: list[int]) -> pl.DataFrame:
    moments = pl.Series(seconds).cast(pl.Int64) * 1_000_000
    return pl.DataFrame({"user_id": users, "item_id": items, "timestamp": moments}).with_columns(
        pl.col("timestamp").cast(pl.Datetime("us"))
    )


def _catalogue(n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "item_id": [f"i{item}" for item in range(n)],
            "title": [f"{WORDS[item % 8]} {WORDS[item // 8 % 8]}" for item in range(n)],
            "brand": [f"Brand {item % 3}" for item in range(n)],
        }
    )


def _random_events(users: int, items: int, events: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    return _events(
        [f"u{user}" for user in random.integers(users, size=events)],
        [f"i{item}" for item in random.integers(items, size=events)],
        (np.sort(random.integers(100, size=events)) * 86_400).tolist(),
    )


def _answers(data: Dataset, settings: dict[str, Any]) -> Recommender:
    """A recommender whose every score is a number."""
    recommender = Recommender.from_config(settings).fit(data)
    for tower in recommender.fusion.towers.values():
        assert np.isfinite(tower.item_embeddings).all()
    for exclude in ("none", "seen"):
        k = len(recommender.items)
        recs = recommender.recommend(recommender.users, k=k, exclude=exclude)  # type: ignore[arg-type]
        assert all(np.isfinite(row["score"]) for row in recs.to_dicts())
    return recommender


SHOPS = {
    "one user": Dataset.from_frames(_random_events(1, 30, 40), _catalogue(30)),
    "two items": Dataset.from_frames(_random_events(30, 2, 90), _catalogue(2)),
    "no catalogue": Dataset.from_frames(_random_events(20, 20, 200)),
    "no attributes": Dataset.from_frames(_random_events(20, 20, 200), _catalogue(20).drop("brand")),
    "no text": Dataset.from_frames(_random_events(20, 20, 200), _catalogue(20).drop("title")),
    "most items without events": Dataset.from_frames(_random_events(20, 5, 200), _catalogue(64)),
    "every item alike": Dataset.from_frames(
        _random_events(20, 20, 200),
        _catalogue(20).with_columns(pl.lit("tea").alias("title"), pl.lit("One").alias("brand")),
    ),
    "texts empty or of 10,000 words": Dataset.from_frames(
        _random_events(20, 20, 200),
        _catalogue(20).with_columns(
            pl.when(pl.int_range(20) % 2 == 0)
            .then(pl.lit(""))
            .otherwise(pl.lit(" ".join(WORDS * 1250)))
            .alias("title")
        ),
    ),
    "no times": Dataset.from_frames(_random_events(20, 20, 200).drop("timestamp"), _catalogue(20)),
}


@pytest.mark.parametrize("name", SHOPS)
def test_are_learned_from(name: str, settings: dict[str, Any]) -> None:
    recommender = _answers(SHOPS[name], settings)

    expected = {"collaborative", "graph", "text"}
    expected -= {"graph", "text"} if name == "no catalogue" else set()
    expected -= {"graph"} if name == "no attributes" else set()
    expected -= {"text"} if name == "no text" else set()
    assert set(recommender.towers) == expected


@pytest.mark.parametrize(
    "events",
    [
        pytest.param(_events(["u"] * 50, ["i0"] * 50, [0] * 50), id="all events identical"),
        pytest.param(_events(["u", "v"], ["i0", "i1"], [0, 86_400]), id="two events"),
        pytest.param(_random_events(1, 1, 30), id="one user and one item"),
        pytest.param(_random_events(30, 1, 90), id="one item"),
        pytest.param(
            _events([f"u{n}" for n in range(40)], ["i0", "i1"] * 20, list(range(0, 4_000, 100))),
            id="one event a user",
        ),
    ],
)
def test_with_nothing_to_foretell_say_so(events: pl.DataFrame, settings: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"leaves one side empty|nothing to learn from"):
        Recommender.from_config(settings).fit(Dataset.from_frames(events, _catalogue(2)))


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ("text.encoder", "/no/such/encoder", "/no/such/encoder"),
        ("device", "cuda:99", "cuda:99"),
        ("device", "abacus", "use auto, cpu, cuda"),
    ],
)
def test_what_is_not_there_is_named(
    place: str, value: str, message: str, settings: dict[str, Any]
) -> None:
    if place == "device":
        settings["device"] = value
    else:
        settings["towers"]["text"]["encoder"] = value

    with pytest.raises(ConfigError, match=message):
        Recommender.from_config(settings).fit(SHOPS["no times"])


@pytest.mark.parametrize("tower", ["collaborative", "graph"])
def test_more_memory_than_there_is_is_refused_before_it_is_taken(
    tower: str, settings: dict[str, Any]
) -> None:
    settings["towers"][tower]["embedding_dim"] = 2_000_000_000

    with pytest.raises(NotEnoughMemoryError, match=rf"{tower}.*lower .*embedding_dim"):
        Recommender.from_config(settings).fit(SHOPS["no times"])


@pytest.mark.parametrize(
    "towers",
    [("collaborative",), ("graph",), ("text",), ("collaborative", "text"), ("graph", "text")],
)
def test_any_towers_may_be_left_out(towers: tuple[str, ...], settings: dict[str, Any]) -> None:
    for name in settings["towers"]:
        if name not in towers:
            settings["towers"][name] = None

    recommender = _answers(SHOPS["no times"], settings)

    assert recommender.towers == towers
    why = recommender.explain(recommender.users[0], recommender.items[3])
    assert why.base + sum(part.value for part in why.contributions) == pytest.approx(
        why.score, rel=1e-4
    )


def test_no_tower_at_all_is_refused(settings: dict[str, Any]) -> None:
    settings["towers"] = dict.fromkeys(settings["towers"])

    with pytest.raises(HybridrecError, match="at least one tower"):
        Recommender.from_config(settings)


def test_prices_told_only_lately_are_unknown_before(settings: dict[str, Any]) -> None:
    events = _random_events(20, 12, 400)
    lately = pl.col("timestamp") > events["timestamp"].max() - pl.duration(days=5)
    price = pl.when(lately).then(pl.lit(2.5))
    settings["towers"] |= {"graph": None, "text": None}

    answers = _answers(Dataset.from_frames(events.with_columns(price=price)), settings)

    assert answers.fusion.scope.priced
