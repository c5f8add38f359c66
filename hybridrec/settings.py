"""What all settings share: they are immutable, checked, and read from YAML."""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import Any, Self, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from hybridrec.errors import ConfigError


class Settings(BaseModel):
    """Base of all settings: immutable, and unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Reads settings from a YAML file; what it does not name keeps its default.

        Raises:
            ConfigError: no such file, no YAML, an unknown key or a value out of range.
        """
        path = Path(path)
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"cannot read the config {path}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid YAML: {error}") from error
        return cls.from_mapping({} if content is None else content, source=str(path))

    @classmethod
    def from_mapping(cls, settings: Any, source: str = "config") -> Self:
        """Checks settings given as nested dictionaries.

        Raises:
            ConfigError: an unknown key or a value out of range.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            lines = [_complaint(cls, dict(problem)) for problem in error.errors()]
            raise ConfigError(f"{source}: " + "; ".join(lines)) from error

    def to_yaml(self) -> str:
        """The settings as YAML that :meth:`from_yaml` reads back."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False)


def _complaint(root: type[BaseModel], problem: dict[str, Any]) -> str:
    """One validation problem in words, with what would be accepted."""
    place = [str(part) for part in problem["loc"]]
    where = ".".join(place)
    if problem["type"] != "extra_forbidden":
        return f"{where} = {problem.get('input')!r}: {problem['msg']}"
    model: Any = root
    for part in place[:-1]:
        if _is_settings(model):
            kind = model.model_fields[part].annotation
            # of null or settings, the settings
            model = next(filter(_is_settings, get_args(kind)), kind) if _is_union(kind) else kind
        else:
            model = get_args(model)[-1]  # what a dictionary holds
    return f"unknown key {where!r}; accepted there: {', '.join(model.model_fields)}"


def _is_settings(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)
