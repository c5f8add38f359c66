"""What the words of a text say one by one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.encoder import TextEncoder
from hybridrec.towers.text.lexicon import Lexicon, rarities


@pytest.fixture(scope="module")
def encoder(tiny_encoder: Path) -> TextEncoder:
    config = TextConfig(encoder=str(tiny_encoder), frozen_layers=0)
    return TextEncoder(config, torch.device("cpu"))


def test_tokens_are_rarer_the_fewer_texts_hold_them() -> None:
    texts = [np.array(row, dtype=np.int32) for row in ([1, 2, 2], [1], [1, 3], [1])]

    np.testing.assert_allclose(
        rarities(texts, 5), np.log([4, 1, 4, 4, 4]), rtol=1e-6
    )  # token 0 and 4 are in none, 2 and 3 in one, 1 in all


def test_a_text_is_the_mean_of_its_words_by_rarity(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["rose garden", "rose rose", "garden"])
    weights = np.ones(encoder.word_vectors.shape[0], dtype=np.float32)
    rose, garden = tokens[0][1], tokens[0][2]
    weights[rose] = 3.0

    made = Lexicon(encoder, weights).embed(tokens)

    mean = 3 * encoder.word_vectors[rose] + encoder.word_vectors[garden]
    expected = [mean, encoder.word_vectors[rose], encoder.word_vectors[garden]]
    expected = np.array([vector / np.linalg.norm(vector) for vector in expected])
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)


def test_special_tokens_and_words_of_all_texts_say_nothing(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["", "rose", "rose"])
    weights = rarities(tokens[1:], encoder.word_vectors.shape[0])

    np.testing.assert_array_equal(Lexicon(encoder, weights).embed(tokens), 0.0)


def test_learning_does_not_change_it(encoder: TextEncoder) -> None:
    tokens = encoder.tokens(["rose garden"])
    weights = np.ones(encoder.word_vectors.shape[0], dtype=np.float32)
    before = Lexicon(encoder, weights).embed(tokens)
    with torch.no_grad():
        encoder.model.get_input_embeddings().weight.mul_(-2.0)

    np.testing.assert_array_equal(Lexicon(encoder, weights).embed(tokens), before)
