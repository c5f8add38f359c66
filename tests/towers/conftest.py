"""Fitted towers, small enough to fit in a second."""

from collections.abc import Callable
from pathlib import Path

import pytest

from hybridrec.towers.base import Tower, TrainingData
from hybridrec.towers.collaborative.config import CollaborativeConfig
from hybridrec.towers.collaborative.tower import CollaborativeTower
from hybridrec.towers.graph.config import GraphConfig
from hybridrec.towers.graph.tower import GraphTower
from hybridrec.towers.text.config import TextConfig
from hybridrec.towers.text.tower import TextTower

KINDS = ("collaborative", "graph", "text")


@pytest.fixture(scope="session")
def new_tower(tiny_encoder: Path) -> Callable[[str], Tower]:
    """Makes an unfitted tower by name."""

    def made(kind: str) -> Tower:
        if kind == "collaborative":
            config = CollaborativeConfig(
                embedding_dim=8,
                iterations=15,
                regularization=1.0,
                regularization_exponent=0.0,
                unobserved_weight=1.0,
            )
            return CollaborativeTower(config, seed=3, device="cpu")
        if kind == "graph":
            settings = GraphConfig(embedding_dim=16, steps=40, learning_rate=0.02)
            return GraphTower(settings, seed=3, device="cpu")
        text = TextConfig(
            encoder=str(tiny_encoder),
            frozen_layers=1,
            steps=12,
            batch_size=32,
            learning_rate=2e-3,
            pair_window=4,
        )
        return TextTower(text, seed=3, device="cpu")

    return made


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of a tower, each in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def fitted_towers(
    new_tower: Callable[[str], Tower], training_data: TrainingData
) -> dict[str, Tower]:
    """All towers, fitted on the small shop; not to be changed."""
    return {kind: new_tower(kind).fit(training_data) for kind in KINDS}


@pytest.fixture
def tower(kind: str, fitted_towers: dict[str, Tower]) -> Tower:
    """A fitted tower, each in turn; not to be changed."""
    return fitted_towers[kind]
