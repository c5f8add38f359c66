"""Neighbour sampling: exact where all are drawn, right in expectation where not."""

import numpy as np
import pytest

from hybridrec.towers.graph.adjacency import Messages
from hybridrec.towers.graph.sampling import RelationalNeighbourSampler

HUB_DEGREE = 40


@pytest.fixture
def messages() -> Messages:
    """Node 0 hears 40 nodes by relation 0 and one by relation 1; node 1 hears node 0."""
    sources = np.concatenate([np.arange(2, 2 + HUB_DEGREE), [50, 0]])
    targets = np.concatenate([np.zeros(HUB_DEGREE + 1, dtype=np.int64), [1]])
    kinds = np.concatenate([np.zeros(HUB_DEGREE, dtype=np.int64), [1, 0]])
    ones = np.ones(sources.size)
    return Messages(targets, sources, kinds, ones, ones)


def sampler(messages: Messages, neighbours: int, layers: int = 1) -> RelationalNeighbourSampler:
    return RelationalNeighbourSampler(messages, 51, 2, neighbours, layers)


def test_all_neighbours_are_taken_where_there_are_no_more(messages: Messages) -> None:
    found = sampler(messages, HUB_DEGREE).sample(np.array([0]), np.random.default_rng(0))

    assert sorted(found.edges) == list(range(HUB_DEGREE + 1))
    np.testing.assert_array_equal(found.scales, 1.0)
    assert found.nodes[0] == 0
    assert set(found.nodes[1:]) == {*range(2, 2 + HUB_DEGREE), 50}


def test_a_crowded_relation_hides_no_other(messages: Messages) -> None:
    found = sampler(messages, 5).sample(np.array([0]), np.random.default_rng(0))

    kinds = messages.kinds[found.edges]
    assert (kinds == 0).sum() == 5
    assert (kinds == 1).sum() == 1
    np.testing.assert_allclose(found.scales, np.where(kinds == 0, HUB_DEGREE / 5, 1.0))


def test_sums_keep_their_expectation(messages: Messages) -> None:
    values = np.random.default_rng(1).random(messages.sources.size)
    random = np.random.default_rng(2)
    drawn = sampler(messages, 5)

    sums = []
    for _ in range(2_000):
        found = drawn.sample(np.array([0]), random)
        sums.append((values[found.edges] * found.scales).sum())

    expected = values[messages.targets == 0].sum()
    assert np.mean(sums) == pytest.approx(expected, rel=0.02)


def test_hops_follow_each_other(messages: Messages) -> None:
    one = sampler(messages, 3).sample(np.array([1]), np.random.default_rng(0))
    two = sampler(messages, 3, layers=2).sample(np.array([1]), np.random.default_rng(0))

    assert set(one.nodes) == {0, 1}
    assert 3 <= two.nodes.size <= 6  # 1, 0, node 50, and up to three of the hub's
    assert 50 in two.nodes
