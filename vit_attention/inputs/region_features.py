"""A set of regions as a captioning model wants it: one row of numbers a region, and where each region lies. numpy only.

AoANet has no grid of its own. Its regions are whatever the features say: boxes that a detector found (Anderson et al.
2018, arXiv:1707.07998, 10 to 100 of them) or the cells of a convolutional network's last layer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from vit_attention.gate import LIMITS, GateError, shown
from vit_attention.inputs.pictures import open_picture
from vit_attention.inputs.region_boxes import checked_boxes, plain_numbers
from vit_attention.networks.aoanet_options import BOX_NUMBERS, Options
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

FEWEST = 10
"""Regions that a detector leaves at least."""


@dataclass(frozen=True, eq=False)
class Features:
    """What a captioning model is given to see.

    Attributes:
        values: (regions, width), float32 and finite.
        grid: (rows, columns) if the regions are the cells of a grid in reading order, else None.
        boxes: (regions, 4) left, top, right, bottom in pixels of the model's input; NaN or None where nobody knows.
        geometry: from the original picture to the model's input; None without a picture.
        picture: the upright picture, or None.
        fc: (width,) features of the whole picture, for the few networks that want them.
        notes: what was done on the way, in sentences.
        treated: whether `values` are prepared for one network and need nothing more.
    """

    values: NDArray[np.float32]
    grid: tuple[int, int] | None = None
    boxes: NDArray[np.float64] | None = None
    geometry: Geometry | None = None
    picture: Image.Image | None = None
    fc: NDArray[np.float32] | None = None
    notes: tuple[str, ...] = ()
    treated: bool = False

    @property
    def axis(self) -> Axis:
        """What the keys of a map stand for. A set has no special token: row 0 is a region like any other."""
        if self.grid is not None:
            return Axis.patches(*self.grid)
        unknown = np.full((len(self.values), 4), np.nan)
        return Axis("regions", boxes=unknown if self.boxes is None else self.boxes)

    def region_boxes(self) -> NDArray[np.float64]:
        """(regions, 4) boxes in pixels of the model's input, of a grid as well; NaN where nobody knows."""
        if self.grid is not None and self.geometry is not None:
            return self.geometry.cells(self.grid)
        return np.full((len(self.values), 4), np.nan) if self.axis.boxes is None else self.axis.boxes

    def permuted(self, order: Sequence[int]) -> "Features":
        """The same set of regions in another order, each with its box; it is a grid no longer.

        >>> cells = Features(np.eye(4, dtype=np.float32), grid=(2, 2), geometry=Geometry.of(20, 20))
        >>> cells.permuted([3, 0, 1, 2]).boxes[0].tolist()
        [10.0, 10.0, 20.0, 20.0]
        """
        numbers = np.asarray(order, dtype=np.intp)
        if sorted(numbers.tolist()) != list(range(len(self.values))):
            raise ValueError(
                f"order: want every number from 0 to {len(self.values) - 1} once, got {numbers.tolist()[:8]}"
            )
        return replace(self, values=self.values[numbers], grid=None, boxes=self.region_boxes()[numbers])


def region_features(
    values: ArrayLike, boxes: ArrayLike | None = None, picture: Any = None, fc: ArrayLike | None = None
) -> Features:
    """Checked features; the notes say what was assumed.

    Args:
        values: (regions, width) of 10 to 100 regions, (rows, columns, width) of a grid, or either with a leading axis of 1.
        boxes: (regions, 4) left, top, right, bottom in pixels of the picture.
        picture: what the features were taken from, as `open_picture` takes it.
        fc: (width,) features of the whole picture.

    Raises:
        GateError: another shape or number of regions, a number that is not finite, or boxes that are no boxes of the picture.
        PictureError: the picture cannot be read.
    """
    notes: list[str] = []
    given = _one(_numbers(values, "features"), notes)
    grid = _grid(given, boxes, notes) if given.ndim == 3 else None
    cells = given.reshape(-1, given.shape[-1]) if given.ndim == 3 else given
    most = LIMITS["regions" if grid is None else "region cells"].most
    if cells.ndim != 2 or not (FEWEST if grid is None else 1) <= len(cells) <= most or not cells.shape[1]:
        raise GateError("features", LAYOUTS, shown(np.shape(values)))
    seen: dict[str, Any] = {}
    if picture is not None:
        opened = open_picture(picture)
        seen = {"geometry": Geometry.of(*opened.size_given), "picture": opened.image}
        notes = [*opened.notes, *notes]
    places = None
    if boxes is not None and grid is None:
        places = checked_boxes(boxes, len(cells), seen["geometry"].original if seen else None, notes)
    elif boxes is not None:
        notes.append("The boxes are left out: these features are a grid, whose cells have their places.")
    whole = None if fc is None else _numbers(fc, "fc").reshape(-1)
    return Features(cells, grid, places, fc=whole, notes=tuple(dict.fromkeys(notes)), **seen)


