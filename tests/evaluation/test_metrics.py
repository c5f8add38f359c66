"""Metrics against brute force, on random and adversarial rankings."""

import math

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.errors import RequestError
from hybridrec.evaluation.metrics import NAMES, Estimate, parse_metric, per_user


def by_hand(name: str, k: int, ranking: list[int], relevant: set[int]) -> float:
    top = ranking[:k]
    hits = [item in relevant for item in top]
    if name == "recall":
        return sum(hits) / min(k, len(relevant))
    if name == "full_recall":
        return sum(hits) / len(relevant)
    if name == "precision":
        return sum(hits) / k
    if name == "hr":
        return float(any(hits))
    if name == "mrr":
        return next((1 / (rank + 1) for rank, hit in enumerate(hits) if hit), 0.0)
    gain = sum(1 / math.log2(rank + 2) for rank, hit in enumerate(hits) if hit)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(k, len(relevant))))


ITEMS = 12
RANKINGS = st.permutations(range(ITEMS))
RELEVANT = st.sets(st.integers(0, ITEMS - 1), min_size=1)
USERS = st.lists(st.tuples(RANKINGS, RELEVANT), min_size=1, max_size=5)


def hits_of(users: list[tuple[list[int], set[int]]], shown: int) -> tuple[np.ndarray, np.ndarray]:
    hits = np.array([[item in relevant for item in ranking[:shown]] for ranking, relevant in users])
    return hits, np.array([len(relevant) for _, relevant in users])


@pytest.mark.parametrize("name", NAMES)
@given(users=USERS, k=st.integers(1, 15), shown=st.integers(1, ITEMS))
def test_every_metric_equals_brute_force(
    name: str, users: list[tuple[list[int], set[int]]], k: int, shown: int
) -> None:
    hits, relevant = hits_of(users, shown)
    expected = [by_hand(name, k, ranking[:shown], wanted) for ranking, wanted in users]

    values = per_user(f"{name}@{k}", hits, relevant)

    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert values.dtype == np.float64
    assert ((values >= 0) & (values <= 1 + 1e-12)).all()


OF_TREC_EVAL = {
    "full_recall": ir_measures.R,
    "ndcg": ir_measures.nDCG,
    "hr": ir_measures.Success,
    "precision": ir_measures.P,
    "mrr": ir_measures.RR,
}
"""What trec_eval has; its recall divides by all relevant items."""


@pytest.mark.parametrize("name", OF_TREC_EVAL)
@pytest.mark.parametrize("k", [1, 5, 10, 50])
def test_every_metric_equals_that_of_trec_eval(name: str, k: int) -> None:
    random = np.random.default_rng(k)
    users = [
        (random.permutation(40).tolist(), set(random.choice(40, size, replace=False).tolist()))
        for size in (1, 2, 5, 10, 11, 39, 40)
    ]
    best, wanted = list(range(40)), set(range(7))
    users += [(best, wanted), (best[::-1], wanted)]  # as good and as bad as can be
    hits, relevant = hits_of(users, shown=40)
    qrels = [
        ir_measures.Qrel(str(user), str(item), 1)
        for user, (_, relevant_items) in enumerate(users)
        for item in relevant_items
    ]
    run = [
        ir_measures.ScoredDoc(str(user), str(item), float(40 - rank))
        for user, (ranking, _) in enumerate(users)
        for rank, item in enumerate(ranking)
    ]
    measure = OF_TREC_EVAL[name] @ k
    told = {m.query_id: m.value for m in ir_measures.iter_calc([measure], qrels, run)}

    values = per_user(f"{name}@{k}", hits, relevant)

    np.testing.assert_allclose(values, [told[str(u)] for u in range(len(users))], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("relevant", [1, 3, 10, 40])
def test_a_perfect_list_scores_as_it_should_and_an_empty_one_nothing(
    name: str, relevant: int
) -> None:
    perfect = np.arange(10)[None, :] < relevant
    found = min(relevant, 10)
    best = {"precision": found / 10, "full_recall": found / relevant}.get(name, 1.0)

    assert per_user(f"{name}@10", perfect, np.array([relevant])) == pytest.approx(best)
    assert per_user(f"{name}@10", np.zeros((1, 10), dtype=bool), np.array([relevant])) == 0


@pytest.mark.parametrize("name", ["ndcg", "mrr"])
def test_an_earlier_hit_is_worth_more(name: str) -> None:
    values = per_user(f"{name}@10", np.eye(10, dtype=bool), np.full(10, 2))

    assert (np.diff(values) < 0).all()


@given(users=USERS)
def test_what_stands_below_the_cut_does_not_count(
    users: list[tuple[list[int], set[int]]],
) -> None:
    hits, relevant = hits_of(users, ITEMS)
    changed = hits.copy()
    changed[:, 5:] = ~changed[:, 5:]

    for name in NAMES:
        np.testing.assert_array_equal(
            per_user(f"{name}@5", hits, relevant), per_user(f"{name}@5", changed, relevant)
        )


def test_the_hits_are_left_alone() -> None:
    hits = np.array([[True, False, True]])
    per_user("ndcg@2", hits, np.array([2]))

    assert hits.tolist() == [[True, False, True]]


class TestEstimate:
    @given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
    def test_is_mean_and_standard_error(self, values: list[float]) -> None:
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        estimate = Estimate.of(np.array(values))

        assert estimate.value == pytest.approx(mean, abs=1e-9)
        assert estimate.standard_error == pytest.approx(
            math.sqrt(variance / len(values)), rel=1e-6, abs=1e-9
        )
        assert estimate.users == len(values)

    def test_of_one_user_has_no_error(self) -> None:
        estimate = Estimate.of(np.array([0.5]))

        assert (estimate.value, estimate.users) == (0.5, 1)
        assert math.isnan(estimate.standard_error)

    def test_of_nobody_is_no_number(self) -> None:
        estimate = Estimate.of(np.array([]))

        assert math.isnan(estimate.value)
        assert estimate.users == 0


@pytest.mark.parametrize("name", NAMES)
def test_metrics_are_read(name: str) -> None:
    assert parse_metric(f"{name}@20") == (name, 20)


@pytest.mark.parametrize(
    "metric",
    [
        "",
        "ndcg",
        "@10",
        "ndcg@",
        "ndcg@0",
        "ndcg@-1",
        "ndcg@1.5",
        "ndcg@x",
        "ndcg@1@2",
        "ndcg@²",
        "map@10",
    ],
)
def test_what_is_no_metric_is_refused_by_name(metric: str) -> None:
    with pytest.raises(RequestError, match="recall, ndcg, hr, precision, mrr") as refusal:
        parse_metric(metric)

    assert repr(metric) in str(refusal.value)


@given(st.text())
def test_any_text_is_read_or_refused(metric: str) -> None:
    try:
        name, k = parse_metric(metric)
    except RequestError:
        return
    assert name in NAMES
    assert k >= 1
