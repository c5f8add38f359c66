"""Sizes and numbers sorted into bands that people can read."""

import re
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

_WEIGHT, _VOLUME = "G", "ML"
_COUNTED = ("CT", "PK", "LOAD")
_LARGE = {_WEIGHT: "KG", _VOLUME: "L"}
_LARGE_FACTOR = 1000.0

# A bare OZ is weight on one label and volume on the next, so OZ and LB stay apart from grams and
# litres; a fluid ounce is a volume.
_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("OZ", "OUNCE", "OUNCES"), ("OZ", 1.0)),
    **dict.fromkeys(("LB", "LBS", "POUND", "POUNDS"), ("OZ", 16.0)),
    "MG": (_WEIGHT, 0.001),
    **dict.fromkeys(("G", "GR", "GRAM", "GRAMS"), (_WEIGHT, 1.0)),
    "KG": (_WEIGHT, 1000.0),
    "ML": (_VOLUME, 1.0),
    "CL": (_VOLUME, 10.0),
    **dict.fromkeys(("L", "LT", "LTR", "LITER", "LITERS", "LITRE", "LITRES"), (_VOLUME, 1000.0)),
    "FL OZ": (_VOLUME, 29.5735),
    **dict.fromkeys(("PT", "PINT", "PINTS"), (_VOLUME, 473.176)),
    **dict.fromkeys(("QT", "QUART", "QUARTS"), (_VOLUME, 946.353)),
    **dict.fromkeys(("GA", "GAL", "GALLON", "GALLONS"), (_VOLUME, 3785.41)),
    **dict.fromkeys(("CT", "COUNT", "EA", "PC", "PCS"), ("CT", 1.0)),
    **dict.fromkeys(("DZ", "DOZEN"), ("CT", 12.0)),
    **dict.fromkeys(("PK", "PACK"), ("PK", 1.0)),
    **dict.fromkeys(("LOAD", "LOADS", "LD"), ("LOAD", 1.0)),
    "IN": ("IN", 1.0),
    **dict.fromkeys(("FT", "FEET"), ("IN", 12.0)),
    **dict.fromkeys(("YD", "YDS"), ("IN", 36.0)),
    "MM": ("CM", 0.1),
    "CM": ("CM", 1.0),
    "M": ("CM", 100.0),
    "SQ FT": ("SQ FT", 1.0),
}
# The whole text must be one number and one unit: "8 CT/3.5 CM" or "EX 16 OZ" is not certain, nor
# is a number of six digits, with which shops fill the field.
_AMOUNT = r"^((?:\d{1,5}(?:\.\d+)?)|(?:\d{1,5},\d{1,2})|(?:\.\d+))\s*([A-Z][A-Z .]*?)\.?$"
_FRACTION = r"^(\d{1,5})/(\d{1,5})\s*([A-Z][A-Z .]*?)\.?$"


