"""What towers are measured by while they learn."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from hybridrec.arrays import FloatArray
from hybridrec.config import ValidationConfig
from hybridrec.evaluation.validation import HeldOut
from hybridrec.towers.base import Tower

N_ITEMS = 6


class Remembers(Tower):
    """Scores every item by a table that its user's profile picks a row of."""

    name = "remembers"

    def __init__(self, table: FloatArray) -> None:
        super().__init__()
        self._item_embeddings = table.T

    def fold_in(self, weights: csr_array) -> FloatArray:
        return np.asarray(weights[:, : self.item_embeddings.shape[1]].toarray(), dtype=np.float32)

    fit = attribute = state = restore = None  # type: ignore[assignment]


Remembers.__abstractmethods__ = frozenset()  # type: ignore[misc]


def sparse(rows: list[list[float]]) -> csr_array:
    return csr_array(np.array(rows, dtype=np.float32))


HISTORY = sparse([[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0], [0] * 6])
LATER = sparse([[1, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]])
TABLE = np.array([[9, 1, 8, 2, 3, 4], [5, 9, 4, 3, 2, 1]], dtype=np.float32)


def test_only_new_items_count_of_users_with_a_history() -> None:
    held_out = HeldOut.sampled({"long": HISTORY}, LATER, ValidationConfig(users=10))

    assert held_out is not None
    # the third user met the known item again, the fourth has no history
    np.testing.assert_array_equal(
        held_out.targets.toarray(), [[0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]]
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        # the known item is not ranked: item 2 comes first for the first user; for the second
        # the order is 0, 2, 3, 4, 5
        ("recall@1", (1 + 0) / 2),
        ("recall@3", (1 + 1 / 2) / 2),
        ("mrr@10", (1 + 1 / 3) / 2),
        ("hr@4", 1.0),
    ],
)
def test_known_answers(metric: str, expected: float) -> None:
    held_out = HeldOut.sampled({"long": HISTORY}, LATER, ValidationConfig(users=10, metric=metric))

    assert held_out is not None
    assert held_out.metric == metric
    assert held_out(Remembers(TABLE)) == pytest.approx(expected)


def test_the_better_profile_counts() -> None:
    nothing = csr_array(HISTORY * 0)
    config = ValidationConfig(users=10, metric="mrr@10")
    both = HeldOut.sampled({"long": HISTORY, "short": nothing}, LATER, config)
    one = HeldOut.sampled({"long": HISTORY}, LATER, config)

    assert both is not None
    assert one is not None
    assert both(Remembers(TABLE)) == one(Remembers(TABLE))


def test_users_are_drawn_by_the_seed() -> None:
    random = np.random.default_rng(0)
    history = csr_array((random.random((50, N_ITEMS)) < 0.3).astype(np.float32))
    later = csr_array((random.random((50, N_ITEMS)) < 0.5).astype(np.float32))

    def drawn(seed: int) -> np.ndarray:
        found = HeldOut.sampled({"long": history}, later, ValidationConfig(users=8), seed)
        assert found is not None
        assert found.targets.shape[0] == 8
        return found.targets.toarray()

    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert not np.array_equal(drawn(1), drawn(2))


def test_nothing_to_foretell_or_not_asked_is_no_validator() -> None:
    assert HeldOut.sampled({"long": HISTORY}, HISTORY, ValidationConfig()) is None
    assert HeldOut.sampled({"long": HISTORY}, LATER, ValidationConfig(users=0)) is None
