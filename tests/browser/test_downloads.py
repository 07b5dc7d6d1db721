"""Files against the screen: the colours of the patches in a PNG and a GIF, the frames of a film, the words on a drawing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

pytestmark = pytest.mark.browser

MAP = "playground?picture=scene-11&layer=8&opacity=1.0&fade=false"
SIDE = 14


def patches(drawn: Image.Image) -> NDArray[np.float64]:
    """(14, 14, 3) colours in the middle of each patch of a square map that lies at the top of white paper."""
    pixels = np.asarray(drawn.convert("RGB"), float)
    inked = (pixels < 250).any(axis=2)
    rows, columns = (np.flatnonzero(inked.mean(axis=axis) > 0.5) for axis in (1, 0))
    side = columns[-1] + 1 - columns[0]
    middles = ((np.arange(SIDE) + 0.5) / SIDE * side).astype(int)
    return pixels[np.ix_(rows[0] + middles, columns[0] + middles)]


def same(drawn: NDArray[np.float64], painted: NDArray[np.float64]) -> bool:
    """Whether almost all patches have the same colours; a few lie under an outline."""
    return bool((np.abs(drawn - painted).max(axis=2) < 12).mean() > 0.97)


def test_a_picture_has_the_colours_that_are_on_the_screen(visit: Any, tmp_path: Path) -> None:
    seen = visit(MAP)
    painted = seen.cells("playground_map")
    assert painted.std() > 10
    with Image.open(seen.save("Picture (PNG)", tmp_path)) as png:
        drawn = patches(png)
    assert same(drawn, painted)
    assert not same(drawn.transpose(1, 0, 2), painted)


def test_a_drawing_says_what_is_said_on_the_page(visit: Any, tmp_path: Path) -> None:
    seen = visit(MAP + "&head=3")
    root = ElementTree.fromstring(seen.save("Drawing (SVG)", tmp_path).read_text("utf-8"))
    written = " ".join(" ".join(root.itertext()).split())
    said = seen.page.locator("[data-testid=stCaptionContainer]", has_text=re.compile("^Layer 8, head 3")).first
    assert said.inner_text().rstrip(".").lower() in written.lower()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"


def test_a_film_has_a_frame_for_each_layer_in_the_colours_of_the_screen(visit: Any, tmp_path: Path) -> None:
    seen = visit(MAP + "&film=true&film_from=5&film_to=8&panel=files")
    painted = seen.cells("playground_film")  # begins at the chosen layer, the last of these
    with Image.open(seen.save("Film (GIF)", tmp_path)) as gif:
        frames = [patches(frame) for frame in ImageSequence.Iterator(gif)]
    assert len(frames) == 4
    assert [same(frame, painted) for frame in frames] == [False, False, False, True]


def test_the_film_of_a_lesson_has_the_layers_that_are_shown(visit: Any, tmp_path: Path) -> None:
    seen = visit("layers?layers_range=3-7&panel=files")
    with Image.open(seen.save("Animation (GIF)", tmp_path)) as gif:
        assert gif.n_frames == 5
