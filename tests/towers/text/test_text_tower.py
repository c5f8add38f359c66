"""The text tower: from words to embeddings, and what fine-tuning learns."""

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import save

from hybridrec.data import Histories
from hybridrec.errors import ConfigError, DataError, NotEnoughMemoryError
from hybridrec.learning import memory, session
from hybridrec.learning.checkpoints import Checkpoints
from hybridrec.learning.curves import Curves
from hybridrec.learning.session import FitSession
from hybridrec.towers.base import Tower, TrainingData
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.corpus import Corpus
from hybridrec.towers.text.tower import TextTower

Made = Callable[..., TextTower]
LEARNING = {
    "steps": 40,
    "batch_size": 32,
    "learning_rate": 3e-3,
    "adapter_learning_rate": 3e-3,
    "validate_every": 5,
    "lexical": False,  # words alone tell the made shop's tastes apart
}
needs_peft = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed")
tunings = pytest.mark.parametrize(
    "tuning", ["full", pytest.param("lora", marks=needs_peft), "none"]
)


@pytest.fixture(scope="module")
def made(tiny_encoder: Path) -> Made:
    """Makes towers that leave the encoder as it is, unless told otherwise."""

    def new(**settings: object) -> TextTower:
        chosen: dict[str, object] = {"encoder": str(tiny_encoder), "frozen_layers": 1, "steps": 0}
        return TextTower(TextConfig.model_validate(chosen | settings), seed=0, device="cpu")

    return new


@pytest.fixture(scope="module")
def frozen(made: Made, training_data: TrainingData) -> TextTower:
    """A tower that learnt nothing; not to be changed."""
    return made().fit(training_data)


class Taste:
    """How much nearer items of one taste lie to each other than to the others."""

    metric = "taste"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, tower: Tower) -> float:
        self.asked += 1
        cluster = np.arange(64) % 4
        own = (cluster[:, None] == cluster) & ~np.eye(64, dtype=bool)
        cosine = tower.item_embeddings[:64] @ tower.item_embeddings[:64].T
        return float(cosine[own].mean() - cosine[cluster[:, None] != cluster].mean())


class TestEmbeddings:
    def test_are_of_unit_length_around_the_catalogues_mean(
        self, made: Made, frozen: TextTower, training_data: TrainingData
    ) -> None:
        titles = training_data.catalogue["title"] + ". " + training_data.catalogue["description"]
        raw = frozen.encoder.encode(titles.to_list())
        centred = raw - raw.mean(axis=0)
        tower = made(whitening=0, lexical=False).fit(training_data)

        np.testing.assert_allclose(np.linalg.norm(frozen.item_embeddings, axis=1), 1.0, rtol=1e-5)
        np.testing.assert_allclose(
            tower.item_embeddings,
            centred / np.linalg.norm(centred, axis=1, keepdims=True),
            atol=0.03,
        )

    def test_read_attributes_where_the_template_asks_for_them(
        self, made: Made, training_data: TrainingData, frozen: TextTower
    ) -> None:
        read = replace(training_data, attribute_columns=("brand", "category"))
        tower = made(template="{texts}. {attributes}").fit(read)

        expected = made(template="{title}. {description}. {brand}. {category}").fit(training_data)
        np.testing.assert_array_equal(tower.item_embeddings, expected.item_embeddings)
        alike, before = (each.item_embeddings for each in (tower, frozen))
        assert not np.allclose(alike @ alike.T, before @ before.T, atol=0.05)

    def test_of_the_same_text_are_the_same(self, made: Made, training_data: TrainingData) -> None:
        embeddings = made().fit(_retitled(training_data, [3, 40], "twin")).item_embeddings

        np.testing.assert_array_equal(embeddings[3], embeddings[40])
        assert not np.allclose(embeddings[3], embeddings[4], atol=1e-2)

    def test_do_not_depend_on_the_order_of_items(
        self, made: Made, training_data: TrainingData, frozen: TextTower
    ) -> None:
        order = np.random.default_rng(0).permutation(training_data.catalogue.height)
        histories = training_data.histories
        permuted = replace(
            training_data,
            histories=replace(histories, items=np.argsort(order)[histories.items]),
            catalogue=training_data.catalogue[order],
        )

        again = made().fit(permuted).item_embeddings

        np.testing.assert_allclose(again, frozen.item_embeddings[order], rtol=1e-3, atol=1e-4)

    def test_of_new_items_are_those_of_the_same_words(
        self, frozen: TextTower, training_data: TrainingData
    ) -> None:
        embedded = frozen.embed_items(training_data.catalogue[10:14], None, np.arange(4))

        np.testing.assert_allclose(embedded, frozen.item_embeddings[10:14], atol=0.03)

    def test_can_be_cut(self, made: Made, training_data: TrainingData) -> None:
        tower = made(embedding_dim=8).fit(training_data)

        assert tower.item_embeddings.shape == (64, 8)
        assert tower.embed_items(training_data.catalogue[:3], None, np.arange(3)).shape == (3, 8)
        np.testing.assert_allclose(np.linalg.norm(tower.item_embeddings, axis=1), 1.0, rtol=1e-5)

    def test_are_taken_from_the_disk_where_they_are_kept(
        self, made: Made, training_data: TrainingData, tmp_path: Path
    ) -> None:
        kept = made(cache_dir=str(tmp_path)).fit(training_data)
        again = made(cache_dir=str(tmp_path))
        again.encoder.encode = lambda texts: pytest.fail(f"encoded {texts}")  # type: ignore[method-assign]

        embedded = again.fit(training_data).item_embeddings

        np.testing.assert_array_equal(embedded, kept.item_embeddings)


