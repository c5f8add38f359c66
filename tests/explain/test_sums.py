"""Base and parts sum to the score whatever the ranker, its signals and the policy are."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridrec import Recommender, RecommenderConfig
from hybridrec.explain.evidence import PastItem
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.policy import Policy
from hybridrec.fusion.profiles import profile_weights, profiles

SAME = 1e-4


@st.composite
def settings_of_rankers(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "seed": draw(st.integers(0, 99)),
        "short_profile": draw(st.sampled_from([None, {"half_life_days": 5.0}])),
        "last_profile": draw(st.sampled_from([None, {"half_life_events": 0.5}])),
        "candidates": {"per_source": draw(st.integers(1, 70)), "own": draw(st.integers(0, 20))},
        "ranker": {
            "form": draw(st.sampled_from(["network", "gated"])),
            "hidden": draw(st.integers(1, 40)),
            "members": draw(st.integers(1, 4)),
        },
    }


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return Policy.from_mapping(
        {
            "diversity": draw(st.floats(0, 1)),
            "diversity_method": draw(st.sampled_from(["mmr", "dpp"])),
            "caps": draw(st.sampled_from([{}, {"brand": 1}, {"category": 2}])),
            "boosts": draw(
                st.sampled_from([[], [{"by": 1.5, "items": ["i07"], "note": "on sale"}]])
            ),
            "pins": draw(st.sampled_from([[], [{"item": "i11", "rank": 2}]])),
            "exploration": draw(st.sampled_from([0.0, 0.3])),
            "deny": draw(st.sampled_from([[], ["i03"]])),
        }
    )


def untrained(recommender: Recommender, settings: dict[str, Any]) -> Recommender:
    """The towers of one, with a ranker of its own whose weights are as drawn."""
    config = RecommenderConfig.from_mapping(settings)
    known = recommender.fusion
    scope = replace(known.scope, profiles=tuple(profiles(config)))
    other = Recommender(config)
    other._fusion = Fusion(known.towers, config, scope)
    other._fusion.observe(known.moment)
    other._shop = recommender.shop
    return other


@settings(max_examples=40)
@given(
    settings_of_rankers(),
    policies(),
    st.sampled_from(["none", "seen"]),
    st.integers(0, 59),
    st.data(),
)
def test_parts_and_past_items_sum(
    recommender: Recommender,
    ranker: dict[str, Any],
    policy: Policy,
    exclude: Any,
    row: int,
    data: st.DataObject,
) -> None:
    other = untrained(recommender, ranker)
    k = data.draw(st.integers(3, 12))

    recs = other.recommend(
        recommender.users[row], k=k, exclude=exclude, policy=policy, explain=True
    )

    assert len(recs)
    for rec in recs:
        why = rec.explanation
        assert why is not None
        parts = {part.group: part.value for part in why.contributions}
        assert len(parts) == len(why.contributions)
        assert why.base + sum(parts.values()) == pytest.approx(why.score, rel=SAME, abs=SAME)
        for part in why.contributions:
            assert all(isinstance(past, PastItem) for past in part.evidence)
            if part.evidence:
                split = sum(past.weight for past in part.evidence)
                assert split == pytest.approx(part.value, rel=SAME, abs=SAME)


def test_a_profile_that_has_faded_leaves_no_part_unsplit(
    recommender: Recommender, tmp_path: Path
) -> None:
    recommender.save(tmp_path / "model")
    later = Recommender.load(tmp_path / "model")
    shop = later.shop
    event = {"user_id": ["new"], "item_id": ["i01"], "timestamp": [shop.as_of]}
    later.update(pl.DataFrame(event), as_of=shop.as_of + timedelta(days=400))
    histories = later.shop.histories_of([later.shop.users.row("u05")])
    assert profile_weights(histories, later.config)["last"].nnz == 0

    recs = later.recommend("u05", k=20, exclude="seen", explain=True)
    split = [
        (sum(past.weight for past in part.evidence), part.value)
        for rec in recs
        for part in rec.explanation.contributions
        if part.evidence
    ]
    assert len(split) > 50
    for weights, value in split:
        assert weights == pytest.approx(value, abs=1e-5)
