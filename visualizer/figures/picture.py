"""The photograph under a map, small enough to send with every figure."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image

MAX_SIDE = 640
"""Longest side of the picture inside a figure, in pixels."""


def jpeg(image: Image.Image, max_side: int = MAX_SIDE, quality: int = 85) -> bytes:
    """`image` as JPEG bytes, shrunk so that no side is longer than `max_side` pixels."""
    small = image.convert("RGB")
    small.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=quality)
    return out.getvalue()


def data_uri(image: Image.Image, max_side: int = MAX_SIDE, quality: int = 85) -> str:
    """`image` as a JPEG `data:` address that needs no request.

    >>> data_uri(Image.new("RGB", (8, 8)))[:23]
    'data:image/jpeg;base64,'
    """
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(image, max_side, quality)).decode("ascii")


def layout_image(
    image: Image.Image, width: float, height: float, *, axes: tuple[str, str] = ("x", "y"), max_side: int = MAX_SIDE
) -> dict[str, Any]:
    """A Plotly layout image that covers x from 0 to `width` and y from 0 to `height` on a reversed y axis."""
    return {
        "source": data_uri(image, max_side),
        "xref": axes[0],
        "yref": axes[1],
        "x": 0,
        "y": 0,
        "sizex": width,
        "sizey": height,
        "xanchor": "left",
        "yanchor": "top",
        "sizing": "stretch",
        "layer": "below",
    }
