"""What a shop says of its catalogue, in YAML or as a mapping; the rest is inferred.

item_id: sku
name: title
columns:
  brand: {phrase: made by, inverse: makes}
  category: path
  price: {kind: bands, n_bands: 4, within: category}
  title: measures
  notes: ignored
others: infer  # or ignore
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from kg.errors import SchemaError
from kg.schema import KINDS, CatalogueSchema

SchemaLike: TypeAlias = CatalogueSchema | Mapping[str, Any] | str | Path

_WHOLE = ("item_id", "name", "columns", "others")
_TYPES: dict[str, type] = {
    "kind": str, "relation": str, "entity_type": str, "phrase": str, "inverse": str,
    "functional": bool, "within": str, "n_bands": int,
}  # fmt: skip
_OTHERS = {"infer": True, "ignore": False}


@dataclass(frozen=True)
class Told:
    """What is known before the catalogue is looked at.

    Attributes:
        item_id, name: As those of :class:`~kg.schema.CatalogueSchema`, where they were told.
        columns: Fields of :class:`~kg.schema.Column`, by column.
        others: Whether other columns are inferred.
    """

    item_id: str | None = None
    name: str | None = None
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    others: bool = True


def told_of(schema: Mapping[str, Any] | str | Path) -> Told:
    """Reads what a shop says of its catalogue.

    Args:
        schema: A YAML file, or what such a file holds.

    Raises:
        SchemaError: When the file cannot be read, or says something that is not known.
    """
    if isinstance(schema, Mapping):
        return _checked(schema, "the schema")
    import yaml

    try:
        content = yaml.safe_load(Path(schema).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SchemaError(f"{schema} cannot be read: {error}") from error
    if not isinstance(content, Mapping):
        raise SchemaError(f"{schema} is no mapping; it may have {', '.join(_WHOLE)}")
    return _checked(content, str(schema))


def _checked(content: Mapping[str, Any], where: str) -> Told:
    _refuse_unknown(content, _WHOLE, where)
    for name in ("item_id", "name"):
        if not isinstance(content.get(name, ""), str):
            raise SchemaError(f"{where}: {name} is {content[name]!r}; it must name a column")
    others = content.get("others", "infer")
    if others not in _OTHERS:
        raise SchemaError(f"{where}: others is {others!r}; accepted are {', '.join(_OTHERS)}")
    columns = content.get("columns", {})
    if not isinstance(columns, Mapping):
        raise SchemaError(f"{where}: columns is {columns!r}; it must be a mapping by column")
    told = {str(name): _column(said, f"{where}: columns.{name}") for name, said in columns.items()}
    return Told(content.get("item_id"), content.get("name"), told, _OTHERS[others])


def _column(said: object, where: str) -> dict[str, Any]:
    """The fields told of one column; a word alone is its kind."""
    told = {"kind": said} if isinstance(said, str) else said
    if not isinstance(told, Mapping):
        raise SchemaError(f"{where} is {said!r}; give a kind or a mapping")
    _refuse_unknown(told, tuple(_TYPES), where)
    for name, value in told.items():
        if not isinstance(value, _TYPES[name]) and not (name == "within" and value is None):
            raise SchemaError(
                f"{where}.{name} is {value!r}; it must be of type {_TYPES[name].__name__}"
            )
    if told.get("kind", "values") not in KINDS:
        raise SchemaError(f"{where}.kind is {told['kind']!r}; accepted are {', '.join(KINDS)}")
    if told.get("n_bands", 2) < 2:
        raise SchemaError(f"{where}.n_bands is {told['n_bands']}; it must be 2 or more")
    return dict(told)


def _refuse_unknown(content: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
    unknown = [key for key in content if key not in known]
    if unknown:
        raise SchemaError(f"{where} has {unknown[0]!r}; accepted are {', '.join(known)}")
