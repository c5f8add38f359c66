"""Distance and concentration of users' interests: known answers, bounds, users of few events."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.spatial.distance import jensenshannon

from hybridrec.fusion.interest import (
    concentration,
    divergence,
    embedding_distance,
    entity_shares,
)

LINKS = csr_array(np.array([[1, 0, 0], [0, 1, 0], [0, 0.5, 0.5], [0, 0, 0]], dtype=np.float32))
mixes = st.lists(st.integers(0, 9), min_size=5, max_size=5)


def as_mix(counts: list[int]) -> csr_array:
    total = max(sum(counts), 1)
    return csr_array(np.array([counts], dtype=np.float64) / total)


@given(mixes, mixes)
def test_divergence_is_that_of_scipy(one: list[int], other: list[int]) -> None:
    found = float(divergence(as_mix(one), as_mix(other))[0])
    if sum(one) and sum(other):
        expected = jensenshannon(one, other, base=2) ** 2
        assert found == pytest.approx(expected, abs=1e-6)
    else:
        assert found == 0.0


@given(mixes)
def test_divergence_is_symmetric_and_zero_from_itself(one: list[int]) -> None:
    other = as_mix(one[::-1])
    assert divergence(as_mix(one), as_mix(one))[0] == 0.0
    assert divergence(as_mix(one), other) == pytest.approx(divergence(other, as_mix(one)))


def test_shares_leave_out_items_without_entity() -> None:
    weights = csr_array(np.array([[3.0, 0, 0, 3.0], [0, 0, 1.0, 0], [0, 0, 0, 2.0]]))
    shares = entity_shares(weights, LINKS)
    assert shares.toarray().tolist() == [[1, 0, 0], [0, 0.5, 0.5], [0, 0, 0]]
    assert concentration(shares).tolist() == pytest.approx([1.0, 1 - np.log(2) / np.log(3), 0.0])


def test_embedding_distance() -> None:
    table = np.array([[1, 0], [0, 1], [-1, 0], [0, 0]], dtype=np.float32)
    one = csr_array(np.array([[1.0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]]))
    other = csr_array(np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]))
    assert embedding_distance(one, other, table).tolist() == [0.0, 1.0, 2.0, 0.0]


def test_a_relation_without_edges_tells_nothing() -> None:
    weights = csr_array(np.array([[1.0, 2.0]]))
    shares = entity_shares(weights, csr_array((2, 0)))
    assert divergence(shares, shares).tolist() == [0.0]
    assert concentration(shares).tolist() == [0.0]
