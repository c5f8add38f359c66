"""What a history has in common with an item, by relation."""

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array, vstack

from hybridrec.fusion.affinity import Affinity
from hybridrec.fusion.pairs import Pairs
from kg import KnowledgeGraph

CATALOGUE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "title": ["A", "B", "C", "D"],
        "brand": ["x", "x", "y", None],
        "tags": [["red", "big"], ["red"], ["big"], ["red"]],
        "category": ["Food > Tea", "Food > Tea", "Food > Milk", "Toys > Dice"],
    }
)
WEIGHTS = csr_array(np.array([[1.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 1.0], [0.0, 0, 0, 0]]))
LOGS = np.log([2.0, 4.0])
A, C = LOGS / LOGS.sum()
"""How much of user 0's history items a and c are: the logarithms of 1 + weight, summing to 1."""


def shares_of_all(affinity: Affinity, relation: str, weights: csr_array) -> np.ndarray:
    """The shares of every pair, (n_users, n_items)."""
    everything = Pairs.from_mask(np.ones(weights.shape, dtype=bool))
    return shares_of(affinity, relation, weights, everything).reshape(weights.shape)


def shares_of(affinity: Affinity, relation: str, weights: csr_array, pairs: Pairs) -> np.ndarray:
    return affinity.shares(weights, pairs)[list(affinity.links).index(relation), 0]


@pytest.fixture(scope="module")
def affinity() -> Affinity:
    return Affinity.of(
        KnowledgeGraph.from_catalogue(CATALOGUE, attributes=["brand", "tags", "category"])
    )


def test_relations_and_the_next_level_of_hierarchies_are_taken(affinity: Affinity) -> None:
    assert set(affinity.links) == {"brand", "tags", "category", "category_parent"}


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ("brand", [[A, A, C, 0], [0, 0, 0, 0]]),
        ("category", [[A, A, C, 0], [0, 0, 0, 1]]),
        ("category_parent", [[1, 1, 1, 0], [0, 0, 0, 1]]),
        # a is half red and half big; b and d are red, c is big
        ("tags", [[A / 2 + C / 2, A / 2, A / 2 + C, A / 2], [0.5, 1, 0, 1]]),
    ],
)
def test_shares_equal_a_hand_computation(
    affinity: Affinity, relation: str, expected: list[list[float]]
) -> None:
    shares = shares_of_all(affinity, relation, WEIGHTS)

    np.testing.assert_allclose(shares[:2], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(shares[2], 0)


@pytest.mark.parametrize("item", range(4))
def test_attributions_sum_to_the_shares_over_all_relations(affinity: Affinity, item: int) -> None:
    total = sum(shares_of_all(affinity, name, WEIGHTS)[0, item] for name in affinity.links)

    parts = affinity.attribute(WEIGHTS[[0]], np.array([item]))

    assert parts.shape == (2, 1)
    assert parts.sum() == pytest.approx(total, rel=1e-4, abs=1e-6)


def test_attributions_are_in_the_order_of_the_history(affinity: Affinity) -> None:
    # of user 0's items a and c, a has brand, category, parent and half its tags in common with b
    parts = affinity.attribute(WEIGHTS[[0]], np.array([1]))

    np.testing.assert_allclose(parts[:, 0], [A * 3.5, C * 1.0], rtol=1e-5)


def test_shares_lie_between_zero_and_one_and_ignore_the_scale_of_a_duplicate_user(
    affinity: Affinity,
) -> None:
    twice = WEIGHTS[[0, 0]]

    for name in affinity.links:
        shares = shares_of_all(affinity, name, twice)
        assert ((shares >= 0) & (shares <= 1 + 1e-6)).all()
        np.testing.assert_array_equal(shares[0], shares[1])


def test_only_chooses_and_orders(affinity: Affinity) -> None:
    chosen = affinity.only(["tags", "brand"])

    assert list(chosen.links) == ["tags", "brand"]
    np.testing.assert_array_equal(
        shares_of_all(chosen, "brand", WEIGHTS), shares_of_all(affinity, "brand", WEIGHTS)
    )


def test_a_relation_the_moment_does_not_have_shares_nothing(affinity: Affinity) -> None:
    chosen = affinity.only(["coupon"])

    np.testing.assert_array_equal(shares_of_all(chosen, "coupon", WEIGHTS), np.zeros((3, 4)))
    np.testing.assert_array_equal(chosen.attribute(WEIGHTS[[0]], np.array([1])), 0)


def test_without_a_graph_at_the_moment_nothing_is_shared() -> None:
    """All facts may have become known after the moment the ranker learns from."""
    chosen = Affinity.of(None).only(["coupon"])

    np.testing.assert_array_equal(shares_of_all(chosen, "coupon", WEIGHTS), np.zeros((3, 4)))
    np.testing.assert_array_equal(chosen.attribute(WEIGHTS[[0]], np.array([1])), [[0], [0]])


def test_only_the_pairs_asked_for_are_given(affinity: Affinity) -> None:
    mask = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]], dtype=bool)

    some = shares_of(affinity, "tags", WEIGHTS, Pairs.from_mask(mask))

    np.testing.assert_allclose(some, shares_of_all(affinity, "tags", WEIGHTS)[mask])


