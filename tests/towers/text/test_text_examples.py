"""What fine-tuning learns from: pairs of texts, and histories with what came next."""

import numpy as np
import pytest

from hybridrec.data import Histories
from hybridrec.towers.text.examples import HistoryExamples, PairExamples


def histories(*users: list[int], n_items: int = 4) -> Histories:
    items = np.array([item for user in users for item in user], dtype=np.int64)
    ends = np.cumsum([0, *(len(user) for user in users)])
    return Histories(
        ends, items, np.zeros(items.size), np.ones(items.size, np.float32), n_items, timed=False
    )


class TestPairs:
    #        user 0: a b c · user 1: a b · user 2: c
    shop = histories([0, 1, 2], [0, 1], [2], n_items=3)

    def chances(self, texts: list[int], window: int, min_count: int) -> dict[tuple, float]:
        found = PairExamples(self.shop, np.array(texts), 3, window, min_count)
        pairs = zip(*found.pairs.tolist(), strict=True)
        return dict(zip(pairs, found.chances.tolist(), strict=True))

    def test_are_met_within_the_window_of_one_user(self) -> None:
        near = {(0, 1), (1, 0), (1, 2), (2, 1)}
        assert set(self.chances([0, 1, 2], window=1, min_count=1)) == near
        assert set(self.chances([0, 1, 2], window=2, min_count=1)) == near | {(0, 2), (2, 0)}

    def test_are_met_often_enough(self) -> None:
        assert self.chances([0, 1, 2], window=2, min_count=2) == {(0, 1): 0.5, (1, 0): 0.5}

    def test_are_drawn_by_the_cosine_of_their_counts(self) -> None:
        # every text has 2 events: ab met 2 times, bc once, ac once
        chances = self.chances([0, 1, 2], window=2, min_count=1)

        assert chances[0, 1] == pytest.approx(2 / 8)
        assert chances[1, 2] == chances[0, 2] == pytest.approx(1 / 8)
        assert sum(chances.values()) == pytest.approx(1.0)

    def test_are_of_different_texts(self) -> None:
        assert set(self.chances([0, 0, 1], window=2, min_count=1)) == {(0, 1), (1, 0)}
        assert self.chances([0, 0, 0], window=2, min_count=1) == {}

    def test_leave_items_without_text_out(self) -> None:
        assert set(self.chances([0, -1, 1], window=1, min_count=1)) == {(0, 1), (1, 0)}

    def test_know_all_partners_of_an_anchor(self) -> None:
        examples = PairExamples(self.shop, np.array([0, 1, 2]), 3, 2, 1)

        batch = examples.draw(50, np.random.default_rng(0))

        for anchor, target, known in zip(
            batch.contexts[:, 0], batch.targets, batch.known.toarray(), strict=True
        ):
            assert anchor != target
            assert set(np.flatnonzero(known)) == {0, 1, 2} - {int(anchor)}


class TestHistories:
    def drawn(self, *users: list[int], length: int = 2, n: int = 200) -> set[tuple]:
        made = HistoryExamples(histories(*users), np.arange(4), 4, length, decay=0.5)
        batch = made.draw(n, np.random.default_rng(0))
        return {
            (
                tuple(
                    (int(text), round(float(weight), 3))
                    for text, weight in zip(texts, weights, strict=True)
                    if weight
                ),
                int(target),
            )
            for texts, weights, target in zip(
                batch.contexts, batch.weights, batch.targets, strict=True
            )
        }

    def test_tell_the_next_from_the_latest_before_it(self) -> None:
        assert self.drawn([0, 1, 2, 3]) == {
            (((0, 1.0),), 1),
            (((1, 0.667), (0, 0.333)), 2),
            (((2, 0.667), (1, 0.333)), 3),
        }

    def test_do_not_mix_users(self) -> None:
        assert self.drawn([0, 1], [2, 3]) == {(((0, 1.0),), 1), (((2, 1.0),), 3)}

    def test_tell_only_what_the_user_meets_the_first_time(self) -> None:
        assert self.drawn([0, 1, 0, 0]) == {(((0, 1.0),), 1)}
        # however long ago it was met, and whoever else met it
        assert self.drawn([0, 1, 2, 0], [3, 0]) == {
            (((0, 1.0),), 1),
            (((1, 0.667), (0, 0.333)), 2),
            (((3, 1.0),), 0),
        }

    def test_know_all_that_the_user_met(self) -> None:
        made = HistoryExamples(histories([0, 1, 2], [3]), np.arange(4), 4, 1, decay=1.0)

        known = made.draw(5, np.random.default_rng(0)).known.toarray()

        np.testing.assert_array_equal(known, np.tile([True, True, True, False], (5, 1)))
        assert made.met.all()

    def test_skip_items_without_text_and_join_equal_ones(self) -> None:
        made = HistoryExamples(
            histories([0, 1, 2, 3]), np.array([0, -1, 0, 1]), 2, length=2, decay=0.5
        )

        batch = made.draw(20, np.random.default_rng(0))

        assert made.size == 1
        assert set(batch.targets) == {1}
        np.testing.assert_array_equal(batch.contexts, 0)
        np.testing.assert_array_equal(made.items, [2, 1])
        np.testing.assert_allclose(batch.weights.sum(axis=1), 1.0, rtol=1e-6)

    @pytest.mark.parametrize("users", [[[0], [1]], [[2, 2, 2]], [[]]])
    def test_are_none_where_nothing_follows(self, users: list[list[int]]) -> None:
        assert HistoryExamples(histories(*users), np.arange(4), 4, 3, 0.5).size == 0
