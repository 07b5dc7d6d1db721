from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from visualizer.figures.canvas import colour_bar, data_uri, fitting, layout_image
from visualizer.style.scale import symmetric


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


@pytest.mark.parametrize("given", [None, "cat.png", np.zeros((4, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused_in_a_sentence(given: Any) -> None:
    with pytest.raises(ValueError, match="image: want a picture of Pillow's"):
        fitting(given, None)


@pytest.mark.parametrize(
    ("most", "said"),
    [(0.684, ["-0.684", "-0.342", "0", "+0.342", "+0.684"]), (0.000342, ["-0.000342", "0", "+0.000342"])],
)
def test_long_numbers_of_a_colour_bar_leave_room_for_each_other(most: float, said: list[str]) -> None:
    bar = colour_bar(symmetric(np.array([[most]]), "fall"))
    assert bar["ticktext"] == said
    assert (bar["tickvals"][0], bar["tickvals"][-1]) == (-most, most)
