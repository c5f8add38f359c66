"""Sizes and numbers sorted into bands that people can read."""

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
