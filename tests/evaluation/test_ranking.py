"""The best items: known answers, ties at random, items that are not to be ranked."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from hybridrec.evaluation.ranking import top_items


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 40))
def test_agrees_with_sorting_everything(seed: int, k: int, n_items: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.normal(size=(5, n_items)).astype(np.float32)
    excluded = csr_array(random.random((5, n_items)) < 0.3)
    order = random.permutation(n_items)
    masked = np.where(excluded.toarray(), -np.inf, scores)

    found = top_items(scores[:, order].copy(), k, order, excluded)

    assert found.shape == (5, min(k, n_items))
    kept = np.take_along_axis(masked, found, axis=1)
    expected = -np.sort(-masked, axis=1)[:, :k]
    np.testing.assert_array_equal(kept, expected)


def test_items_that_score_the_same_come_in_a_random_order() -> None:
    random = np.random.default_rng(0)
    counts = np.zeros(20)
    for _ in range(2_000):
        order = random.permutation(20)
        counts[top_items(np.zeros((1, 20), dtype=np.float32), 5, order)] += 1

    # each is among the five best in a quarter of the draws: 500 ± 19
    assert counts.min() > 420
    assert counts.max() < 580
