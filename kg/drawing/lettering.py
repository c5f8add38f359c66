"""Texts that must fit where no font can be asked how wide they are."""

import re
import unicodedata
from bisect import bisect_right
from itertools import accumulate

FONT = 13.0
"""Size of the letters, in pixels."""
_NARROW, _BROAD = frozenset("fijlrtI.,:;'!|()[] -"), frozenset("mwMW@%&")
_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legible(text: str) -> str:
    """Text in one line, without the characters that XML forbids."""
    return " ".join(_NOT_XML.sub("�", text).split())


def length(text: str) -> float:
    """About how long a text is in the usual fonts."""
    return FONT * sum(_breadth(sign) for sign in text)


def _breadth(sign: str) -> float:
    if unicodedata.combining(sign):
        return 0.0
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.0
    if sign in _NARROW:
        return 0.36
    return 0.9 if sign in _BROAD else 0.69 if sign.isupper() else 0.59


def wrapped(text: str, room: float, lines: int) -> list[str]:
    """A text in so many lines at most, cut off with … where these do not hold it."""
    fits = _fitting(text, room)
    if fits == len(text):
        return [text]
    if lines == 1:
        return [text[: _fitting(text, room - FONT)].rstrip() + "…"]
    space = text.rfind(" ", fits // 2, fits + 1)
    end = fits if space < 0 else space
    return [text[:end], *wrapped(text[end:].strip(), room, lines - 1)]


def _fitting(text: str, room: float) -> int:
    """How many of the characters there is room for."""
    return bisect_right(list(accumulate(FONT * _breadth(sign) for sign in text)), room)
