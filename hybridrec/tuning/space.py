"""What a search may vary: any field of the settings, and between which values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from hybridrec.config import RecommenderConfig
from hybridrec.errors import ConfigError
from hybridrec.settings import Settings

if TYPE_CHECKING:
    from optuna import Trial

Value = bool | int | float | str | None


class Dimension(Settings):
    """The values that one field may take: a few ``choices``, or all from ``low`` to ``high``."""

    choices: tuple[Value, ...] | None = Field(None, min_length=2)
    low: int | float | None = None
    high: int | float | None = None
    """With ``low``: the ends of a range; of whole numbers where both are whole."""
    log: bool = False
    """Whether the logarithm of a range is drawn evenly."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.choices is None) == (self.low is None) or (self.low is None) != (
            self.high is None
        ):
            raise ValueError("give either choices, or low and high")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        if self.log and (self.low is None or self.low <= 0):
            raise ValueError("log needs a range whose low is above 0")
        return self

    @property
    def outermost(self) -> tuple[Value, ...]:
        """The choices, or the ends of the range."""
        return (self.low, self.high) if self.choices is None else self.choices

    def suggest(self, trial: Trial, name: str) -> Value:
        """A value for a trial."""
        if self.choices is not None:
            return trial.suggest_categorical(name, self.choices)
        assert self.low is not None
        assert self.high is not None
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


class SearchSpace(Settings):
    """Fields of :class:`RecommenderConfig`, each named by its path, and what they may be.

    >>> space = SearchSpace.from_mapping({"vary": {"towers.graph.layers": {"choices": [1, 2]}}})
    >>> space.check(RecommenderConfig())
    """

    vary: dict[str, Dimension] = Field(min_length=1)

    def check(self, base: RecommenderConfig) -> None:
        """Tries every field at its outermost values.

        Raises:
            ConfigError: a path that names no field, or a value out of the field's range.
        """
        for path, dimension in self.vary.items():
            for value in dimension.outermost:
                changed(base, {path: value})

    def suggest(self, trial: Trial) -> dict[str, Value]:
        """Values of all fields for a trial, by path."""
        return {path: dimension.suggest(trial, path) for path, dimension in self.vary.items()}


def changed(base: RecommenderConfig, values: Mapping[str, Value]) -> RecommenderConfig:
    """Settings with other values of some fields.

    Args:
        base: all settings.
        values: by path of the field.

    Raises:
        ConfigError: a path that names no field, or a value out of its range.

    >>> changed(RecommenderConfig(), {"towers.graph.layers": 3}).towers.graph.layers
    3
    """
    settings = base.model_dump()
    for path, value in values.items():
        *outer, field = path.split(".")
        place: Any = settings
        for key in outer:
            place = place.get(key) if isinstance(place, dict) else None
        if not isinstance(place, dict):
            raise ConfigError(f"{path}: the settings have no {'.'.join(outer)} to change that in")
        place[field] = value
    return RecommenderConfig.from_mapping(settings, source="search space")
