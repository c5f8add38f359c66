"""What a test set asks, and fair answers of simple models."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from hybridrec.data import Dataset, Histories
from hybridrec.errors import DataError, RequestError
from hybridrec.evaluation import protocols
from hybridrec.evaluation.protocols import Question, dense_top
from hybridrec.fusion.signals.popularity import popularity
from hybridrec.shop import Shop

START = datetime(2024, 1, 1, tzinfo=UTC)
ITEMS = [f"i{n:03}" for n in range(40)]
CATALOGUE = pl.DataFrame({"item_id": ITEMS})


def dataset(rows: list[tuple[str, str, int]]) -> Dataset:
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "day"], orient="row")
    moment = pl.lit(START) + pl.duration(days=pl.col("day"))
    catalogue = pl.DataFrame({"item_id": [*ITEMS, "new"]})
    events = frame.with_columns(moment.alias("timestamp")).drop("day")
    return Dataset.from_frames(events, catalogue)


def shop(data: Dataset) -> Shop:
    return Shop.of(data, data.histories(), None)


TRAIN = dataset([("a", "i000", 0), ("a", "i001", 1), ("b", "i000", 2), ("c", "i005", 2)])
TEST = dataset(
    [("a", "i000", 5), ("a", "i000", 6), ("a", "i002", 5), ("b", "i000", 5), ("new", "i001", 5)]
)


def question(exclude: str = "none", train: Dataset = TRAIN, test: Dataset = TEST) -> Question:
    return Question.of(shop(train), test, exclude)  # type: ignore[arg-type]


class TestQuestion:
    def test_asks_for_what_known_users_met(self) -> None:
        asked = question()

        assert asked.users.tolist() == [0, 1]
        assert asked.relevant.toarray()[0].nonzero()[0].tolist() == [0, 2]
        assert asked.relevant.toarray()[1].nonzero()[0].tolist() == [0]
        assert asked.relevant.nnz == 3
        assert asked.histories.items.tolist() == [0, 1, 0]

    def test_asks_only_for_the_new_where_seen_items_are_excluded(self) -> None:
        asked = question("seen")

        assert asked.users.tolist() == [0]
        assert asked.relevant.toarray()[0].nonzero()[0].tolist() == [2]
        assert asked.relevant.nnz == 1

    @pytest.mark.parametrize("exclude", ["none", "seen"])
    def test_that_nothing_can_answer_is_refused(self, exclude: str) -> None:
        strangers = dataset([("x", "i000", 5), ("y", "i001", 6)])
        with pytest.raises(DataError, match="no event that could be foretold"):
            question(exclude, test=strangers)

    def test_of_repeats_alone_has_nothing_new(self) -> None:
        repeats = dataset([("a", "i000", 5), ("b", "i000", 6)])
        with pytest.raises(DataError, match="new to each other"):
            question("seen", test=repeats)

    def test_hits_are_relevant_and_empty_places_none(self) -> None:
        top = np.array([[0, 1, 2, -1], [-1, -1, 5, 0]])

        assert question().hits(top).tolist() == [
            [True, False, True, False],
            [False, False, False, True],
        ]

    def test_scores_each_user(self) -> None:
        top = np.array([[0, 2], [5, 6]])

        assert question().score(top, "recall@2").tolist() == [1.0, 0.0]


@pytest.fixture(scope="module")
def large() -> Question:
    """600 users who met 5 items and will meet 4 others, all at random."""
    random = np.random.default_rng(0)
    before, after = [], []
    for user in range(600):
        items = random.permutation(40)
        before += [(f"u{user:03}", ITEMS[item], 0) for item in items[:5]]
        after += [(f"u{user:03}", ITEMS[item], 9) for item in items[5:9]]
    return question("seen", dataset(before), dataset(after))


def constant(histories: Histories) -> np.ndarray:
    return np.zeros((histories.n_users, histories.n_items), dtype=np.float32)


class TestDenseTop:
    def test_gives_the_best_in_order(self, large: Question) -> None:
        table = np.random.default_rng(1).normal(size=41).astype(np.float32)
        top = dense_top(large, lambda block: np.tile(table, (block.n_users, 1)), 10)

        seen = large.histories.weights().toarray() > 0
        for user in (0, 255, 256, 599):
            values = np.where(seen[user], -np.inf, table)
            assert top[user].tolist() == np.argsort(-values)[:10].tolist()

    def test_leaves_out_what_was_seen(self, large: Question) -> None:
        top = dense_top(large, constant, 30)
        seen = large.histories.weights().toarray() > 0

        assert top.shape == (600, 30)
        assert not np.take_along_axis(seen, top, axis=1).any()
        assert all(len(set(row)) == 30 for row in top.tolist())

    def test_keeps_what_was_seen_where_it_may_come_again(self) -> None:
        asked = question("none")
        top = dense_top(asked, lambda block: block.weights().toarray(), 2)

        assert set(top[0]) == {0, 1}

    def test_constant_scores_hit_like_chance(self, large: Question) -> None:
        recalls = [
            large.score(dense_top(large, constant, 10, seed), "recall@10").mean()
            for seed in range(4)
        ]

        # 10 of the 36 items not seen (one of them new to everyone)
        assert np.mean(recalls) == pytest.approx(10 / 36, abs=0.02)
        assert len(set(recalls)) > 1

    def test_ties_favour_no_place_in_the_catalogue(self, large: Question) -> None:
        shown = np.concatenate([dense_top(large, constant, 10, seed).ravel() for seed in range(30)])
        counts = np.bincount(shown, minlength=41)

        assert counts.min() > 0.5 * counts.mean()
        assert counts[:20].sum() == pytest.approx(counts[20:40].sum(), rel=0.15)

    def test_the_scores_handed_in_are_left_alone(self, large: Question) -> None:
        table = np.zeros((600, 41), dtype=np.float32)
        dense_top(large, lambda block: table[: block.n_users], 5)

        assert not table.any()

    def test_is_repeatable(self, large: Question) -> None:
        np.testing.assert_array_equal(
            dense_top(large, constant, 10, 3), dense_top(large, constant, 10, 3)
        )

    def test_more_than_there_are_gives_all(self) -> None:
        assert dense_top(question("none"), constant, 100).shape == (2, 41)


@pytest.mark.parametrize("days", [28, 90, 180])
def test_items_belong_to_the_slice_that_begins_at_their_age(
    days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = shop(dataset([("a", "i000", 0), ("a", "i001", days)]))
    statistics = popularity(known.histories, seasonal=False)
    fusion: Any = SimpleNamespace(
        scope=SimpleNamespace(timed=True), moment=SimpleNamespace(statistics=statistics)
    )
    monkeypatch.setattr(protocols, "fusion_top", lambda *_: np.array([[0]]))
    later = dataset([("a", "i000", days + 1)])

    table = protocols.evaluate(fusion, known, later, ["hr@1"], "none", by=["item_age"])

    [of_all, label] = table["slice"]
    assert of_all == "all"
    assert label.startswith(f"item_age {days}")


def test_no_metric_at_all_is_refused() -> None:
    fusion: Any = SimpleNamespace(scope=SimpleNamespace(timed=True))
    with pytest.raises(RequestError, match=r"metrics=\[\]: name one .* recall,.*ndcg@10"):
        protocols.evaluate(fusion, shop(TRAIN), TEST, [], "none")
    with pytest.raises(RequestError, match=r"metrics=\(\)"):
        protocols.compare(fusion, shop(TRAIN), TEST, "none", ())


def test_a_question_survives_later_days() -> None:
    later = dataset([("a", "i003", 400)])

    assert question(test=later).users.tolist() == [0]
    assert TRAIN.as_of == START + timedelta(days=2)