# What may stand in running text: no units that are words or signs of something else (IN, FT, M, PT,
# MG), and grams only from ten on, since 5G is no weight.
_IN_TEXT_UNITS = {
    **dict.fromkeys(("FL OZ", "FLOZ", "FLUID OUNCE", "FLUID OUNCES"), "FL OZ"),
    **dict.fromkeys(("OZ", "OUNCE", "OUNCES"), "OZ"),
    **dict.fromkeys(("LB", "LBS", "POUND", "POUNDS"), "LB"),
    **dict.fromkeys(("G", "GRAM", "GRAMS", "克"), _WEIGHT),
    **dict.fromkeys(("KG", "千克", "公斤"), "KG"),
    **dict.fromkeys(("ML", "毫升"), _VOLUME),
    "CL": "CL",
    **dict.fromkeys(("L", "LITER", "LITERS", "LITRE", "LITRES", "升"), "L"),
    **dict.fromkeys(("QT", "QUART", "QUARTS"), "QT"),
    **dict.fromkeys(("GAL", "GALLON", "GALLONS"), "GAL"),
    **dict.fromkeys(("CT", "COUNT"), "CT"),
    **dict.fromkeys(("PK", "PACK"), "PK"),
    **dict.fromkeys(("LOADS",), "LOAD"),
}
_LEAST_GRAMS = 10
MEASURES: tuple[Literal["size", "pack"], ...] = ("size", "pack")
_SPELLINGS = "|".join(
    re.escape(spelling).replace(r"\ ", r"[ .]+")
    for spelling in sorted(_IN_TEXT_UNITS, key=len, reverse=True)
)
_APART = r"(?<![\w.,/-])"
_AMOUNT_IN_TEXT = r"\d{1,5}(?:[.,]\d{1,2})?"
_UNIT_IN_TEXT = rf"(?:{_SPELLINGS})(?![A-Z0-9])"
_IN_TEXT = re.compile(rf"{_APART}({_AMOUNT_IN_TEXT})[ -]?({_UNIT_IN_TEXT})")
_SEVERAL_OF = re.compile(rf"{_APART}(\d{{1,3}}) ?[X×] ?({_AMOUNT_IN_TEXT}[ -]?{_UNIT_IN_TEXT})")
_OF_PACK = re.compile(r"\bPACK OF (\d{1,3})\b")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def size_bands(sizes: pl.Series) -> pl.Series:
    """The band that each size falls into; bands are a power of two wide.

    Convertible units share their bands (LB with OZ; L, GAL and FL OZ with ML; KG with G). A band
    holds its lower end and not its upper end, except for counts, which name their last whole
    number. Text that is not plainly one number and one unit has no band.

    Args:
        sizes: Texts such as ``"16 OZ"``, ``"1.5 L"`` or ``"1/2 GAL"``, nulls allowed.

    Returns:
        Strings, as many as ``sizes``; null where the size could not be read.

    >>> size_bands(pl.Series(["12 OZ", "1 LB", "750 ML", "12 PK", "ASSORTED"])).to_list()
    ['8–16 OZ', '16–32 OZ', '0.5–1 L', '8–15 PK', None]
    """
    measured = _measured(sizes)
    scale = pl.when(pl.col("unit").is_in(list(_LARGE))).then(_LARGE_FACTOR).otherwise(1.0)
    amounts = measured.select(pl.col("amount") / scale).to_series()
    # frexp is exact at powers of two, where a rounded logarithm could fall on the wrong side.
    exponents = np.frexp(amounts.fill_null(1.0).to_numpy())[1] - 1
    bands = measured.select(
        "unit",
        pl.when(pl.col("amount").is_not_null())
        .then(pl.Series("exponent", exponents, dtype=pl.Int32))
        .alias("exponent"),
    )
    distinct = bands.unique().drop_nulls()
    names = [_size_name(unit, exponent) for unit, exponent in distinct.iter_rows()]
    named = distinct.with_columns(pl.Series("band", names, dtype=pl.String))
    joined = bands.join(named, on=["unit", "exponent"], how="left", maintain_order="left")
    return joined.get_column("band").alias(sizes.name)


def measures_in(texts: pl.Series) -> pl.DataFrame:
    """The sizes and pack counts that stand in texts such as product names, where that is certain.

    Certain is a number with a unit that means nothing else: ``"Cola 50 OZ"``, ``"6 x 330 ml"``,
    ``"Pack of 12"``, ``"牛奶 250毫升"``; not ``"3 in 1"``, ``"5G"``, ``"10-12 oz"``. Of a size told
    in several units (``"3.4 oz / 100 ml"``) the first is taken; where two amounts of one unit
    stand in a text, none is.

    Args:
        texts: Strings, nulls allowed.

    Returns:
        ``row`` (UInt32, rising), ``measure`` (``"size"`` or ``"pack"``) and ``text``, as
        :func:`size_bands` reads it; at most one row of each measure a text.

    >>> measures_in(pl.Series(["Cola 6 x 12 FL OZ", "Tea", "Soap, 2 pack"])).rows()
    [(0, 'size', '12 FL OZ'), (0, 'pack', '6 PK'), (2, 'pack', '2 PK')]
    """
    distinct = texts.drop_nulls().unique(maintain_order=True)
    distinct = distinct.filter(distinct.str.contains(r"[0-9]"))
    found = [
        (text, measure, told) for text in distinct for measure, told in _told_measures(text).items()
    ]
    schema = {"of": pl.String, "measure": pl.String, "text": pl.String}
    rows = texts.cast(pl.String).alias("of").to_frame().with_row_index("row")
    return rows.join(
        pl.DataFrame(found, schema=schema, orient="row"), on="of", maintain_order="left_right"
    ).drop("of")


def _told_measures(text: str) -> dict[Literal["size", "pack"], str]:
    """Size and pack count that one text tells."""
    plain = _OF_PACK.sub(r"\1 PK", _SEVERAL_OF.sub(r"\1 PK \2", _THOUSANDS.sub("", text.upper())))
    amounts: dict[str, set[str]] = {}
    for number, spelling in _IN_TEXT.findall(plain):
        unit = _IN_TEXT_UNITS[re.sub(r"[ .]+", " ", spelling)]
        if unit != _WEIGHT or float(number.replace(",", ".")) >= _LEAST_GRAMS:
            amounts.setdefault(unit, set()).add(number)
    told: dict[Literal["size", "pack"], str] = {}
    for unit, numbers in amounts.items():
        if len(numbers) == 1:
            measure: Literal["size", "pack"] = "pack" if unit in _COUNTED else "size"
            told.setdefault(measure, f"{numbers.pop()} {unit}")
    return {measure: told[measure] for measure in MEASURES if measure in told}


