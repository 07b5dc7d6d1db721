"""Where a pixel the model saw lies on the picture the user gave: resize, crop, pad and quarter turns, and back."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vit_attention.gate import LIMITS, GateError, shown

if TYPE_CHECKING:
    from vit_attention.gate.bundle import GeometryFields

_IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True)
class Placed:
    """A grid of values laid on the original picture.

    Attributes:
        values: (rows, columns), turned so that rows go down and columns go right on the original.
        left, top: corner of the first cell in pixels of the original; may lie outside it (padding).
        width, height: size of one cell in pixels of the original.
    """

    values: NDArray[Any]
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Geometry:
    """The affine map from the original picture to the pixels a model saw; pixel edges lie on whole numbers.

    Build it by the same steps as the preprocessing: ``Geometry.of(640, 480).resize(341, 256).crop(58, 16, 224, 224)``.

    Attributes:
        original: (width, height) of the upright picture the user gave.
        seen: (width, height) of the model's input.
        matrix: two rows of three: x' = a x + b y + c, y' = d x + e y + f.
        steps: the steps in words, for the page and the manifest.

    >>> g = Geometry.of(640, 480).resize(341, 256).crop(58, 16, 224, 224)
    >>> g.to_original(g.to_seen([[320, 240]])).round(6)
    array([[320., 240.]])
    """

    original: tuple[int, int]
    seen: tuple[int, int]
    matrix: tuple[tuple[float, float, float], tuple[float, float, float]] = _IDENTITY
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.original) < 1 or min(self.seen) < 1:
            raise GateError("geometry", "sizes of at least 1 pixel", f"{shown(self.original)} and {shown(self.seen)}")
        linear = np.asarray(self.matrix, dtype=np.float64)
        if linear.shape != (2, 3) or not np.isfinite(linear).all() or abs(np.linalg.det(linear[:, :2])) < 1e-12:
            raise GateError("geometry", "an invertible 2 x 3 matrix", shown(self.matrix), field="matrix")

    @classmethod
    def of(cls, width: int, height: int) -> "Geometry":
        """The geometry of an unchanged picture."""
        return cls((int(width), int(height)), (int(width), int(height)))

    def _then(self, step: ArrayLike, seen: tuple[int, int], words: str) -> "Geometry":
        whole = np.vstack([np.asarray(step, float), (0, 0, 1)]) @ np.vstack([self.matrix, (0, 0, 1)])
        a, d = (tuple(float(v) for v in row) for row in whole[:2])
        return replace(self, seen=seen, matrix=(a, d), steps=(*self.steps, words))  # type: ignore[arg-type]

    def resize(self, width: int, height: int) -> "Geometry":
        """The geometry after a resize to (width, height) pixels."""
        sx, sy = width / self.seen[0], height / self.seen[1]
        words = f"resize {self.seen[0]}x{self.seen[1]} to {width}x{height}"
        return self._then([(sx, 0, 0), (0, sy, 0)], (width, height), words)

    def crop(self, left: int, top: int, width: int, height: int) -> "Geometry":
        """The geometry after a crop; a crop window that extends beyond the picture pads it."""
        words = f"crop {width}x{height} at {left}, {top}"
        return self._then([(1, 0, -left), (0, 1, -top)], (width, height), words)

    def pad(self, left: int, top: int, right: int, bottom: int) -> "Geometry":
        """The geometry after adding a border, in pixels for each side."""
        seen = (self.seen[0] + left + right, self.seen[1] + top + bottom)
        return self._then([(1, 0, left), (0, 1, top)], seen, f"pad {left}, {top}, {right}, {bottom}")

    def turn(self, quarters: int) -> "Geometry":
        """The geometry after rotating by `quarters` times 90 degrees counter-clockwise, as `numpy.rot90` does."""
        turned = self
        for _ in range(quarters % 4):
            width, height = turned.seen
            turned = turned._then([(0, 1, 0), (-1, 0, width)], (height, width), "turn 90 degrees")
        return turned

    def to_seen(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (n, 2) x, y in pixels of the original picture to pixels of the model's input."""
        linear = np.asarray(self.matrix, dtype=np.float64)
        return np.asarray(points, dtype=np.float64) @ linear[:, :2].T + linear[:, 2]

    def to_original(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map (n, 2) x, y in pixels of the model's input to pixels of the original picture."""
        linear = np.asarray(self.matrix, dtype=np.float64)
        return (np.asarray(points, dtype=np.float64) - linear[:, 2]) @ np.linalg.inv(linear[:, :2]).T

    def boxes_to_original(self, boxes: ArrayLike) -> NDArray[np.float64]:
        """(n, 4) left, top, right, bottom in the model's pixels to the original picture, corners sorted."""
        given = np.asarray(boxes, dtype=np.float64).reshape(-1, 2, 2)
        corners = self.to_original(given.reshape(-1, 2)).reshape(-1, 2, 2)
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def cells(self, grid: tuple[int, int]) -> NDArray[np.float64]:
        """(cells, 4) left, top, right, bottom in the model's pixels of a grid of (rows, columns) that tiles them.

        >>> Geometry.of(20, 30).cells((3, 2))[3].tolist()
        [10.0, 10.0, 20.0, 20.0]
        """
        rows, columns = grid
        y, x = np.divmod(np.arange(rows * columns), columns)
        side = np.array(self.seen) / (columns, rows)
        return np.asarray(np.stack([x, y, x + 1, y + 1], axis=1) * np.tile(side, 2))

    def place(self, values: ArrayLike) -> Placed:
        """Lay a (rows, columns) grid that tiles the model's input on the original picture.

        Raises:
            ValueError: `values` is not two-dimensional, or the geometry turns by other than quarter turns.
        """
        grid = np.asarray(values)
        if grid.ndim != 2:
            raise GateError("values", "(rows, columns)", f"shape {grid.shape}")
        inverse = np.linalg.inv(np.asarray(self.matrix, dtype=np.float64)[:, :2])
        straight, crossed = self._sides(inverse)
        if crossed.max() > straight.max():  # a quarter turn: rows of the grid run across the original
            grid, inverse = grid.T, inverse[:, ::-1]
        if inverse[0, 0] < 0:
            grid = grid[:, ::-1]
        if inverse[1, 1] < 0:
            grid = grid[::-1]
        (left, top, right, bottom) = self.boxes_to_original([[0, 0, *self.seen]])[0]
        rows, columns = grid.shape
        return Placed(grid, float(left), float(top), float((right - left) / columns), float((bottom - top) / rows))

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers for a manifest."""
        return {"original": self.original, "seen": self.seen, "matrix": self.matrix, "steps": self.steps}

    @classmethod
    def from_fields(cls, fields: "GeometryFields") -> "Geometry":
        """The geometry that a manifest describes."""
        return cls(fields.original, fields.seen, fields.matrix, fields.steps)

    def fits(self, width: int, height: int) -> bool:
        """Whether a picture of this size may be a smaller copy of the original: one scale brings both sides to within a pixel.

        >>> Geometry.of(1024, 683).fits(768, 512), Geometry.of(1024, 683).fits(683, 1024)
        (True, False)
        """
        pairs = list(zip((width, height), self.original, strict=True))
        return max((side - 1) / whole for side, whole in pairs) <= min((side + 1) / whole for side, whole in pairs)

    def check_drawable(self) -> None:
        """Raise `GateError` for a geometry on which no map can be drawn: slanted, outside the picture, or far too large."""
        self._sides(np.linalg.inv(np.asarray(self.matrix, dtype=np.float64)[:, :2]))
        left, top, right, bottom = self.boxes_to_original([[0, 0, *self.seen]])[0]
        width, height = self.original
        if not (left < width and top < height and right > 0 and bottom > 0):
            raise GateError("geometry", "an input that lies on the picture", "one beside it", field="matrix")
        most, sides = LIMITS["picture side"].most, (right - left, bottom - top)
        if not 1e-2 < min(sides) <= max(sides) <= most:
            got = f"{sides[0]:g} x {sides[1]:g}"
            raise GateError("geometry", f"an input of up to {most:,} pixels of the picture", got, field="matrix")

    def _sides(self, inverse: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """How much a pixel's width and height keep their directions, and how much they change them; one must be nothing."""
        straight, crossed = np.abs(inverse[[0, 1], [0, 1]]), np.abs(inverse[[0, 1], [1, 0]])
        if min(straight.max(), crossed.max()) > 1e-9:
            raise GateError("geometry", "quarter turns to lay a grid on a picture", shown(self.matrix), field="matrix")
        return straight, crossed
