"""Features made into what a published captioning checkpoint was trained on, as its options say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vit_attention.inputs.region_features import Features
from vit_attention.networks.aoanet_options import BOX_NUMBERS, Options


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