def _measured(sizes: pl.Series) -> pl.DataFrame:
    """Amount in the family's base unit, and that unit; both null where nothing is certain."""
    text = pl.col("text")
    plain = sizes.cast(pl.String).str.to_uppercase().str.strip_chars().alias("text").to_frame()
    table = pl.DataFrame(
        [(spelling, unit, factor) for spelling, (unit, factor) in _UNITS.items()],
        schema={"spelling": pl.String, "unit": pl.String, "factor": pl.Float64},
        orient="row",
    )
    fraction = text.str.extract(_FRACTION, 1).cast(pl.Float64) / text.str.extract(
        _FRACTION, 2
    ).cast(pl.Float64)
    number = text.str.extract(_AMOUNT, 1).str.replace(",", ".", literal=True).cast(pl.Float64)
    spelling = pl.coalesce(text.str.extract(_AMOUNT, 2), text.str.extract(_FRACTION, 3))
    read = plain.select(
        pl.coalesce(number, fraction).alias("number"),
        spelling.str.replace_all(r"[ .]+", " ").str.strip_chars().alias("spelling"),
    ).join(table, on="spelling", how="left", maintain_order="left")
    amount = pl.col("number") * pl.col("factor")
    whole = ~pl.col("unit").is_in(list(_COUNTED)) | (amount == amount.floor())
    certain = (amount > 0) & amount.is_finite() & whole
    return read.select(
        pl.when(certain).then(amount).alias("amount"),
        pl.when(certain).then(pl.col("unit")).alias("unit"),
    )


def _size_name(unit: str, exponent: int) -> str:
    low = 2.0**exponent
    if unit in _COUNTED:
        last = 2 * low - 1
        return f"{_number(low)} {unit}" if last == low else f"{_number(low)}–{_number(last)} {unit}"
    high = 2 * low
    if unit in _LARGE:
        if high > 0.5:
            unit = _LARGE[unit]
        else:
            low, high = low * _LARGE_FACTOR, high * _LARGE_FACTOR
    return f"{_number(low)}–{_number(high)} {unit}"


def quantile_edges(numbers: npt.NDArray[np.float64], n_bands: int) -> tuple[float, ...]:
    """Limits of bands that hold about equally many numbers each.

    Args:
        numbers: Shape ``(n,)``; what is not finite is left out.
        n_bands: How many bands to aim for; repeated values can make them fewer.

    Returns:
        Ascending values out of ``numbers``, lowest and highest included: one more than there are
        bands. Empty when no number is finite.

    >>> quantile_edges(np.arange(1.0, 11.0), 5)
    (1.0, 2.0, 4.0, 6.0, 8.0, 10.0)
    """
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return ()
    shares = np.arange(1, n_bands) / n_bands
    inner = np.unique(np.quantile(finite, shares, method="inverted_cdf"))
    lowest, highest = float(finite.min()), float(finite.max())
    return (lowest, *(float(edge) for edge in inner if edge > lowest), highest)


def band_numbers(
    numbers: npt.NDArray[np.float64], edges: tuple[float, ...]
) -> npt.NDArray[np.intp]:
    """The band of each number: its position between the ``edges`` of :func:`quantile_edges`.

    A band holds its lower limit; numbers beyond the ends fall into the first or the last band.

    >>> band_numbers(np.array([0.0, 2.0, 3.0, 99.0]), (1.0, 2.0, 4.0))
    array([0, 1, 1, 1])
    """
    return np.searchsorted(np.asarray(edges[1:-1], dtype=np.float64), numbers, side="right")


def band_name(label: str, low: float, high: float) -> str:
    """What people call a band of numbers.

    >>> band_name("price", 2.49, 3.99)
    'price 2.49–3.99'
    """
    # Enough decimals to tell the limits apart, and two at least, as prices are written.
    gap = high - low
    decimals = 2 if gap <= 0 else max(2, 1 - int(np.floor(np.log10(gap))))
    if gap <= 0:
        return f"{label} {_number(low, 6)}"
    return f"{label} {_number(low, decimals)}–{_number(high, decimals)}"


def _number(value: float, decimals: int = 6) -> str:
    return f"{value:.{decimals}f}".rstrip("0").rstrip(".")
