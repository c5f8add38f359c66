"""What nodes are recognised by from one fit to the next: keys as arrays of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from hybridrec.arrays import IntArray, NamedArrays


def keys_as_arrays(keys: pl.Series) -> NamedArrays:
    """Strings as UTF-8 bytes and the length of each."""
    text = "".join(keys.to_list()).encode()
    lengths = keys.str.len_bytes().to_numpy().astype(np.int32)
    return {"keys": np.frombuffer(text, dtype=np.uint8), "key_lengths": lengths}


def keys_from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> pl.Series:
    """The strings that :func:`keys_as_arrays` took apart."""
    text = arrays["keys"].tobytes()
    ends = np.cumsum(arrays["key_lengths"], dtype=np.int64)
    starts = ends - arrays["key_lengths"]
    parts = [text[start:end].decode() for start, end in zip(starts, ends, strict=True)]
    return pl.Series("key", parts, dtype=pl.String)


def places_of(keys: pl.Series, known: pl.Series) -> IntArray:
    """Where each key lies among the known ones, ``(n,)``; −1 where it does not."""
    asked = pl.DataFrame({"key": keys})
    places = known.to_frame("key").with_row_index("place").unique("key", keep="first")
    found = asked.join(places, on="key", how="left", maintain_order="left")["place"]
    return found.cast(pl.Int64).fill_null(-1).to_numpy().astype(np.int64)
