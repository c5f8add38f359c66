"""Altered copies of texts: what each alteration keeps, and what they do to fine-tuning."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.config import RecommenderConfig
from hybridrec.errors import ConfigError
from hybridrec.learning.curves import Curves
from hybridrec.learning.session import FitSession
from hybridrec.towers.base import TrainingData
from hybridrec.towers.text.augmentation import (
    Synonyms,
    some_of,
    text_of,
    text_variants,
    with_swaps,
    with_synonyms,
    words_of,
)
from hybridrec.towers.text.config import TextAugmentationConfig, TextConfig
from hybridrec.towers.text.examples import PairExamples
from hybridrec.towers.text.tower import TextTower

SEEDS = st.integers(0, 2**32 - 1)
CHANCES = st.floats(0, 0.99)
TEXTS = st.text(max_size=30).filter(lambda text: bool(text.strip()))
WORDS = st.lists(st.sampled_from(["rose", "cream,", "补", "水", "。", "x2", "カ"]), max_size=12)
NO_SYNONYMS = Synonyms.of({})
UNCHANGED = {"attribute_dropout": 0, "word_deletion": 0, "word_swap": 0, "synonym_chance": 0}


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def settings(**chosen: Any) -> TextAugmentationConfig:
    return TextAugmentationConfig.model_validate(UNCHANGED | chosen)


def replaced(text: str, synonyms: dict[str, list[str]]) -> str:
    return with_synonyms(text, Synonyms.of(synonyms), 1.0, drawn())


def is_subsequence(some: list[str], every: list[str]) -> bool:
    rest = iter(every)
    return all(word in rest for word in some)


class TestWords:
    @given(WORDS)
    def test_are_read_back_from_the_text_they_make(self, words: list[str]) -> None:
        assert words_of(text_of(words)) == words

    @given(st.text())
    def test_are_everything_but_the_spaces(self, text: str) -> None:
        assert "".join(words_of(text)) == "".join(text.split())

    def test_are_single_characters_in_chinese(self) -> None:
        assert words_of("玫瑰 Cream，50ml") == ["玫", "瑰", "Cream", "，", "50ml"]


class TestLeavingOut:
    @given(st.lists(st.text(), min_size=1, max_size=9), CHANCES, SEEDS)
    def test_keeps_the_order_and_never_nothing(
        self, words: list[str], dropout: float, seed: int
    ) -> None:
        some = some_of(words, dropout, drawn(seed))

        assert some
        assert is_subsequence(some, words)

    def test_leaves_out_about_as_many_as_asked_for(self) -> None:
        words = [str(n) for n in range(20_000)]

        assert len(some_of(words, 0.3, drawn())) == pytest.approx(14_000, rel=0.02)

    def test_with_no_chance_leaves_all(self) -> None:
        assert some_of(["a", "b"], 0.0, drawn()) == ["a", "b"]

    def test_of_nothing_is_nothing(self) -> None:
        assert some_of([], 0.5, drawn()) == []

    def test_spares_each_alike_where_one_alone_stays(self) -> None:
        random = drawn()
        kept = Counter(some_of(["a", "b", "c"], 1.0, random)[0] for _ in range(3_000))

        assert all(count == pytest.approx(1_000, rel=0.1) for count in kept.values())


class TestSwaps:
    @given(st.lists(st.text(), max_size=9), st.floats(0, 1), SEEDS)
    def test_keep_every_word(self, words: list[str], chance: float, seed: int) -> None:
        assert Counter(with_swaps(words, chance, drawn(seed))) == Counter(words)

    def test_move_a_word_that_is_chosen_to_another_place(self) -> None:
        # of two words one is chosen half of the time; where both are, they change back
        random = drawn()
        made = Counter(" ".join(with_swaps(["a", "b"], 0.5, random)) for _ in range(4_000))

        assert made["b a"] == pytest.approx(2_000, rel=0.1)
        assert with_swaps(["a"], 1.0, random) == ["a"]

    def test_with_no_chance_move_nothing(self) -> None:
        words = list("abcdefgh")

        assert with_swaps(words, 0.0, drawn()) == words
        assert with_swaps(words, 0.5, drawn()) != words


class TestSynonyms:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Couch cover", "sofa cover"),
            ("COUCH", "sofa"),
            ("couches and slouch", "couches and slouch"),
            ("(couch), couch.", "(sofa), sofa."),
            ("couch2", "couch2"),
            ("红色couch套", "红色sofa套"),
        ],
    )
    def test_stand_for_whole_words_of_any_case(self, text: str, expected: str) -> None:
        assert replaced(text, {"couch": ["sofa"]}) == expected

    def test_stand_for_phrases_and_the_longest_wins(self) -> None:
        synonyms = {"face": ["visage"], "face cream": ["moisturiser"]}

        assert replaced("Face  Cream for the face", synonyms) == "moisturiser for the visage"

    def test_stand_for_chinese_anywhere_in_the_text(self) -> None:
        assert replaced("补水面膜男10片", {"面膜": ["面贴"]}) == "补水面贴男10片"
        assert replaced("旅行双肩包", {"双肩包": ["背包"], "包": ["袋"]}) == "旅行背包"

    def test_are_not_looked_up_again_in_what_was_put_in(self) -> None:
        assert replaced("a b", {"a": ["b"], "b": ["a"]}) == "b a"

    def test_are_taken_as_they_are_written(self) -> None:
        assert replaced("c++ (new)", {"c++": [r"\1 C"], "(new)": ["fresh"]}) == r"\1 C fresh"

    def test_are_drawn_alike(self) -> None:
        random, synonyms = drawn(), Synonyms.of({"tea": ["chai", "cha"]})
        made = Counter(with_synonyms("tea", synonyms, 0.5, random) for _ in range(4_000))

        assert made["tea"] == pytest.approx(2_000, rel=0.1)
        assert made["chai"] == pytest.approx(1_000, rel=0.1)
        assert made["cha"] == pytest.approx(1_000, rel=0.1)

    def test_fold_case_as_unicode_does(self) -> None:
        assert replaced("STRASSE Straße İ", {"straße": ["road"], "i": ["j"]}) == "road road İ"

    @given(TEXTS, st.dictionaries(TEXTS, st.just(["x"]), max_size=5))
    def test_leave_what_no_phrase_fits_as_it_is(
        self, text: str, synonyms: dict[str, list[str]]
    ) -> None:
        random = drawn()

        assert with_synonyms(text, Synonyms.of(synonyms), 0.0, random) == text
        kept = with_synonyms(text, Synonyms.of(synonyms), 1.0, random).replace("x", "")
        assert is_subsequence(list(kept), list(text))


class TestVariants:
    @given(st.lists(TEXTS, max_size=4), CHANCES, CHANCES, st.floats(0, 1), SEEDS)
    def test_are_never_empty_and_made_of_the_words_of_the_text(
        self, parts: list[str], dropout: float, deletion: float, swap: float, seed: int
    ) -> None:
        chosen = settings(
            variants=3, attribute_dropout=dropout, word_deletion=deletion, word_swap=swap
        )
        variants = text_variants(parts, chosen, NO_SYNONYMS, seed)

        assert len(variants) == 3
        assert all(bool(variant.strip()) == bool(parts) for variant in variants)
        letters = Counter("".join(parts) + ". " * len(parts))
        assert all(Counter(variant) - Counter(" ") <= letters for variant in variants)

    def test_leave_out_whole_parts_and_never_all(self) -> None:
        chosen = settings(variants=300, attribute_dropout=0.5)
        made = Counter(text_variants(["rose tea", "hot"], chosen, NO_SYNONYMS))

        assert set(made) == {"rose tea. hot", "rose tea", "hot"}
        assert made["rose tea. hot"] == pytest.approx(75, rel=0.4)

    def test_of_a_text_do_not_depend_on_what_was_made_before(self) -> None:
        chosen = settings(variants=4, word_deletion=0.5)
        first = text_variants(["a b c d e f"], chosen, NO_SYNONYMS, seed=1)
        text_variants(["another text"], chosen, NO_SYNONYMS, seed=1)

        assert text_variants(["a b c d e f"], chosen, NO_SYNONYMS, seed=1) == first
        assert text_variants(["a b c d e f"], chosen, NO_SYNONYMS, seed=2) != first
        assert len(set(first)) > 1

    def test_use_the_synonyms(self) -> None:
        chosen = settings(variants=2, synonym_chance=1.0)

        assert text_variants(["Tea"], chosen, Synonyms.of({"tea": ["chai"]})) == ["chai", "chai"]

    def test_are_the_text_where_nothing_is_asked_for(self) -> None:
        assert text_variants(["Rose tea", "hot"], settings(variants=1), NO_SYNONYMS) == [
            "Rose tea. hot"
        ]


class TestSettings:
    @pytest.mark.parametrize(
        ("chosen", "complaint"),
        [
            ({"variants": 0}, r"variants = 0"),
            ({"attribute_dropout": 1.0}, r"attribute_dropout = 1\.0"),
            ({"word_deletion": -0.1}, r"word_deletion = -0\.1"),
            ({"word_swap": 1.5}, r"word_swap = 1\.5"),
            ({"synonym_chance": float("nan")}, r"synonym_chance = nan"),
            ({"synonyms": {"tea": []}}, r"synonyms\.tea = \[\]"),
            ({"synonyms": {"tea": [" "]}}, r"synonyms\.tea\.0 = ' '"),
            ({"synonyms": {" ": ["tea"]}}, r"synonyms"),
            ({"synonyms": {"tea": "chai"}}, r"synonyms\.tea = 'chai'"),
            ({"synonyms": {"Tea": ["x"], "tea": ["y"]}}, r"'Tea', 'tea'.*differ only in case"),
            ({"deletion": 0.1}, r"unknown key 'towers\.text\.augmentation\.deletion'.*word_swap"),
        ],
    )
    def test_that_are_bad_are_refused_by_name(self, chosen: dict[str, Any], complaint: str) -> None:
        with pytest.raises(ConfigError, match=complaint):
            RecommenderConfig.from_mapping({"towers": {"text": {"augmentation": chosen}}})

    def test_are_off_unless_asked_for(self) -> None:
        assert TextConfig().augmentation is None

    def test_round_trip_through_yaml(self, tmp_path: Path) -> None:
        augmentation = {"variants": 3, "synonyms": {"面膜": ["面贴", "mask"]}}
        config = RecommenderConfig.from_mapping(
            {"towers": {"text": {"augmentation": augmentation}}}
        )
        (tmp_path / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")

        assert RecommenderConfig.from_yaml(tmp_path / "config.yaml") == config


@pytest.fixture(scope="module")
def tower(tiny_encoder: Path) -> Callable[..., TextTower]:
    """Makes towers that are fine-tuned for a few steps."""

    def made(**chosen: object) -> TextTower:
        usual = {
            "encoder": str(tiny_encoder),
            "frozen_layers": 1,
            "steps": 8,
            "batch_size": 32,
            "objective": "pairs",
            "pair_window": 3,
            "projection": False,
            "precision": "float32",
        }
        return TextTower(TextConfig.model_validate(usual | chosen), seed=0, device="cpu")

    return made


def losses(tower: TextTower, data: TrainingData) -> list[float]:
    """The loss of every step of a fit."""
    curves = Curves()
    tower.fit(data, FitSession("text tower", curves))
    return [point.value for point in curves.of("text tower")]


class TestFineTuning:
    def test_on_unaltered_copies_takes_each_for_the_text_it_is_of(
        self, tower: Callable[..., TextTower], training_data: TrainingData
    ) -> None:
        # the same pairs are drawn, and a copy is no negative of its own text
        copied = losses(tower(augmentation=UNCHANGED | {"variants": 1}, steps=1), training_data)

        assert copied == pytest.approx(losses(tower(steps=1), training_data), rel=1e-4)

    def test_sees_the_copies(
        self, tower: Callable[..., TextTower], training_data: TrainingData
    ) -> None:
        altered = losses(tower(augmentation={"word_deletion": 0.5}, steps=1), training_data)

        assert abs(altered[0] - losses(tower(steps=1), training_data)[0]) > 1e-3

    def test_is_repeatable(
        self, tower: Callable[..., TextTower], training_data: TrainingData
    ) -> None:
        first, second = (losses(tower(augmentation={}), training_data) for _ in range(2))

        assert first == second
        assert first != losses(tower(), training_data)

    def test_sees_synonyms_and_embeds_the_texts_as_they_are(
        self, tower: Callable[..., TextTower], training_data: TrainingData
    ) -> None:
        augmentation = {"synonyms": {"rose": ["spade"]}, "synonym_chance": 1.0}
        fitted = tower(augmentation=augmentation).fit(training_data)

        again = fitted.embed_items(training_data.catalogue, None, np.arange(64))

        # states of frozen layers are kept in half precision
        np.testing.assert_allclose(again, fitted.item_embeddings, atol=0.02)

    def test_alters_only_texts_in_pairs_and_runs_their_frozen_layers_once(
        self,
        tower: Callable[..., TextTower],
        training_data: TrainingData,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        augmentation = UNCHANGED | {"variants": 2, "word_deletion": 0.5}
        fitted = tower(augmentation=augmentation, pair_min_count=5, batch_size=4)
        read: list[list[str]] = []
        tokens = fitted.encoder.tokens

        def noted(texts: list[str]) -> Any:
            read.append(texts)
            return tokens(texts)

        monkeypatch.setattr(fitted.encoder, "tokens", noted)
        fitted.fit(training_data)
        fitted.fit(training_data)

        texts = fitted.reader.of(training_data.catalogue)
        distinct = np.unique(np.array(texts, dtype=object), return_inverse=True)[1]
        pairs = PairExamples(training_data.histories, distinct, 64, window=3, min_count=5)
        paired = training_data.catalogue[np.flatnonzero(pairs.met[distinct])]
        altered = {
            variant
            for parts in paired.select("title", "description").iter_rows()
            for variant in text_variants(parts, settings(**augmentation), NO_SYNONYMS)
        }
        assert 0 < paired.height < len(texts)
        assert [set(each) for each in read if altered & set(each)] == [set(texts) | altered]

    def test_takes_items_without_text(
        self, tower: Callable[..., TextTower], training_data: TrainingData
    ) -> None:
        silent = pl.when(pl.int_range(pl.len()) < 8).then(pl.lit(None)).otherwise
        catalogue = training_data.catalogue.with_columns(
            silent(pl.col(column)).alias(column) for column in ("title", "description")
        )
        fitted = tower(augmentation={})

        assert len(losses(fitted, replace(training_data, catalogue=catalogue))) == 8
        assert np.isfinite(fitted.item_embeddings).all()
