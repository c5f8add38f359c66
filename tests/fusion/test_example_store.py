"""Examples on disk."""

from pathlib import Path

import numpy as np

from hybridrec.arrays import NamedArrays
from hybridrec.fusion.example_store import ExampleStore
from hybridrec.fusion.examples import Examples
from hybridrec.fusion.pairs import Pairs
from hybridrec.learning.checkpoints import Checkpoints

Found = tuple[Examples, Examples]


def found(users: int, seed: int = 0) -> Found:
    """What to learn from, and as much that is held out."""
    return made(users, seed), made(users, seed + 100)


def made(users: int, seed: int) -> Examples:
    random = np.random.default_rng(seed)
    pairs = Pairs(np.arange(0, 3 * users + 1, 3), np.tile(np.arange(3), users))
    inputs = random.normal(size=(len(pairs), 2)).astype(np.float32)
    return Examples.of(pairs, inputs, random.random(len(pairs)) < 0.5)


def nothing() -> Found:
    raise AssertionError("sought again")


def assert_same(one: NamedArrays, other: NamedArrays) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_moments_of_a_question_are_joined_in_order() -> None:
    first, second = found(4, seed=1), found(2, seed=2)
    with ExampleStore.beside(None) as store:
        store.add("none", "moment 2, ask 0", lambda: first)
        store.add("seen", "moment 2, ask 0", lambda: found(9, seed=3))
        store.add("none", "moment 1, ask 0", lambda: second)

        learnt, held_out = store.learnt_from("none"), store.held_out("none")

    assert_same(learnt.arrays(), Examples.joined([first[0], second[0]]).arrays())
    assert_same(held_out.arrays(), Examples.joined([first[1], second[1]]).arrays())


def test_moments_without_users_add_nothing() -> None:
    with ExampleStore.beside(None) as store:
        store.add("none", "moment 2, ask 0", lambda: (Examples.none(), Examples.none()))
        store.add("none", "moment 1, ask 0", lambda: found(3))

        assert store.learnt_from("none").pairs.n_users == 3


def test_what_an_earlier_run_kept_is_not_sought_again(tmp_path: Path) -> None:
    checkpoints = Checkpoints.open(tmp_path / "fit", "this fit")
    with ExampleStore.beside(checkpoints) as store:
        store.add("none", "moment 1, ask 0", lambda: found(5))  # and is killed

    with ExampleStore.beside(checkpoints) as store:
        store.add("none", "moment 1, ask 0", nothing)

        assert_same(store.learnt_from("none").arrays(), found(5)[0].arrays())


def test_nothing_is_left_when_the_rankers_are_fitted(tmp_path: Path) -> None:
    checkpoints = Checkpoints.open(tmp_path / "fit", "this fit")
    checkpoints.save("graph tower", {"weights": np.ones(2)}, {})
    with ExampleStore.beside(checkpoints) as store:
        store.add("none", "moment 1, ask 0", lambda: found(5))

        store.clear()

    assert checkpoints.has("graph tower")
    assert len(list((tmp_path / "fit").glob("*.safetensors"))) == 1