def test_no_pairs_are_given_nothing(affinity: Affinity) -> None:
    none = Pairs.from_mask(np.zeros(WEIGHTS.shape, dtype=bool))

    shares = affinity.shares(vstack([WEIGHTS, WEIGHTS], format="csr"), none, profiles=2)

    assert shares.shape == (len(affinity.links), 2, 0)


def test_profiles_are_asked_at_once(affinity: Affinity) -> None:
    everything = Pairs.from_mask(np.ones(WEIGHTS.shape, dtype=bool))
    other = csr_array(WEIGHTS.toarray()[::-1])

    found = affinity.shares(csr_array(vstack([WEIGHTS, other])), everything, 2)

    assert found.shape == (4, 2, 12)
    np.testing.assert_allclose(found[:, [0]], affinity.shares(WEIGHTS, everything))
    np.testing.assert_allclose(found[:, [1]], affinity.shares(other, everything))


def test_items_added_later_keep_what_the_others_share(affinity: Affinity) -> None:
    graph = KnowledgeGraph.from_catalogue(CATALOGUE, attributes=["brand", "tags", "category"])
    rows = CATALOGUE[:1].with_columns(pl.lit("new").alias("item_id"))
    extended = Affinity.of(graph.add_items(rows))
    wider = csr_array((WEIGHTS.data, WEIGHTS.indices, WEIGHTS.indptr), shape=(3, 5))

    for name in affinity.links:
        shares = shares_of_all(extended, name, wider)
        np.testing.assert_allclose(shares[:, :4], shares_of_all(affinity, name, WEIGHTS), rtol=1e-6)
        np.testing.assert_allclose(shares[:, 4], shares[:, 0], rtol=1e-6)  # a's twin


def graph_of(*triples: tuple[str, str, str, str, str]) -> KnowledgeGraph:
    """Items a to d, and triples of head, relation, tail, and the types of both ends."""
    return KnowledgeGraph.from_catalogue(
        CATALOGUE.select("item_id"),
        name=None,
        attributes=[],
        triples=pl.DataFrame(
            triples, schema=["head", "relation", "tail", "head_type", "tail_type"], orient="row"
        ),
    )


def test_relations_of_one_name_between_other_types_stay_what_items_share() -> None:
    found = Affinity.of(
        graph_of(
            ("a", "by", "x", "item", "thing"),
            ("b", "by", "x", "item", "thing"),
            ("x", "by", "y", "thing", "thing"),
        )
    )

    np.testing.assert_allclose(shares_of_all(found, "by", WEIGHTS)[0], [A, A, 0, 0], rtol=1e-6)


def test_relations_that_point_at_items_count_too() -> None:
    found = Affinity.of(
        graph_of(("x", "wrote", "a", "person", "item"), ("x", "wrote", "b", "person", "item"))
    )

    assert list(found.links) == ["wrote (inverse)"]
    np.testing.assert_allclose(
        shares_of_all(found, "wrote (inverse)", WEIGHTS)[0], [A, A, 0, 0], rtol=1e-6
    )


def test_what_is_told_from_both_ends_counts_once() -> None:
    found = Affinity.of(
        graph_of(
            *((item, "written by", "x", "item", "person") for item in "ab"),
            *(("x", "wrote", item, "person", "item") for item in "ab"),
        )
    )

    assert len(found.links) == 1


def test_relations_that_no_two_items_share_are_none() -> None:
    found = Affinity.of(
        graph_of(("a", "by", "x", "item", "person"), ("b", "by", "y", "item", "person"))
    )

    assert list(found.links) == []


def test_only_relations_that_lead_to_one_entity_each_give_a_next_level() -> None:
    brands = [
        (item, "brand", brand, "item", "brand") for item, brand in zip("abc", "xxy", strict=True)
    ]
    owners = [("x", "owner", "big", "brand", "brand"), ("y", "owner", "big", "brand", "brand")]
    rivals = [("x", "rival", "y", "brand", "brand"), ("x", "rival", "z", "brand", "brand")]

    found = Affinity.of(graph_of(*brands, *owners, *rivals))

    assert list(found.links) == ["brand", "owner"]
    np.testing.assert_allclose(shares_of_all(found, "owner", WEIGHTS)[0], [1, 1, 1, 0], rtol=1e-6)
