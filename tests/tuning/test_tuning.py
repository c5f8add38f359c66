"""The search for settings: what may vary, going on after a kill, and refusals."""

from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from hybridrec.config import RecommenderConfig
from hybridrec.data import Dataset
from hybridrec.errors import ConfigError
from hybridrec.tuning import study as study_module
from hybridrec.tuning.page import write_search_page
from hybridrec.tuning.space import SearchSpace, changed
from hybridrec.tuning.study import tune
from hybridrec.tuning.trials import measure

BASE = RecommenderConfig.from_mapping(
    {"device": "cpu", "towers": {"collaborative": {"embedding_dim": 8, "iterations": 4}}}
)
SPACE = SearchSpace.from_mapping(
    {
        "vary": {
            "towers.collaborative.embedding_dim": {"choices": [1, 8]},
            "towers.collaborative.regularization": {"low": 0.01, "high": 0.2, "log": True},
        }
    }
)


class TestSpace:
    @pytest.mark.parametrize(
        ("path", "dimension", "message"),
        [
            (
                "towers.graph.depth",
                {"choices": [1, 2]},
                "unknown key 'towers.graph.depth'.*layers",
            ),
            ("towers.music.dim", {"choices": [1, 2]}, r"towers.music.dim.*no towers.music"),
            ("ranker.epochs", {"low": 0, "high": 3}, r"ranker.epochs = 0.*greater than or equal"),
            ("towers.text.encoder.name", {"choices": ["a", "b"]}, "no towers.text.encoder"),
        ],
    )
    def test_must_fit_the_settings(
        self, path: str, dimension: dict[str, object], message: str
    ) -> None:
        space = SearchSpace.from_mapping({"vary": {path: dimension}})

        with pytest.raises(ConfigError, match=message):
            space.check(RecommenderConfig())

    @pytest.mark.parametrize(
        ("dimension", "message"),
        [
            ({}, "either choices, or low and high"),
            ({"low": 1}, "either choices, or low and high"),
            ({"low": 1, "high": 2, "choices": [1, 2]}, "either choices, or low and high"),
            ({"low": 2, "high": 2}, r"low \(2\) must be below high \(2\)"),
            ({"low": 0, "high": 2, "log": True}, "log needs"),
            ({"choices": [1]}, "at least 2"),
            ({"values": [1, 2]}, "accepted there: choices, low, high, log"),
        ],
    )
    def test_says_what_a_dimension_needs(self, dimension: object, message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            SearchSpace.from_mapping({"vary": {"seed": dimension}})

    def test_draws_whole_numbers_between_whole_ends(self) -> None:
        space = SearchSpace.from_mapping(
            {
                "vary": {
                    "ranker.epochs": {"low": 1, "high": 9},
                    "ranker.horizon_days": {"low": 1.0, "high": 9},
                }
            }
        )
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
        drawn = [space.suggest(study.ask()) for _ in range(20)]

        assert all(isinstance(values["ranker.epochs"], int) for values in drawn)
        assert any(float(values["ranker.horizon_days"]) % 1 for values in drawn)  # type: ignore[arg-type]

    def test_of_a_tower_left_out_is_refused(self) -> None:
        base = RecommenderConfig.from_mapping({"towers": {"graph": None}})

        with pytest.raises(ConfigError, match=r"no towers\.graph to change"):
            changed(base, {"towers.graph.layers": 2})

    @pytest.mark.parametrize("name", ["collaborative", "graph", "text"])
    def test_the_shipped_ones_fit_the_defaults(self, name: str) -> None:
        shipped = Path(__file__).parents[2] / "configs" / "search" / f"{name}.yaml"
        SearchSpace.from_yaml(shipped).check(RecommenderConfig())


class TestTune:
    def test_finds_the_better_choice_and_gives_its_settings(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        search = tune(dataset, SPACE, tmp_path / "s.db", 12, base=BASE, part="collaborative")

        best = search.best.towers.collaborative
        assert best is not None
        assert best.embedding_dim == 8
        assert search.best.towers.graph == BASE.towers.graph
        frame = search.to_polars().filter(state="complete")
        assert frame["value"].max() == search.study.best_value
        again = measure(dataset, search.best, "collaborative", lambda _: None)
        assert again == pytest.approx(search.study.best_value, abs=0.02)
        assert sum(search.importances().values()) == pytest.approx(1)

    def test_that_was_killed_tries_its_last_settings_again_and_goes_on(
        self, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "deep" / "s.db"
        measured: list[RecommenderConfig] = []

        def killed(data: Dataset, config: RecommenderConfig, *_: object) -> float:
            measured.append(config)
            if len(measured) == 3:
                raise KeyboardInterrupt
            return float(len(measured))

        monkeypatch.setattr(study_module, "measure", killed)
        with pytest.raises(KeyboardInterrupt):
            tune(dataset, SPACE, file, 5, base=BASE, part="collaborative")
        _leave_running(file)
        search = tune(dataset, SPACE, file, 5, base=BASE, part="collaborative")

        states = [trial.state for trial in search.study.trials]
        assert states.count(TrialState.FAIL) == 2  # the killed one, and the one left running
        assert states.count(TrialState.COMPLETE) == 4  # two before, the one left running, one more
        assert any("towers.collaborative.regularization" in t.params for t in search.study.trials)
        assert tune(dataset, SPACE, file, 5, base=BASE, part="collaborative").best == search.best

    def test_that_was_killed_in_its_last_trial_repeats_it(
        self, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(study_module, "measure", lambda *_: 0.5)
        file = tmp_path / "s.db"
        tune(dataset, SPACE, file, 2, base=BASE, part="collaborative")
        _leave_running(file)

        search = tune(dataset, SPACE, file, 3, base=BASE, part="collaborative")

        states = [trial.state for trial in search.study.trials]
        assert states.count(TrialState.COMPLETE) == 3

    def test_does_not_measure_the_same_settings_twice(
        self, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        measured: list[RecommenderConfig] = []

        def counted(data: Dataset, config: RecommenderConfig, *_: object) -> float:
            measured.append(config)
            return 0.5

        monkeypatch.setattr(study_module, "measure", counted)
        space = SearchSpace.from_mapping({"vary": {"ranker.epochs": {"choices": [1, 2]}}})
        search = tune(dataset, space, tmp_path / "s.db", 10, base=BASE)

        assert len(search.study.trials) == 10
        assert len(measured) == 2

    def test_a_study_of_something_else_is_refused(self, dataset: Dataset, tmp_path: Path) -> None:
        file = tmp_path / "s.db"
        tune(dataset, SPACE, file, 1, base=BASE, part="collaborative")

        with pytest.raises(ConfigError, match="a study of other data"):
            tune(dataset, SPACE, file, 2, base=changed(BASE, {"seed": 1}), part="collaborative")

    def test_a_file_that_is_no_study_is_refused(self, dataset: Dataset, tmp_path: Path) -> None:
        (tmp_path / "s.db").write_text("shopping list" * 100)

        with pytest.raises(ConfigError, match=r"s\.db is no SQLite file"):
            tune(dataset, SPACE, tmp_path / "s.db", 2, base=BASE, part="collaborative")

    def test_says_why_when_no_trial_could_be_measured(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        bare = Dataset.from_frames(dataset.events, dataset.catalogue.select("item_id"))

        with pytest.raises(ConfigError, match=r"no trial .* could be measured.*no graph tower"):
            tune(bare, SPACE, tmp_path / "s.db", 2, base=BASE, part="graph")

    def test_lagging_trials_of_a_tower_end_early(
        self, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def measured(
            data: Dataset, config: RecommenderConfig, part: object, report: object
        ) -> float:
            assert config.towers.collaborative is not None
            value = float(config.towers.collaborative.embedding_dim)
            for _ in range(3):
                report(value)  # type: ignore[operator]
            return value

        monkeypatch.setattr(study_module, "measure", measured)
        space = SearchSpace.from_mapping(
            {"vary": {"towers.collaborative.embedding_dim": {"low": 1, "high": 999}}}
        )
        search = tune(dataset, space, tmp_path / "s.db", 30, base=BASE, part="collaborative")

        frame = search.to_polars()
        assert frame.filter(state="pruned").height > 0
        assert frame.filter(state="pruned")["trial"].min() >= study_module.STARTUP_TRIALS  # type: ignore[operator]

    def test_draws_a_page_without_links_to_elsewhere(
        self, dataset: Dataset, tmp_path: Path
    ) -> None:
        search = tune(dataset, SPACE, tmp_path / "s.db", 6, base=BASE, part="collaborative")
        write_search_page(search, tmp_path / "page" / "s.html")
        page = (tmp_path / "page" / "s.html").read_text(encoding="utf-8")

        assert "towers.collaborative.regularization" in page
        assert "Best so far" in page
        assert '<script src="http' not in page


def test_the_fusion_is_measured_by_its_lists(dataset: Dataset) -> None:
    config = changed(BASE, {"towers.graph": None, "towers.text": None, "ranker.epochs": 2})

    assert 0.05 < measure(dataset, config, "fusion", lambda _: None) <= 1


def _leave_running(file: Path) -> None:
    """What a kill by signal leaves: a trial that nobody works on any more."""
    study = optuna.load_study(study_name="hybridrec", storage=f"sqlite:///{file}")
    SPACE.suggest(study.ask())
