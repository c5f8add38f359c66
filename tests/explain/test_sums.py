"""Base and parts sum to the score whatever the ranker, its signals and the policy are."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybridrec import Recommender, RecommenderConfig
from hybridrec.explain import explaining
from hybridrec.explain.attribution import attribute
from hybridrec.explain.evidence import PastItem
from hybridrec.fusion.pipeline import Fusion
from hybridrec.fusion.policy import Policy
from hybridrec.fusion.profiles import profile_weights, profiles
from hybridrec.fusion.signals.order import ORDER

SAME = 1e-4
FADING = {
    "long_profile": {"half_life_days": None, "half_life_events": 4.0},
    "short_profile": None,
    "last_profile": None,
}


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
    fusion = Fusion(known.towers, config, scope)
    fusion.observe(known.moment)
    return Recommender.of(config, fusion, recommender.shop, recommender.curves)


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


def met_by_new(
    recommender: Recommender, items: list[str], settings: dict[str, Any], kinds: list[str]
) -> Recommender:
    """One whom a new user has just met items in, an hour apart."""
    other = untrained(recommender, settings)
    start = other.shop.as_of
    times = [start + timedelta(hours=hour) for hour in range(1, len(items) + 1)]
    n = len(items)
    events = {"user_id": ["new"] * n, "item_id": items, "timestamp": times, "event": kinds}
    return other.update(pl.DataFrame(events))


@pytest.mark.parametrize("direction", [1, -1], ids=["least row first", "greatest row first"])
def test_items_that_have_faded_are_counted_and_dated_as_themselves(
    recommender: Recommender, direction: int
) -> None:
    items = [item for item in recommender.items[::direction][:30] for _ in range(2)]
    other = met_by_new(recommender, items, FADING, ["purchase"] * 60)
    shop = other.shop
    history = shop.histories_of([shop.users.row("new")])
    faded = shop.items.row(items[0])
    assert faded not in profile_weights(history, other.config)["long"].indices
    hours = {item: place for place, item in enumerate(items)}

    for why in other.explain_pairs([("new", item) for item in hours]):
        parts = {part.group: part for part in why.contributions}
        for past in (past for part in parts.values() for past in part.evidence):
            last = shop.as_of - timedelta(hours=59 - hours[past.item_id])
            assert past.events == 2
            assert abs(past.last - last) < timedelta(seconds=1)
        assert [past.item_id for past in parts["repeat"].evidence] == [why.item_id]
        assert shop.titles[faded] not in [path.source_title for path in why.paths]


def test_items_that_have_faded_are_among_those_a_counterfactual_tries(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [item for item in recommender.items[:30] for _ in range(2)]
    other = met_by_new(recommender, items, FADING, ["purchase"] * 60)
    tried = []
    monkeypatch.setattr(explaining, "smallest_removal", lambda *asked: tried.append(asked[4]))

    other.explain("new", items[-1]).counterfactual()

    [order] = tried
    assert sorted(order) == list(range(30))


def test_an_event_without_strength_weighs_by_its_own_item_alone(recommender: Recommender) -> None:
    settings = {"event_strengths": {"glance": 0.0}}
    other = met_by_new(recommender, ["i63", "i03"], settings, ["glance", "purchase"])

    why = other.explain("new", "i07")
    weighed = {past.item_id for part in why.contributions for past in part.evidence}
    assert weighed == {"i03"}
    assert [path.source_title for path in why.paths] == [other.shop.titles[3]]

    of_itself = other.explain("new", "i63").contributions
    [repeat] = [part for part in of_itself if part.group == "repeat"]
    assert [(past.item_id, past.events) for past in repeat.evidence] == [("i63", 1)]


@pytest.mark.parametrize("scorer", ["text", "graph", "neighbours", "transitions"])
def test_only_what_alone_puts_an_item_above_the_mean_candidate_speaks_for_it(
    recommender: Recommender, scorer: str
) -> None:
    other = untrained(recommender, {"seed": 3})
    fusion, shop = other.fusion, other.shop
    speaking = 0
    for row in range(5):
        candidates = fusion.candidates(shop.histories_of([row]), "none")
        items = candidates.pairs.items
        whys = explaining.explain_candidates(
            fusion, shop, candidates, 0, np.arange(items.size), None, "none", 10
        )
        scales = attribute(fusion, candidates, 0, np.arange(items.size)).scales
        for place, (why, item) in enumerate(zip(whys, items, strict=True)):
            [part] = [part for part in why.contributions if part.group == scorer]
            rewarded = [
                weights.indices
                for profile, weights in candidates.weights.items()
                if scales[f"{scorer}/{profile}"][place] > 0
            ]
            for past in part.evidence:
                row_of_past = shop.items.row(past.item_id)
                [alone] = fusion.scorers[scorer].scores(shop.visitor([row_of_past]).weights())
                above = alone[item] > alone[items].mean()
                assert past.speaks == (above and any(row_of_past in rows for rows in rewarded))
                if scorer == "transitions" and past.speaks:
                    assert alone[item] > 0
                speaking += past.speaks
    assert speaking


def test_what_the_ranker_holds_against_an_item_weighs_alike_in_all_past_items(
    recommender: Recommender,
) -> None:
    other = untrained(recommender, {"seed": 3})
    fusion, shop = other.fusion, other.shop
    seen: dict[str, int] = {}
    for row in range(5):
        candidates = fusion.candidates(shop.histories_of([row]), "none")
        places = np.arange(len(candidates.pairs))
        parts = attribute(fusion, candidates, 0, places)
        ranker, standard = candidates.ranker, candidates.standardised
        baseline = standard.baseline.repeat(places.size, 0)
        brought = ranker.contributions(standard.inputs, baseline)[2]
        scored = [name in parts.scales for name in ranker.groups]
        together = brought[:, scored].sum(axis=1)
        against = {"affinity": parts.groups["affinity"] < 0}
        for scorer in fusion.scorers:
            scales = [own for name, own in parts.scales.items() if name.startswith(f"{scorer}/")]
            if not ORDER.startswith(scorer):  # of which the latest item has a part of its own
                against[scorer] = np.all(np.array(scales) <= 0, axis=0) & (together > 0)
        for group, rows in against.items():
            split = parts.splits[group][rows]
            np.testing.assert_allclose(split, split[:, :1].repeat(split.shape[1], 1), atol=1e-9)
            np.testing.assert_allclose(split.sum(axis=1), parts.groups[group][rows], atol=1e-9)
            assert not parts.given[group][rows].any()
            seen[group] = seen.get(group, 0) + np.count_nonzero(rows)
    assert seen["affinity"]
    assert sum(seen.values()) > seen["affinity"]
