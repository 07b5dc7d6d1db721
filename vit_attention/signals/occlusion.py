"""Occlusion sensitivity: the fall of a class's score, or of a similarity, when a part of the picture is covered."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vit_attention.gate import GateError, shown
from vit_attention.signals.fills import plain
from vit_attention.signals.given import Again
from vit_attention.signals.parts import batches, in_patches
from vit_attention.signals.slope import chosen, counted, no_target

OF = ("pictures",)
AIMED = True


def run(
    again: Again, *, window: int, stride: int, fill: str, cover: str = "window", segments: int = 50
) -> NDArray[np.float32]:
    """(rows, columns) mean fall of the target's score over all covered parts that a patch lies in.

    Zeiler & Fergus 2014, arXiv:1311.2901, section 4.2, on the patches of the model instead of pixels. The last squares
    of a row or column end at the picture's edge, so that every patch is covered. Superpixels are those of SLIC (Achanta
    et al. 2012, doi:10.1109/TPAMI.2012.120); a patch has the mean over its pixels.

    Args:
        window: side of a square in patches.
        stride: steps between squares in patches, at most the window's side.
        fill: "mean", the mean of every channel over the prepared picture, or "zero".
        cover: "window" covers squares, "superpixels" parts of similar colour, each once.
        segments: about how many superpixels.

    Raises:
        ValueError: a square larger than the grid, steps that leave patches out, another fill, or no target.
    """
    chosen("occlusion", "fill", fill, ("mean", "zero"))
    chosen("occlusion", "cover", cover, ("window", "superpixels"))
    counted("occlusion", "segments", segments)
    if not (isinstance(window, int) and isinstance(stride, int)):
        raise GateError("occlusion", "whole numbers of patches", f"{shown(window)} and {shown(stride)}")
    if not 1 <= window <= min(again.grid) or not 1 <= stride <= window:
        raise GateError(
            "occlusion", f"a window of 1 to {min(again.grid)} patches and a stride up to it", f"{window} and {stride}"
        )
    if again.target is None:
        raise no_target("occlusion")
    pixels = again.ready.pixels
    colour = plain(pixels, fill)
    parts = _squares(again, window, stride) if cover == "window" else iter(superpixels(pixels, segments))
    before = float(again.scores(pixels)[0, again.target])
    total, weight = np.zeros(again.grid), np.zeros(again.grid)
    for some in batches(parts):
        after = again.scores(torch.cat([torch.where(part.to(pixels.device), colour, pixels) for part in some]))
        for part, scores in zip(some, after, strict=True):
            share = in_patches(part.double(), again.grid, again.patch).mean(dim=-1).numpy()
            total += share * (before - float(scores[again.target]))
            weight += share
    return (total / weight).astype(np.float32)


def _squares(again: Again, window: int, stride: int) -> Iterator[Tensor]:
    """(height, width) whether a pixel is covered, for every square."""
    (height, width), size = again.patch, again.ready.pixels.shape[-2:]
    for top in _starts(again.grid[0], window, stride):
        for left in _starts(again.grid[1], window, stride):
            part = torch.zeros(size, dtype=torch.bool)
            part[top * height : (top + window) * height, left * width : (left + window) * width] = True
            yield part


def _starts(side: int, window: int, stride: int) -> list[int]:
    return sorted({*range(0, side - window, stride), side - window})


def superpixels(pixels: Tensor, segments: int) -> list[Tensor]:
    """(height, width) whether a pixel is covered, for every superpixel of (1, channels, height, width) prepared pixels."""
    from skimage.segmentation import slic  # scipy and more, which no other run needs

    seen = pixels[0].cpu().double() if pixels.shape[1] == 3 else pixels[0].cpu().double().mean(0).expand(3, -1, -1)
    low, high = seen.min(), seen.max()
    # Prepared pixels are shifted and scaled by channel; SLIC compares colours, which it expects from 0 to 1.
    picture = ((seen - low) / (high - low if high > low else 1)).movedim(0, -1).numpy()
    labels = torch.from_numpy(np.asarray(slic(picture, n_segments=segments, start_label=0, channel_axis=-1)))
    return [labels == number for number in labels.unique()]
