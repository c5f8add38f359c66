"""Where things stand in a drawing of columns, so that the lines between them cross little.

After Sugiyama, Tagawa and Toda, *Methods for visual understanding of hierarchical system
structures* (IEEE SMC, 1981): a line that passes a column has a place in it, columns are sorted by
where their neighbours stand, and everything is drawn towards its neighbours as far as there is
room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

_SWEEPS = 24
_PULLS = 60

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Layers:
    """Where everything stands, in the unit of the heights.

    Attributes:
        y: The middle of each node, shape ``(n_nodes,)``; the uppermost begins at 0.
        bends: For each edge the heights at which it passes the columns between its ends, from
            head to tail.
        height: Where the lowest ends; 0 when there is nothing.
    """

    y: FloatArray
    bends: list[FloatArray]
    height: float


def layered(
    columns: Sequence[int],
    heights: Sequence[float],
    edges: Sequence[tuple[int, int]],
    weights: Sequence[float],
    *,
    gap: float,
    lane: float,
) -> Layers:
    """Sets nodes below one another in their columns; the same input gives the same layers.

    Args:
        columns: The column of each node, from 0.
        heights: How high each node is.
        edges: Head and tail of each edge, as positions of nodes.
        weights: How much each edge counts in keeping lines short and apart.
        gap: Free space between nodes.
        lane: How high a line is that passes a column.
    """
    place, room = list(columns), [height + gap for height in heights]
    chains = []
    for head, tail in edges:
        step = 1 if columns[tail] > columns[head] else -1
        between = range(columns[head] + step, columns[tail], step)
        if columns[head] == columns[tail]:
            between = range(0)
        chains.append([head, *range(len(place), len(place) + len(between)), tail])
        place += between
        room += [lane] * len(between)
    pull = np.zeros((len(place), len(place)))
    links = []
    for chain, weight in zip(chains, weights, strict=True):
        for one, other in pairwise(chain):
            pull[one, other] += weight
            pull[other, one] += weight
            links.append((one, other, weight))
    rooms, column = np.array(room), np.array(place, dtype=np.intp)
    y = _settled(_orders(column, rooms, pull, links), rooms, pull)
    top = float((y - rooms / 2).min(initial=np.inf)) if len(y) else 0.0
    y = y - top - gap / 2
    low = float((y + rooms / 2).max(initial=0.0)) - gap / 2 if len(y) else 0.0
    return Layers(y[: len(columns)], [y[chain[1:-1]] for chain in chains], low)


def _orders(
    column: IntArray, rooms: FloatArray, pull: FloatArray, links: list[tuple[int, int, float]]
) -> list[IntArray]:
    """The nodes of each column from above, in the order of the fewest crossings found."""
    best = [np.flatnonzero(column == number) for number in range(column.max(initial=-1) + 1)]
    y = np.zeros(len(column))
    for members in best:
        y[members] = spread(y[members], rooms[members])
    fewest = _crossings(column, y, links)
    orders = list(best)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for number in range(len(orders)) if forward else reversed(range(len(orders))):
            before = column <= number if forward else column >= number
            members = orders[number]
            wanted = _middle(pull * before, y, members)
            order = np.argsort(wanted, kind="stable")
            orders[number] = members[order]
            y[orders[number]] = spread(wanted[order], rooms[orders[number]])
        crossings = _crossings(column, y, links)
        if crossings < fewest:
            best, fewest = list(orders), crossings
    return best


def _settled(orders: list[IntArray], rooms: FloatArray, pull: FloatArray) -> FloatArray:
    """Heights that bring everything near its neighbours without a change of order."""
    y = np.zeros(len(rooms))
    for members in orders:
        y[members] = spread(y[members], rooms[members])
    for _ in range(_PULLS):
        for members in orders:
            y[members] = spread(_middle(pull, y, members), rooms[members])
    return y


def _middle(pull: FloatArray, y: FloatArray, members: IntArray) -> FloatArray:
    """Where the neighbours of some nodes are in the mean; where these are if they have none."""
    total = pull[members].sum(axis=1)
    return np.where(total > 0, pull[members] @ y / np.maximum(total, 1e-9), y[members])


def spread(wanted: FloatArray, rooms: FloatArray) -> FloatArray:
    """The heights nearest to those wanted (least squares) at which nodes have their room."""
    from scipy.optimize import isotonic_regression

    if not len(wanted):
        return wanted
    offsets = np.concatenate(([0.0], np.cumsum((rooms[:-1] + rooms[1:]) / 2)))
    apart: FloatArray = isotonic_regression(wanted - offsets).x + offsets
    return apart


def _crossings(column: IntArray, y: FloatArray, links: list[tuple[int, int, float]]) -> float:
    """How many pairs of lines cross, each as often as the weights of both say."""
    ends = np.array([(one, other) for one, other, _ in links], dtype=np.intp).reshape(-1, 2)
    weights = np.array([weight for _, _, weight in links])
    ends = np.where((column[ends[:, 0]] <= column[ends[:, 1]])[:, None], ends, ends[:, ::-1])
    left, right = ends.T
    together = (column[left][:, None] == column[left]) & (column[right][:, None] == column[right])
    together &= (column[left] != column[right])[:, None]
    crossed = (y[left][:, None] - y[left]) * (y[right][:, None] - y[right]) < 0
    return float((together * crossed * np.outer(weights, weights)).sum() / 2)
