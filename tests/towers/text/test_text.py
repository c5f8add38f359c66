"""The text tower: from words to embeddings, and what fine-tuning learns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from hybridrec.data import Histories
from hybridrec.errors import DataError
from hybridrec.towers.base import TrainingData
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.tower import TextTower, item_texts, paired_texts


@pytest.fixture(scope="module")
def plain(tiny_encoder: Path) -> Callable[..., TextTower]:
    """Makes towers that leave the encoder as it is, unless told otherwise."""

    def made(**settings: object) -> TextTower:
        chosen = {"encoder": str(tiny_encoder), "frozen_layers": 1, "steps": 0} | settings
        return TextTower(TextConfig.model_validate(chosen), seed=0, device="cpu")

    return made


class TestItemTexts:
    def test_are_title_then_description(self) -> None:
        catalogue = pl.DataFrame(
            {
                "item_id": [1, 2, 3, 4],
                "description": ["hot", "  ", None, None],
                "title": [" Tea ", "Milk", "", None],
            }
        )

        assert item_texts(catalogue) == ["Tea. hot", "Milk", "", ""]

    def test_are_of_the_columns_asked_for_in_their_order(self) -> None:
        catalogue = pl.DataFrame(
            {
                "title": ["Tea", "Milk"],
                "tags": [["hot", "new"], None],
                "grams": [100, None],
                "brand": ["Acme", "Bloom"],
            }
        )

        assert item_texts(catalogue, ["tags", "title", "grams"]) == ["hot new. Tea. 100", "Milk"]
        assert item_texts(catalogue, ["brand", "missing"]) == ["Acme", "Bloom"]
        with pytest.raises(DataError, match="needs a column 'blurb'"):
            item_texts(catalogue, ["blurb"])

    def test_need_a_column_of_text(self) -> None:
        with pytest.raises(DataError, match="'title' or 'description'"):
            item_texts(pl.DataFrame({"item_id": [1]}))

    def test_are_not_all_blank(self) -> None:
        with pytest.raises(DataError, match="blank in every row"):
            item_texts(pl.DataFrame({"item_id": [1, 2], "title": ["", None]}))


class TestPairs:
    #        user 0: a b c · user 1: a b · user 2: c
    histories = Histories(
        np.array([0, 3, 5, 6]),
        np.array([0, 1, 2, 0, 1, 2]),
        np.zeros(6),
        np.ones(6, dtype=np.float32),
        n_items=3,
        timed=False,
    )

    def pairs(self, texts: list[int], window: int, min_count: int) -> dict[tuple[int, int], float]:
        found = paired_texts(self.histories, np.array(texts), window, min_count)
        return {
            (int(one), int(other)): float(chance)
            for one, other, chance in zip(*found.texts, found.chances, strict=True)
        }

    def test_are_met_within_the_window_of_one_user(self) -> None:
        assert set(self.pairs([0, 1, 2], window=1, min_count=1)) == {(0, 1), (1, 0), (1, 2), (2, 1)}
        assert {(0, 2), (2, 0)} < set(self.pairs([0, 1, 2], window=2, min_count=1))

    def test_are_met_often_enough(self) -> None:
        assert self.pairs([0, 1, 2], window=2, min_count=2) == {(0, 1): 0.5, (1, 0): 0.5}

    def test_are_drawn_by_the_cosine_of_their_counts(self) -> None:
        # every text has 2 events: ab met 2 times, bc once, ac once
        chances = self.pairs([0, 1, 2], window=2, min_count=1)

        assert chances[0, 1] == pytest.approx(2 / 8)
        assert chances[1, 2] == chances[0, 2] == pytest.approx(1 / 8)
        assert sum(chances.values()) == pytest.approx(1.0)

    def test_are_of_different_texts(self) -> None:
        assert set(self.pairs([0, 0, 1], window=2, min_count=1)) == {(0, 1), (1, 0)}
        assert self.pairs([0, 0, 0], window=2, min_count=1) == {}


def test_the_same_text_has_the_same_embedding(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    twins = training_data.catalogue.with_columns(
        pl.when(pl.int_range(pl.len()).is_in([3, 40])).then(pl.lit("twin")).otherwise("title"),
        pl.lit("same").alias("description"),
    ).with_columns(pl.col("literal").alias("title"))
    embeddings = plain().fit(replace(training_data, catalogue=twins)).item_embeddings

    np.testing.assert_array_equal(embeddings[3], embeddings[40])
    assert not np.allclose(embeddings[3], embeddings[4], atol=1e-2)


def test_the_order_of_items_does_not_matter(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    order = np.random.default_rng(0).permutation(training_data.catalogue.height)
    histories = training_data.histories
    permuted = TrainingData(
        replace(histories, items=np.argsort(order)[histories.items]),
        training_data.catalogue[order],
        None,
    )

    embeddings = plain().fit(training_data).item_embeddings

    np.testing.assert_allclose(
        plain().fit(permuted).item_embeddings, embeddings[order], rtol=1e-4, atol=1e-5
    )


def test_embeddings_are_of_unit_length_around_the_catalogues_mean(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    tower = plain().fit(training_data)
    raw = tower.encoder.encode(item_texts(training_data.catalogue))
    centred = raw - raw.mean(axis=0)

    np.testing.assert_allclose(np.linalg.norm(tower.item_embeddings, axis=1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(
        tower.item_embeddings,
        centred / np.linalg.norm(centred, axis=1, keepdims=True),
        atol=0.02,  # states of frozen layers are kept in half precision
    )


def test_a_new_item_is_embedded_as_one_with_the_same_words(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    tower = plain().fit(training_data)

    embedded = tower.embed_items(training_data.catalogue[10:14], None, np.arange(4))

    np.testing.assert_allclose(embedded, tower.item_embeddings[10:14], atol=0.02)


def test_a_restored_tower_reads_new_items_from_the_columns_it_was_fitted_on(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    renamed = training_data.catalogue.rename({"title": "商品", "description": "blurb"})
    data = replace(training_data, catalogue=renamed, text_columns=("blurb", "商品"))
    fitted = plain().fit(data)
    restored = plain().restore(fitted.state())

    embedded = restored.embed_items(renamed[5:9], None, np.arange(4))
    np.testing.assert_allclose(embedded, fitted.item_embeddings[5:9], atol=0.02)
    # title and description are no text here
    unread = restored.embed_items(training_data.catalogue[5:9], None, np.arange(4))
    np.testing.assert_array_equal(unread, 0.0)


@pytest.mark.parametrize("frozen_layers", [0, 1])
def test_fine_tuning_learns_which_words_belong_together(
    plain: Callable[..., TextTower], training_data: TrainingData, frozen_layers: int
) -> None:
    settings = {"frozen_layers": frozen_layers, "batch_size": 32, "pair_window": 3}
    tower = plain(steps=30, learning_rate=3e-3, **settings).fit(training_data)

    assert len(tower.losses) == 30
    assert np.mean(tower.losses[-5:]) < np.mean(tower.losses[:5]) - 0.3


def test_fine_tuning_brings_items_of_one_taste_together(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    cluster = np.arange(64) % 4
    own = (cluster[:, None] == cluster) & ~np.eye(64, dtype=bool)

    def apart(tower: TextTower) -> float:
        cosine = tower.item_embeddings @ tower.item_embeddings.T
        return float(cosine[own].mean() - cosine[cluster[:, None] != cluster].mean())

    before = apart(plain().fit(training_data))
    tuned = plain(steps=30, batch_size=32, pair_window=3, learning_rate=3e-3)

    assert apart(tuned.fit(training_data)) > before + 0.1


def test_too_few_pairs_leave_the_encoder_as_it_is(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    untouched = plain(steps=5, batch_size=10_000).fit(training_data)

    assert untouched.losses == []
    np.testing.assert_array_equal(
        untouched.item_embeddings, plain().fit(training_data).item_embeddings
    )
    assert set(untouched.state()) == {"item_embeddings", "mean", "text_columns"}


def test_only_the_layers_that_were_trained_are_kept(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    tower = plain(steps=2, batch_size=16).fit(training_data)
    kept = set(tower.state()) - {"item_embeddings", "mean", "text_columns"}

    assert kept
    assert all(name.startswith("encoder.encoder.layer.1.") for name in kept)


def test_histories_without_events_of_two_items_are_no_matter(
    plain: Callable[..., TextTower], training_data: TrainingData
) -> None:
    lone = Histories(
        np.array([0, 1]), np.array([5]), np.zeros(1), np.ones(1, dtype=np.float32), 64, timed=True
    )
    tower = plain(steps=3).fit(replace(training_data, histories=lone))

    assert np.isfinite(tower.item_embeddings).all()