def killed_and_resumed(
    new: Callable[[], TextTower], data: TrainingData, place: Path, step: int
) -> TextTower:
    """A tower whose fit was killed after a step, and run again."""

    class Killed(FitSession):
        def checkpoint(self, arrays: dict) -> None:
            super().checkpoint(arrays)
            if int(arrays["step"]) == step:
                raise KeyboardInterrupt

    checkpoints = Checkpoints.open(place / "c", "x")
    with pytest.raises(KeyboardInterrupt):
        new().fit(data, Killed("text tower", checkpoints=checkpoints))
    return new().fit(data, FitSession("text tower", checkpoints=checkpoints))


class TestFineTuning:
    @tunings
    @pytest.mark.parametrize("objective", ["history", "pairs"])
    def test_brings_items_of_one_taste_together(
        self,
        made: Made,
        training_data: TrainingData,
        frozen: TextTower,
        objective: str,
        tuning: str,
    ) -> None:
        settings = LEARNING | {"objective": objective, "tuning": tuning, "pair_window": 3}

        tower = made(**settings).fit(training_data)

        assert Taste()(tower) > Taste()(frozen) + 0.05

    @tunings
    def test_takes_over_what_the_frozen_layers_made_of_the_texts(
        self,
        made: Made,
        training_data: TrainingData,
        tuning: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        settings = LEARNING | {"tuning": tuning, "steps": 10}
        histories = training_data.histories
        fewer = replace(training_data, histories=histories.of(range(histories.n_users // 2)))
        expected = made(**settings).fit(training_data).item_embeddings
        earlier, tower = made(**settings).fit(fewer), made(**settings)
        monkeypatch.setattr(Corpus, "_computed", lambda self: pytest.fail("computed anew"))

        tower.reuse(earlier)
        tower.fit(training_data)

        np.testing.assert_array_equal(tower.item_embeddings, expected)
        assert not np.array_equal(earlier.item_embeddings, expected)

    @tunings
    def test_keeps_what_it_learnt_and_no_more(
        self, made: Made, training_data: TrainingData, tuning: str
    ) -> None:
        state = made(**LEARNING, tuning=tuning, lora={"rank": 2}).fit(training_data).state()

        kept = {name for name in state if name.startswith("encoder.")}
        if tuning == "full":
            assert kept
            assert all(name.startswith("encoder.encoder.layer.1.") for name in kept)
        else:
            assert bool(kept) == (tuning == "lora")
            assert all("lora_" in name for name in kept)
        adapters = {"projection.down", "projection.up", "projection.asks_down"}
        assert set(state) - kept - adapters == {
            "projection.asks",
            "projection.taste",
            "item_embeddings",
            "reader",
            "best_steps",
            "projection.mean",
            "projection.matrix",
        }

    def test_may_teach_about_hard_negatives_augmented_and_nested(
        self, made: Made, training_data: TrainingData, frozen: TextTower
    ) -> None:
        reference = np.random.default_rng(0).normal(size=(64, 5)).astype(np.float32)
        settings = LEARNING | {
            "hard_negatives": 8,
            "negatives": 20,
            "matryoshka_dims": (4, 8),
            "augmentation": {"variants": 1},
            "popularity_correction": 0.5,
            "whitening": 0.5,
        }

        tower = made(**settings).fit(replace(training_data, reference_embeddings=reference))

        assert Taste()(tower) > Taste()(frozen) + 0.03

    def test_stops_where_it_was_best(self, made: Made, training_data: TrainingData) -> None:
        class Falling(Taste):
            def __init__(self) -> None:
                super().__init__()
                self.seen: list[np.ndarray] = []

            def __call__(self, tower: Tower) -> float:
                super().__call__(tower)
                self.seen.append(tower.item_embeddings.copy())
                return -abs(self.asked - 3.0)  # best when asked for the third time

        validate, curves = Falling(), Curves()
        tower = made(**LEARNING | {"steps": 200, "patience": 2})

        tower.fit(replace(training_data, validate=validate), FitSession("text tower", curves))

        assert (tower.best_steps, validate.asked) == (10, 5)
        steps = [point.step for point in curves.of("text tower") if point.name == "taste"]
        assert steps == [0, 5, 10, 15, 20]
        np.testing.assert_allclose(tower.item_embeddings, validate.seen[2], atol=1e-5)
        assert not np.allclose(validate.seen[3], validate.seen[2], atol=1e-2)

    def test_learns_as_long_as_was_best_when_nothing_is_held_back(
        self, made: Made, training_data: TrainingData
    ) -> None:
        tower, curves = made(**LEARNING), Curves()
        tower.best_steps = 3
        first = made(steps=0).fit(training_data)

        tower.restore(first.state() | {"best_steps": np.array(3)})
        tower.fit(training_data, FitSession("text tower", curves))

        assert [point.step for point in curves.of("text tower")] == [1, 2, 3]
        assert int(tower.state()["best_steps"]) == 3

    def test_of_the_encoder_comes_when_the_projection_has_learnt(
        self, made: Made, training_data: TrainingData
    ) -> None:
        first = made(steps=0).fit(training_data).state()

        def layers_after(steps: int) -> list[np.ndarray]:
            tower = made(**LEARNING).restore(first | {"best_steps": np.array(steps)})
            tower.fit(training_data)
            return [v.detach().numpy() for v in tower.encoder.trained_parameters().values()]

        given = [v.detach().numpy() for v in made(**LEARNING).encoder.trained_parameters().values()]
        for before, alone, after in zip(given, layers_after(30), layers_after(35), strict=True):
            np.testing.assert_array_equal(alone, before)
            assert not np.array_equal(after, before)

    @tunings
    def test_a_killed_one_comes_out_where_it_would_have(
        self,
        made: Made,
        training_data: TrainingData,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        tuning: str,
    ) -> None:
        monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
        settings = LEARNING | {"tuning": tuning, "lora": {"dropout": 0.2}}
        data = replace(training_data, validate=Taste())
        whole = made(**settings).fit(data)

        resumed = killed_and_resumed(lambda: made(**settings), data, tmp_path, 13)

        np.testing.assert_allclose(resumed.item_embeddings, whole.item_embeddings, atol=1e-3)
        assert resumed.best_steps == whole.best_steps

    @pytest.mark.parametrize("killed_at", [20, 40])
    def test_a_killed_refit_ends_with_what_its_encoder_says(
        self,
        made: Made,
        training_data: TrainingData,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        killed_at: int,
    ) -> None:
        monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
        settings = LEARNING | {"steps": 40, "projection": False, "validate_every": 20}
        whole = made(**settings).fit(training_data)

        resumed = killed_and_resumed(lambda: made(**settings), training_data, tmp_path, killed_at)

        np.testing.assert_allclose(resumed.item_embeddings, whole.item_embeddings, atol=1e-5)

    def test_asks_for_memory_first(
        self, made: Made, training_data: TrainingData, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(memory, "available_memory", lambda device: 1e6)
        with pytest.raises(
            NotEnoughMemoryError, match=r"lower towers\.text\.encoded_examples \(128\)"
        ):
            made(**LEARNING).fit(training_data)


class TestState:
    @tunings
    @pytest.mark.parametrize("lexical", [True, False])
    def test_of_all_that_was_learnt_embeds_new_items_alike(
        self, made: Made, training_data: TrainingData, tuning: str, lexical: bool
    ) -> None:
        settings = LEARNING | {"tuning": tuning, "embedding_dim": 16, "lexical": lexical}
        fitted = made(**settings).fit(training_data)
        restored = made(**settings).restore(fitted.state())
        rows = training_data.catalogue[:4].with_columns(title=pl.lit("rose coffee"))

        expected = fitted.embed_items(rows, None, np.arange(4))

        np.testing.assert_allclose(restored.embed_items(rows, None, np.arange(4)), expected)
        assert np.abs(expected).max() > 0

    def test_keeps_the_columns_that_were_read(
        self, made: Made, training_data: TrainingData
    ) -> None:
        renamed = training_data.catalogue.rename({"title": "商品", "description": "blurb"})
        data = replace(training_data, catalogue=renamed, text_columns=("blurb", "商品"))
        fitted = made().fit(data)
        restored = made().restore(fitted.state())

        embedded = restored.embed_items(renamed[5:9], None, np.arange(4))
        np.testing.assert_allclose(embedded, fitted.item_embeddings[5:9], atol=0.03)
        # title and description are no text here
        unread = restored.embed_items(training_data.catalogue[5:9], None, np.arange(4))
        np.testing.assert_array_equal(unread, 0.0)

    def test_goes_into_safetensors(self, frozen: TextTower) -> None:
        assert len(save(frozen.state())) > 0


class TestBadInput:
    def test_items_without_text_score_nothing(
        self, made: Made, training_data: TrainingData
    ) -> None:
        tower = made(**LEARNING).fit(_retitled(training_data, [3, 40], ""))

        np.testing.assert_array_equal(tower.item_embeddings[[3, 40]], 0.0)
        weights = training_data.histories.weights()
        scores = tower.fold_in(weights) @ tower.item_embeddings.T
        assert np.isfinite(scores).all()
        np.testing.assert_array_equal(scores[:, [3, 40]], 0.0)

    @pytest.mark.parametrize("settings", [{}, LEARNING])
    def test_equal_texts_all_over_score_nothing(
        self, made: Made, training_data: TrainingData, settings: dict
    ) -> None:
        same = _retitled(training_data, list(range(64)), "twin")

        tower = made(**settings).fit(same)

        np.testing.assert_array_equal(tower.item_embeddings, 0.0)
        assert np.isfinite(tower.embed_items(same.catalogue[:2], None, np.arange(2))).all()

    def test_a_catalogue_of_one_item(self, made: Made) -> None:
        one = Histories(np.array([0, 2]), np.zeros(2, dtype=np.int64), np.zeros(2),
                        np.ones(2, dtype=np.float32), 1, timed=False)  # fmt: skip
        catalogue = pl.DataFrame({"item_id": ["a"], "title": ["rose"]})

        tower = made(**LEARNING).fit(TrainingData(one, catalogue, None))

        assert tower.item_embeddings.shape[0] == 1
        assert np.isfinite(tower.item_embeddings).all()

    @pytest.mark.parametrize("objective", ["history", "pairs"])
    def test_nothing_that_belongs_together_leaves_the_encoder_as_it_is(
        self,
        made: Made,
        training_data: TrainingData,
        caplog: pytest.LogCaptureFixture,
        objective: str,
    ) -> None:
        frozen = made(lexical=False).fit(training_data)
        alone = replace(training_data, histories=training_data.histories.of([]))
        with caplog.at_level("INFO", logger="hybridrec"):
            tower = made(**LEARNING, objective=objective).fit(alone)

        assert "the encoder stays as it is" in caplog.text
        np.testing.assert_allclose(tower.item_embeddings, frozen.item_embeddings, atol=1e-5)

    def test_ten_thousand_words_are_cut(self, made: Made, training_data: TrainingData) -> None:
        tower = made().fit(_retitled(training_data, [5], "rose garden " * 5_000))

        assert np.isfinite(tower.item_embeddings).all()

    def test_a_catalogue_without_text_is_refused(
        self, made: Made, training_data: TrainingData
    ) -> None:
        untold = replace(training_data, catalogue=training_data.catalogue.select("item_id"))
        with pytest.raises(DataError, match="needs a column 'title' or 'description'"):
            made().fit(untold)

    def test_an_encoder_that_is_not_there_is_refused(
        self, made: Made, training_data: TrainingData
    ) -> None:
        with pytest.raises(ConfigError, match=r"no encoder directory at \./nowhere"):
            made(encoder="./nowhere").fit(training_data)

    def test_settings_out_of_range_are_refused(self) -> None:
        for settings in ({"tuning": "half"}, {"lora": {"rank": 0}}, {"whitening": 2}):
            with pytest.raises(ConfigError, match="config: "):
                TextConfig.from_mapping(settings)

    def test_settings_survive_yaml(self, tmp_path: Path) -> None:
        config = TextConfig(matryoshka_dims=(64, 128), tuning="lora", template="{title} ({brand})")
        (tmp_path / "c.yaml").write_text(config.to_yaml())

        assert TextConfig.from_yaml(tmp_path / "c.yaml") == config


def _retitled(data: TrainingData, rows: list[int], title: str) -> TrainingData:
    chosen = pl.int_range(pl.len()).is_in(rows)
    text = pl.when(chosen).then(pl.lit(title))
    catalogue = data.catalogue.with_columns(
        text.otherwise("title").alias("title"),
        pl.when(chosen).then(pl.lit("")).otherwise("description").alias("description"),
    )
    return replace(data, catalogue=catalogue)


def test_torch_keeps_its_random_state(made: Made, training_data: TrainingData) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)

    made(**LEARNING, tuning="full").fit(training_data)

    assert torch.equal(torch.rand(3), expected)
