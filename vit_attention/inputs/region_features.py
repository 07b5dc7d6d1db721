"""A set of regions as a captioning model wants it: one row of numbers a region, and where each region lies. numpy only.

AoANet has no grid of its own. Its regions are whatever the features say: boxes that a detector found (Anderson et al.
2018, arXiv:1707.07998, 10 to 100 of them) or the cells of a convolutional network's last layer.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from vit_attention.inputs.pictures import open_picture
from vit_attention.networks.aoanet_options import BOX_NUMBERS, Options
from vit_attention.records import Axis
from vit_attention.records.geometry import Geometry

FEWEST, MOST = 10, 100
"""Regions in a set."""

MOST_CELLS = 1024
"""Cells in a grid; the published grids have 14 x 14."""

LARGEST = 64 << 20
"""Bytes that a file of features may unpack to."""

NAMES = {
    "features": ("features", "feat", "att_feats", "x"),
    "boxes": ("boxes", "bbox", "box"),
    "picture": ("picture", "image"),
    "fc": ("fc", "fc_feats"),
}
"""What the parts may be called inside an .npz file; the first name found counts."""


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
    """Checked features.

    Args:
        values: (regions, width) of 10 to 100 regions, or (rows, columns, width) of a grid.
        boxes: (regions, 4) left, top, right, bottom in pixels of the picture.
        picture: what the features were taken from: PIL image, path, bytes or uint8 array.
        fc: (width,) features of the whole picture.

    Raises:
        ValueError: another shape or number of regions, a number that is not finite, or boxes outside the picture.
        PictureError: the picture cannot be read.
    """
    given = _numbers(values, "features")
    grid = (int(given.shape[0]), int(given.shape[1])) if given.ndim == 3 else None
    cells = given.reshape(-1, given.shape[-1]) if given.ndim in (2, 3) else given
    most = MOST if grid is None else MOST_CELLS
    if cells.ndim != 2 or not (FEWEST if grid is None else 1) <= len(cells) <= most or not cells.shape[1]:
        raise ValueError(
            f"features: want (regions, width) of {FEWEST} to {MOST} regions or (rows, columns, width) of a grid of at most "
            f"{MOST_CELLS} cells, got {given.shape}"
        )
    seen: dict[str, Any] = {}
    if picture is not None:
        opened = open_picture(picture)
        seen = {"geometry": Geometry.of(*opened.size_given), "picture": opened.image, "notes": opened.notes}
    size = seen["geometry"].original if seen else None
    places = None if boxes is None or grid is not None else _boxes(boxes, len(cells), size)
    return Features(cells, grid, places, fc=None if fc is None else _numbers(fc, "fc").reshape(-1), **seen)


def _numbers(values: ArrayLike, name: str) -> NDArray[np.float32]:
    given = np.asarray(values)
    if given.dtype.kind != "f":
        raise ValueError(f"{name}: want numbers of a float type, got {given.dtype}")
    if not np.isfinite(given).all():
        raise ValueError(f"{name}: want finite numbers, got NaN or infinity")
    return np.ascontiguousarray(given, dtype=np.float32)


def _boxes(boxes: ArrayLike, count: int, size: tuple[int, int] | None) -> NDArray[np.float64]:
    given = np.asarray(boxes, dtype=np.float64)
    if given.shape != (count, 4) or not np.isfinite(given).all():
        raise ValueError(f"boxes: want ({count}, 4) finite numbers, one row per region, got {given.shape}")
    if (given[:, 2:] <= given[:, :2]).any():
        raise ValueError("boxes: want left, top, right, bottom with right > left and bottom > top")
    # Detectors overshoot the rim by a pixel or two; boxes of a picture of another size overshoot by far more.
    if size is not None and (
        (given < -0.02 * max(size)).any() or (given[:, 2:].max(axis=0) > 1.02 * np.array(size) + 1).any()
    ):
        raise ValueError(
            f"boxes: want pixels of the picture, {size[0]} x {size[1]}, got up to {given.max(axis=0)[2:].tolist()}"
        )
    return given


def treated(found: Features, options: Options) -> Features:
    """`found` as the published data loader hands it to the network: `norm_att_feat`, `use_box` and `norm_box_feat`.

    With `use_box` every region's features end in its left, top, right and bottom as shares of the picture, and its area as
    a share. Features that are as wide as the network wants already are taken to have them.

    Raises:
        ValueError: boxes are wanted and nobody knows them.
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
        raise ValueError(
            f"boxes: this checkpoint was trained with each region's place beside its features (use_box): want a box for each "
            f"region and the picture, or features that end in these {BOX_NUMBERS} numbers, got neither"
        )
    corners = boxes / np.tile(found.geometry.seen, 2)
    area = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    return np.hstack([corners, area[:, None]])


def read_features(path: str | Path, picture: Any = None) -> Features:
    """The features in an .npz or .npy file; nothing in it is unpickled.

    An .npz may hold boxes, the picture (encoded bytes or (height, width, 3) uint8) and features of the whole picture
    beside the regions; see `NAMES` for what they may be called.

    Args:
        path: the file.
        picture: the picture they were taken from; goes before one inside the file.

    Raises:
        ValueError: no such file, no such array, or an array of the wrong kind; says what was wanted and what came.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"features: no such file: {path.name}")
    try:
        with path.open("rb") as stream:
            npz = path.suffix == ".npz"
            parts = _read_npz(stream) if npz else {"features": _read_array(stream, path.stat().st_size)}
        seen = parts.get("picture") if picture is None else picture
        # One-dimensional bytes are an encoded picture.
        seen = seen.tobytes() if isinstance(seen, np.ndarray) and seen.ndim == 1 else seen
        return region_features(parts["features"], parts.get("boxes"), seen, parts.get("fc"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error
    except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{path.name}: want an .npz or .npy file, got one that cannot be read ({error})") from error


def _read_npz(file: BinaryIO) -> dict[str, NDArray[Any]]:
    found = {}
    with zipfile.ZipFile(file) as archive:
        there = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
        for part, names in NAMES.items():
            name = next((name for name in names if name in there), None)
            if name is not None:
                with archive.open(there[name]) as stream:
                    found[part] = _read_array(stream, there[name].file_size)  # type: ignore[arg-type]
    if "features" not in found:
        raise ValueError(
            f"want an array called {', '.join(NAMES['features'])}, got {', '.join(sorted(there)[:8]) or 'none'}"
        )
    return found


def _read_array(stream: BinaryIO, size: int) -> NDArray[Any]:
    """One array of `size` bytes, header included; never makes room for more than the file holds."""
    if size > LARGEST:
        raise ValueError(f"want at most {LARGEST >> 20} MiB of features, got {size >> 20} MiB")
    version = npy_format.read_magic(stream)
    read_header = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    shape, by_columns, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("want plain numbers, got pickled objects, which could run code")
    count = int(np.prod(shape, dtype=object))
    if count * dtype.itemsize > size:
        raise ValueError("its header promises more than the file holds")
    flat = np.frombuffer(stream.read(count * dtype.itemsize), dtype, count)
    return flat.reshape(shape, order="F" if by_columns else "C")
