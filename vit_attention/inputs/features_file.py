"""Features of regions from .npz and .npy files, in which nothing is unpickled."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from vit_attention.gate import LIMITS, GateError, read_file, regular, shown
from vit_attention.gate.archive import Archive, npy_header, opened
from vit_attention.gate.refusal import reading
from vit_attention.inputs.pictures import PictureError
from vit_attention.inputs.region_features import Features, region_features

NAMES = {
    "features": ("features", "feat", "att_feats", "x"),
    "boxes": ("boxes", "bbox", "box"),
    "picture": ("picture", "image"),
    "fc": ("fc", "fc_feats"),
}
"""What the parts may be called inside an .npz file; the first name found counts."""

WANT = "an .npz or .npy file"


def read_features(path: str | Path, picture: Any = None) -> Features:
    """The features in an .npz or .npy file; nothing in it is unpickled.

    An .npz may hold boxes, the picture (encoded bytes or an array that `open_picture` takes) and features of the whole
    picture beside the regions; see `NAMES` for what they may be called.

    Args:
        path: the file.
        picture: the picture they were taken from; goes before one inside the file.

    Raises:
        GateError: no such file, no such array, or an array of the wrong kind; says what was wanted and what came.
        PictureError: the picture cannot be read.
    """
    path = Path(path)
    try:
        parts = _parts(path, wanted=NAMES.keys() - ({"picture"} if picture is not None else set()))
        seen = parts.get("picture") if picture is None else picture
        # One-dimensional bytes are an encoded picture.
        seen = seen.tobytes() if isinstance(seen, np.ndarray) and seen.ndim == 1 and seen.dtype == np.uint8 else seen
        return region_features(parts["features"], parts.get("boxes"), seen, parts.get("fc"))
    except GateError as error:
        if error.file == path.name:
            raise
        field = f"{error.file}: {error.field}" if error.field else error.file
        kind = PictureError if isinstance(error, PictureError) else GateError
        raise kind(path.name, error.want, error.got, field=field, advice=error.advice) from error


def _parts(path: Path, wanted: set[str]) -> dict[str, NDArray[Any]]:
    with regular(path, "features file").open("rb") as stream:
        packed = stream.read(2) == b"PK"
    if not packed:
        return {"features": _npy(read_file(path, "features file"), path.name)}
    with opened(path, WANT) as archive:
        there = {part: name for part in wanted for name in reversed(NAMES[part]) if name in archive.entries}
        if "features" not in there:
            got = ", ".join(sorted(archive.entries)[:8]) or "none"
            raise GateError(path.name, f"an array called {', '.join(NAMES['features'])}", shown(got))
        return {part: _bounded(archive, name, part) for part, name in there.items()}


def _bounded(archive: Archive, name: str, part: str) -> NDArray[Any]:
    """An array of the archive, once it is known to be no larger than such a part may be."""
    header = archive.header(name)
    if part == "picture":
        LIMITS["features file"].check(header.nbytes, archive.file, name)
    else:
        LIMITS["feature numbers"].check(int(np.prod(header.shape, dtype=object)), archive.file, name)
    return archive.array(name)


def _npy(data: bytes, file: str) -> NDArray[Any]:
    """The array in an .npy file, which is as large as the file."""
    with reading(file, WANT):
        shape, dtype, _ = npy_header(io.BytesIO(data))
        if dtype.hasobject:
            raise GateError(file, "plain numbers", "pickled objects, which could run code")
        LIMITS["feature numbers"].check(int(np.prod(shape, dtype=object)), file)
        return npy_format.read_array(io.BytesIO(data), allow_pickle=False)
