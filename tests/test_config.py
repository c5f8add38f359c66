"""Settings: YAML in and out, and refusals that say what would be accepted."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hybridrec.config import RecommenderConfig, TowersConfig
from hybridrec.devices import resolve_device
from hybridrec.errors import ConfigError
from hybridrec.towers.text.config import TextConfig

CONFIGS = Path(__file__).parent.parent / "configs"
POSITIVE = st.floats(1e-6, 1e6)
CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.integers(0, 2**31),
        "exclude": st.sampled_from(["seen", "none"]),
        "event_strengths": st.dictionaries(st.text(max_size=5), POSITIVE, max_size=3),
        "long_profile": st.fixed_dictionaries({"half_life_days": POSITIVE}),
        "towers": st.fixed_dictionaries(
            {},
            optional={
                "graph": st.none() | st.fixed_dictionaries({"learning_rate": POSITIVE}),
                "text": st.none() | st.fixed_dictionaries({"encoder": st.text(max_size=10)}),
            },
        ),
    },
)


@given(CHANGES)
def test_settings_round_trip_through_yaml(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]
) -> None:
    config = RecommenderConfig.from_mapping(changes)
    path = tmp_path_factory.getbasetemp() / "round-trip.yaml"
    path.write_text(config.to_yaml(), encoding="utf-8")

    assert RecommenderConfig.from_yaml(path) == config


def test_what_is_not_named_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("ranker:\n  horizon_days: 7\n")
    config = RecommenderConfig.from_yaml(path)

    assert config.ranker.horizon_days == 7
    assert config.ranker.hidden == RecommenderConfig().ranker.hidden
    assert config.towers == RecommenderConfig().towers


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("# nothing yet\n")

    assert RecommenderConfig.from_yaml(path) == RecommenderConfig()


@pytest.mark.skipif(not (CONFIGS / "default.yaml").exists(), reason="no configs/default.yaml")
def test_the_default_file_says_what_the_defaults_are() -> None:
    path = CONFIGS / "default.yaml"

    assert RecommenderConfig.from_yaml(path) == RecommenderConfig()
    named = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert named == RecommenderConfig().model_dump(mode="json")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_ready_config_round_trips(path: Path, tmp_path: Path) -> None:
    config = RecommenderConfig.from_yaml(path)
    (tmp_path / "again.yaml").write_text(config.to_yaml(), encoding="utf-8")

    assert RecommenderConfig.from_yaml(tmp_path / "again.yaml") == config


@pytest.mark.parametrize(
    ("settings", "unknown", "accepted"),
    [
        ({"sead": 1}, "'sead'", "seed"),
        ({"ranker": {"epoch": 3}}, "'ranker.epoch'", "epochs"),
        ({"towers": {"grahp": None}}, "'towers.grahp'", "graph"),
        ({"towers": {"graph": {"layer": 1}}}, "'towers.graph.layer'", "layers"),
        ({"long_profile": {"half_life": 1}}, "'long_profile.half_life'", "half_life_days"),
    ],
)
def test_an_unknown_key_is_named_with_those_accepted(
    settings: dict[str, Any], unknown: str, accepted: str
) -> None:
    with pytest.raises(ConfigError, match=rf"unknown key {unknown}; accepted there: .*{accepted}"):
        RecommenderConfig.from_mapping(settings)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"ranker": {"horizon_days": 0}}, r"ranker\.horizon_days = 0"),
        ({"ranker": {"members": 0}}, r"ranker\.members = 0"),
        ({"towers": {"text": {"batch_size": 1}}}, r"towers\.text\.batch_size = 1"),
        ({"towers": {"graph": {"layers": "two"}}}, r"towers\.graph\.layers = 'two'"),
        ({"exclude": "some"}, r"exclude = 'some'.*'seen' or 'none'"),
        ({"candidates": {"own": -1}}, r"candidates\.own = -1"),
        ({"long_profile": {"half_life_days": float("nan")}}, r"half_life_days = nan"),
        ({"event_strengths": {"view": "weak"}}, r"event_strengths\.view = 'weak'"),
        ({"towers": {"collaborative": None, "graph": None, "text": None}}, "at least one tower"),
        ("default", "default"),
        ([1, 2], r"\[1, 2\]"),
    ],
)
def test_a_value_out_of_range_is_named(settings: Any, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        RecommenderConfig.from_mapping(settings)


def test_every_complaint_is_in_the_message() -> None:
    with pytest.raises(ConfigError, match="unknown key 'sead'") as refusal:
        RecommenderConfig.from_mapping({"sead": 1, "ranker": {"horizon_days": -1}})

    assert "ranker.horizon_days = -1" in str(refusal.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        RecommenderConfig.from_yaml(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    "content", [b"a: [1, 2", b"\x00\x01", b"\xff\xfe\xfa rubbish"], ids=["open", "control", "bytes"]
)
def test_a_file_that_is_no_yaml_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"config\.yaml"):
        RecommenderConfig.from_yaml(path)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TextConfig().steps = 3  # type: ignore[misc]


def test_a_tower_can_be_left_out() -> None:
    assert TowersConfig(graph=None).graph is None


class TestDevices:
    def test_cpu_is_cpu(self) -> None:
        assert resolve_device("cpu").type == "cpu"

    @pytest.mark.parametrize("present", [True, False])
    def test_auto_takes_a_gpu_where_there_is_one(
        self, monkeypatch: pytest.MonkeyPatch, present: bool
    ) -> None:
        monkeypatch.setattr("torch.cuda.is_available", lambda: present)
        assert resolve_device("auto").type == ("cuda" if present else "cpu")

    @pytest.mark.parametrize("name", ["tpu9", "", "gpu", "cuda:x", "cpu cuda"])
    def test_a_name_that_is_none_is_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match=f"device '{name}' is unknown"):
            resolve_device(name)

    @pytest.mark.parametrize("name", ["meta", "mps", "xla"])
    def test_devices_that_are_not_supported_are_refused(self, name: str) -> None:
        with pytest.raises(ConfigError, match=f"device '{name}'"):
            resolve_device(name)

    @pytest.mark.parametrize(("name", "count"), [("cuda", 0), ("cuda:0", 0), ("cuda:2", 2)])
    def test_a_gpu_that_is_not_there_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, name: str, count: int
    ) -> None:
        monkeypatch.setattr("torch.cuda.device_count", lambda: count)
        with pytest.raises(ConfigError, match=f"which has {count} CUDA devices"):
            resolve_device(name)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"exclude": "seen", "questions": ["none"]}, "'seen' is none of questions"),
        ({"ranker": {"folds": 1}}, "greater than or equal to 2"),
        ({"ranker": {"folds": 3, "moments": 4}}, "4 is more than the folds, 3"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        RecommenderConfig.from_mapping(settings)
