"""What a trial measures: a tower alone, or the whole recommender, on events held back from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from hybridrec.config import RecommenderConfig
from hybridrec.data import Dataset
from hybridrec.errors import ConfigError
from hybridrec.learning.session import FitSession
from hybridrec.recommender import Recommender
from hybridrec.towers.base import Tower, Validator
from hybridrec.training import (
    build_graph,
    has_text,
    learn_towers,
    new_towers,
    split_for_ranker,
    training_data,
)

Part = Literal["collaborative", "graph", "text", "fusion"]
PARTS: tuple[Part, ...] = get_args(Part)
Report = Callable[[float], None]


def measure(data: Dataset, config: RecommenderConfig, part: Part, report: Report) -> float:
    """The validation metric of some settings; higher is better.

    What users did in the ranker's horizon at the end of the data is held back: a tower alone is
    measured as it is while it learns, the fusion as its lists would have been.

    Args:
        data: all events that may be seen; those of a test are split off before.
        config: the settings.
        part: the tower that is measured, or ``fusion`` for the whole recommender.
        report: told of every measurement of a tower on the way; may raise to end the trial.

    Raises:
        ConfigError: the settings leave the tower out, or the data have nothing for it to learn.
    """
    before, after = split_for_ranker(data, config)
    if part == "fusion":
        recommender = Recommender(config).fit(before)
        return float(recommender.evaluate(after, [config.validation.metric])["value"][0])
    graph = build_graph(before) if part == "graph" else None
    found = new_towers(config, graph, text=part == "text" and has_text(before))
    if part not in found:
        raise ConfigError(
            f"there is no {part} tower to tune: the settings leave it out, or the data have "
            "nothing for it to learn from"
        )
    # the text tower draws hard negatives from the collaborative one
    needed = [name for name in found if name == part or part == "text"]
    training = training_data(before, graph, config, after)
    if training.validate is None:
        raise ConfigError(
            "nothing to measure on: validation.users is 0, or nobody with a history met anything "
            "new at the end of the data"
        )
    watched = replace(training, validate=_Watched(training.validate, part, report))
    learn_towers({name: found[name] for name in needed}, watched, FitSession, "held back")
    return training.validate(found[part])


@dataclass(frozen=True)
class _Watched:
    """A validator that tells what it measures of one tower."""

    validator: Validator
    tower: str
    report: Report

    @property
    def metric(self) -> str:
        return self.validator.metric

    def __call__(self, tower: Tower) -> float:
        value = self.validator(tower)
        if tower.name == self.tower:
            self.report(value)
        return value
