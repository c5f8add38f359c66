"""What each column of the tables is to a recommender: declared by the shop, or inferred.

- ``text``: words about the item. The text tower reads ``title``, ``description`` and, after them,
  other columns declared as text.
- ``category_path`` (``Beauty > Makeup > Face``), ``category`` (values that items share),
  ``multi_label`` (lists of those, or text joined by ``||``) and ``size`` (``16 OZ``): attributes,
  which join the knowledge graph. Decimal numbers declared as a category join it as five bands.
- ``numeric``, ``money``, ``date``: amounts and moments, which neither graph nor text tower reads.
- ``image``, ``identifier`` (a code for each item), ``ignored``: kept, read by no model.
- ``personal``: what may tell who a person is; read by no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias, cast, get_args

import polars as pl

from hybridrec.data.columns import Columns, as_given
from hybridrec.errors import DataError
from kg.reading.columns import VALUES_SEPARATOR
from kg.reading.inference import infer_columns
from kg.schema import ITEM, Column, ColumnKind

Role = Literal[
    "text",
    "category_path",
    "multi_label",
    "category",
    "size",
    "numeric",
    "money",
    "date",
    "image",
    "identifier",
    "personal",
    "ignored",
]

ATTRIBUTES: Final[Mapping[Role, ColumnKind]] = {
    "category_path": "path",
    "multi_label": "values",
    "category": "values",
    "size": "size",
}
"""The roles that join the knowledge graph, and how it reads them."""

_ACCEPTED: Final[Mapping[str, str]] = {
    "text": "what can be written out: strings, numbers, dates and lists of them",
    "category_path": "strings and lists of strings",
    "size": "strings and lists of strings",
    "multi_label": "strings, integers, booleans and lists of them",
    "category": "strings, integers, booleans, lists of them, and decimal numbers",
}
_MOST = 0.5
_LONG_TEXT_CHARACTERS = 60
_EXAMPLE_CHARACTERS = 40
_CODE_NAME = re.compile(
    r"(^|[_\s])(sku|ean|gtin|upc|isbn|asin|mpn|barcode|uuid|guid)($|[_\s])", re.IGNORECASE
)
_MONEY_NAME = re.compile(
    r"(^|[_\s])(prices?|costs?|amounts?|fees?|msrp|rrp)($|[_\s](?!(.*[_\s])?id$))|价格|售价|单价|成本|金额",
    re.IGNORECASE,
)
_IMAGE_NAME = re.compile(
    r"(^|[_\s])(images?|img|pictures?|photos?|thumbnails?)($|[_\s])|图片|主图", re.IGNORECASE
)
_TEXT_NAME = re.compile(r"(^|[_\s])(description|text|summary)($|[_\s])|描述|详情", re.IGNORECASE)
_DATE = r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T\s]|$)"
_IMAGE = r"(?i)\.(jpe?g|png|webp|gif|svg|bmp|tiff?|avif|heic)(\?\S*)?$"
_LINK = r"(?i)^(https?://|www\.)\S+$"
_CURRENCY = r"[$€£¥￥₹₩₽元]|USD|EUR|GBP|CNY|RMB|JPY"
_NUMBER = r"[-+]?\d[\d\s.,]*"
_PRICE = rf"(?i)^(?:(?:{_CURRENCY})\s*{_NUMBER}|{_NUMBER}\s*(?:{_CURRENCY}))$"
_ONE_CODE = r"^[!-~]+$"

Inference: TypeAlias = tuple[Role, str]
"""A role and, in words, why."""


class _Values(NamedTuple):
    """A column and what it holds.

    Args:
        name: the column's name.
        dtype: its type; of lists, that of their elements.
        listed: whether it holds lists.
        filled: its values without null and blank ones, text stripped, lists unrolled.
    """

    name: str
    dtype: pl.DataType
    listed: bool
    filled: pl.Series

    @property
    def textual(self) -> bool:
        return isinstance(self.dtype, pl.String | pl.Categorical | pl.Enum)

    @property
    def different(self) -> float:
        return self.filled.n_unique() / max(len(self.filled), 1)


def checked_roles(
    declared: Mapping[str, str] | None, catalogue: pl.DataFrame, *others: pl.DataFrame | None
) -> dict[str, Role]:
    """The declared roles, once it is certain that they can be taken on.

    Args:
        declared: column → role.
        catalogue: one row an item.
        others: the other tables whose columns may be declared.

    Raises:
        DataError: a role that is none, a column that no table has, a role that the catalogue's
            column cannot take on.
    """
    roles = dict(declared or {})
    tables = [catalogue, *(table for table in others if table is not None)]
    known = list(dict.fromkeys(column for table in tables for column in table.columns))
    for column, role in roles.items():
        if role not in get_args(Role):
            raise DataError(
                f"roles: {column!r} cannot be {role!r}; roles are {', '.join(get_args(Role))}"
            )
        if column not in known:
            raise DataError(f"roles: no table has a column {column!r}; there are {known}")
        if column == Columns.ITEM and role != "identifier":
            raise DataError(f"roles: {column!r} cannot be {role!r}; it names the items")
        if column in catalogue.columns and not _fits(catalogue.schema[column], role):
            raise DataError(
                f"roles: the catalogue's {column!r} holds {catalogue.schema[column]} and cannot "
                f"be {role!r}, which takes {_ACCEPTED[role]}"
            )
    return cast(dict[str, Role], roles)


def catalogue_roles(catalogue: pl.DataFrame, declared: Mapping[str, str]) -> pl.DataFrame:
    """What every column of a catalogue is.

    What is an attribute that items share is for :func:`kg.reading.inference.infer_columns` to say,
    of the columns whose name or values do not tell at once.

    Args:
        catalogue: one row an item.
        declared: column → role, which wins over inference.

    Returns:
        ``column``, ``role``, ``declared`` (bool) and ``reason``, in the catalogue's order.

    >>> catalogue = pl.DataFrame({"item_id": [1, 2], "tags": ["new||hot", "hot"], "cost": [1, 2]})
    >>> catalogue_roles(catalogue, {"cost": "ignored"}).select("column", "role").rows()
    [('item_id', 'identifier'), ('tags', 'multi_label'), ('cost', 'ignored')]
    """
    found: dict[str, Inference] = {
        column: (cast(Role, role), "declared")
        for column, role in declared.items()
        if column in catalogue.columns
    }
    values = {column: _values(catalogue[column]) for column in catalogue.columns}
    for column in values.keys() - found.keys():
        told = next(filter(None, (rule(values[column]) for rule in _RULES)), None)
        if told is not None:
            found[column] = told
    for attribute in infer_columns(catalogue, without=set(found)):
        found[attribute.name] = _attribute(attribute, values[attribute.name])
    for column in values.keys() - found.keys():
        found[column] = _unshared(values[column])
    rows = [(column, *found[column], column in declared) for column in catalogue.columns]
    schema = {"column": pl.String, "role": pl.String, "reason": pl.String, "declared": pl.Boolean}
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return table.select("column", "role", "declared", "reason")


def attributes(roles: pl.DataFrame) -> dict[str, ColumnKind]:
    """The columns that join the knowledge graph, and how it reads them.

    Args:
        roles: as :func:`catalogue_roles` gives them.
    """
    chosen = roles.filter(pl.col("role").is_in(list(ATTRIBUTES))).select("column", "role")
    return {column: ATTRIBUTES[role] for column, role in chosen.iter_rows()}


def text_columns(roles: pl.DataFrame) -> tuple[str, ...]:
    """The columns that the text tower reads: title, description, then others declared as text.

    Args:
        roles: as :func:`catalogue_roles` gives them.
    """
    texts = roles.filter(pl.col("role") == "text")
    named = [column for column in Columns.TEXT if column in texts["column"]]
    added = texts.filter(pl.col("declared") & ~pl.col("column").is_in(list(Columns.TEXT)))
    return (*named, *added["column"])


def _fits(dtype: pl.DataType, role: str) -> bool:
    """Whether a catalogue column of this type can take on the role."""
    listed = isinstance(dtype, pl.List | pl.Array)
    inner = dtype.inner if listed else dtype  # type: ignore[attr-defined]
    textual = isinstance(inner, pl.String | pl.Categorical | pl.Enum | pl.Null)
    if role == "text":
        return not inner.is_nested() and inner != pl.Binary
    if role in ("category_path", "size"):
        return textual
    if role in ("multi_label", "category"):
        number = inner.is_integer() or (inner.is_numeric() and role == "category" and not listed)
        return textual or number or inner == pl.Boolean
    return True


def _values(series: pl.Series) -> _Values:
    listed = isinstance(series.dtype, pl.List | pl.Array)
    flat = series.explode() if listed else series
    if isinstance(flat.dtype, pl.String | pl.Categorical | pl.Enum):
        flat = flat.cast(pl.String).str.strip_chars()
        flat = flat.filter(flat != "")
    return _Values(series.name, flat.dtype, listed, flat.drop_nulls())


def _by_given_name(values: _Values) -> Inference | None:
    if values.name == Columns.ITEM:
        return "identifier", "it names the items"
    if values.name in Columns.TEXT and not values.dtype.is_nested():
        return "text", "its name says so"
    if values.name == ITEM:
        return "ignored", f"{ITEM!r} is what the graph calls the items themselves: rename it"
    if values.name.endswith(as_given("")):
        return "ignored", "it keeps what was written where a value could not be read"
    return None


def _nothing(values: _Values) -> Inference | None:
    return ("ignored", "it holds no value") if values.filled.is_empty() else None


def _code(values: _Values) -> Inference | None:
    n = len(values.filled)
    if values.listed or n < 2 or values.different < 1 or not _CODE_NAME.search(values.name):
        return None
    return "identifier", f"name says code and all {n:,} values are different"


def _date(values: _Values) -> Inference | None:
    if values.dtype == pl.Date or isinstance(values.dtype, pl.Datetime):
        return "date", f"its type is {values.dtype}"
    return _mostly(values, _DATE, "date", "dates")


def _image(values: _Values) -> Inference | None:
    told = _mostly(values, _IMAGE, "image", "image files")
    if told is None and values.textual and _IMAGE_NAME.search(values.name):
        return "image", "name says image"
    return told


def _link(values: _Values) -> Inference | None:
    return _mostly(values, _LINK, "ignored", "links")


def _money(values: _Values) -> Inference | None:
    if values.listed:
        return None
    if _MONEY_NAME.search(values.name):
        if values.dtype.is_numeric():
            return "money", "name says money and all values are numbers"
        if values.textual and (share := _number_share(values)) >= _MOST:
            return "money", f"name says money and {_percent(share)} of the values are numbers"
    return _mostly(values, _PRICE, "money", "amounts in a currency")


_RULES: Final[tuple[Callable[[_Values], Inference | None], ...]] = (
    _by_given_name,
    _nothing,
    _code,
    _date,
    _image,
    _link,
    _money,
)
"""What a name or the form of the values tells at once; the first that speaks is heard."""


def _attribute(column: Column, values: _Values) -> Inference:
    """The role of a column that the knowledge graph would take."""
    n, n_different = len(values.filled), values.filled.n_unique()
    if column.kind == "path":
        share, example = _share(values, " > ", literal=True)
        return "category_path", f"{_percent(share)} of the values are paths such as {example!r}"
    if column.kind == "size":
        return "size", f"name says size and values are such as {_example(values.filled)!r}"
    counted = f"{n:,} values, {n_different:,} different"
    if values.listed:
        return "multi_label", f"lists of {counted}"
    share, example = _share(values, VALUES_SEPARATOR, literal=True)
    if share > 0:
        joined = f"{_percent(share)} of the values are joined by {VALUES_SEPARATOR}"
        return "multi_label", f"{joined}, such as {example!r}"
    return "category", f"{counted}, such as {_example(values.filled)!r}"


def _unshared(values: _Values) -> Inference:
    """The role of a column whose values items do not share."""
    n, different = len(values.filled), f"{_percent(values.different)} of the values are different"
    if values.dtype == pl.Boolean and not values.listed:
        return "numeric", "its values are true or false; declare it 'category' to join the graph"
    if values.dtype.is_numeric() and not values.listed:
        low, high = values.filled.min(), values.filled.max()
        return "numeric", f"all values are numbers, from {low!r} to {high!r}"
    if not values.textual:
        return "ignored", f"nothing reads values of type {values.dtype}"
    if values.listed:
        return "ignored", f"lists; {different}, so items share little"
    length = cast(float, values.filled.str.len_chars().mean())
    if length > _LONG_TEXT_CHARACTERS:
        return "text", f"free text, {length:.0f} characters on average"
    if _TEXT_NAME.search(values.name):
        return "text", f"name says text, {length:.0f} characters on average"
    share, example = _share(values, _ONE_CODE)
    if share >= _MOST and values.different == 1:
        return "identifier", f"all {n:,} values are different codes such as {example!r}"
    if (numbers := _number_share(values)) >= _MOST:
        return "numeric", f"{_percent(numbers)} of the values are numbers"
    return "text", f"free text: {different}"


def _mostly(values: _Values, form: str, role: Role, called: str) -> Inference | None:
    """The role, if most values are written in a form."""
    if not values.textual:
        return None
    share, example = _share(values, form)
    if share < _MOST:
        return None
    return role, f"{_percent(share)} of the values are {called} such as {example!r}"


def _share(values: _Values, form: str, *, literal: bool = False) -> tuple[float, str]:
    """The share of the values with this form in them, and one of them."""
    if not values.textual:
        return 0.0, ""
    found = values.filled.str.contains(form, literal=literal)
    return float(found.sum()) / len(values.filled), _example(values.filled.filter(found))


def _number_share(values: _Values) -> float:
    return float(values.filled.cast(pl.Float64, strict=False).is_not_null().sum()) / len(
        values.filled
    )


def _example(values: pl.Series) -> str:
    text = str(values[0]) if len(values) else ""
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[:_EXAMPLE_CHARACTERS] + "…"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
