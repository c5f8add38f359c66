"""Importing hybridrec costs nothing; what is heavy waits until it is asked for."""

import re
import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "torch_geometric", "implicit", "polars")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, timeout=120
    )


@pytest.fixture(scope="module", params=["hybridrec", "kg"])
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def import_times(package: str) -> dict[str, float]:
    """Cumulative seconds of every module that importing a package loads."""
    report = python("-X", "importtime", "-c", f"import {package}").stderr
    rows = re.findall(r"^import time:\s+\d+ \|\s+(\d+) \|\s+(\S+)$", report, re.MULTILINE)
    return {module: int(microseconds) / 1e6 for microseconds, module in rows}


def test_importing_loads_nothing_heavy(import_times: dict[str, float], package: str) -> None:
    assert package in import_times
    assert {module.partition(".")[0] for module in import_times}.isdisjoint(HEAVY)


def test_importing_takes_no_time(import_times: dict[str, float], package: str) -> None:
    assert import_times[package] <= 0.3


def test_the_face_is_there_when_asked_for() -> None:
    script = (
        "import hybridrec, sys; from hybridrec import Dataset, HybridrecError, Recommender, "
        "RecommenderConfig; print(Recommender(RecommenderConfig()).config.exclude); "
        "print(all(getattr(hybridrec, name) for name in hybridrec.__all__)); "
        "print(sorted({'torch', 'transformers', 'implicit'} & set(sys.modules)))"
    )

    assert python("-c", script).stdout.split("\n")[:2] == ["none", "True"]


def test_reading_data_loads_no_model_library() -> None:
    script = "from hybridrec import Dataset; import sys; print('transformers' in sys.modules)"

    assert python("-c", script).stdout.strip() == "False"


def test_a_name_it_does_not_have_is_an_attribute_error() -> None:
    import hybridrec

    with pytest.raises(AttributeError, match="no attribute 'recommend_all'"):
        _ = hybridrec.recommend_all


def test_the_graph_package_offers_what_it_names() -> None:
    import kg

    assert all(getattr(kg, name).__name__ for name in kg.__all__)
    with pytest.raises(AttributeError, match="'kg' has no attribute 'Graph'"):
        _ = kg.Graph
