"""The forms of the ranker: what each can tell, and what it cannot."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hybridrec.config import RankerConfig
from hybridrec.fusion.networks import CONTEXT, Form, GatedSums, new_members
from hybridrec.fusion.pairs import Pairs
from hybridrec.fusion.ranker import Ranker
from hybridrec.fusion.signals.declaration import Signal

GROUPS = np.array([0, 0, 1, 2, CONTEXT, CONTEXT])
FORMS: tuple[Form, ...] = ("network", "gated")
SIGNALS = (
    Signal("telling", "first", "what decides"),
    Signal("also", "second", "what decides otherwise"),
    Signal("noise", "third", "nothing"),
    Signal("mood", "context", "which of the two", absolute=True, relative=False),
)
USERS, EACH = 80, 9


def drawn(form: Form, groups: np.ndarray = GROUPS, seed: int = 0) -> torch.nn.Module:
    """Members with all weights at random, as they are once they learnt."""
    generator = torch.Generator().manual_seed(seed)
    members = new_members(form, 2, 8, groups, generator).double()
    with torch.no_grad():
        for weights in members.parameters():
            weights.copy_(torch.randn(weights.shape, generator=generator, dtype=torch.float64))
    return members


def inputs(n: int = 50, seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(n, GROUPS.size)))


def effect(members: torch.nn.Module, rows: torch.Tensor, changed: list[int]) -> torch.Tensor:
    """What changing some inputs does to the scores."""
    other = rows.clone()
    other[:, changed] = inputs(len(rows), seed=9)[:, changed]
    return members(other) - members(rows)


@pytest.mark.parametrize("form", FORMS)
def test_every_member_scores_every_row_by_itself(form: Form) -> None:
    members, rows = drawn(form), inputs()
    scores = members(rows)

    assert scores.shape == (2, 50)
    assert not torch.allclose(scores[0], scores[1])
    torch.testing.assert_close(members(rows[7:8])[:, 0], scores[:, 7])


def test_gated_sums_are_additive_over_groups_where_the_context_is_the_same() -> None:
    members, rows = drawn("gated"), inputs()
    others = rows.clone()
    others[:, [2, 3]] = inputs(seed=5)[:, [2, 3]]  # the other groups, not the context

    torch.testing.assert_close(effect(members, others, [0, 1]), effect(members, rows, [0, 1]))
    assert effect(members, rows, [0, 1]).abs().max() > 0.1


def test_networks_are_not_additive() -> None:
    members, rows = drawn("network"), inputs()
    others = rows.clone()
    others[:, [2, 3]] = inputs(seed=5)[:, [2, 3]]

    assert not torch.allclose(effect(members, others, [0, 1]), effect(members, rows, [0, 1]))


def test_context_opens_gates_and_adds_nothing_itself() -> None:
    members, rows = drawn("gated"), inputs()
    turned = rows.clone()
    turned[:, [4, 5]] = inputs(seed=5)[:, [4, 5]]
    nothing = rows.clone()
    nothing[:, :4] = 0

    assert not torch.allclose(effect(members, turned, [0]), effect(members, rows, [0]))
    assert members(nothing).abs().max() == 0


def test_gates_never_turn_a_signal_around() -> None:
    members, rows = drawn("gated"), inputs(200)
    raised = rows.clone()
    raised[:, 0] += 1

    gains = members(raised) - members(rows)

    assert (torch.sign(gains) == torch.sign(gains[:, :1])).all()


@pytest.mark.parametrize("form", FORMS)
def test_inputs_without_any_context_are_no_matter(form: Form) -> None:
    groups = np.array([0, 1, 1])
    rows = inputs()[:, :3]

    assert torch.isfinite(drawn(form, groups)(rows)).all()


def test_saved_weights_hold_nothing_but_weights() -> None:
    generator = torch.Generator().manual_seed(0)
    members = GatedSums(2, 8, GROUPS, generator)

    assert set(members.state_dict()) == {name for name, _ in members.named_parameters()}


def choices() -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Users who choose by the first signal or the second, whichever their mood is for."""
    random = np.random.default_rng(3)
    pairs = Pairs(np.arange(0, USERS * EACH + 1, EACH), np.tile(np.arange(EACH), USERS))
    values = random.normal(size=(len(pairs), len(SIGNALS))).astype(np.float32)
    values[:, 3] = random.choice([-1.0, 1.0], USERS)[pairs.users]
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[pairs.top(np.where(values[:, 3] > 0, values[:, 0], values[:, 1]), 2)] = True
    return pairs, values, chosen


@pytest.fixture(scope="module")
def gated() -> Ranker:
    config = RankerConfig(
        form="gated", hidden=8, members=2, epochs=60, batch_size=16, learning_rate=0.02
    )
    ranker = Ranker(SIGNALS, config, 1)
    return ranker.fit(ranker.examples(*choices()))


def test_a_gated_ranker_learns_which_signal_counts_when(gated: Ranker) -> None:
    pairs, values, chosen = choices()

    assert chosen[pairs.top(gated.score(pairs, values), 1)].mean() > 0.95


def test_contributions_of_a_gated_ranker_are_what_each_group_adds(gated: Ranker) -> None:
    pairs, values, _ = choices()
    standard = gated.standardise(pairs, values)
    rows = standard.inputs[:40]
    baseline = standard.baseline[pairs.users[:40]]

    base, parts, _ = gated.contributions(rows, baseline)

    np.testing.assert_allclose(base + parts.sum(axis=1), gated.score_inputs(rows), atol=1e-5)
    for column, group in enumerate(gated.groups):
        alone = baseline.copy()
        alone[:, column] = rows[:, column]
        added = gated.score_inputs(alone) - gated.score_inputs(baseline)
        np.testing.assert_allclose(parts[:, column], added, atol=1e-5, err_msg=group)


def test_a_restored_gated_ranker_gives_identical_scores(gated: Ranker) -> None:
    pairs, values, _ = choices()
    restored = Ranker(SIGNALS, gated.config, seed=77).restore(gated.state())

    np.testing.assert_array_equal(restored.score(pairs, values), gated.score(pairs, values))
