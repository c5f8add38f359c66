"""Similar items: exact, each pair once, and clear about what cannot be compared."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.derived import similarity
from kg.derived.similarity import similar_items
from kg.errors import DuplicateItemError, EmbeddingsError, NullItemError


def by_hand(embeddings: Any, k: int, least: float, mutual: bool) -> dict[tuple[str, str], Any]:
    rows = np.asarray(embeddings, dtype=np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    nearest: dict[int, list[int]] = {}
    cosine = np.full((len(rows), len(rows)), -np.inf)
    for one in np.flatnonzero(lengths):
        for other in np.flatnonzero(lengths):
            if one != other:
                cosine[one, other] = rows[one] @ rows[other] / lengths[one] / lengths[other]
        near = [
            other
            for other in np.argsort(-cosine[one], kind="stable")
            if cosine[one, other] >= least
        ]
        nearest[int(one)] = [int(other) for other in near[:k]]
    found = {}
    for one, others in nearest.items():
        for other in others:
            if not mutual or one in nearest[other]:
                low, high = sorted((one, other))
                found[str(low), str(high)] = pytest.approx(cosine[one, other], abs=1e-5)
    return found


@pytest.mark.parametrize("cells_at_once", [1, 700, 2**26])
@given(
    n=st.integers(0, 200),
    k=st.integers(1, 4),
    least=st.sampled_from([-1.0, 0.0, 0.6]),
    mutual=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_are_those_of_comparing_all_pairs(
    cells_at_once: int, n: int, k: int, least: float, mutual: bool, seed: int
) -> None:
    random = np.random.default_rng(seed)
    embeddings = random.normal(size=(n, 5)) * (random.random((n, 1)) < 0.9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(similarity, "_CELLS_AT_ONCE", cells_at_once)
        patch.setattr(similarity, "_STRIDE", 8)
        found = similar_items(embeddings, range(n), k=k, min_similarity=least, mutual=mutual)

    pairs = {
        (head, tail): cosine
        for head, tail, cosine in found.select("head", "tail", "similarity").rows()
    }
    assert pairs == by_hand(embeddings, k, least, mutual)
    assert found["similarity"].is_sorted(descending=True)


def test_are_triples_of_the_graph() -> None:
    found = similar_items(np.array([[1.0, 0], [3, 4]]), pl.Series([7, 5]))

    assert found.columns == ["head", "relation", "tail", "head_type", "tail_type", "similarity"]
    assert found.row(0) == ("7", "similar_text", "5", "item", "item", pytest.approx(0.6))


def test_of_an_item_are_k_where_they_are_mutual() -> None:
    # the first points between the three others, which are far from each other
    embeddings = [[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1.1]]

    assert similar_items(embeddings, list("abcd"), k=1).height == 3
    assert similar_items(embeddings, list("abcd"), k=1, mutual=True).height == 1


def test_of_a_row_of_zeros_are_none() -> None:
    found = similar_items([[0, 0], [1, 1], [1, 1]], list("abc"), min_similarity=-1)

    assert found.select("head", "tail").rows() == [("b", "c")]
    assert similar_items(np.zeros((3, 2)), list("abc")).is_empty()


def test_do_not_depend_on_lengths() -> None:
    embeddings = [[1e-30, 0], [3e30, 4e30]]

    assert similar_items(embeddings, ["a", "b"])["similarity"].to_list() == pytest.approx([0.6])


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        ([[1, 0]], r"shape \(1, 2\); needed is \(2, d\)"),
        ([1, 0], r"shape \(2,\)"),
        ([[1, 0], [np.nan, 0]], "1 rows of the embeddings are not finite, the first is row 1"),
        ([[np.inf, 0], [1, 0]], "the first is row 0"),
    ],
)
def test_refuse_embeddings_that_are_no_rows(embeddings: Any, message: str) -> None:
    with pytest.raises(EmbeddingsError, match=message):
        similar_items(embeddings, ["a", "b"])


def test_refuse_ids_and_settings_out_of_range() -> None:
    with pytest.raises(DuplicateItemError, match="'a' more than once"):
        similar_items([[1], [1]], ["a", "a"])
    with pytest.raises(NullItemError, match="1 rows"):
        similar_items([[1], [1]], ["a", None])
    with pytest.raises(EmbeddingsError, match="k=0"):
        similar_items([[1], [1]], ["a", "b"], k=0)
    with pytest.raises(EmbeddingsError, match=r"min_similarity=1\.5"):
        similar_items([[1], [1]], ["a", "b"], min_similarity=1.5)
