"""Which source of candidates finds what users chose."""

import numpy as np
import polars as pl
import pytest

from hybridrec import Dataset, Recommender
from hybridrec.evaluation.protocols import Question
from hybridrec.evaluation.recall import ALL, candidate_recall


@pytest.fixture(scope="module")
def question(recommender: Recommender, dataset: Dataset) -> Question:
    # what users did in the data themselves: it needs no test to tell what sources find
    return Question.of(recommender.shop, dataset, "none")


def test_all_sources_find_what_is_a_candidate(recommender: Recommender, question: Question) -> None:
    told = candidate_recall(recommender.fusion, question)

    candidates = recommender.fusion.candidates(question.histories, "none").pairs
    found = np.zeros(question.relevant.shape, dtype=bool)
    found[candidates.users, candidates.items] = True
    rows = np.repeat(np.arange(question.users.size), np.diff(question.relevant.indptr))
    everything = told.row(by_predicate=pl.col("source") == ALL, named=True)
    assert everything["recall"] == pytest.approx(found[rows, question.relevant.indices].mean())
    assert everything["candidates"] == pytest.approx(len(candidates) / question.users.size)


def test_no_source_finds_more_than_all(recommender: Recommender, question: Question) -> None:
    told = candidate_recall(recommender.fusion, question)

    assert told["source"][-1] == ALL
    assert {"own", "popular"} < set(told["source"])
    assert told["recall"].max() == told["recall"][-1]
    assert (told["alone"].drop_nulls() <= told["recall"][:-1]).all()
    own = told.row(by_predicate=pl.col("source") == "own", named=True)
    assert own["recall"] == pytest.approx(1.0)  # all that is asked for was met before
