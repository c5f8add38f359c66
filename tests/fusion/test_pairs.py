"""Candidates held flat, against the mask they came from."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from hybridrec.fusion.pairs import Pairs, concatenate

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=7))


@given(MASKS)
def test_pairs_are_what_the_mask_marks(mask: npt.NDArray[np.bool_]) -> None:
    pairs = Pairs.from_mask(mask)
    back = np.zeros_like(mask)
    back[pairs.users, pairs.items] = True

    np.testing.assert_array_equal(back, mask)
    assert len(pairs) == mask.sum()
    assert pairs.n_users == mask.shape[0]
    assert pairs.counts.tolist() == mask.sum(axis=1).tolist()
    for user in range(mask.shape[0]):
        assert pairs.items[pairs.of(user)].tolist() == np.flatnonzero(mask[user]).tolist()


@given(MASKS, st.integers(0, 2**32))
def test_items_in_any_order_count_once(mask: npt.NDArray[np.bool_], seed: int) -> None:
    random = np.random.default_rng(seed)
    items = np.where(mask, np.arange(mask.shape[1]), -1)
    twice = random.permuted(np.concatenate([items, items], axis=1), axis=1)

    pairs = Pairs.from_items(twice)

    assert pairs.indptr.tolist() == Pairs.from_mask(mask).indptr.tolist()
    assert pairs.items.tolist() == Pairs.from_mask(mask).items.tolist()


@given(MASKS)
def test_means_are_over_each_users_candidates(mask: npt.NDArray[np.bool_]) -> None:
    pairs = Pairs.from_mask(mask)
    values = np.random.default_rng(0).normal(size=(len(pairs), 3)).astype(np.float32)
    expected = [
        values[pairs.of(user)].mean(axis=0) if mask[user].any() else np.zeros(3)
        for user in range(mask.shape[0])
    ]

    np.testing.assert_allclose(pairs.means(values), expected, rtol=1e-5, atol=1e-6)


@given(MASKS, st.integers(1, 8), st.integers(0, 3))
def test_top_gives_each_users_best_in_order(
    mask: npt.NDArray[np.bool_], k: int, levels: int
) -> None:
    pairs = Pairs.from_mask(mask)
    scores = np.random.default_rng(1).integers(0, levels + 1, len(pairs)).astype(np.float32)
    expected = [
        place
        for user in range(mask.shape[0])
        for place in sorted(range(len(pairs))[pairs.of(user)], key=lambda p: -scores[p])[:k]
    ]

    assert pairs.top(scores, k).tolist() == expected


@given(MASKS, st.integers(0, 7))
def test_parts_join_to_the_whole(mask: npt.NDArray[np.bool_], cut: int) -> None:
    joined = concatenate([Pairs.from_mask(mask[:cut]), Pairs.from_mask(mask[cut:])])
    whole = Pairs.from_mask(mask)

    assert joined.indptr.tolist() == whole.indptr.tolist()
    assert joined.items.tolist() == whole.items.tolist()


@given(MASKS, st.data())
def test_pairs_of_some_users_alone(mask: npt.NDArray[np.bool_], data: st.DataObject) -> None:
    users = data.draw(arrays(np.bool_, mask.shape[0]))

    kept = Pairs.from_mask(mask).only(users)

    expected = Pairs.from_mask(mask & users[:, None])
    np.testing.assert_array_equal(kept.indptr, expected.indptr)
    np.testing.assert_array_equal(kept.items, expected.items)