LAYOUTS = (
    f"(regions, width) of {FEWEST} to {LIMITS['regions'].most} regions or (rows, columns, width) of a grid of at most "
    f"{LIMITS['region cells'].most} cells"
)


def _grid(values: NDArray[np.float32], boxes: ArrayLike | None, notes: list[str]) -> tuple[int, int]:
    """(rows, columns) of features on three axes, which might also be several pictures."""
    rows, columns = values.shape[:2]
    if boxes is not None and np.shape(boxes)[:2] == (rows, columns):
        advice = f"If these are {rows} pictures of {columns} regions, give one: values[0] and boxes[0]."
        raise GateError("features", LAYOUTS, shown(values.shape), advice=advice)
    if rows != columns:
        notes.append(f"The first two axes are taken for a grid of {rows} rows and {columns} columns.")
    return rows, columns


def _one(values: NDArray[np.float32], notes: list[str]) -> NDArray[np.float32]:
    """Without a leading axis of 1: features come in batches, and no network has a grid of one row."""
    while values.ndim > 2 and len(values) == 1:
        values = values[0]
        notes.append("The leading axis of 1 is taken for a batch of one picture.")
    return values


def _numbers(values: ArrayLike, name: str) -> NDArray[np.float32]:
    given = plain_numbers(values, name)
    if given.dtype.kind != "f":
        way = "Convert them first: values.astype('float32')."
        raise GateError(name, "numbers of a float type", str(given.dtype), advice=way)
    LIMITS["feature numbers"].check(given.size, name)
    with np.errstate(over="ignore"):  # beyond float32 is infinity, and said below
        found = np.ascontiguousarray(given, dtype=np.float32)
    if not np.isfinite(found).all():
        raise GateError(name, "finite numbers within float32", "NaN, infinity, or some beyond")
    return found


def treated(found: Features, options: Options) -> Features:
    """`found` as the published data loader hands it to the network: `norm_att_feat`, `use_box` and `norm_box_feat`.

    With `use_box` every region's features end in its left, top, right and bottom as shares of the picture, and its area as
    a share. Features that are as wide as the network wants already are taken to have them.

    Raises:
        GateError: boxes are wanted and nobody knows them.
    """
    complete = bool(options.use_box) and found.values.shape[1] == options.att_feat_size
    if found.treated or complete or not (options.norm_att_feat or options.use_box):
        return found
    values = _unit(found.values) if options.norm_att_feat else found.values
    if options.use_box:
        places = _places(found)
        values = np.hstack([values, _unit(places) if options.norm_box_feat else places])
    return replace(found, values=np.ascontiguousarray(values, dtype=np.float32), treated=True)


def _unit(rows: NDArray[np.floating]) -> NDArray[np.floating]:
    """Every row divided by its length; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length == 0, 1, length))


def _places(found: Features) -> NDArray[np.float64]:
    """(regions, 5) left, top, right, bottom and area of every region, as shares of the picture."""
    boxes = found.region_boxes()
    if found.geometry is None or np.isnan(boxes).any():
        want = "a box for each region and the picture, or features that end in these " + f"{BOX_NUMBERS} numbers"
        advice = "This checkpoint was trained with each region's place beside its features (use_box)."
        raise GateError("boxes", want, "neither", advice=advice)
    corners = boxes / np.tile(found.geometry.seen, 2)
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    return np.hstack([corners, area[:, None]])
