from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from visualizer.figures.canvas import data_uri, layout_image


def test_the_address_holds_a_small_jpeg_of_the_same_picture() -> None:
    image = Image.new("RGBA", (1000, 500), (200, 30, 60, 255))
    head, body = data_uri(image, 640).split(",")
    back = Image.open(io.BytesIO(base64.b64decode(body)))
    assert head == "data:image/jpeg;base64"
    assert (back.format, back.size) == ("JPEG", (640, 320))
    assert np.abs(np.asarray(back.convert("RGB")).mean(axis=(0, 1)) - (200, 30, 60)).max() < 4
    assert image.size == (1000, 500)


def test_the_layout_image_covers_the_original_from_its_upper_left_corner() -> None:
    placed = layout_image(Image.new("RGB", (64, 48)), 640, 480)
    assert [placed[k] for k in ("x", "y", "sizex", "sizey")] == [0, 0, 640, 480]
    assert (placed["xanchor"], placed["yanchor"], placed["sizing"]) == ("left", "top", "stretch")
