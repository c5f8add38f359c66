"""What the words of a text say one by one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.encoder import TextEncoder
from hybridrec.towers.text.lexicon import Lexicon


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> TextEncoder:
    config = TextConfig(encoder=str(tiny_encoder), frozen_layers=0)
    return TextEncoder(config, torch.device("cpu"))


def test_tokens_are_rarer_the_fewer_texts_hold_them(encoder: TextEncoder) -> None:
    texts = [np.array(row, dtype=np.int32) for row in ([1, 2, 2], [1], [1, 3], [1])]

    rarities = Lexicon.of(encoder, texts, seed=0).rarities

    # token 0 and 4 are in none, 2 and 3 in one, 1 in all
    np.testing.assert_allclose(rarities[:5], np.log([4, 1, 4, 4, 4]), rtol=1e-6)


def test_a_text_is_the_mean_of_its_words_by_rarity(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["rose garden", "rose rose", "garden"])
    rarities = np.ones(encoder.word_vectors.shape[0], dtype=np.float32)
    rose, garden = tokens[0][1], tokens[0][2]
    rarities[rose] = 3.0
    no_axes = np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.float32)

    made = Lexicon(encoder, rarities, *no_axes).embed(tokens)

    mean = 3 * encoder.word_vectors[rose] + encoder.word_vectors[garden]
    expected = [mean, encoder.word_vectors[rose], encoder.word_vectors[garden]]
    expected = np.array([vector / np.linalg.norm(vector) for vector in expected])
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)


def test_texts_lie_on_the_axes_of_their_words(encoder: TextEncoder) -> None:
    """With as many axes as words, angles are those between the weighted words themselves."""
    tokens = encoder.tokens(["rose garden", "rose coffee", "garden coffee", "rose", "coffee"])
    lexicon = Lexicon.of(encoder, tokens, seed=0)
    held = np.zeros((5, lexicon.rarities.size))
    for text, row in enumerate(tokens):
        held[text, row] = lexicon.rarities[row]
    held /= np.linalg.norm(held, axis=1, keepdims=True)

    on_axes = lexicon.embed(tokens)[:, encoder.word_vectors.shape[1] :]

    assert lexicon.axes.shape == (3, 3)
    np.testing.assert_allclose(on_axes @ on_axes.T, held @ held.T, atol=1e-5)


def test_words_of_one_text_alone_have_no_place_on_the_axes(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["rose garden", "rose coffee", "coffee"])
    garden = tokens[0][2]

    assert garden not in Lexicon.of(encoder, tokens, seed=0).words


def test_special_tokens_and_words_of_all_texts_say_nothing(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["", "rose", "rose"])

    np.testing.assert_array_equal(Lexicon.of(encoder, tokens[1:], seed=0).embed(tokens), 0.0)


def test_learning_does_not_change_it(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["rose garden", "rose coffee", "tea garden"])
    lexicon = Lexicon.of(encoder, tokens, seed=0)
    before = lexicon.embed(tokens)
    state = lexicon.state()
    with torch.no_grad():
        encoder.model.get_input_embeddings().weight.mul_(-2.0)

    np.testing.assert_array_equal(lexicon.embed(tokens), before)
    np.testing.assert_array_equal(Lexicon.restored(encoder, state).embed(tokens), before)


def test_the_same_seed_finds_the_same_axes(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["rose garden", "rose coffee", "tea garden", "tea coffee"])
    torch.manual_seed(1)
    first = Lexicon.of(encoder, tokens, seed=3)
    torch.manual_seed(2)

    np.testing.assert_array_equal(Lexicon.of(encoder, tokens, seed=3).axes, first.axes)
