"""Training curves: losses and validation metrics, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from hybridrec.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl


LOSS = "loss"


class Point(NamedTuple):
    """One value of one curve."""

    model: str
    name: str
    step: int
    value: float
    seconds: float


class Curves:
    """The curves of a fit, in the order they were recorded.

    Args:
        tensorboard: folder to send every value to as well, as TensorBoard reads it.

    Raises:
        ConfigError: TensorBoard is asked for and not installed.
    """

    def __init__(self, tensorboard: Path | None = None) -> None:
        self._points: list[Point] = []
        self._writer = None
        if tensorboard is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise ConfigError(
                    "TensorBoard is not installed; pip install 'hybridrec[tensorboard]'"
                ) from error
            self._writer = SummaryWriter(tensorboard)

    def add(self, point: Point) -> None:
        """Adds one value."""
        self._points.append(point)
        if self._writer is not None:
            tag = f"{point.model}/{point.name}"
            self._writer.add_scalar(tag, point.value, point.step)

    def close(self) -> None:
        """Makes sure that TensorBoard, where it is asked for, has everything."""
        if self._writer is not None:
            self._writer.close()

    def restore(self, model: str, points: list[Point]) -> None:
        """Puts points in place of one model's, as a resumed fit brings them from its checkpoint.

        They are not sent to TensorBoard, where the killed fit sent them.
        """
        others = [point for point in self._points if point.model != model]
        self._points = [*others, *points]

    @property
    def models(self) -> list[str]:
        """The models that have curves, in the order they came."""
        return list(dict.fromkeys(point.model for point in self._points))

    def of(self, model: str) -> list[Point]:
        """The points of one model."""
        return [point for point in self._points if point.model == model]

    @classmethod
    def from_polars(cls, frame: pl.DataFrame) -> Self:
        """Curves as :meth:`to_polars` wrote them."""
        curves = cls()
        curves._points = [Point(*row) for row in frame.rows()]
        return curves

    def to_polars(self) -> pl.DataFrame:
        """A row a value: ``model``, ``name``, ``step``, ``value``, ``seconds`` into the fit."""
        import polars as pl

        types = {
            "model": pl.String,
            "name": pl.String,
            "step": pl.Int64,
            "value": pl.Float64,
            "seconds": pl.Float64,
        }
        return pl.DataFrame(self._points, schema=types, orient="row")

    def to_html(self, path: str | Path) -> None:
        """Draws them on a page that opens in any browser."""
        from hybridrec.learning.page import curves_page
        from hybridrec.pages import write_in_one_step

        write_in_one_step(Path(path), curves_page(self))
