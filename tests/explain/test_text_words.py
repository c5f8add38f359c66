"""Which words of an item's text carry its text score."""

import numpy as np
import pytest

from hybridrec import Recommender
from hybridrec.towers.text.tower import TextTower


@pytest.fixture(scope="module")
def tower(recommender: Recommender) -> TextTower:
    found = recommender.fusion.towers["text"]
    assert isinstance(found, TextTower)
    return found


def test_words_are_those_of_the_item_the_weightiest_first(
    recommender: Recommender, tower: TextTower
) -> None:
    why = recommender.explain("u05", "i01")

    words = why.words()

    [text] = tower.reader.of(recommender.shop.catalogue[[recommender.shop.items.row("i01")]])
    assert words
    assert all(told.word in text.lower() for told in words)
    assert len({told.word for told in words}) == len(words)
    weights = [abs(told.weight) for told in words]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0


def test_a_word_gives_what_the_score_loses_without_it(tower: TextTower) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, tower.item_embeddings.shape[1]))
    vectors = vectors.astype(np.float32)

    words, effects = tower.word_effects("Roast bean. Fresh roast", vectors)

    assert words == ["roast", "bean", "fresh"]
    # the word goes from both of its places
    whole, without = tower.encode(["Roast bean. Fresh roast", " bean. Fresh "])
    scores = tower.projection.apply_to(np.stack([whole, without])) @ vectors.T
    np.testing.assert_allclose(effects[0], scores[0] - scores[1], atol=1e-5)


def test_taking_out_the_only_word_leaves_nothing(tower: TextTower) -> None:
    vectors = tower.item_embeddings[:2]
    [word], effects = tower.word_effects("bean!", vectors)
    scores = tower.projection.apply_to(tower.encode(["bean!"])) @ vectors.T
    assert word == "bean"
    np.testing.assert_allclose(effects, scores, atol=1e-5)


def test_the_text_is_encoded_as_at_the_fit(recommender: Recommender, tower: TextTower) -> None:
    row = recommender.shop.items.row("i01")
    [text] = tower.reader.of(recommender.shop.catalogue[[row]])
    embedded = tower.projection.apply_to(tower.encode([text]))[0]
    np.testing.assert_allclose(embedded, tower.item_embeddings[row], atol=5e-3)


def test_without_a_history_no_word_speaks(recommender: Recommender) -> None:
    assert recommender.explain(history=[], item="i01").words() == ()


def test_words_that_are_never_read_are_not_taken_out(tower: TextTower) -> None:
    text = "roast bean " + " ".join(f"word{n}" for n in range(50_000))

    words, effects = tower.word_effects(text, np.ones((1, tower.item_embeddings.shape[1])))

    assert words[:2] == ["roast", "bean"]
    assert len(words) == len(effects) <= tower.encoder.longest // len("word1 ")
