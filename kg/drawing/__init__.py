"""A graph as a picture that people can read."""

from kg.drawing.picture import Drawing, draw

__all__ = ["Drawing", "draw"]
