"""Plots of measurements, for the documentation; SVG or PNG by the name of the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, QUIET, HAIR = "#1d1d1f", "#6b6b70", "#d8d8dc"
COLOURS = ("#2a6ad8", "#d1602a", "#3b8a4e", "#8a5cc2", QUIET)
"""Of the lines in turn, told apart by those who see few colours, too."""
DASHES = ("-", "--", ":")
"""Of the lines in turn, once the colours are used up."""
NEAR = 0.06
"""Of the height of a plot: points closer to the next one above are named below themselves."""


@contextmanager
def _drawing(file: Path, across: str, up: str) -> Iterator[Axes]:
    """Axes to draw on, in the one style of all plots; written to ``file`` at the end."""
    with mpl.rc_context({"font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "hybridrec"}):
        figure = Figure(figsize=(7.2, 3.8), layout="constrained")
        axes = figure.add_subplot()
        yield axes
        axes.set_xlabel(across, color=QUIET)
        axes.set_ylabel(up, color=QUIET)
        axes.tick_params(colors=QUIET, length=0, which="both")
        axes.grid(color=HAIR, linewidth=0.7)
        axes.spines[:].set_visible(False)
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def lines(
    file: Path, x: Sequence[float], curves: Mapping[str, Sequence[float]], across: str, up: str
) -> None:
    """Curves over one axis.

    Args:
        file: where to; an earlier one is replaced.
        x: ``(n,)`` where the values lie.
        curves: ``(n,)`` values by name; the first is drawn to stand out.
        across: what the axis tells.
        up: what the values are.
    """
    with _drawing(file, across, up) as axes:
        for place, (name, values) in enumerate(curves.items()):
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(x, values, color=colour, linewidth=2.6 - 1.2 * bool(place), label=name)
        axes.axhline(0, color=QUIET, linewidth=0.8)
        axes.legend(frameon=False, labelcolor=INK)


def growth(
    file: Path, x: Sequence[float], curves: Mapping[str, Sequence[float]], across: str, up: str
) -> None:
    """Curves over one axis, both axes in powers of ten: the slope is the exponent.

    Args:
        file: where to; an earlier one is replaced.
        x: ``(n,)`` where the values lie, above 0.
        curves: ``(n,)`` values by name, above 0.
        across: what the axis tells.
        up: what the values are.
    """
    with _drawing(file, across, up) as axes:
        for place, (name, values) in enumerate(curves.items()):
            round_, colour = divmod(place, len(COLOURS))
            axes.loglog(x, values, DASHES[round_ % len(DASHES)], color=COLOURS[colour],
                        linewidth=1.4, marker="o", markersize=4, label=name)  # fmt: skip
        axes.set_xticks(list(x), [f"{value:,.0f}" for value in x])
        axes.tick_params(axis="x", which="minor", labelbottom=False)
        axes.legend(frameon=False, labelcolor=INK, loc="center left", bbox_to_anchor=(1.0, 0.5))


def points(
    file: Path, values: Mapping[str, tuple[float, float, float]], across: str, up: str
) -> None:
    """Named points with their errors, the axis across in powers of ten.

    Args:
        file: where to; an earlier one is replaced.
        values: across, up and the standard error of that by name; the first is drawn to stand out.
        across: what the axis tells.
        up: what the values are.
    """
    with _drawing(file, across, up) as axes:
        axes.set_xscale("log")
        heights = sorted(y for _, y, _ in values.values())
        near = NEAR * (heights[-1] - heights[0])
        for place, (name, (x, y, error)) in enumerate(values.items()):
            colour = INK if place else COLOURS[0]
            axes.errorbar(x, y, error, fmt="o", color=colour, markersize=8 - 3 * bool(place))
            weight = "normal" if place else "bold"
            crowded = any(0 < above - y < near for above in heights)
            axes.annotate(name, (x, y), (7, -10 if crowded else 4), textcoords="offset points",
                          color=colour, fontweight=weight, fontsize=9)  # fmt: skip
        axes.margins(x=0.25, y=0.12)
